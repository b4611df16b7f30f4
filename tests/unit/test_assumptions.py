"""Tests of assumptions against scipy, contingency tables, correlations and plain loops."""

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spikegrid.assumptions import (
    Assumption,
    binomial_dispersion,
    cochran_armitage_trend,
    cusum,
    ljung_box,
    poisson_dispersion,
    wald_wolfowitz_runs,
)
from spikegrid.interval_tests import interval_chi_square, interval_kolmogorov_smirnov
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

SEED = 11
ON_COUNTS = [binomial_dispersion, poisson_dispersion, cochran_armitage_trend]
ON_TRAINS = [wald_wolfowitz_runs, ljung_box, cusum, interval_chi_square]


@st.composite
def spike_arrays(draw: st.DrawFn) -> np.ndarray:
    """0 to 4 trains of equal length, each of its own rate, among them silent, always-on, sparse and clumped ones."""
    units, images = draw(st.integers(0, 4)), draw(st.sampled_from([0, 1, 2, 63, 64, 65, 400, 1500, 3000]))
    rates = draw(
        st.lists(st.sampled_from([0, 0.009, 0.02, 0.1, 0.3, 0.5, 0.9, 0.985, 1]), min_size=units, max_size=units)
    )
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    spikes = generator.random((units, images)) < np.reshape(rates, (units, 1))
    if draw(st.booleans()) and images:
        spikes[:, : images // 4] |= generator.random((units, images // 4)) < 0.3
    return spikes


def outcome_by_loop(spikes: np.ndarray, outcome_of_train: Callable[[np.ndarray], tuple | None]) -> Assumption:
    """Statistic, p-value and effect of one train at a time; None stands for a train which is not tested."""
    rows = [outcome_of_train(train.astype(int)) or (np.nan,) * 3 for train in spikes]
    return Assumption(*np.reshape(np.array(rows, float), (len(spikes), 3)).T)


def assert_same(found: Assumption, expected: Assumption) -> None:
    np.testing.assert_array_equal(found.tested, ~np.isnan(expected.p_value))
    for name in ("statistic", "p_value", "effect"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-12, err_msg=name)


def admitted(rate: float) -> bool:
    return 0.01 < rate < 0.99


def windows_of(train: np.ndarray, window: int) -> np.ndarray:
    return train[: len(train) // window * window].reshape(-1, window)


def two_sided(p_lower: float, p_upper: float) -> float:
    return min(2 * min(p_lower, p_upper), 1)


@given(spikes=spike_arrays(), window=st.sampled_from([1, 10, 25, 60]))
def test_binomial_dispersion_is_the_chi_square_of_the_table_of_spikes_and_silences_by_window(spikes, window):
    def by_scipy(train):
        table = windows_of(train, window)
        rate = table.mean() if table.size else np.nan
        if not (admitted(rate) and len(table) >= 10 and window * min(rate, 1 - rate) >= 5):
            return None
        counts = table.sum(axis=1)
        found = stats.chi2_contingency([counts, window - counts], correction=False)
        law = stats.chi2(len(table) - 1)
        p_value = two_sided(law.cdf(found.statistic), law.sf(found.statistic))
        return found.statistic, p_value, found.statistic / (len(table) - 1)

    counts = SpikeTrains.from_array(spikes).window_counts(window)
    assert_same(binomial_dispersion(counts, window), outcome_by_loop(spikes, by_scipy))


@given(spikes=spike_arrays(), window=st.sampled_from([1, 10, 25, 60]))
def test_poisson_dispersion_is_the_chi_square_of_equal_counts(spikes, window):
    def by_scipy(train):
        table = windows_of(train, window)
        rate = table.mean() if table.size else np.nan
        if not (admitted(rate) and len(table) >= 10 and window * min(rate, 1 - rate) >= 5):
            return None
        found, law = stats.chisquare(table.sum(axis=1)), stats.chi2(len(table) - 1)
        fano = np.var(table.sum(axis=1), ddof=1) / np.mean(table.sum(axis=1))
        return found.statistic, two_sided(law.cdf(found.statistic), law.sf(found.statistic)), fano

    counts = SpikeTrains.from_array(spikes).window_counts(window)
    assert_same(poisson_dispersion(counts, window), outcome_by_loop(spikes, by_scipy))


@given(spikes=spike_arrays(), window=st.sampled_from([1, 10, 25, 60]))
def test_trend_is_the_correlation_of_spike_and_window_times_the_root_of_the_number_of_images(spikes, window):
    def by_scipy(train):
        table = windows_of(train, window)
        rate = table.mean() if table.size else np.nan
        if not (admitted(rate) and len(table) >= 10 and table.size * min(rate, 1 - rate) >= 20):
            return None
        number = np.repeat(np.arange(len(table)), window)
        correlation = stats.pearsonr(number, table.ravel()).statistic
        z = correlation * np.sqrt(table.size)
        return z, 2 * stats.norm.sf(abs(z)), correlation

    counts = SpikeTrains.from_array(spikes).window_counts(window)
    assert_same(cochran_armitage_trend(counts, window), outcome_by_loop(spikes, by_scipy))


@given(spikes=spike_arrays())
def test_runs_equal_those_counted_one_after_another(spikes):
    def by_loop(train):
        n, n1 = len(train), int(train.sum())
        n0 = n - n1
        if not (n and admitted(n1 / n) and n * min(n1 / n, n0 / n) ** 2 >= 10):
            return None
        runs = sum(1 for _ in groupby(train))
        mean = 2 * n1 * n0 / n + 1
        variance = 2 * n1 * n0 * (2 * n1 * n0 - n) / (n**2 * (n - 1))
        z = (runs - mean) / np.sqrt(variance)
        return z, 2 * stats.norm.sf(abs(z)), 1 - runs / mean

    assert_same(wald_wolfowitz_runs(SpikeTrains.from_array(spikes)), outcome_by_loop(spikes, by_loop))


@given(spikes=spike_arrays(), lags=st.sampled_from([1, 2, 10, 500]))
def test_ljung_box_equals_a_loop_over_lags_of_centred_trains(spikes, lags):
    def by_loop(train):
        n = len(train)
        rate = train.mean() if n else np.nan
        enough = n > lags and n * rate * (1 - rate) >= 100 and n * min(rate, 1 - rate) ** 2 >= 10
        if not (enough and admitted(rate)):
            return None
        centred = train - rate
        r = np.array([np.sum(centred[lag:] * centred[:-lag]) for lag in range(1, lags + 1)]) / np.sum(centred**2)
        q = n * (n + 2) * np.sum(r**2 / (n - np.arange(1, lags + 1)))
        return q, stats.chi2.sf(q, lags), np.sqrt(np.mean(r**2))

    assert_same(ljung_box(SpikeTrains.from_array(spikes), lags), outcome_by_loop(spikes, by_loop))


@given(spikes=spike_arrays())
def test_cusum_equals_a_loop_over_images(spikes):
    def by_loop(train):
        n = len(train)
        rate = train.mean() if n else np.nan
        if not (admitted(rate) and n * min(rate, 1 - rate) >= 20):
            return None
        farthest = max(
            abs(sum_of_spikes - image * rate) for image, sum_of_spikes in enumerate(np.cumsum(train), start=1)
        )
        statistic = farthest / np.sqrt(n * rate * (1 - rate))
        return statistic, stats.kstwobign.sf(statistic), statistic / np.sqrt(n)

    assert_same(cusum(SpikeTrains.from_array(spikes)), outcome_by_loop(spikes, by_loop))


def chi_square_of_intervals(train: np.ndarray) -> tuple[float, float, float] | None:
    """Pool intervals 1, 2, … while a bin or the rest expects fewer than 5, and hand both rows of counts to scipy."""
    n = train.sum() - 1
    rate = train.mean() if len(train) else np.nan
    if not (admitted(rate) and n >= 50):
        return None
    intervals, law = np.diff(np.flatnonzero(train)), stats.geom(rate)
    edges = [0]
    for last in range(1, len(train)):
        if n * (law.cdf(last) - law.cdf(edges[-1])) >= 5 and n * law.sf(last) >= 5:
            edges.append(last)
    if len(edges) < 3:
        return None
    expected = n * np.diff([*law.cdf(edges), 1])
    bins = np.searchsorted(edges, intervals, side="left") - 1
    observed = np.bincount(bins, minlength=len(edges))
    found = stats.chisquare(observed, expected, ddof=1)
    return found.statistic, found.pvalue, np.sqrt(found.statistic / n)


@given(spikes=spike_arrays())
def test_interval_chi_square_equals_that_of_scipy_on_pooled_bins(spikes):
    assert_same(interval_chi_square(SpikeTrains.from_array(spikes)), outcome_by_loop(spikes, chi_square_of_intervals))


@given(spikes=spike_arrays())
def test_distance_of_rescaled_intervals_from_exp1_equals_that_of_scipy(spikes):
    found = interval_kolmogorov_smirnov(SpikeTrains.from_array(spikes), np.random.default_rng(SEED))
    generator = np.random.default_rng(SEED)
    for unit, train in enumerate(spikes):
        n = train.sum() - 1
        rate = train.mean() if len(train) else np.nan
        assert found.tested[unit] == (admitted(rate) and n >= 50)
        if found.tested[unit]:
            intervals = np.diff(np.flatnonzero(train))
            rescaled = -(intervals - 1) * np.log(1 - rate) - np.log(1 - generator.random(n) * rate)
            distance = stats.kstest(rescaled, "expon").statistic
            np.testing.assert_allclose(found.effect[unit], distance, rtol=1e-11)
            np.testing.assert_allclose(found.statistic[unit], (n**0.5 + 0.12 + 0.11 / n**0.5) * distance, rtol=1e-11)


def bootstrapped_distances(rate: float, images: int, draws: int) -> np.ndarray:
    """Distances √n D of simulated Bernoulli trains from Exp(1), p estimated anew in each, by scipy one at a time."""
    generator, distances = np.random.default_rng(SEED), []
    for train in generator.random((draws, images)) < rate:
        intervals, p = np.diff(np.flatnonzero(train)), train.mean()
        rescaled = -(intervals - 1) * np.log(1 - p) - np.log(1 - generator.random(len(intervals)) * p)
        distances.append(stats.kstest(rescaled, "expon").statistic * np.sqrt(len(intervals)))
    return np.array(distances)


@pytest.mark.parametrize(("rate", "images"), [(0.04, 4000), (0.25, 1000), (0.65, 400)])
def test_p_value_of_rescaled_intervals_is_that_of_a_parametric_bootstrap_and_not_that_of_a_given_rate(rate, images):
    spikes = np.random.default_rng(1).random((60, images)) < rate
    found = interval_kolmogorov_smirnov(SpikeTrains.from_array(spikes), np.random.default_rng(2))
    null = bootstrapped_distances(rate, images, draws=2000)
    expected = np.mean(null >= (found.effect * np.sqrt(spikes.sum(axis=1) - 1))[:, None], axis=1)
    assert np.all(np.abs(found.p_value - expected) < 5 * np.sqrt(expected * (1 - expected) / 2000) + 0.01)
    of_given_rate = stats.kstwobign.sf(found.statistic)
    assert np.abs(found.p_value - expected).mean() < 0.25 * np.abs(of_given_rate - expected).mean()


def outcomes(spikes: np.ndarray, window: int) -> list[Assumption]:
    trains = SpikeTrains.from_array(spikes)
    counts = trains.window_counts(window)
    made = [test(counts, window) for test in ON_COUNTS] + [test(trains) for test in ON_TRAINS]
    return [*made, interval_kolmogorov_smirnov(trains, np.random.default_rng(SEED))]


def test_units_tested_depend_on_the_rate_and_not_on_the_order_of_images():
    generator = np.random.default_rng(3)
    spikes = np.arange(2000) < (2000 * np.linspace(0, 1, 41)[:, None])
    for blocked, shuffled in zip(outcomes(spikes, 50), outcomes(generator.permuted(spikes, axis=1), 50)):
        np.testing.assert_array_equal(blocked.tested, shuffled.tested)
        assert 0 < blocked.tested.sum() < 41


def test_silent_always_on_and_nearly_so_units_are_not_tested():
    spikes = np.arange(10_000) < np.array([0, 1, 100, 9900, 9999, 10_000])[:, None]
    for outcome in outcomes(spikes, 500):
        for values in (outcome.statistic, outcome.p_value, outcome.effect):
            np.testing.assert_array_equal(values, np.full(6, np.nan))


@pytest.mark.parametrize("shape", [(0, 0), (0, 500), (3, 0), (3, 1), (3, 9)])
def test_without_units_or_images_nothing_is_tested(shape):
    for outcome in outcomes(np.ones(shape, bool), 1):
        np.testing.assert_array_equal(outcome.p_value, np.full(shape[0], np.nan))


def test_a_unit_is_judged_alike_alone_and_among_others():
    spikes = np.random.default_rng(4).random((5, 3000)) < np.array([[0.002], [0.1], [0.4], [1.0], [0.9]])
    together = outcomes(spikes, 60)[:-1]
    for unit in range(5):
        for whole, alone in zip(together, outcomes(spikes[[unit]], 60)[:-1]):
            np.testing.assert_allclose(alone.p_value[0], whole.p_value[unit], rtol=1e-12)


def test_spikes_and_silences_change_roles_without_changing_order_tests():
    spikes = np.random.default_rng(5).random((6, 2000)) < 0.3
    for test in (wald_wolfowitz_runs, ljung_box, cusum):
        one, other = test(SpikeTrains.from_array(spikes)), test(SpikeTrains.from_array(~spikes))
        np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-9)


def test_even_counts_are_rejected_as_clumped_ones_are():
    window, windows = 20, 100
    even = np.full((1, windows), 6)
    clumped = np.where(np.arange(windows) % 2, 12, 0)[None]
    for counts, effect in ((even, 0), (clumped, 36 / (20 * 0.3 * 0.7))):
        outcome = binomial_dispersion(counts, window)
        assert outcome.p_value[0] < 1e-10
        assert outcome.effect[0] == pytest.approx(effect * windows / (windows - 1))


def test_alternation_and_clumps_give_runs_effects_of_opposite_sign():
    alternating, clumped = np.arange(1000) % 2, np.arange(1000) // 10 % 2
    outcome = wald_wolfowitz_runs(SpikeTrains.from_array(np.array([alternating, clumped])))
    assert np.all(outcome.p_value < 1e-10)
    assert outcome.effect[0] == pytest.approx(-1, abs=0.01)
    assert outcome.effect[1] == pytest.approx(0.8, abs=0.01)


def test_cusum_of_a_train_that_falls_silent_half_way_lies_a_quarter_of_the_images_off():
    outcome = cusum(SpikeTrains.from_array(np.arange(1000)[None] < 500))
    assert outcome.effect[0] == pytest.approx(0.5, rel=1e-12)
    assert outcome.statistic[0] == pytest.approx(250 / np.sqrt(250), rel=1e-12)


@pytest.mark.parametrize("test", ON_COUNTS)
def test_counts_that_do_not_fit_their_window_are_refused(test):
    with pytest.raises(ValueError, match="window is 0"):
        test(np.zeros((2, 20), np.int64), 0)
    with pytest.raises(ValueError, match="a count is 7"):
        test(np.full((2, 20), 7), 6)


def test_no_lags_are_refused():
    with pytest.raises(ValueError, match="lags is 0"):
        ljung_box(SpikeTrains.from_array(np.zeros((1, 500), bool)), lags=0)


def test_randomized_p_values_are_the_same_for_the_same_seed():
    trains = SpikeTrains.from_array(np.random.default_rng(6).random((4, 2000)) < 0.4)
    first, second = (interval_kolmogorov_smirnov(trains, np.random.default_rng(SEED)).p_value for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_interval_tests_are_the_same_by_one_thread_and_by_two(threads):
    trains = SpikeTrains.from_array(np.random.default_rng(7).random((200, 1000)) < np.linspace(0, 1, 200)[:, None])

    def outcomes():
        return interval_chi_square(trains), interval_kolmogorov_smirnov(trains, np.random.default_rng(SEED))

    alone = outcomes()
    threads(2)
    for one, two in zip(alone, outcomes()):
        np.testing.assert_array_equal(one.statistic, two.statistic)


def test_rescaled_intervals_are_the_same_however_many_are_drawn_at_a_time(monkeypatch):
    spikes = np.random.default_rng(4).random((30, 900)) < np.linspace(0.1, 0.9, 30)[:, None]
    trains = SpikeTrains.from_array(spikes)
    at_once = interval_kolmogorov_smirnov(trains, np.random.default_rng(SEED))
    for number in (1, 700, 5000):
        monkeypatch.setattr("spikegrid.interval_tests._DRAWN_AT_ONCE", number)
        in_blocks = interval_kolmogorov_smirnov(trains, np.random.default_rng(SEED))
        np.testing.assert_array_equal(in_blocks.statistic, at_once.statistic)
