"""Hamming distances within and between classes against scipy and exact enumeration."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from spikegrid.patterns import HammingDistances, hamming_within_between
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")


def distances_of(spikes: np.ndarray, labels: np.ndarray) -> HammingDistances:
    return hamming_within_between(SpikeTrains.from_array(spikes), labels)


def mean(values: np.ndarray) -> float:
    return values.mean() if len(values) else np.nan


def distances_by_scipy(spikes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean distances within and between classes over the pairs that pdist lists."""
    same = (labels[:, None] == labels)[np.triu_indices(len(labels), k=1)]
    distances = pdist(spikes.T, "hamming")
    return mean(distances[same]), mean(distances[~same])


@given(
    pair=st.tuples(st.integers(1, 6), st.integers(2, 80)).flatmap(
        lambda shape: st.tuples(
            arrays(bool, shape), arrays(np.int16, shape[1], elements=st.sampled_from([-3, 0, 1, 7, 300]))
        )
    )
)
@example(pair=(np.array([[True, False]]), np.array([0, 1], np.int16)))
@example(pair=(np.zeros((3, 5), bool), np.array([0, 1, 1, 0, 7], np.int16)))
@example(pair=(np.ones((3, 5), bool), np.array([0, 1, 1, 0, 7], np.int16)))
@example(pair=(np.eye(5, dtype=bool), np.zeros(5, np.int16)))
@example(pair=(np.eye(5, dtype=bool), np.arange(5, dtype=np.int16)))
def test_distances_equal_those_of_scipy_over_all_pairs_of_images(pair):
    spikes, labels = pair
    distances = distances_of(spikes, labels)
    within, between = distances_by_scipy(spikes, labels)
    np.testing.assert_allclose(distances[:2], (within, between), rtol=1e-12, atol=1e-12)
    ratio = within / between if between > 0 else np.nan
    np.testing.assert_allclose(distances.ratio, ratio, rtol=1e-12, atol=1e-12)


def test_distances_of_long_trains_equal_those_of_scipy():
    draws = np.random.default_rng(5)
    labels = draws.integers(0, 10, 3000)
    spikes = draws.random((37, 3000)) < draws.random((37, 10))[:, labels]
    np.testing.assert_allclose(distances_of(spikes, labels)[:2], distances_by_scipy(spikes, labels), rtol=1e-12)


def test_distances_count_billions_of_pairs_exactly():
    images, units = 100_000, 3
    spikes = np.zeros((units, images), bool)
    spikes[:, : images // 2] = True
    distances = distances_of(spikes, np.arange(images) % 2)
    quarter = images // 4
    assert distances.within == 2 * quarter**2 / (2 * (2 * quarter * (2 * quarter - 1) // 2))
    assert distances.between == 0.5


def test_classes_with_one_pattern_each_have_ratio_zero():
    labels = np.array([0, 0, 0, 1, 1])
    assert distances_of(np.array([labels == 0, labels == 1, labels == 9]), labels) == (0, 2 / 3, 0)


def test_mean_distances_over_all_orders_of_labels_are_those_of_all_pairs():
    spikes = np.random.default_rng(6).random((4, 6)) < 0.4
    orders = [distances_of(spikes, np.array(order)) for order in permutations([0, 0, 0, 1, 1, 2])]
    within, between, _ = np.mean(orders, axis=0)
    overall = pdist(spikes.T, "hamming").mean()
    assert within == pytest.approx(overall, rel=1e-12)
    assert between == pytest.approx(overall, rel=1e-12)


def test_ratio_of_shuffled_labels_is_one():
    draws = np.random.default_rng(7)
    labels = np.repeat(np.arange(4), [50, 100, 150, 200])
    spikes = draws.random((60, 500)) < draws.random((60, 4))[:, labels]
    ratios = np.array([distances_of(spikes, draws.permutation(labels)).ratio for _ in range(300)])
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(300))
    assert distances_of(spikes, labels).ratio < 0.9


def test_constant_units_lower_both_distances_and_leave_the_ratio():
    draws = np.random.default_rng(8)
    labels, spikes = draws.integers(0, 3, 40), draws.random((5, 40)) < 0.5
    with_constant = np.concatenate([spikes, np.zeros((3, 40), bool), np.ones((2, 40), bool)])
    within, between, ratio = distances_of(spikes, labels)
    np.testing.assert_allclose(distances_of(with_constant, labels), (within / 2, between / 2, ratio), rtol=1e-12)


@pytest.mark.parametrize(("shape", "labels"), [((0, 4), [0, 0, 1, 1]), ((0, 0), []), ((3, 0), []), ((3, 1), [5])])
def test_distances_without_units_or_without_pairs_are_undefined(shape, labels):
    np.testing.assert_array_equal(distances_of(np.zeros(shape, bool), np.array(labels, int)), [np.nan] * 3)


def test_distance_is_undefined_where_no_pair_is_of_its_kind():
    spikes = np.eye(3, dtype=bool)
    np.testing.assert_allclose(distances_of(spikes, np.zeros(3, int)), (2 / 3, np.nan, np.nan))
    np.testing.assert_allclose(distances_of(spikes, np.arange(3)), (np.nan, 2 / 3, np.nan))


def test_labels_that_do_not_fit_the_images_are_refused():
    with pytest.raises(ValueError, match=r"expected integers \[4\]"):
        distances_of(np.zeros((2, 4), bool), np.zeros(3, int))
