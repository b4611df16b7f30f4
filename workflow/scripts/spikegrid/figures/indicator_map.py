"""Map of indicators: how far memorizing networks lie from generalizing ones, feature by feature and layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from spikegrid.features import NETWORK
from spikegrid.figures import style
from spikegrid.figures.cells import grouped_by_stem
from spikegrid.figures.data import Figure, keep
from spikegrid.indicators import COLUMNS
from spikegrid.tables import read_named

BOUND = 10.0
"""Hedges' g at which the colours end; the scale is linear between -1 and 1 and logarithmic beyond."""

_CAPACITY = 27
_CELL_HEIGHT, _LOW_CELL_HEIGHT, _LEAST_HEIGHT, _SCALE_HEIGHT = 4.6, 3.8, 14.0, 2.2
_MANY_ROWS = 20
_WIDEST_CELL, _MARGINS, _PER_CHARACTER = 8.0, 6.0, 1.15
_LONGEST_LABEL = 52
_CHARACTERS_IN_A_CELL = 4.0


@dataclass(frozen=True)
class _Block:
    """The columns of one dataset and architecture: g and whether its interval excludes 0, [features × layers].

    ``data`` has a row a feature and layer.
    """

    letter: str
    title: str
    layers: list[str]
    effects: np.ndarray
    signs: np.ndarray
    data: pd.DataFrame

    @property
    def width(self) -> int:
        """Columns that the block takes: its layers, or more where its title is wider."""
        longest = max(map(len, f"{self.letter}   {self.title}".split("\n")))
        return max(len(self.layers), int(np.ceil(longest / _CHARACTERS_IN_A_CELL)))


def read_indicators(path: str | Path, observable: str) -> pd.DataFrame:
    """Return the rows of one observable of the csv table of indicators; a network may be named 1 or NA."""
    table = read_named(path, COLUMNS)
    return table[table["observable"] == observable]


@rc_context(style.RC)
def draw_indicator_map(indicators: pd.DataFrame, regimes: Sequence[str], memorizing: str, generalizing: str) -> Figure:
    """Draw Hedges' g of memorizing − generalizing after training: rows of features, columns of layers by network.

    indicators: the table of one observable. regimes: all names, in the order of the configuration. A triangle marks
    where the bootstrap interval of the difference excludes 0 and points to its sign; where g is undefined the cell is
    hatched.
    """
    looks = style.regime_looks(regimes)
    shades = [looks[generalizing].color, "#F7F7F7", looks[memorizing].color]
    colors = ScalarMappable(
        SymLogNorm(1, vmin=-BOUND, vmax=BOUND), LinearSegmentedColormap.from_list("effects", shades)
    )
    memorizing, generalizing = (style.shortened(name, 16) for name in (memorizing, generalizing))
    final = indicators[indicators["final"].astype(bool)]
    features = [name for group in grouped_by_stem(dict.fromkeys(final["feature"])) for name in group]
    cells = final.groupby(["dataset", "architecture"], sort=False)
    letters = style.panel_letters()
    lines = _in_lines([_block(next(letters), cell, rows, features) for cell, rows in cells])
    if not lines:
        return style.empty_figure(
            f"no dataset and architecture where networks of\n{memorizing} and {generalizing} reached their target"
        )
    capacity = max(_extent(line) for line in lines)
    margins = _MARGINS + _PER_CHARACTER * max(map(len, map(_feature_label, features)))
    cell = min(_WIDEST_CELL, (style.FULL_WIDTH - margins) / capacity)
    width = max(style.HALF_WIDTH, margins + cell * capacity)
    row = _CELL_HEIGHT if len(features) <= _MANY_ROWS else _LOW_CELL_HEIGHT
    inner = max(_LEAST_HEIGHT, len(features) * row)
    outer = 14 + 1.3 * max(len(_layer_label(layer)) for layer in final["layer"])
    figure = style.new_figure(width, 26 + (inner + outer) * len(lines))
    *rows, scale = figure.subplots(len(lines) + 1, 1, height_ratios=[inner] * len(lines) + [_SCALE_HEIGHT])
    for axes, line in zip(rows, lines):
        _draw_line(axes, line, features, colors)
        axes.set_xlim(0, capacity)
    _draw_scale(scale, final["hedges_g"], colors, f"Hedges' g\n{memorizing} − {generalizing}")
    style.legend_below(figure, _keys(memorizing), width)
    return figure


