"""Statistics that predictive checks compare, against other libraries, and the p-value of a check."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from spikegrid.surrogate_checks import WORD_UNITS, layer_statistics, predictive_check

pytestmark = pytest.mark.filterwarnings("error")

OF_LABELS = [
    *("fano_ratio_class_blocked", "interval_cv_class_blocked", "lv_geo_class_blocked"),
    *("intraclass_correlation", "hamming_ratio", "noise_correlation"),
]


@pytest.fixture
def layer() -> tuple[np.ndarray, np.ndarray]:
    """Spikes of 12 units to 90 images of 3 classes, and the classes; a unit is dead, one always on."""
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.arange(90) % 3)
    spikes = generator.random((12, 90)) < generator.uniform(0.1, 0.9, (12, 3))[:, labels]
    spikes[[3, 7]] = [[False], [True]]
    return spikes, labels


def test_statistics_are_those_of_other_libraries(layer):
    spikes, labels = layer
    found, rates = layer_statistics(spikes, labels, 10), spikes.mean(axis=1)
    varying = spikes[(rates > 0) & (rates < 1)].astype(float)
    centred = varying - np.stack([varying[:, labels == label].mean(axis=1) for label in range(3)], axis=1)[:, labels]
    upper = np.triu_indices(len(varying), 1)
    same = pdist(labels[:, None], "hamming") == 0
    distances = pdist(spikes.T, "hamming")
    words = np.unique(spikes[:WORD_UNITS], axis=1, return_counts=True)[1]
    explained = 1 - (centred**2).mean(axis=1) / varying.var(axis=1)
    assert found["firing_rate_mean"] == pytest.approx(rates.mean())
    assert found["firing_rate_variance"] == pytest.approx(rates.var())
    assert found["dead_share"] == 1 / 12
    assert found["population_fano"] == pytest.approx(spikes.sum(axis=0).var() / (rates * (1 - rates)).sum())
    assert found["pair_correlation"] == pytest.approx(np.abs(np.corrcoef(varying)[upper]).mean())
    assert found["noise_correlation"] == pytest.approx(np.abs(np.corrcoef(centred)[upper]).mean())
    assert found["pattern_entropy"] == pytest.approx(stats.entropy(words, base=2))
    assert found["intraclass_correlation"] == pytest.approx(explained.mean())
    assert found["hamming_ratio"] == pytest.approx(distances[same].mean() / distances[~same].mean())


@pytest.mark.parametrize("order", ["random", "class_blocked"])
def test_statistics_of_time_are_those_of_the_images_in_that_order(layer, order):
    spikes, labels = layer
    found = layer_statistics(spikes, labels, 10)
    ordered = spikes if order == "random" else spikes[:, np.argsort(labels, kind="stable")]
    counts = ordered.reshape(12, 9, 10).sum(axis=2)
    rates = spikes.mean(axis=1)
    varying = (rates > 0) & (rates < 1)
    ratio = counts.var(axis=1)[varying] / counts.mean(axis=1)[varying] / (1 - rates[varying])
    intervals = [np.diff(np.flatnonzero(train)) for train in ordered if train.sum() > 1]
    assert found[f"fano_ratio_{order}"] == pytest.approx(ratio.mean())
    assert found[f"interval_cv_{order}"] == pytest.approx(np.mean([stats.variation(part) for part in intervals]))
    pairs = [(part[1:], part[:-1]) for part in intervals]
    local = [3 * (a - b) ** 2 / ((a + b) * (a + b - 2.0)) for a, b in ((a[a + b > 2], b[a + b > 2]) for a, b in pairs)]
    assert found[f"lv_geo_{order}"] == pytest.approx(np.mean([part.mean() for part in local if len(part)]))


def test_images_without_labels_have_the_statistics_that_need_none(layer):
    spikes, labels = layer
    with_labels, without = layer_statistics(spikes, labels, 10), layer_statistics(spikes, None, 10)
    assert [name for name in with_labels if name not in without] == OF_LABELS
    assert without.items() <= with_labels.items()


def test_silent_layer_is_undefined_where_nothing_varies():
    found = layer_statistics(np.zeros((4, 60), bool), np.arange(60) % 3, 10)
    defined = {"firing_rate_mean": 0, "firing_rate_variance": 0, "dead_share": 1, "pattern_entropy": 0}
    assert {name: value for name, value in found.items() if not np.isnan(value)} == defined


@pytest.mark.parametrize(
    ("observed", "p_value"), [(20, 0.1), (-1, 0.1), (18, 0.2), (17.5, 0.2), (9, 1), (9.5, 1), (4, 0.6)]
)
def test_p_value_counts_surrogates_as_extreme_on_the_nearer_side_and_the_data_themselves(observed, p_value):
    assert predictive_check(observed, np.arange(19.0))["p_value"] == pytest.approx(p_value)


def test_p_values_of_one_more_draw_are_uniform():
    generator = np.random.default_rng(1)
    p_values = [predictive_check(one[0], one[1:])["p_value"] for one in generator.random((4000, 40))]
    seen = np.array([np.mean(np.array(p_values) <= level) for level in (0.05, 0.2, 0.5)])
    np.testing.assert_allclose(seen, [0.05, 0.2, 0.5], atol=0.03)


def test_z_is_the_distance_in_standard_deviations_of_the_surrogates():
    found = predictive_check(3.0, np.array([0.0, 1, 2]))
    assert found == {"surrogate_mean": 1, "surrogate_sd": 1, "z": 2, "p_value": 0.5}


def test_statistic_that_no_surrogate_changes_passes_without_a_z():
    value = 0.1 + 0.2
    found = predictive_check(value, np.full(39, value))
    assert (found["surrogate_mean"], found["surrogate_sd"], found["p_value"]) == (value, 0, 1)
    assert np.isnan(found["z"])
    assert predictive_check(0.5, np.zeros(39))["p_value"] == 0.05


@pytest.mark.parametrize(("observed", "undefined"), [(np.nan, 0), (1.0, 1)])
def test_check_is_undefined_where_data_or_a_surrogate_are(observed, undefined):
    drawn = np.array([0.0, np.nan if undefined else 0.5, 1.0])
    assert np.isnan(list(predictive_check(observed, drawn).values())).all()
