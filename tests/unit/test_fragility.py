"""The fragility observable: closed form of a linear network, which images it takes, and networks of every kind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from spikegrid import spikes
from spikegrid.features import COLUMNS
from spikegrid.images import TRAIN
from spikegrid.observables import fragility

FEATURES = ["flip_distance_l2", "flip_distance_linf", "unflipped_share_l2", "unflipped_share_linf"]

NETWORKS = '''
from torch import nn


class Linear(nn.Module):
    """Linear up to rectifiers that have no effect; constant where ``slope`` is 0."""

    def __init__(self, features, classes, slope):
        super().__init__()
        self.logits, self.relu, self.slope = nn.Linear(features, classes), nn.ReLU(), slope

    def forward(self, inputs):
        logits = self.logits(inputs.flatten(1))
        return self.slope * logits + 0 * self.relu(logits)


def build(shape, classes, slope):
    return Linear(shape[0] * shape[1] * shape[2], classes, slope)
'''


@pytest.fixture
def linear(tmp_path: Path):
    """Builds the entry of a linear architecture whose logits are multiplied by ``slope``."""
    file = tmp_path / "own_networks.py"
    file.write_text(NETWORKS)

    def entry(slope: float = 1.0) -> dict:
        return {"plugin": "python", "parameters": {"factory": f"{file}:build", "parameters": {"slope": slope}}}

    return entry


def observed(artefacts: dict, samples: int = 64, classes: int = 10, steps: int = 30) -> pd.DataFrame:
    return fragility.observe(artefacts, samples, classes, steps)


def test_distances_are_the_medians_of_the_closed_form_in_units_of_brightness(observed_run, linear, make_images):
    image_set = make_images(classes=4, shape=(2, 3, 3))
    artefacts = observed_run(architecture=linear(), image_set=image_set)
    table, tensors = observed(artefacts), load_file(artefacts["checkpoints"])
    with spikes.load(artefacts["spikes"]) as file:
        shown = image_set.images[file.index] / 255
    train = image_set.images[image_set.split == TRAIN] / 255
    mean, deviation = (getattr(train, name)(axis=(0, 2, 3))[:, None, None] for name in ("mean", "std"))
    for (seed, epoch), rows in table.groupby(["seed", "epoch"]):
        weight, bias = (tensors[f"seed{seed}/epoch{epoch}/logits.{name}"].astype(float) for name in ("weight", "bias"))
        logits = ((shown - mean) / deviation).reshape(len(shown), -1) @ weight.T + bias
        in_brightness = (weight.reshape(4, 2, 3, 3) / deviation).reshape(4, -1)
        values = rows.set_index("feature")["value"]
        for norm, dual in (("l2", 2), ("linf", 1)):
            distances = []
            for own in logits:
                others = np.delete(np.arange(4), own.argmax())
                normals = in_brightness[own.argmax()] - in_brightness[others]
                distances.append(((own.max() - own[others]) / np.linalg.norm(normals, dual, axis=1)).min())
            assert values[f"flip_distance_{norm}"] == pytest.approx(np.median(distances), rel=1e-4)
            assert values[f"unflipped_share_{norm}"] == 0


def test_table_is_tidy_and_of_the_whole_network(observed_run):
    table = observed(observed_run())
    assert list(table) == COLUMNS
    assert set(table["layer"]) == {"network"}
    assert set(table["depth"]) == {0}
    assert table["feature"].tolist() == FEATURES * 4
    assert list(dict.fromkeys(zip(table["seed"], table["epoch"]))) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_constant_network_is_never_flipped_and_has_no_distance(observed_run, linear):
    table = observed(observed_run(architecture=linear(slope=0.0)))
    values = table.groupby("feature")["value"]
    assert (values.min()[["unflipped_share_l2", "unflipped_share_linf"]] == 1).all()
    assert values.count()[["flip_distance_l2", "flip_distance_linf"]].tolist() == [0, 0]


@pytest.mark.parametrize(("unflipped", "median"), [(0, 2.5), (1, 2.5), (2, np.nan), (3, np.nan)])
def test_images_that_do_not_flip_count_as_farther_than_all_others(observed_run, monkeypatch, unflipped, median):
    distances = torch.tensor([1.0, 2.0, 3.0, 4.0])
    distances[4 - unflipped :] = torch.inf
    monkeypatch.setattr(fragility, "flip_distances", lambda *_: distances)
    values = observed(observed_run(seeds=(0,))).set_index("feature")["value"]
    np.testing.assert_equal(values["flip_distance_l2"].to_numpy(), median)
    np.testing.assert_equal(values["unflipped_share_l2"].to_numpy(), unflipped / 4)


def test_all_networks_of_a_dataset_are_shown_the_same_random_images(observed_run, cnn, monkeypatch):
    shown = []

    def note(network, inputs, *_):
        shown.append(inputs.clone())
        return torch.ones(len(inputs))

    monkeypatch.setattr(fragility, "flip_distances", note)
    observed(observed_run(seeds=(0, 1)), samples=5)
    observed(observed_run(seeds=(7,), architecture=cnn), samples=5)
    assert {inputs.shape[0] for inputs in shown} == {5}
    assert all(torch.equal(shown[0], inputs) for inputs in shown)


def test_fewer_images_than_asked_for_are_all_taken(observed_run, monkeypatch):
    taken = []
    monkeypatch.setattr(
        fragility, "flip_distances", lambda _, inputs, *__: taken.append(len(inputs)) or torch.ones(len(inputs))
    )
    observed(observed_run(samples=9), samples=64)
    assert set(taken) == {9}


def test_a_seed_has_the_same_values_in_every_block_and_in_every_run(observed_run):
    together, alone = observed(observed_run(seeds=(0, 1))), observed(observed_run(seeds=(1,)))
    of_seed = together[together["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_seed, alone, check_exact=True)


@pytest.mark.parametrize(
    "architecture",
    [
        {"plugin": "cnn", "parameters": {"channels": [6], "convolutions": 1, "hidden": [20], "batch_norm": True}},
        {"plugin": "resnet", "parameters": {"depth": 20, "width": 2}},
        {
            "plugin": "vit",
            "parameters": {"patch_size": 2, "width": 8, "depth": 1, "heads": 2, "mlp_ratio": 1, "dropout": 0.1},
        },
    ],
    ids=["batch normalization", "residual", "transformer"],
)
def test_networks_of_every_kind_have_distances(observed_run, architecture):
    table = observed(observed_run(seeds=(0,), architecture=architecture), samples=6)
    values = table.groupby("feature")["value"].last()
    assert (values[FEATURES[:2]] > 0).all()
    assert values["flip_distance_linf"] < values["flip_distance_l2"]
