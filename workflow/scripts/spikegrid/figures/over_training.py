"""Features of one observable over training, for one dataset and architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.cells import grouped_by_stem, last_layer
from spikegrid.figures.curves import Interval, bootstrap_of_mean, draw_curve, epoch_axis, widen
from spikegrid.figures.data import Figure
from spikegrid.figures.networks import labels_with_counts, shown_layers

MOST_ROWS = 8
"""Up to so many features are rows, with columns of layers; of more, only the last layer is shown."""

_ROW, _FOLDED_ROW, _FOLDED_COLUMNS = 27.0, 22.5, 4


@rc_context(style.RC)
def draw_over_training(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw rows of features; columns of at most 4 layers, evenly spaced in depth, and the network as a whole.

    Features of the network as a whole alone stand side by side, above the others.

    Where there are more than MOST_ROWS features, draw a panel for each, of the layer nearest the output alone, in 4
    columns; those that differ only in the order of images stand side by side.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. Lines are means
    over the networks that reached their target, bands bootstrap intervals of that mean; a regime without training is a
    level line. Each panel has its own scale.
    """
    features = features[features["regime"].isin(regimes)]
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    names = list(dict.fromkeys(features["feature"]))
    figure, width = (_folded if len(names) > MOST_ROWS else _by_layer)(features, names, looks, interval)
    keys = style.regime_keys(looks, labels_with_counts(features, regimes), marker=True)
    style.legend_below(figure, keys, width, f"mean and {100 * confidence:.3g} % bootstrap interval over n networks")
    return figure


def _by_layer(
    features: pd.DataFrame, names: list[str], looks: dict[str, style.Look], interval: Interval
) -> tuple[Figure, float]:
    layers = shown_layers(features)
    layers += [NETWORK] if (features["layer"] == NETWORK).any() else []
    whole = _of_whole_network(features, names)
    by_layer = [name for name in names if name not in whole]
    columns = len(layers) if by_layer else min(len(whole), _FOLDED_COLUMNS)
    folded = [whole[start : start + columns] for start in range(0, len(whole), columns)]
    width = style.FULL_WIDTH if columns > 2 else style.FULL_WIDTH * 2 / 3
    figure = style.new_figure(width, 20 + _ROW * (len(folded) + len(by_layer)))
    panels = figure.subplots(len(folded) + len(by_layer), columns, sharex=True, squeeze=False)
    letters = style.panel_letters()
    for row, named in zip(panels, folded):
        for axes, name in zip(row, named):
            _draw_feature(axes, features[features["feature"] == name], looks, interval, int(features["epoch"].max()))
            style.name_panel(axes, next(letters), style.axis_label(name, 23), feature=name, layer=NETWORK)
        for axes in row[len(named) :]:
            axes.set_axis_off()
    for row, name in zip(panels[len(folded) :], by_layer):
        for layer, axes in zip(layers, row):
            shown = features[(features["feature"] == name) & (features["layer"] == layer)]
            _draw_feature(axes, shown, looks, interval, int(features["epoch"].max()))
            place = "whole network" if layer == NETWORK else style.shortened(layer, 24)
            style.name_panel(axes, next(letters), place if name == by_layer[0] else "", feature=name, layer=layer)
        row[0].set_ylabel(style.axis_label(name, 17))
    _label_lowest(panels)
    figure.align_ylabels()
    return figure, width


def _folded(
    features: pd.DataFrame, names: list[str], looks: dict[str, style.Look], interval: Interval
) -> tuple[Figure, float]:
    in_layer, width = last_layer(features), style.FULL_WIDTH
    shown = pd.concat([in_layer, features[features["feature"].isin(_of_whole_network(features, names))]])
    rows = _in_rows(names)
    figure = style.new_figure(width, 24 + _FOLDED_ROW * len(rows))
    if len(in_layer):
        figure.suptitle(f"layer {style.shortened(in_layer['layer'].iloc[0], 60)}", fontsize=7)
    panels = figure.subplots(len(rows), _FOLDED_COLUMNS, sharex=True, squeeze=False)
    letters = style.panel_letters()
    for row, named in zip(panels, rows):
        for axes, name in zip(row, named):
            of_feature = shown[shown["feature"] == name]
            _draw_feature(axes, of_feature, looks, interval, int(features["epoch"].max()))
            layer = of_feature["layer"].iloc[0]
            style.name_panel(axes, next(letters), style.axis_label(name, 23), feature=name, layer=layer)
        for axes in row[len(named) :]:
            axes.set_axis_off()
    _label_lowest(panels)
    return figure, width


def _of_whole_network(features: pd.DataFrame, names: list[str]) -> list[str]:
    """Return those features that no layer has."""
    of_layers = set(features.loc[features["depth"] > 0, "feature"])
    return [name for name in names if name not in of_layers]


def _label_lowest(panels: np.ndarray) -> None:
    """Let only the lowest panel of each column name its epochs."""
    for column in panels.T:
        drawn = [axes for axes in column if axes.axison]
        for axes in drawn:
            axes.tick_params(labelbottom=axes is drawn[-1])
            axes.set_xlabel("epoch" if axes is drawn[-1] else "")


def _in_rows(names: list[str]) -> list[list[str]]:
    """Fold features into rows; those that differ only in the order of images stay together, others fill the gaps.

    The others open the rows where there are enough of them for all rows; else they close the last rows.
    """
    groups = grouped_by_stem(names)
    rows: list[list[str]] = []
    for group in groups:
        if len(group) > 1 and rows and len(rows[-1]) + len(group) <= _FOLDED_COLUMNS:
            rows[-1] += group
        elif len(group) > 1:
            rows.append(list(group))
    others = [group[0] for group in groups if len(group) == 1]
    gaps = [row for row in rows if len(row) < _FOLDED_COLUMNS]
    if len(others) < len(gaps):
        for row, name in zip(gaps[len(gaps) - len(others) :], others):
            row.append(name)
        return rows
    above = others[: len(others) - len(gaps)]
    for row, name in zip(gaps, others[len(above) :]):
        row.insert(0, name)
    return [above[start : start + _FOLDED_COLUMNS] for start in range(0, len(above), _FOLDED_COLUMNS)] + rows


def _draw_feature(
    axes: Axes, features: pd.DataFrame, looks: dict[str, style.Look], interval: Interval, last: int
) -> None:
    """Draw a feature of one layer up to the ``last`` epoch, of the networks that reached their target."""
    values = features[features["reached_target"]]
    epoch_axis(axes, last)
    if not values["value"].notna().any():
        style.say(axes, "undefined")
        axes.set_yticks([])
    for regime, look in looks.items():
        of_regime = values[values["regime"] == regime].pivot(index="epoch", columns="seed", values="value")
        if len(of_regime):
            draw_curve(axes, of_regime, regime, look, interval, markers=True)
    widen(axes)
