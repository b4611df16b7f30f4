"""The tidy table and how tables are written."""

import numpy as np
import pandas as pd
import pytest

from spikegrid.features import read_table, tidy, write_table
from spikegrid.seals import OPEN_SEAL

COLUMNS = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]


def test_records_get_the_names_of_the_run_and_the_columns_in_order(run):
    record = {"value": 0.5, "feature": "rate", "depth": 1, "layer": "relu", "epoch": 10, "seed": 3}
    table = tidy([record, record | {"seed": 4}], run)
    assert table.columns.tolist() == COLUMNS
    assert table.iloc[1].tolist() == ["dots", "net", "generalizing", 4, 10, "relu", 1, "rate", 0.5]


def test_no_records_give_an_empty_table_with_the_columns(run):
    table = tidy([], run)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 0


@pytest.fixture
def table():
    return pd.DataFrame({"name": ["a", "NA"], "count": [1, 2], "value": [1 / 3, np.nan], "fits": [True, False]})


@pytest.mark.parametrize("read", [read_table, pd.read_parquet])
def test_parquet_keeps_every_value_and_type(tmp_path, table, read):
    write_table(tmp_path / "table.parquet", table)
    pd.testing.assert_frame_equal(read(tmp_path / "table.parquet"), table)


def test_chosen_rows_and_columns_are_read(tmp_path, table):
    write_table(tmp_path / "table.parquet", table)
    read = read_table(tmp_path / "table.parquet", columns=["count"], filters=[("name", "==", "NA")])
    assert read.to_dict("list") == {"count": [2]}


def test_table_that_holds_the_words_of_a_checksum_is_not_sealed(tmp_path, table):
    with pytest.raises(ValueError, match="has the words of a checksum"):
        write_table(tmp_path / "table.parquet", table.assign(name=OPEN_SEAL))
    assert list(tmp_path.iterdir()) == []


def test_csv_has_seven_digits_no_index_and_an_empty_line_at_its_end(tmp_path, table):
    write_table(tmp_path / "table.csv", table)
    assert (tmp_path / "table.csv").read_bytes() == b"name,count,value,fits\na,1,0.3333333,True\nNA,2,,False\n\n"


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_writing_twice_gives_the_same_bytes_and_leaves_nothing_else(tmp_path, table, name):
    write_table(tmp_path / name, table)
    first = (tmp_path / name).read_bytes()
    write_table(tmp_path / name, table)
    assert (tmp_path / name).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [name]
