"""Inputs on a line: where the classes change, positions that no two images share, what cannot be drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import square

from spikegrid.datasets.scalar import PARAMETERS, load
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet, prepare


def line(**parameters: int) -> ImageSet:
    defaults = {name: rule["default"] for name, rule in PARAMETERS.items()}
    return load("unused", **(defaults | parameters))


def positions(images: ImageSet, part: int | None = None) -> np.ndarray:
    return (images.images if part is None else images.part(part)[0]).ravel().astype(int)


@pytest.mark.parametrize("segments", [2, 4, 8, 64])
def test_two_classes_are_the_signs_of_a_sine(segments):
    images = line(segments=segments)
    phase = 2 * np.pi * (segments / 2) * (positions(images) + 0.5) / 256
    np.testing.assert_array_equal(images.labels == 0, square(phase) > 0)


@given(segments=st.integers(2, 64), data=st.data())
def test_class_changes_between_segments_and_nowhere_else(segments, data):
    classes = data.draw(st.integers(2, segments))
    images = line(segments=segments, classes=classes)
    label_at = np.empty(256, int)
    label_at[positions(images)] = images.labels
    changes = np.flatnonzero(np.diff(label_at)) + 1
    np.testing.assert_array_equal(changes, [-(-256 * k // segments) for k in range(1, segments)])
    np.testing.assert_array_equal(label_at[[0, *changes]], np.arange(segments) % classes)


@given(train=st.integers(2, 254), test=st.integers(2, 254), segments=st.integers(2, 64), seed=st.integers(0, 2**32))
def test_no_position_is_drawn_twice(train, test, segments, seed):
    test = min(test, 256 - train)
    images = line(train=train, test=test, segments=segments, seed=seed)
    assert len(set(positions(images).tolist())) == train + test
    assert (len(positions(images, TRAIN)), len(positions(images, TEST))) == (train, test)


@pytest.mark.parametrize(("train", "test"), [(128, 128), (100, 50), (40, 200)])
def test_segments_give_their_share_of_training_and_of_test_images(train, test):
    images = line(segments=5, train=train, test=test)
    for part, count in ((TRAIN, train), (TEST, test)):
        counts = np.bincount(positions(images, part) * 5 // 256, minlength=5)
        np.testing.assert_allclose(counts, count / 5, atol=1.5)


def test_images_are_one_pixel_and_in_random_order():
    images = line()
    assert images.images.shape == (256, 1, 1, 1)
    assert (images.images.dtype, images.labels.dtype, images.split.dtype) == (np.uint8, np.int16, np.uint8)
    for part in (TRAIN, TEST):
        place = positions(images, part)
        assert abs(np.corrcoef(place[:-1], place[1:])[0, 1]) < 0.3


def test_same_parameters_draw_the_same_positions_and_another_seed_others():
    first, again, other = line(seed=1), line(seed=1), line(seed=2)
    np.testing.assert_array_equal(first.images, again.images)
    assert set(positions(first, TRAIN).tolist()) != set(positions(other, TRAIN).tolist())


def test_the_line_is_a_set_that_can_be_prepared():
    prepared = prepare(line(classes=2), "line", 64, 32, 0.4)
    assert np.bincount(prepared.part(TRAIN)[1]).tolist() == [32, 32]
    assert prepared.source == "4 segments of a line of 256 positions, in 2 classes"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"classes": 5}, "segments is 4, but there are 5 classes; expected no fewer than these"),
        ({"train": 200, "test": 57}, "train and test are 200 and 57; expected at most 256 together"),
    ],
)
def test_impossible_parameters_are_refused_by_their_names(parameters, message):
    with pytest.raises(InputError, match=message):
        line(**parameters)
