"""Correlations against numpy, scipy, plain loops and all orders of short trains."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

from spikegrid.correlations import (
    autocorrelation,
    independent_absolute_correlations,
    independent_absolute_noise_correlations,
    independent_mean_absolute_correlation,
    mean_absolute_correlation,
    noise_correlations,
    pair_correlations,
    population_fano,
    sampled_pairs,
)
from spikegrid.trains import SpikeTrains

spike_arrays = st.tuples(st.integers(0, 5), st.integers(0, 150)).flatmap(lambda shape: arrays(bool, shape))

RATES = np.array([[0.001], [0.2], [0.5], [0.95], [0.9999]])


def on_trains(test):
    """Run a property on random trains, on no units, no images, single ones, silent and always-on units, long trains."""
    for shape in [(0, 0), (0, 7), (3, 0), (1, 1), (2, 2), (2, 63), (3, 64), (1, 65), (2, 129)]:
        test = example(spikes=np.zeros(shape, bool))(example(spikes=np.ones(shape, bool))(test))
    test = example(spikes=np.random.default_rng(3).random((5, 20_001)) < RATES)(test)
    return given(spikes=spike_arrays)(test)


def pack(spikes: np.ndarray) -> SpikeTrains:
    return SpikeTrains.from_array(spikes)


def pairs_of(units: int) -> np.ndarray:
    """Every pair of units, a unit with itself too."""
    return np.array([(one, other) for one in range(units) for other in range(units)], np.int64).reshape(-1, 2)


def autocorrelation_by_numpy(train: np.ndarray, lags: int) -> list[float]:
    """Autocovariance of the centred train over its variance, N terms in the divisor of both."""
    if not 0 < train.sum() < len(train):
        return [np.nan] * lags
    centred = train - train.mean()
    return [
        centred[:-lag] @ centred[lag:] / (centred @ centred) if lag < len(train) else np.nan
        for lag in range(1, lags + 1)
    ]


@on_trains
def test_autocorrelation_is_that_of_the_centred_train(spikes):
    lags = 140
    found = autocorrelation(pack(spikes), lags)
    assert found.shape == (len(spikes), lags)
    expected = np.array([autocorrelation_by_numpy(train, lags) for train in spikes]).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_autocorrelation_is_that_of_statsmodels_on_an_example():
    # Written down from statsmodels 0.15.0: acf(train, nlags=4, adjusted=False)[1:].
    train = np.array([[1, 1, 0, 1, 0, 0, 0, 1, 1, 1]], bool)
    expected = [0.09999999999999999, 0.03333333333333329, -0.2833333333333333, -0.1833333333333333]
    np.testing.assert_allclose(autocorrelation(pack(train), 4), [expected], atol=1e-15)


def test_autocorrelation_of_one_silent_image_is_exact_for_very_long_trains():
    length, place = 3_000_000, 1_000_003
    always = np.ones((1, length), bool)
    always[0, place] = False
    # With a single 0 and q = 1/N: Σ (z-p)(z'-p) = -2q·p + (N-k-2)q², over N p q.
    q, lags = 1 / length, np.arange(1, 4)
    expected = (-2 * (1 - q) + (length - lags - 2) * q) / (length * (1 - q))
    for spikes in (always, ~always):
        np.testing.assert_allclose(autocorrelation(pack(spikes), 3)[0], expected, rtol=1e-12)


def test_autocorrelation_of_a_periodic_train_peaks_at_its_period():
    train = np.arange(1000) % 5 == 2
    found = autocorrelation(pack(train[None]), 10)[0]
    np.testing.assert_allclose(found[[4, 9]], [1 - 5 / 1000, 1 - 10 / 1000], rtol=1e-12)
    assert found[[0, 1, 2, 3, 5]].max() < 0


def test_autocorrelation_of_no_lags_is_empty_and_negative_lags_are_refused():
    assert autocorrelation(pack(np.eye(3, dtype=bool)), 0).shape == (3, 0)
    with pytest.raises(ValueError, match="lags is -1; expected at least 0"):
        autocorrelation(pack(np.eye(3, dtype=bool)), -1)


def orders(images: int, spikes: int) -> np.ndarray:
    """Every placement of ``spikes`` among ``images``, bool [orders, images]."""
    return np.array([np.isin(np.arange(images), places) for places in combinations(range(images), spikes)])


@pytest.mark.parametrize("images", [2, 5, 9])
def test_mean_autocorrelation_over_all_orders_is_slightly_negative(images):
    lags = np.arange(1, images)
    for spikes in range(1, images):
        found = autocorrelation(pack(orders(images, spikes)), images - 1).mean(axis=0)
        np.testing.assert_allclose(found, -(images - lags) / (images * (images - 1)), rtol=1e-12, atol=1e-15)


@on_trains
def test_population_fano_is_variance_of_the_sum_over_sum_of_variances(spikes):
    with np.errstate(all="ignore"):
        variances = spikes.var(axis=1).sum() if spikes.size else 0
        expected = spikes.sum(axis=0).var() / variances if variances > 1e-12 else np.nan
    assert population_fano(pack(spikes)) == pytest.approx(expected, rel=1e-11, nan_ok=True)


def test_population_fano_is_one_for_a_single_unit_units_for_copies_and_zero_for_complements():
    train = np.random.default_rng(5).random((1, 501)) < 0.3
    assert population_fano(pack(train)) == pytest.approx(1, rel=1e-12)
    assert population_fano(pack(np.repeat(train, 7, axis=0))) == pytest.approx(7, rel=1e-12)
    assert population_fano(pack(np.concatenate([train, ~train]))) == 0


def test_population_fano_over_all_orders_of_each_train_has_mean_one():
    one, other = orders(6, 2), orders(6, 3)
    values = [population_fano(pack(np.stack([first, second]))) for first in one for second in other]
    assert np.mean(values) == pytest.approx(1, rel=1e-12)


def test_population_fano_of_independent_units_is_near_one():
    values = [population_fano(pack(np.random.default_rng(seed).random((100, 4000)) < 0.2)) for seed in range(20)]
    assert np.mean(values) == pytest.approx(1, abs=4 * np.std(values) / np.sqrt(20))


def test_population_fano_does_not_depend_on_the_order_of_images():
    spikes = np.random.default_rng(6).random((9, 400)) < np.random.default_rng(7).random((9, 1))
    assert population_fano(pack(spikes[:, ::-1])) == pytest.approx(population_fano(pack(spikes)), rel=1e-12)


def pearson(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return pearsonr(one, other).statistic


@on_trains
def test_pair_correlations_are_those_of_scipy(spikes):
    pairs = pairs_of(len(spikes))
    expected = [pearson(*spikes[pair].astype(float)) for pair in pairs]
    np.testing.assert_allclose(pair_correlations(pack(spikes), pairs), expected, rtol=1e-12, atol=1e-12)


def test_pair_correlation_is_exactly_one_for_copies_and_minus_one_for_complements():
    train = np.random.default_rng(8).random(10_007) < 0.013
    found = pair_correlations(pack(np.stack([train, train, ~train])), np.array([[0, 1], [0, 2], [0, 0]]))
    np.testing.assert_array_equal(found, [1, -1, 1])


def test_pair_correlations_are_those_of_numpy_by_one_thread_and_by_two(threads):
    spikes = np.random.default_rng(9).random((12, 300)) < 0.4
    pairs = pairs_of(12)
    whole = pair_correlations(pack(spikes), pairs)
    np.testing.assert_allclose(whole, np.corrcoef(spikes).ravel(), atol=1e-12)
    threads(2)
    np.testing.assert_array_equal(pair_correlations(pack(spikes), pairs), whole)


def residuals(train: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The train less the mean of its class; rounding of a train that its class decides is set to 0."""
    rest = train.astype(float)
    for label in set(labels.tolist()):
        members = labels == label
        rest[members] -= 0 if not len(rest) else train[members].mean()
    rest[np.abs(rest) < 1e-12] = 0
    return rest


