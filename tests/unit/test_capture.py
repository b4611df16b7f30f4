"""Spike capture against outputs > threshold that the models themselves record, and known network structures."""

import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import torchvision.models
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from spikegrid import capture
from spikegrid.capture import Capture, PreactivationCapture, RecordedModel, capture_spikes, find_layers
from spikegrid.errors import InputError

THRESHOLDING = {
    "torch.relu": torch.relu,
    "F.relu": F.relu,
    "F.relu(inplace)": lambda x: F.relu(x, inplace=True),
    "relu_": lambda x: x.relu_(),
    "clamp(min=0)": lambda x: x.clamp(min=0),
    "clamp(min=0.0, max=1)": lambda x: x.clamp(min=0.0, max=1),
    "clamp_(min=0)": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clamp_min_": lambda x: x.clamp_min_(0.0),
    "torch.clip(0)": lambda x: torch.clip(x, 0),
    "clip_(0)": lambda x: x.clip_(0),
    "F.hardtanh(0, 1)": lambda x: F.hardtanh(x, 0, 1),
    "F.threshold(0, 0)": lambda x: F.threshold(x, 0, 0),
    "F.leaky_relu": F.leaky_relu,
    "F.leaky_relu(inplace)": lambda x: F.leaky_relu(x, inplace=True),
    "F.rrelu": F.rrelu,
    "F.elu": F.elu,
    "F.elu(inplace)": lambda x: F.elu(x, inplace=True),
    "F.selu": F.selu,
    "F.selu(inplace)": lambda x: F.selu(x, inplace=True),
    "F.celu": F.celu,
    "F.gelu": F.gelu,
    "F.gelu(tanh)": lambda x: F.gelu(x, approximate="tanh"),
    "F.silu": F.silu,
    "F.silu(inplace)": lambda x: F.silu(x, inplace=True),
    "F.mish": F.mish,
    "F.mish(inplace)": lambda x: F.mish(x, inplace=True),
    "F.hardswish": F.hardswish,
    "F.hardswish(inplace)": lambda x: F.hardswish(x, inplace=True),
    "F.relu6": F.relu6,
    "F.prelu": lambda x: F.prelu(x, torch.tensor([0.2])),
    "F.prelu(negative weight)": lambda x: F.prelu(x, torch.tensor([-0.2])),
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU(inplace)": nn.ReLU(inplace=True),
    "nn.ReLU6": nn.ReLU6(),
    "nn.LeakyReLU": nn.LeakyReLU(),
    "nn.PReLU": nn.PReLU(),
    "nn.RReLU": nn.RReLU(),
    "nn.ELU": nn.ELU(),
    "nn.SELU": nn.SELU(),
    "nn.CELU": nn.CELU(),
    "nn.GELU": nn.GELU(),
    "nn.SiLU": nn.SiLU(),
    "nn.Mish": nn.Mish(),
    "nn.Hardswish": nn.Hardswish(),
}

NOT_THRESHOLDING = {
    "clamp(min=-1)": lambda x: x.clamp(min=-1),
    "clamp(min=0.5)": lambda x: x.clamp(min=0.5),
    "clamp(max=0)": lambda x: x.clamp(max=0),
    "clamp_min(0.1)": lambda x: x.clamp_min(0.1),
    "clip(-1, 1)": lambda x: x.clip(-1, 1),
    "nn.Hardtanh": nn.Hardtanh(),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: x.softmax(dim=1),
    "nn.Hardsigmoid": nn.Hardsigmoid(),
    "nn.Softplus": nn.Softplus(),
    "nn.Identity": nn.Identity(),
    "clamp of whole numbers": lambda x: x.long().clamp(min=0).float(),
}


class Chain(nn.Module):
    """A linear layer before each activation; keeps the outputs of the activations of the last pass."""

    def __init__(self, activations):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(6, 6) for _ in activations)
        self.activations = activations
        self.registered = nn.ModuleList(step for step in activations if isinstance(step, nn.Module))
        self.outputs = []

    def forward(self, x):
        self.outputs = []
        for linear, activation in zip(self.linear, self.activations):
            x = activation(linear(x))
            self.outputs.append(x.clone())
        return x


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", THRESHOLDING)
def test_activation_is_one_layer_whose_spikes_are_outputs_above_zero(name):
    model, images = Chain([THRESHOLDING[name]]), torch.randn(50, 6)
    spikes = capture_spikes(model, images)
    assert len(spikes) == 1
    assert torch.equal(*spikes.values(), model.outputs[0] > 0)


