"""Networks are built anew for the images, and shown normalized inputs."""

import numpy as np
import pytest
import torch
from torch import nn

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.networks import as_inputs, network_builder, record_network, set_layout

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


# --- networks that cannot be read ---


class Own(nn.Module):
    """A linear layer and a rectifier, and then whatever ``then`` makes of it."""

    def __init__(self, then):
        super().__init__()
        self.linear, self.then = nn.Linear(16, 3), then

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.then(self.linear(images.flatten(1)).relu())


UNREADABLE = {
    "too many logits": (lambda x: torch.cat([x, x], 1), r"Own maps 2 images to \(2, 6\); expected logits \(2, 3\)"),
    "one output": (lambda x: x.mean(), r"Own maps 2 images to \(\); expected logits \(2, 3\), one for each class"),
    "a map of each class": (lambda x: x[:, :, None], r"Own maps 2 images to \(2, 3, 1\)"),
    "several outputs": (lambda x: (x, x), "Own maps 2 images to a tuple"),
    "nothing": (lambda x: None, "Own maps 2 images to a NoneType"),
    "an exception": (lambda x: x @ x, r"Own cannot take images of shape \(1, 4, 4\): RuntimeError: .*2x3 and 2x3"),
    "calls by the data": (lambda x: x.relu() if len(x) > 5 else x, "the thresholded layers of the network change"),
}


@pytest.mark.parametrize(("then", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_network_that_cannot_be_read_is_refused_in_one_line(make_images, then, message):
    with pytest.raises(InputError, match=message) as refusal:
        record_network(Own(then), make_images(), CPU)
    assert "\n" not in str(refusal.value)


def test_network_that_can_be_read_has_its_layers():
    network = Own(nn.Identity())
    images = ImageSet(
        np.zeros((1, 1, 4, 4), np.uint8), np.zeros(1, np.int16), np.zeros(1, np.uint8), ["a", "b", "c"], "one image"
    )
    assert [(layer.name, layer.shape) for layer in record_network(network, images, CPU).layers] == [("relu", (3,))]


def test_trying_a_network_changes_neither_its_weights_nor_the_draws_that_follow(make_images, cnn):
    images = make_images(shape=(3, 4, 4))
    network = network_builder(cnn | {"parameters": cnn["parameters"] | {"dropout": 0.5}}, images)()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    record_network(network, images, CPU)
    drawn = torch.rand(3)
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "the architecture gives a NoneType; expected a torch module"),
        ("nn.Linear", "the architecture gives a type; expected a torch module"),
        ("nn.Sequential(nn.Flatten(), nn.LazyLinear(3))", "Sequential has lazy layers"),
    ],
)
@pytest.mark.parametrize("kind", ["plug-in", "python"])
def test_architecture_that_gives_no_network_is_refused(make_images, tmp_path, kind, returned, message):
    path = tmp_path / "mine.py"
    path.write_text(f"from torch import nn\nPARAMETERS = {{}}\ndef build(shape, classes):\n    return {returned}\n")
    own = {"plugin": "python", "parameters": {"factory": f"{path}:build", "parameters": {}}}
    with pytest.raises(InputError, match=message):
        network_builder(own if kind == "python" else {"plugin": str(path), "parameters": {}}, make_images())()


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
