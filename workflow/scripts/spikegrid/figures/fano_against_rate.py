"""Fano factor against firing rate, unit by unit, for one dataset and architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers
from spikegrid.randomness import derived_seed

POINTS = 5000
"""How many units a panel shows at most."""

_BINS, _LEAST_UNITS = np.linspace(0, 1, 11), 10
_COLUMN, _ROW = 52.0, 42.0


@rc_context(style.RC)
def draw_fano_against_rate(units: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw for at most 4 layers F against the rate p, and below it F / (1 - p).

    Both are in the random order, the control; a third row shows F / (1 - p) in the class-blocked order, on a log axis,
    where the table has it. Means of the ratio are in bins of p that hold at least 10 units of a regime. units: a row a
    unit and network, at the last epoch, with ``regime`` and ``reached_target``. Units of all networks that reached
    their target are pooled; a panel of more than POINTS units shows a random sample, its means are of all. The lines
    are those of a Poisson train, F = 1, and of a Bernoulli train, F = 1 - p.
    """
    looks = style.regime_looks(regimes)
    layers = shown_layers(units)
    ratios = [column for column in ("fano_ratio_random", "fano_ratio_class_blocked") if column in units]
    columns = ["fano_factor_random", *ratios]
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 16 + _COLUMN * len(layers)))
    figure = style.new_figure(width, len(columns) * _ROW + 18)
    panels = figure.subplots(len(columns), len(layers), sharex=True, sharey="row", squeeze=False)
    letters = style.panel_letters()
    for row, column in zip(panels, columns):
        for layer, axes in zip(layers, row):
            title = style.shortened(layer, 26) if column == columns[0] else ""
            style.name_panel(axes, next(letters), title, layer=layer, feature=column)
    for layer, of_column in zip(layers, panels.T):
        of_layer = units[(units["layer"] == layer) & units["reached_target"] & units["fano_factor_random"].notna()]
        sample = of_layer.sample(min(POINTS, len(of_layer)), random_state=derived_seed("fano", layer) % 2**32)
        for axes, column in zip(of_column, columns):
            _draw_units(axes, sample, column, looks)
            if column in ratios:
                axes.axhline(1, **_BERNOULLI)
                _draw_means(axes, of_layer, column, looks)
        above = of_column[0]
        above.axhline(1, **_POISSON)
        above.plot([0, 1], [1, 0], **_BERNOULLI)
        above.text(1, 0.97, _drawn(sample, of_layer), transform=above.transAxes, ha="right", va="top", fontsize=6)
        of_column[-1].set_xlabel("firing rate p (spikes per image)")
    for row, label in zip(panels[:, 0], ("F, random order", "F / (1 − p), random order", "F / (1 − p), class-blocked")):
        row.set_ylabel(label)
    for row in panels[:2, 0]:
        row.set_ylim(0, None)
    for row in panels[2:, 0]:
        row.set_yscale("log")
        row.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    panels[0, 0].set_xlim(-0.02, 1.02)
    keys = [*style.regime_keys(looks, labels_with_counts(units, regimes), marker=True), *_null_keys()]
    style.legend_below(figure, keys, width)
    figure.align_ylabels()
    return figure


def _draw_units(axes: Axes, sample: pd.DataFrame, column: str, looks: dict[str, style.Look]) -> None:
    points = sample[["regime", "seed", "unit", "firing_rate", column]].rename(columns={column: "value"})
    points = keep(axes, points, drawn="unit")
    axes.scatter(
        points["firing_rate"],
        points["value"],
        c=points["regime"].map({regime: look.color for regime, look in looks.items()}),
        s=np.clip(4000 / max(len(sample), 1), 1.5, 6),
        alpha=0.4,
        lw=0,
        rasterized=True,
    )


_POISSON = {"color": style.INK, "linestyle": "--", "linewidth": 0.8}
_BERNOULLI = {"color": style.INK, "linestyle": "-", "linewidth": 0.8}


def _null_keys() -> list[Line2D]:
    return [
        Line2D([], [], **_POISSON, label="Poisson, F = 1"),
        Line2D([], [], **_BERNOULLI, label="Bernoulli, F = 1 − p"),
    ]


def _draw_means(axes: Axes, units: pd.DataFrame, column: str, looks: dict[str, style.Look]) -> None:
    for regime, look in looks.items():
        of_regime = units[units["regime"] == regime].dropna(subset=column)
        bins = pd.cut(of_regime["firing_rate"], _BINS, include_lowest=True)
        binned = of_regime.groupby(bins, observed=True)
        means = binned.agg(
            firing_rate=("firing_rate", "mean"), units=(column, "size"), value=(column, "mean"), n=("seed", "nunique")
        )
        means = keep(axes, means[means["units"] >= _LEAST_UNITS], drawn="mean over units", regime=regime)
        axes.plot(means["firing_rate"], means["value"], color=look.color, ls=look.dashes, marker=look.marker)


def _drawn(sample: pd.DataFrame, units: pd.DataFrame) -> str:
    return f"{len(units):,} units" if len(sample) == len(units) else f"{len(sample):,} of {len(units):,} units"
