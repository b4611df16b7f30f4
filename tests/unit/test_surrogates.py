"""Surrogates: what each model draws, and that checks against them are as strict as they say."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spikegrid.correlations import pair_correlations
from spikegrid.dichotomized_gaussian import joint_rate, latent_correlations, nearest_correlation_matrix
from spikegrid.surrogate_checks import layer_statistics, predictive_check
from spikegrid.surrogates import BY_CONSTRUCTION, MODELS, latent_gaussian, noise_shrinkage
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

UNITS, IMAGES, CLASSES, WINDOW = 10, 120, 4, 10
DATASETS, SURROGATES, LEVEL = 60, 19, 0.1


def labels_of(generator: np.random.Generator, images: int = IMAGES) -> np.ndarray:
    return generator.permutation(np.arange(images) % CLASSES)


def thresholded(generator: np.random.Generator, latent: np.ndarray, rates: np.ndarray, images: int) -> np.ndarray:
    variables = np.linalg.cholesky(latent) @ generator.standard_normal((len(rates), images))
    return variables < stats.norm.ppf(rates)[:, None]


def one_factor(units: int = UNITS) -> np.ndarray:
    loadings = np.linspace(0.4, 0.9, units)
    return np.outer(loadings, loadings) + np.diag(1 - loadings**2)


def made_by(model: str, generator: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Spikes [U, N] that the model made."""
    rates = generator.uniform(0.15, 0.85, UNITS)
    if model == "latent_gaussian":
        return thresholded(generator, one_factor(), rates, len(labels))
    if model == "class_rates":
        rates = generator.uniform(0.05, 0.95, (UNITS, CLASSES))[:, labels]
    elif model == "beta_binomial":
        rates = generator.beta(1.5, 3, UNITS)[:, None]
    else:
        rates = rates[:, None]
    return generator.random((UNITS, len(labels))) < rates


def drawn(model: str, spikes: np.ndarray, labels: np.ndarray, number: int, seed: int = 0) -> list[np.ndarray]:
    draw, generator = MODELS[model](spikes, labels), np.random.default_rng(seed)
    return [draw(generator) for _ in range(number)]


