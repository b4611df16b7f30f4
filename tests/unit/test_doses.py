"""Dose and response against scipy's Spearman, enumeration, and simulated regimes."""

import math
import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, false_discovery_control, spearmanr

from spikegrid.doses import COLUMNS, dose_response, permuted_p_values, spearman, spearman_intervals

SETTINGS = {"confidence": 0.95, "resamples": 500}
NOISE = {"generalizing": 0.0, "corrupted_30": 0.27, "corrupted_60": 0.54, "memorizing": 0.9}
SIZES = {"few_100": 100, "few_300": 300, "generalizing": 1000}
SERIES = {"label_noise": list(NOISE), "training_size": list(SIZES)}


def table_of(values: dict[str, list[float]], **columns: object) -> pd.DataFrame:
    """Features of one cell from the last value of each seed by regime; at epoch 0 all are 0."""
    rows = [
        {"dataset": "digits", "architecture": "mlp", "regime": regime, "seed": seed, "epoch": epoch, "layer": "relu",
         "depth": 1, "feature": "rate", "value": value * (epoch > 0), "observable": "firing", "reached_target": True}
        | columns
        for regime, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
        for epoch in (0, 7)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def runs_of(features: pd.DataFrame, jitter: float = 0.0) -> pd.DataFrame:
    """Runs of all networks; the share of corrupted labels differs between seeds by up to ``jitter``."""
    runs = features.drop_duplicates(["dataset", "architecture", "regime", "seed"])
    runs = runs[["dataset", "architecture", "regime", "seed", "reached_target"]]
    noise = runs["regime"].map(NOISE).fillna(0) + jitter * (runs["seed"] - runs["seed"].mean())
    return runs.assign(corrupted_share=noise, training_images=runs["regime"].map(SIZES).fillna(1000).astype(int))


def response(features: pd.DataFrame, runs: pd.DataFrame | None = None, series: dict | None = None) -> pd.DataFrame:
    return dose_response(features, runs_of(features) if runs is None else runs, series or SERIES, SETTINGS)


def random_values(regimes: list[str], seeds: int = 5, seed: int = 0) -> dict[str, list[float]]:
    generator = np.random.default_rng(seed)
    return {regime: generator.normal(size=seeds).tolist() for regime in regimes}


# --- Spearman's rank correlation ---


@pytest.mark.parametrize("decimals", [0, 8])
def test_rho_is_that_of_scipy_with_ties_or_without(decimals):
    generator = np.random.default_rng(1)
    values, dose = generator.normal(size=(20, 15)).round(decimals), np.repeat([0.0, 0.3, 0.9], 5)
    expected = [spearmanr(row, dose).statistic for row in values]
    np.testing.assert_allclose(spearman(values, dose), expected, atol=1e-12)


def test_rho_of_undefined_or_constant_values_or_one_dose_is_undefined_without_a_warning():
    values = np.array([[1.0, 2, 3], [1, np.nan, 3], [1, np.inf, 3], [5, 5, 5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(spearman(values, np.arange(3.0))).tolist() == [False, True, True, True]
        assert np.isnan(permuted_p_values(values, np.arange(3.0))).tolist() == [False, True, True, True]
        assert np.isnan(spearman(values, np.ones(3))).all()
        assert np.isnan(permuted_p_values(values, np.ones(3))).all()


# --- permutation test ---


def test_p_value_is_that_of_all_orders_up_to_chance():
    generator = np.random.default_rng(2)
    values, dose = generator.normal(size=(6, 7)).round(1), np.array([0.0, 0, 1, 1, 1, 2, 3])
    for row, p in zip(values, permuted_p_values(values, dose)):
        observed = abs(spearmanr(row, dose).statistic)
        ranks = pd.Series(row).rank().to_numpy()
        orders = np.array(list(permutations(pd.Series(dose).rank())))
        covariances = (orders - orders.mean(axis=1, keepdims=True)) @ (ranks - ranks.mean())
        deviations = np.sqrt(orders.var(axis=1) * ranks.var()) * len(row)
        exact = np.mean(np.abs(covariances / deviations) >= observed - 1e-9)
        assert p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999) + 1e-4)


def test_p_value_is_never_zero():
    values = np.arange(35.0)[None]
    assert permuted_p_values(values, np.repeat(np.arange(7.0), 5)).tolist() == [1 / 10_000]


def test_p_value_of_a_row_does_not_depend_on_the_other_rows():
    values, dose = np.random.default_rng(3).normal(size=(30, 15)), np.repeat([0.0, 0.3, 0.9], 5)
    whole = permuted_p_values(values, dose)
    assert [permuted_p_values(values[[row]], dose)[0] for row in range(30)] == whole.tolist()


@pytest.mark.parametrize("shape", ["normal", "standard_cauchy"])
def test_p_value_is_uniform_under_the_null(shape):
    values = getattr(np.random.default_rng(4), shape)(size=(4000, 15))
    p_values = permuted_p_values(values, np.repeat([0.0, 0.3, 0.9], 5))
    atom = 0.04  # no |ρ| of 15 networks in three regimes is likelier than that
    for level in (0.01, 0.05, 0.2, 0.5, 0.9):
        found = np.count_nonzero(p_values <= level)
        assert binom.ppf(1e-4, 4000, max(level - atom, level / 2)) <= found <= binom.ppf(1 - 1e-4, 4000, level + 0.002)


# --- bootstrap ---


@pytest.mark.parametrize("decimals", [0, 8])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_bounds_are_quantiles_of_scipys_rho_in_resamples_within_regimes(decimals, confidence):
    generator = np.random.default_rng(5)
    regimes = np.repeat(["a", "b", "c"], [5, 4, 6])
    dose = np.repeat([0.0, 1.0, 5.0], [5, 4, 6])
    values = (generator.normal(size=(1, 15)) + dose / 3).round(decimals)
    low, high = spearman_intervals(values, dose, regimes, confidence, 20_000)
    members = [np.flatnonzero(regimes == regime) for regime in "abc"]
    drawn = np.concatenate([generator.choice(own, size=(4000, len(own))) for own in members], axis=1)
    alone = np.array([np.count_nonzero(values == value) == 1 for value in values[0]])
    order = 1e-9 * generator.random(drawn.shape) * alone[drawn]  # copies are networks of their own
    resampled = np.array([spearmanr(values[0, row] + own, dose[row]).statistic for row, own in zip(drawn, order)])
    tail = (1 - confidence) / 2
    margin = 5 * math.sqrt(tail * (1 - tail) / 4000)
    for bound, share in ((low[0], tail), (high[0], 1 - tail)):
        assert np.mean(resampled < bound - 1e-9) <= share + margin
        assert np.mean(resampled <= bound + 1e-9) >= share - margin


def test_interval_contains_rho_in_the_ordinary_case():
    values = np.random.default_rng(6).normal(size=(200, 20))
    dose, regimes = np.repeat([0.0, 0.3, 0.6, 0.9], 5), np.repeat(list("abcd"), 5)
    low, high = spearman_intervals(values, dose, regimes, 0.95, 500)
    rho = spearman(values, dose)
    assert ((low <= rho) & (rho <= high)).all()


def test_interval_of_a_row_does_not_depend_on_the_other_rows_and_is_the_same_every_time():
    values = np.random.default_rng(7).normal(size=(9, 15))
    arguments = np.repeat([0.0, 0.3, 0.9], 5), np.repeat(list("abc"), 5), 0.95, 300
    whole = np.array(spearman_intervals(values, *arguments))
    np.testing.assert_array_equal(whole, spearman_intervals(values, *arguments))
    for row in range(9):
        np.testing.assert_array_equal(np.ravel(spearman_intervals(values[[row]], *arguments)), whole[:, row])


def test_interval_leaves_out_resamples_without_spread_and_is_undefined_where_rho_is():
    dose, regimes = np.repeat([0.0, 0.3, 0.9], 2), np.repeat(list("abc"), 2)
    values = np.array([[0.0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, np.nan, 5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = spearman_intervals(values, dose, regimes, 0.9, 300)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, True]
    # the last network is drawn once or twice, and its copies are networks of their own
    once, twice = (spearmanr(row, dose).statistic for row in ([0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 2]))
    np.testing.assert_allclose([low[0], high[0]], [once, twice])


# --- tables ---


def test_rho_of_a_row_is_that_of_its_last_values_with_the_mean_dose_of_their_regimes():
    values = random_values(list(NOISE))
    (row,) = response(table_of(values), series={"label_noise": list(NOISE)}).to_dict("records")
    dose = np.repeat(list(NOISE.values()), 5)
    flat = [value for regime in NOISE for value in values[regime]]
    assert row["rho"] == pytest.approx(spearmanr(flat, dose).statistic)
    assert (row["networks"], row["doses"], row["series"]) == (20, 4, "label_noise")
    assert (row["dataset"], row["architecture"], row["observable"], row["feature"], row["layer"], row["depth"]) == (
        ("digits", "mlp", "firing", "rate", "relu", 1)
    )
    assert row["low"] <= row["rho"] <= row["high"]


def test_seeds_of_a_regime_share_one_dose():
    features = table_of(random_values(list(NOISE)))
    exact, jittered = (response(features, runs_of(features, jitter)) for jitter in (0.0, 0.01))
    pd.testing.assert_frame_equal(exact, jittered)


@pytest.mark.parametrize(("direction", "rho"), [(1, 1.0), (-1, -1.0)])
def test_rho_of_one_seed_a_regime_in_the_order_of_the_doses_is_one_in_size(direction, rho):
    values = {regime: [direction * (number + 1.0)] for number, regime in enumerate(NOISE)}
    row = response(table_of(values), series={"label_noise": list(NOISE)}).iloc[0]
    assert (row["rho"], row["low"], row["high"]) == pytest.approx((rho, rho, rho))


def test_response_that_rises_with_every_dose_reaches_the_largest_rho_and_the_least_p():
    values = {regime: [number + 0.01 * seed for seed in range(5)] for number, regime in enumerate(NOISE)}
    row = response(table_of(values), series={"label_noise": list(NOISE)}).iloc[0]
    largest = spearmanr(np.arange(20), np.repeat(range(4), 5)).statistic
    assert [row["low"], row["rho"], row["high"]] == pytest.approx([largest] * 3)
    assert row["p_value"] == pytest.approx(1e-4)


def test_each_series_has_its_own_regimes_and_dose():
    values = random_values(["few_100", "few_300", *NOISE])
    table = response(table_of(values)).set_index("series")
    assert table.index.tolist() == ["label_noise", "training_size"]
    assert table["networks"].tolist() == [20, 15]
    flat = [value for regime in SIZES for value in values[regime]]
    assert table.loc["training_size", "rho"] == pytest.approx(spearmanr(flat, np.repeat([1, 2, 3], 5)).statistic)


def test_regimes_of_one_dose_count_as_one():
    values = random_values(["generalizing", "few_100", "memorizing", "corrupted_30"])
    row = response(table_of(values), series={"label_noise": list(values)}).iloc[0]
    assert (row["networks"], row["doses"]) == (20, 3)
    dose = [NOISE.get(regime, 0.0) for regime in values for _ in range(5)]
    assert row["rho"] == pytest.approx(spearmanr(np.concatenate(list(values.values())), dose).statistic)


def test_fewer_than_three_doses_leave_the_response_undefined():
    row = response(table_of(random_values(["generalizing", "memorizing"])), series={"label_noise": list(NOISE)}).iloc[0]
    assert (row["networks"], row["doses"]) == (10, 2)
    assert row[["rho", "low", "high", "p_value", "p_adjusted"]].isna().all()


def test_cells_with_one_regime_of_a_series_are_left_out():
    parts = [
        table_of(random_values(list(NOISE))),
        table_of(random_values(["generalizing", "other"]), architecture="cnn"),
    ]
    table = response(pd.concat(parts))
    assert table[["series", "architecture"]].to_numpy().tolist() == [["label_noise", "mlp"]]


def test_networks_that_missed_their_target_do_not_count():
    features = table_of(random_values(list(NOISE)))
    spoiled = table_of({"memorizing": [-99.0]}, seed=77, reached_target=False)
    spoiled_regime = table_of({"corrupted_30": [5.0] * 3}, architecture="cnn", reached_target=False)
    both = pd.concat([features, spoiled, spoiled_regime, table_of(random_values(["memorizing"]), architecture="cnn")])
    pd.testing.assert_frame_equal(response(both), response(features))


def test_features_layers_and_cells_are_measured_apart():
    parts = [
        table_of(random_values(list(NOISE), seed=number), **{column: value})
        for number, (column, value) in enumerate(
            [("feature", "fano"), ("layer", "network"), ("observable", "fit"), ("architecture", "cnn")]
        )
    ]
    table = response(pd.concat(parts))
    assert len(table) == 4
    for number, (column, value) in enumerate(
        [("feature", "fano"), ("layer", "network"), ("observable", "fit"), ("architecture", "cnn")]
    ):
        flat = np.concatenate([random_values(list(NOISE), seed=number)[regime] for regime in NOISE])
        expected = spearmanr(flat, np.repeat(list(NOISE.values()), 5)).statistic
        assert table.set_index(column).loc[value, "rho"] == pytest.approx(expected)


def test_undefined_or_constant_values_leave_their_row_undefined_and_others_alone():
    values = random_values(list(NOISE))
    broken = values | {"memorizing": [1.0, np.nan, 1.0, 2.0, 3.0]}
    flat = {regime: [1.0] * 5 for regime in NOISE}
    parts = [table_of(values), table_of(broken, feature="broken"), table_of(flat, feature="flat")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = response(pd.concat(parts)).set_index("feature")
    statistics = ["rho", "low", "high", "p_value", "p_adjusted"]
    assert table.loc[["broken", "flat"], statistics].isna().all(axis=None)
    np.testing.assert_allclose(
        table.loc["rate", statistics].astype(float), response(table_of(values))[statistics].iloc[0].astype(float)
    )


def test_p_values_are_adjusted_over_the_whole_table():
    parts = [table_of(random_values([*NOISE, *SIZES], seed=s), feature=f"feature_{s}") for s in range(6)]
    table = response(pd.concat(parts))
    assert len(table) == 12
    np.testing.assert_allclose(table["p_adjusted"], false_discovery_control(table["p_value"]), rtol=1e-12)


def test_order_of_the_rows_does_not_change_the_values():
    features = pd.concat([table_of(random_values(list(NOISE), seed=s), feature=f"feature_{s}") for s in range(3)])
    features = features.reset_index(drop=True)
    shuffled = features.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        response(shuffled, runs_of(features)).sort_values("feature", ignore_index=True), response(features)
    )


@pytest.mark.parametrize("series", [{"label_noise": ["absent", "missing"]}, {"training_size": ["generalizing"]}])
def test_nothing_to_compare_gives_an_empty_table_with_the_columns(series):
    table = response(table_of(random_values(list(NOISE))), series=series)
    assert len(table) == 0
    assert table.columns.tolist() == COLUMNS


def test_no_series_gives_an_empty_table_with_the_columns():
    features = table_of(random_values(list(NOISE)))
    assert dose_response(features, runs_of(features), {}, SETTINGS).columns.tolist() == COLUMNS
