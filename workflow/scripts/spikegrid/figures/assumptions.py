"""Which assumptions of a stochastic process hold: shares of units that pass each test, for each order of the images."""

import re
from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from spikegrid.figures import style
from spikegrid.figures.curves import mean_over_networks, value_range
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers
from spikegrid.tables import at_last_epoch

PAPER = "poisson_dispersion"
"""The test that fails in any order, and stands apart."""

_COLUMN, _REGIME, _GAP, _LEAST_ROW = 42.0, 1.9, 2.6, 6.4


@rc_context(style.RC)
def draw_assumptions(features: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw ``{test}_passing_{order}`` of the last layer at the last epoch: rows of tests, columns of orders.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. Points are
    means over the networks that reached their target and have a unit that the test admits, bars their range. The test
    of Poisson counts stands apart below the tests of a Bernoulli process.
    """
    looks, labels = style.regime_looks(regimes), labels_with_counts(features, regimes)
    layer = shown_layers(features)[-1]
    shares = _final_shares(features[(features["layer"] == layer) & features["reached_target"]])
    tests, orders = _tests_and_orders(features)
    groups = [group for group in ([t for t in tests if t != PAPER], [t for t in tests if t == PAPER]) if group]
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 40 + _COLUMN * len(orders)))
    step = max(_LEAST_ROW, _GAP + _REGIME * len(labels))
    figure = style.new_figure(width, 26 + step * len(tests) + 6 * (len(groups) - 1))
    rows = figure.subplots(
        len(groups), len(orders), sharex=True, sharey="row", squeeze=False, height_ratios=[len(g) for g in groups]
    )
    letters = style.panel_letters()
    for group, row in zip(groups, rows):
        for order, axes in zip(orders, row):
            _draw_panel(axes, shares[shares["order"] == order], group, list(labels), looks)
            title = f"{order.replace('_', '-')} order" if group is groups[0] else ""
            style.name_panel(axes, next(letters), title, layer=layer, order=order)
    for axes in rows[-1]:
        axes.set_xlabel("share of tested units that pass")
    keys = style.regime_keys(looks, labels, marker=True)
    for key in keys:
        key.set_linestyle("-")
    style.legend_below(figure, keys, width, f"{layer}; mean and range over n networks")
    return figure


def _tests_and_orders(features: pd.DataFrame) -> tuple[list[str], list[str]]:
    pairs = features["feature"].drop_duplicates().str.extract(r"^(?P<test>.+)_passing_(?P<order>.+)$").dropna()
    return list(dict.fromkeys(pairs["test"])), list(dict.fromkeys(pairs["order"]))


def _final_shares(features: pd.DataFrame) -> pd.DataFrame:
    """Return test, order, regime, seed and value of the last epoch of each network."""
    final = at_last_epoch(features)
    names = final["feature"].str.extract(r"^(?P<test>.+)_passing_(?P<order>.+)$")
    return pd.concat([names, final[["regime", "seed", "value"]]], axis=1).dropna(subset="test")


def _label(test: str) -> str:
    """Return the name of a test in words, a dash between the names of its two authors."""
    return fill(re.sub(r"\b([A-Z]\w+) (?=[A-Z])", r"\1–", style.feature_label(test)).replace("chi square", "χ²"), 22)


def _draw_panel(
    axes: Axes, shares: pd.DataFrame, tests: list[str], regimes: list[str], looks: dict[str, style.Look]
) -> None:
    axes.axvline(1, color=style.PALE, linewidth=0.8, zorder=0)
    offsets = (np.arange(len(regimes)) - (len(regimes) - 1) / 2) * 0.7 / max(len(regimes), 1)
    for place, test in enumerate(tests):
        if place:
            axes.axhline(place - 0.5, color="0.92", linewidth=0.5, zorder=0)
        of_test = shares[shares["test"] == test].dropna(subset="value")
        if of_test.empty:
            axes.text(0.5, place, "no unit tested", ha="center", va="center", color="0.45", style="italic")
            continue
        for regime, offset in zip(regimes, offsets):
            values, look = of_test[of_test["regime"] == regime], looks[regime]
            if values.empty:
                axes.text(0.5, place + offset, "no unit tested", ha="center", va="center", color=look.color, fontsize=5)
                continue
            values = values.pivot(index="test", columns="seed", values="value")
            shown, at = keep(axes, mean_over_networks(values, value_range), regime=regime), place + offset
            axes.plot(shown[["low", "high"]].iloc[0], [at, at], color=look.color, linewidth=0.8)
            axes.plot(shown["value"], [at], look.marker, color=look.color, mew=0, clip_on=False, zorder=3)
    axes.set_yticks(range(len(tests)), map(_label, tests))
    axes.set_ylim(len(tests) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
