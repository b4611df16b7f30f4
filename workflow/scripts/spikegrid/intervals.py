"""Inter-spike intervals: their variability, local and global, their memory, and what a Bernoulli train gives.

Intervals are counted in images, so the least is 1. Source of the approach: Lehmler et al., arXiv 2308.00858.

Null of every measure here: a random order of images makes each train exchangeable, so its intervals follow the
geometric law of a Bernoulli train of its rate p, and a measure that is not free of the rate only repeats p.
``bernoulli_cv``, ``bernoulli_cv2`` and ``bernoulli_lv`` give that value for long trains; ``cv2_geo`` and ``lv_geo``
take it out. The value 1 for CV, CV2 and LV is that of a Poisson process, reached only for p → 0.
"""

from dataclasses import dataclass

import numpy as np

from spikegrid import interval_sums
from spikegrid.interval_sums import list_intervals, sum_intervals
from spikegrid.packed_bits import over_units
from spikegrid.trains import SpikeTrains


@dataclass(frozen=True)
class Intervals:
    """Inter-spike intervals of U units, those of unit 0 first, each unit's in order of time.

    values: int64 [M] ≥ 1, images from one spike of a unit to its next.
    unit: int64 [M] in [0, U), never falling; the unit of each interval.
    """

    values: np.ndarray
    unit: np.ndarray


def inter_spike_intervals(trains: SpikeTrains) -> Intervals:
    """Return the intervals between consecutive spikes of each unit.

    The images before the first spike and after the last are no interval, as in ``elephant.statistics.isi``. Takes 16
    bytes an interval: give large layers in blocks of units. For the measures below ``IntervalSums`` is enough.
    """
    counts = np.maximum(trains.spike_counts() - 1, 0)
    values = np.empty(counts.sum(), np.int64)
    list_intervals(trains.words, values)
    return Intervals(values, np.repeat(np.arange(trains.units), counts))


@dataclass(frozen=True)
class IntervalSums:
    """Sums over the inter-spike intervals I of U units, and over pairs of adjacent intervals I, I', all [U].

    counts, totals, squares: int64, number of intervals, ΣI, ΣI². distances: int64, Σ(I - I')². first, last: int64, the
    first and the last interval, 0 where there is none. unequal: int64, number of pairs of which one is longer than 1.
    cv2, lv, cv2_geo, lv_geo: float64, sums over pairs of what the measures of these names are means of.
    distance: float64, see ``geometric_distance``; 0 where there is no interval.
    """

    counts: np.ndarray
    totals: np.ndarray
    squares: np.ndarray
    distances: np.ndarray
    first: np.ndarray
    last: np.ndarray
    unequal: np.ndarray
    cv2: np.ndarray
    lv: np.ndarray
    cv2_geo: np.ndarray
    lv_geo: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, trains: SpikeTrains) -> "IntervalSums":
        """Return the sums of trains; no interval is kept, so memory goes with the number of units alone.

        Raises ValueError for trains of more than 2^25 images.
        """
        if trains.length > interval_sums.LONGEST_TRAIN:
            raise ValueError(f"trains have {trains.length} images; expected at most {interval_sums.LONGEST_TRAIN}")
        whole = np.empty((trains.units, interval_sums.WHOLE), np.int64)
        local = np.empty((trains.units, interval_sums.LOCAL))
        over_units(sum_intervals, trains.words, whole, local, fixed=(trains.length,))
        return cls(*whole.T, *local.T)


def mean_interval(sums: IntervalSums) -> np.ndarray:
    """Return the mean interval of each unit in images, float64 [U] ≥ 1. NaN without an interval (under 2 spikes).

    Null: 1/p for long trains; over all orders of n spikes among N images exactly (N + 1)/(n + 1).
    """
    return _divided(sums.totals, sums.counts)


def interval_cv(sums: IntervalSums) -> np.ndarray:
    """Return the coefficient of variation of each unit's intervals, float64 [U] ≥ 0: CV = σ/μ, ddof 0.

    NaN without an interval; 0 for a single one, as for equal ones. Null: sqrt(1 - p) for long trains, less for short
    ones. Source: as ``elephant.statistics.cv``, which is ``scipy.stats.variation``.
    """
    return _deviation(sums) / mean_interval(sums)