labelled_arrays = st.tuples(st.integers(0, 4), st.integers(0, 150)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(np.int16, shape[1], elements=st.integers(-2, 5)))
)


@given(labelled=labelled_arrays)
@example(labelled=(np.zeros((0, 0), bool), np.zeros(0, np.int16)))
@example(labelled=(np.zeros((3, 0), bool), np.zeros(0, np.int16)))
@example(labelled=(np.ones((2, 65), bool), np.arange(65) % 3))
@example(labelled=(np.eye(4, dtype=bool), np.arange(4)))
@example(labelled=(np.random.default_rng(1).random((5, 20_001)) < RATES, np.arange(20_001) % 7))
@example(labelled=(np.stack([np.arange(90) % 3 == 1, np.arange(90) < 40]), np.arange(90) % 3))
def test_noise_correlations_are_correlations_of_what_the_class_means_leave(labelled):
    spikes, labels = labelled
    pairs = pairs_of(len(spikes))
    rest = [residuals(train, labels) for train in spikes]
    expected = [pearson(rest[one], rest[other]) for one, other in pairs]
    np.testing.assert_allclose(noise_correlations(pack(spikes), pairs, labels), expected, rtol=1e-12, atol=1e-12)


@on_trains
def test_noise_correlations_of_a_single_class_are_pair_correlations(spikes):
    pairs = pairs_of(len(spikes))
    labels = np.full(spikes.shape[1], 4)
    np.testing.assert_array_equal(
        noise_correlations(pack(spikes), pairs, labels), pair_correlations(pack(spikes), pairs)
    )


