"""Networks are built anew for the images, and shown normalized inputs."""

import numpy as np
import torch
from torch import nn

from spikegrid.images import TEST, TRAIN
from spikegrid.networks import as_inputs, network_builder, set_layout

CPU = torch.device("cpu")


def test_training_inputs_have_mean_zero_and_deviation_one_in_each_channel(make_images):
    images = make_images(shape=(3, 6, 5))
    inputs = as_inputs(images.part(TRAIN)[0], images, CPU)
    assert inputs.dtype == torch.float32
    assert inputs.shape == (24, 3, 6, 5)
    torch.testing.assert_close(inputs.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_test_inputs_are_normalized_with_the_statistics_of_the_training_images(make_images):
    images = make_images()
    train, test = images.part(TRAIN)[0] / 255, images.part(TEST)[0] / 255
    expected = (test - train.mean()) / train.std()
    np.testing.assert_allclose(as_inputs(images.part(TEST)[0], images, CPU).numpy(), expected, atol=1e-5)


def test_images_of_one_even_colour_give_finite_inputs(make_images):
    images = make_images()
    images.images[:] = 7
    assert torch.equal(as_inputs(images.images, images, CPU), torch.zeros(40, 1, 4, 4))


def test_making_inputs_leaves_the_images_as_they_were(make_images):
    images = make_images()
    before = images.images.copy()
    as_inputs(images.images, images, CPU)
    np.testing.assert_array_equal(images.images, before)


def test_builder_fits_the_network_to_images_and_classes(make_images, mlp):
    images = make_images(classes=5, train=25, shape=(2, 3, 4))
    network = network_builder(mlp, images)()
    assert [layer.weight.shape for layer in network.modules() if isinstance(layer, nn.Linear)] == [
        (7, 24),
        (5, 7),
        (5, 5),
    ]


def test_builder_draws_weights_anew_from_the_generator_of_torch(make_images, mlp):
    build = network_builder(mlp, make_images())
    torch.manual_seed(1)
    first, other = build(), build()
    torch.manual_seed(1)
    again = build()
    assert torch.equal(first.logits.weight, again.logits.weight)
    assert not torch.equal(first.logits.weight, other.logits.weight)


class Viewing(nn.Module):
    """A convolution whose outputs are viewed, which channels last in memory do not allow."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.convolution(images).view(len(images), -1)


def test_layout_has_channels_last_where_the_network_takes_them():
    assert set_layout(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), torch.randn(2, 3, 5, 5)) == torch.channels_last
    network = Viewing()
    assert set_layout(network, torch.randn(2, 3, 5, 5)) == torch.contiguous_format
    assert network.convolution.weight.is_contiguous()


def test_setting_the_layout_changes_no_weight_and_no_statistic():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    set_layout(network, torch.randn(2, 3, 5, 5))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
