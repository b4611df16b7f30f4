"""The configuration reference says what the schema and the plug-ins say."""

from pathlib import Path

from spikegrid.configuration import read_schema
from spikegrid.plugins import FUNCTIONS, find_plugins
from spikegrid.reference import reference

PAGE = Path(__file__).parents[2] / "config" / "README.md"


def test_reference_page_is_up_to_date():
    assert PAGE.read_text() == reference(), "run `make docs`"


def test_reference_page_names_every_plugin_and_its_parameters():
    page = PAGE.read_text()
    for folder in FUNCTIONS:
        for name, plugin in find_plugins(folder).items():
            section = page.partition(f"### `kind: {name}`\n")[2].partition("\n#")[0]
            assert plugin.summary.replace("``", "`") in section
            for parameter, rule in plugin.parameters.items():
                assert f"| `{parameter}` |" in section
                assert rule["description"] in section


def test_reference_page_names_the_keys_that_every_dataset_and_observable_may_hold():
    page = PAGE.read_text()
    for title, kind in (("Datasets", "dataset"), ("Observables", "observable")):
        section = page.partition(f"## {title}: ")[2].partition("\n### ")[0]
        assert "Every entry may hold:" in section
        for key, rule in read_schema()["$defs"][kind].items():
            assert f"| `{key}` |" in section
            assert rule["description"] in section


def test_reference_page_says_which_orders_an_observable_takes():
    section = PAGE.read_text().partition("### `kind: intervals`\n")[2].partition("\n#")[0]
    assert "| `orders` | list of `random`, `class_blocked`, `given` |" in section
