"""Learning new targets side by side, against the Adam of torch on one network at a time."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn
from torch.nn.functional import cross_entropy

from spikegrid.architectures import cnn, mlp
from spikegrid.relearning import Relearning, relearn
from spikegrid.side_by_side import side_by_side

SHAPE, CLASSES, RATE = (1, 4, 4), 3, 0.01


def perceptrons(count: int) -> list[nn.Module]:
    torch.manual_seed(0)
    return [mlp.build(SHAPE, CLASSES, [12, 8]) for _ in range(count)]


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    network = cnn.build(SHAPE, CLASSES, [4], 1, [8], batch_norm=True, dropout=0.5)
    network.train()(torch.randn(50, *SHAPE) + 1)  # batch normalization gets means and variances of its own
    return network.eval()


def images(count: int = 20) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(1))


def targets(networks: int, count: int = 20) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).integers(CLASSES, size=(networks, count)))


def relearned(
    networks: list[nn.Module], inputs: torch.Tensor, aims: torch.Tensor, steps: int = 300, accuracy: float = 1.0
) -> Relearning:
    together = side_by_side([deepcopy(network) for network in networks], inputs[:2])
    return relearn(together, inputs.expand(len(networks), *inputs.shape), aims, RATE, steps, accuracy)


def steps_by_torch(network: nn.Module, inputs: torch.Tensor, aims: torch.Tensor, accuracy: float = 1.0) -> int:
    """Steps of torch.optim.Adam until the share of targets is right."""
    network = deepcopy(network).eval()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for step in range(301):
        logits = network(inputs)
        if (logits.argmax(dim=1) == aims).double().mean() >= accuracy:
            return step
        optimizer.zero_grad()
        cross_entropy(logits, aims).backward()
        optimizer.step()
    raise AssertionError("not learned")


@pytest.mark.parametrize("accuracy", [0.8, 1.0])
@pytest.mark.parametrize("networks", [perceptrons(3), [convolutional()]], ids=["perceptrons", "convolutions"])
def test_steps_are_those_of_adam_of_torch(networks, accuracy):
    inputs, aims = images(), targets(len(networks))
    found = relearned(networks, inputs, aims, accuracy=accuracy)
    expected = [steps_by_torch(network, inputs, own, accuracy) for network, own in zip(networks, aims)]
    assert found.learned.all()
    assert found.steps.tolist() == expected
    assert min(expected) > 3


def test_initial_loss_is_the_log_loss_of_scikit_learn():
    networks, inputs, aims = perceptrons(2), images(), targets(2)
    with torch.no_grad():
        shares = [network(inputs).double().softmax(dim=1) for network in networks]
    expected = [log_loss(own, share, labels=range(CLASSES)) for own, share in zip(aims, shares)]
    np.testing.assert_allclose(relearned(networks, inputs, aims).initial_loss, expected, rtol=1e-6)


def test_what_is_known_already_takes_no_step():
    (network,), inputs = perceptrons(1), images()
    with torch.no_grad():
        known = network(inputs).argmax(dim=1)
    found = relearned([network], inputs, known[None])
    assert (found.steps.tolist(), found.learned.tolist()) == ([0], [True])


def test_contradicting_targets_are_never_learned_beyond_their_share():
    inputs, aims = images(1).expand(2, *SHAPE), torch.tensor([[0, 1]])
    never = relearned(perceptrons(1), inputs, aims, steps=7)
    assert (never.steps.tolist(), never.learned.tolist()) == ([7], [False])
    half = relearned(perceptrons(1), inputs, aims, steps=200, accuracy=0.5)
    assert half.learned.all()


def test_a_target_that_is_learned_at_the_last_step_is_learned():
    networks, inputs, aims = perceptrons(1), images(), targets(1)
    (needed,) = relearned(networks, inputs, aims).steps
    assert relearned(networks, inputs, aims, steps=needed).learned.tolist() == [True]
    assert relearned(networks, inputs, aims, steps=needed - 1).learned.tolist() == [False]


def test_networks_learn_side_by_side_what_they_learn_alone():
    networks, inputs, aims = perceptrons(4), images(), targets(4)
    together = relearned(networks, inputs, aims)
    for place, network in enumerate(networks):
        alone = relearned([network], inputs, aims[place : place + 1])
        assert together.steps[place] == alone.steps[0]
        assert together.initial_loss[place] == alone.initial_loss[0]
    assert len(set(together.steps)) > 1


def test_batch_normalization_keeps_its_means_and_variances_while_its_weights_learn():
    network, inputs = convolutional(), images()
    learner = deepcopy(network)
    relearn(side_by_side([learner], inputs[:2]), inputs[None], targets(1), RATE, steps=5)
    before, after = network.state_dict(), learner.state_dict()
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert kept == {name for name in before if "running" in name or "num_batches" in name}
