"""Differences between regimes against textbook formulas and scipy's bootstrap, row by row."""

import math
import warnings
from itertools import combinations_with_replacement, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap, ttest_ind

from spikegrid.indicators import bootstrap_interval, compare_regimes, hedges_g

SETTINGS = {"memorizing": "memorizing", "generalizing": "generalizing", "confidence": 0.95, "resamples": 500}


def samples(rows: int, first: int, second: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(1, 2, (rows, first)), generator.normal(0, 1, (rows, second))


# --- Hedges' g ---


def textbook_g(first: np.ndarray, second: np.ndarray) -> float:
    """g of two samples by Hedges (1981), eqs. 4-6, with the exact correction."""
    n1, n2 = len(first), len(second)
    sum_of_squares = sum((x - sum(first) / n1) ** 2 for x in first) + sum((x - sum(second) / n2) ** 2 for x in second)
    m = n1 + n2 - 2
    d = (sum(first) / n1 - sum(second) / n2) / math.sqrt(sum_of_squares / m)
    return math.gamma(m / 2) / (math.sqrt(m / 2) * math.gamma((m - 1) / 2)) * d


@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (3, 3), (5, 5), (5, 2), (30, 40)])
def test_hedges_g_is_that_of_the_textbook(n1, n2):
    first, second = samples(6, n1, n2)
    expected = [textbook_g(a, b) for a, b in zip(first, second)]
    np.testing.assert_allclose(hedges_g(first, second), expected, rtol=1e-10)


def test_hedges_g_is_the_t_statistic_scaled_and_corrected():
    first, second = samples(6, 8, 5)
    t = ttest_ind(first, second, axis=1).statistic
    approximate_correction = 1 - 3 / (4 * 11 - 1)
    np.testing.assert_allclose(hedges_g(first, second), t * np.sqrt(1 / 8 + 1 / 5) * approximate_correction, rtol=1e-3)


def test_hedges_g_is_unbiased_in_small_samples():
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.8, 1, (60_000, 5)), generator.normal(0, 1, (60_000, 5))
    g = hedges_g(first, second)
    assert g.mean() == pytest.approx(0.8, abs=4 * g.std() / np.sqrt(60_000))


def test_hedges_g_changes_sign_with_the_order_and_not_with_scale_or_place():
    first, second = samples(6, 5, 4)
    np.testing.assert_allclose(hedges_g(second, first), -hedges_g(first, second))
    np.testing.assert_allclose(hedges_g(3 * first + 7, 3 * second + 7), hedges_g(first, second))


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (1, 5), (5, 1), (0, 3)])
def test_hedges_g_of_fewer_than_two_seeds_is_undefined(n1, n2):
    g = hedges_g(np.ones((3, n1)), np.zeros((3, n2)))
    assert g.shape == (3,)
    assert np.isnan(g).all()


