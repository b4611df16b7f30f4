"""Patterns of spikes across units: how far apart two images lie in a layer."""

from typing import NamedTuple

import numpy as np

from spikegrid.class_information import class_counts
from spikegrid.trains import SpikeTrains


class HammingDistances(NamedTuple):
    """Mean share of units in which two images differ, by whether their classes are the same, and within / between."""

    within: float
    between: float
    ratio: float


def hamming_within_between(trains: SpikeTrains, labels: np.ndarray) -> HammingDistances:
    """Return the mean normalized Hamming distance of images of one class and of two classes, and their ratio.

    The distance of two images is the share of the U units that fire at one alone, in [0, 1]. ``within`` is its mean
    over all pairs of images with the same label, every pair counted alike, ``between`` over all other pairs. All pairs
    are counted, without a loop over them: unit u differs in k_c(n_c - k_c) pairs of class c, where it fires at k_c of
    n_c images, and in k(N - k) pairs altogether.

    labels: class of each image, integers [N], any values. ``within`` is NaN where no class has two images, ``between``
    where there are fewer than two classes, all where there are no units, and the ratio also where ``between`` is 0.
    A unit that never or always fires lowers both means alike and leaves the ratio. Raises ValueError when labels are
    not N integers.

    Null: over all orders of the labels ``within`` and ``between`` both have the mean distance of all pairs as their
    mean, so the ratio is 1 up to terms of order 1/N; below 1, images of a class lie closer together.

    Source: Hamming (1950), Bell Syst. Tech. J. 29, 147; the mean over pairs is that of
    ``scipy.spatial.distance.pdist(images, "hamming")``.
    """
    spikes, images = class_counts(trains, labels)
    all_spikes = spikes.sum(axis=1)
    differing = int((all_spikes * (trains.length - all_spikes)).sum())
    differing_within = int((spikes * (images - spikes)).sum())
    pairs = trains.length * (trains.length - 1) // 2
    pairs_within = int((images * (images - 1) // 2).sum())
    within = _quotient(differing_within, pairs_within * trains.units)
    between = _quotient(differing - differing_within, (pairs - pairs_within) * trains.units)
    return HammingDistances(within, between, _quotient(within, between))


def _quotient(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else np.nan
