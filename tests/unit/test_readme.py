"""The examples of the README work as they stand."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from spikegrid.capture import capture_spikes
from spikegrid.configuration import complete_configuration
from spikegrid.plugins import load_plugin

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder with the plug-in and the images that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    code = next(block for block in blocks("python") if block.startswith("# my_plugins/"))
    path = tmp_path / code.partition("\n")[0].removeprefix("# ")
    path.parent.mkdir(parents=True)
    path.write_text(code)
    for name in ("cat", "dog"):
        (tmp_path / "my_photos" / name).mkdir(parents=True)
    return path


def test_grid_of_the_readme_is_accepted(own_folder):
    grid = next(block for block in blocks("yaml") if block.startswith("# my_grid.yaml"))
    config, _ = complete_configuration(yaml.safe_load(grid))
    assert config["architectures"]["large"]["training"] == {"learning_rate": 0.01}


def test_plugin_of_the_readme_is_found_and_its_nodes_are_captured(own_folder):
    grid = yaml.safe_load(next(block for block in blocks("yaml") if block.startswith("# my_grid.yaml")))
    config, plugins = complete_configuration(grid | yaml.safe_load(blocks("yaml")[1]))
    (entry,) = config["architectures"].values()
    build = load_plugin("architectures", plugins["architectures"][entry["kind"]].source)
    network = build((1, 8, 8), 10, entry["width"])
    spikes = capture_spikes(network, torch.zeros(3, 1, 8, 8))
    assert [tuple(layer.shape) for layer in spikes.values()] == [(3, 256), (3, 8)]
