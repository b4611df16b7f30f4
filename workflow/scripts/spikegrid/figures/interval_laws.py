"""Inter-spike intervals of the last layer against the geometric and the exponential law, regime by regime."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers

REGIMES = 4
"""How many regimes are shown at most."""

TAIL = 10
"""A quantile is shown where at least so many intervals are longer."""

_BINS_PER_DECADE = 10
_COLUMN, _ROW = 43.0, 40.0
_GEOMETRIC = {"color": style.INK, "linestyle": "-", "linewidth": 0.8}
_EXPONENTIAL = {"color": style.INK, "linestyle": (0, (4, 2)), "linewidth": 0.8}
_CONTRAST = {"color": style.INK, "marker": "o", "mfc": "none", "mew": 0.6, "ms": 3, "linestyle": ""}


@rc_context(style.RC)
def draw_interval_laws(histograms: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw for at most REGIMES regimes the intervals of the last layer and, below, their quantiles against the laws'.

    histograms: a row for each network, layer, order and interval, as the observable ``intervals`` gives them, with
    ``regime`` and ``reached_target``. Counts are summed over the networks that reached their target. Beside the random
    order stands the class-blocked one or, where a regime lacks it, the given one. A unit has as many intervals in every
    order, so that the laws are the same.
    """
    looks, labels = style.regime_looks(regimes), labels_with_counts(histograms, regimes)
    shown, left_out = list(labels)[:REGIMES], list(labels)[REGIMES:]
    layer = shown_layers(histograms)[-1]
    of_layer = histograms[(histograms["layer"] == layer) & histograms["reached_target"]]
    with_order = of_layer.groupby("order")["regime"].nunique()
    in_all = with_order.index[with_order == of_layer["regime"].nunique()]
    contrast = next((order for order in ("class_blocked", "given") if order in in_all), None)
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 14 + _COLUMN * len(shown)))
    figure = style.new_figure(width, 24 + 2 * _ROW)
    above, below = figure.subplots(2, len(shown), sharex="row", sharey="row", squeeze=False)
    pooled = {regime: _pooled(of_layer[of_layer["regime"] == regime]) for regime in shown}
    networks = of_layer.groupby("regime")["seed"].nunique()
    letters = style.panel_letters()
    for row, draw in ((above, _draw_histogram), (below, _draw_quantiles)):
        for regime, axes in zip(shown, row):
            axes.set(xscale="log", yscale="log")
            if len(pooled[regime]):
                draw(axes, pooled[regime], looks[regime], contrast)
            else:
                style.say(axes, "no interval in\na network that\nreached its target")
            title = style.shortened(regime, 24) if row is above else ""
            style.name_panel(axes, next(letters), title, regime=regime, layer=layer, n=networks.get(regime, 0))
    for axes in above:
        axes.set_xlabel("interval (images)")
    for axes in below:
        axes.set_xlabel("quantile of the law (images)")
    limit = 1.5 * max(2, *map(len, pooled.values()))
    orders = ["random", contrast] if contrast else ["random"]
    rarest = min((_shares(counts)[orders].min().min() for counts in pooled.values() if len(counts)), default=0.1)
    above[0].set(xlim=(0.7, limit), ylim=(rarest / 3, 2), ylabel="share of intervals per image")
    below[0].set(xlim=(0.7, limit), ylim=(0.7, limit))
    below[0].set_ylabel("observed quantile (images)")
    keys = style.regime_keys({r: looks[r] for r in shown}, labels, marker=True)
    for key in keys:
        key.set_linestyle("")
    note = f"; not shown: {', '.join(style.shortened(regime, 20) for regime in left_out)}" if left_out else ""
    style.legend_below(figure, [*keys, *_keys(contrast)], width, f"{layer}; coloured markers, random order{note}")
    return figure