def test_hedges_g_without_spread_and_of_undefined_values_is_undefined():
    first = np.array([[1.0, 1.0], [np.nan, 1.0], [1.0, 3.0]])
    second = np.array([[0.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(hedges_g(first, second)).tolist() == [True, True, False]


# --- bootstrap ---


def difference(a, b, axis):
    return a.mean(axis=axis) - b.mean(axis=axis)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(("n1", "n2"), [(5, 5), (8, 3)])
def test_interval_is_that_of_scipy_row_by_row(confidence, n1, n2):
    first, second = samples(4, n1, n2)
    low, high = bootstrap_interval(first, second, confidence, 20_000)
    for row in range(4):
        expected = bootstrap(
            (first[row], second[row]),
            difference,
            n_resamples=20_000,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(row),
        )
        tolerance = 0.15 * expected.standard_error
        assert low[row] == pytest.approx(expected.confidence_interval.low, abs=tolerance)
        assert high[row] == pytest.approx(expected.confidence_interval.high, abs=tolerance)


def resampled_means(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and probability of every resample of a sample, order aside."""
    n = len(values)
    counts = np.array([np.bincount(chosen, minlength=n) for chosen in combinations_with_replacement(range(n), n)])
    orders = [math.factorial(n) / math.prod(map(math.factorial, row)) for row in counts.tolist()]
    return counts @ values / n, np.array(orders) / n**n


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (3, 5), (5, 5)])
def test_interval_bounds_are_quantiles_of_all_resamples(confidence, n1, n2):
    first, second = samples(1, n1, n2)
    low, high = bootstrap_interval(first, second, confidence, 20_000)
    (means1, weights1), (means2, weights2) = resampled_means(first[0]), resampled_means(second[0])
    differences, weights = np.subtract.outer(means1, means2), np.outer(weights1, weights2)
    assert weights.sum() == pytest.approx(1)
    tail, rounding = (1 - confidence) / 2, 1e-9
    error = 5 * np.sqrt(tail * (1 - tail) / 20_000)
    assert weights[differences < low - rounding].sum() <= tail + error
    assert weights[differences <= low + rounding].sum() >= tail - error
    assert weights[differences > high + rounding].sum() <= tail + error
    assert weights[differences >= high - rounding].sum() >= tail - error


def test_interval_of_many_seeds_is_the_normal_one():
    first, second = samples(3, 400, 300)
    low, high = bootstrap_interval(first, second, 0.95, 4000)
    error = np.sqrt(first.var(axis=1) / 400 + second.var(axis=1) / 300)
    centre = first.mean(axis=1) - second.mean(axis=1)
    np.testing.assert_allclose(low, centre - 1.96 * error, atol=0.1 * error.max())
    np.testing.assert_allclose(high, centre + 1.96 * error, atol=0.1 * error.max())


@given(
    st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
        lambda n: st.tuples(
            *(arrays(float, (2, size), elements=st.floats(-100, 100, allow_subnormal=False)) for size in n)
        )
    )
)
def test_interval_holds_the_difference_of_extremes_and_is_ordered(pair):
    first, second = pair
    low, high = bootstrap_interval(first, second, 0.9, 100)
    slack = 1e-9
    assert (low <= high).all()
    assert (first.min(axis=1) - second.max(axis=1) <= low + slack).all()
    assert (high <= first.max(axis=1) - second.min(axis=1) + slack).all()


def test_interval_of_a_row_does_not_depend_on_the_other_rows():
    first, second = samples(60, 10, 10)
    low, high = bootstrap_interval(first, second, 0.95, 40_000)
    for row in (0, 59):
        alone = bootstrap_interval(first[[row]], second[[row]], 0.95, 40_000)
        np.testing.assert_allclose((low[row], high[row]), np.ravel(alone), rtol=1e-12)


def test_interval_is_the_same_every_time():
    first, second = samples(3, 5, 5)
    np.testing.assert_array_equal(
        bootstrap_interval(first, second, 0.95, 300), bootstrap_interval(first, second, 0.95, 300)
    )


def test_interval_without_spread_is_the_difference():
    low, high = bootstrap_interval(np.full((1, 4), 3.0), np.full((1, 4), 1.0), 0.95, 100)
    assert (low[0], high[0]) == (2, 2)


@pytest.mark.parametrize(("n1", "n2"), [(1, 5), (5, 1), (1, 1), (0, 4)])
def test_interval_of_fewer_than_two_seeds_is_undefined(n1, n2):
    low, high = bootstrap_interval(np.ones((3, n1)), np.ones((3, n2)), 0.95, 100)
    assert low.shape == high.shape == (3,)
    assert np.isnan([low, high]).all()


def test_interval_of_undefined_values_is_undefined_and_leaves_other_rows_without_a_warning():
    first, second = samples(3, 4, 4)
    whole = np.array(bootstrap_interval(first, second, 0.95, 200))
    first[1, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = bootstrap_interval(first, second, 0.95, 200)
    assert np.isnan([low[1], high[1]]).all()
    np.testing.assert_allclose(np.array([low, high])[:, [0, 2]], whole[:, [0, 2]])


# --- comparison of regimes ---


def features_of(values: dict[tuple, list[float]], **columns: object) -> pd.DataFrame:
    """Features of one cell from ``{(regime, epoch): value of each seed}``."""
    rows = []
    for (regime, epoch), of_seeds in values.items():
        for seed, value in enumerate(of_seeds):
            rows.append(
                {
                    **{"observable": "firing", "dataset": "digits", "architecture": "mlp", "regime": regime},
                    **{"seed": seed, "epoch": epoch, "layer": "relu", "depth": 1, "feature": "rate"},
                    **{"value": value, "reached_target": True},
                }
                | columns
            )
    return pd.DataFrame(rows)


BOTH = {("memorizing", 0): [0.5, 0.6, 0.4], ("generalizing", 0): [0.5, 0.5, 0.5],
        ("memorizing", 9): [0.3, 0.4, 0.2], ("generalizing", 9): [0.7, 0.6, 0.8]}  # fmt: skip


def test_means_difference_and_counts_are_those_of_the_seeds_at_each_epoch():
    table = compare_regimes(features_of(BOTH), SETTINGS)
    assert table["epoch_memorizing"].tolist() == table["epoch_generalizing"].tolist() == [0, 9]
    assert table["final"].tolist() == [False, True]
    last = table.iloc[1]
    assert (last["n_memorizing"], last["n_generalizing"]) == (3, 3)
    assert last["mean_memorizing"] == pytest.approx(0.3)
    assert last["mean_generalizing"] == pytest.approx(0.7)
    assert last["difference"] == pytest.approx(-0.4)
    assert last["hedges_g"] == pytest.approx(textbook_g([0.3, 0.4, 0.2], [0.7, 0.6, 0.8]))
    assert last["low"] <= -0.4 <= last["high"] < 0
    assert last[["observable", "feature", "layer", "depth"]].tolist() == ["firing", "rate", "relu", 1]
    assert last[["dataset", "architecture"]].tolist() == ["digits", "mlp"]


def test_networks_that_missed_their_target_are_left_out():
    features = features_of(BOTH)
    missed = (features["regime"] == "memorizing") & (features["seed"] == 2)
    features.loc[missed, "reached_target"] = False
    last = compare_regimes(features, SETTINGS).iloc[-1]
    assert (last["n_memorizing"], last["n_generalizing"]) == (2, 3)
    assert last["mean_memorizing"] == pytest.approx(0.35)
    assert last["hedges_g"] == pytest.approx(textbook_g([0.3, 0.4], [0.7, 0.6, 0.8]))


def test_cell_without_a_network_that_reached_its_target_is_left_out():
    features = features_of(BOTH)
    features.loc[features["regime"] == "memorizing", "reached_target"] = False
    other = features_of(BOTH, dataset="mnist")
    table = compare_regimes(pd.concat([features, other]), SETTINGS)
    assert set(table["dataset"]) == {"mnist"}


def test_a_single_seed_has_means_and_no_interval_or_effect_size():
    table = compare_regimes(features_of({("memorizing", 0): [0.2], ("generalizing", 0): [0.5]}), SETTINGS)
    (row,) = table.to_dict("records")
    assert row["difference"] == pytest.approx(-0.3)
    assert np.isnan([row["low"], row["high"], row["hedges_g"]]).all()


def test_regimes_are_compared_at_equal_epochs_and_at_the_last_of_each():
    values = {("memorizing", epoch): [0.1, 0.2] for epoch in (0, 1, 5, 50)}
    values |= {("generalizing", epoch): [0.3, 0.4] for epoch in (0, 2, 5, 10)}
    table = compare_regimes(features_of(values), SETTINGS)
    pairs = list(zip(table["epoch_memorizing"], table["epoch_generalizing"], table["final"]))
    assert pairs == [(0, 0, False), (5, 5, False), (50, 10, True)]


def test_regimes_without_a_common_epoch_are_compared_at_their_last():
    table = compare_regimes(features_of({("memorizing", 3): [0.1, 0.2], ("generalizing", 7): [0.3, 0.4]}), SETTINGS)
    assert table[["epoch_memorizing", "epoch_generalizing", "final"]].to_numpy().tolist() == [[3, 7, True]]


def test_each_cell_is_compared_by_itself():
    shifted = {
        key: [value + 1 for value in values] if key[0] == "memorizing" else values for key, values in BOTH.items()
    }
    features = pd.concat([features_of(BOTH), features_of(shifted, architecture="cnn")])
    table = compare_regimes(features, SETTINGS)
    final = table[table["final"]].set_index("architecture")["difference"]
    assert final["mlp"] == pytest.approx(-0.4)
    assert final["cnn"] == pytest.approx(0.6)


def test_features_layers_and_observables_are_compared_apart():
    names = product(("relu", "network"), ("rate", "fano"), ("fine", "coarse"))
    parts = [
        features_of(BOTH, layer=layer, feature=feature, observable=observable) for layer, feature, observable in names
    ]
    table = compare_regimes(pd.concat(parts), SETTINGS)
    assert len(table) == 16
    assert not table.duplicated(["observable", "feature", "layer", "epoch_memorizing"]).any()


def test_layers_of_one_regime_alone_are_left_out():
    alone = features_of({("memorizing", 9): [0.1, 0.2, 0.3]}, layer="extra")
    table = compare_regimes(pd.concat([features_of(BOTH), alone]), SETTINGS)
    assert set(table["layer"]) == {"relu"}


def test_feature_that_is_undefined_for_a_seed_has_undefined_statistics():
    values = BOTH | {("memorizing", 9): [0.3, np.nan, 0.2]}
    last = compare_regimes(features_of(values), SETTINGS).iloc[-1]
    assert np.isnan(last[["mean_memorizing", "difference", "low", "high", "hedges_g"]].astype(float)).all()
    assert last["mean_generalizing"] == pytest.approx(0.7)


def test_regimes_that_are_not_compared_do_not_matter():
    untrained = features_of({("untrained", 0): [0.9, 0.8, 0.7]})
    pd.testing.assert_frame_equal(
        compare_regimes(pd.concat([features_of(BOTH), untrained]), SETTINGS),
        compare_regimes(features_of(BOTH), SETTINGS),
    )


def test_settings_name_the_regimes():
    swapped = SETTINGS | {"memorizing": "generalizing", "generalizing": "memorizing"}
    assert compare_regimes(features_of(BOTH), swapped)["difference"].tolist()[-1] == pytest.approx(0.4)


def test_order_of_the_rows_does_not_change_the_values():
    features = pd.concat(
        [features_of(BOTH, feature=feature) for feature in ("rate", "fano", "dead")], ignore_index=True
    )
    features["value"] += np.random.default_rng(0).normal(0, 0.01, len(features))
    shuffled = features.sample(frac=1, random_state=1)
    key = ["feature", "epoch_memorizing"]
    first, second = (compare_regimes(f, SETTINGS).sort_values(key, ignore_index=True) for f in (features, shuffled))
    pd.testing.assert_frame_equal(first, second)


def test_nothing_to_compare_gives_an_empty_table_with_the_columns():
    empty = compare_regimes(features_of({("memorizing", 0): [0.1, 0.2]}), SETTINGS)
    assert len(empty) == 0
    assert empty.columns.tolist() == compare_regimes(features_of(BOTH), SETTINGS).columns.tolist()
