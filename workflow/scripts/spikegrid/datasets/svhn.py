"""SVHN, street view house numbers: 73,257 + 26,032 colour photographs of digits in 10 classes, 32×32.

Source: Netzer, Wang, Coates, Bissacco, Wu & Ng (2011), Reading digits in natural images with unsupervised feature
learning. The 531,131 easier images of its extra part are left out.
"""

from pathlib import Path

import numpy as np
from torchvision.datasets import SVHN

from spikegrid.downloads import download_missing, fetch
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

PARAMETERS = {}
IMAGES = {"shape": [3, 32, 32], "classes": 10, "train": 73257, "test": 26032}

URL = "https://ufldl.stanford.edu/housenumbers"
PARTS = ("train", "test")


def load(data_root: str) -> ImageSet:
    """Return SVHN from ``{data_root}/SVHN``, downloaded if it is not there. torchvision checks and reads the files."""
    folder = Path(data_root, "SVHN")
    files = {folder / name: md5 for _, name, md5 in map(SVHN.split_list.get, PARTS)}
    download_missing(list(files), lambda: _download(files))
    try:
        parts = [SVHN(folder, part) for part in PARTS]
    except RuntimeError as error:
        raise InputError(f"{folder}: a file there is damaged ({error}); delete it and run again") from None
    images = np.concatenate([part.data for part in parts])
    labels = np.concatenate([part.labels for part in parts]).astype(np.int16)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(part.data) for part in parts])
    return ImageSet(images, labels, split, list("0123456789"), "torchvision SVHN")


def _download(files: dict[Path, str]) -> None:
    for file, md5 in files.items():
        if not file.is_file():
            fetch(f"{URL}/{file.name}", file, md5)
