"""Handwritten digits of scikit-learn: 1,797 grey images of 8×8 in 10 classes, embedded in the library, no split.

Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
"""

import numpy as np
from sklearn.datasets import load_digits

from spikegrid.images import ImageSet

PARAMETERS = {
    "turned": {
        "enum": [0, 90, 180, 270],
        "default": 0,
        "description": "Degrees by which all images are turned counterclockwise: another task with the same images.",
    },
}


def load(data_root: str, turned: int = 0) -> ImageSet:
    """Return the digits with their 17 grey levels stretched over 0-255, ``turned`` by so many degrees."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    images = np.ascontiguousarray(np.rot90(images, turned // 90, axes=(1, 2)))[:, None]
    classes = [str(name) for name in digits.target_names]
    source = f"scikit-learn load_digits{f', turned by {turned}°' if turned else ''}"
    return ImageSet(images, digits.target.astype(np.int16), None, classes, source)
