"""The data behind a figure: what its panels draw, kept as it is drawn, as one tidy table."""

from collections.abc import Hashable, Mapping
from typing import Any

import matplotlib.figure
import pandas as pd
from matplotlib.axes import Axes

_FIRST = [
    *("observable", "dataset", "architecture", "panel", "drawn", "regime", "seed", "epoch", "layer", "depth"),
    "feature",
]
_LAST = ["value", "low", "high", "n"]


class Figure(matplotlib.figure.Figure):
    """A figure that keeps the tables which its panels are drawn from, and what each panel shows."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.kept: list[tuple[Axes, pd.DataFrame]] = []
        self.names: dict[Axes, dict[str, Hashable]] = {}


def keep(axes: Axes, table: pd.DataFrame, **names: Hashable) -> pd.DataFrame:
    """Keep a table as data behind a panel, and return it to be drawn from.

    table: a row a value that is drawn, such as a point with its interval, a bar, a step, a spike, a cell of a map.
    Where its columns fit, they are named as in all figures: ``drawn`` for what a row is ("mean", "network", "law"), the
    names of runs, layers and features, ``value`` with the bounds ``low`` and ``high`` of its interval, and ``n``, the
    number of networks behind it. names: further columns that have one value in the whole table.
    """
    axes.figure.kept.append((axes, table.assign(**names)))
    return table


def name_data(axes: Axes, **names: Hashable) -> None:
    """Say what a panel shows: columns that all data behind it have, such as its letter and the feature."""
    axes.figure.names.setdefault(axes, {}).update(names)


def data_of(figure: Figure, names: Mapping[str, Hashable]) -> pd.DataFrame:
    """Return all data behind a figure, panels in the order of their letters, rows of each as they were drawn.

    names: columns that all of them have. Columns: names of runs and panels, what else the panels have, then ``value``,
    ``low``, ``high`` and ``n``; a row has no value where its panel lacks the column.
    """
    rows = [
        {**names, "panel": None, **figure.names.get(axes, {}), **row}
        for axes, table in figure.kept
        for row in table.to_dict("records")
    ]
    rows.sort(key=lambda row: (len(row["panel"] or ""), row["panel"] or ""))
    found = dict.fromkeys(column for row in rows for column in row) or ["panel"]
    others = [column for column in found if column not in (*_FIRST, *_LAST)]
    columns = [*(name for name in _FIRST if name in found), *others, *(name for name in _LAST if name in found)]
    return pd.DataFrame(rows, columns=columns)
