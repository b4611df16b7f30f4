"""Spike capture: every thresholded node of a torch model, found by itself.

A node is thresholded when its value comes from a rectifier (ReLU, ``clamp(min=0)``, ReLU6 and their like) or from a
smooth relative of one (LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish). The operations are caught where
torch dispatches them, below modules and functions, so ``nn.ReLU``, ``F.relu``, ``x.relu_()`` and one module called
several times are all seen, each call as a layer of its own.
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


class Capture(TorchDispatchMode):
    """Context in which every thresholded output of a forward pass is handed to ``consume`` as soon as it appears.

    consume: takes the output, float [batch, *shape], and the name of the operation; the forward pass may write over the
    output afterwards.
    """

    def __init__(self, consume: Callable[[Tensor, str], None]):
        super().__init__()
        self._consume = consume

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

    @staticmethod
    def _thresholding(packet: Any, arguments: Sequence, options: dict) -> str | None:
        if packet in _ALWAYS:
            return _ALWAYS[packet]
        if packet in _FROM_ZERO:
            bound = arguments[1] if len(arguments) > 1 else options.get("min", -1.0)
            return _FROM_ZERO[packet] if isinstance(bound, int | float) and bound == 0 else None
        return None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from loading its compiler, which costs as much as torch itself, to keep it away from here."""
        return False


def find_layers(model: nn.Module, images: Tensor) -> list[Layer]:
    """Return the thresholded layers of ``model`` in order of execution, from one pass of ``images`` [batch, C, H, W].

    The model is put in evaluation mode. Raises InputError when it has none, or when a layer's first axis is not the
    batch.
    """
    model.eval()
    names: list[str] = []
    shapes: list[tuple[int, ...]] = []

    def note(output: Tensor, operation: str) -> None:
        names.append(_layer_name(running[-1], operation, modules))
        shapes.append(tuple(output.shape))

    modules = dict(model.named_modules())
    with torch.inference_mode(), _running_modules(modules) as running, Capture(note):
        model(images)
    if not names:
        raise InputError(f"{type(model).__name__}: no thresholded node found; expected ReLU, GELU or the like")
    calls, seen, layers = Counter(names), Counter(), []
    for depth, (name, shape) in enumerate(zip(names, shapes), start=1):
        seen[name] += 1
        numbered = f"{name}@{seen[name]}" if calls[name] > 1 else name
        if len(shape) < 2 or shape[0] != len(images):
            raise InputError(
                f"layer {numbered}: its output has shape {shape}; expected {len(images)} images along axis 0"
            )
        layers.append(Layer(numbered, depth, shape[1:]))
    return layers


def capture_spikes(model: nn.Module, images: Tensor, threshold: float = 0.0) -> dict[str, Tensor]:
    """Return the spikes of one pass in evaluation mode by layer name, bool [batch, *shape], in order of execution.

    A node fires when its output exceeds ``threshold`` ≥ 0. At threshold 0 that is, for rectifiers and their smooth
    relatives alike, the sign of the input.
    """
    layers = find_layers(model, images)
    spikes: list[Tensor] = []
    with torch.inference_mode(), Capture(lambda output, _: spikes.append(output > threshold)):
        model(images)
    return {layer.name: fired for layer, fired in zip(layers, spikes, strict=True)}


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
