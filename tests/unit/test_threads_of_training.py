"""What another number of threads a job changes: last bits of weights, and no more spikes than the provenance says."""

import numpy as np
import pytest
import torch
from conftest import TRAINING

from spikegrid.capture import capture_spikes
from spikegrid.images import TEST, prepare
from spikegrid.networks import as_inputs, load_tensors, network_builder
from spikegrid.plugins import load_plugin
from spikegrid.training import train_block

ARCHITECTURES = {
    "mlp": {"hidden": [256, 256], "activation": "relu", "dropout": 0},
    "cnn": {"channels": [16, 32], "convolutions": 1, "hidden": [64], "batch_norm": False},
}
SETTINGS = TRAINING | {"epochs": 5, "checkpoints": [5], "batch_size": 100, "learning_rate": 0.05}
CPU = torch.device("cpu")


@pytest.fixture
def spikes(generalizing, monkeypatch):
    """A function that trains a network with a number of threads, and gives its spikes at test images, bool [N, U]."""
    images = prepare(load_plugin("datasets", "digits")("data"), "digits", 400, 200, 0.4)
    before = torch.get_num_threads()

    def trained(kind, threads, seed=0):
        torch.set_num_threads(threads)
        architecture = {"plugin": kind, "parameters": ARCHITECTURES[kind]}
        run = {"dataset": "digits", "architecture": kind, "regime": "generalizing", "seeds": [seed]}
        (network,) = train_block(run, images, architecture, generalizing, SETTINGS, CPU)
        model = network_builder(architecture, images)()
        load_tensors(model, network.states[5])
        fired = capture_spikes(model.eval(), as_inputs(images.part(TEST)[0], images, CPU))
        return np.concatenate([layer.flatten(1).numpy() for layer in fired.values()], axis=1)

    yield trained
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_two_threads_change_at_most_one_spike_in_a_thousand(spikes, kind):
    alone = spikes(kind, 1)
    assert (spikes(kind, 2) != alone).mean() <= 1e-3
    assert (spikes(kind, 1, seed=1) != alone).mean() > 0.1
