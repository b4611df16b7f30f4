"""Gaussian clusters: their geometry, their Bayes error before and after rounding to bytes, their draws."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from spikegrid.datasets.synthetic import PARAMETERS, bayes_error, load
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet, prepare


def clusters(**parameters: float) -> ImageSet:
    defaults = {name: rule["default"] for name, rule in PARAMETERS.items()}
    return load("unused", **(defaults | parameters))


def flat(images: ImageSet, part: int) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = images.part(part)
    return pixels.reshape(len(pixels), -1).astype(np.float64), labels


# --- the Bayes error ---


@pytest.mark.parametrize("separation", [0, 0.5, 1, 2, 4, 8])
def test_bayes_error_of_two_classes_is_the_normal_tail_at_half_their_separation(separation):
    assert bayes_error(2, separation) == pytest.approx(norm.cdf(-separation / 2), rel=1e-8)


@pytest.mark.parametrize("classes", [3, 4, 10])
@pytest.mark.parametrize("separation", [1, 3])
def test_bayes_error_is_that_of_a_normal_vector_of_differences(classes, separation):
    # A point is taken for its own class when each of its K - 1 differences to others stays within half the distance.
    covariance = np.eye(classes - 1) + 1
    bounds = np.full(classes - 1, separation / math.sqrt(2))
    right = multivariate_normal.cdf(bounds, cov=covariance, abseps=1e-7, releps=1e-7, maxpts=10**6, rng=0)
    assert bayes_error(classes, separation) == pytest.approx(1 - right, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 5, 100])
def test_clusters_without_separation_are_guessed(classes):
    assert bayes_error(classes, 0) == pytest.approx(1 - 1 / classes, rel=1e-8)


@pytest.mark.parametrize(
    ("classes", "dimension", "separation"), [(2, 2, 1), (2, 16, 2), (2, 16, 5), (3, 3, 2), (10, 16, 3), (10, 16, 6)]
)
def test_a_linear_classifier_of_the_bytes_errs_as_often_as_the_closed_form_says(classes, dimension, separation):
    images = clusters(classes=classes, dimension=dimension, separation=separation, train=40_000, test=100_000)
    classifier = LinearDiscriminantAnalysis().fit(*flat(images, TRAIN))
    pixels, labels = flat(images, TEST)
    error = np.mean(classifier.predict(pixels) != labels)
    expected = bayes_error(classes, separation)
    assert error == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / len(labels)) + 2e-4)


def test_bayes_error_stands_in_the_source():
    assert clusters(separation=2).source == "Gaussian clusters with a Bayes error of 0.1587"


# --- the pixels ---


@pytest.mark.parametrize("separation", [0, 1, 4, 10])
@pytest.mark.parametrize("classes", [2, 10])
def test_means_are_equally_far_apart_and_noise_is_the_same_in_all_directions(classes, separation):
    images = clusters(classes=classes, dimension=16, separation=separation, train=60_000)
    pixels, labels = flat(images, TRAIN)
    means = np.stack([pixels[labels == label].mean(axis=0) for label in range(classes)])
    noise = pixels - means[labels]
    deviation = noise.std()
    distances = [np.linalg.norm(means[a] - means[b]) for a in range(classes) for b in range(a)]
    sampling = math.sqrt(2 * classes / 60_000 * (16 if separation == 0 else 1))  # of a difference of two means
    np.testing.assert_allclose(np.array(distances) / deviation, separation, atol=4 * sampling)
    np.testing.assert_allclose(np.cov(noise.T) / deviation**2, np.eye(16), atol=0.03)
    np.testing.assert_allclose(means.mean(axis=0), 127.5, atol=0.5)


@pytest.mark.parametrize("separation", [0, 4, 10])
def test_rounding_and_the_ends_of_the_scale_cost_next_to_nothing(separation):
    pixels, _ = flat(clusters(separation=separation, dimension=8, train=100_000), TRAIN)
    assert np.mean((pixels == 0) | (pixels == 255)) < 1e-5
    within = pixels.std() / math.sqrt(1 + separation**2 / 4 / 8)
    assert 1 / (12 * within**2) < 1 / 1300


@pytest.mark.parametrize(("height", "shape"), [(1, (1, 1, 64)), (8, (1, 8, 8)), (16, (1, 16, 4))])
def test_dimensions_are_laid_into_rows(height, shape):
    images = clusters(height=height)
    assert images.images.shape == (2000, *shape)
    np.testing.assert_array_equal(flat(images, TRAIN)[0], flat(clusters(), TRAIN)[0])


# --- the draws ---


def test_classes_are_balanced_up_to_one_in_random_order():
    images = clusters(classes=3, train=1000, test=500)
    _, train = images.part(TRAIN)
    _, test = images.part(TEST)
    assert sorted(np.bincount(train)) == [333, 333, 334]
    assert sorted(np.bincount(test)) == [166, 167, 167]
    assert np.bincount(train[:300], minlength=3).min() > 70
    assert abs(np.corrcoef(train[:-1], train[1:])[0, 1]) < 0.1


def test_same_parameters_draw_the_same_images_and_another_seed_others():
    first, again, other = clusters(seed=1), clusters(seed=1), clusters(seed=2)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert abs(np.corrcoef(first.images.ravel(), other.images.ravel())[0, 1]) < 0.05


def test_training_and_test_images_are_drawn_apart():
    images = clusters(separation=0)
    train, test = flat(images, TRAIN)[0], flat(images, TEST)[0]
    assert abs(np.corrcoef(train.ravel(), test.ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(flat(clusters(separation=0, train=50), TEST)[0], test)


def test_clusters_are_a_set_that_can_be_prepared():
    prepared = prepare(clusters(classes=4), "clusters", 100, 60, 0.4)
    assert np.bincount(prepared.part(TRAIN)[1]).tolist() == [25] * 4
    assert np.bincount(prepared.part(TEST)[1]).tolist() == [15] * 4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"classes": 5, "dimension": 4}, "dimension is 4, but there are 5 classes; expected no fewer than these"),
        ({"height": 7}, "height is 7; expected a divisor of dimension, 64"),
    ],
)
def test_impossible_parameters_are_refused_by_their_names(parameters, message):
    with pytest.raises(InputError, match=message):
        clusters(**parameters)
