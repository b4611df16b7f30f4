"""Trained on labels of which a share, by default all, is drawn anew at random, once and for good.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
"""

import numpy as np

from spikegrid.images import TrainingSet
from spikegrid.label_noise import with_redrawn_labels

PARAMETERS = {
    "fraction": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the training images whose label is drawn anew.",
    },
    "labels": {
        "enum": ["uniform", "permuted"],
        "default": "uniform",
        "description": "Labels drawn anew are uniform over all classes, or those of the images concerned, shuffled.",
    },
}
SERIES = "label_noise"


def prepare(
    training_set: TrainingSet, classes: int, generator: np.random.Generator, fraction: float, labels: str
) -> TrainingSet:
    """Return the images with ``round(fraction · n)`` labels redrawn; a redrawn label may by chance be the true one."""
    return with_redrawn_labels(training_set, classes, generator, fraction, labels)
