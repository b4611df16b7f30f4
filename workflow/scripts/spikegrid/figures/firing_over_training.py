"""Firing rates and Fano factors over training, for all networks of a grid in one figure."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spikegrid.figures import style
from spikegrid.figures.cells import cells_of, labels_with_counts_per_point, last_layer, of_cell
from spikegrid.figures.curves import Interval, bootstrap_of_mean, draw_curve, epoch_axis
from spikegrid.figures.data import Figure

PANELS = {
    "firing_rate_mean": "mean firing rate\n(spikes per image)",
    "firing_rate_variance": "variance of rates\nover units",
    "fano_factor_mean_random": "mean Fano factor,\nrandom order",
    "fano_factor_variance_random": "variance of Fano\nfactors, random order",
    "fano_ratio_mean_class_blocked": "mean F / (1 − p),\nclass-blocked order",
}
"""Features in columns and what stands above them."""

_PAGE, _MARGINS, _ROW, _LEAST_ROW = 230.0, 30.0, 32.0, 14.0
_PANEL_WIDTH = 35.0
_CHARACTER = 1.3


@rc_context(style.RC)
def draw_firing_over_training(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw rows of datasets and architectures; columns of those of PANELS that were measured, in the last layer.

    features: the tidy table of one observable, with ``reached_target``. Lines are means over the networks of a kind
    that reached their target, bands bootstrap intervals of that mean; a regime without training is a level line. Each
    panel has its own scale. Rows shrink so that up to 14 of them fit a page; more make the figure taller.
    """
    looks = style.regime_looks(regimes)
    shown = last_layer(features)
    shown = shown[shown["feature"].isin(list(PANELS)) & shown["regime"].isin(regimes)]
    cells, names = cells_of(shown), [name for name in PANELS if (shown["feature"] == name).any()]
    if not cells:
        return style.empty_figure("no firing rate of a layer was measured")
    height = min(_ROW, max(_LEAST_ROW, (_PAGE - _MARGINS) / len(cells)))
    width = max(style.HALF_WIDTH, min(style.FULL_WIDTH, 10 + _PANEL_WIDTH * len(names)))
    figure = style.new_figure(width, _MARGINS + height * len(cells))
    rows = figure.subplots(len(cells), len(names), sharex=True, squeeze=False)
    interval, last = bootstrap_of_mean(confidence, resamples), int(shown["epoch"].max())
    letters = style.panel_letters()
    for cell, row in zip(cells, rows):
        values = of_cell(shown[shown["reached_target"]], cell)
        for name, axes in zip(names, row):
            _draw_panel(axes, values[values["feature"] == name], looks, interval)
            epoch_axis(axes, last)
            axes.label_outer(remove_inner_ticks=False)
            axes.tick_params(labelleft=True)
            title = PANELS[name] if cell == cells[0] else ""
            layer = values["layer"].iloc[0] if len(values) else None
            shows = {"dataset": cell[0], "architecture": cell[1], "layer": layer, "feature": name}
            style.name_panel(axes, next(letters), title, **shows)
        label = "\n".join(style.shortened(name, int(height / _CHARACTER)) for name in cell)
        row[0].set_ylabel(label, fontsize=7 if height == _ROW else 6)
    keys = style.regime_keys(looks, labels_with_counts_per_point(shown, "regime", regimes), marker=True)
    title = f"mean and {100 * confidence:.3g} % bootstrap interval over n networks of a row"
    style.legend_below(figure, keys, width, title)
    figure.align_ylabels(rows[:, 0])
    return figure


def _draw_panel(axes: Axes, values: pd.DataFrame, looks: dict[str, style.Look], interval: Interval) -> None:
    for regime, look in looks.items():
        of_regime = values[values["regime"] == regime].pivot(index="epoch", columns="seed", values="value")
        if len(of_regime):
            draw_curve(axes, of_regime, regime, look, interval, markers=True)
    if values["value"].notna().any():
        axes.yaxis.set_major_locator(MaxNLocator(3))
    else:
        style.say(axes, "undefined")
        axes.set_yticks([])
