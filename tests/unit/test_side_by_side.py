"""Which networks train side by side, and that each computes what it computes alone."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from spikegrid.architectures import cnn, mlp
from spikegrid.side_by_side import STACKED_PARAMETERS, networks_at_once, side_by_side


def perceptron(activation: nn.Module | None = None) -> nn.Module:
    hidden = nn.Sequential(nn.Linear(12, 9), activation or nn.ReLU())
    return nn.Sequential(nn.Flatten(), hidden, nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 3))


def tied() -> nn.Module:
    layer = nn.Linear(12, 12)
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer)


def frozen() -> nn.Module:
    network = perceptron()
    network[2].weight.requires_grad_(False)
    return network


def with_hook() -> nn.Module:
    network = perceptron()
    network[2].register_forward_hook(lambda layer, inputs, outputs: 2 * outputs)
    return network


class Subclass(nn.Linear):
    """A linear layer that may do something else."""


ALONE = {
    "convolutions": cnn.build((1, 4, 4), 3, [4], 1, [5], False),
    "batch normalization": nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
    "dropout": mlp.build((1, 4, 4), 3, [5], dropout=0.5),
    "no flatten": nn.Sequential(nn.Linear(12, 3)),
    "no layer": nn.Sequential(nn.Flatten()),
    "no bias": nn.Sequential(nn.Flatten(), nn.Linear(12, 3, bias=False)),
    "softmax over units": perceptron(nn.Softmax(dim=1)),
    "tied weights": tied(),
    "frozen weights": frozen(),
    "hook": with_hook(),
    "subclass": nn.Sequential(nn.Flatten(), Subclass(12, 3)),
    "parametrization": nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(12, 3))),
}


@pytest.mark.parametrize("network", ALONE.values(), ids=ALONE.keys())
def test_networks_that_are_no_plain_perceptrons_train_alone(network):
    assert networks_at_once(network) == 1


def test_small_perceptrons_train_together_up_to_a_number_of_parameters():
    assert networks_at_once(mlp.build((1, 8, 8), 10, [256, 256])) == STACKED_PARAMETERS // 85002
    assert networks_at_once(mlp.build((1, 28, 28), 10, [2000, 2000])) == 1


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU(), nn.LeakyReLU(0.3), nn.Identity()])
def test_stacked_perceptrons_have_the_logits_and_gradients_of_each(activation):
    networks = [perceptron(activation) for _ in range(3)]
    inputs = torch.randn(3, 7, 3, 2, 2)
    stacked = side_by_side(networks, inputs[0])
    logits = stacked(inputs)
    logits.square().sum().backward()
    for place, network in enumerate(networks):
        own = network(inputs[place])
        torch.testing.assert_close(logits[place], own)
        own.square().sum().backward()
        for rows, parameter in zip(stacked.parameters, network.parameters()):
            count = parameter.numel()
            torch.testing.assert_close(rows.grad[place, :count], parameter.grad.flatten())
            assert not rows.grad[place, count:].any()


@pytest.mark.parametrize("build", [perceptron, lambda: ALONE["convolutions"]])
def test_states_are_those_of_the_networks_in_their_own_names_and_order(build):
    networks = [build()]
    expected = {name: tensor.clone() for name, tensor in networks[0].state_dict().items()}
    (state,) = side_by_side(networks, torch.randn(2, 1, 4, 4)).states()
    assert list(state) == list(expected)
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor)
        assert state[name].is_contiguous()
    assert functional_call(networks[0], state, torch.randn(2, *((3, 2, 2) if build is perceptron else (1, 4, 4)))).shape


def test_activation_used_twice_acts_twice():
    activation = nn.ReLU()
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), activation, nn.Linear(4, 4), activation)
    inputs = torch.randn(1, 50, 1, 2, 2)
    torch.testing.assert_close(side_by_side([network], inputs[0])(inputs)[0], network(inputs[0]))
