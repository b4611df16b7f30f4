"""The networks that the architecture plug-ins build."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from spikegrid.architectures import cnn, mlp
from spikegrid.capture import find_layers
from spikegrid.errors import InputError


def build_cnn(shape=(3, 8, 8), classes=4, channels=(2, 3), convolutions=1, hidden=(5,), batch_norm=False):
    return cnn.build(shape, classes, list(channels), convolutions, list(hidden), batch_norm)


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("hidden", [[4], [7, 5, 3]])
def test_perceptron_has_its_hidden_layers_and_logits(hidden):
    network = mlp.build((2, 3, 4), 6, hidden)
    layers = find_layers(network, torch.randn(2, 2, 3, 4))
    assert [layer.shape for layer in layers] == [(width,) for width in hidden]
    assert [layer.name for layer in layers] == [f"hidden{depth}.relu" for depth in range(1, len(hidden) + 1)]
    widths = [24, *hidden, 6]
    assert parameters_of(network) == sum((first + 1) * second for first, second in pairwise(widths))
    assert network(torch.randn(5, 2, 3, 4)).shape == (5, 6)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("convolutions", [1, 2])
def test_convolutional_network_has_its_convolutions_and_hidden_layers(convolutions, batch_norm):
    network = build_cnn(convolutions=convolutions, batch_norm=batch_norm)
    layers = find_layers(network, torch.randn(2, 3, 8, 8))
    assert [layer.shape for layer in layers] == [(2, 8, 8)] * convolutions + [(3, 4, 4)] * convolutions + [(5,)]
    names = [f"conv{number}.relu" for number in range(1, 2 * convolutions + 1)]
    assert [layer.name for layer in layers] == [*names, "hidden1.relu"]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 2 * convolutions * batch_norm
    assert network(torch.randn(5, 3, 8, 8)).shape == (5, 4)


def test_convolutional_network_may_end_without_hidden_layers():
    network = build_cnn(hidden=())
    assert len(find_layers(network, torch.randn(2, 3, 8, 8))) == 2
    assert network(torch.randn(5, 3, 8, 8)).shape == (5, 4)


@pytest.mark.parametrize("shape", [(1, 9, 5), (1, 4, 4), (1, 28, 28), (3, 31, 7)])
def test_convolutional_network_takes_images_of_any_size_that_can_be_halved(shape):
    assert build_cnn(shape)(torch.randn(2, *shape)).shape == (2, 4)


@pytest.mark.parametrize("shape", [(1, 3, 3), (1, 3, 100), (1, 1, 1)])
def test_images_too_small_to_be_halved_are_refused_with_their_size(shape):
    message = f"cnn: images of {shape[1]}×{shape[2]} cannot be halved 2 times; shorten channels"
    with pytest.raises(InputError, match=message):
        build_cnn(shape)
