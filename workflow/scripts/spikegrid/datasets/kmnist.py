"""Kuzushiji-MNIST: 60,000 + 10,000 cursive Japanese characters in 10 classes, grey, 28×28.

Source: Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto & Ha (2018), arXiv 1812.01718.
"""

from torchvision.datasets import KMNIST

from spikegrid.downloads import load_mnist_like
from spikegrid.images import ImageSet

PARAMETERS = {}
IMAGES = {"shape": [1, 28, 28], "classes": 10, "train": 60000, "test": 10000}

URL = "https://codh.rois.ac.jp/kmnist/dataset/kmnist"


def load(data_root: str) -> ImageSet:
    """Return Kuzushiji-MNIST from ``{data_root}/KMNIST/raw``, downloaded if it is not there."""
    return load_mnist_like(KMNIST, URL, data_root)
