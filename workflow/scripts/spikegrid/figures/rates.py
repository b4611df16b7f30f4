"""Distribution of firing rates over units, for one dataset and architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikegrid.figures import style
from spikegrid.figures.networks import labels_with_counts, shown_layers

BINS = np.linspace(0, 1, 26)

_FILLED = 4
"""Number of regimes up to which areas are filled: more would hide each other."""

_COLUMN, _ROW = 52.0, 40.0


@rc_context(style.RC)
def draw_rates(units: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw for at most 4 layers the rates of the units that fire sometimes, and below it the shares of the others.

    units: a row a unit and network, at the last epoch, with ``regime`` and ``reached_target``. Units of all networks
    that reached their target are pooled; shares of dead and always-on units are means and ranges over networks.
    """
    looks = style.regime_looks(regimes)
    labels = labels_with_counts(units, regimes)
    layers = shown_layers(units)
    shares = _silent_shares(units[units["reached_target"]])
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 20 + _COLUMN * len(layers)))
    strip = 10 + 3.0 * len(labels)
    figure = style.new_figure(width, _ROW + strip + 22)
    panels = figure.subplots(2, len(layers), sharex="row", sharey="row", squeeze=False, height_ratios=[_ROW, strip])
    for layer, (above, below), letter in zip(layers, panels.T, style.panel_letters()):
        of_layer = units[(units["layer"] == layer) & units["reached_target"]]
        _draw_distribution(above, of_layer, looks)
        _draw_shares(below, shares[shares["layer"] == layer], looks, list(labels))
        style.name_panel(above, letter, style.shortened(layer, 26))
    panels[0, 0].set_ylim(bottom=0)
    widest = max(0.05, shares["share"].max())
    panels[1, 0].set_xlim(-0.04 * widest, 1.04 * widest)
    panels[0, 0].set_ylabel("share of units\nwith 0 < rate < 1")
    style.legend_below(
        figure,
        style.regime_keys(looks, labels, marker=True),
        width,
        "units of n networks pooled; below, mean and range over networks",
    )
    return figure


def _silent_shares(units: pd.DataFrame) -> pd.DataFrame:
    """Return the share of dead and of always-on units in each layer of each network."""
    silent = pd.DataFrame({"dead": units["firing_rate"] == 0, "always on": units["firing_rate"] == 1})
    keys = [units[key] for key in ("layer", "regime", "seed")]
    return silent.groupby(keys).mean().melt(ignore_index=False, var_name="state", value_name="share").reset_index()


def _draw_distribution(axes: Axes, units: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    for regime, look in looks.items():
        rates = units.loc[units["regime"] == regime, "firing_rate"]
        firing = rates[(rates > 0) & (rates < 1)]
        if len(firing):
            shares = np.histogram(firing, BINS)[0] / len(firing)
            if len(looks) <= _FILLED:
                axes.stairs(shares, BINS, fill=True, color=look.color, alpha=0.12)
            axes.stairs(shares, BINS, color=look.color, linestyle=look.dashes, linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_xlabel("firing rate (spikes per image)")


def _draw_shares(axes: Axes, shares: pd.DataFrame, looks: dict[str, style.Look], regimes: list[str]) -> None:
    sns.pointplot(
        shares,
        x="share",
        y="state",
        hue="regime",
        order=["dead", "always on"],
        hue_order=regimes,
        palette=[looks[regime].color for regime in regimes],
        markers=[looks[regime].marker for regime in regimes],
        linestyle="none",
        errorbar=("pi", 100),
        err_kws={"linewidth": 0.8},
        markersize=3.2,
        markeredgewidth=0,
        dodge=0.6 if len(regimes) > 1 else False,
        legend=False,
        ax=axes,
    )
    axes.set_xlabel("share of units")
    axes.set_ylabel("")
