"""A table on a page: the fields of the file, which columns are numbers, needing nothing from elsewhere."""

import base64
import json
import re
import zlib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from grids import changed_grid

from spikegrid.errors import InputError
from spikegrid.features import write_table
from spikegrid.table_page import table_page

REPOSITORY = Path(__file__).parents[2]


def content_of(page: str) -> dict:
    (data,) = re.findall(r'<script id="data" type="text/plain">([^<]*)</script>', page)
    return json.loads(zlib.decompress(base64.b64decode(data)))


@pytest.fixture
def written(tmp_path):
    """A function that writes a table as the workflow does, and its page."""

    def write(table):
        write_table(tmp_path / "some.csv", table)
        return table_page(tmp_path / "some.csv")

    return write


TABLE = pd.DataFrame(
    {
        "layer": ["1", "10", "NA"],
        "rho": [0.12345678, None, -3e-09],
        "inf": [float("inf"), 1, 2],
        "stable": [True, False, True],
        "sentence": ['</script><b>"a", b', "two\nlines", ""],
        "nothing": [None, None, None],
    }
)


def test_fields_are_those_of_the_file(written):
    content = content_of(written(TABLE))
    assert content["columns"] == list(TABLE)
    assert content["rows"] == [
        ["1", "0.1234568", "inf", "True", '</script><b>"a", b', ""],
        ["10", "", "1", "False", "two\nlines", ""],
        ["NA", "-3e-09", "2", "True", "", ""],
    ]


def test_columns_of_numbers_are_known_and_names_that_look_like_numbers_are_words(written):
    content = content_of(written(TABLE.assign(layer=["1", "2", "3"])))
    assert dict(zip(TABLE, content["numeric"])) == {
        "layer": False,
        "rho": True,
        "inf": True,
        "stable": False,
        "sentence": False,
        "nothing": False,
    }


def test_a_table_without_rows_has_its_columns(written):
    content = content_of(written(TABLE[:0]))
    assert content == {"columns": list(TABLE), "numeric": [False] * len(TABLE.columns), "rows": []}


def test_page_asks_for_nothing_from_elsewhere_and_repeats(written):
    page = written(TABLE)
    assert not re.search(r"https?:|url\(|<link|src=|@import", page)
    assert page.count("</script>") == 2
    assert page == written(TABLE)


def test_large_tables_are_packed(written, tmp_path):
    page = written(pd.DataFrame({"layer": ["hidden1.relu"] * 20_000, "epoch": range(20_000)}))
    assert len(page) < (tmp_path / "some.csv").stat().st_size / 3


def test_a_table_that_was_cut_short_is_refused(tmp_path):
    (tmp_path / "cut.csv").write_text("layer,rho\nhidden,0.1\n")
    with pytest.raises(InputError, match=r"cut\.csv: not a whole table"):
        table_page(tmp_path / "cut.csv")


def test_caption_says_of_every_table_what_a_row_is():
    caption = (REPOSITORY / "workflow" / "report" / "table_page.rst").read_text(encoding="utf-8")
    grid = changed_grid(yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8")))
    names = {Path(path).stem for path in grid.csv_tables()}
    assert names >= {"transfer", "pruning", "doses"}
    assert set(re.findall(r'^    "(\w+)": "', caption, re.MULTILINE)) == names
