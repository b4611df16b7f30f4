"""Which features go with what probes read off: made-up networks whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, spearmanr

from spikegrid.tables import RUN
from spikegrid.transfer_predictors import BASELINE, COLUMNS, transfer_predictors

SETTINGS = {"confidence": 0.95, "resamples": 300}
REGIMES = ["untrained", "generalizing", "memorizing"]
SEEDS = 8
KEY = ["predictor", "feature"]


def features_of(observable: str, feature: str, values: np.ndarray, **columns: object) -> pd.DataFrame:
    """Features of one layer of all networks, [regimes, seeds]; those at epoch 0 are 0, if not the last."""
    rows = [
        {"dataset": "mnist", "architecture": "mlp", "regime": regime, "seed": seed, "epoch": epoch, "layer": "relu2",
         "depth": 2, "feature": feature, "value": values[place, seed] * (epoch > 0 or regime == "untrained"),
         "observable": observable, "reached_target": True}
        | columns
        for place, regime in enumerate(REGIMES)
        for seed in range(SEEDS)
        for epoch in ((0,) if regime == "untrained" else (0, 9))
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def accuracy() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 0.9, (3, SEEDS))


@pytest.fixture
def features(accuracy) -> pd.DataFrame:
    """A feature that falls as accuracy rises, one that tells regimes alone, one of another observable, and noise."""
    noise = np.random.default_rng(1).normal(size=(3, SEEDS))
    return pd.concat(
        [
            features_of("transfer", "probe_accuracy", accuracy),
            features_of("transfer", "probe_accuracy", accuracy[::-1], layer="relu1", depth=1),
            features_of("firing", "noise", noise),
            features_of("firing", "rate", -(accuracy**3)),
            features_of("firing", "rate", accuracy, layer="relu1", depth=1),
            features_of("firing", "rate", accuracy, layer="network", depth=0),
            features_of("pruning", "area", accuracy),
        ],
        ignore_index=True,
    )


@pytest.fixture
def runs(accuracy) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([["mnist"], ["mlp"], REGIMES, range(SEEDS)], names=RUN)
    return pd.DataFrame({"test_accuracy": accuracy.ravel() ** 2}, index=index).reset_index()


def table_of(features: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    return transfer_predictors(features, runs, {"transfer": "cifar10"}, ["firing"], SETTINGS)


def test_a_row_is_a_feature_of_the_layer_and_the_strongest_within_regimes_comes_first(features, runs):
    table = table_of(features, runs)
    assert list(table) == COLUMNS
    last = table[table["layer"] == "relu2"]
    assert last[KEY].to_numpy().tolist() == [["firing", "rate"], list(BASELINE), ["firing", "noise"]]
    assert last[["rho", "rho_within"]].to_numpy()[:2].tolist() == [[-1, -1], [1, 1]]
    assert (last["low"].iloc[0], last["high"].iloc[0]) == (-1, -1)
    assert set(table["layer"]) == {"relu1", "relu2"}
    assert (table[["networks", "regimes"]] == [3 * SEEDS, 3]).all(axis=None)
    assert set(table["target"]) == {"cifar10"}


def test_rho_is_that_of_the_same_layer_at_the_last_epoch_of_each_network(features, runs, accuracy):
    table = table_of(features, runs).set_index(["layer", *KEY])["rho"]
    expected = spearmanr(accuracy.ravel(), accuracy[::-1].ravel()).statistic
    assert table["relu1", "firing", "rate"] == pytest.approx(expected)
    noise = features[
        (features["feature"] == "noise") & ((features["epoch"] == 9) | (features["regime"] == "untrained"))
    ]
    assert table["relu2", "firing", "noise"] == pytest.approx(spearmanr(noise["value"], accuracy.ravel()).statistic)


def test_a_feature_that_tells_regimes_apart_and_nothing_more_has_no_rho_within_regimes(features, runs, accuracy):
    shift = np.array([[0.0], [10.0], [20.0]])
    noise = np.random.default_rng(2).normal(size=(2, 3, SEEDS))
    told = pd.concat(
        [features_of("transfer", "probe_accuracy", shift + noise[0]), features_of("firing", "rate", shift + noise[1])]
    )
    row = table_of(told, runs).set_index(KEY).loc[("firing", "rate")]
    assert row["rho"] > 0.85
    assert row["p_value"] < 0.001
    assert row["low_within"] < 0 < row["high_within"]
    assert row["p_value_within"] > 0.05


def test_p_values_are_adjusted_over_the_table_each_by_itself(features, runs):
    table = table_of(features, runs)
    for suffix in ("", "_within"):
        expected = false_discovery_control(table[f"p_value{suffix}"])
        np.testing.assert_allclose(table[f"p_adjusted{suffix}"], expected)
    assert (table["p_value"] != table["p_value_within"]).any()


def test_networks_that_missed_their_target_are_left_out(features, runs):
    missed = (features["regime"] == "memorizing") & (features["seed"] < 3)
    features.loc[missed, "reached_target"] = False
    features.loc[missed, "value"] = 1e9
    table = table_of(features, runs).set_index(["layer", *KEY])
    assert set(table["networks"]) == {3 * SEEDS - 3}
    assert table.loc[("relu2", "firing", "rate"), "rho"] == -1


def test_a_feature_that_is_undefined_in_a_network_has_no_rho_and_comes_last(features, runs):
    features.loc[(features["feature"] == "rate") & (features["seed"] == 2), "value"] = np.nan
    last = table_of(features, runs).query("layer == 'relu2'")
    assert last["feature"].iloc[-1] == "rate"
    assert last[["rho", "low", "high", "p_value", "p_adjusted_within"]].iloc[-1].isna().all()


def test_a_layer_without_spikes_has_the_baseline_alone(features, runs):
    without = features[(features["layer"] != "relu1") | (features["observable"] == "transfer")]
    of_layer = table_of(without, runs).query("layer == 'relu1'")
    assert of_layer[KEY].to_numpy().tolist() == [list(BASELINE)]


def test_without_networks_that_reached_their_target_the_table_is_empty(features, runs):
    table = table_of(features.assign(reached_target=False), runs)
    assert (list(table), len(table)) == (COLUMNS, 0)


def test_rows_of_a_cell_do_not_depend_on_other_cells(features, runs):
    other = features.assign(architecture="cnn", value=-features["value"])
    both = table_of(pd.concat([features, other]), pd.concat([runs, runs.assign(architecture="cnn")]))
    columns = [name for name in COLUMNS if not name.startswith("p_adjusted")]
    alone = table_of(features, runs)[columns]
    pd.testing.assert_frame_equal(both[both["architecture"] == "mlp"][columns].reset_index(drop=True), alone)