def test_noise_correlation_is_undefined_where_the_class_decides_the_train():
    labels = np.arange(300) % 3
    spikes = np.stack([labels == 1, np.arange(300) % 7 == 0])
    assert np.isnan(noise_correlations(pack(spikes), np.array([[0, 1]]), labels))
    assert not np.isnan(pair_correlations(pack(spikes), np.array([[0, 1]])))


def test_trains_driven_by_the_class_alone_correlate_but_their_noise_does_not():
    rng = np.random.default_rng(10)
    labels = rng.integers(0, 4, 40_000)
    spikes = rng.random((2, 40_000)) < np.array([0.1, 0.3, 0.6, 0.9])[labels]
    pair = np.array([[0, 1]])
    assert pair_correlations(pack(spikes), pair)[0] > 0.3
    assert abs(noise_correlations(pack(spikes), pair, labels)[0]) < 4 / np.sqrt(40_000)


@pytest.mark.parametrize("function", [noise_correlations, independent_absolute_noise_correlations])
def test_labels_of_another_length_are_refused(function):
    with pytest.raises(ValueError, match=r"labels are int64 \[4\]; expected integers \[3\]"):
        function(pack(np.eye(3, dtype=bool)), np.array([[0, 1]]), np.arange(4))


@pytest.mark.parametrize("function", [pair_correlations, independent_absolute_correlations])
def test_pairs_of_another_shape_are_refused(function):
    with pytest.raises(ValueError, match=r"pairs have shape \(3,\); expected \[P, 2\]"):
        function(pack(np.eye(3, dtype=bool)), np.arange(3))


@pytest.mark.parametrize("unit", [-1, 3])
@pytest.mark.parametrize("function", [pair_correlations, independent_absolute_correlations])
def test_pairs_of_units_that_are_not_there_are_refused(function, unit):
    with pytest.raises(ValueError, match="expected 0 to 2"):
        function(pack(np.eye(3, dtype=bool)), np.array([[0, unit]]))


@pytest.mark.parametrize("units", [0, 1, 2, 3, 10, 101])
def test_pairs_up_to_the_limit_are_all_pairs_without_self_pairs(units):
    expected = list(combinations(range(units), 2))
    pairs = sampled_pairs(units, len(expected), seed=0)
    assert pairs.dtype == np.int64
    assert pairs.shape == (len(expected), 2)
    assert sorted(map(tuple, pairs.tolist())) == expected


