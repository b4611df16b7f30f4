"""The likelihood of beta-binomial counts by γ = 1/(α + β), at the best mean π = α/(α + β) for each γ.

Without Σ ln C(T, c) it is Σ_{j<T} [a_j ln(π + jγ) + b_j ln(1 - π + jγ) - n ln(1 + jγ)], a_j of n windows with more than
j spikes, b_j with more than j silences. Source: Griffiths (1973), Biometrics 29, 637.
"""

from dataclasses import dataclass

import numpy as np

from spikegrid.model_fit import step_between_poles
from spikegrid.packed_bits import compiled


@dataclass(frozen=True)
class Profile:
    """Profile of the likelihood of n windows of T images.

    above, below: int64 [T], numbers of windows with more than 0, 1, .. T - 1 spikes, and silences. n: their number.
    p: their mean share of spikes, in (0, 1).
    """

    above: np.ndarray
    below: np.ndarray
    n: int
    p: float

    def mean(self, dispersion: float) -> float:
        """Return the best π for γ."""
        return _best_mean(self.above, self.below, self.p, dispersion)

    def log_likelihood(self, dispersion: float) -> float:
        """Return ln L at γ."""
        return _log_likelihood(self.above, self.below, self.n, self.mean(dispersion), dispersion)

    def score(self, dispersion: float) -> float:
        """Return the slope of ln L at γ."""
        return _slope(self.above, self.below, self.n, self.mean(dispersion), dispersion)

    def standard_errors(self, mean: float, dispersion: float) -> np.ndarray:
        """Return those of α = π/γ and β = (1 - π)/γ, from the observed information of π and γ."""
        j = np.arange(len(self.above))
        spread = j * dispersion
        fires, rests = self.above / (mean + spread) ** 2, self.below / (1 - mean + spread) ** 2
        both = (fires + rests).sum()
        mixed = (j * (fires - rests)).sum()
        second = (j**2 * (fires + rests - self.n / (1 + spread) ** 2)).sum()
        determinant = both * second - mixed**2
        if not determinant > 0:
            return np.full(2, np.nan)
        covariance = np.array([[second, -mixed], [-mixed, both]]) / determinant
        slopes = np.array([[1, -mean / dispersion], [-1, -(1 - mean) / dispersion]]) / dispersion
        return np.sqrt(np.diag(slopes @ covariance @ slopes.T))


@compiled
def _best_mean(above, below, p, dispersion):
    mean, poles, tolerance = p, (0.0, 1.0), 1e-13 * min(p, 1 - p)
    bracket = poles
    for _ in range(60):
        value = slope = 0.0
        for j in range(len(above)):
            firing, silent = mean + j * dispersion, 1 - mean + j * dispersion
            fires, rests = above[j] / firing, below[j] / silent
            value += fires - rests
            slope -= fires / firing + rests / silent
        last = mean
        mean, bracket = step_between_poles(mean, value, slope, poles, bracket, tolerance)
        if abs(mean - last) <= tolerance:
            break
    return mean


@compiled
def _log_likelihood(above, below, n, mean, dispersion):
    total = 0.0
    for j in range(len(above)):
        spread = j * dispersion
        total += above[j] * np.log(mean + spread) + below[j] * np.log(1 - mean + spread) - n * np.log1p(spread)
    return total


@compiled
def _slope(above, below, n, mean, dispersion):
    total = 0.0
    for j in range(len(above)):
        spread = j * dispersion
        total += j * (above[j] / (mean + spread) + below[j] / (1 - mean + spread) - n / (1 + spread))
    return total
