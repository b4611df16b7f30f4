"""Differences between regimes against textbook formulas and scipy's bootstrap, row by row."""

import math
import warnings
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap, false_discovery_control, mannwhitneyu, permutation_test, ttest_ind

from spikegrid.indicators import (
    auroc,
    bootstrap_interval,
    compare_regimes,
    hedges_g,
    permutation_p_value,
    random_relabelings,
    relabelings,
)

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


@pytest.mark.parametrize(("n1", "n2"), [(3, 7), (5, 5), (9, 4)])
def test_interval_of_samples_that_are_all_alike_is_0_to_the_last_bit(n1, n2):
    low, high = bootstrap_interval(np.full((3, n1), 0.1), np.full((3, n2), 0.1), 0.95, 2000)
    assert not np.any([low, high])


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


# --- area under the ROC curve ---


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (2, 3), (5, 5), (30, 7)])
@pytest.mark.parametrize("decimals", [0, 8])
def test_auroc_is_mann_whitneys_u_per_pair_with_ties_or_without(n1, n2, decimals):
    first, second = (values.round(decimals) for values in samples(20, n1, n2))
    expected = mannwhitneyu(first, second, axis=1).statistic / (n1 * n2)
    np.testing.assert_allclose(auroc(first, second), expected, rtol=1e-12)


def test_auroc_is_one_when_separated_a_half_when_alike_and_turns_with_the_order():
    apart, low = np.array([[3.0, 4.0]]), np.array([[1.0, 2.0, 2.5]])
    assert (auroc(apart, low)[0], auroc(low, apart)[0], auroc(low, low)[0]) == (1, 0, 0.5)


def test_auroc_of_undefined_values_or_no_seeds_is_undefined():
    first, second = samples(3, 4, 4)
    first[0, 1], second[1, 2] = np.nan, np.inf
    assert np.isnan(auroc(first, second)).tolist() == [True, True, False]
    assert np.isnan(auroc(first[:, :0], second)).all()


# --- permutation test ---


def enumerated_p(first: list[float], second: list[float]) -> float:
    """Share of all relabelings with as large a difference of means, in exact arithmetic for integers."""
    values, n1 = [*first, *second], len(first)
    sums = [sum(values[i] for i in chosen) for chosen in combinations(range(len(values)), n1)]
    # |s/n1 - (t - s)/n2| in units of 1/(n1 n2)
    differences = [abs(s * len(values) - sum(values) * n1) for s in sums]
    return sum(d >= differences[0] for d in differences) / len(differences)


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (1, 4), (2, 2), (3, 2), (5, 5), (4, 6)])
@pytest.mark.parametrize("highest", [3, 1000])
def test_p_value_is_the_share_of_all_relabelings_with_as_large_a_difference(n1, n2, highest):
    generator = np.random.default_rng(n1 * n2)
    first, second = generator.integers(0, highest, (10, n1)), generator.integers(0, highest, (10, n2))
    expected = [enumerated_p(a, b) for a, b in zip(first.tolist(), second.tolist())]
    np.testing.assert_allclose(permutation_p_value(first, second), expected, rtol=1e-12)


def test_p_value_is_that_of_scipy():
    first, second = samples(10, 5, 4)
    for row, p in enumerate(permutation_p_value(first, second)):
        expected = permutation_test(
            (first[row], second[row]),
            lambda a, b, axis: np.abs(a.mean(axis=axis) - b.mean(axis=axis)),
            vectorized=True,
            alternative="greater",
            n_resamples=np.inf,
        )
        assert p == pytest.approx(expected.pvalue, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1e9])
@pytest.mark.parametrize("place", [0, 1, 1e4])
def test_ties_are_ties_whatever_the_unit_of_the_values(scale, place):
    generator = np.random.default_rng(3)
    first, second = generator.integers(0, 4, (50, 4)), generator.integers(0, 4, (50, 5))
    moved = (scale * (values + place) for values in (first, second))
    expected = [enumerated_p(a, b) for a, b in zip(first.tolist(), second.tolist())]
    np.testing.assert_allclose(permutation_p_value(*moved), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_p_value_of_separated_samples_is_the_least_that_so_many_seeds_allow(n):
    (p,) = permutation_p_value(np.arange(n)[None] + 100.0, np.arange(n)[None])
    assert p == pytest.approx(2 / math.comb(2 * n, n))


def test_p_value_of_equal_values_is_one():
    assert permutation_p_value(np.full((1, 5), 0.1), np.full((1, 5), 0.1)) == 1


def test_p_value_of_many_seeds_is_that_of_a_random_share_of_all_relabelings():
    first, second = samples(1, 9, 9, seed=4)
    (p,), exact = permutation_p_value(first, second), enumerated_p(first[0].tolist(), second[0].tolist())
    assert 0.01 < exact < 0.99
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))
    (separated,) = permutation_p_value(first + 100, second)
    assert 1 / 10_000 <= separated <= 3 / 10_000


