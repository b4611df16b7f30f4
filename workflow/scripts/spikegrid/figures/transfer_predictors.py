"""Which features of spikes go with what a linear probe reads off the layer nearest the output."""

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep
from spikegrid.transfer_predictors import BASELINE

BEST = 20
"""So many features are shown beside the baseline."""

_ROW, _MARGINS = 4.6, 26.0
_LABEL = 46
_LANE = 0.17
_KINDS = {
    "_within": {"color": "#004C8C", "marker": "o", "label": "within regimes"},
    "": {"color": "#E0600F", "marker": "D", "label": "over all regimes"},
}


@rc_context(style.RC)
def draw_transfer_predictors(
    predictors: pd.DataFrame, false_discovery_rate: float = 0.05, confidence: float = 0.95
) -> Figure:
    """Draw rows of features: ρ with the accuracy of the probe within regimes and over them, and their intervals.

    predictors: rows of the table of ``transfer_predictors`` of one observable, dataset and architecture. The BEST of
    the deepest layer are shown, by the size of their ρ within regimes, and the baseline below them. Points are filled
    where the adjusted p-value is at most ``false_discovery_rate``.
    """
    deepest = predictors[predictors["depth"] == predictors["depth"].max()]
    is_baseline = (deepest["predictor"] == BASELINE[0]) & (deepest["feature"] == BASELINE[1])
    best = deepest[~is_baseline & deepest["rho_within"].notna()].head(BEST)
    if best.empty:
        return style.empty_figure("no feature of a layer has a rank correlation\nwith the accuracy of its probe")
    shown = pd.concat([best, deepest[is_baseline]])
    figure = style.new_figure(style.FULL_WIDTH, _MARGINS + _ROW * (len(shown) + 1))
    axes = figure.subplots()
    places = [*range(len(best)), *range(len(best) + 1, len(shown) + 1)]
    for place, row in zip(places, shown.to_dict("records")):
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="0.96", linewidth=0, zorder=0)
        _draw_row(axes, place, row, false_discovery_rate)
    axes.set_yticks(places, _labels(shown))
    axes.tick_params(axis="y", length=0)
    axes.axhline(len(best) - 0.5, color=style.INK, linewidth=0.6)
    axes.text(-0.98, len(best), "baseline, without spikes", va="center", style="italic")
    axes.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(len(shown) + 0.5, -0.5)
    layer, target = (style.shortened(shown.iloc[0][name], 40) for name in ("layer", "target"))
    axes.set_xlabel(f"Spearman's ρ with the accuracy of a linear probe of {layer} for {target}")
    networks, regimes = (int(shown.iloc[0][name]) for name in ("networks", "regimes"))
    title = f"bars: {100 * confidence:.3g} % bootstrap interval over n = {networks} networks of {regimes} regimes"
    style.legend_below(figure, _keys(false_discovery_rate), style.FULL_WIDTH, title)
    return figure


def _draw_row(axes: Axes, place: int, row: dict, false_discovery_rate: float) -> None:
    names = {name: row[name] for name in ("layer", "feature", "predictor", "target")} | {"n": row["networks"]}
    for lane, (suffix, look) in zip((-_LANE, _LANE), _KINDS.items()):
        numbers = {"p_adjusted": "p_adjusted", "value": "rho", "low": "low", "high": "high"}
        numbers = {name: row[f"{column}{suffix}"] for name, column in numbers.items()}
        shown = keep(axes, pd.DataFrame([names | numbers]), drawn=f"Spearman's rho {look['label']}").iloc[0]
        mark = {"marker": look["marker"], "markersize": 3.2, "markeredgewidth": 0.8, "zorder": 3}
        color, face = look["color"], look["color"] if shown["p_adjusted"] <= false_discovery_rate else "white"
        axes.hlines(place + lane, shown["low"], shown["high"], color=color, linewidth=0.8, zorder=2)
        axes.plot([shown["value"]], [place + lane], color=color, linestyle="", markerfacecolor=face, **mark)
    if np.isnan(row["rho_within"]):
        axes.text(0, place, " undefined", va="center", color="0.45", style="italic")


def _labels(shown: pd.DataFrame) -> list[str]:
    """Return features in words, with their observable where two have one name; the baseline is the last."""
    labels = [style.shortened(style.feature_label(feature, 1000), _LABEL) for feature in shown["feature"][:-1]]
    alike = pd.Series(labels).duplicated(keep=False)
    named = [
        f"{label} ({style.shortened(predictor, 24)})" if repeated else label
        for label, predictor, repeated in zip(labels, shown["predictor"], alike)
    ]
    return [*named, f"test accuracy on {style.shortened(shown['dataset'].iloc[0], 24)}"]


def _keys(false_discovery_rate: float) -> list[Line2D]:
    keys = [Line2D([], [], linestyle="", markersize=3.2, **look) for look in _KINDS.values()]
    ink = {"color": style.INK, "linestyle": "", "marker": "o", "markersize": 3.2}
    rate = f"{false_discovery_rate:g}"
    return [
        *keys,
        Line2D([], [], **ink, label=f"filled: adjusted p ≤ {rate}"),
        Line2D([], [], **ink, markerfacecolor="white", label="hollow: not"),
    ]
