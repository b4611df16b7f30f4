"""Activations of layers as features: means over places, and the layers that are taken as they are."""

import pytest
import torch
from torch import nn

from spikegrid.pooled_activations import pooled, pooled_activations


def numbered(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).view(shape)


@pytest.mark.parametrize("shape", [(1024,), (5000,), (16, 8, 8), (4, 256)])
def test_small_layers_and_layers_without_places_are_taken_as_they_are(shape):
    activations = numbered(2, *shape)
    found = pooled(activations, 1024)
    assert torch.equal(found, activations.flatten(1))
    assert found.data_ptr() != activations.data_ptr()


@pytest.mark.parametrize(("channels", "size", "side"), [(16, 16, 8), (64, 8, 4), (512, 4, 1), (2000, 2, 1)])
def test_maps_are_averaged_over_as_many_patches_as_fit(channels, size, side):
    activations, patch = numbered(2, channels, size, size), size // side
    expected = activations.view(2, channels, side, patch, side, patch).mean(dim=(3, 5))
    torch.testing.assert_close(pooled(activations, 1024), expected.flatten(1))


def test_maps_narrower_than_the_patches_asked_for_keep_their_rows():
    found = pooled(numbered(1, 4, 2, 300), 1024)
    assert found.shape == (1, 4 * 2 * 16)


def test_tokens_are_averaged_over_neighbours():
    activations = numbered(2, 12, 256)
    expected = activations.view(2, 4, 3, 256).mean(dim=2).transpose(1, 2)
    torch.testing.assert_close(pooled(activations, 1024), expected.flatten(1))


def test_activations_are_those_of_the_layers_whatever_the_batch_and_what_the_network_writes_over():
    class Doubling(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 4)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            hidden = self.first(images.flatten(1)).relu()
            return self.second(hidden.mul_(2)).relu()

    torch.manual_seed(0)
    network, inputs = Doubling(), torch.randn(600, 1, 2, 3)
    (first, of_first), (second, of_second) = pooled_activations(network, inputs, 1024)
    expected = network.first(inputs.flatten(1)).relu().detach()
    assert (first.depth, second.depth) == (1, 2)
    torch.testing.assert_close(of_first, expected)
    torch.testing.assert_close(of_second, network.second(2 * expected).relu().detach())
