"""CIFAR-10: 50,000 + 10,000 colour photographs in 10 classes, 32×32.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images. The binary version is read: the one
that torchvision reads is a pickle, which could run code.
"""

from pathlib import Path

import numpy as np
from torchvision.datasets.utils import download_and_extract_archive

from spikegrid.downloads import download_missing
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

PARAMETERS = {}
IMAGES = {"shape": [3, 32, 32], "classes": 10, "train": 50000, "test": 10000}

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FILES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
IMAGES_PER_FILE = 10_000
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def load(data_root: str) -> ImageSet:
    """Return CIFAR-10 from ``{data_root}/cifar-10-batches-bin``, downloaded if it is not there."""
    files = [Path(data_root, "cifar-10-batches-bin", name) for name in FILES]
    download_missing(files, lambda: download_and_extract_archive(URL, data_root, md5=MD5))
    records = np.concatenate([_read(file) for file in files])
    split = np.where(np.arange(len(records)) < len(records) - IMAGES_PER_FILE, TRAIN, TEST).astype(np.uint8)
    images = records[:, 1:].reshape(-1, 3, 32, 32)
    return ImageSet(images, records[:, 0].astype(np.int16), split, CLASSES, "CIFAR-10 binary version")


def _read(file: Path) -> np.ndarray:
    """Return the records of one file, uint8 [10000, 1 + 3072]: label, then red, green and blue rows."""
    content = np.fromfile(file, np.uint8)
    if content.size != IMAGES_PER_FILE * 3073:
        raise InputError(f"{file}: {content.size} bytes; expected {IMAGES_PER_FILE * 3073}; delete it and run again")
    return content.reshape(IMAGES_PER_FILE, 3073)