def _pooled(histograms: pd.DataFrame) -> pd.DataFrame:
    """Return by interval, 1 to the longest, the numbers observed in each order and expected, networks summed.

    The laws of a network are those of its longest table: where an order has no interval so long its own table ends.
    """
    laws = histograms.groupby(["seed", "interval"])[["geometric", "exponential"]].max().groupby("interval").sum()
    observed = histograms.pivot_table(index="interval", columns="order", values="observed", aggfunc="sum")
    longest = int(histograms["interval"].max()) if len(histograms) else 0
    return pd.concat([observed, laws], axis=1).reindex(range(1, longest + 1)).fillna(0.0)


def _shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Return shares of all intervals for an image of length, averaged over bins, by the middle of the bin; no zeros."""
    edges = _edges(len(counts))
    shares = np.add.reduceat(counts.to_numpy(), edges[:-1] - 1) / np.diff(edges)[:, None] / counts["random"].sum()
    middles = np.sqrt(edges[:-1] * (edges[1:] - 1.0))
    return pd.DataFrame(shares, index=middles, columns=counts.columns).replace(0, np.nan)


def _draw_histogram(axes: Axes, counts: pd.DataFrame, look: style.Look, contrast: str | None) -> None:
    shares = _shares(counts)
    for law, how in (("exponential", _EXPONENTIAL), ("geometric", _GEOMETRIC)):
        _draw_shares(axes, shares[law], how, drawn="expected share", law=law)
    for order, how in _orders(look, contrast):
        _draw_shares(axes, shares[order], how, drawn="observed share", order=order)


def _draw_shares(axes: Axes, shares: pd.Series, how: dict, **names: str) -> None:
    shown = keep(axes, shares.rename("value").rename_axis("interval").reset_index(), **names)
    axes.plot(shown["interval"], shown["value"], **how)


def _orders(look: style.Look, contrast: str | None) -> list[tuple[str, dict]]:
    """Return the orders of images that are drawn, and how."""
    random = {"linestyle": "", "marker": look.marker, "color": look.color, "ms": 3, "mew": 0}
    return [*([(contrast, _CONTRAST)] if contrast else []), ("random", random)]


def _edges(longest: int) -> np.ndarray:
    """Return the first lengths of bins, whole numbers, nearly equal on a log axis, and one beyond the longest."""
    number = int(np.ceil(np.log10(longest + 1) * _BINS_PER_DECADE)) + 1
    return np.unique(np.geomspace(1, longest + 1, max(number, 2)).round().astype(int))


def _draw_quantiles(axes: Axes, counts: pd.DataFrame, look: style.Look, contrast: str | None) -> None:
    places = _edges(len(counts))[1:] - 1
    axes.axline((1, 1), (10, 10), **_GEOMETRIC)
    of_geometric = [(order, "geometric", how) for order, how in _orders(look, contrast)]
    for order, law, how in [("random", "exponential", _EXPONENTIAL), *of_geometric]:
        expected, observed = _quantiles(counts[order], counts[law], places)
        table = pd.DataFrame({"quantile_of_law": expected, "value": observed})
        shown = keep(axes, table, drawn="observed quantile", order=order, law=law)
        axes.plot(shown["quantile_of_law"], shown["value"], **how)


def _quantiles(observed: pd.Series, law: pd.Series, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantile of the law at the probability of each observed length that TAIL intervals outlast.

    Between whole lengths ln of the share that is longer is a line, as for one geometric law.
    """
    number = observed.sum()
    longer, expected = (np.round(number - values.cumsum(), 6) for values in (observed, law))
    lengths, depths = [0, *expected.index[expected > 0]], -np.log([1, *(expected[expected > 0] / number)])
    places = places[longer[places] >= TAIL]
    return np.interp(-np.log(longer[places] / number), depths, lengths, right=np.nan), places


def _keys(contrast: str | None) -> list[Line2D]:
    keys = [
        Line2D([], [], **_GEOMETRIC, label="geometric law (Bernoulli)"),
        Line2D([], [], **_EXPONENTIAL, label="exponential law (Poisson)"),
    ]
    if contrast:
        keys.insert(0, Line2D([], [], **_CONTRAST, label=f"{contrast.replace('_', '-')} order"))
    return keys
