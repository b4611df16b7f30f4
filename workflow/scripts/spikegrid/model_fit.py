"""A model fitted by maximum likelihood, and the choice between several by Akaike's criterion."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


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


def log1p_curvature(x: np.ndarray | float) -> np.ndarray:
    """Return (x - ln(1 + x)) / x² for x > -1, without cancellation; 1/2 at 0.

    Below |x| = 0.1 by ln(1 + x) = 2 artanh(r), r = x / (2 + x).
    """
    x = np.asarray(x, float)
    near = np.abs(x) < 0.1
    small, large = np.where(near, x, 0), np.where(near, 1, x)
    r = small / (2 + small)
    series = sum(r ** (2 * i) / (2 * i + 3) for i in range(7))
    return np.where(near, 1 / (2 + small) - 2 * r * series / (2 + small) ** 2, (large - np.log1p(large)) / large**2)


def root_between_poles(
    score: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    low: float,
    high: float,
    start: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Return where functions that fall from +inf at ``low`` to -inf at ``high`` cross 0, of the shape of ``start``.

    score: gives the values of the functions and their slopes at one point each. Newton steps on
    (x - low)(high - x)·score, which is nearly a line for scores with simple poles, kept within a shrinking bracket,
    until a step is no longer than ``tolerance``.
    """
    x, left, right = start, np.full(np.shape(start), low), np.full(np.shape(start), high)
    for _ in range(60):
        value, slope = score(x)
        left, right = np.where(value >= 0, x, left), np.where(value <= 0, x, right)
        weight = (x - low) * (high - x)
        scaled_slope = (low + high - 2 * x) * value + weight * slope
        step = np.divide(weight * value, -scaled_slope, out=np.zeros_like(value), where=scaled_slope < 0)
        inside = (x + step > left) & (x + step < right) | (np.abs(step) <= tolerance)
        last, x = x, np.where(inside & (scaled_slope < 0), x + step, (left + right) / 2)
        if np.all(np.abs(x - last) <= tolerance):
            break
    return x
