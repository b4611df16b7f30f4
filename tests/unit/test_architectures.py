"""The networks that the architecture plug-ins build: their thresholded layers against the known structure."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.models
from torch import nn
from torch.nn import functional as F

from spikegrid import spikes
from spikegrid.architectures import cnn, mlp
from spikegrid.capture import RecordedModel, capture_spikes, find_layers
from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes
from spikegrid.networks import as_inputs
from spikegrid.plugins import find_plugins, load_plugin
from spikegrid.training import train_block

CPU = torch.device("cpu")

PHOTOGRAPH, DIGIT = (3, 32, 32), (1, 28, 28)


def build(kind, shape=PHOTOGRAPH, classes=10, **parameters) -> nn.Module:
    """Build a network as the grid does: parameters that are not named have their defaults."""
    declared = find_plugins("architectures")[kind].parameters
    defaults = {name: rule["default"] for name, rule in declared.items() if "default" in rule}
    return load_plugin("architectures", kind)(shape, classes, **defaults | parameters)


def layers_of(network: nn.Module, shape=PHOTOGRAPH) -> dict[str, tuple[int, ...]]:
    """Shapes of the thresholded layers by name, in order; of random images."""
    return {layer.name: layer.shape for layer in find_layers(network, torch.randn(2, *shape))}


def shapes_of(network: nn.Module, shape=PHOTOGRAPH) -> list[tuple[int, ...]]:
    return list(layers_of(network, shape).values())


def build_cnn(shape=(3, 8, 8), classes=4, channels=(2, 3), convolutions=1, hidden=(5,), batch_norm=False):
    return cnn.build(shape, classes, list(channels), convolutions, list(hidden), batch_norm)


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# --- perceptrons and small convolutional networks ---


@pytest.mark.parametrize("hidden", [[4], [7, 5, 3]])
def test_perceptron_has_its_hidden_layers_and_logits(hidden):
    network = mlp.build((2, 3, 4), 6, hidden)
    layers = find_layers(network, torch.randn(2, 2, 3, 4))
    assert [layer.shape for layer in layers] == [(width,) for width in hidden]
    assert [layer.name for layer in layers] == [f"hidden{depth}.relu" for depth in range(1, len(hidden) + 1)]
    widths = [24, *hidden, 6]
    assert parameters_of(network) == sum((first + 1) * second for first, second in pairwise(widths))
    assert network(torch.randn(5, 2, 3, 4)).shape == (5, 6)


ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def test_perceptron_offers_the_activations_that_are_tested():
    assert find_plugins("architectures")["mlp"].parameters["activation"]["enum"] == list(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_perceptron_computes_with_its_activation_which_names_its_layers(name):
    network, images = build("mlp", (1, 3, 4), 6, hidden=[7, 5], activation=name), torch.randn(20, 1, 3, 4)
    first, second, last = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    inner = ACTIVATIONS[name](first(images.flatten(1)))
    torch.testing.assert_close(network(images), last(ACTIVATIONS[name](second(inner))))
    fired = capture_spikes(network, images, threshold=0.5 if name == "sigmoid" else 0)
    assert list(fired) == [f"hidden1.{name}", f"hidden2.{name}"]
    assert torch.equal(fired[f"hidden1.{name}"], first(images.flatten(1)) > 0)


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


# --- LeNet-5, and the small AlexNet and Inception of Zhang et al. (2017) ---


@pytest.mark.parametrize("shape", [DIGIT, (1, 32, 32), (1, 8, 8)])
def test_lenet_has_the_layers_and_the_parameters_of_lenet_5(shape):
    network = build("lenet", shape)
    assert layers_of(network, shape) == {
        "conv1.relu": (6, 28, 28),
        "conv2.relu": (16, 10, 10),
        "hidden1.relu": (120,),
        "hidden2.relu": (84,),
    }
    c1, c3, c5, f6, output = 6 * 26, 16 * (6 * 25 + 1), 120 * (16 * 25 + 1), 84 * 121, 10 * 85
    assert parameters_of(network) == c1 + c3 + c5 + f6 + output


def test_lenet_pads_a_digit_on_all_sides_as_lenet_5_does():
    shown = torch.randn(3, *DIGIT)
    assert torch.equal(build("lenet", DIGIT).pad(shown), F.pad(shown, (2, 2, 2, 2)))


@pytest.mark.parametrize(("shape", "side"), [((3, 28, 28), 28), (PHOTOGRAPH, 32)])
def test_small_alexnet_has_two_convolutions_and_two_hidden_layers(shape, side):
    assert layers_of(build("small_alexnet", shape), shape) == {
        "conv1.relu": (64, side, side),
        "conv2.relu": (64, side // 2, side // 2),
        "hidden1.relu": (384,),
        "hidden2.relu": (192,),
    }


def test_small_alexnet_pools_and_then_normalizes_after_each_convolution():
    names = [name for name, _ in build("small_alexnet").named_children()]
    assert names[:6] == ["conv1", "pool1", "norm1", "conv2", "pool2", "norm2"]


def test_normalization_of_small_alexnet_divides_by_what_nine_neighbouring_channels_have():
    signals = torch.rand(2, 64, 3, 3) * 100
    squares = F.pad(signals.square(), (0, 0, 0, 0, 4, 4)).unfold(1, 9, 1).sum(-1)
    expected = signals / (1 + 0.001 / 9 * squares) ** 0.75
    torch.testing.assert_close(build("small_alexnet").norm1(signals), expected)


MODULES = [(32, 32), (32, 48), 80, (112, 48), (96, 64), (80, 80), (48, 96), 96, (176, 160), (176, 160)]
"""Channels of 1×1 and 3×3 convolutions in figure 3 of Zhang et al. (2017); alone, those of a module that halves."""


@pytest.mark.parametrize("batch_norm", [True, False])
def test_small_inception_has_the_channels_of_the_figure(batch_norm):
    shape, side, expected = (3, 28, 28), 28, [(96, 28, 28)]
    for module in MODULES:
        side = side // 2 if isinstance(module, int) else side
        expected += [(count, side, side) for count in ([module] if isinstance(module, int) else module)]
    network = build("small_inception", shape, batch_norm=batch_norm)
    assert shapes_of(network, shape) == expected
    assert len(expected) == 1 + 2 * 8 + 2
    assert expected[-1] == (160, 7, 7)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert norms == len(expected) * batch_norm


def test_layers_of_small_inception_are_named_after_their_modules():
    names = list(layers_of(build("small_inception")))
    assert names[:3] == ["conv1.relu", "inception1.conv1x1.relu", "inception1.conv3x3.relu"]
    assert names[5:7] == ["downsample1.conv3x3.relu", "inception3.conv1x1.relu"]


# --- VGG and ResNet ---


VGG = {11: "A", 13: "B", 16: "D", 19: "E"}
"""Configuration of Simonyan & Zisserman (2015), by depth."""


def features_of_torchvision(depth: int, batch_norm: bool) -> nn.Module:
    return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[VGG[depth]], batch_norm)


@pytest.mark.parametrize("depth", VGG)
def test_vgg_has_the_convolutions_of_torchvision_and_two_hidden_layers(depth):
    network, peer = build("vgg", depth=depth), features_of_torchvision(depth, batch_norm=False)
    own, theirs = ([m.weight.shape for m in n.modules() if isinstance(m, nn.Conv2d)] for n in (network, peer))
    assert own == theirs
    assert len(own) == depth - 3
    shapes = shapes_of(network)
    assert shapes[:-2] == shapes_of(peer)
    assert shapes[-2:] == [(512,), (512,)]


def test_layers_of_vgg_11_are_eight_convolutions_and_two_hidden_layers():
    names = [f"conv{number}.relu" for number in range(1, 9)]
    for batch_norm in (True, False):
        assert list(layers_of(build("vgg", batch_norm=batch_norm))) == [*names, "hidden1.relu", "hidden2.relu"]


def test_features_of_vgg_are_those_of_torchvision_with_the_same_weights():
    network, images = build("vgg", batch_norm=True), torch.randn(4, *PHOTOGRAPH)
    peer = features_of_torchvision(11, batch_norm=True)
    for module in peer.modules():
        if isinstance(module, nn.Conv2d):
            module.register_parameter("bias", None)  # the normalization behind it takes it out again
    own = {name: value for name, value in network.state_dict().items() if name.startswith("conv")}
    network.load_state_dict(dict(zip(own, peer.state_dict().values(), strict=True)), strict=False)
    with torch.inference_mode():
        features = network.eval()[: list(dict(network.named_children())).index("flatten")](images)
        torch.testing.assert_close(features, peer.eval()(images), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [DIGIT, PHOTOGRAPH, (1, 8, 8)])
def test_vgg_brings_small_images_of_any_size_to_one_pixel(shape):
    network = build("vgg", shape, width=2, hidden=[6])
    assert network.hidden1.linear.in_features == 16
    assert network(torch.randn(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(("depth", "blocks"), [(20, 3), (32, 5), (44, 7), (56, 9), (110, 18)])
def test_resnet_of_6n_plus_2_layers_has_three_stages_of_n_blocks(depth, blocks):
    network = build("resnet", depth=depth)
    first = [(16, 32, 32)] * (1 + 2 * blocks)
    assert shapes_of(network) == first + [(32, 16, 16)] * (2 * blocks) + [(64, 8, 8)] * (2 * blocks)
    assert len(shapes_of(network)) == depth - 1
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == depth


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_resnet_has_as_many_parameters_as_he_et_al_say_for_cifar_10(depth, millions):
    tolerance = 0.05 if millions == 1.7 else 0.01  # they give 110 layers one decimal
    assert parameters_of(build("resnet", depth=depth)) / 1e6 == pytest.approx(millions, abs=tolerance)


def small_images(peer: nn.Module) -> nn.Module:
    """A ResNet of torchvision whose start is that for small images."""
    peer.conv1, peer.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return peer


@pytest.mark.parametrize("depth", [18, 34])
def test_resnet_for_imagenet_is_that_of_torchvision_but_for_its_start(depth):
    network, peer = build("resnet", depth=depth), small_images(getattr(torchvision.models, f"resnet{depth}")())
    peer.fc = nn.Linear(512, 10)
    own = network.state_dict()
    network.load_state_dict(dict(zip(own, peer.state_dict().values(), strict=True)))
    images = torch.randn(4, *PHOTOGRAPH)
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(images), peer.eval()(images), atol=1e-5, rtol=1e-4)
    own_spikes, theirs = capture_spikes(network, images), capture_spikes(peer, images)
    assert len(own_spikes) == depth - 1
    assert all(map(torch.equal, own_spikes.values(), theirs.values()))


def test_the_relu_that_a_block_of_torchvision_uses_twice_is_two_layers():
    names = list(layers_of(build("torchvision", name="resnet18")))
    assert names[:4] == ["relu", "layer1.0.relu@1", "layer1.0.relu@2", "layer1.1.relu@1"]
    assert list(layers_of(build("resnet", depth=18)))[:4] == [
        "conv1.relu",
        "stage1.block1.relu1",
        "stage1.block1.relu2",
        "stage1.block2.relu1",
    ]


def test_shortcut_without_parameters_is_every_second_pixel_and_channels_of_zeros():
    network = build("resnet", depth=20)
    images = torch.randn(2, 16, 8, 8)
    expected = torch.cat([F.avg_pool2d(images, 1, stride=2), torch.zeros(2, 16, 4, 4)], dim=1)
    assert torch.equal(network.stage2.block1.shortcut(images), expected)


@pytest.mark.parametrize("kind", ["vgg", "resnet"])
def test_width_sets_the_channels_of_the_first_stage(kind):
    first, *_, last = shapes_of(build(kind, width=3, **({"hidden": []} if kind == "vgg" else {})))
    assert first == (3, 32, 32)
    assert last[0] == {"vgg": 24, "resnet": 12}[kind]


@pytest.mark.parametrize("kind", ["vgg", "small_inception"])
def test_signals_keep_their_size_through_deep_networks_without_normalization(kind):
    torch.manual_seed(0)
    deepest = {"depth": 19} if kind == "vgg" else {}
    network = build(kind, batch_norm=False, **deepest).eval()
    sizes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *call: sizes.append(call[2].std().item()))
    with torch.inference_mode():
        network(torch.randn(8, *PHOTOGRAPH))
    assert len(sizes) == (16 if kind == "vgg" else 19)
    assert min(sizes) > 0.1
    assert max(sizes) < 10


# --- transformer ---


@pytest.mark.parametrize(("shape", "patch_size", "patches"), [(PHOTOGRAPH, 4, 64), (DIGIT, 7, 16), ((1, 8, 4), 2, 8)])
def test_transformer_has_a_layer_a_block_with_hidden_units_at_every_token(shape, patch_size, patches):
    network = build("vit", shape, patch_size=patch_size, depth=3, width=12, heads=3, mlp_ratio=2)
    expected = {f"block{number}.mlp.gelu": (1 + patches, 24) for number in (1, 2, 3)}
    assert layers_of(network, shape) == expected


def test_transformer_computes_what_that_of_torchvision_computes_with_the_same_weights():
    network = build("vit", width=32, depth=2, heads=4, mlp_ratio=2, classes=5).eval()
    peer = torchvision.models.VisionTransformer(32, 4, 2, 4, 32, 64, num_classes=5).eval()
    names = {
        "class_token": "tokens.class_token",
        "conv_proj": "tokens.patches",
        "encoder.pos_embedding": "tokens.places",
        "encoder.ln": "norm",
        "heads.head": "logits",
    }
    for layer in (0, 1):
        theirs, own = f"encoder.layers.encoder_layer_{layer}", f"block{layer + 1}"
        names |= {f"{theirs}.ln_1": f"{own}.norm1", f"{theirs}.ln_2": f"{own}.norm2"}
        names |= {f"{theirs}.self_attention": f"{own}.attention"}
        names |= {f"{theirs}.mlp.0": f"{own}.mlp.linear1", f"{theirs}.mlp.3": f"{own}.mlp.linear2"}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    state = network.state_dict()
    for key in peer.state_dict():
        prefix = max((name for name in names if key.startswith(name)), key=len)
        peer.state_dict()[key].copy_(state.pop(names[prefix] + key.removeprefix(prefix)))
    assert not state
    with torch.no_grad():
        for module in peer.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-5
        images = torch.randn(6, *PHOTOGRAPH)
        torch.testing.assert_close(network(images), peer(images), atol=1e-4, rtol=1e-4)


def test_patches_that_do_not_fill_the_image_are_refused():
    with pytest.raises(InputError, match="vit: images of 28×28 are no multiple of patch_size 8"):
        build("vit", DIGIT, patch_size=8)


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(InputError, match="vit: width 10 is no multiple of heads 4"):
        build("vit", width=10, heads=4)


# --- dropout ---

WITH_DROPOUT = ["mlp", "cnn", "small_alexnet", "vgg", "vit"]

SMALLER = {"vgg": {"width": 4}, "vit": {"depth": 1}}


def test_the_architectures_with_dropout_are_those_that_are_tested():
    found = [name for name, plugin in find_plugins("architectures").items() if "dropout" in plugin.parameters]
    assert sorted(found) == sorted(WITH_DROPOUT)


@pytest.mark.parametrize("kind", WITH_DROPOUT)
def test_dropout_sets_its_share_of_outputs_to_zero_in_training_alone(kind):
    network, images = build(kind, DIGIT, dropout=0.25, **SMALLER.get(kind, {})), torch.randn(32, *DIGIT)
    shares = []
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda _, given, made: shares.append(share_dropped(given[0], made)))
    network.train()(images)
    assert shares
    assert all(share == pytest.approx(0.25, abs=0.1) for share in shares)
    shares.clear()
    with torch.inference_mode():
        assert torch.equal(network.eval()(images), network(images))
    assert all(share == 0 for share in shares)


def share_dropped(given: torch.Tensor, made: torch.Tensor) -> float:
    return (made[given != 0] == 0).float().mean().item()


@pytest.mark.parametrize("kind", WITH_DROPOUT)
def test_dropout_changes_neither_weights_nor_layers(kind):
    networks = []
    for dropout in (0, 0.5):
        torch.manual_seed(3)
        networks.append(build(kind, DIGIT, dropout=dropout, **SMALLER.get(kind, {})))
    plain, dropping = networks
    assert layers_of(plain, DIGIT) == layers_of(dropping, DIGIT)
    assert list(plain.state_dict()) == list(dropping.state_dict())
    assert all(map(torch.equal, plain.state_dict().values(), dropping.state_dict().values()))


# --- all of them ---

SMALL = {
    "mlp": {"hidden": [5]},
    "cnn": {"channels": [2], "hidden": [4]},
    "lenet": {},
    "small_alexnet": {"channels": 2},
    "small_inception": {},
    "vgg": {"width": 2, "hidden": [4]},
    "resnet": {"width": 2},
    "torchvision": {"name": "resnet18"},
    "vit": {"width": 8, "heads": 2, "depth": 1},
}
"""Parameters of a small network of each kind; as small as a residual network of torchvision can be."""


def test_every_architecture_but_ones_own_is_built_here():
    assert {*SMALL, "python"} == set(find_plugins("architectures"))


@pytest.mark.parametrize("shape", [DIGIT, PHOTOGRAPH])
@pytest.mark.parametrize("kind", SMALL)
def test_architecture_gives_a_logit_for_each_class_and_learns_with_all_its_weights(kind, shape):
    network = build(kind, shape, 7, **SMALL[kind]).train()
    logits = network(torch.randn(3, *shape))
    assert logits.shape == (3, 7)
    F.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert any(parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("kind", SMALL)
def test_spikes_of_a_trained_network_are_inputs_above_zero_of_its_activation_modules(
    kind, tmp_path, make_images, run, generalizing, training, presented
):
    images, path = make_images(train=12, test=10, shape=(1, 12, 12)), tmp_path / "spikes.npz"
    declared = find_plugins("architectures")[kind].parameters
    defaults = {name: rule["default"] for name, rule in declared.items() if "default" in rule}
    architecture = {"plugin": kind, "parameters": defaults | SMALL[kind]}
    (trained,) = train_block(run, images, architecture, generalizing, training | {"epochs": 1}, CPU)
    save_checkpoints(tmp_path / "checkpoints.safetensors", run, architecture, generalizing, [trained])
    extract_spikes(Checkpoints(tmp_path / "checkpoints.safetensors"), images, presented, CPU, path)
    network, sums = build(kind, (1, 12, 12), 3, **SMALL[kind]).eval(), []
    network.load_state_dict(trained.states[1])
    for module in network.modules():
        if isinstance(module, nn.ReLU | nn.GELU):
            module.register_forward_pre_hook(lambda _, given: sums.append(given[0].flatten(1).clone()))
    with spikes.load(path) as file, torch.inference_mode(), np.load(path) as archive:
        network(as_inputs(images.images[archive["index"]], images, CPU))
        assert len(file.layers) == len(sums)
        for layer, expected in zip(file.layers, sums):
            fired = np.unpackbits(archive[layer.name][0, -1], axis=-1, count=layer.units, bitorder="little")
            clear = expected.abs().numpy() > 1e-4
            assert clear.mean() > 0.9
            np.testing.assert_array_equal(fired[clear], (expected.numpy() > 0)[clear])


@pytest.mark.parametrize("kind", SMALL)
def test_weights_come_from_the_generator_of_torch(kind):
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build(kind, **SMALL[kind]).state_dict())
    first, again, other = (torch.cat([value.flatten().float() for value in state.values()]) for state in states)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", SMALL)
def test_layers_have_names_that_no_other_has_and_stand_in_order(kind):
    layers = find_layers(build(kind, **SMALL[kind]), torch.randn(2, *PHOTOGRAPH))
    assert len({layer.name for layer in layers}) == len(layers)
    assert [layer.depth for layer in layers] == list(range(1, len(layers) + 1))


# --- torchvision ---


@pytest.mark.parametrize(("name", "layers"), [("resnet50", 1 + 3 * 16), ("squeezenet1_1", 1 + 8 * 3 + 1)])
@pytest.mark.parametrize("shape", [DIGIT, PHOTOGRAPH])
def test_torchvision_network_takes_grey_and_small_images(name, layers, shape):
    assert len(layers_of(build("torchvision", shape, 4, name=name), shape)) == layers


def test_small_images_keep_their_size_at_the_start_of_a_resnet_and_large_ones_do_not():
    assert shapes_of(build("torchvision", name="resnet18"))[0] == (64, 32, 32)
    large = (3, 64, 64)
    assert shapes_of(build("torchvision", large, name="resnet18"), large)[:2] == [(64, 32, 32), (64, 16, 16)]


def test_torchvision_transformer_gets_the_size_of_the_images():
    assert shapes_of(build("torchvision", name="vit_b_32"))[0] == (2, 3072)


def test_options_reach_the_function_of_torchvision():
    network = build("torchvision", name="squeezenet1_1", options={"dropout": 0.125})
    assert {module.p for module in network.modules() if isinstance(module, nn.Dropout)} == {0.125}


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"name": "resnet81"}, ["torchvision", "'resnet81'", "did you mean 'resnet18'"]),
        ({"name": "fcn_resnet50"}, ["torchvision", "'fcn_resnet50'"]),
        ({"name": "resnet18", "options": {"widths": 3}}, ["resnet18", "32×32", "'widths'"]),
    ],
)
def test_what_torchvision_does_not_have_is_refused_by_its_name(parameters, parts):
    with pytest.raises(InputError) as refusal:
        build("torchvision", **{"options": {}} | parameters)
    assert [part for part in parts if part not in str(refusal.value)] == []


# --- one's own ---


def write_factory(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"from torch import nn\n\n\n{body}\n")
    return path


TINY = "def tiny(shape, classes, width=3):\n    return nn.Sequential(nn.Flatten(), nn.Linear(4, width), nn.ReLU())"


def test_factory_of_a_file_gets_shape_classes_and_parameters(tmp_path):
    path = write_factory(
        tmp_path / "nets.py", "def given(*arguments, **named):\n    return nn.ParameterList(), arguments, named"
    )
    _, arguments, named = build("python", DIGIT, 4, factory=f"{path}:given", parameters={"width": 5})
    assert (arguments, named) == ((DIGIT, 4), {"width": 5})


@pytest.mark.parametrize("init", [True, False])
def test_factory_of_a_module_is_found_from_the_working_directory(tmp_path, monkeypatch, init):
    package = f"own_package_{init}"
    write_factory(tmp_path / package / "nets.py", TINY)
    if init:
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("/nonexistent")  # restores the path of Python afterwards
    network = build("python", factory=f"{package}.nets:tiny", parameters={"width": 2})
    assert network[1].out_features == 2


def test_factory_may_import_the_files_beside_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend("/nonexistent")
    write_factory(tmp_path / "my_neighbour.py", TINY)
    (tmp_path / "nets.py").write_text("from my_neighbour import tiny\n")
    assert build("python", factory=f"{tmp_path / 'nets.py'}:tiny")[1].out_features == 3


@pytest.mark.parametrize(
    ("body", "parameters", "parts"),
    [
        ("import nothing_of_this_name", {}, ["does not import", "ModuleNotFoundError", "nothing_of_this_name"]),
        ("x = 1 / 0", {}, ["does not import", "ZeroDivisionError: division by zero (nets.py, line 4)"]),
        ("def other(): ...", {}, ["has no function tiny"]),
        ("tiny = 3", {}, ["has no function tiny"]),
        ("def tiny(shape): ...", {}, ["TypeError", "takes 1 positional argument but 2 were given"]),
        (TINY, {"wdith": 3}, ["TypeError", "'wdith'"]),
        (
            "def tiny(shape, classes):\n    raise ValueError('too\\nwide')",
            {},
            ["ValueError: too wide (nets.py, line 5)"],
        ),
    ],
)
def test_factory_that_fails_is_named_with_what_went_wrong_in_one_line(tmp_path, body, parameters, parts):
    factory = f"{write_factory(tmp_path / 'nets.py', body)}:tiny"
    with pytest.raises(InputError) as refusal:
        build("python", factory=factory, parameters=parameters)
    assert [part for part in [factory, *parts] if part not in str(refusal.value)] == []
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", SMALL)
def test_units_are_removed_from_any_layer_as_hooks_on_its_activation_would_remove_them(kind):
    network, images = build(kind, DIGIT, 7, **SMALL[kind]).eval(), torch.randn(4, *DIGIT)
    recorded = RecordedModel(network, images[:2])
    whole = recorded.show(images, lambda *_: None)
    for removed in (None, *range(len(recorded.layers))):
        masks = [torch.rand(layer.shape) < 0.5 for layer in recorded.layers]

        def remove(place, output, removed=removed, masks=masks):
            output.masked_fill_(masks[place] & (place == removed), 0)

        given, calls = recorded.show(images, remove), iter(range(len(masks)))

        def hook(module, shown, output, removed=removed, masks=masks, calls=calls):
            return output * ~masks[removed] if next(calls) == removed else None

        hooks = [
            module.register_forward_hook(hook) for module in network.modules() if isinstance(module, nn.ReLU | nn.GELU)
        ]
        with torch.inference_mode():
            hooked = network(images)
        for handle in hooks:
            handle.remove()
        torch.testing.assert_close(given, hooked, rtol=1e-4, atol=1e-5)
        assert removed is not None or torch.equal(given, whole)