def cv2(sums: IntervalSums) -> np.ndarray:
    """Return CV2 of each unit, float64 [U] in [0, 2): mean of 2|I' - I| / (I' + I) over adjacent intervals I, I'.

    NaN with fewer than 2 intervals. Null: ``bernoulli_cv2`` of the rate. Source: Holt et al. (1996), J. Neurophysiol.
    75, 1806; as ``elephant.statistics.cv2``.
    """
    return _divided(sums.cv2, sums.counts - 1)


def lv(sums: IntervalSums) -> np.ndarray:
    """Return the local variation of each unit, float64 [U] in [0, 3): mean of 3(I - I')² / (I + I')², adjacent I, I'.

    NaN with fewer than 2 intervals. Null: ``bernoulli_lv`` of the rate. Source: Shinomoto, Shima & Tanji (2003), Neural
    Comput. 15, 2823; as ``elephant.statistics.lv``.
    """
    return _divided(sums.lv, sums.counts - 1)


def cv2_geo(sums: IntervalSums) -> np.ndarray:
    """Return the rate-free CV2 of each unit, float64 [U] ≥ 0: mean of d(s-1) / floor((s-1)²/2) over pairs with s > 2.

    d = |I - I'| and s = I + I' of adjacent intervals. Given s, the intervals of a Bernoulli train are uniform on
    1..s-1 and E[d] = floor((s-1)²/2)/(s-1), so every pair has mean 1 at every rate. A pair with s = 2 can not differ
    and is left out. NaN without a pair with s > 2: for under 3 spikes, and for a unit that always fires.

    Null: 1. In a short train the share of pairs left out goes with their neighbours, which lifts the mean over pairs
    above 1: at most 5 % in trains of 8 to 16 images (every order counted), under 0.1 % from 1000 images on. Source:
    discrete form of Holt et al. (1996), derived in this project.
    """
    return _divided(sums.cv2_geo, sums.unequal)


def lv_geo(sums: IntervalSums) -> np.ndarray:
    """Return the rate-free local variation of each unit, float64 [U] in [0, 3]: mean of 3d² / (s(s-2)), pairs s > 2.

    d = |I - I'| and s = I + I' of adjacent intervals. Given s, E[d²] = s(s-2)/3 in a Bernoulli train, so every pair
    has mean 1 at every rate. A pair with s = 2 can not differ and is left out. NaN without a pair with s > 2: for under
    3 spikes, and for a unit that always fires.

    Null: 1, in short trains slightly more, as for ``cv2_geo``: at most 7 % in trains of 8 to 16 images. Source:
    discrete form of Shinomoto et al. (2003), derived in this project.
    """
    return _divided(sums.lv_geo, sums.unequal)


def burstiness(sums: IntervalSums) -> np.ndarray:
    """Return burstiness of each unit, float64 [U] in [-1, 1): B = (σ - μ)/(σ + μ) of its intervals, ddof 0.

    -1 for equal intervals and for a single one, 0 for a Poisson process, towards 1 for bursts. NaN without an interval.
    Null: (c - 1)/(c + 1) with c = sqrt(1 - p), below 0 at every rate. Source: Goh & Barabási (2008), EPL 81, 48002.
    """
    mean, deviation = mean_interval(sums), _deviation(sums)
    return (deviation - mean) / (deviation + mean)