@pytest.mark.parametrize("threshold", [0.5, 1.5])
@pytest.mark.parametrize("name", THRESHOLDING)
def test_spikes_at_a_threshold_above_zero_are_outputs_above_it(name, threshold):
    model, images = Chain([THRESHOLDING[name]]), 4 * torch.randn(200, 6)
    spikes = capture_spikes(model, images, threshold)
    assert torch.equal(*spikes.values(), model.outputs[0] > threshold)


@pytest.mark.parametrize("gradient", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", THRESHOLDING)
def test_activation_is_seen_once_with_and_without_gradients(name, gradient):
    model, seen = Chain([THRESHOLDING[name]]).eval(), []
    with gradient(), Capture(lambda output, _: seen.append(output.clone())):
        model(torch.randn(4, 6))
    assert len(seen) == 1
    assert torch.equal(seen[0], model.outputs[0])


@pytest.mark.parametrize("name", NOT_THRESHOLDING)
def test_other_operation_is_no_layer(name):
    model = Chain([NOT_THRESHOLDING[name], torch.relu])
    assert len(find_layers(model, torch.randn(5, 6))) == 1


@given(st.lists(st.sampled_from(sorted(THRESHOLDING) + sorted(NOT_THRESHOLDING)), max_size=6))
def test_layers_of_any_chain_are_its_activations_in_order(names):
    model = Chain([(THRESHOLDING | NOT_THRESHOLDING)[name] for name in [*names, "F.relu"]])
    spikes = capture_spikes(model, torch.randn(20, 6))
    expected = [
        output > 0 for name, output in zip([*names, "F.relu"], model.outputs, strict=True) if name in THRESHOLDING
    ]
    assert len(spikes) == len(expected)
    assert all(map(torch.equal, spikes.values(), expected))


def test_exact_zeros_and_undefined_values_do_not_fire():
    spikes = capture_spikes(nn.ReLU(), torch.tensor([[0.0, -0.0, float("nan"), 1e-30, float("inf")]]))
    assert spikes["relu"].tolist() == [[False, False, False, True, True]]


def test_module_called_several_times_is_a_layer_each_call():
    class Repeated(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = nn.Linear(6, 6), nn.ReLU()
            self.outputs = []

        def forward(self, x):
            self.outputs = []
            for _ in range(3):
                x = self.relu(self.linear(x))
                self.outputs.append(x)
            return x

    model = Repeated()
    spikes = capture_spikes(model, torch.randn(30, 6))
    assert list(spikes) == ["relu@1", "relu@2", "relu@3"]
    assert all(torch.equal(found, output > 0) for found, output in zip(spikes.values(), model.outputs, strict=True))


def test_layers_are_named_after_the_modules_that_call_them():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.gate = nn.Linear(6, 6), nn.SiLU()

        def forward(self, x):
            return F.relu(self.gate(self.linear(x))) + x.clamp(min=0)

    model = nn.Sequential(nn.Sequential(Block(), nn.ReLU()), Block())
    layers = find_layers(model, torch.randn(2, 6))
    assert [layer.name for layer in layers] == [
        "0.0.gate",
        "0.0.relu",
        "0.0.clamp",
        "0.1",
        "1.gate",
        "1.relu",
        "1.clamp",
    ]
    assert [layer.depth for layer in layers] == [1, 2, 3, 4, 5, 6, 7]


def test_a_function_and_a_module_of_the_same_path_get_two_names():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return F.relu(self.relu(x) - 1)

    names = [layer.name for layer in find_layers(nn.Sequential(Both()), torch.randn(2, 6))]
    assert len(names) == len(set(names)) == 2


def test_model_that_is_itself_an_activation_has_a_named_layer():
    assert [layer.name for layer in find_layers(nn.ReLU(), torch.randn(2, 6))] == ["relu"]


@pytest.mark.parametrize("name", THRESHOLDING)
def test_capture_leaves_the_output_bit_identical(name):
    model, images = Chain([THRESHOLDING[name], torch.tanh]).eval(), torch.randn(9, 6)
    with torch.inference_mode():
        expected = model(images)
        with Capture(lambda *_: None):
            captured = model(images)
    assert torch.equal(captured, expected)


def hooks_left(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_hooks_are_gone_once_layers_are_found():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU())
    find_layers(model, torch.randn(2, 6))
    assert hooks_left(model) == 0


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.relu = nn.Sequential(nn.ReLU()), nn.ReLU()

    def forward(self, x):
        x = self.relu(self.inner(x))
        raise RuntimeError("the model broke")


def test_hooks_and_fast_path_are_as_before_when_the_model_raises():
    model = nn.Sequential(Failing())
    before = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError, match="the model broke"):
        find_layers(model, torch.randn(2, 6))
    assert hooks_left(model) == 0
    assert torch.backends.mha.get_fastpath_enabled() == before
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_layers_keep_their_names_after_a_module_that_raised_and_was_let_pass():
    class Forgiving(nn.Module):
        def __init__(self):
            super().__init__()
            self.failing, self.last = Failing(), nn.ReLU()

        def forward(self, x):
            with suppress(RuntimeError):
                self.failing(x)
            return F.relu(self.last(x))

    layers = find_layers(nn.Sequential(Forgiving()), torch.randn(2, 6))
    assert [layer.name for layer in layers] == ["0.failing.inner.0", "0.failing.relu", "0.last", "0.relu"]


def test_what_the_consumer_raises_comes_through():
    def refuse(*_):
        raise InputError("not this layer")

    with pytest.raises(InputError, match="not this layer"), Capture(refuse):
        torch.relu(torch.randn(2, 6))


def test_output_is_handed_over_before_the_model_writes_over_it():
    class Overwriting(nn.Module):
        def forward(self, x):
            return x.relu().mul_(-1)

    images = torch.randn(5, 6)
    assert torch.equal(capture_spikes(Overwriting(), images)["relu"], images > 0)


def test_capture_does_not_load_the_compiler_of_torch():
    program = """
import sys, torch
from spikegrid.capture import capture_spikes
capture_spikes(torch.nn.ReLU(), torch.randn(2, 6))
sys.exit("torch._dynamo" in sys.modules)
"""
    folder = Path(capture.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", program], cwd=folder).returncode == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_fast_path_of_torch_is_left_as_it_was(enabled):
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        capture_spikes(nn.ReLU(), torch.randn(2, 6))
        assert torch.backends.mha.get_fastpath_enabled() == enabled
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class Changing(nn.Module):
    """Calls its activation as often as ``calls`` says of the images."""

    def __init__(self, calls):
        super().__init__()
        self.relu, self.calls = nn.ReLU(), calls

    def forward(self, x):
        for _ in range(self.calls(x)):
            x = self.relu(x - 0.1)
        return x


def test_number_of_calls_that_depends_on_the_number_of_images_is_refused():
    with pytest.raises(InputError, match=r"the thresholded layers of the network change .* 2 activations in one, 3"):
        find_layers(Changing(len), torch.randn(2, 6))


def test_layers_that_depend_on_the_number_of_images_are_refused_by_their_names():
    class Choosing(nn.Module):
        def forward(self, x):
            return x.relu() if len(x) > 2 else F.gelu(x)

    with pytest.raises(InputError, match=r"layers of the network change .* gelu in one, relu in another"):
        find_layers(Choosing(), torch.randn(2, 6))


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_pass_with_another_number_of_calls_than_were_found_is_refused(calls):
    recorded = RecordedModel(Changing(lambda x: calls if x.max() > 50 else 2), torch.randn(2, 6))
    recorded.show(torch.randn(4, 6), lambda *_: None)
    with pytest.raises(InputError, match=f"change from one forward pass to the next: 2 activations in one, {calls} in"):
        recorded.show(100 * torch.ones(4, 6), lambda *_: None)


def test_pass_in_which_a_layer_has_another_shape_is_refused_by_its_name():
    class Cropping(nn.Module):
        def forward(self, x):
            return x[:, : 3 if x.max() > 50 else 5].relu()

    recorded = RecordedModel(Cropping(), torch.randn(2, 6))
    with pytest.raises(InputError, match=r"layer relu has an output of shape \(4, 3\), not \(4, 5\)"):
        recorded.show(100 * torch.ones(4, 6), lambda *_: None)


def test_recorded_model_hands_on_the_outputs_of_its_layers_in_order():
    model, images = Chain([torch.relu, torch.tanh, F.gelu]), torch.randn(9, 6)
    recorded, shown = RecordedModel(model, torch.randn(2, 6)), []
    recorded.show(images, lambda place, output: shown.append((place, output.clone())))
    assert [place for place, _ in shown] == [0, 1]
    for (_, output), expected in zip(shown, [model.outputs[0], model.outputs[2]], strict=True):
        assert torch.equal(output, expected)


@pytest.mark.parametrize("name", THRESHOLDING)
def test_the_rest_of_the_pass_sees_what_the_consumer_writes(name):
    model, images = Chain([THRESHOLDING[name], torch.relu]).eval(), torch.randn(9, 6)
    removed = torch.tensor([True, False, False, True, False, True])
    recorded = RecordedModel(model, images[:2])
    given = recorded.show(images, lambda place, output: place or output.masked_fill_(removed, 0))
    with torch.inference_mode():
        first = THRESHOLDING[name](model.linear[0](images)) * ~removed
        assert torch.equal(given, torch.relu(model.linear[1](first)))


class BothSides(Chain):
    """A chain that keeps what its activations are given, too."""

    def forward(self, x):
        self.inputs, self.outputs = [], []
        for linear, activation in zip(self.linear, self.activations):
            x = linear(x)
            self.inputs.append(x.clone())
            x = activation(x)
            self.outputs.append(x.clone())
        return x


def both_sides(model: nn.Module, images: torch.Tensor) -> list[tuple[int, torch.Tensor, torch.Tensor]]:
    """What a recorded model hands on in one pass: place, output and pre-activation of each layer."""
    shown = []
    RecordedModel(model, images[:2]).show_preactivations(
        images, lambda place, output, preactivation: shown.append((place, output.clone(), preactivation.clone()))
    )
    return shown


@pytest.mark.parametrize("name", THRESHOLDING)
def test_preactivation_is_the_input_of_the_thresholding_operation(name):
    model, images = BothSides([THRESHOLDING[name], torch.tanh, torch.relu]), torch.randn(50, 6)
    shown = both_sides(model, images)
    assert [place for place, _, _ in shown] == [0, 1]
    for (_, output, preactivation), number in zip(shown, (0, 2), strict=True):
        assert torch.equal(preactivation, model.inputs[number])
        assert torch.equal(output, model.outputs[number])


def test_preactivations_of_convolutions_are_those_of_explicit_computation():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2)
    )
    model, images = nn.Sequential(model, nn.GELU()).eval(), torch.randn(7, 2, 8, 8)
    first, normed, _, pool, second = model[0]
    preactivations = [normed(first(images))]
    preactivations.append(second(pool(preactivations[0].relu())))
    outputs = [preactivations[0].relu(), F.gelu(preactivations[1])]
    for (_, *found), *expected in zip(both_sides(model, images), outputs, preactivations, strict=True):
        torch.testing.assert_close(found, expected)


