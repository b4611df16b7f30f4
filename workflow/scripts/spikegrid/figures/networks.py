"""Which networks and layers a figure shows, and how many networks it says there are."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid.features import read_table
from spikegrid.figures.style import shortened


def final_units(paths: Iterable[str | Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Return the values by unit of all networks of one dataset and architecture, at the last epoch of each.

    paths: units tables of one observable, ``{regime}/seeds{first}-{last}/units/{observable}.parquet``. runs: a row a
    network. The result has ``regime`` and ``reached_target`` beside the columns of those tables.
    """
    tables = []
    for path in map(Path, paths):
        networks = runs[runs["regime"] == path.parts[-4]]
        units = read_table(path, filters=[("epoch", "in", networks["epoch"].unique().tolist())])
        tables.append(units.merge(networks[["regime", "seed", "epoch", "reached_target"]], on=["seed", "epoch"]))
    return pd.concat(tables, ignore_index=True)


def values_over_training(paths: Iterable[str | Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Return a further table of one observable, of all networks of one dataset and architecture at every epoch.

    paths: ``{regime}/seeds{first}-{last}/{table}/{observable}.parquet``. runs: a row a network. The result has
    ``regime`` and ``reached_target`` beside the columns of those tables.
    """
    tables = []
    for path in map(Path, paths):
        networks = runs[runs["regime"] == path.parts[-4]]
        tables.append(read_table(path).merge(networks[["regime", "seed", "reached_target"]], on="seed"))
    return pd.concat(tables, ignore_index=True)


def labels_with_counts(networks: pd.DataFrame, regimes: Sequence[str]) -> dict[str, str]:
    """Return what a legend says of each regime that is there: its name and how many networks are shown or left out.

    networks: any table with ``regime``, ``seed`` and ``reached_target``.
    """
    reached = networks.drop_duplicates(["regime", "seed"]).groupby("regime")["reached_target"].agg(["sum", "size"])
    return {regime: _label(regime, *reached.loc[regime]) for regime in regimes if regime in reached.index}


def shown_layers(table: pd.DataFrame, limit: int = 4) -> list[str]:
    """Return at most ``limit`` layers of a table, evenly spaced in depth, the first and the last among them."""
    layers = table.loc[table["depth"] > 0, ["layer", "depth"]].drop_duplicates().sort_values("depth", kind="stable")
    names = layers["layer"].tolist()
    places = np.linspace(0, len(names) - 1, min(limit, len(names))).round().astype(int)
    return [names[place] for place in places]


def _label(regime: str, reached: int, networks: int) -> str:
    name, missed = shortened(regime, 30), networks - reached
    if not missed:
        return f"{name}, n = {reached}"
    return f"{name}, n = {reached} ({missed} missed target)"