def rejections(truth: str, model: str, datasets: int = DATASETS) -> pd.DataFrame:
    """Whether each statistic of each of some data sets that ``truth`` made fails against ``model``."""
    rows, generator = [], np.random.default_rng(7)
    for number in range(datasets):
        labels = labels_of(generator)
        spikes = made_by(truth, generator, labels)
        observed = layer_statistics(spikes, labels, WINDOW)
        found = pd.DataFrame(
            [layer_statistics(one, labels, WINDOW) for one in drawn(model, spikes, labels, SURROGATES, number)]
        )
        rows.append(
            {
                name: predictive_check(value, found[name].to_numpy())["p_value"] <= LEVEL
                for name, value in observed.items()
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("model", MODELS)
def test_data_that_a_model_made_fail_its_checks_no_more_often_than_the_level(model):
    failed = rejections(model, model)
    most = stats.binom(DATASETS, LEVEL).ppf(1 - 1e-3 / failed.shape[1])
    assert (failed.sum() <= most).all(), failed.mean()
    assert not failed[BY_CONSTRUCTION[model]].mean().gt(LEVEL / 2).any()
    if model in ("bernoulli", "class_rates"):  # given sufficient statistics: neither too strict nor too lenient
        assert failed.drop(columns=BY_CONSTRUCTION[model]).to_numpy().mean() == pytest.approx(LEVEL, abs=0.04)


@pytest.mark.parametrize(
    ("truth", "model", "failing"),
    [
        ("class_rates", "bernoulli", ["hamming_ratio", "intraclass_correlation", "fano_ratio_class_blocked"]),
        ("class_rates", "beta_binomial", ["hamming_ratio", "intraclass_correlation", "fano_ratio_class_blocked"]),
        ("class_rates", "latent_gaussian", ["hamming_ratio", "intraclass_correlation", "fano_ratio_class_blocked"]),
        ("latent_gaussian", "bernoulli", ["pair_correlation", "population_fano", "noise_correlation"]),
        ("latent_gaussian", "class_rates", ["pair_correlation", "population_fano", "noise_correlation"]),
    ],
)
def test_data_with_a_structure_fail_under_a_model_without_it(truth, model, failing):
    assert (rejections(truth, model, 10)[failing].mean() > 0.9).all()


def test_dead_units_beside_active_ones_fail_under_one_beta_law_of_rates():
    generator = np.random.default_rng(3)
    spikes = generator.random((40, IMAGES)) < np.repeat([0, 0.5], [8, 32])[:, None]
    labels = labels_of(generator)
    found = [layer_statistics(one, labels, WINDOW)["dead_share"] for one in drawn("beta_binomial", spikes, labels, 39)]
    assert predictive_check(0.2, np.array(found))["p_value"] <= 0.05


@pytest.mark.parametrize("model", ["bernoulli", "class_rates", "latent_gaussian"])
def test_surrogates_have_the_spike_counts_that_they_are_drawn_given(model):
    generator = np.random.default_rng(1)
    labels = labels_of(generator)
    spikes = made_by("class_rates", generator, labels)
    spikes[:2] = [[False], [True]]
    spikes[2], spikes[2, 5] = False, True
    parts = [labels == label for label in range(CLASSES)] if model == "class_rates" else [np.full(IMAGES, True)]
    surrogates = drawn(model, spikes, labels, 5)
    for one in surrogates:
        assert one.dtype == bool
        for part in parts:
            np.testing.assert_array_equal(one[:, part].sum(axis=1), spikes[:, part].sum(axis=1))
    assert len({one.tobytes() for one in [spikes, *surrogates]}) == 6


@pytest.mark.parametrize("model", ["bernoulli", "class_rates"])
def test_what_exact_models_are_fitted_to_is_the_same_in_every_surrogate(model):
    generator = np.random.default_rng(2)
    labels = labels_of(generator)
    spikes = made_by("class_rates", generator, labels)
    observed = layer_statistics(spikes, labels, WINDOW)
    for one in drawn(model, spikes, labels, 5):
        statistics = layer_statistics(one, labels, WINDOW)
        same = [name for name in statistics if statistics[name] == observed[name]]
        assert same == [name for name in statistics if name in BY_CONSTRUCTION[model]]


def test_surrogates_of_exchangeable_units_have_beta_binomial_counts():
    """Against the law of scipy with the parameters that made the data, which many units tell closely."""
    generator = np.random.default_rng(4)
    spikes = generator.random((2000, 50)) < generator.beta(0.8, 2, 2000)[:, None]
    counts = np.concatenate([one.sum(axis=1) for one in drawn("beta_binomial", spikes, np.zeros(50, int), 5)])
    law = stats.betabinom(50, 0.8, 2)
    seen = np.bincount(counts, minlength=51).cumsum() / len(counts)
    assert np.abs(seen - law.cdf(np.arange(51))).max() < 0.03


@pytest.mark.parametrize("rates", [[0.5, 0.5], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
def test_surrogates_at_the_limits_of_the_beta_law_have_one_rate_or_no_other_than_0_and_1(rates):
    spikes = (
        np.tile(np.arange(100) % 2 == 0, (400, 1))
        if rates[0] == 0.5
        else np.repeat(rates, 200)[:, None] > np.zeros(100)
    )
    (one,) = drawn("beta_binomial", spikes, np.zeros(100, int), 1)
    if rates[0] == 0.5:
        assert stats.chisquare([np.sum(one), one.size - np.sum(one)]).pvalue > 1e-3
        assert one.mean(axis=1).var() == pytest.approx(0.25 / 100, rel=0.3)
    else:
        assert set(one.mean(axis=1)) <= set(rates)
        assert one.mean() == pytest.approx(np.mean(rates), abs=0.15)


def test_surrogates_of_correlated_units_have_their_pair_correlations():
    generator, rates = np.random.default_rng(5), np.linspace(0.1, 0.9, 6)
    signs = np.array([1, 1, 1, -1, -1, 1])
    spikes = thresholded(generator, one_factor(6) * np.outer(signs, signs), rates, 20_000)
    pairs = np.stack(np.triu_indices(6, 1), axis=1)
    observed = pair_correlations(SpikeTrains.from_array(spikes), pairs)
    assert np.ptp(observed) > 0.4
    surrogates = drawn("latent_gaussian", spikes, np.zeros(20_000, int), 8)
    found = np.mean([pair_correlations(SpikeTrains.from_array(one), pairs) for one in surrogates], axis=0)
    np.testing.assert_allclose(found, observed, atol=0.012)


@pytest.mark.parametrize("truth", ["bernoulli", "latent_gaussian"])
def test_shrinkage_gives_surrogates_the_mean_square_correlation_of_the_data(truth):
    generator, ratios = np.random.default_rng(6), []
    pairs = np.stack(np.triu_indices(UNITS, 1), axis=1)
    for number in range(40):
        spikes = made_by(truth, generator, labels_of(generator))
        (surrogate,) = drawn("latent_gaussian", spikes, np.zeros(IMAGES, int), 1, number)
        of_data, of_model = (
            np.square(pair_correlations(SpikeTrains.from_array(one), pairs)).mean() for one in (spikes, surrogate)
        )
        ratios.append(of_model / of_data)
    assert np.mean(ratios) == pytest.approx(1, abs=3 * stats.sem(ratios))


def test_shrinkage_is_1_without_noise_and_0_where_correlations_are_no_more_than_noise():
    assert noise_shrinkage(np.array([0.5, -0.5]), 10**9) == pytest.approx(1)
    assert noise_shrinkage(np.array([0.5, -0.5]), 9) == pytest.approx(np.sqrt(0.5))  # 1/8 of noise in 1/4
    assert noise_shrinkage(np.array([0.1, 0.1]), 100) == 0.0
    assert noise_shrinkage(np.empty(0), 100) == 0.0


RATES = [0.003, 0.2, 0.5, 0.77, 0.995]


@pytest.mark.parametrize("correlation", [-0.99, -0.6, 0.0, 0.3, 0.93, 0.999])
def test_joint_rate_is_the_bivariate_normal_of_scipy(correlation):
    for rate in RATES:
        for other in RATES:
            expected = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], allow_singular=True).cdf(
                stats.norm.ppf([rate, other])
            )
            assert joint_rate(rate, other, correlation) == pytest.approx(expected, abs=1e-9)


def test_joint_rate_of_two_halves_is_a_quarter_and_an_arc_sine():
    correlations = np.linspace(-0.999, 0.999, 41)
    expected = 1 / 4 + np.arcsin(correlations) / (2 * np.pi)
    np.testing.assert_allclose(joint_rate(np.full(41, 0.5), np.full(41, 0.5), correlations), expected, atol=1e-12)


def test_latent_correlations_invert_joint_rates():
    rates, others, correlations = (
        part.ravel() for part in np.meshgrid(RATES, RATES, [-0.9, -0.4, 0, 0.5, 0.95], indexing="ij")
    )
    joint = joint_rate(rates, others, correlations)
    found = latent_correlations(rates, others, joint)
    np.testing.assert_allclose(joint_rate(rates, others, found), joint, atol=1e-8)
    to_least, to_most = joint - np.maximum(0, rates + others - 1), np.minimum(rates, others) - joint
    well_determined = np.minimum(to_least, to_most) > 1e-3
    assert well_determined.sum() > 40
    np.testing.assert_allclose(found[well_determined], correlations[well_determined], atol=1e-5)


def test_latent_correlations_of_two_halves_are_the_sine_of_their_spikes_correlation():
    spikes_correlations = np.array([-1, -0.5, 0, 0.25, 1])
    joint = 0.25 + spikes_correlations / 4
    found = latent_correlations(np.full(5, 0.5), np.full(5, 0.5), joint)
    np.testing.assert_allclose(found, np.sin(np.pi / 2 * spikes_correlations), atol=1e-7)


def test_nearest_correlation_matrix_is_that_of_higham():
    """The example of Higham (2002), p. 335, with the four digits given there."""
    found = nearest_correlation_matrix(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1.0]]))
    expected = [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_nearest_correlation_matrix_is_semidefinite_and_no_farther_than_the_clipped_one():
    generator = np.random.default_rng(8)
    upper = np.triu(generator.uniform(-1, 1, (12, 12)), 1)
    matrix = upper + upper.T + np.eye(12)
    found = nearest_correlation_matrix(matrix)
    assert np.linalg.eigvalsh(found).min() > -12e-7
    np.testing.assert_array_equal(np.diag(found), 1)
    values, vectors = np.linalg.eigh(matrix)
    clipped = vectors * values.clip(0) @ vectors.T
    clipped /= np.sqrt(np.outer(np.diag(clipped), np.diag(clipped)))
    assert np.linalg.norm(found - matrix) < np.linalg.norm(clipped - matrix)
    np.testing.assert_allclose(nearest_correlation_matrix(one_factor()), one_factor(), atol=1e-12)


def test_joint_counts_at_the_edge_of_what_two_rates_allow_are_taken_half_an_image_inside(monkeypatch):
    given = []

    def uncorrelated(rates, others, joint):
        given.append(joint)
        return np.zeros_like(joint)

    monkeypatch.setattr("spikegrid.surrogates.latent_correlations", uncorrelated)
    images = np.arange(1000)
    spikes = np.array([images < 300, images >= 700, images < 300])  # the first and second never fire together
    latent_gaussian(spikes, np.zeros(1000, int))
    np.testing.assert_allclose(given[0], [0.0005, 0.2995, 0.0005], atol=1e-12)
