"""How often each test rejects Bernoulli trains, trains in random order, and trains which are neither, by simulation."""

from functools import cache

import numpy as np
import pytest
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

WINDOW = 150
ON_COUNTS = [binomial_dispersion, cochran_armitage_trend]
ON_TRAINS = [wald_wolfowitz_runs, ljung_box, cusum, interval_chi_square]
TESTS = [test.__name__ for test in [*ON_COUNTS, *ON_TRAINS, interval_kolmogorov_smirnov]]


def outcomes(spikes: np.ndarray) -> dict[str, Assumption]:
    trains = SpikeTrains.from_array(spikes)
    counts = trains.window_counts(WINDOW)
    made = {test.__name__: test(counts, WINDOW) for test in ON_COUNTS}
    made |= {test.__name__: test(trains) for test in ON_TRAINS}
    return made | {"interval_kolmogorov_smirnov": interval_kolmogorov_smirnov(trains, np.random.default_rng(9))}


def shares_rejected(spikes: np.ndarray, level: float = 0.05) -> dict[str, float]:
    """Share of the units whose p-value is below ``level``; every unit has to be tested."""
    made = outcomes(spikes)
    assert all(outcome.tested.all() for outcome in made.values())
    return {name: float(np.mean(outcome.p_value < level)) for name, outcome in made.items()}


def bernoulli(rate: float | np.ndarray, units: int, images: int) -> np.ndarray:
    return np.random.default_rng(1).random((units, images), dtype=np.float32) < rate


@cache
def sizes_on_bernoulli_trains(rate: float) -> dict[str, float]:
    return shares_rejected(bernoulli(rate, units=4000, images=6000 if rate < 0.1 else 3000))


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("test", TESTS)
def test_a_test_at_5_percent_rejects_about_5_percent_of_bernoulli_trains(test, rate):
    assert 0.035 < sizes_on_bernoulli_trains(rate)[test] < 0.065


@cache
def sizes_over_random_orders(rate: float) -> dict[str, float]:
    images = 3000
    fixed = np.tile(np.arange(images) < rate * images, (4000, 1))
    return shares_rejected(np.random.default_rng(2).permuted(fixed, axis=1))


@pytest.mark.parametrize("rate", [0.1, 0.6])
@pytest.mark.parametrize("test", TESTS)
def test_a_test_at_5_percent_rejects_about_5_percent_of_orders_of_fixed_images(test, rate):
    assert 0.035 < sizes_over_random_orders(rate)[test] < 0.065


@cache
def tails_on_sparse_trains() -> dict[str, float]:
    return shares_rejected(bernoulli(0.08, units=8000, images=3000), level=0.001)


@pytest.mark.parametrize("test", TESTS)
def test_p_values_as_small_as_benjamini_hochberg_asks_for_are_not_too_small_in_sparse_trains(test):
    assert tails_on_sparse_trains()[test] < 0.0025


def test_poisson_dispersion_calls_two_thirds_of_bernoulli_trains_under_dispersed_at_rate_03_and_100_windows():
    windows, rate = 100, 0.3
    counts = np.random.default_rng(3).binomial(WINDOW, rate, (20_000, windows))
    outcome = poisson_dispersion(counts, WINDOW)
    rejected = outcome.p_value < 0.05
    freedom = windows - 1
    expected = stats.chi2.cdf(stats.chi2.ppf(0.025, freedom) / (1 - rate), freedom)
    assert expected == pytest.approx(0.674, abs=0.001)
    assert rejected.mean() == pytest.approx(expected, abs=0.015)
    assert np.all(outcome.effect[rejected] < 1)


def test_poisson_dispersion_keeps_its_size_on_poisson_counts():
    counts = np.random.default_rng(4).poisson(12, (8000, 100))
    assert 0.035 < np.mean(poisson_dispersion(counts, WINDOW).p_value < 0.05) < 0.065


def markov_chain(rate: float, correlation: float, units: int, images: int) -> np.ndarray:
    """Trains that repeat the last outcome with probability ``correlation``, and draw anew otherwise."""
    generator = np.random.default_rng(5)
    spikes = generator.random((units, images)) < rate
    repeats = generator.random((units, images)) < correlation
    for image in range(1, images):
        spikes[:, image] = np.where(repeats[:, image], spikes[:, image - 1], spikes[:, image])
    return spikes


def class_blocked(rate: float, spread: float, units: int, images: int) -> np.ndarray:
    """Ten classes one after another; the rates of a unit over them vary by ``spread`` about ``rate``."""
    rates = np.random.default_rng(6).normal(rate, spread, (units, 10)).clip(0.02, 0.98)
    return bernoulli(np.repeat(rates, images // 10, axis=1), units, images)


@cache
def power(alternative: str) -> dict[str, float]:
    units, images = 300, 10_000
    trains = {
        "markov_chain": lambda: markov_chain(0.3, 0.25, units, images),
        "class_blocked": lambda: class_blocked(0.3, 0.1, units, images),
        "drifting": lambda: bernoulli(np.linspace(0.25, 0.35, images), units, images),
    }
    return shares_rejected(trains[alternative]())


@pytest.mark.parametrize(
    ("test", "alternative"),
    [
        ("wald_wolfowitz_runs", "markov_chain"),
        ("ljung_box", "markov_chain"),
        ("interval_chi_square", "markov_chain"),
        ("interval_kolmogorov_smirnov", "markov_chain"),
        ("binomial_dispersion", "markov_chain"),
        ("binomial_dispersion", "class_blocked"),
        ("cusum", "class_blocked"),
        ("ljung_box", "class_blocked"),
        ("cochran_armitage_trend", "drifting"),
        ("cusum", "drifting"),
    ],
)
def test_a_test_sees_what_it_is_meant_for(test, alternative):
    assert power(alternative)[test] > 0.8


@pytest.mark.parametrize(
    ("test", "alternative"),
    [
        ("cochran_armitage_trend", "markov_chain"),
        ("cusum", "markov_chain"),
        ("wald_wolfowitz_runs", "drifting"),
        ("interval_chi_square", "drifting"),
        ("interval_kolmogorov_smirnov", "drifting"),
    ],
)
def test_tests_of_stationarity_and_of_independence_tell_drift_from_correlation(test, alternative):
    assert power(alternative)[test] < 0.4


@pytest.mark.parametrize("test", TESTS)
def test_effects_of_a_fixed_alternative_do_not_grow_with_the_number_of_images(test):
    effects = [
        np.mean(outcomes(markov_chain(0.3, 0.3, units=100, images=images))[test].effect) for images in (3000, 12_000)
    ]
    assert abs(effects[1]) < abs(effects[0]) * 1.1 + 0.01
