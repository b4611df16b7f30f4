"""Laws of firing rates over units against scipy.stats, closed forms and simulation."""

import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from spikegrid.model_fit import best_model
from spikegrid.rate_models import fit_beta, fit_exponential, fit_gamma, fit_lognormal, fit_rate_models

pytestmark = pytest.mark.filterwarnings("error")

FITTERS = {"beta": fit_beta, "gamma": fit_gamma, "lognormal": fit_lognormal, "exponential": fit_exponential}

SAMPLES = {
    "beta": stats.beta.rvs(2, 5, size=400, random_state=1),
    "bimodal": stats.beta.rvs(0.4, 0.3, size=400, random_state=2).clip(1e-6, 1 - 1e-6),
    "silent": stats.gamma.rvs(0.7, scale=0.01, size=400, random_state=3),
    "loud": 1 - stats.gamma.rvs(2, scale=0.001, size=400, random_state=4),
    "alike": 0.4 + 0.002 * stats.norm.rvs(size=400, random_state=5),
    "two": np.array([0.1, 0.2]),
    "of few images": stats.randint.rvs(1, 20, size=300, random_state=6) / 20,
}


def law(model: str, *values: float):
    """The frozen distribution of scipy that docstrings name."""
    match model:
        case "beta":
            return stats.beta(*values)
        case "gamma":
            return stats.gamma(values[0], scale=values[1])
        case "lognormal":
            return stats.lognorm(values[1], scale=np.exp(values[0]))
        case _:
            return stats.expon(scale=values[0])


def fit_by_scipy(model: str, rates: np.ndarray) -> list[float]:
    match model:
        case "beta":
            return list(stats.beta.fit(rates, floc=0, fscale=1)[:2])
        case "gamma":
            shape, _, scale = stats.gamma.fit(rates, floc=0)
            return [shape, scale]
        case "lognormal":
            sigma, _, scale = stats.lognorm.fit(rates, floc=0)
            return [np.log(scale), sigma]
        case _:
            return [stats.expon.fit(rates, floc=0)[1]]


