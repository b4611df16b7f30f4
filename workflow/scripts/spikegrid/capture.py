"""Spike capture: every thresholded node of a torch model, found by itself.

A node is thresholded when its value comes from a rectifier (ReLU, ``clamp(min=0)``, ReLU6 and their like) or from a
smooth relative of one (LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish). The operations are caught where
torch dispatches them, below modules and functions, so ``nn.ReLU``, ``F.relu``, ``x.relu_()`` and one module called
several times are all seen, each call as a layer of its own.

A network without any of these has thresholded nodes where it saturates: in its tanh, positive where its input is; or,
without tanh too, in its sigmoids, above 1/2 where their input is positive. Gates beside rectifiers are therefore none.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spikegrid.errors import InputError

_aten = torch.ops.aten

_ALWAYS = {
    _aten.relu: "relu",
    _aten.relu_: "relu",
    _aten.relu6: "relu6",
    _aten.relu6_: "relu6",
    _aten.leaky_relu: "leaky_relu",
    _aten.leaky_relu_: "leaky_relu",
    _aten.rrelu: "leaky_relu",
    _aten.rrelu_: "leaky_relu",
    _aten.rrelu_with_noise: "leaky_relu",
    _aten.rrelu_with_noise_: "leaky_relu",
    _aten.rrelu_with_noise_functional: "leaky_relu",
    _aten.prelu: "prelu",
    _aten._prelu_kernel: "prelu",
    _aten.elu: "elu",
    _aten.elu_: "elu",
    _aten.selu: "selu",
    _aten.selu_: "selu",
    _aten.celu: "celu",
    _aten.celu_: "celu",
    _aten.gelu: "gelu",
    _aten.gelu_: "gelu",
    _aten.silu: "silu",
    _aten.silu_: "silu",
    _aten.mish: "mish",
    _aten.mish_: "mish",
    _aten.hardswish: "hardswish",
    _aten.hardswish_: "hardswish",
}
"""Operations that threshold whatever their arguments; each is positive where its input is."""

_FROM_ZERO = {
    _aten.clamp: "clamp",
    _aten.clamp_: "clamp",
    _aten.clip: "clamp",
    _aten.clip_: "clamp",
    _aten.clamp_min: "clamp",
    _aten.clamp_min_: "clamp",
    _aten.hardtanh: "clamp",
    _aten.hardtanh_: "clamp",
    _aten.threshold: "threshold",
    _aten.threshold_: "threshold",
}
"""Operations that threshold when their second argument, the lower bound, is 0."""

_TANH = {_aten.tanh: "tanh", _aten.tanh_: "tanh"}

_SIGMOID = {_aten.sigmoid: "sigmoid", _aten.sigmoid_: "sigmoid"}

_KINDS = (_ALWAYS, _TANH, _SIGMOID)
"""Operations whose outputs are the thresholded nodes of a network: the first of these kinds that it has."""

_LARGEST_OUTPUT = 1 << 21

_CHANGING = "the thresholded layers of the network change from one forward pass to the next"


@dataclass(frozen=True)
class Layer:
    """A layer of thresholded nodes: one call of one operation in a forward pass.

    name: path of the module that made the call, with ``.relu`` or the like where the module is not itself the
    activation, and with
    ``@2`` or the like where it makes several. depth: 1 for the first layer executed. shape: of one image's output,
    (channels, rows, columns), (units,) or other.
    """

    name: str
    depth: int
    shape: tuple[int, ...]

    @property
    def units(self) -> int:
        """Number of nodes."""
        return torch.Size(self.shape).numel()


def presented_batch(layers: list[Layer]) -> int:
    """Return how many images are presented at a time, in [16, 512]: as many as keep the outputs of a layer small.

    A pass costs least where they take 1 to 8 MB each: below, every call weighs; above, fresh pages of memory do.
    """
    return max(16, min(512, _LARGEST_OUTPUT // max(layer.units for layer in layers)))


class Capture(TorchDispatchMode):
    """Context in which every thresholded output of a forward pass is handed to ``consume`` as soon as it appears.

    consume: takes the output, float [batch, *shape], and the name of the operation; the forward pass goes on with what
    it writes into the output, and may write over it itself afterwards. operations: those that threshold whatever their
    arguments, with their names.
    """

    def __init__(self, consume: Callable[..., None], operations: dict[Any, str] = _ALWAYS):
        super().__init__()
        self._consume, self._operations = consume, operations

    def __enter__(self) -> Self:
        self._fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # the fused encoder of torch hides its activations
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        torch.backends.mha.set_fastpath_enabled(self._fast_path)

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence = (), options: dict | None = None
    ) -> Any:
        options = options or {}
        output = function(*arguments, **options)
        operation = self._thresholding(function.overloadpacket, arguments, options)
        if operation and output.is_floating_point():
            self._consume(output, operation)
        return output

    def _thresholding(self, packet: Any, arguments: Sequence, options: dict) -> str | None:
        if packet in self._operations:
            return self._operations[packet]
        if packet in _FROM_ZERO:
            bound = arguments[1] if len(arguments) > 1 else options.get("min", -1.0)
            return _FROM_ZERO[packet] if isinstance(bound, int | float) and bound == 0 else None
        return None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from loading its compiler, which costs as much as torch itself, to keep it away from here."""
        return False


