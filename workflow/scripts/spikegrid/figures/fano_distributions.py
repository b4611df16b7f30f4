"""Distribution of the Fano factor, as a multiple of 1 - p, over units and for each order of the images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.special import gammainc, gammaincinv

from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers
from spikegrid.rate_models import fit_gamma

FITTED = 4
"""Number of regimes up to which areas are filled and laws are drawn: more would hide each other."""

_LEAST_RATIO = 0.01
_BINS_PER_DECADE = 20
_COLUMN, _ROW = 54.0, 32.0
_NULL = {"color": style.INK, "linestyle": "-", "linewidth": 0.8}


@rc_context(style.RC)
def draw_fano_distributions(units: pd.DataFrame, regimes: Sequence[str], windows: int) -> Figure:
    """Draw F / (1 - p) of active units: rows of at most 3 layers, a column for each ``fano_ratio_{order}``.

    units: a row a unit and network, at the last epoch, with ``regime`` and ``reached_target``. windows: their number K.
    Units of all networks that reached their target are pooled. Of at most FITTED regimes a line shows the gamma law
    fitted to the units whose ratio is above 0. The null is that of a Bernoulli train, of which the K counts are nearly
    normal: F / (1 - p) ~ χ² / K with K - 1 degrees of freedom.
    """
    labels = labels_with_counts(units, regimes)
    looks = {regime: look for regime, look in style.regime_looks(regimes).items() if regime in labels}
    orders = [column.removeprefix("fano_ratio_") for column in units if column.startswith("fano_ratio_")]
    layers = shown_layers(units, limit=3)
    active = units[units["reached_target"] & (units["firing_rate"] > 0) & (units["firing_rate"] < 1)]
    edges = _edges(active[[f"fano_ratio_{order}" for order in orders]].to_numpy(), windows)
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 16 + _COLUMN * len(orders)))
    figure = style.new_figure(width, 22 + _ROW * len(layers))
    rows = figure.subplots(len(layers), len(orders), sharex=True, sharey="row", squeeze=False)
    letters = style.panel_letters()
    for layer, row in zip(layers, rows):
        of_layer = active[active["layer"] == layer]
        for order, axes in zip(orders, row):
            _draw_panel(axes, of_layer, f"fano_ratio_{order}", looks, edges, windows)
            title = f"{order.replace('_', '-')} order" if layer == layers[0] else ""
            style.name_panel(axes, next(letters), title, layer=layer, feature=f"fano_ratio_{order}")
        row[0].set_ylim(0, 1.08 * row[0].get_ylim()[1])  # room for the medians
        row[0].set_ylabel(f"{style.shortened(layer, 22)}\nshare of units")
    for axes in rows[-1]:
        axes.set_xlabel("Fano factor F / (1 − p)")
    keys = style.regime_keys(looks, labels, marker=True)
    keys.append(Line2D([], [], **_NULL, label=f"null: χ²/K, K = {windows}"))
    lines = "lines, gamma law fitted" if len(looks) <= FITTED else f"no laws: over {FITTED} regimes"
    style.legend_below(figure, keys, width, f"active units of n networks pooled; {lines}; markers, median")
    return figure


def _edges(ratios: np.ndarray, windows: int) -> np.ndarray:
    """Return edges of bins of equal width on a log axis, 1 among them, around the null and all ratios from 0.01 on."""
    null = np.maximum(2 * gammaincinv((windows - 1) / 2, [0.001, 0.999]) / windows, _LEAST_RATIO)
    shown = np.concatenate([ratios[ratios > 0], null]).clip(_LEAST_RATIO)
    first, last = np.log10([shown.min(), shown.max()]) * _BINS_PER_DECADE
    return 10 ** (np.arange(np.floor(first), np.ceil(last) + 1) / _BINS_PER_DECADE)


def _draw_panel(
    axes: Axes, units: pd.DataFrame, column: str, looks: dict[str, style.Look], edges: np.ndarray, windows: int
) -> None:
    places = np.geomspace(edges[0], edges[-1], 16 * len(edges))
    firing = units[units[column] > 0]
    for regime, look in looks.items():
        of_regime = firing[firing["regime"] == regime]
        values = of_regime[column].to_numpy()
        if len(values) == 0:
            continue
        shares = pd.DataFrame(
            {"from": edges[:-1], "to": edges[1:], "value": np.histogram(values, edges)[0] / len(values)}
        )
        pooled = {"regime": regime, "units": len(values), "n": of_regime["seed"].nunique()}
        steps = keep(axes, shares, drawn="share of units", **pooled)["value"]
        if len(looks) > FITTED:
            axes.stairs(steps, edges, color=look.color, linestyle=look.dashes, linewidth=1)
        else:
            axes.stairs(steps, edges, fill=True, color=look.color, alpha=0.15)
            axes.stairs(steps, edges, color=look.color, linewidth=0.5, alpha=0.7)
            scale = 2 * values.max()  # a scale family: fit_gamma takes rates, which are below 1
            law = fit_gamma(values / scale)
            if law.converged:
                expected = _share_per_bin(law.parameters["shape"], law.parameters["scale"] * scale, places)
                line = keep(axes, pd.DataFrame({"fano_ratio": places, "value": expected}), drawn="gamma law", **pooled)
                axes.plot(line["fano_ratio"], line["value"], color=look.color, linestyle=look.dashes)
        median = keep(axes, pd.DataFrame({"fano_ratio": [np.median(values)]}), drawn="median", **pooled)
        at_top = {"mew": 0, "transform": axes.get_xaxis_transform()}
        axes.plot(median["fano_ratio"], [0.96], look.marker, color=look.color, **at_top)
    if firing.empty:
        style.say(axes, "no active unit")
    expected = _share_per_bin((windows - 1) / 2, 2 / windows, places)
    null = keep(axes, pd.DataFrame({"fano_ratio": places, "value": expected}), drawn="null")
    axes.plot(null["fano_ratio"], null["value"], **_NULL)
    axes.axvline(1, color=style.PALE, linewidth=0.5, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if edges[-1] < 200 * edges[0] else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _share_per_bin(shape: float, scale: float, places: np.ndarray) -> np.ndarray:
    """Return the share that a gamma law expects in a bin of the histogram's width around each place on the log axis.

    χ² / K with K - 1 degrees of freedom is the gamma law of shape (K - 1) / 2 and scale 2 / K.
    """
    half = 10 ** (0.5 / _BINS_PER_DECADE)
    return gammainc(shape, places * half / scale) - gammainc(shape, places / half / scale)
