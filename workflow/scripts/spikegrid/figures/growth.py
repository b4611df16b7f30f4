"""Features of one observable over training with the laws fitted to them, for one dataset and architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.cells import nearest_output
from spikegrid.figures.curves import Interval, bootstrap_of_mean, epoch_axis, logarithmic_axis, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts
from spikegrid.findings import written_share
from spikegrid.growth_laws import curve

SHIFTED_POWER = "(1 + t/t₀)ᵇ"
"""What the power law is called where it has the lowest AICc and no power law may be claimed."""

_COLUMNS, _ROW, _LINE_OF_TEXT, _MARGINS = 3, 31.0, 2.7, 24.0
_POINTS = 50
_OTHER_LINE = {"linewidth": 0.7, "linestyle": (0, (4, 1.5))}
_GLYPHS = {"s": "■", "o": "●", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖", "p": "⬟", "<": "◀", ">": "▶"}


@rc_context(style.RC)
def draw_growth(
    features: pd.DataFrame,
    dynamics: pd.DataFrame,
    regimes: Sequence[str],
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Figure:
    """Draw a panel for each feature, of the layer nearest the output, or of the network where no layer has it.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. dynamics: the
    rows of ``training_dynamics`` for the same. Points are geometric means over the networks that reached their target,
    bars bootstrap intervals of that mean; a feature that is not positive everywhere has arithmetic means and a linear
    axis. Lines are the law of lowest AICc and, where that is another one, the power law. Above each panel stands for
    each regime the law of lowest AICc, with its exponent where that is the power law, else with the plain log-log
    slope; "power law" is said only where ``dynamics`` claims one. Regimes of a single checkpoint are left out.
    """
    courses = features.loc[features["regime"].isin(regimes)]
    courses = courses[courses.groupby("regime")["epoch"].transform("nunique") > 1]
    shown = nearest_output(courses)
    if shown.empty:
        return style.empty_figure("no feature was measured at several epochs")
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    labels = labels_with_counts(shown, regimes)
    panels = list(shown.groupby(["feature", "layer"], sort=False))
    rows = -(-len(panels) // _COLUMNS)
    width = max(style.HALF_WIDTH, style.FULL_WIDTH * min(len(panels), _COLUMNS) / _COLUMNS)
    figure = style.new_figure(width, _MARGINS + (_ROW + _LINE_OF_TEXT * len(labels)) * rows)
    grid = figure.subplots(rows, min(len(panels), _COLUMNS), squeeze=False).ravel()
    last, layers = int(shown["epoch"].max()), shown["layer"].unique()
    for axes, letter, ((feature, layer), values) in zip(grid, style.panel_letters(), panels):
        fitted = dynamics[(dynamics["feature"] == feature) & (dynamics["layer"] == layer)]
        _draw_panel(axes, values[values["reached_target"]], fitted, looks, interval)
        epoch_axis(axes, last)
        where = f" ({'network' if layer == NETWORK else style.shortened(layer, 20)})" if len(layers) > 1 else ""
        style.name_panel(axes, letter, style.axis_label(feature, 36) + where, feature=feature, layer=layer)
        _write_laws(axes, fitted, {regime: looks[regime] for regime in looks if regime in labels})
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if len(layers) == 1:
        name = "whole network" if layers[0] == NETWORK else f"layer {style.shortened(layers[0], 60)}"
        figure.suptitle(name, fontsize=7)
    title = f"geometric mean and {100 * confidence:.3g} % bootstrap interval over n networks"
    style.legend_below(figure, [*_points_of(looks, labels), *_lines()], width, title)
    return figure


def _draw_panel(
    axes: Axes, values: pd.DataFrame, fitted: pd.DataFrame, looks: dict[str, style.Look], interval: Interval
) -> None:
    for regime, look in looks.items():
        of_regime = values[values["regime"] == regime].pivot(index="epoch", columns="seed", values="value")
        if len(of_regime):
            _draw_points(axes, of_regime, regime, look, interval)
            _draw_laws(axes, fitted[fitted["regime"] == regime], of_regime.index, look)
    if not values["value"].notna().any():
        style.say(axes, "undefined")
        axes.set_yticks([])
    elif (values["value"].dropna() > 0).all():
        logarithmic_axis(axes)


def _draw_points(axes: Axes, values: pd.DataFrame, regime: str, look: style.Look, interval: Interval) -> None:
    is_positive = bool((values > 0).all(axis=None))
    course = keep(axes, mean_over_networks(values, interval, geometric=is_positive), regime=regime)
    axes.vlines(course["epoch"], course["low"], course["high"], color=look.color, linewidth=0.8)
    axes.plot(course["epoch"], course["value"], color=look.color, linestyle="", marker=look.marker, zorder=3)


def _draw_laws(axes: Axes, laws: pd.DataFrame, epochs: pd.Index, look: style.Look) -> None:
    # Points lie close both where the axis of epochs is linear and where it is logarithmic.
    first, last = epochs.min(), epochs.max()
    dense = [np.linspace(first, last, _POINTS), np.linspace(first, max(first, 1), _POINTS)]
    dense = np.unique(np.concatenate([*dense, np.geomspace(max(first, 1), last, _POINTS)]))
    for law in laws[laws["a"].notna()].itertuples():
        if law.delta_aicc == 0 or law.law == "power":
            line = pd.DataFrame({"epoch": dense, "value": curve(law.law, law.a, law.b, law.t0, dense)})
            line = keep(axes, line, drawn="law", law=law.law, regime=law.regime)
            axes.plot(line["epoch"], line["value"], color=look.color, **({} if law.delta_aicc == 0 else _OTHER_LINE))


def _write_laws(axes: Axes, fitted: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    """Write above a panel, below its name, a line for each regime in its colour."""
    axes.set_title(axes.get_title("left"), loc="left", pad=5 + 7.2 * len(looks))
    for number, (regime, look) in enumerate(looks.items()):
        height = 3 + 7.2 * (len(looks) - 1 - number)
        text = f"{_GLYPHS[look.marker]} {_in_words(axes, fitted[fitted['regime'] == regime])}"
        axes.annotate(
            text,
            (0, 1),
            (0, height),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=5.5,
            color=look.color,
            in_layout=False,
        )


def _in_words(axes: Axes, laws: pd.DataFrame) -> str:
    """Say the law of lowest AICc of one course and how far off it is, and its exponent or slope with the interval."""
    if laws.empty:
        return "no networks"
    if not (laws["delta_aicc"] == 0).any():
        return f"no law: {laws['reason'].iloc[0]}"
    lowest = laws[laws["delta_aicc"] == 0].iloc[:1]
    is_power = lowest["law"].iloc[0] == "power"
    drawn, name = ("exponent", "b") if is_power else ("log-log slope", "slope")
    columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", "networks": "n"}
    written = lowest.rename(columns=columns)[["regime", "law", "deviation", "power_law", *columns.values()]]
    law = keep(axes, written, drawn=drawn).iloc[0]
    percent = 100 * law["deviation"]
    deviation = f"± {percent:.2g} %" if percent < 99.5 else f"± {percent:.0f} %"
    bounds = "" if np.isnan(law["low"]) else f" [{written_share(law['low'])}, {written_share(law['high'])}]"
    if is_power:
        called = "power law" if law["power_law"] else SHIFTED_POWER
        return f"{called} {deviation}, b = {written_share(law['value'])}{bounds}"
    return f"{law['law']} {deviation}, slope {written_share(law['value'])}{bounds}"


def _points_of(looks: dict[str, style.Look], labels: dict[str, str]) -> list[Line2D]:
    keys = style.regime_keys(looks, labels, marker=True)
    for key in keys:
        key.set_linestyle("")
    return keys


def _lines() -> list[Line2D]:
    return [
        Line2D([], [], color=style.INK, label="law of lowest AICc"),
        Line2D([], [], color=style.INK, label=f"{SHIFTED_POWER} where it is not", **_OTHER_LINE),
    ]
