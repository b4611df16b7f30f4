"""Fano factors against elephant, exact enumeration and closed forms."""

from itertools import combinations

import neo
import numpy as np
import pytest
import quantities as pq
from elephant.statistics import fanofactor
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikegrid.dispersion import fano_factor, fano_ratio
from spikegrid.trains import SpikeTrains, WindowSums


def fano_by_elephant(counts: np.ndarray) -> list[float]:
    """Fano factor of each unit by elephant, which takes one list of spike times for each window."""
    return [fanofactor([np.arange(count) for count in unit]) for unit in counts]


def sums_of(counts: np.ndarray) -> WindowSums:
    return WindowSums(counts.sum(axis=1), (counts**2).sum(axis=1), counts.shape[1])


def bernoulli(rate: float | np.ndarray, units: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).random((units, length)) < rate


@given(
    counts=st.tuples(st.integers(0, 4), st.integers(1, 12)).flatmap(
        lambda s: arrays(np.int64, s, elements=st.integers(0, 30))
    )
)
@example(counts=np.zeros((2, 5), np.int64))
@example(counts=np.full((2, 5), 9))
@example(counts=np.array([[3]]))
def test_fano_equals_that_of_elephant(counts):
    np.testing.assert_allclose(fano_factor(sums_of(counts)), fano_by_elephant(counts), rtol=1e-12)


def test_fano_of_packed_trains_equals_that_of_elephant_on_neo_spike_trains():
    spikes, window = bernoulli(0.3, units=4, length=120), 10
    expected = []
    for train in spikes:
        trials = [
            neo.SpikeTrain(np.flatnonzero(part) * pq.ms, t_start=0 * pq.ms, t_stop=window * pq.ms)
            for part in train.reshape(-1, window)
        ]
        expected.append(fanofactor(trials))
    windows = SpikeTrains.from_array(spikes).window_sums(window)
    np.testing.assert_allclose(fano_factor(windows), expected, rtol=1e-12)


def fano_over_all_orders(spikes: int, images: int, window: int) -> tuple[float, float]:
    """Mean of F and of F / (1 - p) over every placement of ``spikes`` among ``images``."""
    orders = [np.isin(np.arange(images), places) for places in combinations(range(images), spikes)]
    trains = SpikeTrains.from_array(np.array(orders))
    fano = fano_factor(trains.window_sums(window))
    return fano.mean(), fano_ratio(fano, trains.rates()).mean()


@pytest.mark.parametrize(("images", "window"), [(6, 2), (6, 3), (8, 4), (9, 3), (10, 5), (10, 2), (7, 1)])
def test_mean_fano_over_all_orders_is_the_hypergeometric_closed_form(images, window):
    for spikes in range(1, images):
        rate = spikes / images
        shrinkage = (images - window) / (images - 1)
        fano, ratio = fano_over_all_orders(spikes, images, window)
        assert fano == pytest.approx((1 - rate) * shrinkage, rel=1e-12)
        assert ratio == pytest.approx(shrinkage, rel=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7, 0.95])
def test_fano_of_shuffled_bernoulli_is_one_minus_rate(rate):
    fano = fano_factor(SpikeTrains.from_array(bernoulli(rate, units=400, length=10_000)).window_sums(20))
    standard_error = fano.std() / np.sqrt(len(fano))
    finite_sample = (10_000 - 20) / (10_000 - 1)
    assert fano.mean() == pytest.approx((1 - rate) * finite_sample, abs=4 * standard_error)


def test_fano_of_poisson_counts_is_one():
    counts = np.random.default_rng(2).poisson(4, (400, 500))
    assert fano_factor(sums_of(counts)).mean() == pytest.approx(1, abs=0.01)


def test_fano_of_class_blocked_windows_grows_with_the_variance_of_rates_over_classes():
    rates, window, windows_per_class = np.array([0.1, 0.4, 0.9]), 20, 400
    spikes = bernoulli(np.repeat(rates, window * windows_per_class), units=50, length=3 * window * windows_per_class)
    mean_rate = rates.mean()
    expected = 1 - np.mean(rates**2) / mean_rate + window * rates.var() / mean_rate
    fano = fano_factor(SpikeTrains.from_array(spikes).window_sums(window))
    assert fano.mean() == pytest.approx(expected, rel=0.01)


def test_fano_of_a_silent_unit_is_undefined_without_a_warning_and_that_of_an_always_on_unit_is_zero():
    with np.errstate(all="raise"):
        fano = fano_factor(sums_of(np.array([[0, 0, 0], [5, 5, 5]])))
    np.testing.assert_array_equal(fano, [np.nan, 0])


def test_fano_without_windows_is_undefined():
    np.testing.assert_array_equal(fano_factor(sums_of(np.zeros((3, 0), np.int64))), np.full(3, np.nan))


def test_fano_of_no_units_is_empty():
    assert fano_factor(sums_of(np.zeros((0, 5), np.int64))).shape == (0,)


def test_fano_does_not_overflow_for_long_windows():
    counts = np.array([[10**8, 3 * 10**8]])
    np.testing.assert_allclose(fano_factor(sums_of(counts)), [1e16 / 2e8])


def test_ratio_is_fano_over_one_minus_rate():
    np.testing.assert_allclose(fano_ratio(np.array([0.5, 0.9, 0.0]), np.array([0.5, 0.1, 0.75])), [1, 1, 0])


def test_ratio_is_undefined_for_silent_and_always_on_units():
    with np.errstate(all="raise"):
        ratio = fano_ratio(np.array([np.nan, 0.0]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(ratio, [np.nan, np.nan])
