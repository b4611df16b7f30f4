"""Factors of the training response, kernels and separability against numpy, scipy and closed forms."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from spikegrid.response_factors import geometric_mean, kernel_dimension, normalized_kernel, response_factors
from spikegrid.separability import separability, shape_separability

pytestmark = pytest.mark.filterwarnings("error")

N, C = 6, 4


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, errors and kernels on unit errors of N images."""
    generator = np.random.default_rng(seed)
    probabilities = softmax(3 * generator.standard_normal((N, C)), axis=1)
    errors = probabilities - np.eye(C)[generator.integers(0, C, N)]
    return probabilities, errors, generator.standard_normal((N, N, C))


def test_slope_is_that_of_the_jacobian_of_the_softmax():
    probabilities, errors, change = drawn()
    slope = response_factors(probabilities, errors, change)["slope"]
    for source in range(N):
        for read, p in enumerate(probabilities):
            moved = (np.diag(p) - np.outer(p, p)) @ change[source, read]
            expected = np.linalg.norm(moved) / np.linalg.norm(change[source, read])
            assert slope[source, read] == pytest.approx(expected, rel=1e-12)
    assert slope.max() <= 0.5


def test_factors_multiply_to_the_response_of_the_probabilities_pair_by_pair_and_in_the_geometric_mean():
    probabilities, errors, change = drawn(1)
    factors = response_factors(probabilities, errors, change)
    response = -change * np.linalg.norm(errors, axis=1)[:, None, None]
    jacobians = np.array([np.diag(p) - np.outer(p, p) for p in probabilities])
    sizes = np.linalg.norm(np.einsum("ycd,xyd->xyc", jacobians, response), axis=2)
    np.testing.assert_allclose(factors["slope"] * factors["kernel"] * factors["error"], sizes, rtol=1e-12)
    product = np.prod([geometric_mean(factor) for factor in factors.values()])
    assert product == pytest.approx(stats.gmean(sizes, axis=None), rel=1e-12)


def test_what_no_logit_answers_to_has_no_slope():
    probabilities, errors, change = drawn()
    change[0, 1] = 0
    factors = response_factors(probabilities, errors, change)
    assert factors["kernel"][0, 1] == 0
    assert np.isnan(factors["slope"][0, 1])
    assert geometric_mean(factors["kernel"]) == 0
    assert np.isnan(geometric_mean(factors["slope"]))
    assert np.isnan(geometric_mean(np.array([])))


def test_normalized_kernel_is_the_cosine_of_gradients():
    gradients = np.random.default_rng(2).standard_normal((N, 9))
    kernel = normalized_kernel(gradients @ gradients.T)
    lengths = np.linalg.norm(gradients, axis=1)
    np.testing.assert_allclose(kernel, gradients @ gradients.T / np.outer(lengths, lengths), rtol=1e-12, atol=1e-15)
    gradients[3] = 0
    assert np.isnan(normalized_kernel(gradients @ gradients.T)[3]).all()


def test_kernel_dimension_counts_equal_patterns():
    assert kernel_dimension(np.ones((N, N))) == pytest.approx(1)
    assert kernel_dimension(5 * np.eye(N)) == pytest.approx(N)
    assert kernel_dimension(np.kron(np.eye(3), np.ones((2, 2)))) == pytest.approx(3)
    gradients = np.random.default_rng(3).standard_normal((N, 9))
    shares = np.linalg.svd(gradients, compute_uv=False) ** 2
    assert kernel_dimension(gradients @ gradients.T) == pytest.approx(np.exp(stats.entropy(shares)), rel=1e-12)
    for undefined in (np.zeros((N, N)), np.full((N, N), np.nan), np.empty((0, 0))):
        assert np.isnan(kernel_dimension(undefined))


def test_separable_series_have_separability_1_whatever_their_course():
    course = np.array([3.0, -1.0, 100.0, 1e-6])
    series = np.outer(course, np.random.default_rng(0).standard_normal(50))
    for values in (separability(series), shape_separability(series)):
        assert np.isnan(values[:2]).all()
        np.testing.assert_allclose(values[2:], 1, rtol=1e-12)


def test_separability_is_that_of_the_singular_values_so_far():
    series = np.random.default_rng(1).standard_normal((7, 5)) + 1
    values = separability(series)
    for times in range(3, 8):
        squares = np.linalg.svd(series[:times], compute_uv=False) ** 2
        assert values[times - 1] == pytest.approx(squares[0] / squares.sum(), rel=1e-12)
    scaled = series / np.linalg.norm(series, axis=1, keepdims=True)
    np.testing.assert_allclose(shape_separability(series), separability(scaled), rtol=1e-12)


def test_random_series_have_the_separability_of_marchenko_and_pastur_and_orthogonal_ones_that_of_their_norms():
    times, dimensions = 40, 4000
    random = np.random.default_rng(2).standard_normal((times, dimensions))
    expected = (1 / np.sqrt(times) + 1 / np.sqrt(dimensions)) ** 2
    assert separability(random)[-1] == pytest.approx(expected, rel=0.03)
    norms = np.array([1.0, 10.0, 2.0])
    assert separability(np.diag(norms))[-1] == pytest.approx(100 / 105)
    assert shape_separability(np.diag(norms))[-1] == pytest.approx(1 / 3)


def test_separability_is_undefined_from_the_first_row_on_that_is_not_finite():
    series = np.random.default_rng(3).standard_normal((6, 4))
    series[4, 1] = np.nan
    for values in (separability(series), shape_separability(series)):
        assert np.isfinite(values).tolist() == [False, False, True, True, False, False]
    assert np.isnan(separability(np.zeros((4, 3)))).all()
    series[4] = 0
    assert np.isfinite(shape_separability(series)).tolist() == [False, False, True, True, False, False]