@given(units=st.integers(3, 10**7), limit=st.integers(0, 300), seed=st.integers(0, 2**63 - 1))
@example(units=10**9, limit=1000, seed=1)
@example(units=3, limit=2, seed=1)
def test_sampled_pairs_are_distinct_ordered_and_repeatable(units, limit, seed):
    pairs = sampled_pairs(units, limit, seed)
    assert len(pairs) == min(limit, units * (units - 1) // 2)
    assert len(set(map(tuple, pairs.tolist()))) == len(pairs)
    first, second = pairs.T
    assert np.all((first >= 0) & (first < second) & (second < units))
    np.testing.assert_array_equal(sampled_pairs(units, limit, seed), pairs)


def test_sampled_pairs_are_uniform_over_pairs():
    counts = np.zeros((8, 8))
    draws, limit, pairs = 4000, 7, 28
    for seed in range(draws):
        first, second = sampled_pairs(8, limit, seed).T
        counts[first, second] += 1
    found = counts[np.triu_indices(8, 1)]
    assert found.sum() == draws * limit
    # Without repetition the counts of a pair vary by n f (1 - f), f = limit/pairs; 5 standard deviations.
    share = limit / pairs
    np.testing.assert_allclose(found, draws * share, atol=5 * np.sqrt(draws * share * (1 - share)))


def test_pairs_of_another_seed_are_another_sample():
    assert not np.array_equal(sampled_pairs(1000, 50, 1), sampled_pairs(1000, 50, 2))


@pytest.mark.parametrize(("units", "limit"), [(-1, 5), (5, -1)])
def test_negative_numbers_of_units_or_pairs_are_refused(units, limit):
    with pytest.raises(ValueError, match="expected at least 0 of each"):
        sampled_pairs(units, limit, 0)


def test_mean_absolute_correlation_counts_the_undefined_pairs_apart():
    rng = np.random.default_rng(11)
    spikes = rng.random((6, 200)) < 0.5
    spikes[2], spikes[4] = False, True
    labels = np.arange(200) % 5
    rest = np.array([residuals(train, labels) for train in spikes])
    active = [0, 1, 3, 5]
    upper = np.triu_indices(4, 1)
    pairs = sampled_pairs(6, 100, 0)
    mean, undefined = mean_absolute_correlation(pack(spikes), pairs)
    assert mean == pytest.approx(np.abs(np.corrcoef(spikes[active])[upper]).mean(), rel=1e-12)
    assert undefined == 15 - 6
    mean, undefined = mean_absolute_correlation(pack(spikes), pairs, labels)
    assert mean == pytest.approx(np.abs(np.corrcoef(rest[active])[upper]).mean(), rel=1e-12)
    assert undefined == 15 - 6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (3, 1), (2, 9)])
@pytest.mark.parametrize("fill", [np.zeros, np.ones])
def test_constant_trains_leave_everything_undefined_without_a_warning(shape, fill):
    trains, pairs, labels = pack(fill(shape, bool)), pairs_of(shape[0]), np.zeros(shape[1], int)
    assert np.isnan(population_fano(trains))
    assert np.isnan(autocorrelation(trains, 3)).all()
    for chosen in (None, labels):
        mean, undefined = mean_absolute_correlation(trains, pairs, chosen)
        assert np.isnan(mean)
        assert undefined == len(pairs)
    assert np.isnan(independent_absolute_correlations(trains, pairs)).all()
    assert np.isnan(independent_absolute_noise_correlations(trains, pairs, labels)).all()


@pytest.mark.parametrize(("images", "one", "other"), [(2, 1, 1), (6, 1, 4), (7, 3, 5), (8, 4, 4), (9, 1, 8)])
def test_correlations_over_all_orders_have_mean_zero_the_known_variance_and_the_stated_mean_size(images, one, other):
    fixed = (np.arange(images) < one)[None]
    spikes = np.concatenate([fixed, orders(images, other)])
    pairs = np.stack([np.zeros(len(spikes) - 1, int), np.arange(1, len(spikes))], axis=1)
    found = pair_correlations(pack(spikes), pairs)
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert (found**2).mean() == pytest.approx(1 / (images - 1), rel=1e-12)
    expected = independent_absolute_correlations(pack(spikes), pairs[:1])
    assert np.abs(found).mean() == pytest.approx(expected[0], rel=1e-12)


def mean_size_by_counting(length: int, one: int, other: int) -> float:
    """E|r| in whole numbers: every n11 weighed by its ways; |r| stays as it is when spikes and silences swap."""
    one, other = sorted((min(one, length - one), min(other, length - other)))
    if one == 0:
        return np.nan
    ways = [comb(other, both) * comb(length - other, one - both) for both in range(one + 1)]
    sizes = [abs(length * both - one * other) * way for both, way in enumerate(ways)]
    return float(Fraction(sum(sizes), comb(length, one))) / np.sqrt(one * (length - one) * other * (length - other))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 12, 50])
