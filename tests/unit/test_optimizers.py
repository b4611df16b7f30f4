"""The optimizers make the steps of those of torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spikegrid.optimizers import make_optimizer


@pytest.mark.parametrize("decay", [0, 0.2])
@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_steps_are_those_of_torch(kind, momentum, decay):
    torch.manual_seed(0)
    ours = [torch.randn(shape, requires_grad=True) for shape in [(7,), (3, 5), (40, 33)]]
    theirs = [parameter.detach().clone().requires_grad_() for parameter in ours]
    optimizer = make_optimizer(ours, {"optimizer": kind, "weight_decay": decay, "momentum": momentum})
    if kind == "adamw":
        expected = torch.optim.AdamW(theirs, 0.1, weight_decay=decay, foreach=False)
    else:
        expected = torch.optim.SGD(theirs, 0.1, momentum, weight_decay=decay, foreach=False)
    for rate in (0.1, 0.05, 0.01, 0.2):
        for own, other in zip(ours, theirs):
            own.grad = torch.randn_like(own)
            other.grad = own.grad.clone()
        optimizer.step(rate)
        expected.param_groups[0]["lr"] = rate
        expected.step()
        torch.testing.assert_close(ours, theirs)
        assert all(own.grad is None for own in ours)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_a_parameter_without_gradient_or_frozen_stays_as_it_is(kind):
    used, unused, frozen = (torch.ones(4, requires_grad=learned) for learned in (True, True, False))
    optimizer = make_optimizer([used, unused, frozen], {"optimizer": kind, "weight_decay": 0.1, "momentum": 0.9})
    (used * frozen).sum().backward()
    optimizer.step(0.1)
    assert (used < 1).all()
    assert torch.equal(unused, torch.ones(4))
    assert torch.equal(frozen, torch.ones(4))


def test_a_job_that_trains_never_imports_the_compiler_of_torch():
    program = """
import sys, numpy as np, torch
from spikegrid.device import prepare_device
from spikegrid.images import ImageSet
from spikegrid.training import train_block
labels, split = np.array([0, 1, 0, 1], np.int16), np.array([0, 0, 1, 1])
images = ImageSet(np.zeros((4, 1, 2, 2), np.uint8), labels, split, ["a", "b"], "")
training = {"epochs": 1, "checkpoints": [1], "batch_size": 2, "learning_rate": 0.1, "weight_decay": 0, "momentum": 0}
run = {"dataset": "d", "architecture": "a", "regime": "r", "seeds": [0, 1]}
mlp = {"plugin": "mlp", "parameters": {"hidden": [3]}}
settings = training | {"optimizer": "adamw", "schedule": "cosine"}
settings |= {"precision": "float32", "crop_padding": 0, "horizontal_flip": False, "early_stopping": None}
train_block(run, images, mlp, {"plugin": "generalizing", "parameters": {}}, settings, prepare_device(0, 1))
sys.exit("torch._dynamo" in sys.modules)
"""
    library = Path(__file__).parents[2] / "workflow" / "scripts"
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(library)}).returncode == 0