def _block(letter: str, cell: tuple[str, str], rows: pd.DataFrame, features: list[str]) -> _Block:
    depths = rows.drop_duplicates("layer").set_index("layer")["depth"]
    layers = depths.where(depths > 0, np.inf).sort_values(kind="stable").index.tolist()
    rows = rows.assign(sign=(rows["low"] > 0).astype(int) - (rows["high"] < 0).astype(int))
    data = rows.rename(columns={"hedges_g": "value"})[
        ["dataset", "architecture", "layer", "feature", "sign", "n_memorizing", "n_generalizing", "value"]
    ].assign(panel=letter, drawn="Hedges' g")
    effects, signs = (
        data.pivot(index="feature", columns="layer", values=column).reindex(index=features, columns=layers).to_numpy()
        for column in ("value", "sign")
    )
    names = "\n".join(style.shortened(name, 22) for name in cell)
    title = f"{names}\nn = {rows['n_memorizing'].iloc[0]} / {rows['n_generalizing'].iloc[0]}"
    return _Block(letter, title, layers, effects, signs, data)


def _extent(line: list[_Block]) -> int:
    return sum(block.width for block in line) + len(line) - 1


def _in_lines(blocks: list[_Block]) -> list[list[_Block]]:
    """Put blocks side by side until a line is full."""
    lines: list[list[_Block]] = []
    for block in blocks:
        if lines and _extent([*lines[-1], block]) <= _CAPACITY:
            lines[-1].append(block)
        else:
            lines.append([block])
    return lines


def _draw_line(axes: Axes, line: list[_Block], features: list[str], colors: ScalarMappable) -> None:
    left, places, names = 0, [], []
    shades = {"cmap": colors.cmap, "norm": colors.norm}
    for block in line:
        keep(axes, block.data)
        columns, count = len(block.layers), len(features)
        ground = {"facecolor": "0.94", "edgecolor": "0.65", "hatch": "//////", "linewidth": 0}
        axes.add_patch(Rectangle((left, 0), columns, count, **ground))
        edges = left + np.arange(columns + 1), np.arange(count + 1)
        axes.pcolormesh(*edges, np.ma.masked_invalid(block.effects), edgecolors="white", linewidth=0.6, **shades)
        for sign, marker in ((1, "^"), (-1, "v")):
            feature, layer = np.nonzero(block.signs == sign)
            strong = np.abs(block.effects[feature, layer]) > 1.5
            axes.scatter(
                *(left + layer + 0.5, feature + 0.5), s=7, marker=marker, c=np.where(strong, "white", style.INK), lw=0
            )
        title = style.with_letter(block.letter, block.title)
        axes.annotate(title, (left, 0), (0, 4), textcoords="offset points", va="bottom", linespacing=1.1)
        places += [left + number + 0.5 for number in range(columns)]
        names += [_layer_label(layer) for layer in block.layers]
        left += block.width + 1
    axes.set_xticks(places, names, rotation=90)
    axes.set_yticks(np.arange(len(features)) + 0.5, [_feature_label(feature) for feature in features])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylim(len(features), 0)


def _draw_scale(axes: Axes, effects: pd.Series, colors: ScalarMappable, label: str) -> None:
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = ends[bool((effects < -BOUND).any()), bool((effects > BOUND).any())]
    ticks = [-10, -3, -1, 0, 1, 3, 10]
    bar = axes.figure.colorbar(colors, cax=axes, orientation="horizontal", extend=extend, ticks=ticks, label=label)
    axes.set_xticklabels([f"{tick}".replace("-", "−") for tick in ticks])
    bar.minorticks_off()
    bar.outline.set_visible(False)


def _keys(memorizing: str) -> list[Line2D | Patch]:
    mark = {"color": style.INK, "linestyle": "", "markersize": 3}
    return [
        Line2D([], [], marker="^", label=f"{memorizing} higher, interval excludes 0", **mark),
        Line2D([], [], marker="v", label=f"{memorizing} lower, interval excludes 0", **mark),
        Patch(facecolor="0.94", edgecolor="0.65", hatch="//////", linewidth=0, label="g undefined"),
    ]


def _feature_label(feature: str) -> str:
    return style.shortened(style.feature_label(feature, 1000), _LONGEST_LABEL)


def _layer_label(layer: str) -> str:
    return "whole network" if layer == NETWORK else style.shortened(layer, 20)
