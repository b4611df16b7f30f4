"""Gaussian clusters, each as far from every other: data for theory, whose Bayes error is known.

Class c is normal with mean m_c and unit covariance in ``dimension`` dimensions. The means are the corners of a regular
simplex centred at 0, with ``separation`` between any two, in a random orientation. All classes are equally likely, so
the best classifier takes the nearest mean. Its error, the Bayes error, is Φ(−separation / 2) for two classes, and for K

    1 − ∫ φ(z) Φ(z + separation / √2)^(K − 1) dz,

the error of K orthogonal signals in white noise (Proakis & Salehi 2008, Digital communications, 5th ed., section 4.4).

Values x become pixels round(127.5 + g x), where g grey levels are one standard deviation of the noise: as many as leave
5 standard deviations between the outermost mean and the end of the scale, so that less than one value in a million is
cut off. Rounding adds a variance of 1 / (12 g²), at most 1/1300 of the noise's up to a separation of 10.
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.randomness import derived_seed

PARAMETERS = {
    "classes": {"type": "integer", "minimum": 2, "maximum": 1000, "default": 2, "description": "Number of clusters."},
    "dimension": {
        "type": "integer",
        "minimum": 2,
        "maximum": 1000000,
        "default": 64,
        "description": "Number of dimensions, which is that of pixels; no fewer than classes.",
    },
    "separation": {
        "type": "number",
        "minimum": 0,
        "maximum": 50,
        "default": 4,
        "description": "Distance between the means of any two clusters, in standard deviations of the noise. For two "
        "classes the Bayes error is Φ(−separation / 2); it stands in the log for any number of them.",
    },
    "height": {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "description": "Rows of an image, which the dimensions fill one after the other; a divisor of `dimension`.",
    },
    "train": {
        "type": "integer",
        "minimum": 2,
        "default": 1000,
        "description": "Number of training images, the same for each class up to one.",
    },
    "test": {
        "type": "integer",
        "minimum": 2,
        "default": 1000,
        "description": "Number of test images, the same for each class up to one.",
    },
    "seed": {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "description": "Another number draws other clusters. The noise does not depend on `separation`.",
    },
}

MARGIN = 5
"""Standard deviations of the noise between the outermost mean and the end of the grey scale."""


def load(
    data_root: str, classes: int, dimension: int, separation: float, height: int, train: int, test: int, seed: int
) -> ImageSet:
    """Return images [n, 1, height, dimension / height] in random order, those for training first.

    Raises InputError when there are fewer dimensions than classes, or they do not fill the rows.
    """
    if dimension < classes:
        raise InputError(f"dimension is {dimension}, but there are {classes} classes; expected no fewer than these")
    if dimension % height:
        raise InputError(f"height is {height}; expected a divisor of dimension, {dimension}")
    means = _means(classes, dimension, separation, seed)
    parts = [
        _draw(means, count, derived_seed("synthetic", seed, part)) for part, count in (("train", train), ("test", test))
    ]
    values, labels = (np.concatenate(joined) for joined in zip(*parts))
    grey_levels = 127.5 / (np.abs(means).max() + MARGIN)
    pixels = np.round(127.5 + grey_levels * values).clip(0, 255).astype(np.uint8)
    images = pixels.reshape(-1, 1, height, dimension // height)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [train, test])
    source = f"Gaussian clusters with a Bayes error of {bayes_error(classes, separation):.4g}"
    return ImageSet(images, labels, split, [str(number) for number in range(classes)], source)


def bayes_error(classes: int, separation: float) -> float:
    """Return the error of the best classifier of the clusters, in [0, 1 − 1 / classes]."""

    def density(z: float) -> float:
        error = -math.expm1((classes - 1) * log_ndtr(z + separation / math.sqrt(2)))
        return error * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    return quad(density, -math.inf, math.inf)[0]


def _means(classes: int, dimension: int, separation: float, seed: int) -> np.ndarray:
    """Return the corners of a regular simplex centred at 0, float64 [classes, dimension]."""
    generator = np.random.default_rng(derived_seed("synthetic", seed, "means"))
    orthonormal = np.linalg.qr(generator.standard_normal((dimension, classes)))[0].T
    return (orthonormal - orthonormal.mean(axis=0)) * (separation / math.sqrt(2))


def _draw(means: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values, float64 [count, dimension], and labels, int16 [count]."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % len(means)).astype(np.int16)
    return means[labels] + generator.standard_normal((count, means.shape[1])), labels