def test_mean_size_of_independent_correlations_is_that_of_counting_all_orders(length):
    spikes = np.tri(length + 1, length, -1, dtype=bool)  # unit u fires at u images
    expected = [mean_size_by_counting(length, one, other) for one, other in pairs_of(length + 1).tolist()]
    found = independent_absolute_correlations(pack(spikes), pairs_of(length + 1))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("length", [1000, 60_000])
def test_mean_size_of_independent_correlations_holds_for_long_trains(length):
    counts = [1, 3, 40, length // 50, length // 2, length - 40, length - 1]
    pairs = np.array([pair for pair in pairs_of(7) if not {*pair.tolist()} <= {3, 4}])
    expected = [mean_size_by_counting(length, counts[one], counts[other]) for one, other in pairs]
    found = independent_absolute_correlations(pack(np.arange(length) < np.array(counts)[:, None]), pairs)
    np.testing.assert_allclose(found, expected, rtol=length * 5e-15)


def test_mean_size_for_large_n_is_that_of_a_normal_correlation():
    assert independent_mean_absolute_correlation(10_001) == pytest.approx(np.sqrt(2 / (np.pi * 10_000)), rel=1e-12)
    assert independent_mean_absolute_correlation(1010, classes=10) == pytest.approx(np.sqrt(2 / (np.pi * 1000)))
    assert np.isnan(independent_mean_absolute_correlation(10, classes=10))
    assert np.isnan(independent_mean_absolute_correlation(0))


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.1, 0.3), (0.9, 0.2)])
def test_mean_size_for_large_n_agrees_with_the_exact_one_for_units_that_change_often(rates):
    spikes = np.arange(10_000) < 10_000 * np.array(rates)[:, None]
    exact = independent_absolute_correlations(pack(spikes), np.array([[0, 1]]))[0]
    assert independent_mean_absolute_correlation(10_000) == pytest.approx(exact, rel=1e-3)


def test_mean_size_for_large_n_is_far_too_high_for_rare_spikes():
    spikes = np.arange(1000) < np.array([[2], [2]])
    exact = independent_absolute_correlations(pack(spikes), np.array([[0, 1]]))[0]
    assert exact < independent_mean_absolute_correlation(1000) / 5


def test_independent_units_have_the_stated_mean_absolute_correlation():
    rng = np.random.default_rng(12)
    spikes = rng.random((150, 2000)) < rng.choice([0.002, 0.1, 0.5], (150, 1))
    pairs = sampled_pairs(150, 20_000, 0)
    mean, _ = mean_absolute_correlation(pack(spikes), pairs)
    assert mean == pytest.approx(np.nanmean(independent_absolute_correlations(pack(spikes), pairs)), rel=0.03)


def test_independent_noise_has_the_stated_mean_absolute_correlation_even_in_few_classes():
    rng = np.random.default_rng(13)
    labels = np.arange(2000) % 10
    rates = np.where(np.arange(10) < 2, 0.5, 0.02)  # units that change in two classes of ten
    spikes = rng.random((120, 2000)) < rates[labels]
    pairs = sampled_pairs(120, 20_000, 0)
    mean, _ = mean_absolute_correlation(pack(spikes), pairs, labels)
    expected = independent_absolute_noise_correlations(pack(spikes), pairs, labels).mean()
    assert mean == pytest.approx(expected, rel=0.03)
    assert mean > 1.4 * independent_mean_absolute_correlation(2000, 10)


def test_variance_of_noise_correlation_over_all_orders_within_classes_is_the_stated_one():
    labels = np.repeat([0, 1], [4, 5])
    fixed = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0], bool)
    shuffled = [np.concatenate([first, second]) for first in orders(4, 2) for second in orders(5, 3)]
    spikes = np.stack([fixed, *shuffled])
    pairs = np.stack([np.zeros(len(shuffled), int), np.arange(1, len(spikes))], axis=1)
    found = noise_correlations(pack(spikes), pairs, labels)
    expected = independent_absolute_noise_correlations(pack(spikes), pairs[:1], labels)[0]
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert np.sqrt(2 / np.pi * (found**2).mean()) == pytest.approx(expected, rel=1e-12)
