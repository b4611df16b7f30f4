"""Models of spike counts, and the choice between them, against scipy, closed forms, limits and simulation."""

import time
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from spikegrid.count_models import (
    binomial_by_unit,
    count_histogram,
    fit_beta_binomial,
    fit_binomial,
    fit_count_models,
    fit_negative_binomial,
    fit_poisson,
    poisson_by_unit,
)
from spikegrid.model_fit import ModelFit, akaike_weights, best_model, log1p_curvature
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

FITTERS = {
    "poisson": fit_poisson,
    "binomial": fit_binomial,
    "negative_binomial": fit_negative_binomial,
    "beta_binomial": fit_beta_binomial,
}

WINDOW = 20
OVERDISPERSED = {
    "moderate": stats.betabinom.rvs(WINDOW, 2, 5, size=800, random_state=1),
    "barely": stats.betabinom.rvs(WINDOW, 60, 90, size=5000, random_state=2),
    "bimodal": stats.betabinom.rvs(WINDOW, 0.2, 0.3, size=500, random_state=3),
    "sparse": stats.betabinom.rvs(WINDOW, 0.3, 9, size=600, random_state=4),
    "dense": stats.betabinom.rvs(WINDOW, 8, 0.7, size=600, random_state=5),
    "few": np.array([0, 1, 9, 3, 17]),
}


def law(model: str, window: int, *values: float):
    """The frozen distribution of scipy that docstrings name."""
    match model:
        case "poisson":
            return stats.poisson(*values)
        case "binomial":
            return stats.binom(window, *values)
        case "negative_binomial":
            mean, size = values
            if np.isinf(size):
                return stats.poisson(mean)
            return stats.nbinom(size, size / (size + mean))
        case _:
            return stats.betabinom(window, *values)


def log_likelihood_by_scipy(model: str, counts: np.ndarray, window: int, values: np.ndarray) -> float:
    support, times = np.unique(counts, return_counts=True)
    return (times * law(model, window, *values).logpmf(support)).sum()


def maximum_by_scipy(model: str, counts: np.ndarray, window: int) -> tuple[np.ndarray, float]:
    """Maximum of scipy's own log pmf over the logarithms of two parameters, from several starts."""
    starts = [[np.log(counts.mean()), 1], [4, 4]]
    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 800, "maxfev": 800}
    runs = [
        minimize(
            lambda x: -log_likelihood_by_scipy(model, counts, window, np.exp(np.clip(x, -12, 12))),
            start,
            method="Nelder-Mead",
            options=options,
        )
        for start in starts
    ]
    best = min(runs, key=lambda run: run.fun)
    return np.exp(best.x), -best.fun


def errors_by_differences(log_likelihood, values: np.ndarray) -> np.ndarray:
    """Standard errors from second differences of a log-likelihood."""
    steps, size = 1e-3 * values, len(values)
    hessian = np.empty((size, size))
    for a in range(size):
        for b in range(size):
            da, db = steps[a] * np.eye(size)[a], steps[b] * np.eye(size)[b]
            corners = [log_likelihood(values + s * da + t * db) * s * t for s in (-1, 1) for t in (-1, 1)]
            hessian[a, b] = sum(corners) / (4 * steps[a] * steps[b])
    return np.sqrt(np.diag(np.linalg.inv(-hessian)))


def ks_by_loop(counts: np.ndarray, cdf) -> float:
    return max(abs((counts <= c).mean() - cdf(c)) for c in range(counts.max() + 1))


histograms = st.lists(st.integers(0, 40), min_size=2, max_size=16).map(np.array) | st.lists(
    st.sampled_from([0, 0, 0, 1, 7, 10**6]), min_size=2, max_size=60
).map(np.array)


