"""MNIST: 60,000 + 10,000 handwritten digits, grey, 28×28.

Source: LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
"""

from torchvision.datasets import MNIST

from spikegrid.downloads import load_mnist_like
from spikegrid.images import ImageSet

PARAMETERS = {}
IMAGES = {"shape": [1, 28, 28], "classes": 10, "train": 60000, "test": 10000}

URL = "https://ossci-datasets.s3.amazonaws.com/mnist"


def load(data_root: str) -> ImageSet:
    """Return MNIST from ``{data_root}/MNIST/raw``, downloaded if it is not there."""
    return load_mnist_like(MNIST, URL, data_root)