def test_p_value_is_at_most_a_level_in_that_share_of_cases_under_the_null():
    generator = np.random.default_rng(1)
    p = permutation_p_value(*generator.normal(size=(2, 20_000, 4)))
    for level in (2 / 70, 0.1, 0.5):
        attainable = np.floor(level * 35 + 1e-9) / 35  # 70 relabelings, in pairs of one |difference|
        assert np.mean(p <= level + 1e-9) == pytest.approx(attainable, abs=4 * np.sqrt(level / 20_000))


def test_p_value_of_a_row_does_not_depend_on_the_other_rows():
    for seeds in (5, 9):
        first, second = samples(700, seeds, seeds)
        whole = permutation_p_value(first, second)
        for row in (0, 499, 500, 699):
            assert permutation_p_value(first[[row]], second[[row]]) == whole[row]


def test_p_value_of_undefined_values_or_no_seeds_is_undefined_without_a_warning():
    first, second = samples(3, 4, 4)
    first[0, 1], second[1, 2] = np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(permutation_p_value(first, second)).tolist() == [True, True, False]
        assert np.isnan(permutation_p_value(first[:, :0], second)).all()


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (2, 3), (5, 5)])
def test_relabelings_are_all_ways_to_choose_and_the_first_is_as_observed(n1, n2):
    relabelled = relabelings(n1, n2, "test")
    assert relabelled[0].tolist() == [True] * n1 + [False] * n2
    assert len({tuple(row) for row in relabelled.tolist()}) == len(relabelled) == math.comb(n1 + n2, n1)
    assert (relabelled.sum(axis=1) == n1).all()


def test_random_relabelings_are_fair_and_differ_by_purpose():
    relabelled = random_relabelings(3, 5, "test", "one")
    assert relabelled.shape == (10_000, 8)
    assert relabelled[0].tolist() == [True] * 3 + [False] * 5
    assert (relabelled.sum(axis=1) == 3).all()
    np.testing.assert_allclose(relabelled[1:].mean(axis=0), 3 / 8, atol=4 * np.sqrt(15 / 64 / 9999))
    np.testing.assert_array_equal(relabelled, random_relabelings(3, 5, "test", "one"))
    assert (relabelled != random_relabelings(3, 5, "test", "two")).any()


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


# --- columns that look at more than one epoch ---


def trace(differences: dict[int, float], regime: str = "memorizing") -> dict[tuple, list[float]]:
    """Values of three seeds around a difference at each epoch, so close that an interval holds 0 only around 0."""
    return {(regime, epoch): [value - 0.01, value, value + 0.01] for epoch, value in differences.items()}


def level(*epochs: int) -> dict[tuple, list[float]]:
    return trace(dict.fromkeys(epochs, 0.0), "generalizing")


EPOCHS = (0, 1, 5, 20)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ((0, 0, 1, 1), 5),
        ((1, 1, 1, 1), 0),
        ((0, 0, 0, 1), 20),
        ((0, 1, 0, 1), 20),
        ((-1, -1, 1, 1), 5),
        ((0, -1, -2, -1), 1),
        ((1, 1, 1, -1), 20),
        ((1, 1, 1, 0), np.nan),
        ((0, 0, 0, 0), np.nan),
        ((1, np.nan, 1, 1), 5),
        ((1, 1, 1, np.nan), np.nan),
        ((1, 1, np.inf, 1), 20),
    ],
)
def test_separated_from_is_the_epoch_since_which_intervals_lie_on_the_final_side_of_zero(differences, expected):
    table = compare_regimes(features_of(trace(dict(zip(EPOCHS, differences))) | level(*EPOCHS)), SETTINGS)
    np.testing.assert_array_equal(table["separated_from"], [expected] * 4)


def test_separated_from_counts_by_the_epochs_of_the_memorizing_regime_and_ends_at_the_last_of_each():
    uneven = trace(dict.fromkeys((0, 5, 50), 1.0)) | level(0, 5, 10)
    assert compare_regimes(features_of(uneven), SETTINGS)["separated_from"].tolist() == [0, 0, 0]
    only_last = trace({0: 0.0, 5: 0.0, 50: 1.0}) | level(0, 5, 10)
    assert compare_regimes(features_of(only_last), SETTINGS)["separated_from"].tolist() == [50, 50, 50]
    gone_at_last = trace({0: 1.0, 5: 1.0, 50: 0.0}) | level(0, 5, 10)
    assert compare_regimes(features_of(gone_at_last), SETTINGS)["separated_from"].isna().all()


