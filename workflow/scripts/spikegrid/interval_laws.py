"""The distribution of inter-spike intervals of a layer against the laws that the rates of its units give."""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py

from spikegrid.interval_distances import count_lengths
from spikegrid.trains import SpikeTrains

_RATES_AT_ONCE = 256


@dataclass(frozen=True)
class IntervalHistogram:
    """Numbers of intervals of 1, 2, .. L images, units pooled, L the longest that occurs.

    observed: int64 [L]. geometric, exponential: float64 [L], the numbers that each law expects.
    """

    observed: np.ndarray
    geometric: np.ndarray
    exponential: np.ndarray


def interval_histogram(trains: SpikeTrains) -> IntervalHistogram:
    """Return how many intervals of each length a layer has, and how many are expected of units of the same rates.

    A unit of rate p with m intervals expects m p (1 - p)^(i-1) of length i under the geometric law, which is that of a
    Bernoulli train, and m (e^(-p(i-1)) - e^(-pi)) in (i - 1, i] under the exponential law, that of a Poisson process of
    the same rate. Both are summed over units: a mixture of laws over rates, whose tail is heavier than one law's. What
    a law expects beyond L is not in it, so its sum is at most that of ``observed``.

    Null: under a random order of images the geometric law holds up to the length of the train: with n spikes among N
    images an interval has length i with probability C(N - i, n - 1)/C(N, n), which is that of the law for i = 1, above
    it by a little up to about i = 2N/(n - 1), and below it beyond. The exponential law is right only for p → 0. Source:
    Lehmler et al., arXiv 2308.00858.
    """
    numbers, counts = np.maximum(trains.spike_counts() - 1, 0), np.zeros(trains.length + 1, np.int64)
    count_lengths(trains.words, numbers, counts)
    observed = np.trim_zeros(counts, "b")[1:]
    rates, rate_of_unit = np.unique(trains.rates(), return_inverse=True)
    number = np.bincount(rate_of_unit, numbers, len(rates))
    before = np.arange(len(observed))
    geometric, exponential = np.zeros((2, len(observed)))
    for start in range(0, len(rates), _RATES_AT_ONCE):
        p, m = rates[start : start + _RATES_AT_ONCE, None], number[start : start + _RATES_AT_ONCE]
        geometric += m @ (p * np.exp(xlog1py(before, -p)))
        exponential += m @ (np.exp(-p * before) * -np.expm1(-p))
    return IntervalHistogram(observed, geometric, exponential)