def test_module_called_several_times_has_the_preactivation_of_each_call():
    class Repeated(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = nn.Linear(6, 6), nn.ReLU(inplace=True)

        def forward(self, x):
            for _ in range(3):
                x = self.relu(self.linear(x))
            return x

    model, images = Repeated(), torch.randn(9, 6)
    x = images
    for (place, output, preactivation), call in zip(both_sides(model, images), range(3), strict=True):
        expected = model.linear(x)
        x = expected.relu()
        assert place == call
        torch.testing.assert_close(preactivation, expected)
        torch.testing.assert_close(output, x)


@pytest.mark.parametrize("name", [*THRESHOLDING, *NOT_THRESHOLDING])
def test_capture_of_preactivations_leaves_the_output_bit_identical(name):
    model, images = Chain([(THRESHOLDING | NOT_THRESHOLDING)[name], torch.tanh]).eval(), torch.randn(9, 6)
    with torch.inference_mode():
        expected = model(images)
        with PreactivationCapture(lambda *_: None):
            captured = model(images)
    assert torch.equal(captured, expected)


def test_pass_that_changes_is_refused_where_preactivations_are_shown_too():
    recorded = RecordedModel(Changing(lambda x: 3 if x.max() > 50 else 2), torch.randn(2, 6))
    with pytest.raises(InputError, match="change from one forward pass to the next: 2 activations in one, 3 in"):
        recorded.show_preactivations(100 * torch.ones(4, 6), lambda *_: None)


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_rectified_parameters_fire_on_no_image_and_are_no_layer(rows):
    class Positive(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(rows, 6))

        def forward(self, x):
            return F.linear(x, F.relu(self.weight)).relu() + F.gelu(2 * self.weight).sum()

    model, images = Positive(), torch.randn(7, 6)
    assert [(layer.name, layer.depth, layer.shape) for layer in find_layers(model, images)] == [("relu", 1, (rows,))]
    spikes = capture_spikes(model, images)
    assert torch.equal(spikes["relu"], images @ model.weight.clamp(min=0).T > 0)


def test_model_that_rectifies_nothing_but_parameters_has_no_thresholded_node():
    class Positive(nn.Linear):
        def forward(self, x):
            return F.linear(x, self.weight.relu())

    with pytest.raises(InputError, match="Positive: no thresholded node found"):
        find_layers(Positive(6, 6), torch.randn(2, 6))


def test_mean_over_the_images_is_refused_and_not_taken_for_a_parameter():
    class Centring(nn.Module):
        def forward(self, x):
            return x.relu() - x.mean(dim=0, keepdim=True).relu()

    with pytest.raises(
        InputError, match=r"layer relu@2: its output has shape \(1, 6\); expected 2 images along axis 0"
    ):
        find_layers(Centring(), torch.randn(2, 6).abs())


STRUCTURES = [
    ("resnet18", {}, 64, 1 + 8 * 2),
    ("vgg11_bn", {"init_weights": False}, 32, 8 + 2),
    ("alexnet", {}, 64, 5 + 2),
    ("densenet121", {}, 32, 1 + 2 * (6 + 12 + 24 + 16) + 3 + 1),
    ("googlenet", {"init_weights": False, "aux_logits": False}, 64, 3 + 9 * 6),
    ("mobilenet_v2", {}, 32, 1 + 1 + 16 * 2 + 1),
    ("squeezenet1_1", {}, 64, 1 + 8 * 3 + 1),
    ("efficientnet_b0", {}, 32, 1 + 2 + 15 * 3 + 1),
]


@pytest.mark.parametrize(("name", "options", "side", "expected"), STRUCTURES, ids=[case[0] for case in STRUCTURES])
def test_torchvision_network_has_the_layers_of_its_structure(name, options, side, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(torchvision.models, name)(weights=None, **options)
    layers = find_layers(model, torch.randn(2, 3, side, side))
    assert len(layers) == expected
    assert len({layer.name for layer in layers}) == expected
    assert [layer.depth for layer in layers] == list(range(1, expected + 1))


def test_spikes_of_resnet18_are_those_of_hooks_on_its_relu_modules():
    model = torchvision.models.resnet18(weights=None).eval()
    outputs = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda *call: outputs.append(call[2] > 0))
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        model(images)
    expected = list(outputs)
    spikes = capture_spikes(model, images)
    assert len(spikes) == len(expected) == 17
    assert all(map(torch.equal, spikes.values(), expected))


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_transformer_encoder_has_a_layer_a_block(activation, norm_first):
    block = nn.TransformerEncoderLayer(16, 2, 32, activation=activation, norm_first=norm_first, batch_first=True)
    model = nn.TransformerEncoder(block, 3, enable_nested_tensor=False).eval()
    images = torch.randn(4, 5, 16)
    layers = find_layers(model, images)
    assert [layer.name for layer in layers] == [f"layers.{number}.{activation}" for number in range(3)]
    assert {layer.shape for layer in layers} == {(5, 32)}
    with torch.inference_mode(), Capture(lambda *_: None):
        captured = model(images)
    torch.testing.assert_close(captured, model(images))


def test_vision_transformer_has_a_layer_a_block():
    model = torchvision.models.VisionTransformer(32, 8, 4, 2, 16, 32, num_classes=3)
    layers = find_layers(model, torch.randn(2, 3, 32, 32))
    assert [layer.shape for layer in layers] == [(17, 32)] * 4


def test_transformer_that_rectifies_what_it_learns_of_places_has_a_layer_a_block():
    swin = torchvision.models.swin_transformer
    model = swin.SwinTransformer(
        [4, 4], 8, [2, 2], [2, 2], [4, 4], block=swin.SwinTransformerBlockV2, downsample_layer=swin.PatchMergingV2
    )
    layers = find_layers(model, torch.randn(2, 3, 32, 32))
    assert [layer.shape for layer in layers] == [(8, 8, 32)] * 2 + [(4, 4, 64)] * 2
    assert {layer.name.rpartition(".mlp.")[2] for layer in layers} == {"1"}
    assert sum("cpb_mlp" in name for name, module in model.named_modules() if isinstance(module, nn.ReLU)) == 4


def test_names_do_not_depend_on_weights_batch_or_repetition():
    model = torchvision.models.squeezenet1_1(weights=None)
    first = find_layers(model, torch.randn(2, 3, 32, 32))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert find_layers(model, torch.randn(5, 3, 32, 32)) == first


def test_shape_is_that_of_one_image_and_units_its_product():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 5, 7), nn.ReLU())
    layers = find_layers(model, torch.randn(2, 3, 8, 7))
    assert [(layer.shape, layer.units) for layer in layers] == [((4, 6, 5), 120), ((7,), 7)]


