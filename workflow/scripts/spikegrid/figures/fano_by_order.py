"""The Fano factor over that of a Bernoulli train, by the order in which images are presented."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from spikegrid.figures import style
from spikegrid.figures.cells import cells_of, labels_with_counts_per_point, last_layer, of_cell
from spikegrid.figures.curves import Interval, bootstrap_of_mean, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.tables import at_last_epoch

ORDERS = {"random": "random\n(control)", "class_blocked": "class-\nblocked", "given": "given"}
"""Orders of images and the words below them."""

_FEATURE = "fano_ratio_mean_"
_COLUMNS, _PANEL_WIDTH, _PANEL_HEIGHT = 4, 44.0, 40.0
_SPREAD, _BESIDE = 0.72, 0.3
_WIDE = 6.0


@rc_context(style.RC)
def draw_fano_by_order(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw a panel for each dataset and architecture: F / (1 − p) of the last layer at the last epoch, by order.

    features: the tidy table of one observable, with ``reached_target`` and features ``fano_ratio_mean_{order}``, means
    over the units of a layer. Small points are networks that reached their target, large ones their mean with its
    bootstrap interval; there is no mean where the value of a network is undefined. All panels have one scale,
    logarithmic where values lie far apart.
    """
    looks = style.regime_looks(regimes)
    orders = [order for order in ORDERS if (features["feature"] == f"{_FEATURE}{order}").any()]
    shown = at_last_epoch(last_layer(features))
    shown = shown[shown["feature"].isin([f"{_FEATURE}{order}" for order in orders]) & shown["regime"].isin(regimes)]
    cells = cells_of(shown)
    if not cells:
        return style.empty_figure("no Fano factor of a layer was measured")
    columns = min(len(cells), _COLUMNS)
    rows = -(-len(cells) // columns)
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 14 + _PANEL_WIDTH * columns))
    figure = style.new_figure(width, 21 + _PANEL_HEIGHT * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    interval = bootstrap_of_mean(confidence, resamples)
    for axes, cell, letter in zip(panels.flat, cells, style.panel_letters()):
        values = of_cell(shown, cell)
        _draw_panel(axes, values[values["reached_target"]], orders, looks, interval)
        names, layer = f"{style.shortened(cell[0], 13)}, {style.shortened(cell[1], 10)}", values["layer"].iloc[0]
        shows = {"dataset": cell[0], "architecture": cell[1], "layer": layer}
        style.name_panel(axes, letter, f"{names}\n{style.shortened(layer, 30)}", **shows)
        axes.set_xticks(range(len(orders)), [ORDERS[order] for order in orders])
        axes.tick_params(axis="x", length=0)
        axes.tick_params(labelbottom=True)
    for axes in panels.flat[len(cells) :]:
        axes.set_axis_off()
    for column in panels.T:
        [axes for axes in column if axes.axison][-1].set_xlabel("order of images")
    for axes in panels[:, 0]:
        axes.set_ylabel("F / (1 − p), mean over units")
    values = shown.loc[shown["reached_target"], "value"]
    panels[0, 0].set_xlim(-0.5, len(orders) - 0.5)
    _scale(panels[0, 0], values[np.isfinite(values)])
    keys = _keys(looks, labels_with_counts_per_point(shown, "regime", regimes))
    title = f"small: networks; large: mean, {100 * confidence:.3g} % bootstrap interval; n networks a panel"
    style.legend_below(figure, keys, width, title)
    return figure


def _draw_panel(
    axes: Axes, values: pd.DataFrame, orders: list[str], looks: dict[str, style.Look], interval: Interval
) -> None:
    axes.axhline(1, color=style.INK, linewidth=0.6, zorder=0)
    if not values["value"].notna().any():
        style.say(axes, "undefined")
    for place in range(1, len(orders)):
        axes.axvline(place - 0.5, color="0.88", linewidth=0.6, zorder=0)
    lane = _SPREAD / len(looks)
    for number, (regime, look) in enumerate(looks.items()):
        for place, order in enumerate(orders):
            of_order = values[(values["regime"] == regime) & (values["feature"] == f"{_FEATURE}{order}")]
            if len(of_order):
                center = place + (number - (len(looks) - 1) / 2) * lane
                points = keep(axes, of_order[["regime", "seed", "feature", "value"]], drawn="network")
                _draw_networks(axes, center - _BESIDE * lane, points["value"], look)
                of_networks = of_order.pivot(index="feature", columns="seed", values="value")
                mean = keep(axes, mean_over_networks(of_networks, interval), regime=regime)
                _draw_mean(axes, center + _BESIDE * lane, mean, look)


def _draw_networks(axes: Axes, x: float, values: pd.Series, look: style.Look) -> None:
    outline = {"markerfacecolor": "none", "markeredgewidth": 0.5, "markersize": 2.2}
    axes.plot(np.full(len(values), x), values, linestyle="", marker=look.marker, color=look.color, **outline)


def _draw_mean(axes: Axes, x: float, mean: pd.DataFrame, look: style.Look) -> None:
    axes.vlines(x, mean["low"], mean["high"], color=look.color, linewidth=1)
    axes.plot([x], mean["value"], linestyle="", marker=look.marker, color=look.color, markersize=3.4)


def _scale(axes: Axes, values: pd.Series) -> None:
    """Let the axis be logarithmic where values lie far apart, linear from 0 where they do not."""
    if len(values) and values.min() > 0 and values.max() > _WIDE * values.min():
        axes.set_yscale("log")
        axes.set_ylim(0.8 * min(values.min(), 1), 1.25 * values.max())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_ylim(0, 1.08 * max(values.max() if len(values) else 1, 1))


def _keys(looks: dict[str, style.Look], labels: dict[str, str]) -> list[Line2D]:
    points = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle="", markersize=3.4, label=labels[regime])
        for regime, look in looks.items()
        if regime in labels
    ]
    return [*points, Line2D([], [], color=style.INK, linewidth=0.6, label="Bernoulli train: F = 1 − p")]