@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=30).map(np.array))
def test_poisson_and_binomial_are_the_closed_forms(counts):
    histogram = count_histogram(counts, 12)
    rate, poisson, binomial = counts.mean(), fit_poisson(histogram), fit_binomial(histogram)
    assert poisson.parameters == pytest.approx({"rate": rate}, rel=1e-12)
    assert binomial.parameters == pytest.approx({"probability": rate / 12}, rel=1e-12)
    assert poisson.log_likelihood == pytest.approx(stats.poisson(rate).logpmf(counts).sum(), rel=1e-12, abs=1e-11)
    assert binomial.log_likelihood == pytest.approx(
        stats.binom(12, rate / 12).logpmf(counts).sum(), rel=1e-12, abs=1e-11
    )
    if rate > 0:
        assert poisson.standard_errors["rate"] == pytest.approx(np.sqrt(rate / len(counts)), rel=1e-12)
    if 0 < rate < 12:
        expected = np.sqrt(rate / 12 * (1 - rate / 12) / (12 * len(counts)))
        assert binomial.standard_errors["probability"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("model", ["negative_binomial", "beta_binomial"])
@pytest.mark.parametrize("sample", OVERDISPERSED)
def test_maximum_is_that_of_scipy_log_pmf(model, sample):
    counts = OVERDISPERSED[sample]
    fit = FITTERS[model](count_histogram(counts, WINDOW))
    values = np.array(list(fit.parameters.values()))
    expected, maximum = maximum_by_scipy(model, counts, WINDOW)
    assert fit.log_likelihood == pytest.approx(log_likelihood_by_scipy(model, counts, WINDOW, values), rel=1e-11)
    assert fit.log_likelihood >= maximum - 1e-8
    assert fit.converged
    if np.isfinite(values).all():
        np.testing.assert_allclose(values, expected, rtol=2e-4)


@pytest.mark.parametrize("model", ["negative_binomial", "beta_binomial"])
@pytest.mark.parametrize("sample", ["moderate", "barely", "bimodal", "few"])
def test_standard_errors_are_those_of_the_observed_information(model, sample):
    counts = OVERDISPERSED[sample]
    if sample == "barely" and model == "negative_binomial":
        counts = stats.nbinom.rvs(200, 0.98, size=4000, random_state=0)
    window = max(WINDOW, counts.max())
    fit = FITTERS[model](count_histogram(counts, window))
    values = np.array(list(fit.parameters.values()))
    expected = errors_by_differences(lambda x: log_likelihood_by_scipy(model, counts, window, x), values)
    np.testing.assert_allclose(list(fit.standard_errors.values()), expected, rtol=2e-3)


@pytest.mark.parametrize("model", FITTERS)
@pytest.mark.parametrize("sample", OVERDISPERSED)
def test_ks_distance_is_the_largest_gap_between_cdfs_at_the_support(model, sample):
    counts = OVERDISPERSED[sample]
    fit = FITTERS[model](count_histogram(counts, WINDOW))
    cdf = law(model, WINDOW, *fit.parameters.values()).cdf
    assert fit.ks_distance == pytest.approx(ks_by_loop(counts, cdf), rel=1e-9, abs=1e-12)


def test_aic_and_bic_count_the_free_parameters():
    histogram = count_histogram(OVERDISPERSED["moderate"], WINDOW)
    for fit, free in zip(fit_count_models(histogram), (1, 1, 2, 2)):
        assert fit.aic == 2 * free - 2 * fit.log_likelihood
        assert fit.bic == pytest.approx(free * np.log(800) - 2 * fit.log_likelihood, rel=1e-15)
        assert (fit.n, fit.left_out) == (800, 0)


def assert_at_limit(fit: ModelFit, limit: ModelFit, name: str) -> None:
    assert fit.parameters[name] == np.inf
    assert np.isnan(fit.standard_errors[name])
    assert fit.converged
    assert fit.log_likelihood == limit.log_likelihood
    assert fit.ks_distance == limit.ks_distance
    assert len(fit.parameters) == 2


UNDERDISPERSED = {
    "narrow": np.array([4, 5, 5, 6, 5, 4, 6]),
    "constant": np.full(9, 3),
    "single": np.array([2]),
    "all zero": np.zeros(5, int),
    "all full": np.full(5, 10),
}


@pytest.mark.parametrize("counts", UNDERDISPERSED.values(), ids=UNDERDISPERSED)
def test_counts_no_wider_than_their_limit_give_the_limit(counts):
    histogram = count_histogram(counts, 10)
    negative_binomial, beta_binomial = fit_negative_binomial(histogram), fit_beta_binomial(histogram)
    assert_at_limit(negative_binomial, fit_poisson(histogram), "size")
    assert_at_limit(beta_binomial, fit_binomial(histogram), "alpha")
    assert beta_binomial.parameters["beta"] == np.inf
    assert negative_binomial.parameters["mean"] == counts.mean()


def test_negative_binomial_leaves_its_limit_where_the_variance_passes_the_mean():
    for counts, at_limit in (([0, 2], True), ([0, 3], False), ([1, 3, 5, 7, 0, 0, 1, 1], False)):
        histogram = count_histogram(np.array(counts), 10)
        assert (np.var(counts) <= np.mean(counts)) == at_limit
        assert np.isinf(fit_negative_binomial(histogram).parameters["size"]) == at_limit


def test_beta_binomial_leaves_its_limit_where_the_variance_passes_that_of_the_binomial():
    for counts, at_limit in (([4, 6], True), ([4, 4, 6, 7], True), ([3, 7], False), ([9, 10, 10, 7], False)):
        p = np.mean(counts) / 10
        histogram = count_histogram(np.array(counts), 10)
        assert (np.var(counts) <= 10 * p * (1 - p)) == at_limit
        assert np.isinf(fit_beta_binomial(histogram).parameters["alpha"]) == at_limit


def test_all_zero_and_all_full_counts_have_likelihood_one_and_estimates_on_the_boundary():
    for counts in (np.zeros(5, int), np.full(5, 10)):
        fit = fit_binomial(count_histogram(counts, 10))
        assert fit.log_likelihood == 0
        assert fit.ks_distance == 0
        assert np.isnan(fit.standard_errors["probability"])
    silent = fit_poisson(count_histogram(np.zeros(5, int), 10))
    assert (silent.log_likelihood, silent.parameters["rate"]) == (0, 0)
    assert np.isnan(silent.standard_errors["rate"])


def test_beta_binomial_of_silent_and_full_windows_alone_is_two_points():
    fit = fit_beta_binomial(count_histogram(np.array([0, 10, 10, 0, 10]), 10))
    assert fit.parameters == {"alpha": 0, "beta": 0}
    assert np.isnan(list(fit.standard_errors.values())).all()
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(3 * np.log(0.6) + 2 * np.log(0.4), rel=1e-14)
    assert fit.ks_distance == pytest.approx(0, abs=1e-14)


def test_windows_of_one_image_give_the_bernoulli_model():
    histogram = count_histogram(np.array([0, 1, 1, 0, 1]), 1)
    expected = 3 * np.log(0.6) + 2 * np.log(0.4)
    assert fit_binomial(histogram).log_likelihood == pytest.approx(expected, rel=1e-14)
    assert_at_limit(fit_beta_binomial(histogram), fit_binomial(histogram), "alpha")


def test_no_counts_are_undefined():
    fits = fit_count_models(count_histogram(np.zeros((0, 4), int), 10))
    for fit in fits:
        values = [*fit.parameters.values(), *fit.standard_errors.values(), fit.log_likelihood, fit.ks_distance]
        assert np.isnan([*values, fit.aic, fit.bic]).all()
        assert (fit.n, fit.converged) == (0, False)
    assert best_model(fits) is None


@given(histogram=histograms)
@example(histogram=np.array([0, 0]))
@example(histogram=np.array([1, 0, 0, 0, 0, 10**12]))
@example(histogram=np.array([10**9, 1, 0, 1]))
@example(histogram=np.array([10**7, 0, 0, 1, 10**7]))
def test_a_nesting_model_is_never_less_likely_than_the_nested(histogram):
    poisson, binomial, negative_binomial, beta_binomial = fit_count_models(histogram)
    if histogram.sum() == 0:
        return
    for fit in (poisson, binomial, negative_binomial, beta_binomial):
        assert fit.converged
        assert fit.log_likelihood <= 1e-9
        assert 0 <= fit.ks_distance <= 1 + 1e-12
        assert fit.aic == 2 * len(fit.parameters) - 2 * fit.log_likelihood
    tolerance = 1e-6 * max(1, histogram.sum() / 1e7)
    assert negative_binomial.log_likelihood >= poisson.log_likelihood - tolerance
    assert beta_binomial.log_likelihood >= binomial.log_likelihood - tolerance


@given(histogram=st.lists(st.integers(0, 9), min_size=3, max_size=12).map(np.array))
def test_no_beta_binomial_on_a_grid_is_more_likely_than_the_fit(histogram):
    if histogram.sum() == 0:
        return
    fit, window, counts = fit_beta_binomial(histogram), len(histogram) - 1, np.arange(len(histogram))
    alpha, beta = (axis[..., None] for axis in np.meshgrid(np.geomspace(1e-3, 1e3, 40), np.geomspace(1e-3, 1e3, 40)))
    values = (stats.betabinom.logpmf(counts, window, alpha, beta) * histogram).sum(axis=-1)
    assert values.max() <= fit.log_likelihood + 1e-8


@given(histogram=st.lists(st.integers(0, 9), min_size=3, max_size=12).map(np.array))
def test_silence_and_spikes_exchanged_exchange_alpha_and_beta(histogram):
    forwards, backwards = fit_beta_binomial(histogram), fit_beta_binomial(histogram[::-1])
    alpha, beta = forwards.parameters.values()
    np.testing.assert_allclose(list(backwards.parameters.values()), [beta, alpha], rtol=1e-6)
    assert backwards.log_likelihood == pytest.approx(forwards.log_likelihood, abs=1e-9, nan_ok=True)


TRUTHS = {
    "poisson": (30, (15.0,)),
    "binomial": (20, (0.4,)),
    "negative_binomial": (80, (10.0, 3.0)),
    "beta_binomial": (20, (2.0, 3.0)),
}


def simulated(model: str, size: int, seed: int) -> np.ndarray:
    window, values = TRUTHS[model]
    counts = law(model, window, *values).rvs(size=size, random_state=np.random.default_rng(seed))
    return count_histogram(np.minimum(counts, window), window)


@pytest.mark.parametrize("model", TRUTHS)
def test_parameters_are_recovered_within_three_standard_errors(model):
    fit = FITTERS[model](simulated(model, 100_000, seed=0))
    for (name, value), true in zip(fit.parameters.items(), TRUTHS[model][1]):
        assert abs(value - true) < 3 * fit.standard_errors[name]
        assert fit.standard_errors[name] < 0.02 * true


@pytest.mark.parametrize("model", TRUTHS)
def test_intervals_of_95_percent_hold_the_truth_in_90_percent_of_simulations(model):
    true, covered = np.array(TRUTHS[model][1]), []
    for seed in range(250):
        fit = FITTERS[model](simulated(model, 1000, seed))
        errors = np.array(list(fit.standard_errors.values()))
        covered.append(np.abs(np.array(list(fit.parameters.values())) - true) < 1.96 * errors)
    assert (np.mean(covered, axis=0) >= 0.9).all()


@pytest.mark.parametrize("model", TRUTHS)
def test_aic_chooses_the_true_model_in_a_clear_majority(model):
    chosen = [best_model(fit_count_models(simulated(model, 4000, seed))).model for seed in range(40)]
    assert chosen.count(model) >= 28  # of 40; a nesting model wins over a nested truth in P(χ²₁ > 2) = 16 %


def random_order_counts(rates: np.ndarray, images: int, window: int) -> np.ndarray:
    spikes = np.random.default_rng(3).random((len(rates), images)) < rates[:, None]
    return SpikeTrains.from_array(spikes).window_counts(window)


def test_pooled_counts_of_independent_trains_repeat_the_beta_law_of_their_rates():
    rates = stats.beta.rvs(2, 5, size=4000, random_state=6)
    histogram = count_histogram(random_order_counts(rates, images=40, window=20), 20)
    fits = fit_count_models(histogram)
    assert best_model(fits).model == "beta_binomial"
    alpha, beta, *_ = stats.beta.fit(rates, floc=0, fscale=1)
    assert fits[3].parameters == pytest.approx({"alpha": alpha, "beta": beta}, rel=0.05)


def test_pooled_counts_of_independent_trains_of_one_rate_are_binomial():
    histogram = count_histogram(random_order_counts(np.full(300, 0.3), images=400, window=20), 20)
    assert best_model(fit_count_models(histogram)).model == "binomial"


@given(
    counts=st.tuples(st.integers(0, 4), st.integers(0, 6)).flatmap(
        lambda shape: st.lists(st.integers(0, 9), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
            lambda values: np.array(values, np.int64).reshape(shape)
        )
    )
)
def test_models_of_each_unit_are_those_of_scipy(counts):
    rates, poisson = poisson_by_unit(counts)
    p, binomial = binomial_by_unit(counts, 9)
    assert rates.shape == poisson.shape == p.shape == binomial.shape == (len(counts),)
    for unit, train in enumerate(counts):
        if len(train) == 0:
            assert np.isnan([rates[unit], poisson[unit], p[unit], binomial[unit]]).all()
            continue
        mean = sum(train.tolist()) / len(train)
        assert rates[unit] == pytest.approx(mean, rel=1e-12)
        assert p[unit] == pytest.approx(mean / 9, rel=1e-12)
        assert poisson[unit] == pytest.approx(stats.poisson.logpmf(train, mean).sum(), rel=1e-12, abs=1e-11)
        assert binomial[unit] == pytest.approx(stats.binom.logpmf(train, 9, mean / 9).sum(), rel=1e-12, abs=1e-11)


def test_histogram_counts_windows_by_their_spikes():
    np.testing.assert_array_equal(count_histogram(np.array([[0, 2], [2, 1]]), 3), [1, 1, 2, 0])


@pytest.mark.parametrize(("counts", "window"), [([-1, 2], 3), ([0, 4], 3), ([0], 0)])
def test_counts_that_no_window_can_hold_are_refused(counts, window):
    with pytest.raises(ValueError, match="expected"):
        count_histogram(np.array(counts), window)


@pytest.mark.parametrize("model", FITTERS)
def test_a_layer_is_fitted_in_less_than_fifty_milliseconds(model):
    histogram = count_histogram(stats.betabinom.rvs(1000, 2, 5, size=10_000, random_state=0), 1000)
    durations = []
    for _ in range(7):
        start = time.perf_counter()
        FITTERS[model](1000 * histogram)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.05


def fit_of(log_likelihood: float, parameters: int = 1, n: int = 10) -> ModelFit:
    values = dict.fromkeys("abc"[:parameters], 1.0)
    return ModelFit("m", values, values, log_likelihood, n, 0.1, True)


def test_akaike_weights_are_relative_likelihoods_less_the_price_of_parameters():
    fits = [fit_of(-100), fit_of(-99, 2), fit_of(-98, 2)]
    relative = np.array([1, 1, np.e]) / (2 + np.e)
    np.testing.assert_allclose(akaike_weights(fits), relative, rtol=1e-12)
    assert best_model(fits) is fits[2]
    assert best_model(fits[:2]) is fits[0]


def test_akaike_weights_of_far_models_do_not_underflow_together():
    np.testing.assert_array_equal(akaike_weights([fit_of(-1e7), fit_of(-2e7)]), [1, 0])


def test_a_comparison_with_an_undefined_model_is_undefined():
    fits = [fit_of(-100), ModelFit.undefined("m", ["a"], 10)]
    assert np.isnan(akaike_weights(fits)).all()
    assert best_model(fits) is None


def test_fits_of_other_samples_are_not_compared():
    for fits in ([], [fit_of(-1, n=10), fit_of(-1, n=11)]):
        with pytest.raises(ValueError, match="expected fits of one sample"):
            best_model(fits)


@pytest.mark.parametrize("x", [1e-300, -1e-17, 1e-9, -3e-4, 0.05, -0.0999, 0.0999, 0.1, -0.1, -0.9, 3.0, 1e6])
def test_log1p_curvature_is_that_of_fifty_digits(x):
    with localcontext() as context:
        context.prec = 700
        exact = Decimal(x)
        expected = float((exact - (1 + exact).ln()) / exact**2)
    assert float(log1p_curvature(x)) == pytest.approx(expected, rel=2e-14)


def test_log1p_curvature_at_zero_is_one_half():
    assert log1p_curvature(0.0) == 0.5
