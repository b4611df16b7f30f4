"""Initialized only: no training, true labels."""

import numpy as np

PARAMETERS = {}
TRAINING = {"epochs": 0, "target_accuracy": 0}


def prepare(
    images: np.ndarray, labels: np.ndarray, classes: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training set as it is."""
    return images, labels
