"""Features against the training loss: networks compared at equal loss, however many epochs it took them."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.curves import Interval, bootstrap_of_mean, draw_curve, widen
from spikegrid.figures.data import Figure
from spikegrid.figures.networks import labels_with_counts

LEVELS = 10.0 ** (np.arange(-64, 17) / 8)
"""Losses at which networks are compared, in nats: 8 a decade, from 1e-8 to 100."""

SHOWN = re.compile(r"(kernel_)?effective_dimension(_\w+)?|response_(amplitude|kernel|slope|error)|flip_distance_\w+")
"""Names of the features that are drawn; other features of their observables are not."""

_COLUMNS, _ROW, _MARGINS = 3, 42.0, 24.0
_LOGARITHMIC_FROM = 30
"""A panel whose values are all positive, the largest so many times the smallest, gets a logarithmic scale."""


@rc_context(style.RC)
def draw_against_loss(
    features: pd.DataFrame,
    history: pd.DataFrame,
    regimes: Sequence[str],
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Figure:
    """Draw a panel for each feature that SHOWN names: x the training loss, falling from left to right, y the feature.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``; of a feature
    that layers have, the layer nearest the output is shown. history: a row a network and epoch, with its ``loss``.
    Lines are means over the networks of a regime that reached their target, each taken where its own loss first fell
    to a level, bands bootstrap intervals of that mean. A line spans the levels that all these networks passed. A regime
    without training is a level line.
    """
    shown = features[features["regime"].isin(regimes) & features["feature"].str.fullmatch(SHOWN)]
    names = list(dict.fromkeys(shown["feature"]))
    if not names:
        return style.empty_figure("no feature that is shown against the loss was measured")
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    places = {name: _nearest_the_output(shown[shown["feature"] == name]) for name in names}
    columns = min(len(names), _COLUMNS)
    rows = -(-len(names) // columns)
    width = style.HALF_WIDTH if columns == 1 else style.FULL_WIDTH * columns / _COLUMNS
    figure = style.new_figure(width, _MARGINS + _ROW * rows)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).flatten()
    network = ["regime", "seed", "epoch"]
    reached = shown[shown["reached_target"]].merge(history[[*network, "loss"]], on=network, validate="many_to_one")
    passed = []
    for name, axes, letter in zip(names, panels, style.panel_letters()):
        of_feature = reached[(reached["feature"] == name) & (reached["layer"] == places[name])]
        passed += _draw_panel(axes, of_feature, looks, interval)
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("training loss (nats)")
        label = style.axis_label(name, 36)
        title = label if len(set(places.values())) == 1 else f"{label}\n{_place(places[name])}"
        style.name_panel(axes, letter, title, feature=name, layer=places[name])
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    _loss_axis(panels[0], passed)
    if len(set(places.values())) == 1:
        figure.suptitle(_place(places[names[0]]), fontsize=7)
    keys = style.regime_keys(looks, labels_with_counts(shown, regimes), marker=True)
    title = f"mean at equal loss and {100 * confidence:.3g} % bootstrap interval over n networks"
    style.legend_below(figure, keys, width, title)
    return figure


def at_equal_loss(networks: pd.DataFrame, levels: np.ndarray = LEVELS) -> pd.DataFrame:
    """Return the value that each network had when its loss first fell to each level: [levels × seeds].

    networks: ``seed``, ``epoch``, ``loss`` and ``value`` of one feature at all checkpoints. Between two checkpoints
    the value is taken as linear in the logarithm of the loss. A checkpoint at which the loss was no lower than at some
    earlier one does not count. NaN at levels that a network did not pass, and beside checkpoints without a value.
    """
    return pd.DataFrame(
        {seed: _at_levels(own.sort_values("epoch"), levels) for seed, own in networks.groupby("seed", sort=False)},
        index=pd.Index(levels, name="loss"),
    )


def _at_levels(network: pd.DataFrame, levels: np.ndarray) -> np.ndarray:
    network = network[network["loss"] > 0]
    lowest_before = network["loss"].cummin().shift(fill_value=np.inf)
    falling = network[network["loss"] < lowest_before]
    if falling.empty:
        return np.full(len(levels), np.nan)
    return np.interp(-np.log(levels), -np.log(falling["loss"]), falling["value"], left=np.nan, right=np.nan)


def _nearest_the_output(features: pd.DataFrame) -> str:
    """Return the deepest layer that a feature was measured in; the network as a whole where it was in none."""
    return features.loc[features["depth"].idxmax(), "layer"]


def _place(layer: str) -> str:
    return "whole network" if layer == NETWORK else f"layer {style.shortened(layer, 40)}"


def _draw_panel(axes: Axes, values: pd.DataFrame, looks: dict[str, style.Look], interval: Interval) -> list[float]:
    """Draw one feature and return the levels at which there are means over networks."""
    passed = []
    for regime, look in looks.items():
        of_regime = values[values["regime"] == regime]
        if of_regime["epoch"].eq(0).all():
            at_levels = of_regime.pivot(index="epoch", columns="seed", values="value")
        else:
            at_levels = at_equal_loss(of_regime)
            passed += at_levels.index[at_levels.notna().all(axis=1)].tolist()
        if len(of_regime):
            draw_curve(axes, at_levels, regime, look, interval, markers=True)
    numbers = values["value"].dropna()
    if not passed:
        style.say(axes, "undefined" if numbers.empty else "no loss that all networks passed")
        axes.set_yticks([])
    elif numbers.min() > 0 and numbers.max() > _LOGARITHMIC_FROM * numbers.min():
        axes.set_yscale("log")
    else:
        widen(axes)
    return passed


def _loss_axis(axes: Axes, passed: list[float]) -> None:
    """Make x the loss, logarithmic and falling from left to right, as far as there are means."""
    if not passed:
        axes.set_xticks([])
        return
    low, high = min(passed), max(passed)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    axes.set_xlim(high * 1.15, low / 1.15)