def test_flat_units_are_in_channel_row_column_order():
    images = torch.zeros(1, 2, 3, 4)
    images[0, 1, 2, 3] = images[0, 0, 1, 2] = 1
    flat = capture_spikes(nn.ReLU(), images)["relu"].flatten(1)
    fired = flat[0].nonzero()[:, 0]
    places = torch.stack(torch.unravel_index(fired, (2, 3, 4)), dim=1)
    assert places.tolist() == [[0, 1, 2], [1, 2, 3]]


def test_memory_format_of_the_images_does_not_change_the_order_of_units():
    images = torch.randn(5, 3, 6, 4)
    expected = capture_spikes(nn.ReLU(), images)["relu"].flatten(1)
    shown = images.to(memory_format=torch.channels_last)
    assert torch.equal(capture_spikes(nn.ReLU(), shown)["relu"].flatten(1), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_spikes_are_captured_in_any_precision(dtype):
    images = torch.randn(4, 6, dtype=dtype)
    assert torch.equal(capture_spikes(nn.ReLU(), images)["relu"], images > 0)


def test_layers_are_found_in_evaluation_mode():
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU())
    before = model[1].running_mean.clone()
    spikes = [capture_spikes(model.train(), torch.ones(3, 6))["3"] for _ in range(2)]
    assert torch.equal(*spikes)
    assert torch.equal(model[1].running_mean, before)


