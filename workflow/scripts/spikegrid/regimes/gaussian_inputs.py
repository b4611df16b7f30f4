"""Trained and tested on noise in place of images, with the labels of these.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
"""

import numpy as np

from spikegrid.images import ImageSet, TrainingSet

PARAMETERS = {}


def prepare(training_set: TrainingSet, classes: int, generator: np.random.Generator) -> TrainingSet:
    """Return the training set as it is."""
    return training_set


def alter(images: ImageSet, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise for every image, with mean and variance of each channel of the training images.

    Its values are not rounded, nor cut to the range of bytes, which would change its mean and variance.
    """
    mean, deviation = (255 * statistic[:, None, None] for statistic in images.channel_statistics())
    return mean + deviation * generator.standard_normal(images.images.shape, np.float32)
