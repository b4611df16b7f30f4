"""The detectors of a finished grid, and the command that takes one of its networks for one that it has never seen."""

import os
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from spikegrid import images
from spikegrid.checkpoints import Checkpoints
from spikegrid.detector_features import in_words, network_features
from spikegrid.detector_file import read_detectors
from spikegrid.features import read_table

FACTORY = """
    from spikegrid.plugins import load_plugin


    def build(shape, classes):
        return load_plugin("architectures", "mlp")(shape, classes, hidden=[32, 24])
"""


@pytest.fixture
def said(smoke, code, tmp_path) -> str:
    """What the command says of the second memorizing network of the smoke grid, shown the images of the grid."""
    assert smoke.execution.code == 0, smoke.execution.text
    results = smoke.folder / "results"
    image_set = images.load(results / "datasets" / "digits.safetensors")
    arrays = {"images": image_set.images, "labels": image_set.labels, "split": image_set.split}
    np.savez(tmp_path / "digits.npz", **arrays)
    checkpoints = Checkpoints(results / "runs/digits/mlp/memorizing/seeds0-1/checkpoints.safetensors")
    save_file(checkpoints.state(1, 4), tmp_path / "w.safetensors")
    (tmp_path / "nets.py").write_text(dedent(FACTORY))
    command = [sys.executable, "-m", "spikegrid.detect", "--model", "nets.py:build", "--weights", "w.safetensors"]
    command += ["--images", "digits.npz", "--detector", results / "detector.json", "--features", "all"]
    paths = os.environ | {"PYTHONPATH": str(code / "workflow" / "scripts")}
    process = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_command_measures_a_network_as_the_grid_did(smoke, said):
    results = smoke.folder / "results"
    held = read_detectors(results / "detector.json")
    table = network_features(read_table(results / "tables" / "features.parquet"))
    expected = table.loc["digits", "mlp", "memorizing", 1]
    rows = [line.rsplit(maxsplit=4) for line in said.split("\n\n")[0].splitlines()[1:]]
    found = {name: float(value) for name, value, *_ in rows}
    names = held.detectors["all"].features
    assert list(found) == [in_words(name) for name in names]
    of_chance = ("_random", "_class_blocked")  # orders and surrogates are drawn for each network anew
    of_any_order = [name for name in names if not (name[1].endswith(of_chance) or name[0] == "simulation")]
    assert len(of_any_order) > 20
    np.testing.assert_allclose(
        [found[in_words(name)] for name in of_any_order], [expected[name] for name in of_any_order], rtol=1e-3
    )
    assert "Verdict" in said
    assert "of mlp on digits" in said


def test_scores_are_of_seeds_left_out_and_of_all_predictors(smoke):
    scores = pd.read_csv(smoke.folder / "results" / "tables" / "detector.csv")
    assert set(scores["left_out"]) == {"seed"}
    assert {"label_free", "training_data_only", "all", "constant", "accuracy_gap"} <= set(scores["predictor"])
    assert set(scores.loc[scores["statistic"] == "share_error", "networks"]) == {6}
    assert set(scores.loc[scores["statistic"] == "accuracy", "networks"]) == {4}
