"""Are the inter-spike intervals of a train geometric, as those of a Bernoulli train are?

An interval I counts images from one spike to the next, so P(I = i) = p(1 - p)^(i-1). The tests take all units at once,
and test those with 0.01 < p < 0.99 and enough intervals, which depends on p and on the number N of images alone.
p = n1/N of the train; its n = n1 - 1 intervals are whole ones only.
"""

import numpy as np
from scipy.special import chdtrc, kolmogorov

from spikegrid.assumptions import HIGHEST_RATE, LOWEST_RATE, Assumption
from spikegrid.interval_distances import find_rescaled_distances, sum_pearson
from spikegrid.packed_bits import over_units
from spikegrid.trains import SpikeTrains

_FEWEST_IN_A_BIN = 5
_FEWEST_BINS = 3
_FEWEST_INTERVALS = 50

_DRAWN_AT_ONCE = 1 << 20
"""Uniform numbers that are held at a time, 8 MB."""

# Rate, shift and slope. Under the null shift + slope · (√n + 0.12 + 0.11/√n) · D follows the Kolmogorov distribution:
# least squares between the quantiles of 300,000 simulated trains of 400 intervals and those of the limit without an
# estimated rate, at tails of 0.5 to 0.001, which they meet within 0.012. The rate 1 is that limit itself.
_RATE, _SHIFT, _SLOPE = np.array(
    [
        (0.01, -0.127, 1.359),
        (0.1, -0.114, 1.345),
        (0.2, -0.108, 1.338),
        (0.3, -0.101, 1.326),
        (0.4, -0.098, 1.312),
        (0.5, -0.077, 1.277),
        (0.6, -0.029, 1.204),
        (0.7, 0.004, 1.137),
        (0.8, 0.007, 1.091),
        (0.9, 0.011, 1.041),
        (1.0, 0.0, 1.0),
    ]
).T


def interval_chi_square(trains: SpikeTrains) -> Assumption:
    """Test intervals against the geometric law: X² = Σ_b (O_b - E_b)² / E_b, against χ² of bins - 2, upper tail.

    From I = 1 up, intervals are pooled into bins until each expects at least 5; the last bin is open. Departures of
    either sign make X² large, so its upper tail is two-sided in them. Tested where there are at least 3 bins, and 50
    intervals. Effect: Cohen's w = √(X²/n), ≥ 0; about √((bins - 2)/n) under the null.

    Source: Pearson (1900), Phil. Mag. 50, 157, less one degree of freedom for the estimated rate: Fisher (1924).
    """
    tested, words, p, n = _countable(trains)
    statistic, bins = np.empty(len(n)), np.empty(len(n), np.int64)
    over_units(sum_pearson, words, n, p, statistic, bins, fixed=(_FEWEST_IN_A_BIN,))
    binned = bins >= _FEWEST_BINS
    tested[tested] = binned
    statistic, bins, n = statistic[binned], bins[binned], n[binned]
    return Assumption.where(tested, statistic, chdtrc(bins - 2, statistic), np.sqrt(statistic / n))


def interval_kolmogorov_smirnov(trains: SpikeTrains, generator: np.random.Generator) -> Assumption:
    """Test rescaled intervals against Exp(1): the Kolmogorov-Smirnov distance D, its p-value by parametric bootstrap.

    ξ = -(I - 1) ln(1 - p) - ln(1 - Up), U uniform in [0, 1), is Exp(1) for a Bernoulli train: the time-rescaling
    theorem for discrete time. U is drawn from ``generator``, one for each interval, unit after unit, so the outcome
    depends on its seed. Tested where there are at least 50 intervals. Statistic: (√n + 0.12 + 0.11/√n) D, n intervals.
    Effect: D, in [0, 1]; about 0.9/√n under the null. D has no sign, so its upper tail is two-sided.

    Estimating p from the train makes D smaller. Its law then depends on p, and hardly on n once scaled so: it is
    Lilliefors' for the exponential law when p → 0, and Kolmogorov's when p → 1, where U alone makes ξ. It was simulated
    once over p with p estimated anew in each train; a shift and a slope carry its quantiles over into Kolmogorov's.

    Source: Haslinger, Pipa & Brown (2010), Neural Comput. 22, 2477; Lilliefors (1969), J. Am. Stat. Assoc. 64, 387;
    the scale: Stephens (1970), J. R. Stat. Soc. B 32, 115.
    """
    tested, words, p, n = _countable(trains)
    distance, blocks = np.empty(len(n)), np.cumsum(n) // _DRAWN_AT_ONCE
    uniforms = np.empty(np.bincount(blocks, n).max(initial=0).astype(int))
    for block in np.unique(blocks):
        own = slice(*np.searchsorted(blocks, [block, block + 1]))
        drawn, starts = generator.random(out=uniforms[: n[own].sum()]), np.cumsum(n[own]) - n[own]
        over_units(find_rescaled_distances, words[own], n[own], p[own], starts, distance[own], fixed=(drawn,))
    root = np.sqrt(n)
    statistic = (root + 0.12 + 0.11 / root) * distance
    unestimated = np.interp(p, _RATE, _SHIFT) + np.interp(p, _RATE, _SLOPE) * statistic
    return Assumption.where(tested, statistic, kolmogorov(np.maximum(unestimated, 0)), distance)


def _countable(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Units tested, bool [U]; their words, rates and numbers of intervals."""
    rates, n = trains.rates(), trains.spike_counts() - 1
    tested = (rates > LOWEST_RATE) & (rates < HIGHEST_RATE) & (n >= _FEWEST_INTERVALS)
    return tested, trains.words[tested], rates[tested], n[tested]
