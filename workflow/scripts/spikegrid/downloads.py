"""Datasets that are downloaded once and then used where they lie."""

import logging
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

ATTEMPTS = 3
PAUSE_SECONDS = 2.0

_log = logging.getLogger("spikegrid")


def download_missing(files: list[Path], download: Callable[[], object]) -> None:
    """Call ``download`` unless all ``files`` are there; try again when it fails, as networks do.

    Raises InputError that says which files to put where, when the last attempt has failed.
    """
    for attempt in range(1, ATTEMPTS + 1):
        missing = [file for file in files if not file.is_file()]
        if not missing:
            return
        try:
            download()
        except (RuntimeError, OSError, HTTPException) as error:
            _log.info("download attempt %d of %d failed: %s", attempt, ATTEMPTS, " ".join(str(error).split()))
            if attempt < ATTEMPTS:
                time.sleep(PAUSE_SECONDS * attempt)
    missing = [file for file in files if not file.is_file()]
    if missing:
        folder, names = missing[0].parent, ", ".join(file.name for file in missing)
        raise InputError(f"could not download; put these files into {folder} (under data_root) and run again: {names}")


def load_mnist_like(dataset: type[MNIST], data_root: str) -> ImageSet:
    """Return a torchvision dataset in the format of MNIST from ``{data_root}/{dataset name}/raw``.

    torchvision checks each download against its checksum.
    """
    folder = Path(data_root, dataset.__name__, "raw")
    files = [folder / name.removesuffix(".gz") for name, _ in dataset.resources]
    download_missing(files, lambda: dataset(data_root, download=True))
    try:
        parts = [dataset(data_root, train=train) for train in (True, False)]
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        raise InputError(f"{folder}: a file there is damaged ({error}); delete it and run again") from None
    for part in parts:
        if len(part.data) != len(part.targets):
            counts = f"{len(part.data)} images but {len(part.targets)} labels"
            raise InputError(f"{folder}: {counts}; delete the files there and run again")
    images = np.concatenate([part.data.numpy() for part in parts])[:, None]
    labels = np.concatenate([part.targets.numpy() for part in parts]).astype(np.int16)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(part.data) for part in parts])
    return ImageSet(images, labels, split, [str(name) for name in dataset.classes], f"torchvision {dataset.__name__}")
