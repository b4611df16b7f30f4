"""Inputs on a line: images of one pixel, whose class alternates along the line. The toy, whose boundaries are known.

An image is a position from 0 to 255. The line is cut into ``segments`` of equal length, or of lengths that differ by
one position, and position x has class ⌊x · segments / 256⌋ mod classes: for two classes the sign of a sine with
segments / 2 periods on the line. No position is drawn twice. Test images hence lie between the training images, and a
network that is right on them has found where the classes change, up to the gaps between the training positions.
"""

import numpy as np

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.randomness import derived_seed

POSITIONS = 256
"""Positions on the line: the values of a byte."""

PARAMETERS = {
    "segments": {
        "type": "integer",
        "minimum": 2,
        "maximum": 64,
        "default": 4,
        "description": "Number of segments of the line, no fewer than classes. Classes change at the positions "
        "256 k / segments: segments − 1 times.",
    },
    "classes": {
        "type": "integer",
        "minimum": 2,
        "maximum": 64,
        "default": 2,
        "description": "Number of classes, which the segments have in turn.",
    },
    "train": {
        "type": "integer",
        "minimum": 2,
        "maximum": 254,
        "default": 128,
        "description": "Number of training images, each at a position of its own.",
    },
    "test": {
        "type": "integer",
        "minimum": 2,
        "maximum": 254,
        "default": 128,
        "description": "Number of test images, at positions of no training image: at most 256 together with these.",
    },
    "seed": {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "description": "Another number draws other positions.",
    },
}


def load(data_root: str, segments: int, classes: int, train: int, test: int, seed: int) -> ImageSet:
    """Return images [n, 1, 1, 1] in random order, those for training first.

    Segments give training and test images in proportion to their lengths, as nearly as can be. Raises InputError when
    there are fewer segments than classes, or more images than positions.
    """
    if segments < classes:
        raise InputError(f"segments is {segments}, but there are {classes} classes; expected no fewer than these")
    if train + test > POSITIONS:
        raise InputError(
            f"train and test are {train} and {test}; expected at most {POSITIONS} together, a position for each image"
        )
    position = np.concatenate(_positions(segments, train, test, derived_seed("scalar", seed)))
    labels = (segment_of(position, segments) % classes).astype(np.int16)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [train, test])
    source = f"{segments} segments of a line of {POSITIONS} positions, in {classes} classes"
    images = position.astype(np.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(images, labels, split, [str(number) for number in range(classes)], source)


def segment_of(position: np.ndarray, segments: int) -> np.ndarray:
    """Return the segment of each position, from 0 to ``segments`` − 1."""
    return position * segments // POSITIONS


def _positions(segments: int, train: int, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions of training and of test images, int64 [train] and [test], each in random order."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(POSITIONS)
    by_segment = shuffled[np.argsort(segment_of(shuffled, segments), kind="stable")]
    trained = _evenly(by_segment, train)
    tested = _evenly(by_segment[~np.isin(by_segment, trained)], test)
    return generator.permutation(trained), generator.permutation(tested)


def _evenly(values: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` of some values, evenly spread over them."""
    return values[((np.arange(count) + 0.5) * len(values) / count).astype(int)]
