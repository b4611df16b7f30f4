"""Trained on the true labels."""

import numpy as np

PARAMETERS = {}


def prepare(
    images: np.ndarray, labels: np.ndarray, classes: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training set as it is."""
    return images, labels
