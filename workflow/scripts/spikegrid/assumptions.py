"""Does the Bernoulli process fit a train? Tests of its counts, its independence and its stationarity.

Each test takes all units at once and is two-sided. Which units it tests depends on the rate p and on the number of
images, windows and lags, never on the outcome. All p-values hold given the number of spikes, over all orders of the
images, which is the null of a random order, and so for Bernoulli trains too; at a level of 0.05 shares rejected from
0.035 to 0.065 were measured. Tests of intervals: ``interval_tests``.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import chdtr, chdtrc, kolmogorov, ndtr

from spikegrid.correlations import autocorrelation
from spikegrid.trains import SpikeTrains

LOWEST_RATE, HIGHEST_RATE = 0.01, 0.99
"""Units at or beyond these rates are not tested."""

# Below these the size of a test at a level of 0.05, or of 0.001 as Benjamini-Hochberg asks for, was measured to be off.
_FEWEST_WINDOWS = 10
_FEWEST_IN_A_WINDOW = 5
_FEWEST_IN_A_TRAIN = 20
_FEWEST_NEIGHBOURS = 10
_LEAST_VARIANCE_FOR_LAGS = 100


@dataclass(frozen=True)
class Assumption:
    """Outcome of one test for each of U units. All three are NaN where the unit was not tested.

    statistic: float64 [U]; its law under the null is in the docstring of the test.
    p_value: float64 [U] in [0, 1].
    effect: float64 [U]; size of the departure, which under a fixed alternative does not grow with the number of images.
    """

    statistic: np.ndarray
    p_value: np.ndarray
    effect: np.ndarray

    @classmethod
    def where(cls, tested: np.ndarray, statistic: np.ndarray, p_value: np.ndarray, effect: np.ndarray) -> Self:
        """Place the values of the units that were tested, each [tested.sum()], among all units, ``tested`` bool [U]."""
        outcome = np.full((3, len(tested)), np.nan)
        outcome[:, tested] = statistic, p_value, effect
        return cls(*outcome)

    @property
    def tested(self) -> np.ndarray:
        """Return which units were tested, bool [U]."""
        return ~np.isnan(self.p_value)


def binomial_dispersion(counts: np.ndarray, window: int) -> Assumption:
    """Test that window counts are Binomial(T, p): D = Σ_k (c_k - Tp)² / (Tp(1 - p)), against χ² of K - 1, both tails.

    counts: spikes of each unit in each of K windows of T = ``window`` images, [U, K]; p = Σ_k c_k / (KT). Tested where
    K ≥ 10, Tp and T(1 - p) ≥ 5. Effect: D / (K - 1), above 0; 1 for binomial counts, below 1 when they are more even.
    Raises ValueError when ``window`` is below 1 or a count is above it.

    Null: over all orders of the images E[D] = (K - 1) N/(N - 1), N = KT. Source: Fisher (1925), Statistical Methods for
    Research Workers, index of dispersion of the binomial.
    """
    tested, counts, p = _countable(counts, window)
    squares = ((counts - window * p[:, None]) ** 2).sum(axis=1)
    return _dispersion(tested, squares / (window * p * (1 - p)), counts.shape[1])


def poisson_dispersion(counts: np.ndarray, window: int) -> Assumption:
    """Test that window counts are Poisson: D = (K - 1) s² / mean, s² with ddof 1, against χ² of K - 1, both tails.

    Arguments, units tested and errors are those of ``binomial_dispersion``. Effect: D / (K - 1) = s² / mean, the Fano
    factor with ddof 1.

    Null: a random order does not satisfy it. D is (1 - p) times that of ``binomial_dispersion``, so at p = 0.3 and
    K = 100 the test calls about 68 % of true Bernoulli trains under-dispersed. It is the model of the paper, kept to
    show that: Lehmler et al., arXiv 2308.00858. Source: Fisher (1925), index of dispersion of the Poisson law.
    """
    tested, counts, p = _countable(counts, window)
    squares = ((counts - window * p[:, None]) ** 2).sum(axis=1)
    return _dispersion(tested, squares / (window * p), counts.shape[1])


def wald_wolfowitz_runs(trains: SpikeTrains) -> Assumption:
    """Test that neighbours are independent by the number R of runs of equal outcomes: z = (R - μ)/σ, against a normal.

    With n1 spikes and n0 silences μ = 2 n1 n0 / N + 1 and σ² = 2 n1 n0 (2 n1 n0 - N) / (N² (N - 1)), the exact moments
    over all orders of the images. No continuity correction: with it the test rejects too seldom. Tested where
    N min(p, 1 - p)² ≥ 10, the pairs of neighbours alike that the rarer outcome expects: with fewer R is skewed and
    p-values below 0.01 are too small. Effect: 1 - R/μ, which tends to the lag-1 correlation of a Markov chain; positive
    when spikes come in clumps. Source: Wald & Wolfowitz (1940), Ann. Math. Statist. 11, 147.
    """
    rates = trains.rates()
    tested = _between(rates) & _neighboured(trains.length, rates)
    images, fired = trains.length, trains.spike_counts()[tested].astype(float)
    ends = trains.to_array(0, 1)[tested].sum(axis=1) + trains.to_array(max(images - 1, 0))[tested].sum(axis=1)
    runs = 1 + 2 * (fired - trains.joint_counts(1)[tested]) - ends
    mixed = 2 * fired * (images - fired)
    mean = mixed / max(images, 1) + 1
    z = (runs - mean) / np.sqrt(mixed * (mixed - images) / max(images**2 * (images - 1.0), 1))
    return Assumption.where(tested, z, 2 * ndtr(-np.abs(z)), 1 - runs / mean)


def ljung_box(trains: SpikeTrains, lags: int = 10) -> Assumption:
    """Test that the first h = ``lags`` autocorrelations are 0: Q = N(N + 2) Σ_{j≤h} r_j² / (N - j), against χ² of h.

    r_j = Σ_n (z_n - p)(z_{n+j} - p) / (Np(1 - p)). Correlations of either sign make Q large, so its upper tail is
    two-sided in them. Tested where Np(1 - p) ≥ 100, N min(p, 1 - p)² ≥ 10 and N > h: Q of sparse trains has a
    heavier tail than χ². Effect: root mean square of r_j over lags, in [0, 1]; about 1/√N under the null. Raises
    ValueError when ``lags`` is below 1.

    Null: over all orders of the images E[r_j] = -(N - j)/(N(N - 1)). Source: Ljung & Box (1978), Biometrika 65, 297.
    """
    if lags < 1:
        raise ValueError(f"lags is {lags}; expected at least 1")
    images, rates = trains.length, trains.rates()
    tested = _between(rates) & _neighboured(images, rates) & (images > lags)
    tested &= images * rates * (1 - rates) >= _LEAST_VARIANCE_FOR_LAGS
    squares = autocorrelation(SpikeTrains(trains.words[tested], images), lags) ** 2
    statistic = images * (images + 2) * np.sum(squares / (images - np.arange(1.0, lags + 1)), axis=1)
    return Assumption.where(tested, statistic, chdtrc(lags, statistic), np.sqrt(squares.mean(axis=1)))


def cochran_armitage_trend(counts: np.ndarray, window: int) -> Assumption:
    """Test that the rate has no linear trend over windows: Z = Σ_k t_k c_k / √(Tp(1 - p) Σ_k t_k²), against a normal.

    counts and errors as in ``binomial_dispersion``; t_k = k - (K - 1)/2, p = Σ_k c_k / (KT). Tested where K ≥ 10, and
    KTp and KT(1 - p) ≥ 20. Effect: Z / √(KT), the correlation of spike and window number, in [-1, 1]; positive when the
    rate rises.

    Null: over all orders of N = KT images E[Z] = 0 and Var[Z] = N/(N - 1). Source: Armitage (1955), Biometrics 11, 375.
    """
    rates, windows = _window_rates(counts, window), counts.shape[1]
    images = windows * window
    enough = images * np.minimum(rates, 1 - rates) >= _FEWEST_IN_A_TRAIN
    tested = _between(rates) & enough & (windows >= _FEWEST_WINDOWS)
    p, time = rates[tested], np.arange(windows) - (windows - 1) / 2
    z = counts[tested] @ time / np.sqrt(window * p * (1 - p) * max(time @ time, 0.5))
    return Assumption.where(tested, z, 2 * ndtr(-np.abs(z)), z / np.sqrt(max(images, 1)))


def cusum(trains: SpikeTrains) -> Assumption:
    """Test that the rate is constant: C = max_n |S_n - np| / √(Np(1 - p)), against the Kolmogorov distribution.

    S_n is the number of spikes up to image n. Changes of either sign make C large, so its upper tail is two-sided in
    them. Tested where Np and N(1 - p) ≥ 20. Effect: C/√N, in [0, 1/2].

    Null: over all orders of the images S_n - np tends to a Brownian bridge; the bridge is seen at N images only, so C
    is a little smaller than its limit, and the test conservative for short trains. Source: Brown, Durbin & Evans
    (1975), J. R. Stat. Soc. B 37, 149, with the fixed-p bridge of Ploberger & Krämer (1992), Econometrica 60, 271.
    """
    images, rates = max(trains.length, 1), trains.rates()
    tested = _between(rates) & (images * np.minimum(rates, 1 - rates) >= _FEWEST_IN_A_TRAIN)
    p = rates[tested]
    statistic = SpikeTrains(trains.words[tested], trains.length).farthest_from(p) / np.sqrt(images * p * (1 - p))
    return Assumption.where(tested, statistic, kolmogorov(statistic), statistic / np.sqrt(images))


def _between(rates: np.ndarray) -> np.ndarray:
    return (rates > LOWEST_RATE) & (rates < HIGHEST_RATE)


def _neighboured(images: int, rates: np.ndarray) -> np.ndarray:
    return images * np.minimum(rates, 1 - rates) ** 2 >= _FEWEST_NEIGHBOURS


def _window_rates(counts: np.ndarray, window: int) -> np.ndarray:
    if window < 1:
        raise ValueError(f"window is {window}; expected at least 1 image")
    if counts.max(initial=0) > window:
        raise ValueError(f"a count is {counts.max()}; expected at most the {window} images of a window")
    images = counts.shape[1] * window
    return counts.sum(axis=1) / images if images else np.full(len(counts), np.nan)


def _countable(counts: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units whose dispersion is tested, bool [U]; their counts and rates."""
    rates = _window_rates(counts, window)
    enough = window * np.minimum(rates, 1 - rates) >= _FEWEST_IN_A_WINDOW
    tested = _between(rates) & enough & (counts.shape[1] >= _FEWEST_WINDOWS)
    return tested, counts[tested], rates[tested]


def _dispersion(tested: np.ndarray, statistic: np.ndarray, windows: int) -> Assumption:
    freedom = max(windows - 1, 1)
    tails = np.minimum(chdtr(freedom, statistic), chdtrc(freedom, statistic))
    return Assumption.where(tested, statistic, np.minimum(2 * tails, 1), statistic / freedom)
