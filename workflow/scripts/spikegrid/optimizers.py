"""AdamW and gradient descent with momentum, by the functions of torch.

The classes of ``torch.optim`` call these functions too, but the first that is made imports torch's compiler, which
takes longer than many a small network trains.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd


class Optimizer(Protocol):
    """Changes parameters by their gradients; ``tensors`` are what it keeps from step to step, by any name."""

    tensors: dict[str, Tensor]

    def step(self, learning_rate: float) -> None:
        """Make one step and drop the gradients."""


def make_optimizer(parameters: list[Tensor], training: dict[str, Any]) -> Optimizer:
    """Return the optimizer that the ``training`` settings ask for; parameters that are frozen stay as they are."""
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    if training["optimizer"] == "adamw":
        return _AdamW(learned, training["weight_decay"])
    return _Descent(learned, training["weight_decay"], training["momentum"])


class _AdamW:
    """Adam with decoupled weight decay. Source: Loshchilov & Hutter (2019), arXiv 1711.05101."""

    def __init__(self, parameters: list[Tensor], weight_decay: float):
        self._weight_decay = weight_decay
        self._slots = [(own, torch.zeros_like(own), torch.zeros_like(own), own.new_zeros(())) for own in parameters]
        self.tensors = _kept(self._slots)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        parameters, means, squares, steps = _with_gradient(self._slots)
        adamw(
            *(parameters, _take_gradients(parameters), means, squares, [], steps),
            fused=True,
            lr=learning_rate,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=self._weight_decay,
            amsgrad=False,
            maximize=False,
        )


class _Descent:
    """Stochastic gradient descent with momentum and an L2 penalty. Source: Sutskever et al. (2013), ICML."""

    def __init__(self, parameters: list[Tensor], weight_decay: float, momentum: float):
        self._weight_decay, self._momentum = weight_decay, momentum
        self._slots = [(own, torch.zeros_like(own)) for own in parameters]
        self.tensors = _kept(self._slots)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        parameters, velocities = _with_gradient(self._slots)
        sgd(
            *(parameters, _take_gradients(parameters), velocities),
            fused=True,
            lr=learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            dampening=0,
            nesterov=False,
            maximize=False,
        )


def _kept(slots: list[tuple[Tensor, ...]]) -> dict[str, Tensor]:
    """Return the tensors of all slots but the parameters."""
    return {f"{place}.{column}": own for place, slot in enumerate(slots) for column, own in enumerate(slot[1:])}


def _with_gradient(slots: list[tuple[Tensor, ...]]) -> Iterator[list[Tensor]]:
    """Return the columns of those slots whose parameter, which comes first, had a part in the loss."""
    return map(list, zip(*(slot for slot in slots if slot[0].grad is not None)))


def _take_gradients(parameters: list[Tensor]) -> list[Tensor]:
    """Return the gradients and leave none behind."""
    gradients = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    return gradients
