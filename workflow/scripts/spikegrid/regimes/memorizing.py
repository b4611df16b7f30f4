"""Trained on labels of which a share is drawn anew at random, once and for good.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
"""

from dataclasses import replace

import numpy as np

from spikegrid.images import TrainingSet

PARAMETERS = {
    "fraction": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the training images whose label is drawn anew, uniformly over all classes.",
    },
}


def prepare(training_set: TrainingSet, classes: int, generator: np.random.Generator, fraction: float) -> TrainingSet:
    """Return the images with ``round(fraction · n)`` labels redrawn; a redrawn label may by chance be the true one."""
    count = len(training_set.labels)
    redrawn = generator.permutation(count)[: round(fraction * count)]
    labels = training_set.labels.copy()
    labels[redrawn] = generator.integers(0, classes, len(redrawn))
    return replace(training_set, labels=labels)
