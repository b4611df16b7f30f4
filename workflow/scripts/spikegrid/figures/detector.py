"""How well detectors do on networks that they were not fitted to, beside baselines and ceilings."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.detector_scores import IN_TURN
from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep

STATISTICS = {
    "accuracy": "accuracy",
    "auroc": "area under the ROC curve",
    "share_error": "error of the share of wrong labels",
}
LEFT_OUT = {
    "architecture": "each architecture left out",
    "dataset": "each dataset left out",
    "seed": "each seed left out: optimistic",
}
PREDICTORS = [
    {"label_free": "no labels", "training_data_only": "training images", "all": "all features"},
    {"constant": "constant", "mean_firing_rate": "mean firing rate", "training_loss": "training loss"},
    {"accuracy_gap": "train − test accuracy", "true_label_accuracy": "true-label accuracy"},
]
"""Words for what is shown, by name in the table: sets of features, baselines, and what true labels tell at once."""

_CHANCE = 0.5
_ROW, _LANE, _LANES, _BELOW, _MARGIN, _LEGEND = 3.2, 1.05, 3, 1.5, 15.0, 14.0
_GROUP_GAP = 0.6
_COLORS = [style.INK, "#7F7F7F", "#004C8C"]
_MARKERS = ["s", "^", "D", "v", "P", "X", "p", "<", ">", "h", "8", "d", "*"]


@rc_context(style.RC)
def draw_detector(scores: pd.DataFrame, memorizing: str, generalizing: str, confidence: float = 0.95) -> Figure:
    """Draw a row of panels for each statistic and a column for each thing left out; rows of a panel are predictors.

    scores: the table of ``detector_evaluation.evaluate``. A large point is the value over all that were left out in
    turn, with its interval; a small one below it is that of a single architecture or dataset.
    """
    if scores.empty:
        memorizing, generalizing = (style.shortened(name, 30) for name in (memorizing, generalizing))
        return style.empty_figure(f"no networks of both {memorizing} and {generalizing}\nreached their target accuracy")
    rows = [name for name in STATISTICS if (scores["statistic"] == name).any()]
    columns = [name for name in LEFT_OUT if (scores["left_out"] == name).any()]
    shown = [{name: words for name, words in group.items() if name in set(scores["predictor"])} for group in PREDICTORS]
    places = _places(shown)
    names = list(dict.fromkeys(scores.loc[scores["held_out"] != IN_TURN, "held_out"]))
    markers = {name: _MARKERS[place % len(_MARKERS)] for place, name in enumerate(names)}
    lanes = min(_LANES, max(1, len(names)))
    line = _ROW + _LANE * lanes
    offsets = {name: (_BELOW + _LANE * (place % lanes)) / line for place, name in enumerate(names)}
    height = _MARGIN + line * (max(places.values()) + 1)
    width = min(style.FULL_WIDTH, 40 + 48 * len(columns))
    figure = style.new_figure(width, height * len(rows) + _LEGEND)
    panels = figure.subplots(len(rows), len(columns), sharey=True, sharex="row", squeeze=False)
    letters = style.panel_letters()
    for statistic, row in zip(rows, panels):
        of_row = scores[scores["statistic"] == statistic]
        for left_out, axes in zip(columns, row):
            of_panel = of_row[of_row["left_out"] == left_out]
            _draw_panel(axes, of_panel, shown, places, offsets, markers)
            networks = of_panel.loc[of_panel["held_out"] == IN_TURN, "networks"].max()
            shows = {"statistic": statistic, "left_out": left_out}
            style.name_panel(axes, next(letters), f"{LEFT_OUT[left_out]}, n = {networks:.0f}", **shows)
            axes.set_xlabel(STATISTICS[statistic])
        if statistic != "share_error":
            row[0].set_xlim(-0.03, 1.03)
            for axes in row:
                axes.axvline(_CHANCE, color="0.75", linewidth=0.6, zorder=0)
        else:
            row[0].set_xlim(left=-0.03 * row[0].get_xlim()[1])
    counts = scores[scores["held_out"] == IN_TURN].groupby("predictor")["features"].max()
    words = {name: text for group in shown for name, text in group.items()}
    panels[0, 0].set_yticks(
        list(places.values()),
        [f"{words[name]} ({counts[name]})" if name in shown[0] else words[name] for name in places],
    )
    panels[0, 0].set_ylim(max(places.values()) + 0.75, -0.6)
    title = (
        f"large: all n networks, each held out once, {100 * confidence:.3g} % interval over networks; in brackets: "
        "number of features; grey: baselines; blue: accuracies, which need true labels"
    )
    style.legend_below(figure, _keys(markers), width, title)
    return figure


def _places(groups: Sequence[dict[str, str]]) -> dict[str, float]:
    """Return the height of each predictor, groups a little apart."""
    places, height = {}, 0.0
    for group in filter(None, groups):
        for name in group:
            places[name] = height
            height += 1
        height += _GROUP_GAP
    return places


def _draw_panel(
    axes: Axes,
    scores: pd.DataFrame,
    groups: Iterable[dict[str, str]],
    places: dict[str, float],
    offsets: dict[str, float],
    markers: dict[str, str],
) -> None:
    axes.tick_params(axis="y", length=0)
    for group, color in zip(groups, _COLORS):
        for name in group:
            of_predictor = scores[scores["predictor"] == name]
            place = places[name]
            columns = ["predictor", "held_out", "features", "value", "low", "high", "networks"]
            shown = of_predictor[columns].rename(columns={"networks": "n"})
            for row in keep(axes, shown, drawn="score").itertuples():
                if row.held_out == IN_TURN:
                    if np.isfinite(row.low):
                        axes.hlines(place, row.low, row.high, color=color, linewidth=1.1)
                    axes.plot([row.value], [place], linestyle="", marker="o", color=color, markersize=4)
                else:
                    y, marker = place + offsets[row.held_out], markers[row.held_out]
                    outline = {"markerfacecolor": "white", "markeredgewidth": 0.6, "markersize": 2.6}
                    axes.plot([row.value], [y], linestyle="", marker=marker, color=color, **outline)


def _keys(markers: dict[str, str]) -> list[Line2D]:
    return [
        Line2D([], [], color=style.INK, marker=marker, linestyle="", markersize=3, markerfacecolor="white",
               markeredgewidth=0.6, label=style.shortened(name, 30))
        for name, marker in markers.items()
    ]  # fmt: skip