def test_places_and_cells_are_separated_apart():
    early, late = (trace(dict(zip(EPOCHS, values))) | level(*EPOCHS) for values in ((0, 1, 1, 1), (0, 0, 1, 1)))
    parts = [
        features_of(values, feature=feature, architecture=architecture)
        for values, feature, architecture in [(early, "rate", "mlp"), (late, "fano", "mlp"), (late, "rate", "cnn")]
    ]
    table = compare_regimes(pd.concat(parts), SETTINGS)
    found = table.groupby(["feature", "architecture"])["separated_from"].agg(["min", "max"])
    assert found.loc[("rate", "mlp")].tolist() == [1, 1]
    assert found.loc[("fano", "mlp")].tolist() == found.loc[("rate", "cnn")].tolist() == [5, 5]


def random_course(epochs: tuple[int, ...], seeds: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(epochs), seeds))


def test_interval_over_training_is_that_of_the_mean_of_each_network_over_common_checkpoints_but_the_first():
    memorizing, generalizing = random_course((0, 1, 5, 20, 50), 5, 1), random_course((0, 1, 5, 10), 4, 2)
    values = {("memorizing", epoch): list(row) for epoch, row in zip((0, 1, 5, 20, 50), memorizing)}
    values |= {("generalizing", epoch): list(row) for epoch, row in zip((0, 1, 5, 10), generalizing)}
    table = compare_regimes(features_of(values), SETTINGS)
    low, high = bootstrap_interval(memorizing[[1, 2]].mean(axis=0)[None], generalizing[[1, 2]].mean(axis=0)[None],
                                   SETTINGS["confidence"], SETTINGS["resamples"])  # fmt: skip
    assert len(table) == 4
    np.testing.assert_allclose(table["low_over_training"], [low[0]] * 4, rtol=1e-12)
    np.testing.assert_allclose(table["high_over_training"], [high[0]] * 4, rtol=1e-12)


def test_interval_over_training_looks_only_at_checkpoints_where_the_feature_was_measured():
    sparse = trace({0: 0.0, 20: 3.0}) | level(0, 20)
    both = pd.concat([features_of(BOTH_COURSES), features_of(sparse, feature="rare")])
    table = compare_regimes(both, SETTINGS).set_index("feature")
    assert table.loc["rare", "low_over_training"].between(2.9, 3).all()
    assert table.loc["rate", "high_over_training"].between(1, 1.1).all()


BOTH_COURSES = trace(dict.fromkeys(EPOCHS, 1.0)) | level(*EPOCHS)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_interval_over_training_is_undefined_when_a_network_is_at_one_checkpoint(broken):
    values = BOTH_COURSES | {("memorizing", 5): [1.0, broken, 1.0]}
    table = compare_regimes(features_of(values), SETTINGS)
    assert table[["low_over_training", "high_over_training"]].isna().all(axis=None)


def test_interval_over_training_without_a_common_checkpoint_after_the_first_epoch_is_undefined():
    for values in (trace({0: 1.0}) | level(0), trace({0: 1.0, 7: 1.0}) | level(0, 9)):
        table = compare_regimes(features_of(values), SETTINGS)
        assert table[["low_over_training", "high_over_training"]].isna().all(axis=None)
        assert table["low"].notna().all()


def test_values_that_are_infinite_make_their_row_undefined_and_no_other_without_a_warning():
    values = BOTH_COURSES | {("memorizing", 5): [1.0, np.inf, 1.0], ("generalizing", 5): [0.0, -np.inf, np.inf]}
    statistics = ["difference", "low", "high", "hedges_g", "auroc", "p_value", "p_adjusted"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = compare_regimes(features_of(values), SETTINGS).set_index("epoch_memorizing")
    assert table.loc[5, statistics].isna().all()
    assert table.loc[[0, 1, 20], statistics].notna().all(axis=None)


def test_auroc_and_p_value_of_the_table_are_those_of_its_seeds():
    last = compare_regimes(features_of(BOTH), SETTINGS).iloc[-1]
    assert last["auroc"] == 0
    assert last["p_value"] == pytest.approx(2 / 20)


def test_p_values_are_adjusted_over_the_whole_table():
    features = pd.concat(
        [
            features_of(BOTH, feature=feature, architecture=architecture)
            for feature, architecture in product(("rate", "fano", "dead"), ("mlp", "cnn"))
        ],
        ignore_index=True,
    )
    features["value"] += np.random.default_rng(0).normal(0, 0.2, len(features))
    features.loc[0, "value"] = np.nan
    table = compare_regimes(features, SETTINGS)
    defined = table["p_value"].notna()
    assert (~defined).sum() == 1
    np.testing.assert_allclose(
        table.loc[defined, "p_adjusted"], false_discovery_control(table.loc[defined, "p_value"]), rtol=1e-12
    )
    assert table.loc[~defined, "p_adjusted"].isna().all()
