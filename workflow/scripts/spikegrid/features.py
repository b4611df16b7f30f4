"""The tidy table that every observable gives, and that tables, indicators and figures read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from spikegrid.errors import InputError
from spikegrid.files import CSV_END, written_whole
from spikegrid.seals import OPEN_SEAL, check_seal, close_seal

COLUMNS = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
"""One row a value. ``depth`` is 1 for the first layer executed, 0 for the network as a whole."""

NETWORK = "network"
"""Name of the network as a whole among the layers; its depth is 0."""


def tidy(records: Iterable[dict], run: dict) -> pd.DataFrame:
    """Return records of seed, epoch, layer, depth, feature and value in COLUMNS, with the names of ``run``."""
    names = {axis: run[axis] for axis in ("dataset", "architecture", "regime")}
    return pd.DataFrame.from_records([names | record for record in records], columns=COLUMNS)


def observed_tables(observed: pd.DataFrame | dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return what an observable gives as tables by name: its features alone, or several."""
    return observed if isinstance(observed, dict) else {"features": observed}


def write_observed(paths: dict[str, str], observed: pd.DataFrame | dict[str, pd.DataFrame]) -> None:
    """Write what an observable gives: its features, or several tables by name, each to the path of its name."""
    tables = observed_tables(observed)
    for name, path in paths.items():
        write_table(path, tables[name])


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table whole, as csv with 7 significant digits or as sealed parquet, by the suffix of ``path``."""
    with written_whole(path) as temporary:
        if temporary.suffix == ".csv":
            with temporary.open("w", newline="", encoding="utf-8") as stream:
                table.to_csv(stream, index=False, float_format="%.7g", lineterminator="\n")
                stream.write(CSV_END)
        else:
            typed = pa.Table.from_pandas(table, preserve_index=False)
            sealed = typed.replace_schema_metadata({**typed.schema.metadata, "spikegrid": OPEN_SEAL})
            parquet.write_table(sealed, temporary, compression="zstd")
            close_seal(temporary)


def read_table(path: str | Path, **chosen: Any) -> pd.DataFrame:
    """Read a parquet table of the workflow; ``chosen`` are ``columns`` and ``filters`` of ``pandas.read_parquet``.

    Raises InputError when the file is not as it was written.
    """
    try:
        check_seal(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole table of this workflow ({error}); delete it and run again") from None
    return pd.read_parquet(path, **chosen)
