"""Features of one observable over training, for one dataset and architecture."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.curves import Interval, bootstrap_of_mean, draw_curve, epoch_axis
from spikegrid.figures.networks import labels_with_counts, shown_layers

_ROW = 27.0


@rc_context(style.RC)
def draw_over_training(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw rows of features; columns of at most 4 layers, evenly spaced in depth, and the network as a whole.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. Lines are means
    over the networks that reached their target, bands bootstrap intervals of that mean; a regime without training is a
    level line. Each panel has its own scale.
    """
    looks = style.regime_looks(regimes)
    names, layers = list(dict.fromkeys(features["feature"])), shown_layers(features)
    layers += [NETWORK] if (features["layer"] == NETWORK).any() else []
    width = style.FULL_WIDTH if len(layers) > 2 else style.FULL_WIDTH * 2 / 3
    figure = style.new_figure(width, 20 + _ROW * len(names))
    rows = figure.subplots(len(names), len(layers), sharex=True, squeeze=False)
    interval = bootstrap_of_mean(confidence, resamples)
    for name, row, letter in zip(names, rows, style.panel_letters()):
        for layer, axes in zip(layers, row):
            shown = features[(features["feature"] == name) & (features["layer"] == layer)]
            _draw_panel(axes, shown[shown["reached_target"]], looks, interval)
            epoch_axis(axes, int(features["epoch"].max()))
            axes.label_outer(remove_inner_ticks=False)
            axes.tick_params(labelleft=True)
        row[0].set_ylabel(style.feature_label(name, 17))
        style.name_panel(row[0], letter)
    for layer, axes in zip(layers, rows[0]):
        axes.set_title("whole network" if layer == NETWORK else style.shortened(layer, 24))
    keys = style.regime_keys(looks, labels_with_counts(features, regimes), marker=True)
    style.legend_below(figure, keys, width, f"mean and {100 * confidence:.3g} % bootstrap interval over n networks")
    figure.align_ylabels()
    return figure


def _draw_panel(axes: Axes, values: pd.DataFrame, looks: dict[str, style.Look], interval: Interval) -> None:
    if not values["value"].notna().any():
        style.say(axes, "undefined")
        axes.set_yticks([])
    for regime, look in looks.items():
        of_regime = values[values["regime"] == regime].pivot(index="epoch", columns="seed", values="value")
        if len(of_regime):
            draw_curve(axes, of_regime, look, interval, markers=True)
