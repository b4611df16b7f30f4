"""Summaries of tests and fits of a layer against scipy, and on trains whose process is known."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from spikegrid.assumptions import Assumption, binomial_dispersion, poisson_dispersion, wald_wolfowitz_runs
from spikegrid.count_models import count_histogram, fit_count_models
from spikegrid.process_fit import assumption_summary, assumption_tests, count_summary, rate_summary
from spikegrid.rate_models import fit_rate_models
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

TESTS = [
    *("poisson_dispersion", "binomial_dispersion", "interval_chi_square", "interval_kolmogorov_smirnov"),
    *("wald_wolfowitz_runs", "ljung_box", "cochran_armitage_trend", "cusum"),
]
BERNOULLI_TESTS = TESTS[1:]
COUNT_MODELS = {
    "poisson": ["rate"],
    "binomial": ["probability"],
    "negative_binomial": ["mean", "size"],
    "beta_binomial": ["alpha", "beta"],
}
RATE_MODELS = {
    "beta": ["alpha", "beta"],
    "gamma": ["shape", "scale"],
    "lognormal": ["mu", "sigma"],
    "exponential": ["scale"],
}
RATES = np.random.default_rng(0).uniform(0.3, 0.7, (60, 1))
IMAGES = 3000

p_values = st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), min_size=1, max_size=40).map(np.array)


def pack(spikes: np.ndarray) -> SpikeTrains:
    return SpikeTrains.from_array(spikes)


def bernoulli(seed: int = 1, rates: np.ndarray = RATES, images: int = IMAGES) -> np.ndarray:
    return np.random.default_rng(seed).random((len(rates), images)) < rates


def markov(seed: int = 1, repeat: float = 0.2) -> np.ndarray:
    """Trains of the rates of RATES that repeat the last image's outcome with probability ``repeat``."""
    fresh, kept = bernoulli(seed), np.random.default_rng(seed + 99).random((len(RATES), IMAGES)) < repeat
    last = np.maximum.accumulate(np.where(kept, 0, np.arange(IMAGES)), axis=1)
    return np.take_along_axis(fresh, last, axis=1)


