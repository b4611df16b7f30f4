"""Tables over all runs: histories, final accuracies, features."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spikegrid.errors import InputError
from spikegrid.features import COLUMNS as FEATURE_COLUMNS
from spikegrid.features import read_table
from spikegrid.files import CSV_END
from spikegrid.history import COLUMNS as HISTORY_COLUMNS

RUN = ["dataset", "architecture", "regime", "seed"]
"""What names one network."""

CELL = ["dataset", "architecture"]
"""What names the networks that are compared with one another."""

RUN_COLUMNS = [*HISTORY_COLUMNS, "target_accuracy", "reached_target"]
"""Those of ``final_accuracies``."""

WORDS = [
    *("dataset", "architecture", "regime", "observable", "feature", "layer", "series", "sentence"),
    *("target", "predictor", "place", "images", "caveat", "sign", "law", "reason", "model", "statistic"),
    *("left_out", "held_out", "criterion", "order", "count_model", "rate_model"),
]
"""Columns of any csv table that hold words; all others hold numbers, or True and False."""

_log = logging.getLogger("spikegrid")


def read_named(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a csv table in which networks, layers, features and the like have names; these may be 1 or NA.

    Raises InputError when it is cut short, has other columns, a row of more or fewer fields, or words in place of a
    number. A csv has no room for a checksum: one digit in place of another passes unseen.
    """
    try:
        return _parsed(Path(path).read_bytes().decode(), columns)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not a whole table of this workflow ({error}); delete it and run again") from None


def _parsed(text: str, columns: Sequence[str]) -> pd.DataFrame:
    if not text.endswith("\n" + CSV_END):
        raise ValueError("its end is missing")
    header, *rows, _ = csv.reader(io.StringIO(text, newline=""), strict=True)
    if header != list(columns):
        raise ValueError(f"its columns are {header}; expected {', '.join(columns)}")
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("a row has more or fewer fields than there are columns")
    words = dict.fromkeys(WORDS, str)
    table = pd.read_csv(io.StringIO(text), dtype=words, keep_default_na=False, na_values=[""], low_memory=False)
    for name in columns:
        if rows and name not in WORDS and not pd.api.types.is_numeric_dtype(table[name]):
            raise ValueError(f"the column {name} holds something that is no number")
    return table


def join_histories(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return the histories of all runs as one table, in the order of ``paths``.

    Raises InputError when one is not whole: all of its seeds have the same epochs.
    """
    return pd.concat(map(_read_history, paths), ignore_index=True)


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


def at_last_epoch(features: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last epoch of each network."""
    return features[features["epoch"] == features.groupby(RUN, sort=False)["epoch"].transform("max")]


def in_last_layer(table: pd.DataFrame) -> pd.Series:
    """Tell which rows are of the layer nearest the output in their cell, or of an observable where the table has any.

    The latter is the deepest that the observable measures.
    """
    place = [*CELL, *(["observable"] if "observable" in table else [])]
    return table["depth"] == table.groupby(place, sort=False)["depth"].transform("max")


def warn_of_missed_targets(runs: pd.DataFrame) -> None:
    """Log a warning for every network that did not reach its target accuracy."""
    for run in runs[~runs["reached_target"]].itertuples():
        _log.warning(
            "%s/%s/%s seed %d: training accuracy %.4f is below the target %.4g; averages leave it out "
            "(give it more epochs, or lower training.target_accuracy)",
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
        table = read_table(path)
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


def join_tables(paths: Iterable[str | Path], runs: pd.DataFrame) -> pd.DataFrame:
    """Return a further table of one kind of observable, such as its tests and fits, of all runs.

    The name of a file is that of its observable. Columns: ``observable``, those of the tables, which name the run, and
    ``reached_target``.
    """
    tables = []
    for path in map(Path, paths):
        table = read_table(path)
        table.insert(0, "observable", path.stem)
        tables.append(table)
    processes = pd.concat(tables, ignore_index=True)
    return processes.merge(runs[[*RUN, "reached_target"]], on=RUN, how="left", validate="many_to_one")


def _read_history(path: str | Path) -> pd.DataFrame:
    table = read_named(path, HISTORY_COLUMNS)
    epochs = table.groupby("seed")["epoch"].agg(tuple)
    if len(table[RUN[:-1]].drop_duplicates()) != 1 or len(set(epochs)) != 1:
        raise InputError(f"{path}: not the history of one run, each seed at the same epochs; delete it and run again")
    return table
