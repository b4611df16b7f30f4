"""What a spike tells about the class of the image: rates by class, information, explained variance, selectivity.

Rates by class p_c are [U, C]; w_c, the share of the images in class c, is [C] and sums to 1; p = Σ_c w_c p_c.
"""

import numpy as np
from scipy.special import entr

from spikegrid.packed_bits import count_within, over_units
from spikegrid.trains import SpikeTrains


def class_counts(trains: SpikeTrains, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of each unit in each class, int64 [U, C], and the number of images of each class, int64 [C].

    labels: class of each image, integers [N]. The C classes are the values that occur, in increasing order as
    ``numpy.unique`` gives them: they need not be 0..C-1, a class without an image has no column, and without images
    C is 0. Raises ValueError when labels are not N integers.
    """
    labels = np.asarray(labels)
    if labels.shape != (trains.length,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype} {list(labels.shape)}; expected integers [{trains.length}]")
    classes, sizes = np.unique(labels, return_counts=True)
    members = SpikeTrains.from_array(labels == classes[:, None])
    counts = np.empty((trains.units, len(classes)), np.int64)
    over_units(count_within, trains.words, counts, fixed=(members.words,))
    return counts, sizes.astype(np.int64)


def class_rates(trains: SpikeTrains, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the firing rate of each unit in each class, float64 [U, C] in [0, 1], and class weights, float64 [C].

    p_c is the mean of z over the images of class c in spikes per image; w_c is the share of the images in class c.
    Classes and errors are those of ``class_counts``. Never NaN, because a class without an image has no column.
    Null: under a random order of labels p_c has mean p and variance p(1 - p)/n_c · (N - n_c)/(N - 1).
    """
    counts, sizes = class_counts(trains, labels)
    return counts / sizes, sizes / max(trains.length, 1)


def binary_entropy(p: np.ndarray) -> np.ndarray:
    """Return H2(p) = -p log2 p - (1 - p) log2(1 - p) in bits, float64 in [0, 1], in the shape of ``p``.

    0 at p = 0 and p = 1, 1 at p = 1/2; NaN where p is NaN or outside [0, 1].

    Null: a random order of images leaves rates, and so H2, as they are. Source: Shannon (1948), Bell Syst. Tech. J. 27,
    379; as the complexity of a node in Janik & Witaszczyk, arXiv 2006.04791.
    """
    p = np.asarray(p, float)
    entropy = (entr(p) + entr(1 - p)) / np.log(2)
    return np.where(entropy >= 0, entropy, np.nan)


def mutual_information(rates: np.ndarray, weights: np.ndarray, n: int, corrected: bool = True) -> np.ndarray:
    """Return the mutual information of spike and class of each unit, float64 [U] in bits.

    Plug-in: MI = H2(p) - Σ_c w_c H2(p_c), in [0, min(1, H(y))]. Corrected: less its first-order bias
    (C - 1)/(2 N ln 2), N = ``n`` images. The corrected value may be negative and is kept so: cut at 0, a mean over
    units would be biased again. A unit that never or always fires carries exactly 0 bits whatever the labels are; its
    estimate has no bias, so both values are 0. NaN without images. Raises ValueError when n is below C.

    Null: over all orders of the labels the mean of the corrected value is near 0. For long trains and C = 10, the bias
    taken is 0.8 % below the exact mean of the plug-in value at 25 spikes expected in each class, 5 % below at 5, 16 %
    below at 1, and too large for fewer than C/2 spikes in all: about 2 times at one spike, where the mean is
    log2(C)/N. The same holds for silences.

    Source: Miller (1955), Note on the bias of information estimates; Panzeri & Treves (1996), Network 7, 87, with all
    2C responses of spike and class taken as possible.
    """
    classes = len(weights)
    if n < classes:
        raise ValueError(f"n is {n}; expected at least one image for each of the {classes} classes")
    rate, silence = _rate_and_silence(rates, weights)
    plug_in = binary_entropy(rate) - binary_entropy(rates) @ weights
    bias = (classes - 1) / (2 * n * np.log(2)) if corrected and n else 0.0
    return np.where(rate * silence == 0, 0.0, np.maximum(plug_in, 0) - bias)


def intraclass_correlation(rates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of the variance of each unit that the class explains, float64 [U] in [0, 1].

    ICC = Var_c(p_c) / (p(1 - p)), with Var_c weighted by w_c: the correlation ratio η², and χ²/N of the table of spike
    and class; not the estimate from an analysis of variance that has the same name, which takes the null away. NaN for
    a unit that never or always fires, and without images; 0 with one class.

    Null: ``intraclass_correlation_null``. Source: Pearson (1905), on the correlation ratio; Fisher (1925), Statistical
    Methods for Research Workers, ch. 7.
    """
    rate, silence = _rate_and_silence(rates, weights)
    variance = rate * silence
    explained = _variance_over_classes(rates, weights, rate)
    return np.divide(explained, variance, out=np.full(len(rates), np.nan), where=variance > 0)


def intraclass_correlation_null(classes: int, n: int) -> float:
    """Return E[ICC] = (C - 1)/(N - 1) without class information, in [0, 1]; NaN below 2 images.

    The mean over all orders of the labels, exact for every unit that varies and every choice of class sizes n_c, since
    then E[(p_c - p)²] = p(1 - p)/n_c · (N - n_c)/(N - 1).
    """
    return (classes - 1) / (n - 1) if n > 1 else np.nan


def selectivity(rates: np.ndarray) -> np.ndarray:
    """Return the class selectivity of each unit, float64 [U] in [0, 1]: (μmax - μrest)/(μmax + μrest).

    μmax is the largest p_c, μrest the mean of the rates in the other classes, each class counted alike. 1 for a unit
    that fires in one class alone, 0 where all rates are equal. NaN for a unit that never fires and below 2 classes.

    Null: not 0, because the largest class is picked afterwards. Without class information, for C classes of n_c images
    with many spikes each, the mean tends to m_C · C/(C - 1) · sqrt((1 - p)/(p n_c))/2, m_C the mean of the largest of C
    standard normal values: it grows as the rate falls, so compare it at equal rates only.

    Source: Morcos, Barrett, Rabinowitz & Botvinick (2018), arXiv 1803.06959, there on activations.
    """
    undefined = np.full(len(rates), np.nan)
    classes = rates.shape[1]
    if classes < 2:
        return undefined
    highest = rates.max(axis=1)
    rest = np.minimum((rates.sum(axis=1) - highest) / (classes - 1), highest)
    return np.divide(highest - rest, highest + rest, out=undefined, where=highest > 0)


def class_blocked_fano(rates: np.ndarray, weights: np.ndarray, window: int) -> np.ndarray:
    """Return the Fano factor that class-blocked windows of T images would show, float64 [U] in [0, T].

    F = 1 - E_c[p_c²]/p + T · Var_c(p_c)/p = (1 - p)(1 + (T - 1) · ICC), E_c and Var_c weighted by w_c, every window
    within one class, images of a class independent. It is a restatement of ICC for a chosen T; ICC is free of T. NaN
    for a unit that never fires, and without images; 0 for one that always fires. Raises ValueError when ``window`` is
    below 1.

    In a finite train whose class sizes n_c are multiples of T, the mean of ``fano_factor`` over all orders within
    classes is E_c[p_c(1 - p_c)(n_c - T)/(n_c - 1)]/p + T · Var_c(p_c)/p; this is its limit for n_c far above T.

    Null: under a random order of labels E[F] = (1 - p)(1 + (T - 1)(C - 1)/(N - 1)), near 1 - p for T(C - 1) far below
    N. Source: law of total variance; 1 + (T - 1) · ICC is the design effect of Kish (1965), Survey Sampling.
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected at least 1 image")
    rate, _ = _rate_and_silence(rates, weights)
    within = (rates * (1 - rates)) @ weights
    between = _variance_over_classes(rates, weights, rate)
    return np.divide(within + window * between, rate, out=np.full(len(rates), np.nan), where=rate > 0)


def _rate_and_silence(rates: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and 1 - p, [U] each: exactly 0 for a unit that never or always fires, and NaN without classes."""
    if len(weights) == 0:
        return np.full(len(rates), np.nan), np.full(len(rates), np.nan)
    return rates @ weights, (1 - rates) @ weights


def _variance_over_classes(rates: np.ndarray, weights: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return (rates - rate[:, None]) ** 2 @ weights
