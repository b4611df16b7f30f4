"""What the regimes train on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare, kstest

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet, TrainingSet
from spikegrid.label_noise import with_redrawn_labels
from spikegrid.regimes import (
    corrupted_labels,
    few_samples,
    gaussian_inputs,
    generalizing,
    memorizing,
    shuffled_pixels,
    untrained,
)


def training_set(count: int = 1000, classes: int = 10) -> TrainingSet:
    labels = (np.arange(count) % classes).astype(np.int16)
    return TrainingSet(np.zeros((count, 1, 2, 2), np.uint8), labels, np.arange(count))


def memorized(fraction: float, seed: int = 0, **sizes: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return memorizing.prepare(training_set(**sizes), sizes.get("classes", 10), generator, fraction, "uniform").labels


@pytest.mark.parametrize("regime", [generalizing, untrained])
def test_training_set_is_left_as_it_is(regime):
    given_set = training_set()
    shown = regime.prepare(given_set, 10, np.random.default_rng(0))
    for key in ("images", "labels", "index"):
        np.testing.assert_array_equal(getattr(shown, key), getattr(training_set(), key))


def test_memorizing_keeps_images_and_their_places_and_the_true_labels_given():
    given_set = training_set()
    shown = memorizing.prepare(given_set, 10, np.random.default_rng(0), 1.0, "uniform")
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


def permuted(fraction: float, seed: int = 0, count: int = 1000) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return corrupted_labels.prepare(training_set(count), 10, generator, fraction, "permuted").labels


def test_labels_depend_on_the_generator_alone():
    np.testing.assert_array_equal(memorized(1.0, seed=3), memorized(1.0, seed=3))
    assert (memorized(1.0, seed=3) != memorized(1.0, seed=4)).any()


# --- corrupted labels ---


class Marking:
    """A generator that shuffles as numpy does and draws the label -7 wherever it draws one."""

    def __init__(self, seed: int):
        self.permutation = np.random.default_rng(seed).permutation

    def integers(self, low: int, high: int, size: int) -> np.ndarray:
        return np.full(size, -7)


@given(fraction=st.floats(0, 1), count=st.integers(1, 200), seed=st.integers(0, 2**32))
def test_exactly_the_rounded_fraction_of_labels_is_redrawn(fraction, count, seed):
    labels = corrupted_labels.prepare(training_set(count), 10, Marking(seed), fraction, "uniform").labels
    assert (labels == -7).sum() == round(fraction * count)
    kept = labels != -7
    np.testing.assert_array_equal(labels[kept], (np.arange(count) % 10)[kept])


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.6, 1.0])
def test_share_of_wrong_labels_is_the_fraction_times_one_less_a_chance(fraction, classes):
    everything = training_set(1000, classes)
    shown = [
        corrupted_labels.prepare(everything, classes, np.random.default_rng(s), fraction, "uniform") for s in range(30)
    ]
    wrong = np.mean([(part.labels != everything.labels).mean() for part in shown])
    chance = 1 / classes
    deviation = np.sqrt(chance * (1 - chance) * fraction / 30_000)
    assert wrong == pytest.approx(fraction * (1 - chance), abs=4 * deviation)


def test_which_labels_are_redrawn_differs_between_seeds_and_is_spread_over_the_set():
    redrawn = np.zeros(500)
    for seed in range(200):
        labels = corrupted_labels.prepare(training_set(500), 10, Marking(seed), 0.3, "uniform").labels
        redrawn += labels == -7
    assert chisquare(redrawn.reshape(50, 10).sum(axis=1)).pvalue > 1e-4
    assert redrawn.min() > 0
    assert redrawn.max() < 200


def test_corrupted_labels_and_memorizing_of_one_fraction_are_the_same_draw():
    for fraction in (0.3, 1.0):
        one, other = (
            regime.prepare(training_set(), 10, np.random.default_rng(5), fraction, "uniform").labels
            for regime in (corrupted_labels, memorizing)
        )
        np.testing.assert_array_equal(one, other)


def test_redrawing_keeps_images_and_places_and_the_labels_given():
    given_set = training_set()
    shown = with_redrawn_labels(given_set, 10, np.random.default_rng(0), 0.5, "uniform")
    assert shown.images is given_set.images
    assert shown.index is given_set.index
    assert shown.labels.dtype == np.int16
    np.testing.assert_array_equal(given_set.labels, np.arange(1000) % 10)


# --- permuted labels ---


@given(fraction=st.floats(0, 1), count=st.integers(1, 200), seed=st.integers(0, 2**32))
def test_permuted_labels_keep_the_number_of_images_of_every_class(fraction, count, seed):
    labels = permuted(fraction, seed, count)
    np.testing.assert_array_equal(np.bincount(labels, minlength=10), np.bincount(np.arange(count) % 10, minlength=10))
    assert (labels != np.arange(count) % 10).sum() <= round(fraction * count)


@pytest.mark.parametrize("fraction", [0.01, 0.3, 1.0])
def test_share_of_wrong_permuted_labels_is_that_of_drawing_without_replacement(fraction):
    count, classes, repetitions = 200, 10, 3000
    wrong = [(permuted(fraction, seed, count) != np.arange(count) % 10).sum() for seed in range(repetitions)]
    concerned = round(fraction * count)
    kept_by_chance = (count - concerned) / (count - 1)  # a place may get its own label back, more often among few
    expected = (1 - 1 / classes) * (concerned - kept_by_chance)
    assert np.mean(wrong) == pytest.approx(expected, abs=4 * np.std(wrong) / np.sqrt(repetitions))
    assert 0 <= 0.9 * concerned - expected < 1


def test_permuted_labels_are_independent_of_the_true_ones():
    labels = np.concatenate([permuted(1.0, seed) for seed in range(20)])
    pairs = np.bincount(10 * np.tile(np.arange(1000) % 10, 20) + labels, minlength=100)
    # Both margins are fixed in each draw, which leaves 9 · 9 of the 99 degrees of freedom.
    assert chi2.sf(chisquare(pairs).statistic, 81) > 1e-4


def test_the_same_labels_are_concerned_whether_they_are_redrawn_or_permuted():
    changed = [labels != np.arange(1000) % 10 for labels in (memorized(0.3, seed=5), permuted(0.3, seed=5))]
    marked = corrupted_labels.prepare(training_set(), 10, Marking(5), 0.3, "uniform").labels == -7
    for part in changed:
        assert part.sum() > 200
        assert not (part & ~marked).any()


# --- altered images ---


@pytest.fixture
def pixels() -> ImageSet:
    """Images in which every pixel of every image and channel has a value of its own, 12 for training and 9 for test."""
    images = np.arange(21 * 2 * 6, dtype=np.uint8).reshape(21, 2, 2, 3)
    split = np.repeat(np.array([0, 1], np.uint8), [12, 9])
    return ImageSet(images, (np.arange(21) % 3).astype(np.int16), split, ["a", "b", "c"], "made up")


@pytest.fixture
def noise() -> ImageSet:
    """Images of three channels that differ in brightness and contrast; the test images are white."""
    generator = np.random.default_rng(0)
    brightness = generator.normal([[20], [128], [240]], [[5], [60], [80]], (3000, 3, 64)).clip(0, 255)
    images = brightness.astype(np.uint8).reshape(3000, 3, 8, 8)
    split = np.repeat(np.array([0, 1], np.uint8), [2000, 1000])
    images[split == 1] = 255
    return ImageSet(images, np.zeros(3000, np.int16), split, ["a", "b"], "made up")


@pytest.mark.parametrize("regime", [shuffled_pixels, gaussian_inputs])
def test_regimes_that_alter_images_keep_labels_and_leave_the_images_given(regime, pixels):
    before, parameters = pixels.images.copy(), ["fixed"] if regime is shuffled_pixels else []
    altered = regime.alter(pixels, np.random.default_rng(0), *parameters)
    np.testing.assert_array_equal(pixels.images, before)
    assert not np.shares_memory(altered, pixels.images)
    given_set = pixels.training_set()
    assert regime.prepare(given_set, 3, np.random.default_rng(0), *parameters) is given_set


def test_fixed_permutation_moves_the_pixels_of_all_images_and_channels_alike(pixels):
    altered = shuffled_pixels.alter(pixels, np.random.default_rng(0), "fixed")
    assert altered.dtype == np.uint8
    assert altered.shape == pixels.images.shape
    places = altered.reshape(21, 2, 6) - pixels.images.reshape(21, 2, 6)[:, :, :1]
    assert (places == places[0, 0]).all()
    assert sorted(places[0, 0].tolist()) == list(range(6))
    assert places[0, 0].tolist() != list(range(6))


def test_permutation_of_each_image_is_its_own_and_shared_by_its_channels(pixels):
    altered = shuffled_pixels.alter(pixels, np.random.default_rng(0), "per_image")
    places = altered.reshape(21, 2, 6) - pixels.images.reshape(21, 2, 6)[:, :, :1]
    np.testing.assert_array_equal(places[:, 0], places[:, 1])
    np.testing.assert_array_equal(np.sort(places[:, 0], axis=1), np.tile(np.arange(6), (21, 1)))
    assert len({tuple(own) for own in places[:, 0].tolist()}) > 15


@pytest.mark.parametrize("permutation", ["fixed", "per_image"])
def test_every_pixel_is_as_likely_at_every_place(pixels, permutation):
    arrivals = np.zeros((6, 6))
    for seed in range(600):
        altered = shuffled_pixels.alter(pixels, np.random.default_rng(seed), permutation)
        arrivals[np.arange(6), altered[0, 0].ravel()] += 1
    assert chi2.sf(chisquare(arrivals.ravel()).statistic, 25) > 1e-4


def test_gaussian_inputs_have_mean_and_variance_of_each_channel_of_the_training_images(noise):
    altered = gaussian_inputs.alter(noise, np.random.default_rng(0))
    assert altered.dtype == np.float32
    assert altered.shape == noise.images.shape
    for part in (TRAIN, TEST):
        for channel in range(3):
            values = altered[noise.split == part, channel].ravel()
            known = noise.images[noise.split == TRAIN, channel].astype(float)
            assert kstest(values, "norm", (known.mean(), known.std())).pvalue > 1e-4


def test_gaussian_inputs_of_images_channels_and_pixels_are_independent(noise):
    altered = gaussian_inputs.alter(noise, np.random.default_rng(0))
    for values in (altered[1980:2020, 1].reshape(40, -1), altered[:, :, :2, :3].reshape(3000, -1).T):
        correlations = np.corrcoef(values)[np.triu_indices(len(values), 1)] * np.sqrt(values.shape[1])
        assert abs(correlations).max() < 5
        assert correlations.std() == pytest.approx(1, abs=0.25)


# --- few samples ---


@given(samples=st.integers(1, 200), classes=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_few_samples_are_balanced_up_to_one_and_keep_image_label_and_place_together(samples, classes, seed):
    everything = training_set(20 * 9 * classes, classes)
    everything.images[:, 0, 0, 0] = np.arange(20 * 9 * classes) % 251
    samples = min(samples, len(everything.labels))
    shown = few_samples.prepare(everything, classes, np.random.default_rng(seed), samples)
    assert len(shown.images) == len(shown.labels) == len(shown.index) == samples
    assert len(set(shown.index.tolist())) == samples
    counts = np.bincount(shown.labels, minlength=classes)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(shown.labels, everything.labels[shown.index])
    np.testing.assert_array_equal(shown.images, everything.images[shown.index])


def test_few_samples_take_the_place_that_a_small_class_leaves():
    labels = np.repeat(np.array([0, 1, 2], np.int16), [2, 50, 50])
    everything = TrainingSet(np.zeros((102, 1, 2, 2), np.uint8), labels, np.arange(102))
    shown = few_samples.prepare(everything, 3, np.random.default_rng(0), 32)
    assert np.bincount(shown.labels).tolist() == [2, 15, 15]


def test_few_samples_of_all_images_are_the_training_set():
    shown = few_samples.prepare(training_set(), 10, np.random.default_rng(0), 1000)
    for key in ("images", "labels", "index"):
        np.testing.assert_array_equal(getattr(shown, key), getattr(training_set(), key))


def test_more_samples_than_images_are_refused_with_both_numbers():
    with pytest.raises(InputError, match="few_samples: samples is 1001, but the dataset has 1000 training images"):
        few_samples.prepare(training_set(), 10, np.random.default_rng(0), 1001)


def test_few_samples_of_another_seed_are_other_images_and_of_the_same_seed_the_same():
    def places(seed: int) -> list[int]:
        return few_samples.prepare(training_set(), 10, np.random.default_rng(seed), 50).index.tolist()

    assert places(0) == places(0)
    assert len({tuple(places(seed)) for seed in range(20)}) == 20
    drawn = np.bincount(np.concatenate([places(seed) for seed in range(400)]), minlength=1000)
    assert chisquare(drawn.reshape(100, 10).sum(axis=1)).pvalue > 1e-4
