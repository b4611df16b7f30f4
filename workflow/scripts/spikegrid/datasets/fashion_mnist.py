"""Fashion-MNIST: 60,000 + 10,000 articles of clothing in 10 classes, grey, 28×28.

Source: Xiao, Rasul & Vollgraf (2017), arXiv 1708.07747.
"""

from torchvision.datasets import FashionMNIST

from spikegrid.downloads import load_mnist_like
from spikegrid.images import ImageSet

PARAMETERS = {}
IMAGES = {"shape": [1, 28, 28], "classes": 10, "train": 60000, "test": 10000}

URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"


def load(data_root: str) -> ImageSet:
    """Return Fashion-MNIST from ``{data_root}/FashionMNIST/raw``, downloaded if it is not there."""
    return load_mnist_like(FashionMNIST, URL, data_root)
