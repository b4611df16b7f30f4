"""The simulation observable, and the table of which model reproduces which statistic over networks."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spikegrid.errors import InputError
from spikegrid.observables import simulation
from spikegrid.orders import presentation_order
from spikegrid.randomness import derived_seed
from spikegrid.simulation import CHECK, COLUMNS, share_interval, summarize_checks
from spikegrid.surrogate_checks import layer_statistics
from spikegrid.surrogates import BY_CONSTRUCTION, MODELS

pytestmark = pytest.mark.filterwarnings("error")

IMAGES, CLASSES = 120, 4


def images_of() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(4)
    index = generator.permutation(IMAGES).astype(np.int32)
    return {"index": index, "labels": generator.integers(0, CLASSES, IMAGES).astype(np.int16)}


def layers_of_classes() -> dict[str, np.ndarray]:
    """Spikes of 2 seeds and 2 epochs; the last epoch of ``hidden`` answers to the class, the first does not."""
    generator = np.random.default_rng(0)
    early = generator.random((2, IMAGES, 9)) < 0.4
    late = generator.random((2, IMAGES, 9)) < generator.uniform(0.05, 0.95, (CLASSES, 9))[images_of()["labels"]]
    return {"conv.relu": generator.random((2, 2, IMAGES, 2, 5)) < 0.3, "hidden": np.stack([early, late], axis=1)}


def observed(path, surrogates: int = 39, units: int = 8, window: int = 10, level: float = 0.05):
    return simulation.observe({"spikes": path}, surrogates, units, window, level)


@pytest.fixture
def tables(write_spikes) -> dict[str, pd.DataFrame]:
    return observed(write_spikes(layers_of_classes(), batch=IMAGES, **images_of()))


def test_table_has_a_row_for_each_layer_network_model_and_statistic_of_the_last_epoch(tables):
    table = tables["simulation"]
    names = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth"]
    of_check = ["observed", "surrogate_mean", "surrogate_sd", "z", "p_value", "passes"]
    assert list(table) == [*names, "units", "model", "statistic", "by_construction", *of_check]
    statistics = layer_statistics(np.ones((2, 40), bool), np.arange(40) % 2, 10)
    assert len(table) == 2 * 2 * len(MODELS) * len(statistics)
    assert not table.duplicated([*names, "model", "statistic"]).any()
    assert table["model"].drop_duplicates().tolist() == list(MODELS)
    assert table["statistic"].drop_duplicates().tolist() == list(statistics)
    assert set(table["epoch"]) == {10}
    assert set(table["units"]) == {8}
    assert table["depth"].groupby(table["layer"]).unique().map(list).to_dict() == {"conv.relu": [1], "hidden": [2]}


def test_checks_are_of_the_same_units_in_the_random_order_of_the_network(tables):
    spikes, images, table = layers_of_classes()["hidden"], images_of(), tables["simulation"]
    units = np.random.default_rng(derived_seed("dots", "net", "hidden", "surrogates")).permutation(9)[:8]
    for seed in range(2):
        place = presentation_order("random", images["index"], images["labels"], "dots", "net", "generalizing", seed)
        expected = layer_statistics(spikes[seed, 1][place][:, units].T, images["labels"][place], 10)
        rows = table[(table["layer"] == "hidden") & (table["seed"] == seed)]
        for _, of_model in rows.groupby("model"):
            assert of_model.set_index("statistic")["observed"].to_dict() == pytest.approx(expected)


def test_layer_that_answers_to_the_class_passes_with_class_rates_alone(tables):
    table = tables["simulation"].set_index(["layer", "model", "statistic"])["passes"].sort_index()
    for statistic in ("hamming_ratio", "intraclass_correlation", "fano_ratio_class_blocked"):
        for model in ("bernoulli", "beta_binomial", "latent_gaussian"):
            assert (table["hidden", model, statistic] == 0).all()
    assert table["hidden", "class_rates"].mean() > 0.8
    assert table["conv.relu", "bernoulli"].mean() > 0.8


def test_features_are_shares_of_what_a_model_is_not_fitted_to_that_passes(tables):
    features, table = tables["features"], tables["simulation"]
    assert features["feature"].drop_duplicates().tolist() == [f"statistics_passing_{model}" for model in MODELS]
    assert len(features) == 2 * 2 * len(MODELS)
    for (seed, layer, model), rows in table.groupby(["seed", "layer", "model"]):
        checked = rows[~rows["statistic"].isin(BY_CONSTRUCTION[model])]
        place = (features["seed"] == seed) & (features["layer"] == layer)
        found = features[place & (features["feature"] == f"statistics_passing_{model}")]["value"]
        assert found.item() == pytest.approx((checked["p_value"] > 0.05).mean())


def test_images_without_labels_have_no_check_that_needs_them(write_spikes):
    unknown = np.full(IMAGES, -1, np.int16)
    table = observed(write_spikes(layers_of_classes(), labels=unknown, index=images_of()["index"]))["simulation"]
    assert table["model"].drop_duplicates().tolist() == [model for model in MODELS if model != "class_rates"]
    assert table["p_value"].notna().all()
    assert not table["statistic"].str.contains("class|hamming|noise").any()


def test_too_few_surrogates_for_the_level_are_refused(write_spikes):
    path = write_spikes({"hidden": np.random.default_rng(0).random((1, 1, 40, 5)) < 0.5})
    with pytest.raises(InputError, match=r"simulation: surrogates is 38; expected at least 39 for the level 0\.05"):
        observed(path, surrogates=38)
    observed(path, surrogates=19, level=0.1)


def checks(passes: list[float], z: list[float], reached: list[bool], **names: str) -> pd.DataFrame:
    """Checks of one statistic of some networks."""
    where = {"observable": "simulation", "dataset": "dots", "architecture": "net", "regime": "memorizing"}
    where |= {"layer": "hidden", "depth": 1, "model": "bernoulli", "statistic": "hamming_ratio"} | names
    values = {"passes": passes, "z": z, "reached_target": reached, "seed": range(len(passes))}
    return pd.DataFrame(values).assign(**where, by_construction=False, observed=2.0, surrogate_mean=1.5)


SETTINGS = {"confidence": 0.95, "resamples": 2000}


def test_summary_has_a_row_a_check_over_networks_that_reached_their_target():
    one = checks([1, 0, 1, 0], [1.0, 3, 2, 50], [True, True, True, False])
    other = checks([1, 1, np.nan, 1], [np.nan, 1, np.nan, 1], [True] * 4, regime="untrained")
    table = summarize_checks(pd.concat([one, other], ignore_index=True), SETTINGS)
    assert list(table) == COLUMNS
    assert not table.duplicated(CHECK).any()
    first, second = table.to_dict("records")
    assert (first["networks"], first["passing"], first["z"]) == (3, pytest.approx(2 / 3), 2)
    assert (first["observed"], first["surrogate_mean"]) == (2, 1.5)
    assert (first["passing_low"], first["passing_high"]) == share_interval(2, 3, 0.95)
    assert (second["networks"], second["passing"]) == (3, 1)
    assert np.isnan([second["z"], second["z_low"], second["z_high"]]).all()


def test_interval_of_the_mean_z_is_that_of_all_resamples_of_two_networks():
    """Of the resamples of two values a quarter are twice the one, a quarter twice the other."""
    table = summarize_checks(checks([1, 1], [0.0, 4], [True, True]), SETTINGS)
    assert table[["z_low", "z", "z_high"]].to_numpy().tolist() == [[0, 2, 4]]
    alone = summarize_checks(checks([1], [4.0], [True]), SETTINGS)
    assert alone["z"].item() == 4
    assert alone[["z_low", "z_high"]].isna().all(axis=None)


def test_check_without_a_network_that_reached_its_target_is_undefined():
    row = summarize_checks(checks([1, 0], [1.0, 2], [False, False]), SETTINGS).iloc[0]
    assert row["networks"] == 0
    assert row[COLUMNS[COLUMNS.index("passing") :]].isna().all()


@pytest.mark.parametrize("trials", [1, 5, 12])
def test_interval_of_a_share_is_the_exact_one_of_scipy(trials):
    for successes in range(trials + 1):
        for confidence in (0.8, 0.95):
            expected = stats.binomtest(successes, trials).proportion_ci(confidence, "exact")
            assert share_interval(successes, trials, confidence) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(share_interval(0, 0, 0.95)).all()