def memory(sums: IntervalSums) -> np.ndarray:
    """Return the memory of each unit, float64 [U] in [-1, 1]: Pearson correlation of consecutive intervals.

    M = Σ_i (I_i - m)(I_{i+1} - m') / sqrt(Σ_i (I_i - m)² · Σ_i (I_{i+1} - m')²), with m the mean of all intervals but
    the last, m' of all but the first. NaN with fewer than 3 intervals, and where either series is constant.

    Null: about -1/(n - 1) for n intervals, as for every correlation of one short series with itself; 0 only for long
    trains. Source: Goh & Barabási (2008), EPL 81, 48002, whose M divides by n - 1 pairs likewise.
    """
    pairs = sums.counts - 1
    earlier, later = sums.totals - sums.last, sums.totals - sums.first
    base, later_base = (total // np.maximum(pairs, 1) for total in (earlier, later))
    both = 2 * sums.squares - sums.first**2 - sums.last**2  # Σ(I² + I'²), and I² + I'² - (I - I')² = 2 I·I'
    products = (both - sums.distances) // 2 - base * later - later_base * earlier + pairs * base * later_base
    variance = _variance(sums.squares - sums.last**2, earlier, pairs)
    later_variance = _variance(sums.squares - sums.first**2, later, pairs)
    covariance = _divided(products, pairs) - (_divided(earlier, pairs) - base) * (_divided(later, pairs) - later_base)
    scale = np.sqrt(variance * later_variance)
    return np.clip(_divided(covariance, scale), -1, 1)


def geometric_distance(sums: IntervalSums) -> np.ndarray:
    """Return the distance of each unit's intervals from the geometric law of its rate, float64 [U] in [0, 1].

    D = max_k |F(k) - (1 - (1 - p)^k)|, F the share of intervals of at most k images, p = n/N with n spikes: the
    Kolmogorov-Smirnov distance. NaN without an interval.

    Null: about 0.9/√n for small rates, less for large ones, where few lengths occur; it answers to the number of
    spikes, so units of one rate are compared. ``interval_tests`` has the p-value. Source: Kolmogorov (1933).
    """
    return np.where(sums.counts > 0, sums.distance, np.nan)


def bernoulli_cv(rate: float | np.ndarray) -> np.ndarray:
    """Return CV of a long Bernoulli train of rate p, float64 as ``rate``: sqrt(1 - p). NaN outside 0 < p ≤ 1."""
    rate = _firing(rate)
    return np.sqrt(1 - rate)


def bernoulli_cv2(rate: float | np.ndarray) -> np.ndarray:
    """Return E[CV2] of a long Bernoulli train of rate p, float64 as ``rate``, in [0, 1]. NaN outside 0 < p ≤ 1.

    Σ_{s≥2} 2p²q^(s-2) floor((s-1)²/2)/s with q = 1 - p. As floor((s-1)²/2) = ((s-1)² - [s even])/2, the sum is
    q + p²(artanh(q) - q)/q², which is 0 for p = 1 and tends to 1 for p → 0.
    """
    rate = _firing(rate)
    quiet = 1 - rate
    few = np.minimum(quiet, _SERIES_BELOW)
    series = sum(few ** (2 * k - 1) / (2 * k + 1) for k in range(1, _SERIES_TERMS))
    many = np.maximum(quiet, _SERIES_BELOW)
    closed = ((np.log1p(many) - np.log(np.minimum(rate, 1 - _SERIES_BELOW))) / 2 - many) / many**2
    return quiet + rate**2 * np.where(quiet < _SERIES_BELOW, series, closed)


def bernoulli_lv(rate: float | np.ndarray) -> np.ndarray:
    """Return E[LV] of a long Bernoulli train of rate p, float64 as ``rate``, in [0, 1]. NaN outside 0 < p ≤ 1.

    Σ_{s≥3} p²q^(s-2) (s-1)(s-2)/s with q = 1 - p, which is 1 - 2p + 2p²(-ln p - q)/q²; 0 for p = 1 and
    towards 1 for p → 0. It is taken as q² + 2p² Σ_{k≥1} q^k/(k+2), whose terms do not cancel.
    """
    rate = _firing(rate)
    quiet = 1 - rate
    few = np.minimum(quiet, _SERIES_BELOW)
    series = sum(few**k / (k + 2) for k in range(1, _SERIES_TERMS))
    many = np.maximum(quiet, _SERIES_BELOW)
    closed = (-np.log(np.minimum(rate, 1 - _SERIES_BELOW)) - many) / many**2 - 0.5
    return quiet**2 + 2 * rate**2 * np.where(quiet < _SERIES_BELOW, series, closed)


_SERIES_BELOW, _SERIES_TERMS = 0.1, 18
"""Where q is below 0.1 the logarithm cancels with its first terms; 17 terms of its series leave 1e-17."""


def _firing(rate: float | np.ndarray) -> np.ndarray:
    """Rates as float64, NaN where they are none of a unit that fires."""
    rate = np.asarray(rate, float)
    return np.where((rate > 0) & (rate <= 1), rate, np.nan)


def _divided(sums: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Quotients, NaN where the divisor is not above 0."""
    return np.divide(sums, numbers, out=np.full(len(sums), np.nan), where=numbers > 0)


def _deviation(sums: IntervalSums) -> np.ndarray:
    return np.sqrt(_variance(sums.squares, sums.totals, sums.counts))


def _variance(squares: np.ndarray, totals: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Variance of whole numbers, ddof 0: whole numbers take the large terms away before anything is rounded."""
    base = totals // np.maximum(numbers, 1)
    return _divided(squares - 2 * base * totals + numbers * base**2, numbers) - (_divided(totals, numbers) - base) ** 2
