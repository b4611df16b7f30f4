"""Correlations of spike trains: of a train with itself later, of the population, and of pairs of units.

The autocorrelation depends on the order of images. Population Fano factor and pair correlations do not: a random order
that all trains share leaves them as they are, and their null is a random order of each train by itself, which makes
units independent at their own rates.
"""

import numpy as np
from scipy.special import gammaln

from spikegrid.class_information import class_counts
from spikegrid.packed_bits import WORD, compiled, count_units, over_units, popcount
from spikegrid.trains import SpikeTrains


def autocorrelation(trains: SpikeTrains, lags: int) -> np.ndarray:
    """Return the autocorrelation of each train at lags 1 to ``lags``, float64 [U, lags] in [-1, 1].

    r_k = Σ_{n<N-k} (z[n] - p)(z[n+k] - p) / (N p(1 - p)): a sum of N - k terms over N variances, ddof 0. Column k - 1
    is lag k. NaN for trains that never or always fire, and at lags of N and more. Raises ValueError for lags below 0.

    Null, over all orders of images: E[r_k] = -(N - k)/(N(N - 1)), with a standard deviation near 1/sqrt(N). Source: Box
    & Jenkins (1976); the convention of ``statsmodels.tsa.stattools.acf`` with ``adjusted=False``, without its lag 0.
    """
    if lags < 0:
        raise ValueError(f"lags is {lags}; expected at least 0")
    length, counts = trains.length, trains.spike_counts()
    correlation = np.full((trains.units, lags), np.nan)
    within = min(lags, max(length - 1, 0))
    first = counts[:, None] - trains.to_array(length - within)[:, ::-1].cumsum(axis=1, dtype=np.int64)
    last = counts[:, None] - trains.to_array(0, within).cumsum(axis=1, dtype=np.int64)
    rates, scale = trains.rates(), counts * (length - counts)
    for lag in range(1, within + 1):
        # Whole numbers up to N² take the large terms away before anything is rounded.
        earlier = length * trains.joint_counts(lag) - counts * first[:, lag - 1]
        later = length * last[:, lag - 1] - counts * (length - lag)
        np.divide(earlier - rates * later, scale, out=correlation[:, lag - 1], where=scale > 0)
    return correlation


def population_fano(trains: SpikeTrains) -> float:
    """Return the population Fano factor, in [0, U]: Var_n(Σ_u z_u[n]) / Σ_u p_u(1 - p_u), ddof 0.

    It is the variance of the population count over that of independent units, so 1 + Σ_{u≠v} cov(z_u, z_v) over the
    same sum. NaN where no unit changes, and without images. Null: 1 for independent units, which is exactly the mean
    over all orders of each train by itself. Source: the variance ratio of Schluter (1984), Ecology 65, 998.
    """
    rates = trains.rates()
    independent = np.sum(rates * (1 - rates))
    if not independent > 0:
        return np.nan
    population = np.zeros((trains.words.shape[1], WORD), np.int64)
    count_units(trains.words, population)
    return float(population.ravel()[: trains.length].var() / independent)


