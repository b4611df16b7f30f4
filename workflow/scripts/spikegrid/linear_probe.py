"""Linear probes: how well classes can be read off features by a linear classifier, the features staying as they are.

Source: Alain & Bengio (2016), arXiv 1610.01644.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from spikegrid.images import balanced_sample
from spikegrid.randomness import derived_seed

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Strengths of the penalty among which a probe chooses, the strongest first."""

HELD_OUT = 0.2
"""Share of a probe's training images on which its strength is chosen."""

_ITERATIONS, _GRADIENT = 1000, 1e-5
"""A fit ends where no entry of the gradient is larger, or after so many iterations."""


@dataclass(frozen=True)
class ProbeTask:
    """What probes learn and are tested on.

    labels: int64 [n], those of the training images. held_out: bool [n], on which of these the strength is chosen.
    test_labels: int64 [m]. classes: their number.
    """

    labels: Tensor
    held_out: Tensor
    test_labels: Tensor
    classes: int

    @classmethod
    def drawn(
        cls, labels: np.ndarray, test_labels: np.ndarray, classes: int, purpose: str, device: torch.device
    ) -> Self:
        """Return the task with a share HELD_OUT of the training images held out, the same of each class up to one.

        labels, test_labels: integers [n] and [m]. purpose: what seeds the draw.
        """
        chosen = balanced_sample(labels, max(round(HELD_OUT * len(labels)), 1), derived_seed(purpose, "held out"))
        held_out = np.isin(np.arange(len(labels)), chosen)
        known, told, tested = (
            torch.from_numpy(part).to(device)
            for part in (labels.astype(np.int64), held_out, test_labels.astype(np.int64))
        )
        return cls(known, told, tested, classes)


@dataclass(frozen=True)
class Probe:
    """What a probe found: accuracy on the test images, in [0, 1], and the strength that it chose."""

    accuracy: float
    strength: float


def probe(features: Tensor, test_features: Tensor, task: ProbeTask) -> Probe:
    """Fit a multinomial logistic regression to ``features`` [n, d] and return its accuracy on ``test_features`` [m, d].

    Weights W [classes, d] and offsets b minimize mean cross-entropy of softmax(W z + b) + (strength / 2) ‖W‖²; offsets
    bear no penalty. z are the features less their means over the training images, all divided by one number, so that
    the mean of ‖z‖² is 1: the fit is the same for features shifted, scaled or turned, but units of a layer keep their
    sizes relative to each other. The penalty is weakened from one of STRENGTHS to the next as long as the cross-entropy
    on the images held out falls, by fits to the others; with the strength found the probe is fitted to all training
    images. Test images take no part in it.

    Null: features without spread, or that say nothing of the class, give the accuracy of guessing, about the share of
    the largest class. A probe reads what is linearly there for so many training images; with more it may read more, so
    accuracies compare at equal n alone. NaN where a feature is not finite.
    """
    device = "cpu" if features.device.type == "mps" else features.device  # Metal knows no float64
    features, test_features = (part.to(device, torch.float64) for part in (features, test_features))
    labels, held_out, test_labels = (part.to(device) for part in (task.labels, task.held_out, task.test_labels))
    if not (features.isfinite().all() and test_features.isfinite().all()):
        return Probe(np.nan, np.nan)
    fitted_to, told = _scaled(features[~held_out], features[held_out])
    weights, least, strength = _no_weights(fitted_to, task.classes), np.inf, np.nan
    for weaker in STRENGTHS:
        weights = fit(fitted_to, labels[~held_out], weaker, weights)
        loss = cross_entropy(_logits(told, weights), labels[held_out]).item()
        if loss >= least:
            break
        least, strength = loss, weaker
    known, tested = _scaled(features, test_features)
    weights = fit(known, labels, strength, _no_weights(known, task.classes))
    return Probe((_logits(tested, weights).argmax(dim=1) == test_labels).double().mean().item(), strength)


def fit(features: Tensor, labels: Tensor, strength: float, start: Tensor) -> Tensor:
    """Return the weights and, in the last column, offsets of a probe, float64 [classes, d + 1].

    features: float64 [n, d]. labels: int64 [n]. start: where the search begins, of the shape of the result. The
    objective of ``probe`` is convex; its least value is sought by L-BFGS. Source: Byrd, Lu, Nocedal & Zhu (1995), SIAM
    J. Sci. Comput. 16, 1190.
    """
    targets = one_hot(labels, len(start)).to(features)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = torch.from_numpy(flat).to(features.device).view(start.shape)
        logits = _logits(features, weights)
        loss = cross_entropy(logits, labels) + strength / 2 * weights[:, :-1].square().sum()
        residuals = (logits.softmax(dim=1) - targets) / len(labels)
        gradient = torch.cat([residuals.T @ features + strength * weights[:, :-1], residuals.sum(0)[:, None]], dim=1)
        return loss.item(), gradient.flatten().cpu().numpy()

    options = {"maxiter": _ITERATIONS, "gtol": _GRADIENT, "ftol": 0.0}
    found = minimize(objective, start.flatten().cpu().numpy(), jac=True, method="L-BFGS-B", options=options)
    return torch.from_numpy(found.x).to(features.device).view(start.shape)


def _scaled(features: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and scale both by the mean and the size of ``features``, in coordinates of the space that these span.

    The penalty keeps weights in that space, so a probe of more features than images loses nothing there, but time.
    """
    mean = features.mean(dim=0)
    features, others = features - mean, others - mean
    size = features.square().sum(dim=1).mean().sqrt()
    scale = 1 / size if size > 0 else 1.0
    features, others = features * scale, others * scale
    if features.shape[1] > len(features):
        axes = torch.linalg.qr(features.T).Q
        features, others = features @ axes, others @ axes
    return features, others


def _logits(features: Tensor, weights: Tensor) -> Tensor:
    return torch.addmm(weights[:, -1], features, weights[:, :-1].T)


def _no_weights(features: Tensor, classes: int) -> Tensor:
    return features.new_zeros(classes, features.shape[1] + 1)
