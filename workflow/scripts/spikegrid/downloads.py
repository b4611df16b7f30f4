"""Datasets that are downloaded once and then used where they lie.

Downloads come over https alone, redirected ones too, and are held against a checksum; a file appears under its name
only when it is whole, so that one which was cut off is never read.
"""

import gzip
import hashlib
import logging
import math
import shutil
import struct
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import numpy as np
from torchvision.datasets import MNIST

from spikegrid.errors import InputError
from spikegrid.files import written_whole
from spikegrid.images import TEST, TRAIN, ImageSet

ATTEMPTS = 3
PAUSE_SECONDS = 2.0
SILENCE_SECONDS = 60.0
"""How long a server may send nothing."""

_PIECE = 1 << 20

_log = logging.getLogger("spikegrid")


def fetch(url: str, path: Path, md5: str) -> None:
    """Download a file to ``path``, where it appears once it is whole. Raises OSError or HTTPException.

    md5: checksum that its source or torchvision gives. A URL that is not https, or leads to one, is refused.
    """
    _check_scheme(url)
    opener, digest = build_opener(_OverHttps), hashlib.md5(usedforsecurity=False)
    request = Request(url, headers={"User-Agent": "spikegrid"})
    with written_whole(path) as temporary:
        with opener.open(request, timeout=SILENCE_SECONDS) as response, temporary.open("wb") as file:
            while piece := response.read(_PIECE):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != md5:
            raise URLError(f"{url} has the checksum {digest.hexdigest()}; expected {md5}")


class _OverHttps(HTTPRedirectHandler):
    """Follows redirects to https alone."""

    def redirect_request(
        self, request: Request, file: IO[bytes], code: int, message: str, headers: HTTPMessage, url: str
    ) -> Request | None:
        _check_scheme(url)
        return super().redirect_request(request, file, code, message, headers, url)


def _check_scheme(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise URLError(f"{url} is not https")


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
        except (OSError, HTTPException) as error:
            _log.info("download attempt %d of %d failed: %s", attempt, ATTEMPTS, " ".join(str(error).split()))
            if attempt < ATTEMPTS:
                time.sleep(PAUSE_SECONDS * attempt)
    missing = [file for file in files if not file.is_file()]
    if missing:
        folder, names = missing[0].parent, ", ".join(file.name for file in missing)
        raise InputError(f"could not download; put these files into {folder} (under data_root) and run again: {names}")


def load_mnist_like(dataset: type[MNIST], url: str, data_root: str) -> ImageSet:
    """Return a dataset in the format of MNIST from ``{data_root}/{dataset name}/raw``, downloaded if it is not there.

    dataset: the one of torchvision, for its files, their checksums and its classes. url: the folder of these files.
    Raises InputError when they cannot be had or a file there is damaged.
    """
    folder = Path(data_root, dataset.__name__, "raw")
    sources = {folder / name.removesuffix(".gz"): (f"{url}/{name}", md5) for name, md5 in dataset.resources}
    download_missing(list(sources), lambda: _fetch_unpacked(sources))
    images, labels = [], []
    for part in ("train", "t10k"):
        images.append(_read_idx(folder / f"{part}-images-idx3-ubyte", dimensions=3))
        labels.append(_read_idx(folder / f"{part}-labels-idx1-ubyte", dimensions=1))
        if len(images[-1]) != len(labels[-1]):
            counts = f"{len(images[-1])} images but {len(labels[-1])} labels"
            raise InputError(f"{folder}: {counts}; delete the files there and run again")
    if images[0].shape[1:] != images[1].shape[1:]:
        raise InputError(f"{folder}: training and test images differ in size; delete the files there and run again")
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(part) for part in images])
    pixels, numbers = np.concatenate(images)[:, None], np.concatenate(labels).astype(np.int16)
    return ImageSet(pixels, numbers, split, [str(name) for name in dataset.classes], f"torchvision {dataset.__name__}")


def _fetch_unpacked(sources: dict[Path, tuple[str, str]]) -> None:
    """Fetch the files that are missing, each from the URL and by the checksum of what gzip made of it."""
    for file, (url, md5) in sources.items():
        if not file.is_file():
            packed = file.with_name(f"{file.name}.gz")
            fetch(url, packed, md5)
            with gzip.open(packed) as content, written_whole(file) as temporary, temporary.open("wb") as unpacked:
                shutil.copyfileobj(content, unpacked)
            packed.unlink()


def _read_idx(file: Path, dimensions: int) -> np.ndarray:
    """Return the unsigned bytes of a file in the format of MNIST, see http://yann.lecun.com/exdb/mnist."""
    content, start = file.read_bytes(), 4 * (1 + dimensions)
    if content[:4] == bytes([0, 0, 8, dimensions]) and len(content) >= start:
        shape = struct.unpack(f">{dimensions}I", content[4:start])
        if len(content) == start + math.prod(shape):
            return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    raise InputError(
        f"{file}: damaged, or not {dimensions}-dimensional bytes in the format of MNIST; delete it and run again"
    )
