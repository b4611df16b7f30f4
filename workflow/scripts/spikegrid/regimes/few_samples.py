"""Trained on the true labels of few images, the same number of each class up to one."""

import numpy as np

from spikegrid.errors import InputError
from spikegrid.images import TrainingSet, balanced_sample

PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 1,
        "description": "Number of training images, drawn anew for each seed.",
    },
}
SERIES = "training_size"


def prepare(training_set: TrainingSet, classes: int, generator: np.random.Generator, samples: int) -> TrainingSet:
    """Return ``samples`` images of the set. Raises InputError when it has fewer."""
    count = len(training_set.labels)
    if samples > count:
        raise InputError(f"few_samples: samples is {samples}, but the dataset has {count} training images")
    chosen = balanced_sample(training_set.labels, samples, int(generator.integers(2**63)))
    return TrainingSet(training_set.images[chosen], training_set.labels[chosen], training_set.index[chosen])
