"""Class rates, information, ICC and selectivity against scikit-learn, scipy, elephant, loops and enumeration."""

from itertools import combinations, product

import numpy as np
import pytest
from elephant.statistics import fanofactor
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency, entropy, hypergeom
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from spikegrid.class_information import (
    binary_entropy,
    class_blocked_fano,
    class_counts,
    class_rates,
    intraclass_correlation,
    intraclass_correlation_null,
    mutual_information,
    selectivity,
)
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

EXACT = {"rtol": 1e-12, "atol": 1e-12}

labelled_spikes = st.tuples(st.integers(0, 5), st.integers(0, 140)).flatmap(
    lambda shape: st.tuples(
        arrays(bool, shape), arrays(np.int16, shape[1], elements=st.sampled_from([-3, 0, 1, 7, 300]))
    )
)
labelled_presented_spikes = labelled_spikes.filter(lambda pair: len(pair[1]) > 0)
three_classes = np.array([0, 0, 0, 0, 4, 4, 4, 9, 9])


def bernoulli(rates: np.ndarray, units: int) -> np.ndarray:
    """Spikes [units, N] with the given rate at each image."""
    return np.random.default_rng(1).random((units, len(rates))) < rates


def rates_of(spikes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return class_rates(SpikeTrains.from_array(np.atleast_2d(spikes)), labels)


def class_weights(classes: int) -> np.ndarray:
    return np.arange(1, classes + 1) / (classes * (classes + 1) / 2)


def trains_with_spikes(images: int, spikes: int) -> np.ndarray:
    """Every placement of ``spikes`` among ``images``: all orders of the labels of one train, up to repetition."""
    return np.array([np.isin(np.arange(images), places) for places in combinations(range(images), spikes)])


@given(pair=labelled_spikes)
@example(pair=(np.zeros((2, 0), bool), np.zeros(0, np.int16)))
@example(pair=(np.ones((1, 64), bool), np.arange(64, dtype=np.int16) % 2))
def test_class_counts_and_rates_equal_a_plain_loop(pair):
    spikes, labels = pair
    classes = sorted(set(labels.tolist()))
    trains = SpikeTrains.from_array(spikes)
    counts, sizes = class_counts(trains, labels)
    rates, weights = class_rates(trains, labels)
    assert counts.shape == rates.shape == (len(spikes), len(classes))
    assert (counts.dtype, sizes.dtype, rates.dtype, weights.dtype) == ("int64", "int64", "float64", "float64")
    for column, name in enumerate(classes):
        members = [n for n in range(len(labels)) if labels[n] == name]
        assert sizes[column] == len(members)
        assert weights[column] == pytest.approx(len(members) / len(labels), rel=1e-12)
        for unit in range(len(spikes)):
            expected = sum(int(spikes[unit, n]) for n in members)
            assert counts[unit, column] == expected
            assert rates[unit, column] == pytest.approx(expected / len(members), rel=1e-12)


def test_classes_are_the_labels_that_occur_in_increasing_order():
    rates, weights = rates_of(np.array([1, 0, 1, 1]), np.array([30, -5, 30, 2]))
    np.testing.assert_array_equal(rates, [[0, 1, 1]])
    np.testing.assert_array_equal(weights, [0.25, 0.25, 0.5])


def test_rates_of_no_units_and_of_no_images_are_empty():
    rates, weights = rates_of(np.zeros((0, 9), bool), three_classes)
    assert (rates.shape, weights.shape) == ((0, 3), (3,))
    rates, weights = rates_of(np.zeros((4, 0), bool), np.zeros(0, int))
    assert (rates.shape, weights.shape) == ((4, 0), (0,))


@pytest.mark.parametrize("labels", [np.zeros(8, int), np.zeros((9, 1), int), np.zeros(9), np.zeros(9, bool)])
def test_labels_that_are_not_one_integer_an_image_are_refused(labels):
    with pytest.raises(ValueError, match=r"expected integers \[9\]"):
        rates_of(np.zeros((2, 9), bool), labels)


@given(p=arrays(float, st.integers(0, 20), elements=st.floats(0, 1)))
@example(p=np.array([0, 1, 0.5, 5e-324, 1 - 2**-53]))
def test_binary_entropy_equals_that_of_scipy(p):
    np.testing.assert_allclose(binary_entropy(p), entropy(np.array([p, 1 - p]), base=2, axis=0), **EXACT)


def test_binary_entropy_is_zero_for_a_constant_unit_and_one_bit_for_a_fair_one():
    np.testing.assert_array_equal(binary_entropy([0, 1, 0.5]), [0, 0, 1])


def test_binary_entropy_keeps_its_shape_and_is_undefined_outside_the_unit_interval():
    np.testing.assert_array_equal(binary_entropy([[-0.1, 1.1], [np.nan, 1 + 1e-15]]), np.full((2, 2), np.nan))


@given(pair=labelled_presented_spikes)
@example(pair=(np.array([[0, 1, 0, 1]], bool), np.array([7, 0, 7, 0], np.int16)))
def test_plug_in_information_equals_that_of_scikit_learn(pair):
    spikes, labels = pair
    information = mutual_information(*rates_of(spikes, labels), len(labels), corrected=False) if len(spikes) else []
    expected = [mutual_info_score(labels, unit) / np.log(2) for unit in spikes]
    np.testing.assert_allclose(information, expected, **EXACT)
    assert np.all(np.asarray(information) >= 0)


@given(pair=labelled_presented_spikes)
def test_correction_takes_the_first_order_bias_from_units_that_vary(pair):
    spikes, labels = pair
    trains = SpikeTrains.from_array(spikes)
    rates, weights = class_rates(trains, labels)
    varies = (spikes.any(axis=1)) & ~(spikes.all(axis=1))
    bias = (len(set(labels.tolist())) - 1) / (2 * len(labels) * np.log(2))
    plug_in = mutual_information(rates, weights, len(labels), corrected=False)
    corrected = mutual_information(rates, weights, len(labels))
    np.testing.assert_allclose(corrected, np.where(varies, plug_in - bias, 0), **EXACT)


def test_constant_units_carry_exactly_zero_bits():
    spikes = np.repeat([[False], [True]], 9, axis=1)
    for corrected in (False, True):
        np.testing.assert_array_equal(mutual_information(*rates_of(spikes, three_classes), 9, corrected), [0, 0])


def test_corrected_information_of_a_unit_without_any_is_negative():
    information = mutual_information(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), n=100)
    np.testing.assert_allclose(information, -1 / (200 * np.log(2)), rtol=1e-12)