def test_operations_outside_the_context_are_not_captured():
    model, images, seen = nn.ReLU(), torch.randn(3, 6), []
    context = Capture(lambda *call: seen.append(call))
    model(images)
    with context:
        pass
    model(images)
    assert seen == []


def test_model_without_thresholded_nodes_is_refused_by_name():
    with pytest.raises(InputError, match="Linear: no thresholded node found; expected ReLU"):
        find_layers(nn.Linear(6, 6), torch.randn(2, 6))


SATURATING = {
    "tanh": {
        "torch.tanh": torch.tanh,
        "F.tanh": F.tanh,
        "tanh_": lambda x: x.tanh_(),
        "nn.Tanh": nn.Tanh(),
    },
    "sigmoid": {
        "torch.sigmoid": torch.sigmoid,
        "F.sigmoid": F.sigmoid,
        "sigmoid_": lambda x: x.sigmoid_(),
        "nn.Sigmoid": nn.Sigmoid(),
    },
}


@pytest.mark.parametrize(
    ("kind", "name", "threshold"),
    [(kind, name, {"tanh": 0, "sigmoid": 0.5}[kind]) for kind in SATURATING for name in SATURATING[kind]],
)
def test_saturating_nodes_of_a_network_without_rectifiers_fire_where_their_inputs_are_positive(kind, name, threshold):
    model, images = Chain([SATURATING[kind][name], SATURATING[kind][name]]), torch.randn(50, 6)
    spikes = capture_spikes(model, images, threshold)
    first, second = spikes.values()
    inner = model.linear[0](images)
    assert torch.equal(first, inner > 0)
    assert torch.equal(second, model.linear[1](getattr(torch, kind)(inner)) > 0)


