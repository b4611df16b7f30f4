"""Image sets: unsigned bytes, labels and a split into training and test images, in one safetensors file."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from spikegrid.errors import InputError
from spikegrid.randomness import derived_seed
from spikegrid.tensor_files import TensorFile, write_tensors

TRAIN, TEST = 0, 1


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    images: uint8 [n, channels, height, width]. labels: int16 [n], in [0, len(classes)).
    split: uint8 [n], 0 for training and 1 for test images; None where the source has no split.
    classes: the name of each class. source: in words, where the images come from.
    """

    images: np.ndarray
    labels: np.ndarray
    split: np.ndarray | None
    classes: list[str]
    source: str

    def part(self, split: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of one part of the split."""
        chosen = np.flatnonzero(self.split == split)
        return self.images[chosen], self.labels[chosen]

    def training_set(self) -> "TrainingSet":
        """Return the training images with their true labels."""
        images, labels = self.part(TRAIN)
        return TrainingSet(images, labels, np.arange(len(labels)))

    def channel_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each channel over the training images, float32 [channels], in [0, 1].

        A channel that never varies gets standard deviation 1. They are computed once for a set: every seed of a block
        asks for them.
        """
        return self._channel_statistics

    @cached_property
    def _channel_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        pixels = self.images[self.split == TRAIN]
        counts = np.stack([np.bincount(pixels[:, c].ravel(), minlength=256) for c in range(pixels.shape[1])])
        values = np.arange(256) / 255
        mean = counts @ values / counts.sum(axis=1)
        variance = counts @ values**2 / counts.sum(axis=1) - mean**2
        deviation = np.sqrt(np.maximum(variance, 0))
        deviation[deviation < 1e-6] = 1
        return mean.astype(np.float32), deviation.astype(np.float32)


@dataclass(frozen=True)
class TrainingSet:
    """What one network is trained on.

    images: uint8 [m, channels, height, width], or float32 in the same unit where a regime has altered them. labels:
    int16 [m], those trained on. index: int64 [m], which of the
    training images of the dataset each one is, or is made from.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray


def prepare(images: ImageSet, name: str, train_size: int | None, test_size: int | None, test_share: float) -> ImageSet:
    """Split a set that has no split, and draw class-balanced parts of the sizes asked for.

    The draws depend on ``name`` alone. Images keep their order. Raises InputError when the images, labels or split are
    not what an ImageSet says, a part would hold fewer images than asked for, or a class would have none in a part.
    """
    _check(images, name)
    split = images.split
    if split is None:
        split = np.full(len(images.labels), TRAIN, np.uint8)
        share_of_class = np.round(np.bincount(images.labels) * test_share).astype(int)
        split[_draw(images.labels, share_of_class, derived_seed(name, "split"))] = TEST
    kept = []
    for part, key, size in ((TRAIN, "train_size", train_size), (TEST, "test_size", test_size)):
        members = np.flatnonzero(split == part)
        if size is not None:
            if size > len(members):
                raise InputError(f"dataset {name}: {key} is {size}, but {images.source} has {len(members)} such images")
            members = members[balanced_sample(images.labels[members], size, derived_seed(name, key))]
        absent = set(range(len(images.classes))) - set(images.labels[members].tolist())
        if absent:
            without = ", ".join(images.classes[label] for label in sorted(absent))
            raise InputError(f"dataset {name}: the {('training', 'test')[part]} images hold none of class {without}")
        kept.append(members)
    chosen = np.sort(np.concatenate(kept))
    labels, split = images.labels[chosen].astype(np.int16), split[chosen].astype(np.uint8)
    return ImageSet(images.images[chosen], labels, split, images.classes, images.source)


def _check(images: ImageSet, name: str) -> None:
    """Check that a source gives what an ImageSet says, whole numbers of any type for labels and split."""
    if not isinstance(images, ImageSet):
        raise InputError(f"dataset {name}: load() returned a {type(images).__name__}; expected an ImageSet")
    pixels, labels, split, classes = images.images, images.labels, images.split, images.classes
    where = f"dataset {name}: {images.source}"
    if len(classes) < 2:
        raise InputError(f"dataset {name}: found {len(classes)} class in {images.source}; expected at least 2")
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or 0 in pixels.shape[1:]:
        form = f"{pixels.dtype} of shape {list(pixels.shape)}"
        raise InputError(f"{where}: images are {form}; expected uint8 [n, channels, height, width]")
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        form = f"{labels.dtype} of shape {list(labels.shape)}"
        raise InputError(f"{where}: labels are {form}; expected {len(pixels)} whole numbers")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        found = f"{labels.min()} to {labels.max()}"
        raise InputError(f"{where}: labels from {found}; expected 0 to {len(classes) - 1} for {len(classes)} classes")
    if split is not None and (split.shape != labels.shape or not np.isin(split, (TRAIN, TEST)).all()):
        raise InputError(f"{where}: split is not one of 0 (training) and 1 (test) for each of {len(labels)} images")


def balanced_sample(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the sorted indices of ``size`` images, the same number of each class up to one.

    Where a class has too few images, the others fill its place.
    """
    available = np.bincount(labels)
    quota = np.zeros_like(available)
    order = np.random.default_rng(seed).permutation(len(available))
    while quota.sum() < size:
        open_classes = order[quota[order] < available[order]]
        share = max(1, (size - quota.sum()) // len(open_classes))
        for label in open_classes:
            quota[label] += min(share, available[label] - quota[label], size - quota.sum())
    return _draw(labels, quota, derived_seed(seed, "members"))


def _draw(labels: np.ndarray, quota: np.ndarray, seed: int) -> np.ndarray:
    """Return the sorted indices of ``quota[c]`` random members of every class c."""
    generator = np.random.default_rng(seed)
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:count] for label, count in enumerate(quota)]
    return np.sort(np.concatenate(chosen))


def save(path: str | Path, images: ImageSet) -> None:
    """Write an image set as safetensors: ``images``, ``labels``, ``split``; classes and source as JSON metadata."""
    tensors = {"images": images.images, "labels": images.labels, "split": images.split}
    contiguous = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    write_tensors(path, contiguous, {"classes": images.classes, "source": images.source}, save_file)


def load(path: str | Path) -> ImageSet:
    """Read an image set. Raises InputError when the file is not as it was written."""
    file = TensorFile(path, "image set", "numpy")
    tensors = {key: file[key] for key in ("images", "labels", "split")}
    return ImageSet(**tensors, classes=file.description["classes"], source=file.description["source"])
