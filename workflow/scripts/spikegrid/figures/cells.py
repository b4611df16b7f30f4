"""What figures of a whole grid show: cells, each a dataset and architecture, at the layer nearest the output."""

from collections.abc import Iterable, Sequence

import pandas as pd

from spikegrid.feature_names import ORDER_SUFFIX
from spikegrid.figures.style import shortened
from spikegrid.tables import CELL, in_last_layer

_ORDERS = ["random", "class_blocked", "given"]


def stem_of(feature: str) -> str:
    """Return the name of a feature without the order of images."""
    return ORDER_SUFFIX.sub("", feature)


def grouped_by_stem(names: Iterable[str]) -> list[list[str]]:
    """Group names of features that differ only in the order of images, as in _ORDERS: the control comes first."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(stem_of(name), []).append(name)
    return [sorted(group, key=_place_of_order) for group in groups.values()]


def cells_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the cells of a table, in the order in which they appear."""
    return list(table[CELL].drop_duplicates().itertuples(index=False, name=None))


def of_cell(table: pd.DataFrame, cell: tuple[str, str]) -> pd.DataFrame:
    """Return the rows of one cell."""
    return table[(table["dataset"] == cell[0]) & (table["architecture"] == cell[1])]


def last_layer(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the deepest layer of each cell and observable."""
    measured = table[table["depth"] > 0]
    return measured[in_last_layer(measured)]


def nearest_output(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the deepest layer, as ``last_layer``, and of the network those of features that no layer has.

    Features of one name of two observables are two features.
    """
    of_layer = last_layer(table)
    names = [name for name in ("observable", "feature") if name in table]
    has_layers = pd.MultiIndex.from_frame(table[names]).isin(pd.MultiIndex.from_frame(of_layer[names]))
    return pd.concat([of_layer, table[(table["depth"] == 0) & ~has_layers]])


def labels_with_counts_per_point(networks: pd.DataFrame, column: str, names: Sequence[str]) -> dict[str, str]:
    """Return what a legend says of each of ``names`` that is there: how many networks a cell and regime of it has.

    networks: any table with names of networks and ``reached_target``. column: what is named. Where cells or regimes
    differ the label says the fewest and the most; networks that missed their target are counted over all of them.
    """
    each = networks.drop_duplicates([*CELL, "regime", "seed"])
    counts = each.groupby([*CELL, "regime"], sort=False)["reached_target"].agg(["sum", "size"]).reset_index()
    labels = {}
    for name in names:
        counted = counts[counts[column] == name]
        if len(counted):
            reached = dict.fromkeys([counted["sum"].min(), counted["sum"].max()])
            missed = (counted["size"] - counted["sum"]).sum()
            label = f"{shortened(name, 30)}, n = {'–'.join(map(str, reached))}"
            labels[name] = label + (f" ({missed} missed target)" if missed else "")
    return labels


def _place_of_order(feature: str) -> int:
    found = ORDER_SUFFIX.search(feature)
    return _ORDERS.index(found[1]) if found else -1
