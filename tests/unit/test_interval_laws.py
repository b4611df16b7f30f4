"""Histograms of intervals and the laws beside them, against scipy, elephant and all orders of short trains."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from elephant.statistics import isi
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare, expon, geom

from spikegrid.interval_laws import IntervalHistogram, interval_histogram
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

spike_arrays = st.tuples(st.integers(0, 5), st.integers(1, 150)).flatmap(lambda shape: arrays(bool, shape))


def histogram_of(spikes: np.ndarray) -> IntervalHistogram:
    return interval_histogram(SpikeTrains.from_array(spikes))


def on_trains(test):
    """Run a property on random trains, on none, single images, silent and always-on units, equal and sparse units."""
    for shape in [(0, 5), (1, 1), (2, 2), (3, 64), (2, 65)]:
        test = example(spikes=np.zeros(shape, bool))(example(spikes=np.ones(shape, bool))(test))
    mixed = np.random.default_rng(3).random((7, 3000)) < [[0], [1], [0.001], [0.01], [0.2], [0.5], [0.97]]
    return given(spikes=spike_arrays)(example(spikes=np.vstack([mixed, mixed[4:]]))(test))


@on_trains
def test_observed_numbers_are_those_of_all_units_together(spikes):
    pooled = np.concatenate([*(isi(np.flatnonzero(train)) for train in spikes), []]).astype(int)
    observed = histogram_of(spikes).observed
    assert observed.dtype == np.int64
    assert len(observed) == pooled.max(initial=0)
    assert observed.tolist() == [np.count_nonzero(pooled == length + 1) for length in range(len(observed))]


@on_trains
def test_expected_numbers_are_sums_over_units_of_the_laws_of_scipy(spikes):
    histogram = histogram_of(spikes)
    lengths = np.arange(1, len(histogram.observed) + 1)
    geometric, exponential = np.zeros(len(lengths)), np.zeros(len(lengths))
    for train in spikes:
        number, rate = max(train.sum() - 1, 0), train.mean()
        if number:
            geometric += number * geom.pmf(lengths, rate)
            exponential += number * (expon.cdf(lengths, scale=1 / rate) - expon.cdf(lengths - 1, scale=1 / rate))
    np.testing.assert_allclose(histogram.geometric, geometric, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(histogram.exponential, exponential, rtol=1e-9, atol=1e-9)


@on_trains
def test_laws_sum_to_at_most_the_number_of_intervals(spikes):
    histogram = histogram_of(spikes)
    total = np.maximum(spikes.sum(axis=1) - 1, 0).sum()
    assert histogram.observed.sum() == total
    for law in (histogram.geometric, histogram.exponential):
        assert law.dtype == np.float64
        assert (law >= 0).all()
        assert law.sum() <= total * (1 + 1e-12)


def test_laws_lack_only_what_they_expect_beyond_the_longest_interval():
    spikes = np.random.default_rng(0).random((4, 5000)) < [[0.05], [0.2], [0.4], [0.9]]
    histogram = histogram_of(spikes)
    number, rate, longest = spikes.sum(axis=1) - 1, spikes.mean(axis=1), len(histogram.observed)
    assert histogram.geometric.sum() == pytest.approx(number.sum() - (number * geom.sf(longest, rate)).sum())
    assert histogram.exponential.sum() == pytest.approx(
        number.sum() - (number * expon.sf(longest, scale=1 / rate)).sum()
    )


def test_silent_units_and_those_of_one_spike_have_no_interval():
    spikes = np.zeros((3, 50), bool)
    spikes[1, 20] = spikes[2, 0] = True
    for part in histogram_of(spikes).__dict__.values():
        assert part.shape == (0,)


def test_always_on_unit_has_intervals_of_one_image_as_its_geometric_law_says():
    histogram = histogram_of(np.ones((2, 30), bool))
    assert histogram.observed.tolist() == [58]
    assert histogram.geometric.tolist() == [58]
    assert histogram.exponential.tolist() == pytest.approx([58 * (1 - np.exp(-1))])


def test_always_on_unit_beside_a_sparse_one_expects_no_longer_interval():
    spikes = np.ones((2, 40), bool)
    spikes[1, 1:] = False
    spikes[1, 31] = True
    histogram = histogram_of(spikes)
    assert histogram.observed.tolist() == [39] + [0] * 29 + [1]
    rare = geom.pmf(np.arange(1, 32), 2 / 40)
    np.testing.assert_allclose(histogram.geometric, rare + np.array([39] + [0] * 30), rtol=1e-12)


def test_units_do_not_matter_one_by_one_but_in_sum():
    spikes = np.random.default_rng(0).random((6, 400)) < 0.3
    together, parts = histogram_of(spikes), [histogram_of(spikes[:2]), histogram_of(spikes[2:])]
    shortest = min(len(part.observed) for part in parts)
    for name in ("geometric", "exponential", "observed"):
        summed = sum(getattr(part, name)[:shortest] for part in parts)
        np.testing.assert_allclose(getattr(together, name)[:shortest], summed, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_intervals_of_bernoulli_trains_follow_the_geometric_law_and_not_the_exponential(rate):
    histogram = histogram_of(np.random.default_rng(5).random((40, 10_000)) < rate)
    common = histogram.geometric >= 20

    def p_value(law: np.ndarray) -> float:
        expected = law[common] * histogram.observed[common].sum() / law[common].sum()
        return chisquare(histogram.observed[common], expected, ddof=1).pvalue

    assert p_value(histogram.geometric) > 1e-3
    assert (p_value(histogram.exponential) > 1e-3) == (rate < 0.1), "the exponential law is right for p → 0 alone"


def test_rates_that_differ_give_a_heavier_tail_than_one_law_of_their_mean():
    spikes = np.random.default_rng(5).random((200, 2000)) < np.random.default_rng(6).beta(0.5, 1.5, (200, 1))
    histogram = histogram_of(spikes)
    mixture, total = histogram.geometric, histogram.observed.sum()
    tail = np.arange(1, len(mixture) + 1) > 30
    assert mixture[tail].sum() == pytest.approx(histogram.observed[tail].sum(), rel=0.1)
    assert total * geom.sf(30, spikes.mean()) < histogram.observed[tail].sum() / 5


@pytest.mark.parametrize(("images", "fired"), [(6, 2), (8, 3), (9, 5), (10, 9), (10, 10), (11, 4)])
def test_interval_law_over_all_orders_of_a_short_train_is_that_of_the_docstring(images, fired):
    """Number of intervals of length i over all orders: (n - 1) C(N, n) · C(N - i, n - 1)/C(N, n)."""
    places = [np.diff(chosen) for chosen in combinations(range(images), fired)]
    counts = np.bincount(np.concatenate(places), minlength=images)[1:]
    expected = [(fired - 1) * comb(images - i, fired - 1) for i in range(1, images)]
    assert counts.tolist() == expected
    shares = np.array(expected) / ((fired - 1) * comb(images, fired))
    law = geom.pmf(np.arange(1, images), fired / images)
    far = np.arange(1, images) * (fired - 1) > 2 * images
    assert (shares[far] <= law[far]).all(), "the tail is below the geometric law where the train ends"


def test_random_orders_of_one_train_have_the_intervals_of_the_exact_law():
    images, fired = 60, 12
    shuffled = np.random.default_rng(0).permuted(np.tile(np.arange(images) < fired, (4000, 1)), axis=1)
    histogram = histogram_of(shuffled)
    lengths = np.arange(1, len(histogram.observed) + 1)
    exact = np.array([comb(images - i, fired - 1) / comb(images, fired) for i in range(1, images)])
    assert exact.sum() == pytest.approx(1, abs=1e-12)
    expected = 4000 * (fired - 1) * exact[: len(lengths)]
    error = np.sqrt(expected + 1)
    np.testing.assert_array_less(np.abs(histogram.observed - expected), 5 * error)
    tail = lengths > 2 * images / (fired - 1)
    assert histogram.observed[tail].sum() < histogram.geometric[tail].sum() - 5 * np.sqrt(expected[tail].sum())


def test_class_blocked_trains_have_more_short_and_long_intervals_than_the_geometric_law():
    labels = np.repeat(np.arange(10), 100)
    rates = np.where(labels == 3, 0.8, 0.02)
    histogram = histogram_of(np.random.default_rng(0).random((50, 1000)) < rates)
    assert histogram.observed[0] > 3 * histogram.geometric[0]
    assert histogram.observed[100:].sum() > 3 * histogram.geometric[100:].sum()