class PreactivationCapture(Capture):
    """Context in which the input of every thresholding operation is handed to ``consume`` behind its output.

    consume: takes the output, the name of the operation and the input, its pre-activation, of the same shape. An
    operation in place writes over its input: a copy is handed on, for which it waits.
    """

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence = (), options: dict | None = None
    ) -> Any:
        options = options or {}
        operation = self._thresholding(function.overloadpacket, arguments, options)
        if not (operation and arguments[0].is_floating_point()):
            return function(*arguments, **options)
        preactivation = arguments[0].clone() if function._schema.is_mutable else arguments[0]
        output = function(*arguments, **options)
        self._consume(output, operation, preactivation)
        return output


class RecordedModel:
    """A model in evaluation mode whose thresholded layers are known, so that every pass can be read.

    layers: in order of execution. They are found in two passes, of ``images`` [batch, C, H, W] and of one image more. A
    rectifier of parameters alone gives the same values whatever the images: it fires on none of them and is no layer.
    Where there is no rectifier, tanh is looked for, and then sigmoids, in two passes each.
    Raises InputError when there is no layer, when one does not have the batch as its first axis, and when the two
    passes have other layers.
    """

    def __init__(self, model: nn.Module, images: Tensor):
        self._model = model.eval()
        for operations in _KINDS:
            self._operations = operations
            self._find_layers(images)
            if self.layers:
                return
        raise InputError(
            f"{type(model).__name__}: no thresholded node found; expected ReLU, GELU or the like, tanh or sigmoid"
        )

    def _find_layers(self, images: Tensor) -> None:
        model, operations = self._model, self._operations
        calls, others = (_calls(model, shown, operations) for shown in (images, torch.cat([images, images[:1]])))
        if len(calls) != len(others):
            raise InputError(_changing(f"{len(calls)} activations", len(others)))
        for (name, _), (other, _) in zip(calls, others):
            if name != other:
                raise InputError(_changing(name, other))
        of_images = [not torch.equal(output, other) for (_, output), (_, other) in zip(calls, others)]
        names = iter(_numbered([name for (name, _), varies in zip(calls, of_images) if varies]))
        self.layers: list[Layer] = []
        self._places: list[int | None] = []
        for (_, output), (_, other), varies in zip(calls, others, of_images):
            self._places.append(len(self.layers) if varies else None)
            if varies:
                name, shape = next(names), tuple(output.shape)
                if len(shape) < 2 or (shape[0], other.shape[0]) != (len(images), len(images) + 1):
                    raise InputError(
                        f"layer {name}: its output has shape {shape}; expected {len(images)} images along axis 0"
                    )
                self.layers.append(Layer(name, len(self.layers) + 1, shape[1:]))

    def check_threshold(self, threshold: float) -> None:
        """Raise InputError when each node would exceed ``threshold`` whatever it is shown: a sigmoid is above 0."""
        if self._operations is _SIGMOID and threshold == 0:
            raise InputError(
                f"spikes.threshold is 0, but layer {self.layers[0].name} is above 0 whatever it is shown; expected "
                "0.5, say, which a sigmoid exceeds where its input is positive"
            )

    def show(self, images: Tensor, consume: Callable[[int, Tensor], None]) -> Any:
        """Make one pass of ``images`` [batch, C, H, W] and hand on the output of each layer as soon as it appears.

        consume: takes the place of a layer in ``layers`` and its output [batch, *shape]. The rest of the pass sees what
        it writes into the output: so units are removed. Returns what the model gives. Raises InputError when the pass
        has other layers than those that were found.
        """
        return self._pass(images, Capture, consume)

    def show_preactivations(self, images: Tensor, consume: Callable[[int, Tensor, Tensor], None]) -> Any:
        """Make one pass as ``show`` does and hand on the pre-activation of each layer, too: what it thresholds.

        consume: takes the place of a layer, its output and its pre-activation, both [batch, *shape].
        """
        return self._pass(images, PreactivationCapture, consume)

    def _pass(self, images: Tensor, capture: type[Capture], consume: Callable[..., None]) -> Any:
        count = 0

        def hand_on(output: Tensor, _: str, *preactivation: Tensor) -> None:
            nonlocal count
            count += 1
            place = self._places[count - 1] if count <= len(self._places) else None
            if place is not None:
                layer, shape = self.layers[place], tuple(output.shape)
                expected = (len(images), *layer.shape)
                if shape != expected:
                    raise InputError(f"{_CHANGING}: layer {layer.name} has an output of shape {shape}, not {expected}")
                consume(place, output, *preactivation)

        with torch.inference_mode(), capture(hand_on, self._operations):
            given = self._model(images)
        if count != len(self._places):
            raise InputError(_changing(f"{len(self._places)} activations", count))
        return given


