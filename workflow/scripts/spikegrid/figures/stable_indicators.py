"""Forest plot of the best indicators: effect and interval in every dataset and architecture, controls below."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from spikegrid.figures import style
from spikegrid.figures.cells import cells_of, nearest_output, of_cell
from spikegrid.figures.data import Figure, keep
from spikegrid.findings import LAST_LAYER
from spikegrid.tables import CELL

BEST = 30
"""So many indicators are shown beside the controls; fewer where many cells make the rows high."""

_ROOM, _ROW, _ROW_PER_CELL, _MARGINS = 196.0, 4.6, 0.42, 24.0
_SPREAD = 0.7
_GREY = "#8C8C8C"
_MARKERS = ["o", "s", "D", "^", "v", "P", "X", "p", "<", ">", "h", "8", "d", "*"]
_LABEL = 42
_HEADING = "negative control: random order"


@rc_context(style.RC)
def draw_stable_indicators(
    stable: pd.DataFrame, indicators: pd.DataFrame, memorizing: str, generalizing: str, confidence: float = 0.95
) -> Figure:
    """Draw rows of the best indicators in the last layer: Hedges' g of memorizing − generalizing in every cell.

    Features that no layer has are those of the whole network.
    stable: the ranking of ``stable_indicators``. indicators: the table of ``compare_regimes``. A point is a dataset and
    architecture, filled where the indicator is stable. Bars are bootstrap intervals of the difference in units of the
    pooled standard deviation, which is held fixed: both bounds are multiplied by g / difference. Features
    ``fano_ratio_*_random`` are controls and stand below the others, whatever their rank.
    """
    memorizing, generalizing = (style.shortened(name, 30) for name in (memorizing, generalizing))
    ranked = stable[_nearest_output(stable)].sort_values("rank")
    effects = _effects(indicators)
    cells = cells_of(effects)
    if ranked.empty or not cells:
        return style.empty_figure(f"no features of {memorizing} and {generalizing} networks\nwere compared")
    is_control = ranked["feature"].str.match("fano_ratio.*_random$")
    height = max(_ROW, _ROW_PER_CELL * len(cells))
    controls = ranked[is_control].sort_values(["feature", "observable"])
    room = int(_ROOM / height) - (len(controls) + 1 if len(controls) else 0)
    best = ranked[~is_control].head(max(1, min(BEST, room)))
    rows = len(best) + (len(controls) + 1 if len(controls) else 0)
    figure = style.new_figure(style.FULL_WIDTH, _MARGINS + height * rows)
    axes = figure.subplots()
    places = [*range(len(best)), *range(len(best) + 1, rows)]
    shown = pd.concat([best, controls])
    for place, indicator in zip(places, shown.to_dict("records")):
        _draw_row(axes, place, indicator, effects, cells)
    _write_names(axes, places, shown)
    if len(controls):
        axes.axhline(len(best) - 0.5, color=style.INK, linewidth=0.6)
        left = blended_transform_factory(axes.transAxes, axes.transData)
        axes.text(0.01, len(best), _HEADING, transform=left, va="center", style="italic")
    axes.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    axes.set_ylim(rows - 0.5, -0.5)
    _effect_axis(axes, memorizing, generalizing)
    style.legend_below(
        figure,
        _keys(effects, cells),
        style.FULL_WIDTH,
        f"bars: {100 * confidence:.3g} % bootstrap interval, n = networks {memorizing} / {generalizing}",
    )
    return figure


def _nearest_output(stable: pd.DataFrame) -> pd.Series:
    """Tell which rows are of the last layer, or of the network where no layer has the feature."""
    of_layer = stable["place"] == LAST_LAYER
    return of_layer | ~of_layer.groupby([stable["observable"], stable["feature"]]).transform("any")


def _effects(indicators: pd.DataFrame) -> pd.DataFrame:
    """Return the final rows of the last layer of each observable, or of the network, with bounds in units of g."""
    final = nearest_output(indicators[indicators["final"].astype(bool)])
    effects = final["hedges_g"].to_numpy(float)
    difference = final["difference"].to_numpy(float)
    unit = np.divide(effects, difference, out=np.full(len(final), np.nan), where=difference != 0)
    return final.assign(low_g=final["low"] * unit, high_g=final["high"] * unit)


def _draw_row(axes: Axes, place: int, indicator: dict, effects: pd.DataFrame, cells: Sequence[tuple[str, str]]) -> None:
    if place % 2:
        axes.axhspan(place - 0.5, place + 0.5, color="0.96", linewidth=0, zorder=0)
    stable = bool(indicator["stable"])
    color = style.INK if stable else _GREY
    same = (effects["observable"] == indicator["observable"]) & (effects["feature"] == indicator["feature"])
    columns = {"hedges_g": "value", "low_g": "low", "high_g": "high"}
    shown = effects.loc[same, ["observable", *CELL, "layer", "feature", "n_memorizing", "n_generalizing", *columns]]
    named = {name: indicator[name] for name in ("rank", "images", "needs_labels", "caveat", "stable")}
    by_cell = keep(axes, shown.rename(columns=columns), drawn="Hedges' g", **named).set_index(CELL)
    size, width = (3.4, 0.8) if len(cells) <= 6 else (2.2, 0.4)
    lane = _SPREAD / len(cells)
    for number, cell in enumerate(cells):
        if cell not in by_cell.index:
            continue
        row = by_cell.loc[cell]
        y = place + (number - (len(cells) - 1) / 2) * lane
        axes.hlines(y, row["low"], row["high"], color=color, linewidth=width, zorder=2)
        face = color if stable else "white"
        marker = _MARKERS[number % len(_MARKERS)]
        mark = {"markersize": size, "markeredgewidth": width, "markerfacecolor": face, "zorder": 3}
        axes.plot([row["value"]], [y], marker=marker, color=color, linestyle="", **mark)
    if not by_cell["value"].notna().any():
        axes.text(0, place, " undefined", va="center", color="0.45", style="italic")


def _write_names(axes: Axes, places: list[int], shown: pd.DataFrame) -> None:
    """Write features at the left; at the right the images and labels that they need, and their caveats."""
    labels = [style.shortened(style.feature_label(name, 1000), _LABEL) for name in shown["feature"]]
    alike = pd.Series(list(zip(labels, shown["images"]))).duplicated(keep=False)
    labels = [
        f"{label} ({style.shortened(observable, 20)})" if repeated else label
        for label, observable, repeated in zip(labels, shown["observable"], alike)
    ]
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    for tick, stable in zip(axes.get_yticklabels(), shown["stable"].astype(bool)):
        tick.set_color(style.INK if stable else _GREY)
    right = blended_transform_factory(axes.transAxes, axes.transData)
    for offset, side, heading, column in (
        (16, "center", "images", shown["images"]),
        (47, "center", "labels", ["needed" if needed else "–" for needed in shown["needs_labels"].astype(bool)]),
        (69, "left", "caveat", ["–" if pd.isna(caveat) else caveat for caveat in shown["caveat"]]),
    ):
        at = {"xycoords": right, "textcoords": "offset points", "ha": side}
        axes.annotate(heading, (1, -0.7), (offset, 0), va="bottom", weight="bold", **at)
        for place, text, stable in zip(places, column, shown["stable"].astype(bool)):
            color = style.INK if stable else _GREY
            axes.annotate(text, (1, place), (offset, 0), va="center", fontsize=6.5, color=color, **at)


def _effect_axis(axes: Axes, memorizing: str, generalizing: str) -> None:
    axes.set_xscale("symlog", linthresh=1, linscale=0.6)
    axes.margins(x=0.04)
    low, high = (min(axes.get_xlim()[0], -1.3), max(axes.get_xlim()[1], 1.3))
    axes.set_xlim(low, high)
    steps = [digit * 10**power for power in range(9) for digit in (1, 3)]
    ticks = [0, *(sign * step for step in steps for sign in (-1, 1) if low < sign * step < high)]
    axes.set_xticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"Hedges' g, {memorizing} − {generalizing} (linear between −1 and 1, logarithmic beyond)")
    for x, side, text in ((-0.5, "right", f"◂ lower in {memorizing}"), (0.5, "left", f"higher in {memorizing} ▸")):
        above = blended_transform_factory(axes.transData, axes.transData)
        axes.text(x, -0.7, text, transform=above, ha=side, va="bottom")


def _keys(effects: pd.DataFrame, cells: Sequence[tuple[str, str]]) -> list[Line2D]:
    mark = {"linestyle": "", "markersize": 3.4, "markeredgewidth": 0.7}
    keys = []
    for number, cell in enumerate(cells):
        row = of_cell(effects, cell).iloc[0]
        names = ", ".join(style.shortened(name, 22) for name in cell)
        label = f"{names}, n = {row['n_memorizing']:.0f} / {row['n_generalizing']:.0f}"
        keys.append(Line2D([], [], color=style.INK, marker=_MARKERS[number % len(_MARKERS)], label=label, **mark))
    keys.append(Line2D([], [], color=style.INK, marker="o", label="filled: stable", **mark))
    keys.append(
        Line2D([], [], color=_GREY, marker="o", markerfacecolor="white", label="hollow, grey: not stable", **mark)
    )
    return keys
