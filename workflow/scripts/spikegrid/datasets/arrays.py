"""Images and labels of one's own: arrays in one npz or safetensors file."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

PARAMETERS = {
    "path": {
        "type": "string",
        "format": "array-file",
        "description": "File of arrays `images` and `labels`, with or without `split` (0 for training, 1 for test "
        "images), or of `train_images`, `train_labels`, `test_images` and `test_labels`. Images are [n, height, width] "
        "or, channels first, [n, channels, height, width]; unsigned bytes, or floating point from 0 to 1, which is "
        "rounded to 256 levels. Labels are whole numbers [n] from 0.",
    },
    "classes": {
        "type": "array",
        "items": {"type": "string"},
        "uniqueItems": True,
        "default": [],
        "description": "Name of each class, in the order of the labels. Empty names them by their numbers.",
    },
}

DAMAGE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, SafetensorError),
)
"""What numpy, zipfile, zlib and safetensors raise for damaged files, and numpy for arrays of Python objects."""

NAMES = ["images", "labels", "split", "train_images", "train_labels", "test_images", "test_labels"]
FORMS = "images and labels, or train_images, train_labels, test_images and test_labels"
CHANNELS_AT_MOST = 4


def load(data_root: str, path: str, classes: list[str]) -> ImageSet:
    """Return the arrays of a file as images; arrays of other names are passed over.

    Raises InputError when the file cannot be read, an array is missing, or arrays are of another form.
    """
    arrays = _read(Path(path))
    if "images" in arrays:
        images, labels = _part(arrays, "", path)
        split = arrays.get("split")
    else:
        parts = [_part(arrays, prefix, path) for prefix in ("train_", "test_")]
        train, test = ([*images.shape[1:]] for images, _ in parts)
        if train != test:
            raise InputError(f"{path}: train_images are {train} each, but test_images are {test}")
        images, labels = (np.concatenate(joined) for joined in zip(*parts))
        split = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(own) for _, own in parts])
    highest = min(int(labels.max(initial=0)), np.iinfo(np.int16).max)
    names = classes or [str(number) for number in range(highest + 1)]
    return ImageSet(images, labels, split, names, f"arrays of {Path(path).name}")


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name. No array of Python objects is read: it would be a pickle."""
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in NAMES if name in archive}
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in set(NAMES) & set(file.keys())}
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable file of arrays ({reason}); expected {FORMS}") from None


def _part(arrays: dict[str, np.ndarray], prefix: str, path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, uint8 [n, channels, height, width], and labels [n] whose names begin with ``prefix``."""
    missing = [name for name in (f"{prefix}images", f"{prefix}labels") if name not in arrays]
    if missing:
        raise InputError(f"{path}: lacks the array {missing[0]}; expected {FORMS}")
    where = f"{path}: {prefix}images"
    images = _bytes(_channels_first(arrays[f"{prefix}images"], where), where)
    labels = arrays[f"{prefix}labels"]
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path}: {prefix}labels are {labels.dtype} of shape {list(labels.shape)}; "
            f"expected a whole number for each of {len(images)} images"
        )
    return images, labels


def _channels_first(images: np.ndarray, where: str) -> np.ndarray:
    """Return images as [n, channels, height, width]. Grey ones need no axis of channels."""
    shape = list(images.shape)
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and shape[1] > CHANNELS_AT_MOST >= shape[3]:
        raise InputError(
            f"{where} of shape {shape} have their channels last; expected them first: transpose (0, 3, 1, 2)"
        )
    if images.ndim != 4:
        raise InputError(f"{where} of shape {shape}; expected [n, height, width] or [n, channels, height, width]")
    return images


def _bytes(images: np.ndarray, where: str) -> np.ndarray:
    """Return images as unsigned bytes; floating point from 0 to 1 is rounded to the nearest of 256 levels."""
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise InputError(f"{where} are {images.dtype}; expected uint8, or floating point from 0 to 1")
    lowest, highest = images.min(initial=0), images.max(initial=0)
    if not (lowest >= 0 and highest <= 1):
        raise InputError(
            f"{where} lie from {lowest:.4g} to {highest:.4g}; expected floating point from 0 to 1, or uint8"
        )
    return np.round(images * 255).astype(np.uint8)
