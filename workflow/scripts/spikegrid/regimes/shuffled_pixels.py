"""Trained and tested on images whose pixels are shuffled, with their true labels.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
"""

import numpy as np

from spikegrid.images import ImageSet, TrainingSet

PARAMETERS = {
    "permutation": {
        "enum": ["fixed", "per_image"],
        "default": "fixed",
        "description": "One permutation for all images, drawn anew for each seed, or one for each image.",
    },
}


def prepare(training_set: TrainingSet, classes: int, generator: np.random.Generator, permutation: str) -> TrainingSet:
    """Return the training set as it is."""
    return training_set


def alter(images: ImageSet, generator: np.random.Generator, permutation: str) -> np.ndarray:
    """Return all images with their pixels in another order, which the channels of an image share."""
    pixels = images.images.reshape(*images.images.shape[:2], -1)
    count, _, places = pixels.shape
    if permutation == "fixed":
        shuffled = pixels[:, :, generator.permutation(places)]
    else:
        order = generator.permuted(np.broadcast_to(np.arange(places), (count, places)), axis=1)
        shuffled = np.take_along_axis(pixels, order[:, None], axis=2)
    return shuffled.reshape(images.images.shape)