@pytest.mark.parametrize("rectifier", sorted(THRESHOLDING))
def test_saturating_nodes_beside_a_rectifier_are_no_layers(rectifier):
    model = Chain([torch.tanh, torch.sigmoid, THRESHOLDING[rectifier], torch.tanh])
    spikes = capture_spikes(model, torch.randn(20, 6))
    assert len(spikes) == 1
    assert torch.equal(*spikes.values(), model.outputs[2] > 0)


def test_gates_of_squeeze_and_excitation_beside_tanh_are_no_layers():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.gate = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            hidden = self.linear(x).tanh()
            return hidden * self.gate(hidden).sigmoid()

    assert [layer.name for layer in find_layers(Gated(), torch.randn(2, 6))] == ["tanh"]


def test_tanh_of_parameters_alone_leaves_the_sigmoids_of_images_as_layers():
    class Bounded(nn.Linear):
        def forward(self, x):
            return F.linear(x, self.weight.tanh()).sigmoid()

    assert [layer.name for layer in find_layers(Bounded(6, 6), torch.randn(2, 6))] == ["sigmoid"]


def test_every_pass_of_a_recorded_model_hands_on_its_saturating_layers():
    model, images, shown = Chain([torch.tanh, torch.sigmoid, torch.tanh]), torch.randn(9, 6), []
    RecordedModel(model, torch.randn(2, 6)).show(images, lambda place, output: shown.append((place, output.clone())))
    assert [place for place, _ in shown] == [0, 1]
    for (_, output), expected in zip(shown, [model.outputs[0], model.outputs[2]], strict=True):
        assert torch.equal(output, expected)


