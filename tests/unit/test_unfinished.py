"""Trainings that are interrupted give what they would have given."""

import os

import pytest
import torch

from spikegrid import optimizers
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
    "one step an epoch": {"batch_size": None, "epochs": 12},
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
def train(tmp_path, make_images, run, training, generalizing):
    """Trains until it is done or dies after some steps; returns the networks, or None."""

    def train(architecture, after=None, key="key", folder="unfinished", **settings):
        settings = training | {"epochs": 4, "checkpoints": [0, 1, 4]} | settings
        unfinished = Dying(tmp_path / folder, key, after)
        try:
            return train_block(
                run | {"seeds": [0, 1]}, make_images(), architecture, generalizing, settings, CPU, unfinished
            )
        except Killed:
            return None

    return train


@pytest.fixture
def written(tmp_path, run, generalizing):
    """Writes networks; returns the bytes of their checkpoints, and their history."""

    def write(networks):
        path = tmp_path / "checkpoints.safetensors"
        save_checkpoints(path, run | {"seeds": [0, 1]}, {}, generalizing, networks)
        return path.read_bytes(), [network.history for network in networks]

    return write


ARCHITECTURES = {
    "stacked perceptrons": {"plugin": "mlp", "parameters": {"hidden": [7, 5]}},
    "dropout and batch normalization": {
        "plugin": "cnn",
        "parameters": {"channels": [3], "convolutions": 1, "hidden": [5], "batch_norm": True, "dropout": 0.5},
    },
}


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_an_interrupted_training_gives_the_same_bytes(train, written, architecture, settings):
    expected = written(train(architecture, folder="whole", **settings))
    for after in (0, 2, 5, 9):
        assert train(architecture, after, folder=f"once {after}", **settings) is None
        assert written(train(architecture, folder=f"once {after}", **settings)) == expected
    for after in (1, 3, 1, 2):
        assert train(architecture, after, folder="often", **settings) is None
    assert written(train(architecture, folder="often", **settings)) == expected


@pytest.fixture
def steps(monkeypatch):
    """The rates of all steps that are made."""
    made = []
    for kind in (optimizers._AdamW, optimizers._Descent):

        def step(self, rate, original=kind.step):
            made.append(rate)
            original(self, rate)

        monkeypatch.setattr(kind, "step", step)
    return made


def test_no_step_that_was_saved_is_made_again(train, steps):
    architecture = ARCHITECTURES["dropout and batch normalization"]
    train(architecture, folder="whole")
    whole = len(steps)
    for after in (4, 7, None):
        train(architecture, after)
    assert len(steps) == whole + whole + 2, "a death comes before its last step is saved"


@pytest.mark.parametrize(
    "damage",
    {
        "another key": lambda file: None,
        "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
        "empty": lambda file: os.truncate(file, 0),
        "flipped": lambda file: file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1])),
        "missing": lambda file: file.unlink(),
    }.items(),
    ids=lambda item: item[0],
)
@pytest.mark.parametrize("name", ["seed0", "seed0-epoch1"])
def test_what_cannot_be_used_is_as_if_it_were_not_there(train, written, steps, tmp_path, name, damage):
    architecture, (kind, apply) = ARCHITECTURES["stacked perceptrons"], damage
    expected = written(train(architecture, folder="whole"))
    whole = len(steps)
    assert train(architecture, 8) is None
    before = len(steps)
    apply(tmp_path / "unfinished" / f"{name}.safetensors")
    assert written(train(architecture, key="other" if kind == "another key" else "key")) == expected
    assert len(steps) - before == whole


def test_a_state_is_due_after_some_seconds(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    unfinished = Unfinished(tmp_path / "unfinished", "key", 300)
    now[0] += 299
    assert not unfinished.is_due
    now[0] += 1
    assert unfinished.is_due
    unfinished.save("seed0", {}, {"a": torch.zeros(1)})
    assert not unfinished.is_due


def test_nothing_stays_after_a_training_that_has_ended(tmp_path):
    unfinished = Unfinished(tmp_path / "unfinished", "key", 300)
    unfinished.save("seed0", {"epoch": 3}, {"a": torch.arange(3)})
    assert unfinished.load("seed0")[0]["epoch"] == 3
    unfinished.remove()
    assert list(tmp_path.iterdir()) == []
    unfinished.remove()
