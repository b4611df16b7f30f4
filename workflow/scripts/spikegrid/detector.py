"""Detectors: lines through the features of networks that tell memorizing from generalizing, and how many labels lie.

A line is fitted by scikit-learn and kept as plain numbers: b + Σ w z of standardised features z = (x - mean) / scale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

from spikegrid.detector_features import NAME
from spikegrid.tables import CELL

_CONSTANT = 1e-9
"""Deviations below this share of the mean are rounding errors of a feature that is the same in all networks."""


@dataclass(frozen=True)
class Line:
    """A line through standardised features.

    means, scales, weights: float64 [F], mean and standard deviation (ddof 0) over the ``networks`` that it was fitted
    to, and coefficients; a feature without spread has an infinite scale, so that it takes no part. penalty: strength of
    the L2 penalty.
    """

    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    intercept: float
    penalty: float
    networks: int

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Return features [n, F] in standard deviations from the mean of the networks fitted to."""
        return (values - self.means) / self.scales

    def at(self, values: np.ndarray) -> np.ndarray:
        """Return the height of the line at features [n, F], float64 [n]."""
        return self.standardised(values) @ self.weights + self.intercept

    def distance(self, values: np.ndarray) -> np.ndarray:
        """Return how far features [n, F] lie from the networks fitted to, float64 [n]: sqrt(mean_f z_f²).

        Over those networks its square has mean 1. Features are taken one by one: a network whose features are each
        usual, but not together, lies near.
        """
        return _distance(values, self.means, self.scales)


class Task(NamedTuple):
    """What a line is for.

    estimator: the model of scikit-learn of a penalty. predicted: what the height of the line says. loss: what a height
    costs where the truth is known; the penalty is chosen by it.
    """

    estimator: Callable[[float], Any]
    predicted: Callable[[np.ndarray], np.ndarray]
    loss: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _share(heights: np.ndarray) -> np.ndarray:
    return np.clip(heights, 0, 1)


VERDICT = Task(
    lambda penalty: LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000),
    expit,
    lambda heights, memorizing: np.logaddexp(0, np.where(memorizing, -heights, heights)),
)
"""Logistic regression: the probability that a network memorizes. The loss is cross-entropy, nats."""

SHARE = Task(
    lambda penalty: Ridge(alpha=penalty),
    _share,
    lambda heights, shares: (_share(heights) - shares) ** 2,
)
"""Ridge regression: the share of corrupted labels, in [0, 1]. The loss is the squared error."""


@dataclass(frozen=True)
class Detector:
    """A detector on one set of features.

    share: None where the grid has no doses of label noise between its two regimes. farthest: as ``farthest_of`` gives
    it for the networks that the verdict was fitted to.
    """

    features: list[NAME]
    verdict: Line
    share: Line | None
    farthest: float

    def is_out_of_range(self, values: np.ndarray) -> np.ndarray:
        """Tell which networks, features [n, F], lie farther than any that the verdict was fitted to, bool [n]."""
        return self.verdict.distance(values) > self.farthest


def fit_detector(
    table: pd.DataFrame, memorizing: pd.Series, shares: pd.Series | None, penalties: Sequence[float]
) -> Detector:
    """Return the detector of the features of ``table``, a row a network named by RUN.

    memorizing: bool, for the networks of the two regimes. shares: for those of all doses, the shares of corrupted
    labels. penalties: strengths among which ``fit_line`` chooses.
    """
    verdict = fit_line(VERDICT, table.loc[memorizing.index], memorizing, penalties)
    share = None if shares is None else fit_line(SHARE, table.loc[shares.index], shares, penalties)
    return Detector(list(table), verdict, share, farthest_of(table.loc[memorizing.index].to_numpy()))


def fit_line(task: Task, table: pd.DataFrame, truth: pd.Series, penalties: Sequence[float]) -> Line:
    """Return the line through the features of ``table``, a row a network, that is nearest to its ``truth``.

    Its penalty is that of the least mean loss over networks that were left out of the fit: one dataset and architecture
    after the other, or one seed after the other where there is but one. Of equal ones the strongest is taken, and so it
    is where no network can be left out. Means and scales are always those of the networks fitted to.
    """
    values, wanted = table.to_numpy(), truth.to_numpy()
    cells = groups(table.index, CELL)
    left_out = cells if len(cells) > 1 else groups(table.index, ["seed"])
    losses = {
        penalty: _loss_left_out(task, penalty, values, wanted, left_out) for penalty in sorted(penalties, reverse=True)
    }
    return _fit(task, min(losses, key=losses.get), values, wanted)


def farthest_of(values: np.ndarray) -> float:
    """Return how far the network that lies farthest from the others lies from them, as ``Line.distance``.

    values: features [n, F]. Each network is measured against the means and scales of the rest: against those that it
    has a part in itself it would seem nearer than a new one that is just like it.
    """
    distances = []
    for place in range(len(values)):
        means, scales = _means_and_scales(np.delete(values, place, axis=0))
        distances.append(_distance(values[[place]], means, scales)[0])
    return float(max(distances))


def groups(networks: pd.MultiIndex, levels: Sequence[str]) -> dict[tuple, np.ndarray]:
    """Return which networks, named by RUN, belong to each group that shares ``levels``: bool [n] by their values."""
    table = networks.to_frame(index=False)
    return {name: table.index.isin(members.index) for name, members in table.groupby(list(levels))}


def can_be_fitted(truth: np.ndarray) -> bool:
    """Tell whether there is something to tell apart."""
    return len(np.unique(truth)) > 1


def _loss_left_out(
    task: Task, penalty: float, values: np.ndarray, truth: np.ndarray, left_out: dict[tuple, np.ndarray]
) -> float:
    losses = [
        task.loss(_fit(task, penalty, values[~held], truth[~held]).at(values[held]), truth[held])
        for held in left_out.values()
        if can_be_fitted(truth[~held])
    ]
    return float(np.concatenate(losses).mean()) if losses else 0.0


def _fit(task: Task, penalty: float, values: np.ndarray, truth: np.ndarray) -> Line:
    means, scales = _means_and_scales(values)
    estimator = task.estimator(penalty).fit((values - means) / scales, truth)
    return Line(means, scales, np.ravel(estimator.coef_), float(np.ravel(estimator.intercept_)[0]), penalty, len(truth))


def _means_and_scales(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard deviations, [F] each, these infinite for features without spread."""
    means, scales = values.mean(axis=0), values.std(axis=0)
    return means, np.where(scales > _CONSTANT * np.abs(means), scales, np.inf)


def _distance(values: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    spread = np.isfinite(scales)
    squares = ((values[:, spread] - means[spread]) / scales[spread]) ** 2
    return np.sqrt(squares.sum(axis=1) / max(np.count_nonzero(spread), 1))
