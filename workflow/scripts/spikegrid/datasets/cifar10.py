"""CIFAR-10: 50,000 + 10,000 colour photographs in 10 classes, 32×32.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
"""

from spikegrid.cifar import BinaryVersion, load_binary_version
from spikegrid.images import ImageSet

PARAMETERS = {}
IMAGES = {"shape": [3, 32, 32], "classes": 10, "train": 50000, "test": 10000}

VERSION = BinaryVersion(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder="cifar-10-batches-bin",
    train={f"data_batch_{number}.bin": 10_000 for number in range(1, 6)},
    test={"test_batch.bin": 10_000},
    labels=1,
)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def load(data_root: str) -> ImageSet:
    """Return CIFAR-10 from ``{data_root}/cifar-10-batches-bin``, downloaded if it is not there."""
    return load_binary_version(VERSION, data_root, CLASSES, "CIFAR-10")
