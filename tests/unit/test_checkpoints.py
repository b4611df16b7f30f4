"""The file of checkpoints."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.errors import InputError


def state(fill: int) -> dict[str, torch.Tensor]:
    return {
        "linear.weight": torch.full((3, 2), fill / 7),
        "norm.num_batches_tracked": torch.tensor(fill),
        "kernels": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last) + fill,
    }


@pytest.fixture
def networks() -> list[TrainedNetwork]:
    """Seeds 1 and 11, whose names begin alike, at epochs 0, 1 and 10."""
    return [
        TrainedNetwork(seed, np.arange(5, dtype=np.int16) - seed, {e: state(100 * seed + e) for e in (10, 0, 1)}, [])
        for seed in (1, 11)
    ]


@pytest.fixture
def path(tmp_path, run, mlp, generalizing, networks):
    save_checkpoints(tmp_path / "checkpoints.safetensors", run | {"seeds": [1, 11]}, mlp, generalizing, networks)
    return tmp_path / "checkpoints.safetensors"


def test_states_and_labels_are_read_as_they_were(path, run, mlp, generalizing, networks):
    checkpoints = Checkpoints(path)
    assert checkpoints.run == run | {"seeds": [1, 11]}
    assert (checkpoints.architecture, checkpoints.regime) == (mlp, generalizing)
    assert checkpoints.epochs == [0, 1, 10]
    for network in networks:
        assert checkpoints.labels(network.seed).tolist() == network.labels.tolist()
        assert checkpoints.labels(network.seed).dtype == np.int16
        for epoch, expected in network.states.items():
            found = checkpoints.state(network.seed, epoch)
            assert set(found) == set(expected)
            for name, tensor in expected.items():
                assert found[name].dtype == tensor.dtype
                assert torch.equal(found[name], tensor)


def test_safetensors_alone_reads_the_tensors_by_seed_and_epoch(path):
    tensors = load_file(path)
    assert torch.equal(tensors["seed11/epoch10/linear.weight"], state(1110)["linear.weight"])
    assert len(tensors) == 2 * (1 + 3 * 3)


def test_saving_twice_gives_the_same_bytes(path, tmp_path, run, mlp, generalizing, networks):
    save_checkpoints(tmp_path / "again.safetensors", run | {"seeds": [1, 11]}, mlp, generalizing, networks)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_truncated_file_is_refused_by_name(path, share):
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(InputError, match=r"checkpoints.safetensors: not a whole checkpoint file .* delete it and run again"):
        Checkpoints(path)


@pytest.mark.parametrize(
    "metadata", [None, {"other": ""}, {"spikegrid": "{}"}, {"spikegrid": "x"}, {"spikegrid": "[]"}]
)
def test_safetensors_file_of_something_else_is_refused_by_name(path, metadata):
    save_file({"weights": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(InputError, match=r"checkpoints.safetensors: not a whole checkpoint file"):
        Checkpoints(path)


def test_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.safetensors"):
        Checkpoints(tmp_path / "nowhere.safetensors")


def test_epochs_stand_in_the_file_in_order(path):
    with path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    assert json.loads(header["__metadata__"]["spikegrid"])["epochs"] == [0, 1, 10]
