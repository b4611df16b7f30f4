"""What comes from elsewhere, state dicts and recordings, as a configuration names it: found before any job starts."""

import re
from collections.abc import Iterable
from itertools import product
from os.path import isfile
from pathlib import Path
from string import Formatter
from typing import Any

from spikegrid.errors import InputError

CHECKPOINTS = "checkpoints"
"""Kind of the regimes whose networks come from files."""

RECORDING = "recording"
"""Stands in the place of the architecture in paths and tables of a recording."""

SPIKE_TABLES = (".csv", ".parquet")
"""Suffixes of tables of spike times; recordings may also be spike files of this library, npz."""

_DIGITS = re.compile(r"(0?[1-9])?d?")

_MOST_BINS = 1_000_000
"""Bins of a trial."""


def state_files(run: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    """Return the paths of the state dicts of a run, all epochs of a seed together.

    ``run`` has dataset, architecture, regime and seeds, ``entry`` is that of its regime. Raises InputError when
    a path is not there, stands for two networks, or names what a network has not.
    """
    return _files(f"regimes.{run['regime']}.files", entry["files"], run, epoch=sorted(entry["epochs"]))


def label_files(run: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    """Return for each seed of a run the path of the labels trained on, none where they are the true ones.

    Seeds may share their labels. Raises InputError as ``state_files`` does.
    """
    if entry["labels"] is None:
        return []
    return _files(f"regimes.{run['regime']}.labels", entry["labels"], run)


def check_recordings(config: dict[str, Any]) -> None:
    """Check names, files and bins of the recordings of a complete configuration. Raises InputError."""
    for name, entry in config["recordings"].items():
        where = f"config: recordings.{name}"
        if name in config["datasets"]:
            raise InputError(f"{where}: a dataset has this name too; rename one of them")
        for condition, files in entry["conditions"].items():
            if condition in config["regimes"]:
                raise InputError(f"{where}.conditions.{condition}: a regime has this name too; rename one of them")
            for place, file in enumerate(files):
                key = f"{where}.conditions.{condition}.{place}"
                _check_file(key, file)
                if Path(file).suffix not in (*SPIKE_TABLES, ".npz"):
                    raise InputError(f"{key} is {file!r}; expected a file {', '.join(SPIKE_TABLES)} or .npz")
                if Path(file).suffix in SPIKE_TABLES:
                    _check_bins(where, entry)
    if config["recordings"] and RECORDING in config["architectures"]:
        raise InputError(f"config: architectures.{RECORDING}: recordings stand under this name; choose another")


def _check_bins(where: str, entry: dict[str, Any]) -> None:
    for key in ("span", "bin"):
        if entry[key] is None:
            raise InputError(f"{where} lacks the key {key!r}; expected seconds, for tables of spike times")
    start, stop = entry["span"]
    bins = (stop - start) / entry["bin"]
    if not 0.5 <= bins <= _MOST_BINS or abs(bins - round(bins)) > 1e-6 * bins:
        raise InputError(
            f"{where}.span is {entry['span']}; expected a start, and a stop some whole bins later, up to {_MOST_BINS:,}"
        )


def _files(key: str, pattern: str, run: dict[str, Any], **axes: list[int]) -> list[str]:
    names = {axis: run[axis] for axis in ("dataset", "architecture", "regime")}
    fields = {"seed": run["seeds"], **axes}
    if not _names_only(pattern, names, fields):
        known = ", ".join(f"{{{name}}}" for name in (*names, *fields))
        raise InputError(f"config: {key} is {pattern!r}; expected a path with none but {known}")
    paths = [pattern.format(**names, **dict(zip(fields, values))) for values in product(*fields.values())]
    if axes and len(set(paths)) < len(paths):
        wanted = " and ".join(f"{{{axis}}}" for axis in fields)
        raise InputError(f"config: {key} is {pattern!r}, one path for several networks; expected {wanted} in it")
    for path in paths:
        _check_file(f"config: {key}", path)
    return paths


def _names_only(pattern: str, names: Iterable[str], numbers: Iterable[str]) -> bool:
    """Tell whether all fields of a pattern are names, or numbers of which it may say how many digits they have."""
    try:
        fields = [part[1:] for part in Formatter().parse(pattern) if part[1] is not None]
    except ValueError:
        return False
    return all(
        conversion is None and ((field in names and not digits) or (field in numbers and _DIGITS.fullmatch(digits)))
        for field, digits, conversion in fields
    )


def _check_file(key: str, path: str) -> None:
    if not isfile(path):
        raise InputError(f"{key}: there is no file {path}")
