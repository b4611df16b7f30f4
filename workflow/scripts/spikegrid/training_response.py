"""Response of a network's outputs to one step of training on one image, and the neural tangent kernel behind it.

Source: Nakazato (2022), The training response law explains how deep neural networks learn, arXiv 2204.07291, and
(2024), A simple theory for training response of deep neural networks, arXiv 2405.04074; the formulas are a reading of
these. The kernel is that of Jacot, Gabriel & Hongler (2018), arXiv 1806.07572, of the parameters as they are.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vjp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

NUMBERS_AT_A_TIME = 2**25
"""Gradients of so many parameters, each of one output of one image, are held at a time, or those of one image."""

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingResponse:
    """How outputs at n images answer to a step on each of them; x is the source, x' where the output is read.

    probabilities: float64 [n, C], softmax of the logits f(x). errors: float64 [n, C], ∂L/∂f(x), the probabilities less
    1 at the label. kernel_on_error: float64 [n, n, C], place [x, x'] is K(x', x) e/|e| with the error e at x.
    response: float64 [n, n, C], place [x, x'] is R(x'|x) of a finite step. kernel: float64 [n, n], symmetric,
    mean over directions v of K_v(x', x) = ∇(v·f(x'))·∇(v·f(x)).
    """

    probabilities: np.ndarray
    errors: np.ndarray
    kernel_on_error: np.ndarray
    response: np.ndarray
    kernel: np.ndarray

    @property
    def first_order(self) -> np.ndarray:
        """The response to an infinitely small step, R1(x'|x) = -K(x', x) ∂L/∂f(x), float64 [n, n, C]."""
        return -self.kernel_on_error * np.linalg.norm(self.errors, axis=1)[:, None, None]


def orthonormal_directions(classes: int, number: int, seed: int) -> np.ndarray:
    """Return unit vectors v of outputs at right angles to each other, float64 [min(number, classes), classes].

    The first one is isotropic, so that the mean of K_v over draws is tr K / classes; over all ``classes`` of them the
    mean is that exactly.
    """
    drawn = np.random.default_rng(seed).standard_normal((classes, classes))
    return np.linalg.qr(drawn)[0].T[:number].copy()


def training_response(
    network: nn.Module, inputs: Tensor, labels: np.ndarray, directions: np.ndarray, step: float
) -> TrainingResponse:
    """Return the response at each of n images to one step of gradient descent on the cross-entropy L of each of them.

    R(x'|x) = [f(x'; θ - η∇L(x)) - f(x'; θ)] / η with logits f in evaluation mode and η = ``step``, and the kernel
    K(x', x) = J(x')J(x)ᵀ over all parameters that are trained.

    network: in evaluation mode; it stays as it is. inputs: [n, channels, height, width]. labels: int [n], those trained
    on. directions: float [V, C], the unit vectors v.

    Reckoned in float64, in float32 on devices that lack it (MPS), where R of small errors drowns in rounding. R differs
    from R1 by a share of the order of η. Memory goes with the number of parameters, and with n²; no Jacobian is held.
    """
    precision = torch.float32 if inputs.device.type == "mps" else torch.float64
    parameters, outputs = _functional(network, precision)
    inputs = inputs.to(precision)

    def gradients(image: Tensor, cotangents: Tensor) -> Parameters:
        _, pull_back = vjp(lambda moved: outputs(moved, image[None])[0], parameters)
        return vmap(pull_back)(cotangents)[0]

    def change_along(tangent: Parameters) -> Tensor:
        return jvp(lambda moved: outputs(moved, inputs), (parameters,), (tangent,))[1]

    def moved_along(gradient: Parameters, length: Tensor) -> Tensor:
        return outputs({name: parameters[name] - length * part for name, part in gradient.items()}, inputs)

    with torch.no_grad(), _forward_derivatives():
        logits = outputs(parameters, inputs)
        probabilities = logits.softmax(dim=1)
        errors = _errors(probabilities, torch.as_tensor(labels, dtype=torch.int64, device=inputs.device))
        sizes = errors.norm(dim=1)
        projections = torch.as_tensor(directions, dtype=precision, device=inputs.device)
        cotangents = torch.cat([(errors / sizes[:, None])[:, None], projections.expand(len(inputs), -1, -1)], dim=1)
        products, responses = [], []
        numbers = sum(parameter.numel() for parameter in parameters.values()) * cotangents.shape[1]
        for sources in torch.arange(len(inputs)).split(max(1, NUMBERS_AT_A_TIME // numbers)):
            pulled = vmap(gradients)(inputs[sources], cotangents[sources])
            products.append(vmap(vmap(change_along))(pulled))
            of_error = {name: part[:, 0] for name, part in pulled.items()}
            responses.append((vmap(moved_along)(of_error, step * sizes[sources]) - logits) / step)
        on_error, projected = torch.cat(products).split([1, len(projections)], dim=1)
        kernel = torch.einsum("xvyc,vc->xy", projected, projections) / len(projections)
        arrays = probabilities, errors, on_error[:, 0], torch.cat(responses), (kernel + kernel.T) / 2
        return TrainingResponse(*(array.cpu().numpy().astype(np.float64) for array in arrays))


def _functional(
    network: nn.Module, precision: torch.dtype
) -> tuple[Parameters, Callable[[Parameters, Tensor], Tensor]]:
    """Return the trained parameters of a network, and its logits as a function of these and of inputs."""
    state = {name: tensor.detach() for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    state = {name: tensor.to(precision) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    parameters = {name: state.pop(name) for name, tensor in network.named_parameters() if tensor.requires_grad}
    return parameters, lambda moved, inputs: functional_call(network, (moved, state), (inputs,))


def _errors(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the probabilities less 1 at the label: at the label, less the sum of the others, which rounds nothing."""
    at_label = nn.functional.one_hot(labels, probabilities.shape[1]).bool()
    others = probabilities.masked_fill(at_label, 0)
    return torch.where(at_label, -others.sum(dim=1, keepdim=True), others)


@contextmanager
def _forward_derivatives() -> Iterator[None]:
    """Let attention take the ways that have derivatives forwards, and torch load these without a word of its own."""
    is_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)
