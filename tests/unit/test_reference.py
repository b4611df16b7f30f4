"""The configuration reference says what the schema and the plug-ins say."""

from pathlib import Path

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
