"""Tables over all runs: histories, final accuracies, features."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from spikegrid.errors import InputError
from spikegrid.features import COLUMNS as FEATURE_COLUMNS

RUN = ["dataset", "architecture", "regime", "seed"]
"""What names one network."""

CELL = ["dataset", "architecture"]
"""What names the networks that are compared with one another."""

_log = logging.getLogger("spikegrid")


def read_named(path: str | Path) -> pd.DataFrame:
    """Read a csv table in which networks, layers, features and the like have names; these may be 1 or NA."""
    names = ["dataset", "architecture", "regime", "observable", "feature", "layer", "series", "sentence"]
    return pd.read_csv(path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=[""])


def join_histories(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return the histories of all runs as one table, in the order of ``paths``."""
    return pd.concat([read_named(path) for path in paths], ignore_index=True)


def final_accuracies(history: pd.DataFrame, targets: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a row a network: the history of its last epoch, and whether it reached its target accuracy.

    ``targets`` holds for each dataset, architecture and regime the ``target_accuracy``, a share in [0, 1] that a
    network must have on the labels trained on; averages leave out one that has not (``reached_target`` false). A
    recording has no target to miss.
    """
    last = history.groupby(RUN, sort=False).tail(1)
    targets = pd.DataFrame(targets, columns=[*RUN[:-1], "target_accuracy"]).astype({"target_accuracy": float})
    runs = last.merge(targets, on=RUN[:-1], how="left", validate="many_to_one")
    reached = (runs["train_accuracy"] >= runs["target_accuracy"]) | runs["target_accuracy"].isna()
    return runs.assign(reached_target=reached)


def warn_of_missed_targets(runs: pd.DataFrame) -> None:
    """Log a warning for every network that did not reach its target accuracy."""
    for run in runs[~runs["reached_target"]].itertuples():
        _log.warning(
            "%s/%s/%s seed %d: training accuracy %.4f is below the target %.4g; averages leave it out",
            *(run.dataset, run.architecture, run.regime, run.seed, run.train_accuracy, run.target_accuracy),
        )


def join_features(paths: Iterable[str | Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Return the features of all runs and observables as one tidy table.

    The name of a file is that of its observable. Beside the columns of every observable the table has ``observable``
    and ``reached_target``, which is false for networks that averages must leave out. Raises InputError when a table
    lacks a column or two rows claim the same value.
    """
    tables = []
    for path in map(Path, paths):
        table = _read_parquet(path)
        missing = [column for column in FEATURE_COLUMNS if column not in table]
        if missing:
            raise InputError(f"{path}: lacks the columns {', '.join(missing)}; expected {', '.join(FEATURE_COLUMNS)}")
        tables.append(table[FEATURE_COLUMNS].assign(observable=path.stem))
    features = pd.concat(tables, ignore_index=True)
    key = ["observable", *FEATURE_COLUMNS[:-1]]
    repeated = features[features.duplicated(key)]
    if len(repeated):
        raise InputError(f"features: two values for {', '.join(map(str, repeated.iloc[0][key]))}; names must differ")
    return features.merge(runs[[*RUN, "reached_target"]], on=RUN, how="left", validate="many_to_one")


def join_processes(paths: Iterable[str | Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Return the tests and fits of all runs: a row for each network, epoch, layer and order of images.

    The name of a file is that of its observable. Columns: ``observable``, those of the tables, and ``reached_target``.
    """
    tables = []
    for path in map(Path, paths):
        table = _read_parquet(path)
        table.insert(0, "observable", path.stem)
        tables.append(table)
    processes = pd.concat(tables, ignore_index=True)
    return processes.merge(runs[[*RUN, "reached_target"]], on=RUN, how="left", validate="many_to_one")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a table of this workflow ({error}); delete it and run again") from None