def find_layers(model: nn.Module, images: Tensor) -> list[Layer]:
    """Return the thresholded layers of ``model`` in order of execution, as ``RecordedModel`` finds them."""
    return RecordedModel(model, images).layers


def capture_spikes(model: nn.Module, images: Tensor, threshold: float = 0.0) -> dict[str, Tensor]:
    """Return the spikes of one pass in evaluation mode by layer name, bool [batch, *shape], in order of execution.

    A node fires when its output exceeds ``threshold`` ≥ 0. At threshold 0 that is, for rectifiers, their smooth
    relatives and tanh alike, the sign of the input; for sigmoids it is that at threshold 0.5.
    """
    recorded = RecordedModel(model, images)
    spikes: list[Tensor] = []
    recorded.show(images, lambda _, output: spikes.append(output > threshold))
    return {layer.name: fired for layer, fired in zip(recorded.layers, spikes, strict=True)}


def _calls(model: nn.Module, images: Tensor, operations: dict[Any, str]) -> list[tuple[str, Tensor]]:
    """Return the name of each thresholded output of a pass, as of its layer, and the output."""
    calls: list[tuple[str, Tensor]] = []

    def note(output: Tensor, operation: str) -> None:
        calls.append((_layer_name(running[-1], operation, modules), output.clone()))

    modules = dict(model.named_modules())
    with torch.inference_mode(), _running_modules(modules) as running, Capture(note, operations):
        model(images)
    return calls


def _numbered(names: list[str]) -> list[str]:
    """Return the names with ``@1``, ``@2``, ... behind those that stand there several times."""
    total, seen, numbered = Counter(names), Counter(), []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}@{seen[name]}" if total[name] > 1 else name)
    return numbered


def _changing(one: str, other: str | int) -> str:
    return f"{_CHANGING}: {one} in one, {other} in another; expected the same whatever the images"


@contextmanager
def _running_modules(modules: dict[str, nn.Module]) -> Iterator[list[str]]:
    """Yield the paths of the modules whose forward pass is under way, the innermost last."""
    running, hooks = [""], []

    def leave(*_: Any) -> None:
        running.pop()

    for path, module in modules.items():
        hooks.append(module.register_forward_pre_hook(lambda *_, path=path: running.append(path)))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield running
    finally:
        for hook in hooks:
            hook.remove()


def _layer_name(path: str, operation: str, modules: dict[str, nn.Module]) -> str:
    """Name a layer after its module, and after its operation too unless the module is an activation of torch."""
    is_activation = path and type(modules[path]).__module__ == "torch.nn.modules.activation"
    return path if is_activation else f"{path}.{operation}".removeprefix(".")