@pytest.mark.parametrize("model", FITTERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_estimates_are_those_of_scipy(model, sample):
    rates = SAMPLES[sample]
    fit = FITTERS[model](rates)
    np.testing.assert_allclose(list(fit.parameters.values()), fit_by_scipy(model, rates), rtol=1e-6)
    assert fit.converged
    assert (fit.n, fit.left_out) == (len(rates), 0)


@pytest.mark.parametrize("model", FITTERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_likelihood_and_ks_distance_are_those_of_scipy(model, sample):
    rates = SAMPLES[sample]
    fit = FITTERS[model](rates)
    fitted = law(model, *fit.parameters.values())
    assert fit.log_likelihood == pytest.approx(fitted.logpdf(rates).sum(), rel=1e-9, abs=1e-6)
    assert fit.ks_distance == pytest.approx(stats.kstest(rates, fitted.cdf).statistic, rel=1e-9)


@pytest.mark.parametrize("model", FITTERS)
@pytest.mark.parametrize("sample", ["beta", "bimodal", "silent", "of few images"])
def test_standard_errors_are_those_of_the_observed_information(model, sample):
    rates = SAMPLES[sample]
    fit = FITTERS[model](rates)
    values = np.array(list(fit.parameters.values()))
    steps = np.diag(1e-3 * np.abs(values))
    hessian = np.empty((len(values), len(values)))
    for a, da in enumerate(steps):
        for b, db in enumerate(steps):
            corners = [
                s * t * law(model, *(values + s * da + t * db)).logpdf(rates).sum() for s in (-1, 1) for t in (-1, 1)
            ]
            hessian[a, b] = sum(corners) / (4 * da[a] * db[b])
    expected = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    np.testing.assert_allclose(list(fit.standard_errors.values()), expected, rtol=1e-3)


def normal_limit(rates: np.ndarray) -> float:
    return stats.norm(rates.mean(), rates.std()).logpdf(rates).sum()


def test_likelihood_of_rates_that_nearly_agree_is_that_of_the_normal_limit():
    rates = 0.3 + 1e-5 * stats.norm.rvs(size=500, random_state=0)
    for fit in fit_rate_models(rates)[:3]:
        assert fit.log_likelihood == pytest.approx(normal_limit(rates), abs=1e-3)
        assert fit.converged
    alpha, beta = fit_beta(rates).parameters.values()
    assert alpha + beta == pytest.approx(0.3 * 0.7 / rates.var(), rel=1e-3)
    assert fit_gamma(rates).parameters["shape"] == pytest.approx(rates.mean() ** 2 / rates.var(), rel=1e-3)
    relative_error = fit_gamma(rates).standard_errors["shape"] / fit_gamma(rates).parameters["shape"]
    assert relative_error == pytest.approx(np.sqrt(2 / 500), rel=1e-3)
    assert fit_beta(rates).standard_errors["alpha"] / alpha == pytest.approx(np.sqrt(2 / 500), rel=1e-3)


@pytest.mark.parametrize("model", FITTERS)
def test_dead_always_on_and_undefined_units_are_left_out_and_counted(model):
    active = SAMPLES["beta"]
    fit, alone = FITTERS[model](np.concatenate([[0, 1, 0, np.nan], active, [1]])), FITTERS[model](active)
    assert fit.left_out == 5
    assert fit.n == len(active)
    assert fit.parameters == pytest.approx(alone.parameters, rel=1e-12)
    assert fit.aic == pytest.approx(alone.aic, rel=1e-12)


@pytest.mark.parametrize("rates", [[], [0, 0, 1], [np.nan]])
def test_layers_without_active_units_are_undefined(rates):
    fits = fit_rate_models(np.array(rates))
    for fit in fits:
        values = [*fit.parameters.values(), *fit.standard_errors.values(), fit.log_likelihood, fit.ks_distance]
        assert np.isnan([*values, fit.aic, fit.bic]).all()
        assert (fit.n, fit.left_out, fit.converged) == (0, len(rates), False)
    assert best_model(fits) is None


@pytest.mark.parametrize("rates", [[0.3], [0.25, 0.25, 0.25], [0.5, 0.5 + 1e-9, 0]])
def test_rates_that_agree_have_an_exponential_law_alone(rates):
    *unbounded, exponential = fit_rate_models(np.array(rates))
    for fit in unbounded:
        assert np.isnan(fit.log_likelihood)
        assert not fit.converged
        assert fit.n == exponential.n
    assert exponential.converged
    assert exponential.parameters["scale"] == pytest.approx(rates[0], rel=1e-8)
    assert best_model([*unbounded, exponential]) is None


rates_of_images = st.integers(1, 200).flatmap(
    lambda images: st.lists(st.integers(0, images), max_size=40).map(lambda spikes: np.array(spikes, float) / images)
)
any_rates = st.lists(st.floats(1e-9, 1 - 1e-9) | st.sampled_from([0.0, 1.0]), max_size=20).map(np.array)


@given(rates=rates_of_images | any_rates)
@example(rates=np.array([1e-300, 0.5, 0.5]))
@example(rates=np.array([5e-324, 1 - 2**-53]))
@example(rates=np.array([1e-9, 1 - 1e-9]))
@example(rates=1 - np.array([1, 2, 3]) / 60_000)
def test_gamma_is_never_less_likely_than_exponential_and_every_fit_is_finite_or_undefined(rates):
    beta, gamma, lognormal, exponential = fit_rate_models(rates)
    for fit in (beta, gamma, lognormal, exponential):
        assert fit.n + fit.left_out == len(rates)
        values = [*fit.parameters.values(), *fit.standard_errors.values(), fit.log_likelihood, fit.ks_distance]
        assert np.isfinite(values).all() if fit.converged else np.isnan(values).all()
        assert not fit.converged or 0 <= fit.ks_distance <= 1
    if gamma.converged:
        assert gamma.log_likelihood >= exponential.log_likelihood - 1e-6
        uniform = 0
        assert beta.log_likelihood >= uniform - 1e-6


@given(rates=st.lists(st.integers(1, 99), min_size=2, max_size=30).map(lambda spikes: np.array(spikes) / 100))
def test_rates_of_silence_exchange_alpha_and_beta(rates):
    rates_of_silence = 1 - rates
    alpha, beta = fit_beta(rates).parameters.values()
    np.testing.assert_allclose(list(fit_beta(rates_of_silence).parameters.values()), [beta, alpha], rtol=1e-7)


# spread enough that a beta law is another law, and above 1 less than once in 10,000 units
TRUTHS = {"beta": (2.0, 3.0), "gamma": (3.0, 0.06), "lognormal": (-3.0, 0.6), "exponential": (0.1,)}


def simulated(model: str, units: int, seed: int) -> np.ndarray:
    rates = law(model, *TRUTHS[model]).rvs(size=units, random_state=np.random.default_rng(seed))
    return rates[rates < 1]


@pytest.mark.parametrize("model", TRUTHS)
def test_parameters_are_recovered_within_three_standard_errors(model):
    fit = FITTERS[model](simulated(model, 50_000, seed=0))
    for (name, value), true in zip(fit.parameters.items(), TRUTHS[model]):
        assert abs(value - true) < 3 * fit.standard_errors[name]
        assert fit.standard_errors[name] < 0.02 * abs(true)


@pytest.mark.parametrize("model", TRUTHS)
def test_intervals_of_95_percent_hold_the_truth_in_90_percent_of_simulations(model):
    true, covered = np.array(TRUTHS[model]), []
    for seed in range(250):
        fit = FITTERS[model](simulated(model, 500, seed))
        errors = np.array(list(fit.standard_errors.values()))
        covered.append(np.abs(np.array(list(fit.parameters.values())) - true) < 1.96 * errors)
    assert (np.mean(covered, axis=0) >= 0.9).all()


@pytest.mark.parametrize("model", TRUTHS)
def test_aic_chooses_the_true_model_in_a_clear_majority(model):
    chosen = [best_model(fit_rate_models(simulated(model, 3000, seed))).model for seed in range(40)]
    assert chosen.count(model) >= 28  # of 40; a nesting model wins over a nested truth in P(χ²₁ > 2) = 16 %


@pytest.mark.parametrize("rates", [[0.2, 1.1], [-0.1, 0.5]])
def test_rates_outside_zero_to_one_are_refused(rates):
    for fitter in FITTERS.values():
        with pytest.raises(ValueError, match=r"expected 0\.\.1"):
            fitter(np.array(rates))


@pytest.mark.parametrize("model", FITTERS)
def test_a_layer_is_fitted_in_less_than_fifty_milliseconds(model):
    rates = stats.beta.rvs(2, 5, size=20_000, random_state=0)
    durations = []
    for _ in range(7):
        start = time.perf_counter()
        FITTERS[model](rates)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.05