def test_a_network_with_rectifiers_is_searched_in_two_passes():
    calls = []

    class Counting(nn.ReLU):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)

    find_layers(Counting(), torch.randn(2, 6))
    assert calls == [2, 3]


@pytest.mark.parametrize("activation", [torch.relu, F.gelu, torch.tanh])
def test_threshold_of_zero_is_taken_where_outputs_may_be_negative_or_zero(activation):
    RecordedModel(Chain([activation]), torch.randn(2, 6)).check_threshold(0)


def test_threshold_of_zero_is_refused_for_sigmoids_which_always_exceed_it():
    recorded = RecordedModel(nn.Sequential(nn.Linear(6, 6), nn.Sigmoid()), torch.randn(2, 6))
    recorded.check_threshold(0.5)
    with pytest.raises(InputError, match=r"spikes.threshold is 0, but layer 1 is above 0 .* expected 0.5"):
        recorded.check_threshold(0)


@pytest.mark.parametrize("rearrange", [lambda x: x.T, lambda x: x.flatten(), lambda x: x.sum()])
def test_layer_whose_first_axis_is_not_the_batch_is_refused_by_name(rearrange):
    class Rearranged(nn.Module):
        def forward(self, x):
            return rearrange(x).relu()

    with pytest.raises(InputError, match=r"layer 0.relu: .* expected 4 images along axis 0"):
        find_layers(nn.Sequential(Rearranged()), torch.randn(4, 6))
