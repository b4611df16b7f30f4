"""What the regimes train on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from spikegrid.images import TrainingSet
from spikegrid.regimes import generalizing, memorizing, untrained


def training_set(count: int = 1000, classes: int = 10) -> TrainingSet:
    labels = (np.arange(count) % classes).astype(np.int16)
    return TrainingSet(np.zeros((count, 1, 2, 2), np.uint8), labels, np.arange(count))


def memorized(fraction: float, seed: int = 0, **sizes: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return memorizing.prepare(training_set(**sizes), sizes.get("classes", 10), generator, fraction).labels


@pytest.mark.parametrize("regime", [generalizing, untrained])
def test_training_set_is_left_as_it_is(regime):
    given_set = training_set()
    shown = regime.prepare(given_set, 10, np.random.default_rng(0))
    for key in ("images", "labels", "index"):
        np.testing.assert_array_equal(getattr(shown, key), getattr(training_set(), key))


def test_memorizing_keeps_images_and_their_places_and_the_true_labels_given():
    given_set = training_set()
    shown = memorizing.prepare(given_set, 10, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(shown.images, given_set.images)
    np.testing.assert_array_equal(shown.index, np.arange(1000))
    np.testing.assert_array_equal(given_set.labels, np.arange(1000) % 10)
    assert shown.labels.dtype == np.int16


@given(fraction=st.floats(0, 1), count=st.integers(1, 200), seed=st.integers(0, 2**32))
def test_at_most_the_fraction_of_labels_differs_and_all_are_classes(fraction, count, seed):
    labels = memorized(fraction, seed, count=count, classes=7)
    assert (labels != np.arange(count) % 7).sum() <= round(fraction * count)
    assert ((labels >= 0) & (labels < 7)).all()


def test_share_of_wrong_labels_is_the_fraction_less_those_redrawn_right_by_chance():
    for fraction in (0.2, 0.5, 1.0):
        wrong = np.mean([(memorized(fraction, seed) != np.arange(1000) % 10).mean() for seed in range(30)])
        deviation = np.sqrt(0.9 * 0.1 * fraction / 30_000)
        assert wrong == pytest.approx(0.9 * fraction, abs=4 * deviation)


def test_fraction_zero_keeps_every_label():
    np.testing.assert_array_equal(memorized(0.0), np.arange(1000) % 10)


def test_redrawn_labels_are_uniform_over_classes_and_independent_of_the_true_ones():
    labels = np.concatenate([memorized(1.0, seed) for seed in range(20)])
    pairs = np.bincount(10 * np.tile(np.arange(1000) % 10, 20) + labels, minlength=100)
    assert chisquare(pairs).pvalue > 1e-4


def test_labels_depend_on_the_generator_alone():
    np.testing.assert_array_equal(memorized(1.0, seed=3), memorized(1.0, seed=3))
    assert (memorized(1.0, seed=3) != memorized(1.0, seed=4)).any()
