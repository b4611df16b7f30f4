"""Spike capture: every thresholded node of a torch model, found by itself.

A node is thresholded when its value comes from a rectifier (ReLU, ``clamp(min=0)``, ReLU6 and their like) or from a
smooth relative of one (LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish). The operations are caught where
torch dispatches them, below modules and functions, so ``nn.ReLU``, ``F.relu``, ``x.relu_()`` and one module called
several times are all seen, each call as a layer of its own.
"""

from collections import Counter
from collections.abc import Sequence
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
    """Context in which forward passes of ``model`` leave their spikes in ``spikes``, in order of execution.

    A node fires when its output exceeds ``threshold`` ≥ 0. At threshold 0 that is, for rectifiers and their smooth
    relatives alike, the sign of the input.

    spikes: bool tensors [batch, *shape]. callers: for each, the path of the calling module and the operation.
    """

    def __init__(self, model: nn.Module, threshold: float = 0.0):
        super().__init__()
        self.spikes: list[Tensor] = []
        self.callers: list[tuple[str, str]] = []
        self._threshold = threshold
        self._modules = dict(model.named_modules())
        self._running: list[str] = []
        self._hooks: list[Any] = []

    def clear(self) -> None:
        """Forget the spikes of past forward passes."""
        self.spikes.clear()
        self.callers.clear()

    def __enter__(self) -> Self:
        for path, module in self._modules.items():
            self._hooks.append(module.register_forward_pre_hook(lambda *_, path=path: self._running.append(path)))
            self._hooks.append(module.register_forward_hook(self._leave_module, always_call=True))
        self._fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # the fused encoder of torch hides its activations
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        torch.backends.mha.set_fastpath_enabled(self._fast_path)
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence = (), options: dict | None = None
    ) -> Any:
        options = options or {}
        operation = self._thresholding(function.overloadpacket, arguments, options)
        output = function(*arguments, **options)
        if operation and output.is_floating_point():
            self.spikes.append(output > self._threshold)
            self.callers.append((self._running[-1] if self._running else "", operation))
        return output

    def _leave_module(self, *_: Any) -> None:
        self._running.pop()

    @staticmethod
    def _thresholding(packet: Any, arguments: Sequence, options: dict) -> str | None:
        if packet in _ALWAYS:
            return _ALWAYS[packet]
        if packet in _FROM_ZERO:
            bound = arguments[1] if len(arguments) > 1 else options.get("min", -1.0)
            return _FROM_ZERO[packet] if isinstance(bound, int | float) and bound == 0 else None
        return None


def find_layers(model: nn.Module, images: Tensor) -> list[Layer]:
    """Return the thresholded layers of ``model`` in order of execution, from one pass of ``images`` [batch, C, H, W].

    The model is put in evaluation mode. Raises InputError when it has none, or when a layer's first axis is not the
    batch.
    """
    model.eval()
    with torch.inference_mode(), Capture(model) as capture:
        model(images)
    if not capture.spikes:
        raise InputError(f"{type(model).__name__}: no thresholded node found; expected ReLU, GELU or the like")
    modules = dict(model.named_modules())
    names = [_layer_name(path, operation, modules) for path, operation in capture.callers]
    calls, seen, layers = Counter(names), Counter(), []
    for depth, (name, spikes) in enumerate(zip(names, capture.spikes), start=1):
        seen[name] += 1
        numbered = f"{name}@{seen[name]}" if calls[name] > 1 else name
        if spikes.ndim < 2 or len(spikes) != len(images):
            shape = tuple(spikes.shape)
            raise InputError(
                f"layer {numbered}: its output has shape {shape}; expected {len(images)} images along axis 0"
            )
        layers.append(Layer(numbered, depth, tuple(spikes.shape[1:])))
    return layers


def capture_spikes(model: nn.Module, images: Tensor, threshold: float = 0.0) -> dict[str, Tensor]:
    """Return the spikes of one pass in evaluation mode by layer name, bool [batch, *shape], in order of execution."""
    layers = find_layers(model, images)
    with torch.inference_mode(), Capture(model, threshold) as capture:
        model(images)
    return {layer.name: spikes for layer, spikes in zip(layers, capture.spikes, strict=True)}


def _layer_name(path: str, operation: str, modules: dict[str, nn.Module]) -> str:
    """Name a layer after its module, and after its operation too unless the module is an activation of torch."""
    is_activation = path and type(modules[path]).__module__ == "torch.nn.modules.activation"
    return path if is_activation else f"{path}.{operation}".removeprefix(".")
