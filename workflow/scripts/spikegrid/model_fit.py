"""A model fitted by maximum likelihood, and the choice between several by Akaike's criterion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import vectorize

from spikegrid.packed_bits import compiled


@dataclass(frozen=True)
class ModelFit:
    """Maximum of the likelihood of one model on one sample.

    model: name of the model.
    parameters: estimate of every free parameter, by name; inf or 0 where the maximum lies at that limit.
    standard_errors: roots of the diagonal of the inverse observed information; NaN for an estimate on the boundary.
    log_likelihood: natural logarithm of the likelihood at its maximum; at a limit, the likelihood of the limit.
    n: number of observations fitted.
    ks_distance: max |empirical cdf - fitted cdf| in [0, 1]. A distance only: its usual p-values do not hold for a law
        fitted to the same sample.
    converged: whether the maximum was found; false, beside NaN everywhere, where there is none.
    left_out: number of observations outside the support, which were not fitted.
    """

    model: str
    parameters: dict[str, float]
    standard_errors: dict[str, float]
    log_likelihood: float
    n: int
    ks_distance: float
    converged: bool
    left_out: int = 0

    @classmethod
    def undefined(cls, model: str, parameters: Sequence[str], n: int, left_out: int = 0) -> Self:
        """Return what stands for a fit whose likelihood has no maximum: NaN everywhere, not converged."""
        nowhere = dict.fromkeys(parameters, np.nan)
        return cls(model, nowhere, dict(nowhere), np.nan, n, np.nan, False, left_out)

    @property
    def aic(self) -> float:
        """Akaike's criterion 2k - 2 ln L, k free parameters, also those at a limit. Source: Akaike (1974)."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion k ln n - 2 ln L. NaN without observations. Source: Schwarz (1978)."""
        return len(self.parameters) * np.log(self.n) - 2 * self.log_likelihood if self.n else np.nan


def best_model(fits: Iterable[ModelFit]) -> ModelFit | None:
    """Return the fit of lowest AIC, the first of them on a tie; None when the AIC of any is undefined.

    Raises ValueError without fits, and when they are of different numbers of observations.
    """
    fits = list(fits)
    weights = akaike_weights(fits)
    return None if np.isnan(weights).any() else fits[int(np.argmax(weights))]


def akaike_weights(fits: Iterable[ModelFit]) -> np.ndarray:
    """Return exp(-Δ/2) over its sum, Δ = AIC - min AIC, float64 [number of fits] in [0, 1].

    All are NaN when the AIC of any is: a comparison without one of its models is another comparison. Raises ValueError
    without fits, and when they are of different numbers of observations, whose AIC cannot be compared.

    Source: Burnham & Anderson (2002), Model Selection and Multimodel Inference, 2.9.
    """
    fits = list(fits)
    sizes = sorted({fit.n for fit in fits})
    if len(sizes) != 1:
        raise ValueError(f"the fits are of {sizes} observations; expected fits of one sample")
    aic = np.array([fit.aic for fit in fits])
    weights = np.exp(-(aic - aic.min()) / 2)
    return weights / weights.sum()


@vectorize(cache=True)
def log1p_curvature(x):
    """Return (x - ln(1 + x)) / x² for x > -1, without cancellation; 1/2 at 0. A ufunc, float64.

    Below |x| = 0.1 by ln(1 + x) = 2 artanh(r), r = x / (2 + x).
    """
    if abs(x) >= 0.1:
        return (x - np.log1p(x)) / x**2
    r, series = x / (2 + x), 0.0
    for i in range(7):
        series += r ** (2 * i) / (2 * i + 3)
    return 1 / (2 + x) - 2 * r * series / (2 + x) ** 2


@compiled
def step_between_poles(x, value, slope, poles, bracket, tolerance):
    """Return the next point on the way from ``x`` to where a function crosses 0, and a bracket of that.

    The function falls from +inf to -inf between its two ``poles``, which are the first bracket; ``value`` and ``slope``
    are those at ``x``. A Newton step on (x - low)(high - x)·value, which is nearly a line for simple poles, or to the
    middle of the bracket where the step leaves that and is longer than ``tolerance``.
    """
    low, high = poles
    left, right = x if value >= 0 else bracket[0], x if value <= 0 else bracket[1]
    weight = (x - low) * (high - x)
    scaled_slope = (low + high - 2 * x) * value + weight * slope
    if scaled_slope < 0:
        step = -weight * value / scaled_slope
        if left < x + step < right or abs(step) <= tolerance:
            return x + step, (left, right)
    return (left + right) / 2, (left, right)