def test_a_unit_that_tells_two_equal_classes_apart_carries_one_bit():
    information = mutual_information(np.array([[0.0, 1.0]]), np.array([0.5, 0.5]), n=8, corrected=False)
    np.testing.assert_array_equal(information, [1])


def test_rounding_makes_no_information_negative():
    rates = np.repeat(np.arange(101)[:, None] / 100, 7, axis=1)
    information = mutual_information(rates, class_weights(7), n=2800, corrected=False)
    assert information.min() == 0
    np.testing.assert_allclose(information, 0, atol=1e-12)


@pytest.mark.parametrize(("spikes_per_class", "tolerance"), [(25, 0.01), (5, 0.05), (1, 0.16)])
def test_bias_is_near_the_exact_mean_information_of_shuffled_labels(spikes_per_class, tolerance):
    classes, size = 10, 1000
    table = np.repeat([[spikes_per_class], [size - spikes_per_class]], classes, axis=1)
    exact = expected_mutual_information(table, classes * size) / np.log(2)
    rates, weights = np.full((1, classes), spikes_per_class / size), np.full(classes, 1 / classes)
    bias = -mutual_information(rates, weights, classes * size)[0]
    assert 1 - tolerance < bias / exact < 1


def test_bias_is_twice_the_exact_mean_information_of_one_spike_in_ten_classes():
    rates, weights = np.zeros((1, 10)), np.full(10, 0.1)
    rates[0, 0] = 1 / 1000
    information = mutual_information(rates, weights, 10_000, corrected=False)[0]
    bias = information - mutual_information(rates, weights, 10_000)[0]
    assert information == pytest.approx(np.log2(10) / 10_000, rel=1e-3)
    assert bias / information == pytest.approx(1.954, abs=0.001)


def test_mean_corrected_information_of_shuffled_labels_is_zero():
    labels = np.repeat([0, 1, 2, 3], [200, 400, 600, 800])
    spikes = bernoulli(np.full(len(labels), 0.3), units=3000)
    information = mutual_information(*rates_of(spikes, labels), len(labels))
    assert information.mean() == pytest.approx(0, abs=4 * information.std() / np.sqrt(len(information)))


def test_mean_information_over_all_orders_equals_that_of_scikit_learn():
    for spikes in range(1, 9):
        trains = trains_with_spikes(9, spikes)
        information = mutual_information(*rates_of(trains, three_classes), 9, corrected=False)
        table = np.array(
            [[np.sum(trains[0] & (three_classes == c)), np.sum(~trains[0] & (three_classes == c))] for c in (0, 4, 9)]
        )
        assert information.mean() == pytest.approx(expected_mutual_information(table.T, 9) / np.log(2), rel=1e-10)


def test_information_from_fewer_images_than_classes_is_refused():
    with pytest.raises(ValueError, match="expected at least one image for each of the 3 classes"):
        mutual_information(np.zeros((1, 3)), np.full(3, 1 / 3), n=2)


