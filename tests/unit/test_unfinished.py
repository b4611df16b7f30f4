"""Trainings that are interrupted give what they would have given."""

import pytest
import torch

from spikegrid.checkpoints import save_checkpoints
from spikegrid.training import train_block
from spikegrid.unfinished import Unfinished

CPU = torch.device("cpu")

SETTINGS = {
    "plain": {},
    "momentum and decay": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01, "schedule": "cosine"},
    "adamw and cosine": {"optimizer": "adamw", "learning_rate": 0.01, "schedule": "cosine"},
    "augmented": {"crop_padding": 1, "horizontal_flip": True},
    "early stopping": {"early_stopping": {"share": 0.25, "patience": 1}, "learning_rate": 0.5, "epochs": 6},
    "one step an epoch": {"batch_size": None},
}


class Killed(Exception):
    """What stands for the end of a process."""


class Dying(Unfinished):
    """Saves at every step, and dies at one of the times that it is asked whether to."""

    def __init__(self, folder, key="key", after=None):
        super().__init__(folder, key, 0)
        self.left = after

    @property
    def is_due(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed
        return True


@pytest.fixture
def trained(tmp_path, make_images, run, training, generalizing):
    """Trains, interrupted at the given steps, and returns the bytes of the checkpoints and the history."""

    def train(architecture, interruptions=(), seeds=(0, 1), key="key", folder="unfinished", **settings):
        settings = training | {"epochs": 4, "checkpoints": [0, 1, 4]} | settings
        named = run | {"seeds": list(seeds)}
        for after in [*interruptions, None]:
            unfinished = Dying(tmp_path / folder, key, after)
            try:
                networks = train_block(named, make_images(), architecture, generalizing, settings, CPU, unfinished)
            except Killed:
                continue
        save_checkpoints(tmp_path / "made.safetensors", named, architecture, generalizing, networks)
        return (tmp_path / "made.safetensors").read_bytes(), [network.history for network in networks]

    return train


ARCHITECTURES = {
    "stacked perceptrons": {"plugin": "mlp", "parameters": {"hidden": [7, 5]}},
    "dropout and batch normalization": {
        "plugin": "cnn",
        "parameters": {"channels": [3], "convolutions": 1, "hidden": [5], "batch_norm": True, "dropout": 0.5},
    },
}


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_an_interrupted_training_gives_the_same_bytes(trained, architecture, settings):
    expected = trained(architecture, folder="whole", **settings)
    for after in (0, 2, 5, 9):
        assert trained(architecture, [after], folder=f"once {after}", **settings) == expected
    assert trained(architecture, [1, 3, 1, 4], folder="often", **settings) == expected