def sampled_pairs(units: int, limit: int, seed: int) -> np.ndarray:
    """Return pairs of distinct units u < v, int64 [P, 2]: all U(U-1)/2 if they are at most ``limit``, else a sample.

    The sample holds ``limit`` pairs, drawn uniformly over pairs without repetition by ``seed``; memory goes with
    ``limit``, not with U². Pairs are ordered by their second unit, then by their first. Raises ValueError for negative
    ``units`` or ``limit``.
    """
    if units < 0 or limit < 0:
        raise ValueError(f"units is {units} and limit is {limit}; expected at least 0 of each")
    pairs = units * (units - 1) // 2
    if pairs <= limit:
        ranks = np.arange(pairs)
    else:
        ranks = np.sort(np.random.default_rng(seed).choice(pairs, limit, replace=False, shuffle=False))
    # Pair (u, v) has rank v(v-1)/2 + u; a root that was rounded is one off at most.
    second = ((1 + np.sqrt(1 + 8 * ranks.astype(float))) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > ranks
    second += second * (second + 1) // 2 <= ranks
    return np.stack([ranks - second * (second - 1) // 2, second], axis=1)


def pair_correlations(trains: SpikeTrains, pairs: np.ndarray) -> np.ndarray:
    """Return Pearson's r of the trains of each pair, float64 [P] in [-1, 1].

    pairs: units, int [P, 2]. r = (N n11 - S_u S_v) / sqrt(S_u(N - S_u) S_v(N - S_v)) with S spikes and n11 images at
    which both fire. NaN where either train is constant. Raises ValueError when ``pairs`` is not [P, 2].

    Null: E[r] = 0 and Var[r] = 1/(N - 1) over all orders of each train by itself; |r| is not 0 then, but
    ``independent_absolute_correlations``. Source: Pearson's φ of a 2 × 2 table.
    """
    return noise_correlations(trains, pairs, np.zeros(trains.length, np.int64))


def noise_correlations(trains: SpikeTrains, pairs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return Pearson's r of each pair after the mean of each class is taken from each train, float64 [P] in [-1, 1].

    pairs: units, int [P, 2]. labels: int [N], the class of each image. With counts of each class c,
    r = Σ_c (N_c n11_c - S_uc S_vc)/N_c / sqrt(V_u V_v) and V_u = Σ_c S_uc(N_c - S_uc)/N_c. NaN where the class alone
    decides a train, and where a train is constant. Raises ValueError when ``labels`` is not [N] or ``pairs`` not
    [P, 2].

    Null: E[r] = 0 over all orders of each train within classes; |r| is about
    ``independent_absolute_noise_correlations``. Source: Averbeck, Latham & Pouget (2006), Nat. Rev. Neurosci. 7,
    358, with the class as the stimulus.
    """
    pairs = _checked(pairs, trains)
    counts, sizes = class_counts(trains, labels)
    covariance = _covariances(trains, pairs, counts, sizes)
    variance = _covariances(trains, np.repeat(np.arange(trains.units), 2).reshape(-1, 2), counts, sizes)
    # The root of the product, not the product of roots: a train with itself then has r = 1 to the last digit.
    one, other = variance[pairs.T]
    scale = np.sqrt(one * other)
    return np.clip(np.divide(covariance, scale, out=np.full(len(pairs), np.nan), where=scale > 0), -1, 1)


def mean_absolute_correlation(
    trains: SpikeTrains, pairs: np.ndarray, labels: np.ndarray | None = None
) -> tuple[float, int]:
    """Return the mean of |r| over the pairs where it is defined, in [0, 1], and the number of pairs where it is not.

    r is that of ``pair_correlations``, or with labels [N] of ``noise_correlations``. The mean is NaN without a defined
    pair. Null: the mean of ``independent_absolute_correlations``, or of ``independent_absolute_noise_correlations``. It
    is not 0 but about sqrt(2/(πN)), and it depends on the rates: compare layers by what exceeds it.
    """
    correlations = pair_correlations(trains, pairs) if labels is None else noise_correlations(trains, pairs, labels)
    defined = correlations[~np.isnan(correlations)]
    return float(np.abs(defined).mean()) if len(defined) else np.nan, len(correlations) - len(defined)


def independent_mean_absolute_correlation(length: int, classes: int = 1) -> float:
    """Return E|r| of independent trains of N images for large N: sqrt(2/(π(N - C))), or NaN for N ≤ C.

    r is normal then, with variance 1/(N - C) once the means of C classes are taken away; C = 1 for the mean alone.
    Right where all four cells of the table of two trains expect many images; where spikes are rare it is off, at last
    far too high, and for units that change within few of the classes too low: the two functions below follow the counts
    of each pair.
    """
    freedom = length - classes
    return float(np.sqrt(2 / (np.pi * freedom))) if freedom > 0 else np.nan


def independent_absolute_correlations(trains: SpikeTrains, pairs: np.ndarray) -> np.ndarray:
    """Return E|r| of each pair over all orders of each train by itself, float64 [P] in [0, 1], at every N and rate.

    n11 is hypergeometric with mean μ = S_u S_v / N, and E|n11 - μ| = 2m(N - S_u - S_v + m) P(n11 = m)/N with m the
    least whole number above μ. NaN where either train is constant. Logarithms of factorials leave a relative error of
    at most N·5e-15. Source: Diaconis & Zabell (1991), Statist. Sci. 6, 284, on mean absolute deviations.
    """
    length, counts = trains.length, trains.spike_counts()
    one, other = counts[_checked(pairs, trains).T]
    scale = np.sqrt((one * (length - one)).astype(float) * (other * (length - other)))
    defined = scale > 0
    one, other = one[defined], other[defined]
    least = one * other // max(length, 1) + 1
    quiet = length - one - other + least  # images where neither fires, when both fire at ``least``
    log_factorials = gammaln(np.arange(1.0, length + 2))
    log_probability = (
        _log_binomial(log_factorials, one, least)
        + _log_binomial(log_factorials, length - one, other - least)
        - _log_binomial(log_factorials, length, other)
    )
    deviation = 2 * least * quiet / max(length, 1) * np.exp(log_probability)
    expected = np.full(len(scale), np.nan)
    expected[defined] = length * deviation / scale[defined]
    return expected


def independent_absolute_noise_correlations(trains: SpikeTrains, pairs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return about E|r| of each pair's noise correlation over all orders of each train within classes, float64 [P] ≥ 0.

    sqrt(2 Var[r]/π), which is E|r| for normal r, with the exact Var[r] = Σ_c V_uc V_vc/(N_c - 1) / (V_u V_v), where
    V_uc = S_uc(N_c - S_uc)/N_c and V_u is its sum over classes. Var[r] is 1/(N - C) where units change alike in
    all classes of one size, and more where they change in few. For rare spikes r is not normal and the value is off.
    NaN and errors as ``noise_correlations``. Source: variance of a permuted sum of products, class by class.
    """
    pairs = _checked(pairs, trains)
    counts, sizes = class_counts(trains, labels)
    within = counts * (sizes - counts) / sizes
    squares = np.empty(len(pairs))
    over_units(_sum_products, pairs, squares, fixed=(within / np.maximum(sizes - 1, 1), within))
    one, other = within.sum(axis=1)[pairs.T]
    scale = one * other
    return np.sqrt(2 / np.pi * np.divide(squares, scale, out=np.full(len(scale), np.nan), where=scale > 0))


def _checked(pairs: np.ndarray, trains: SpikeTrains) -> np.ndarray:
    pairs = np.asarray(pairs, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs have shape {pairs.shape}; expected [P, 2]")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < trains.units:
        raise ValueError(f"pairs are of units {pairs.min()} to {pairs.max()}; expected 0 to {trains.units - 1}")
    return pairs


def _covariances(trains: SpikeTrains, pairs: np.ndarray, counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return Σ_c (N_c n11_c - S_uc S_vc)/N_c = n11 - Σ_c S_uc S_vc/N_c of each pair, float64 [P]."""
    covariances = np.empty(len(pairs))
    over_units(_sum_covariances, pairs, covariances, fixed=(trains.words, counts, sizes))
    return covariances


@compiled
def _sum_covariances(pairs, covariances, words, counts, sizes):
    for place in range(len(pairs)):
        one, other = words[pairs[place, 0]], words[pairs[place, 1]]
        both = np.uint64(0)
        for word in range(words.shape[1]):
            both += popcount(one[word] & other[word])
        # Whole numbers up to N² take the large terms away before anything is rounded.
        whole, rest = np.int64(both), 0.0
        for label in range(len(sizes)):
            product, size = counts[pairs[place, 0], label] * counts[pairs[place, 1], label], sizes[label]
            whole -= product // size
            rest += product % size / size
        covariances[place] = whole - rest


@compiled
def _sum_products(pairs, sums, ones, others):
    for place in range(len(pairs)):
        one, other = ones[pairs[place, 0]], others[pairs[place, 1]]
        total = 0.0
        for label in range(len(one)):
            total += one[label] * other[label]
        sums[place] = total


def _log_binomial(log_factorials: np.ndarray, n: np.ndarray | int, k: np.ndarray) -> np.ndarray:
    return log_factorials[n] - log_factorials[k] - log_factorials[n - k]
