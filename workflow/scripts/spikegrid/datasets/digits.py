"""Handwritten digits of scikit-learn: 1,797 grey images of 8×8 in 10 classes, embedded in the library, no split.

Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
"""

import numpy as np
from sklearn.datasets import load_digits

from spikegrid.images import ImageSet

PARAMETERS = {}


def load(data_root: str) -> ImageSet:
    """Return the digits with their 17 grey levels stretched over 0-255."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    classes = [str(name) for name in digits.target_names]
    return ImageSet(images, digits.target.astype(np.int16), None, classes, "scikit-learn load_digits")
