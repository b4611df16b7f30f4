"""Networks of several seeds that train side by side: perceptrons stacked into one, every other network alone.

A step of a small network costs more in calls than in arithmetic. Perceptrons share the calls: their weights are
stacked, and one batched product does a layer of all of them. Convolutions do not gain, so they go one at a time.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from spikegrid.networks import set_layout

STACKED_PARAMETERS = 2**21
"""How many parameters are stacked at most: with their gradients and the moments of AdamW they fill 32 MiB, about what
the last cache of a processor holds. Larger perceptrons have long products and gain nothing."""

_LINE = 16
"""Numbers of 32 bits in a cache line, and in the widest vector of a processor."""

_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Tanh, nn.Identity)


def networks_at_once(network: nn.Module) -> int:
    """Return how many networks such as this one train at once: several where it is a small perceptron, else one.

    A perceptron is an ``nn.Sequential``, nested or not, of ``nn.Flatten`` and then linear layers with bias and
    activations that act on each unit alone.
    """
    if not _is_perceptron(network):
        return 1
    return max(1, STACKED_PARAMETERS // sum(parameter.numel() for parameter in network.parameters()))


class Networks(Protocol):
    """Networks that train side by side: ``parameters`` are those of all, ``tensors`` with the buffers, by any name."""

    parameters: list[Tensor]
    tensors: dict[str, Tensor]

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map inputs [S, batch, C, H, W] to logits [S, batch, classes], a slice for each network."""

    def train(self, mode: bool) -> None:
        """Set training or evaluation mode."""

    def states(self) -> list[dict[str, Tensor]]:
        """Return a copy of the state dict of each network, on the CPU."""


def side_by_side(networks: list[nn.Module], example: Tensor) -> Networks:
    """Return networks of one structure as one; ``example`` is a batch of inputs [batch, C, H, W] on their device.

    A network gets the same values whichever others stand beside it, to the last bit.
    """
    if _is_perceptron(networks[0]):
        return StackedPerceptrons(networks)
    (network,) = networks
    return SingleNetwork(network, example)


class StackedPerceptrons:
    """Perceptrons of one structure; each tensor of ``parameters`` is [S, n], a row for each of them."""

    def __init__(self, networks: list[nn.Module]):
        self._layers = _layers(networks[0])
        self._shapes = {name: parameter.shape for name, parameter in networks[0].named_parameters()}
        of_each = [dict(network.named_parameters()) for network in networks]
        self.tensors = {
            name: _rows(torch.stack([own[name].detach() for own in of_each])).requires_grad_() for name in self._shapes
        }
        self.parameters = list(self.tensors.values())

    def train(self, mode: bool) -> None:
        """Do nothing: perceptrons compute the same in training and in evaluation."""

    def __call__(self, inputs: Tensor) -> Tensor:
        signals = inputs
        for name, layer in self._layers.items():
            if isinstance(layer, nn.Linear):
                weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
                signals = _StackedLinear.apply(signals, weight, bias, layer.out_features)
            else:
                signals = signals.flatten(2) if isinstance(layer, nn.Flatten) else layer(signals)
        return signals

    def states(self) -> list[dict[str, Tensor]]:
        rows = {name: rows.detach().cpu() for name, rows in self.tensors.items()}
        return [
            {name: rows[name][place, : shape.numel()].reshape(shape).clone() for name, shape in self._shapes.items()}
            for place in range(len(self.parameters[0]))
        ]


class SingleNetwork:
    """A network of any kind, its images in the layout that suits it."""

    def __init__(self, network: nn.Module, example: Tensor):
        self._network = network
        self._layout = set_layout(network, example)
        self.parameters = list(network.parameters())
        self.tensors = dict([*network.named_parameters(), *network.named_buffers()])

    def train(self, mode: bool) -> None:
        self._network.train(mode)

    def __call__(self, inputs: Tensor) -> Tensor:
        return self._network(inputs[0].contiguous(memory_format=self._layout))[None]

    def states(self) -> list[dict[str, Tensor]]:
        state = self._network.state_dict()
        return [{name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}]


class _StackedLinear(torch.autograd.Function):
    """``inputs @ weight.mT + bias`` for each network; inputs [S, batch, in], weight and bias as ``_rows`` has them.

    Written out because autograd makes the gradient of ``weight.mT`` and then copies it, transposed, in every step.
    """

    @staticmethod
    def forward(context, inputs: Tensor, weight: Tensor, bias: Tensor, outputs: int) -> Tensor:
        features = inputs.shape[2]
        weight = weight[:, : outputs * features].unflatten(1, (outputs, features))
        context.save_for_backward(inputs, weight)
        return torch.baddbmm(bias[:, None, :outputs], inputs, weight.mT)

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        inputs, weight = (tensor.to(gradient.dtype) for tensor in context.saved_tensors)
        of_inputs = gradient @ weight if context.needs_input_grad[0] else None
        return of_inputs, _rows(gradient.mT @ inputs).float(), _rows(gradient.sum(1)).float(), None


def _rows(stacked: Tensor) -> Tensor:
    """Return a tensor [S, ...] as [S, n], its rows filled up with zeros to whole cache lines.

    Optimizers round the last numbers of a tensor, too few for a vector, otherwise than the rest: without the zeros a
    network would differ in a last bit from the same one in another place.
    """
    rows = stacked.flatten(1)
    return nn.functional.pad(rows, (0, -rows.shape[1] % _LINE)) if rows.shape[1] % _LINE else rows


def _is_perceptron(network: nn.Module) -> bool:
    layers = list(_layers(network).values())
    tensors = [tensor for layer in layers if type(layer) is nn.Linear for tensor in (layer.weight, layer.bias)]
    return (
        type(layers[0]) is nn.Flatten
        and (layers[0].start_dim, layers[0].end_dim) == (1, -1)
        and all(type(layer) in (nn.Linear, *_ACTIVATIONS) for layer in layers[1:])
        and all(isinstance(tensor, nn.Parameter) and tensor.requires_grad for tensor in tensors)
        and 0 < len(tensors) == len(list(network.parameters()))
        and not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    )


def _layers(network: nn.Module) -> dict[str, nn.Module]:
    """Return what nested ``nn.Sequential`` do in turn, by its name in the state dict."""
    modules = network.named_modules(remove_duplicate=False)
    return {name: module for name, module in modules if type(module) is not nn.Sequential}