def blocked(seed: int = 1, classes: int = 10) -> np.ndarray:
    """Trains whose rate changes with the class, one class after the other."""
    generator = np.random.default_rng(seed)
    by_class = generator.uniform(0.3, 0.7, (len(RATES), classes))
    return generator.random((len(RATES), IMAGES)) < np.repeat(by_class, IMAGES // classes, axis=1)


def summarized(spikes: np.ndarray, window: int = 20, level: float = 0.05) -> dict[str, float]:
    return assumption_summary(assumption_tests(pack(spikes), window, 10, np.random.default_rng(0)), level)


def outcome(p_value: np.ndarray, effect: np.ndarray | None = None) -> Assumption:
    return Assumption(p_value, p_value, np.where(np.isnan(p_value), np.nan, 1) if effect is None else effect)


# --- shares ---


@given(p=p_values, level=st.sampled_from([0.01, 0.05, 0.2]))
def test_shares_are_those_of_scipy_on_the_same_p_values(p, level):
    tested = ~np.isnan(p)
    summary = assumption_summary({"runs": outcome(p, 3 * p)}, level)
    assert list(summary) == ["runs_tested", "runs_passing", "runs_effect"]
    assert summary["runs_tested"] == tested.mean()
    if tested.any():
        adjusted = stats.false_discovery_control(p[tested], method="bh")
        assume((np.abs(adjusted - level) > 1e-12).all())  # rounding decides there
        assert summary["runs_passing"] == pytest.approx((adjusted > level).mean())
        assert summary["runs_effect"] == pytest.approx(3 * p[tested].mean())
    else:
        assert np.isnan([summary["runs_passing"], summary["runs_effect"]]).all()


def test_adjustment_is_within_a_test_and_not_over_all_of_them():
    weak = np.array([0.04, 0.04])
    alone = assumption_summary({"a": outcome(weak)}, 0.05)["a_passing"]
    beside = assumption_summary({"a": outcome(weak), "b": outcome(np.full(50, 0.9))}, 0.05)["a_passing"]
    assert alone == beside == 0


def test_unit_that_just_reaches_the_level_fails():
    assert assumption_summary({"a": outcome(np.array([0.05, 0.5]))}, 0.1)["a_passing"] == 0.5
    assert assumption_summary({"a": outcome(np.array([0.05]))}, 0.05)["a_passing"] == 0


def test_layer_without_units_has_no_shares():
    summary = summarized(np.zeros((0, 400), bool))
    assert list(summary) == [f"{test}_{what}" for test in TESTS for what in ("tested", "passing", "effect")]
    assert np.isnan(list(summary.values())).all()


def test_every_test_has_its_place_and_is_that_of_its_name():
    trains = pack(bernoulli())
    outcomes = assumption_tests(trains, 20, 10, np.random.default_rng(0))
    assert list(outcomes) == TESTS
    counts = trains.window_counts(20)
    for name, expected in {
        "poisson_dispersion": poisson_dispersion(counts, 20),
        "binomial_dispersion": binomial_dispersion(counts, 20),
        "wald_wolfowitz_runs": wald_wolfowitz_runs(trains),
    }.items():
        np.testing.assert_array_equal(outcomes[name].p_value, expected.p_value)


def test_randomized_test_depends_on_the_generator_alone():
    trains = pack(bernoulli())
    p = [
        assumption_tests(trains, 20, 10, np.random.default_rng(seed))["interval_kolmogorov_smirnov"].p_value
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(p[0], p[1])
    assert (p[0] != p[2]).all()


# --- processes that are known ---


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bernoulli_trains_pass_every_test_of_a_bernoulli_process_and_fail_poisson_counts(seed):
    summary = summarized(bernoulli(seed))
    for test in BERNOULLI_TESTS:
        assert summary[f"{test}_tested"] == 1, test
        assert summary[f"{test}_passing"] >= 0.95, test
    assert summary["poisson_dispersion_passing"] < 0.2
    assert summary["poisson_dispersion_effect"] == pytest.approx(1 - RATES.mean(), abs=0.02)
    assert summary["binomial_dispersion_effect"] == pytest.approx(1, abs=0.02)


def test_random_order_makes_any_train_pass():
    for spikes in (markov(), blocked()):
        shuffled = np.random.default_rng(0).permuted(spikes, axis=1)
        summary = summarized(shuffled)
        assert min(summary[f"{test}_passing"] for test in BERNOULLI_TESTS) >= 0.95


def test_markov_chain_fails_independence_and_keeps_its_rate_constant():
    summary = summarized(markov())
    assert summary["wald_wolfowitz_runs_passing"] == 0
    assert summary["ljung_box_passing"] < 0.05
    assert summary["interval_chi_square_passing"] < 0.2
    assert summary["wald_wolfowitz_runs_effect"] == pytest.approx(0.2, abs=0.02)
    assert summary["cochran_armitage_trend_passing"] > 0.9
    for test in BERNOULLI_TESTS:
        assert summary[f"{test}_tested"] == 1


def test_rates_that_change_with_blocked_classes_fail_dispersion_and_stationarity():
    summary = summarized(blocked())
    assert summary["binomial_dispersion_passing"] < 0.05
    assert summary["binomial_dispersion_effect"] > 1.5
    assert summary["cusum_passing"] < 0.05
    assert summary["ljung_box_passing"] < 0.2


def test_rate_that_rises_fails_the_trend():
    rising = np.random.default_rng(0).random((40, IMAGES)) < np.linspace(0.4, 0.6, IMAGES)
    summary = summarized(rising)
    assert summary["cochran_armitage_trend_passing"] < 0.05
    assert summary["cochran_armitage_trend_effect"] > 0.05


def test_only_units_that_vary_enough_are_tested():
    spikes = np.vstack([bernoulli()[:10], np.zeros((20, IMAGES), bool), np.ones((10, IMAGES), bool)])
    summary, alone = summarized(spikes), summarized(bernoulli()[:10])
    for test in BERNOULLI_TESTS:
        assert summary[f"{test}_tested"] == 0.25
    for what in ("passing", "effect"):
        assert summary[f"cusum_{what}"] == alone[f"cusum_{what}"], "units that are not tested do not weigh"


@pytest.mark.parametrize(
    "spikes",
    [
        np.zeros((4, 400), bool),
        np.ones((4, 400), bool),
        np.arange(1600).reshape(4, 400) % 400 == 17,
        np.array([[True, False] * 15]),
    ],
    ids=["silent", "always on", "one spike each", "few images"],
)
def test_layer_in_which_no_unit_can_be_tested_is_undefined_without_a_warning(spikes):
    summary = summarized(spikes)
    for test in TESTS:
        assert summary[f"{test}_tested"] == 0
        assert np.isnan([summary[f"{test}_passing"], summary[f"{test}_effect"]]).all()


# --- models ---


def columns(prefix: str, models: dict[str, list[str]]) -> list[str]:
    names = [f"{prefix}_model", f"{prefix}_model_bic"]
    for model, parameters in models.items():
        name = f"{prefix}_{model}"
        names += [f"{name}_{parameter}{suffix}" for parameter in parameters for suffix in ("", "_se")]
        names += [f"{name}_{criterion}" for criterion in ("aic", "bic", "ks")]
    return names


def test_summaries_have_the_same_columns_whatever_the_layer():
    for spikes in (bernoulli(), np.zeros((3, 100), bool), np.ones((1, 100), bool), bernoulli()[:1]):
        assert list(count_summary(pack(spikes), 20)) == [*columns("count", COUNT_MODELS), "units_binomial"]
        assert list(rate_summary(pack(spikes))) == [*columns("rate", RATE_MODELS), "rate_left_out"]


def test_values_are_those_of_the_fits():
    trains = pack(bernoulli(rates=np.random.default_rng(3).beta(0.8, 2, (200, 1)), images=400))
    fits = {
        "count": fit_count_models(count_histogram(trains.window_counts(20), 20)),
        "rate": fit_rate_models(trains.rates()),
    }
    summaries = {"count": count_summary(trains, 20), "rate": rate_summary(trains)}
    for prefix, of_prefix in fits.items():
        for fit in of_prefix:
            name = f"{prefix}_{fit.model}"
            for parameter, value in fit.parameters.items():
                assert summaries[prefix][f"{name}_{parameter}"] == value
                assert summaries[prefix][f"{name}_{parameter}_se"] == fit.standard_errors[parameter]
            for what, value in (("aic", fit.aic), ("bic", fit.bic), ("ks", fit.ks_distance)):
                assert summaries[prefix][f"{name}_{what}"] == value


@pytest.mark.parametrize("seed", range(4))
def test_chosen_models_are_those_of_lowest_aic_and_bic(seed):
    rates = np.random.default_rng(seed).beta(1 + seed, 4, (80, 1))
    trains = pack(bernoulli(seed, rates, 400))
    for summary, prefix, models in (
        (count_summary(trains, 20), "count", COUNT_MODELS),
        (rate_summary(trains), "rate", RATE_MODELS),
    ):
        for suffix, criterion in (("", "aic"), ("_bic", "bic")):
            values = {model: summary[f"{prefix}_{model}_{criterion}"] for model in models}
            assert summary[f"{prefix}_model{suffix}"] == min(values, key=values.get)


def test_aic_and_bic_are_those_of_the_likelihood_of_scipy():
    trains = pack(bernoulli())
    counts, summary = trains.window_counts(20).ravel(), count_summary(trains, 20)
    laws = {
        "poisson": stats.poisson(summary["count_poisson_rate"]),
        "binomial": stats.binom(20, summary["count_binomial_probability"]),
        "beta_binomial": stats.betabinom(20, summary["count_beta_binomial_alpha"], summary["count_beta_binomial_beta"]),
    }
    for model, law in laws.items():
        number, log_likelihood = len(COUNT_MODELS[model]), law.logpmf(counts).sum()
        assert summary[f"count_{model}_aic"] == pytest.approx(2 * number - 2 * log_likelihood, rel=1e-9)
        bic = number * np.log(len(counts)) - 2 * log_likelihood
        assert summary[f"count_{model}_bic"] == pytest.approx(bic, rel=1e-9)


def test_units_of_one_rate_have_binomial_counts_and_those_of_many_rates_beta_binomial_ones():
    alike = count_summary(pack(bernoulli(1, np.full((100, 1), 0.4), 2000)), 20)
    assert alike["count_model_bic"] == "binomial"
    assert alike["count_binomial_probability"] == pytest.approx(0.4, abs=0.005)
    rates = np.random.default_rng(0).beta(2, 5, (400, 1))
    spread, of_rates = (summary for summary in both(pack(bernoulli(1, rates, 2000))))
    assert spread["count_model"] == spread["count_model_bic"] == "beta_binomial"
    assert of_rates["rate_model"] == of_rates["rate_model_bic"] == "beta"
    for parameter, true in (("alpha", 2), ("beta", 5)):
        assert of_rates[f"rate_beta_{parameter}"] == pytest.approx(true, rel=0.2)
        assert spread[f"count_beta_binomial_{parameter}"] == pytest.approx(true, rel=0.2)


def both(trains: SpikeTrains) -> tuple[dict, dict]:
    return count_summary(trains, 20), rate_summary(trains)


def test_overdispersion_of_counts_under_a_random_order_is_that_of_the_rates():
    rates = np.random.default_rng(0).beta(2, 5, (400, 1))
    spikes = np.random.default_rng(1).random((400, 2000)) < rates
    summary = count_summary(pack(spikes), 20)
    overdispersion = 1 / (summary["count_beta_binomial_alpha"] + summary["count_beta_binomial_beta"] + 1)
    assert overdispersion == pytest.approx(rates.var() / (rates.mean() * (1 - rates.mean())), rel=0.1)


@given(seed=st.integers(0, 10**6), window=st.sampled_from([1, 4, 20]))
def test_share_of_binomial_units_is_that_of_scipy_over_units_that_vary(seed, window):
    generator = np.random.default_rng(seed)
    spikes = generator.random((8, 80)) < generator.choice([0, 0.02, 0.3, 0.8, 1], (8, 1))
    counts = spikes.reshape(8, -1, window).sum(axis=2)
    likelier = []
    for unit in counts[(counts.sum(axis=1) > 0) & (counts.sum(axis=1) < 80)]:
        binomial = stats.binom(window, unit.mean() / window).logpmf(unit).sum()
        likelier.append(binomial > stats.poisson(unit.mean()).logpmf(unit).sum())
    share = count_summary(pack(spikes), window)["units_binomial"]
    np.testing.assert_allclose(share, np.mean(likelier) if likelier else np.nan)


def test_units_left_out_of_the_rates_are_the_dead_and_the_always_on_ones():
    spikes = np.vstack([bernoulli()[:5], np.zeros((2, IMAGES), bool), np.ones((4, IMAGES), bool)])
    summary, alone = rate_summary(pack(spikes)), rate_summary(pack(bernoulli()[:5]))
    assert (summary.pop("rate_left_out"), alone.pop("rate_left_out")) == (6, 0)
    assert summary == alone


@pytest.mark.parametrize("fires", [False, True])
def test_layer_without_a_unit_that_varies_has_no_model_of_rates_and_no_warning(fires):
    trains = pack(np.full((4, 400), fires))
    rates, counts = rate_summary(trains), count_summary(trains, 20)
    assert (rates["rate_model"], rates["rate_model_bic"], rates["rate_left_out"]) == ("", "", 4)
    numbers = [value for name, value in rates.items() if name not in ("rate_model", "rate_model_bic", "rate_left_out")]
    assert np.isnan(numbers).all()
    assert np.isnan(counts["units_binomial"])
    assert counts["count_binomial_probability"] == float(fires)
    assert counts["count_poisson_rate"] == 20 * fires


def test_one_active_unit_leaves_the_models_of_two_parameters_undefined_and_chooses_none():
    summary = rate_summary(pack(bernoulli()[:1]))
    assert summary["rate_exponential_scale"] == pytest.approx(bernoulli()[0].mean())
    assert np.isnan(summary["rate_beta_alpha"])
    assert summary["rate_model"] == summary["rate_model_bic"] == ""
