"""What linear probes read off each layer for another dataset, and what training has added to it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.figures import style
from spikegrid.figures.by_depth import name_layers, room_for_names
from spikegrid.figures.data import Figure, keep

_HEIGHT = 78.0
_SPREAD = 0.14
_PIXELS = {"color": style.INK, "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


@rc_context(style.RC)
def draw_transfer_accuracy(accuracies: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95) -> Figure:
    """Draw accuracy and gain of probes against the depth of the layer, a line a regime.

    accuracies: rows of the table of ``transfer_accuracies`` of one observable, dataset and architecture. Points are
    means over networks, bars their intervals. Beside accuracies stands that of a probe of pixels, and in the legend
    that of guessing; gains are over the same networks before training, and regimes that do not train have none.
    """
    shown = accuracies[accuracies["regime"].isin(regimes)]
    if shown.empty:
        return style.empty_figure("no network reached its target")
    layers = shown.drop_duplicates("depth").sort_values("depth").set_index("depth")["layer"]
    looks = style.regime_looks(regimes)
    figure = style.new_figure(style.FULL_WIDTH, _HEIGHT + room_for_names(layers))
    panels = figure.subplots(1, 2, squeeze=False)
    (accuracy, gain), target = panels[0], shown["target"].iloc[0]
    _draw_lines(accuracy, shown, layers, looks, ["accuracy", "low", "high"])
    beside = pd.DataFrame(
        {"drawn": ["probe of the pixels", "guessing"], "value": [shown["pixels"].mean(), shown["chance"].mean()]}
    )
    pixels, chance = keep(accuracy, beside)["value"]
    accuracy.axhline(pixels, zorder=1, **_PIXELS)
    accuracy.set_ylabel("accuracy of a linear probe (share of test images)")
    style.name_panel(accuracy, "a", f"classes of {style.shortened(target, 40)}", target=target, feature="accuracy")
    trained = shown[shown["gain"].abs().groupby(shown["regime"]).transform("max") > 0]
    _draw_lines(gain, trained, layers, looks, ["gain", "gain_low", "gain_high"])
    gain.axhline(0, color=style.INK, linewidth=0.6, zorder=1)
    gain.set_ylabel("accuracy less that before training")
    style.name_panel(gain, "b", "what training has added", target=target, feature="gain")
    name_layers(panels, layers)
    networks = shown.drop_duplicates("regime").set_index("regime")["networks"]
    labels = {regime: f"{style.shortened(regime, 30)}, n = {count}" for regime, count in networks.items()}
    keys = style.regime_keys(looks, labels, marker=True)
    guessing = f"guessing: {chance:.2f}"
    keys += [Line2D([], [], label="probe of the pixels", **_PIXELS), Line2D([], [], linestyle="", label=guessing)]
    title = f"mean and {100 * confidence:.3g} % bootstrap interval over n networks"
    style.legend_below(figure, keys, style.FULL_WIDTH, title)
    return figure


def _draw_lines(
    axes: Axes, table: pd.DataFrame, layers: pd.Series, looks: dict[str, style.Look], columns: list[str]
) -> None:
    """Draw mean, low and high, the ``columns`` of the table, of each regime, a little beside one another."""
    if not table[columns[0]].notna().any():
        style.say(axes, "undefined")
    for (regime, look), offset in zip(looks.items(), np.linspace(-_SPREAD, _SPREAD, len(looks))):
        of_regime = table[table["regime"] == regime]
        if len(of_regime):
            of_regime = of_regime.set_index("depth").reindex(layers.index)
            course = of_regime[[*columns, "networks"]].set_axis(["value", "low", "high", "n"], axis=1).reset_index()
            course = keep(axes, course.assign(layer=layers.to_numpy()), drawn="mean", regime=regime)
            x = course["depth"] + offset
            axes.plot(x, course["value"], color=look.color, linestyle=look.dashes, marker=look.marker)
            axes.vlines(x, course["low"], course["high"], color=look.color, linewidth=0.9)
    axes.set_xlim(layers.index.min() - 0.5, layers.index.max() + 0.5)
    axes.margins(y=0.1)
