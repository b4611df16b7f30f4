"""Trained on labels of which a share is drawn anew at random, once and for good.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
"""

import numpy as np

PARAMETERS = {
    "fraction": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the training images whose label is drawn anew, uniformly over all classes.",
    },
}


def prepare(
    images: np.ndarray, labels: np.ndarray, classes: int, generator: np.random.Generator, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images with ``round(fraction · n)`` labels redrawn; a redrawn label may by chance be the true one."""
    redrawn = generator.permutation(len(labels))[: round(fraction * len(labels))]
    corrupted = labels.copy()
    corrupted[redrawn] = generator.integers(0, classes, len(redrawn))
    return images, corrupted
