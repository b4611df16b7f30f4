"""A network of the user's own from any file: it joins the grid, edits redo its runs alone, its faults are one line."""

import json
import re
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from snakemake_runs import REPOSITORY, append_comment, copy_folder, snakemake

FILES = {
    "nets.py": """
        from blocks import block
        from torch import nn


        def small(shape, classes, width):
            return nn.Sequential(nn.Flatten(), block(shape[0] * shape[1] * shape[2], width), nn.Linear(width, classes))


        def raising(shape, classes):
            raise ValueError("no such network")


        def without_nodes(shape, classes):
            return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
    """,
    "blocks.py": """
        from torch import nn


        def block(inputs, outputs):
            return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU())
    """,
}
FAULTS = {
    "raising": ["nets.py:raising", "ValueError: no such network (nets.py, line 10)"],
    "without_nodes": ["Sequential", "no thresholded node"],
}
GRID = {
    "datasets": {"digits": {"kind": "digits", "train_size": 60, "test_size": 40}},
    "architectures": {
        "mlp": {"kind": "mlp", "hidden": [5]},
        "own": {"kind": "python", "factory": "nets.py:small", "parameters": {"width": 6}},
        **{name: {"kind": "python", "factory": f"nets.py:{name}"} for name in FAULTS},
    },
    "regimes": {"generalizing": {"kind": "generalizing"}},
    "observables": {"firing": {"kind": "firing", "window": 10}},
    "indicators": {"memorizing": "generalizing"},
    "seeds": 1,
    "training": {"epochs": 1, "target_accuracy": 0},
}
SOUND = GRID | {"only": [{"architecture": ["mlp", "own"]}]}


@pytest.fixture(scope="session")
def own_network(once, code):
    def execute(folder):
        folder.mkdir()
        for name, source in FILES.items():
            (folder / name).write_text(dedent(source).lstrip(), encoding="utf-8")
        return snakemake(folder, code=code, config=GRID, targets=["collect"])

    return once("own_network", execute)


def test_network_of_ones_own_is_trained_and_its_nodes_are_read(own_network):
    run = own_network.folder / "results/runs/digits/own/generalizing/seeds0-0"
    with np.load(run / "spikes.npz") as file:
        layers = json.loads(str(file["meta"]))["layers"]
    assert [(layer["name"], layer["units"]) for layer in layers] == [("1.1", 6)]
    assert (run / "observables" / "firing.parquet").exists()


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_network_of_ones_own_is_one_line_before_it_is_trained(own_network, name):
    (line,) = [line for line in own_network.execution.lines("spikegrid:") if f"digits/{name}/" in line]
    assert [part for part in FAULTS[name] if part not in line] == [], line
    assert "Traceback" not in own_network.execution.text
    run = own_network.folder / f"results/runs/digits/{name}/generalizing/seeds0-0"
    assert not (run / "checkpoints.safetensors").exists()


def test_an_edit_of_a_file_that_the_factory_imports_redoes_its_runs_and_no_others(own_network, code, tmp_path):
    folder = copy_folder(own_network.folder, tmp_path / "own")
    before = snakemake(folder, "-n", code=code, config=SOUND, targets=["collect"])
    assert before.run_jobs == set()
    append_comment(folder / "blocks.py")
    planned = snakemake(folder, "-n", code=code, config=SOUND, targets=["collect"])
    run = ("digits", "own", "generalizing", "0-0")
    assert planned.run_jobs == {("train", run), ("extract_spikes", run), ("observe_firing", run)}


def test_grid_of_the_readme_runs_on_ones_own_images_and_network(tmp_path, code):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"```(?:yaml|python)\n# (my_grid.yaml|my_models/nets.py)\n(.*?)```", readme, re.DOTALL))
    assert len(files["my_grid.yaml"].splitlines()) < 20
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "my_photos" / name).mkdir(parents=True)
        for number in range(40):
            pixels = generator.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my_photos" / name / f"{number}.jpg")
    small = ["training={epochs: 1, target_accuracy: 0}", "seeds=2", "only=[{architecture: mine}]"]
    windows = "observables={firing: {kind: firing, window: 5}}"
    run = snakemake(tmp_path, "--config", *small, windows, code=code, config=tmp_path / "my_grid.yaml")
    assert run.code == 0, run.text
    assert (tmp_path / "results/figures/firing/rates/photos/mine.pdf").is_file()
    assert set(pd.read_csv(tmp_path / "results/tables/runs.csv")["regime"]) == {
        "untrained",
        "generalizing",
        "memorizing",
    }
