"""The smallest perturbation of an image that flips the decision of a network, by DeepFool.

Near an image the gap between the logit of the decision and that of another class is about linear. Its zero that lies
nearest is the next point to look from, until the decision has flipped.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["l2", "linf"]

OVERSHOOT = 0.02
"""Share by which a perturbation goes beyond the zeros of the linear gaps, so that it comes to lie on the other side."""

_LEAST_STEP = 1e-4
"""Where logits tie the image lies on the boundary itself; a step is never shorter than this, in units of brightness."""

_HALVINGS = 20


def smallest_perturbations(
    network: nn.Module, inputs: Tensor, norm: Norm, scale: Tensor | float = 1.0, classes: int = 10, steps: int = 30
) -> tuple[Tensor, Tensor]:
    """Return the perturbations found, float [n, ...] like ``inputs``, and which of them flip the decision, bool [n].

    network: maps ``inputs`` [n, ...] to logits [n, C], each image on its own; it must be in evaluation mode. norm:
    ``l2`` = sqrt(Σ r²), ``linf`` = max |r|. scale: how much of an input one unit of a perturbation is, broadcast over
    one image: the network is shown ``inputs + scale · r``. classes: how many are looked at, those of the largest logits
    at the image. steps: linear steps at most.

    With the decision k₀ and gap f_k = logit of k₀ - logit of k ≥ 0, a step goes to the nearest zero of the linear gaps:
    the class k of the smallest f_k / ‖∇f_k‖_q, by the smallest perturbation in the norm, where ∇ is the gradient in r
    and q the dual norm (2 of 2, 1 of ∞). A perturbation that flips is cut by bisection to where the decision changes on
    the way to it, up to a share of 1e-6 of its size, on the far side: what is returned flips.

    The size is exact for linear networks. For others it is an upper bound of the smallest one. An image whose decision
    did not flip, because it took more steps or because no gap has a gradient, as in a constant network, has the last
    perturbation that was tried. Source: Moosavi-Dezfooli, Fawzi & Frossard (2016), CVPR; the bisection is ours.
    """
    decisions, candidates = _candidates(network, inputs, classes)

    def flips(places: Tensor, perturbations: Tensor) -> Tensor:
        with torch.no_grad():
            return network(inputs[places] + scale * perturbations).argmax(dim=1) != decisions[places]

    found = torch.zeros_like(inputs)
    flipped = torch.zeros_like(decisions, dtype=torch.bool)
    moving = torch.arange(len(inputs), device=inputs.device)
    for _ in range(steps):
        at = inputs[moving] + scale * (1 + OVERSHOOT) * found[moving]
        gaps, slopes = _gaps_and_slopes(network, at, candidates[moving], scale)
        moves, is_defined = _to_nearest_zero(gaps, slopes, norm)
        moving = moving[is_defined]
        found[moving] += moves[is_defined]
        has_flipped = flips(moving, (1 + OVERSHOOT) * found[moving])
        flipped[moving[has_flipped]] = True
        moving = moving[~has_flipped]
        if not len(moving):
            break
    found *= 1 + OVERSHOOT
    places = flipped.nonzero()[:, 0]
    found[places] = _cut(found[places], lambda perturbations: flips(places, perturbations))
    return found, flipped


def flip_distances(
    network: nn.Module, inputs: Tensor, norm: Norm, scale: Tensor | float = 1.0, classes: int = 10, steps: int = 30
) -> Tensor:
    """Return the size of the smallest perturbation of each image that flips the decision, float [n], in (0, ∞].

    It is infinite where none was found. The parameters are those of ``smallest_perturbations``.
    """
    perturbations, flipped = smallest_perturbations(network, inputs, norm, scale, classes, steps)
    order = 2 if norm == "l2" else math.inf
    sizes = torch.linalg.vector_norm(perturbations.flatten(1), order, dim=1)
    return sizes.where(flipped, math.inf)


def _candidates(network: nn.Module, inputs: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the decisions, int64 [n], and the classes of the largest logits, int64 [n, K], the decision first."""
    with torch.no_grad():
        logits = network(inputs)
    decisions = logits.argmax(dim=1)
    of_decision_first = logits.scatter(1, decisions[:, None], math.inf)
    return decisions, of_decision_first.topk(min(classes, logits.shape[1]), dim=1).indices


def _gaps_and_slopes(
    network: nn.Module, inputs: Tensor, candidates: Tensor, scale: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Return the gaps between the first candidate and the others, [n, K-1], and their gradients, [n, K-1, inputs]."""
    inputs.requires_grad_()
    logits = network(inputs).gather(1, candidates)
    gaps = logits[:, :1] - logits[:, 1:]
    slopes = [torch.autograd.grad(gap.sum(), inputs, retain_graph=True)[0] * scale for gap in gaps.unbind(dim=1)]
    return gaps.detach(), torch.stack(slopes, dim=1)


def _to_nearest_zero(gaps: Tensor, slopes: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
    """Return the smallest step to a zero of a linear gap, [n, ...], and where there is one, bool [n]."""
    dual = torch.linalg.vector_norm(slopes.flatten(2), 2 if norm == "l2" else 1, dim=2)
    distances = torch.where(dual > 0, gaps / dual, math.inf)
    distance, nearest = distances.min(dim=1)
    rows = torch.arange(len(gaps), device=gaps.device)
    slope, of_slope = slopes[rows, nearest], dual[rows, nearest]
    for_one_image = (-1,) + (1,) * (slope.ndim - 1)
    direction = slope / of_slope.view(for_one_image) if norm == "l2" else slope.sign()
    return -distance.clamp_min(_LEAST_STEP).view(for_one_image) * direction, distance.isfinite()


def _cut(perturbations: Tensor, flips: Callable[[Tensor], Tensor]) -> Tensor:
    """Shorten perturbations [n, ...] that flip the decision to where it flips on the way to them."""
    for_one_image = (-1,) + (1,) * (perturbations.ndim - 1)
    low = perturbations.new_zeros(len(perturbations)).view(for_one_image)
    high = torch.ones_like(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_far = flips(middle * perturbations).view(for_one_image)
        low, high = torch.where(is_far, low, middle), torch.where(is_far, middle, high)
    return high * perturbations
