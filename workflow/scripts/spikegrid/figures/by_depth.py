"""Features of one observable from the first layer to the last, for one dataset and architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from spikegrid.figures import style
from spikegrid.figures.curves import Interval, bootstrap_of_mean, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts
from spikegrid.tables import at_last_epoch

NAMED = 14
"""Up to so many layers are named below the panels; of more there are the depths."""

_COLUMNS, _ROW, _NAME, _CHARACTER = 3, 33.0, 16, 1.2
_LEVEL = 32
"""Names of layers of so many characters in all stand side by side below a panel; longer ones are turned."""

_SPREAD = 0.12


@rc_context(style.RC)
def draw_by_depth(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw a panel a feature, at the last epoch of each network, against the depth of the layer.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. Points are
    means over the networks that reached their target, bars bootstrap intervals of that mean; a line joins the layers of
    a regime, with a gap where a network has no value. Regimes stand a little beside one another, so that no bar hides
    another. Features of the whole network alone are left out. Each panel has its own scale.
    """
    features = features[features["regime"].isin(regimes)]
    shown = at_last_epoch(features[features["depth"] > 0])
    names = list(dict.fromkeys(shown["feature"]))
    if not names:
        return style.empty_figure("no feature of a layer was measured")
    layers = shown.drop_duplicates("depth").sort_values("depth").set_index("depth")["layer"]
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    columns = min(_COLUMNS, len(names))
    width = style.FULL_WIDTH if columns == _COLUMNS else style.FULL_WIDTH * 2 / 3
    rows = -(-len(names) // columns)
    figure = style.new_figure(width, 24 + _ROW * rows + room_for_names(layers))
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, name, letter in zip(panels.flat, names, style.panel_letters()):
        of_feature = shown[(shown["feature"] == name) & shown["reached_target"]]
        _draw_panel(axes, of_feature, layers, looks, interval)
        style.name_panel(axes, letter, style.axis_label(name, 36), feature=name)
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    name_layers(panels, layers)
    keys = style.regime_keys(looks, labels_with_counts(features, regimes), marker=True)
    style.legend_below(figure, keys, width, f"mean and {100 * confidence:.3g} % bootstrap interval over n networks")
    return figure


def _draw_panel(
    axes: Axes, values: pd.DataFrame, layers: pd.Series, looks: dict[str, style.Look], interval: Interval
) -> None:
    if not values["value"].notna().any():
        style.say(axes, "undefined")
        axes.set_yticks([])
    offsets = np.linspace(-_SPREAD, _SPREAD, len(looks)) if len(looks) > 1 else [0.0]
    for (regime, look), offset in zip(looks.items(), offsets):
        of_regime = values[values["regime"] == regime].pivot(index="depth", columns="seed", values="value")
        if len(of_regime):
            course = mean_over_networks(of_regime.reindex(layers.index), interval)
            course = keep(axes, course.assign(layer=layers.to_numpy()), regime=regime)
            places = course["depth"] + offset
            axes.plot(places, course["value"], color=look.color, linestyle=look.dashes, marker=look.marker)
            axes.vlines(places, course["low"], course["high"], color=look.color, linewidth=0.9)
    axes.set_xlim(layers.index.min() - 0.5, layers.index.max() + 0.5)
    axes.margins(y=0.1)


def room_for_names(layers: pd.Series) -> float:
    """Return the height, in mm, that names of layers take below a panel beyond that of a line of text."""
    return _CHARACTER * max(map(len, _tick_labels(layers))) if _turned(layers) else 0


def name_layers(panels: np.ndarray, layers: pd.Series) -> None:
    """Put names of layers below the lowest panel of each column, or depths where there are too many.

    panels: axes [rows, columns]. layers: names by depth.
    """
    for column in panels.T:
        drawn = [axes for axes in column if axes.axison]
        for axes in drawn:
            lowest = axes is drawn[-1]
            if len(layers) <= NAMED:
                axes.set_xticks(layers.index, _tick_labels(layers), rotation=90 if _turned(layers) else 0)
            axes.tick_params(labelbottom=lowest)
            axes.set_xlabel(("layer" if len(layers) <= NAMED else "depth of layer") if lowest else "")


def _turned(layers: pd.Series) -> bool:
    return sum(map(len, _tick_labels(layers))) > _LEVEL


def _tick_labels(layers: pd.Series) -> list[str]:
    return [style.shortened(layer, _NAME) for layer in layers] if len(layers) <= NAMED else [""]