@given(pair=labelled_presented_spikes)
def test_intraclass_correlation_is_chi_squared_over_the_number_of_images(pair):
    spikes, labels = pair
    correlation = intraclass_correlation(*rates_of(spikes, labels)) if len(spikes) else []
    for unit, value in zip(spikes, correlation):
        if unit.all() or not unit.any():
            assert np.isnan(value)
            continue
        table = [[np.sum(unit & (labels == c)), np.sum(~unit & (labels == c))] for c in np.unique(labels)]
        expected = chi2_contingency(table, correction=False).statistic / len(labels) if len(table) > 1 else 0
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_intraclass_correlation_is_one_when_the_class_decides_and_zero_when_it_says_nothing():
    rates = np.array([[0.0, 1.0], [0.25, 0.25], [0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(intraclass_correlation(rates, np.array([0.3, 0.7])), [1, 0, np.nan, np.nan], atol=1e-15)


@pytest.mark.parametrize("labels", [three_classes, np.array([0, 1, 1, 1, 1, 1, 1, 1]), np.arange(6), np.zeros(5, int)])
def test_mean_intraclass_correlation_over_all_orders_is_its_null(labels):
    classes, images = len(np.unique(labels)), len(labels)
    for spikes in range(1, images):
        correlation = intraclass_correlation(*rates_of(trains_with_spikes(images, spikes), labels))
        assert correlation.mean() == pytest.approx(intraclass_correlation_null(classes, images), rel=1e-12)
        assert correlation.mean() == pytest.approx((classes - 1) / (images - 1), rel=1e-12)


def test_null_of_the_intraclass_correlation_is_undefined_below_two_images():
    assert np.isnan(intraclass_correlation_null(1, 1))
    assert np.isnan(intraclass_correlation_null(0, 0))


def test_variance_of_class_rates_over_all_orders_is_hypergeometric():
    rates, _ = rates_of(trains_with_spikes(9, 4), three_classes)
    for column, size in enumerate([4, 3, 2]):
        assert rates[:, column].mean() == pytest.approx(4 / 9, rel=1e-12)
        assert rates[:, column].var() == pytest.approx(hypergeom(9, 4, size).var() / size**2, rel=1e-12)
        assert rates[:, column].var() == pytest.approx(4 / 9 * 5 / 9 / size * (9 - size) / 8, rel=1e-12)


class_rate_arrays = st.tuples(st.integers(0, 5), st.integers(2, 7)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 12).map(lambda spikes: spikes / 12))
)


@given(rates=class_rate_arrays)
def test_selectivity_equals_a_plain_loop(rates):
    for value, unit in zip(selectivity(rates), rates.tolist()):
        highest = max(unit)
        others = list(unit)
        others.remove(highest)
        rest = sum(others) / len(others)
        if highest == 0:
            assert np.isnan(value)
        else:
            assert 0 <= value <= 1
            assert value == pytest.approx((highest - rest) / (highest + rest), rel=1e-12, abs=1e-12)


def test_selectivity_is_one_for_one_class_alone_and_zero_for_equal_rates():
    rates = np.array([[0.0, 0.2, 0.0], [0.1, 0.1, 0.1], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(selectivity(rates), [1, 0, 0, np.nan])


@pytest.mark.parametrize("classes", [0, 1])
def test_selectivity_is_undefined_below_two_classes(classes):
    np.testing.assert_array_equal(selectivity(np.ones((2, classes))), [np.nan, np.nan])


def test_selectivity_without_class_information_follows_the_rate():
    classes, size, draws = 10, 40_000, np.random.default_rng(3)
    largest_normal = draws.standard_normal((100_000, classes)).max(axis=1).mean()
    for rate in (0.1, 0.5, 0.9):
        rates = draws.binomial(size, rate, (20_000, classes)) / size
        expected = largest_normal * classes / (classes - 1) * np.sqrt((1 - rate) / (rate * size)) / 2
        assert selectivity(rates).mean() == pytest.approx(expected, rel=0.03)


@given(rates=class_rate_arrays, window=st.integers(1, 50))
def test_class_blocked_fano_equals_a_plain_loop(rates, window):
    weights = class_weights(rates.shape[1])
    for value, unit in zip(class_blocked_fano(rates, weights, window), rates):
        mean = sum(w * p for w, p in zip(weights, unit))
        if mean == 0:
            assert np.isnan(value)
            continue
        second_moment = sum(w * p**2 for w, p in zip(weights, unit))
        variance = sum(w * (p - mean) ** 2 for w, p in zip(weights, unit))
        assert value == pytest.approx(1 - second_moment / mean + window * variance / mean, rel=1e-12, abs=1e-12)


@given(rates=class_rate_arrays, window=st.integers(1, 50))
def test_class_blocked_fano_is_one_minus_rate_times_the_design_effect(rates, window):
    weights = class_weights(rates.shape[1])
    correlation = intraclass_correlation(rates, weights)
    varies = ~np.isnan(correlation)
    expected = (1 - rates @ weights) * (1 + (window - 1) * correlation)
    fano = class_blocked_fano(rates, weights, window)
    np.testing.assert_allclose(fano[varies], expected[varies], **EXACT)


@pytest.mark.parametrize("window", [1, 2, 4])
def test_class_blocked_fano_with_its_finite_factor_is_the_mean_of_elephant_over_all_orders_within_classes(window):
    images, spikes_in_class = 4, (1, 3)
    orders = product(*(trains_with_spikes(images, spikes) for spikes in spikes_in_class))
    trains = np.array([np.concatenate(order) for order in orders])
    labels = np.repeat([0, 1], images)
    fano = [fanofactor([np.arange(part.sum()) for part in train.reshape(-1, window)]) for train in trains]
    rates, weights = rates_of(trains, labels)
    finite = (images - window) / (images - 1)
    rate = 0.5
    within = np.mean([p * (1 - p) for p in (0.25, 0.75)]) / rate
    limit = class_blocked_fano(rates, weights, window)
    np.testing.assert_allclose(np.mean(fano), limit[0] - within * (1 - finite), rtol=1e-12)
    np.testing.assert_allclose(limit, limit[0], rtol=1e-12)


def test_class_blocked_fano_is_that_of_elephant_on_long_class_blocked_trains():
    window, labels = 20, np.repeat([2, 5, 6], [4000, 12_000, 8000])
    spikes = bernoulli(np.repeat([0.1, 0.4, 0.9], [4000, 12_000, 8000]), units=40)
    measured = [fanofactor([np.arange(part.sum()) for part in train.reshape(-1, window)]) for train in spikes]
    np.testing.assert_allclose(
        np.mean(class_blocked_fano(*rates_of(spikes, labels), window)), np.mean(measured), rtol=0.01
    )


def test_mean_class_blocked_fano_over_all_orders_of_labels_is_its_null():
    for spikes, window in product(range(1, 9), (1, 2, 5)):
        fano = class_blocked_fano(*rates_of(trains_with_spikes(9, spikes), three_classes), window)
        assert fano.mean() == pytest.approx((1 - spikes / 9) * (1 + (window - 1) * 2 / 8), rel=1e-12)


def test_class_blocked_fano_of_a_silent_unit_is_undefined_and_that_of_an_always_on_unit_is_zero():
    rates = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(class_blocked_fano(rates, np.array([0.1, 0.2, 0.7]), 20), [np.nan, 0])


def test_class_blocked_windows_below_one_image_are_refused():
    with pytest.raises(ValueError, match="window is 0"):
        class_blocked_fano(np.zeros((1, 2)), np.array([0.5, 0.5]), 0)


def test_measures_of_no_units_are_empty_and_those_of_no_images_are_undefined():
    for shape, expected in (((0, 9), np.zeros(0)), ((4, 0), np.full(4, np.nan))):
        rates, weights = rates_of(np.zeros(shape, bool), three_classes[: shape[1]])
        for measure in (
            mutual_information(rates, weights, shape[1]),
            mutual_information(rates, weights, shape[1], corrected=False),
            intraclass_correlation(rates, weights),
            selectivity(rates),
            class_blocked_fano(rates, weights, 20),
        ):
            np.testing.assert_array_equal(measure, expected)


def test_measures_of_one_class_carry_no_class_information():
    rates, weights = np.array([[0.3]]), np.array([1.0])
    assert mutual_information(rates, weights, 10)[0] == pytest.approx(0, abs=1e-12)
    assert intraclass_correlation(rates, weights)[0] == pytest.approx(0, abs=1e-12)
    assert class_blocked_fano(rates, weights, 20)[0] == pytest.approx(0.7, rel=1e-12)


def test_measures_of_very_long_trains_equal_scikit_learn_and_scipy():
    labels = np.random.default_rng(4).integers(0, 100, 200_003)
    spikes = bernoulli(0.2 + 0.006 * labels, units=2)
    rates, weights = rates_of(spikes, labels)
    information = mutual_information(rates, weights, len(labels), corrected=False)
    expected = [mutual_info_score(labels, unit) / np.log(2) for unit in spikes]
    np.testing.assert_allclose(information, expected, **EXACT)
    for unit, value in zip(spikes, intraclass_correlation(rates, weights)):
        table = [np.bincount(labels[unit], minlength=100), np.bincount(labels[~unit], minlength=100)]
        assert value == pytest.approx(chi2_contingency(table).statistic / len(labels), rel=1e-12)
