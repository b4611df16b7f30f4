"""Trained on the true labels."""

import numpy as np

from spikegrid.images import TrainingSet

PARAMETERS = {}


def prepare(training_set: TrainingSet, classes: int, generator: np.random.Generator) -> TrainingSet:
    """Return the training set as it is."""
    return training_set
