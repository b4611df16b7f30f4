"""The CIFAR datasets in their binary versions; the ones that torchvision reads are pickles, which could run code.

A record is one image: a byte for each of its labels, then 1,024 bytes each of red, green and blue, row by row.
Source: Krizhevsky (2009), Learning multiple layers of features from tiny images; https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikegrid.downloads import download_missing, fetch
from spikegrid.errors import InputError
from spikegrid.files import written_whole
from spikegrid.images import TEST, TRAIN, ImageSet

SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class BinaryVersion:
    """An archive of records.

    url, md5: where it is, and its checksum. folder: what it unpacks to. train, test: number of images by file.
    labels: bytes before the pixels; the last of them is the class.
    """

    url: str
    md5: str
    folder: str
    train: dict[str, int]
    test: dict[str, int]
    labels: int


def load_binary_version(version: BinaryVersion, data_root: str, classes: list[str], name: str) -> ImageSet:
    """Return the images in ``{data_root}/{folder}``, downloaded if they are not there."""
    counts = version.train | version.test
    files = {file: Path(data_root, version.folder, file) for file in counts}
    download_missing(list(files.values()), lambda: _fetch_unpacked(version, Path(data_root)))
    records = np.concatenate([_read(files[file], count, version.labels) for file, count in counts.items()])
    images = records[:, version.labels :].reshape(-1, *SHAPE)
    parts = [sum(version.train.values()), sum(version.test.values())]
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), parts)
    return ImageSet(images, records[:, version.labels - 1].astype(np.int16), split, classes, f"{name} binary version")


def _fetch_unpacked(version: BinaryVersion, folder: Path) -> None:
    """Fetch the archive and take the files that are missing out of it, and nothing else that it may hold."""
    archive = folder / Path(version.url).name
    fetch(version.url, archive, version.md5)
    with tarfile.open(archive) as members:
        for name in (f"{version.folder}/{file}" for file in version.train | version.test):
            if not (folder / name).is_file():
                with written_whole(folder / name) as temporary, temporary.open("wb") as unpacked:
                    shutil.copyfileobj(members.extractfile(name), unpacked)
    archive.unlink()


def _read(file: Path, count: int, labels: int) -> np.ndarray:
    """Return the records of one file, uint8 [count, labels + 3072]."""
    length = labels + int(np.prod(SHAPE))
    content = np.fromfile(file, np.uint8)
    if content.size != count * length:
        raise InputError(f"{file}: {content.size} bytes; expected {count * length}; delete it and run again")
    return content.reshape(count, length)
