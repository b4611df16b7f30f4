"""The examples of the README work as they stand."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from spikegrid import spikes
from spikegrid.capture import capture_spikes
from spikegrid.configuration import complete_configuration
from spikegrid.grid import Grid
from spikegrid.images import prepare
from spikegrid.plugins import load_plugin
from spikegrid.recordings import EPOCH, LAYER, import_session, spike_table
from spikegrid.state_dicts import load_state

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def write(code: str) -> Path:
    """Write a block of code to the file that its first line names."""
    path = Path.cwd() / code.partition("\n")[0].removeprefix("# ")
    path.parent.mkdir(parents=True)
    path.write_text(code)
    return path


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder with the plug-in and the images that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    code = next(block for block in blocks("python") if block.startswith("# my_plugins/"))
    path = write(code)
    for name in ("cat", "dog"):
        (tmp_path / "my_photos" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / "my_photos" / name / f"{number}.png")
    write(next(block for block in blocks("python") if block.startswith("# my_models/")))
    return path


def test_grid_of_the_readme_is_accepted(own_folder):
    grid = next(block for block in blocks("yaml") if block.startswith("# my_grid.yaml"))
    config, _ = complete_configuration(yaml.safe_load(grid))
    assert config["architectures"]["large"]["training"] == {"learning_rate": 0.01}


def test_images_of_the_grid_of_the_readme_are_prepared(own_folder):
    grid = Grid(*complete_configuration(yaml.safe_load(next(block for block in blocks("yaml") if "my_grid" in block))))
    entry = grid.dataset(SimpleNamespace(dataset="photos"))
    loaded = load_plugin("datasets", entry["plugin"])("unused", **entry["parameters"])
    prepared = prepare(loaded, "photos", entry["train_size"], entry["test_size"], entry["test_share"])
    assert prepared.images.shape[1:] == (3, 32, 32)
    assert len(prepared.classes) == 2


def test_plugin_of_the_readme_is_found_and_its_nodes_are_captured(own_folder):
    grid = yaml.safe_load(next(block for block in blocks("yaml") if block.startswith("# my_grid.yaml")))
    config, plugins = complete_configuration(grid | yaml.safe_load(blocks("yaml")[1]))
    (entry,) = config["architectures"].values()
    build = load_plugin("architectures", plugins["architectures"][entry["kind"]].source)
    network = build((1, 8, 8), 10, entry["width"])
    spikes = capture_spikes(network, torch.zeros(3, 1, 8, 8))
    assert [tuple(layer.shape) for layer in spikes.values()] == [(3, 256), (3, 8)]


def test_network_of_ones_own_in_the_readme_is_found_and_its_nodes_are_captured(own_folder):
    grid = next(block for block in blocks("yaml") if block.startswith("# my_grid.yaml"))
    config, _ = complete_configuration(yaml.safe_load(grid))
    entry = config["architectures"]["mine"]
    network = load_plugin("architectures", "python")((3, 8, 8), 10, entry["factory"], entry["parameters"])
    assert [tuple(fired.shape) for fired in capture_spikes(network, torch.rand(3, 3, 8, 8)).values()] == [(3, 32, 6, 6)]


def test_networks_trained_elsewhere_enter_as_the_readme_says(own_folder):
    text = next(block for block in blocks("yaml") if block.startswith("# my_networks.yaml"))
    assert len(text.splitlines()) < 20
    content = yaml.safe_load(text)
    entry = content["architectures"]["narrow"]
    build = load_plugin("architectures", entry["kind"])
    Path("my_networks").mkdir()
    for seed in range(content["seeds"]):
        for epoch in content["regimes"]["mine"]["epochs"]:
            network = build((3, 32, 32), 2, entry["hidden"])
            torch.save(network.state_dict(), f"my_networks/{seed}-{epoch}.pt")
    grid = Grid(*complete_configuration(content))
    (run,) = [cell for cell in grid.cells if cell.regime == "mine"]
    files = grid.state_files(SimpleNamespace(**run._asdict(), seeds="0-2"))
    assert len(files) == 6
    again = build((3, 32, 32), 2, entry["hidden"])
    load_state(again, files[-1], run.architecture)
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in network.state_dict().items())


def test_recordings_enter_as_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = next(block for block in blocks("yaml") if block.startswith("# my_recordings.yaml"))
    assert len(text.splitlines()) < 20
    content = yaml.safe_load(text)
    table = spike_table([[[0.01, 1.99], []], [[], [0.5]]], ["grating", "face"])
    for files in content["recordings"]["retina"]["conditions"].values():
        for file in files:
            table.to_csv(file, index=False)
    grid = Grid(*complete_configuration(content))
    assert grid.is_compared
    cell = grid.recorded[0]
    wildcards = SimpleNamespace(**cell._asdict(), seeds="2-2")
    assert grid.session_file(wildcards) == "awake_mouse3.csv"
    run = grid.run(wildcards)
    import_session(grid.session_file(wildcards), "spikes.npz", run, **grid.recording(wildcards))
    with spikes.load("spikes.npz") as recorded:
        assert len(recorded.index) == 2 * grid.observable("firing")["parameters"]["window"]
        fired = recorded.trains_at(LAYER, 2, EPOCH).to_array()
    np.testing.assert_array_equal(np.argwhere(fired), [[0, 0], [0, 99], [1, 125]])
