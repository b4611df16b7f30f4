"""Accuracy against the share of units removed, for one dataset and architecture: by criterion, and at random."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.curves import Interval, bootstrap_of_mean, draw_curve, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers
from spikegrid.pruning_areas import CRITERIA, RANDOM, network_areas

_ACCURACIES = {"train": "accuracy, training labels", "test": "accuracy, held-out images"}
_COLUMNS, _ROW, _SPREAD = 4, 33.0, 0.2
_AT_RANDOM = {"linewidth": 0.7, "linestyle": (0, (3, 1.5))}


@rc_context(style.RC)
def draw_pruning_curves(
    curves: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw a panel for each criterion, the same share of every layer removed, and one of the areas under the curves.

    curves: those of the observable ``pruning`` of one dataset and architecture, with ``reached_target``. The upper half
    shows training images and labels, the lower one held-out images. Lines are means over the networks that reached
    their target, bands bootstrap intervals of that mean; thin dashes are random removal. Areas are those under the
    curves, not over the accuracy with no unit removed: a network at chance has a small one.
    """
    whole = curves[(curves["depth"] == 0) & curves["regime"].isin(regimes)]
    reached = whole[whole["reached_target"]]
    titles = {criterion: style.feature_label(criterion) for criterion in (RANDOM, *CRITERIA)}
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    rows = -(-(len(titles) + 1) // _COLUMNS)
    figure = style.new_figure(style.FULL_WIDTH, 24 + _ROW * rows * len(_ACCURACIES))
    panels = figure.subplots(rows * len(_ACCURACIES), _COLUMNS).reshape(len(_ACCURACIES), -1)
    letters = style.panel_letters()
    for (images, label), block in zip(_ACCURACIES.items(), panels):
        for (criterion, title), axes in zip(titles.items(), block):
            _draw_curves(axes, reached[reached["criterion"] == criterion], images, looks, interval)
            if criterion != RANDOM:
                _draw_means(axes, reached[reached["criterion"] == RANDOM], images, looks)
            shows = {"feature": f"accuracy_{images}", "criterion": criterion, "layer": NETWORK}
            style.name_panel(axes, next(letters), title, **shows)
        for axes in block[::_COLUMNS]:
            axes.set_ylabel(label)
        _draw_areas(block[-1], reached, images, "criterion", titles, looks, interval)
        style.name_panel(block[-1], next(letters), "areas", feature=f"area_{images}", layer=NETWORK)
    keys = style.regime_keys(looks, labels_with_counts(whole, regimes), marker=True)
    keys.append(Line2D([], [], color=style.INK, label="random", **_AT_RANDOM))
    style.legend_below(figure, keys, style.FULL_WIDTH, _title(confidence))
    return figure


@rc_context(style.RC)
def draw_random_ablation(
    curves: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw accuracy by training labels as units are removed at random: of a layer, of all, and the areas.

    curves: as for ``draw_pruning_curves``, and so are lines, bands and areas. Of more than 4 layers 4 are shown, evenly
    spaced in depth.
    """
    at_random = curves[(curves["criterion"] == RANDOM) & curves["regime"].isin(regimes)]
    reached = at_random[at_random["reached_target"]]
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    layers = [*shown_layers(at_random), NETWORK]
    columns = min(_COLUMNS if len(layers) < _COLUMNS else _COLUMNS - 1, len(layers) + 1)
    rows = -(-(len(layers) + 1) // columns)
    figure = style.new_figure(style.FULL_WIDTH, 22 + 40 * rows)
    panels, letters = figure.subplots(rows, columns).ravel(), style.panel_letters()
    titles = [*(f"layer {style.shortened(layer, 24)}" for layer in layers[:-1]), "every layer"]
    for layer, title, axes in zip(layers, titles, panels):
        _draw_curves(axes, reached[reached["layer"] == layer], "train", looks, interval)
        style.name_panel(axes, next(letters), title, feature="accuracy_train", criterion=RANDOM, layer=layer)
    for axes in panels[: len(layers) : columns]:
        axes.set_ylabel(_ACCURACIES["train"])
    *empty, areas = panels[len(layers) :]
    _draw_areas(areas, reached, "train", "layer", dict(zip(layers, titles)), looks, interval)
    style.name_panel(areas, next(letters), "areas", feature="area_train", criterion=RANDOM)
    for axes in empty:
        axes.set_axis_off()
    keys = style.regime_keys(looks, labels_with_counts(at_random, regimes), marker=True)
    style.legend_below(figure, keys, style.FULL_WIDTH, _title(confidence))
    return figure


def _draw_curves(
    axes: Axes, curves: pd.DataFrame, images: str, looks: dict[str, style.Look], interval: Interval
) -> None:
    """Draw the mean accuracy of each regime against the share, and its interval."""
    for regime, look in looks.items():
        of_regime = curves[curves["regime"] == regime]
        if len(of_regime):
            values = of_regime.pivot(index="share", columns="seed", values=f"accuracy_{images}")
            draw_curve(axes, values, regime, look, interval)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], xlabel="share of units removed")


def _draw_means(axes: Axes, curves: pd.DataFrame, images: str, looks: dict[str, style.Look]) -> None:
    for regime, of_regime in curves.groupby("regime"):
        of_share = of_regime.groupby("share").agg(value=(f"accuracy_{images}", "mean"), n=("seed", "nunique"))
        means = keep(axes, of_share.reset_index(), drawn="mean", regime=regime, criterion=RANDOM)
        axes.plot(means["share"], means["value"], color=looks[regime].color, **_AT_RANDOM)


def _draw_areas(
    axes: Axes,
    curves: pd.DataFrame,
    images: str,
    column: str,
    labels: dict[str, str],
    looks: dict[str, style.Look],
    interval: Interval,
) -> None:
    """Draw the mean area of each regime, and its interval, a row for each of the ``labels`` of ``column``.

    The panel stands at the right, and so do its labels: there they take no room between the others.
    """
    areas = network_areas(curves)
    areas = areas[areas["images"] == images]
    places = np.arange(len(labels))
    for (regime, look), offset in zip(looks.items(), np.linspace(-_SPREAD, _SPREAD, len(looks))):
        of_regime = areas[areas["regime"] == regime]
        if len(of_regime):
            values = of_regime.pivot(index=column, columns="seed", values="area").loc[[*labels]]
            mean = keep(axes, mean_over_networks(values, interval), regime=regime)
            axes.hlines(places + offset, mean["low"], mean["high"], color=look.color, linewidth=0.8)
            axes.plot(mean["value"], places + offset, color=look.color, linestyle="", marker=look.marker)
    axes.set_yticks(places, labels.values())
    axes.yaxis.tick_right()
    axes.spines[["left", "right"]].set_visible([False, True])
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.4, -0.6), xticks=[0, 0.5, 1], xlabel="area under the curve")


def _title(confidence: float) -> str:
    return f"mean and {100 * confidence:.3g} % bootstrap interval over n networks"
