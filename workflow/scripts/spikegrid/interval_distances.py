"""Loops over the inter-spike intervals of packed trains: how many have each length, how far they lie from their law.

The law is the geometric one of a train of rate p with n intervals. Kernels list the intervals of one train at a time.
"""

import numpy as np

from spikegrid.interval_sums import list_intervals
from spikegrid.packed_bits import WORD, compiled


@compiled
def count_lengths(words, numbers, counts):
    """Add the number of intervals of 0, 1, 2, .. images, all units together, to ``counts``, int64.

    words: uint64 [U, W]. numbers: int64 [U], intervals of each unit, 0 where it has none. Not for ``over_units``.
    """
    listed = np.empty(words.shape[1] * WORD, np.int64)
    for unit in range(len(words)):
        list_intervals(words[unit : unit + 1], listed)
        for interval in listed[: numbers[unit]]:
            counts[np.uint64(interval)] += 1


@compiled
def sum_pearson(words, numbers, rates, squares, bins, fewest):
    """Write Pearson's X² over pooled lengths into ``squares``, float64 [U], and the number of its bins into ``bins``.

    A bin ends as soon as it and all longer intervals expect ``fewest`` each; the last one is open.
    """
    counts = np.empty(words.shape[1] * WORD, np.int64)
    for unit in range(len(words)):
        counts[:] = 0
        count_lengths(words[unit : unit + 1], numbers[unit : unit + 1], counts)
        rate, observed, expected, square, ended = rates[unit], 0, 0.0, 0.0, 0
        left, length, longer = numbers[unit], 0, float(numbers[unit])
        while longer >= fewest:
            if expected >= fewest:
                square += (observed - expected) ** 2 / expected
                left -= observed
                observed, expected, ended = 0, 0.0, ended + 1
            length += 1
            observed += counts[length]
            expected += longer * rate
            longer *= 1 - rate
        expected += longer
        squares[unit] = square + (left - expected) ** 2 / expected
        bins[unit] = ended + 1


@compiled
def find_rescaled_distances(words, numbers, rates, starts, distances, uniforms):
    """Write the Kolmogorov-Smirnov distance of rescaled intervals from Exp(1) into ``distances``, float64 [U].

    ξ of an interval I has e^-ξ = (1 - p)^(I-1) (1 - Up), U of ``uniforms`` from place ``starts`` of its unit on, and is
    not sorted: of all e^-ξ in one bin of width 1/n only the least and the greatest can be the farthest from their rank.
    Source: Gonzalez, Sahni & Franta (1977), ACM Trans. Math. Softw. 3, 60.
    """
    size = words.shape[1] * WORD
    listed, longer = np.empty(size, np.int64), np.ones(size)
    counts, least, greatest = np.zeros(size + 1), np.arange(1.0, size + 2), np.arange(0.0, size + 1)
    for unit in range(len(words)):
        list_intervals(words[unit : unit + 1], listed)
        number, rate, known = numbers[unit], rates[unit], 0
        drawn, last = uniforms[starts[unit] :], np.uint64(number - 1)
        longer[0] = number
        for place in range(number):
            length = listed[place] - 1
            while known < length:
                longer[known + 1] = longer[known] * (1 - rate)
                known += 1
            survival = longer[np.uint64(length)] * (1 - rate * drawn[np.uint64(place)])
            bin_ = min(np.uint64(survival), last)
            counts[bin_] += 1
            lowest, highest = least[bin_], greatest[bin_]
            least[bin_] = survival if survival < lowest else lowest
            greatest[bin_] = survival if survival > highest else highest
        below = above = seen = 0.0
        for bin_ in range(number):  # where none is, least and greatest are the edges, never the farthest
            below = max(below, least[bin_] - seen)
            seen += counts[bin_]
            above = max(above, seen - greatest[bin_])
            counts[bin_], least[bin_], greatest[bin_] = 0, bin_ + 1, bin_
        distances[unit] = max(below, above) / number
