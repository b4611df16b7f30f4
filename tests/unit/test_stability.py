"""Stable indicators: the stratified test against enumeration, and the whole against simulated networks.

The negative control gives both regimes seeds of one and the same process; nothing may be found there more often than
the false discovery rate allows.
"""

import math
import warnings
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, false_discovery_control

from spikegrid.doses import COLUMNS as DOSE_COLUMNS
from spikegrid.features import write_table
from spikegrid.indicators import bootstrap_interval, compare_regimes, permutation_p_value
from spikegrid.stability import COLUMNS, stable_indicators, stratified_p_values

SETTINGS = {
    "memorizing": "memorizing",
    "generalizing": "generalizing",
    "confidence": 0.95,
    "resamples": 300,
    "false_discovery_rate": 0.05,
}
TRAITS = {
    "firing": {"images": "test", "caveats": {"bound to rates": ["*_random"]}, "labels": ["*_by_class", "label_*"]},
    "fit": {"images": "train", "caveats": {}, "labels": []},
}
NO_DOSES = pd.DataFrame(columns=DOSE_COLUMNS)
REGIMES = ("memorizing", "generalizing")
EPOCHS = (0, 1, 5, 20)


# --- stratified permutation test ---


def enumerated_p(cells: list[tuple[list[float], list[float]]]) -> float:
    """Share of all joint relabelings with as large a sum of standardized differences of means."""

    def contrasts(first, second):
        values = [*first, *second]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in values) / (len(values) - 1))
        everyone = set(range(len(values)))
        for chosen in combinations(range(len(values)), len(first)):
            ours = sum(values[i] for i in chosen) / len(first)
            theirs = sum(values[i] for i in everyone - set(chosen)) / len(second)
            yield (ours - theirs) / deviation if deviation else 0.0

    sums = [abs(sum(parts)) for parts in product(*(list(contrasts(*cell)) for cell in cells))]
    return sum(s >= sums[0] - 1e-9 for s in sums) / len(sums)


def random_cells(sizes: list[tuple[int, int]], features: int, highest: int | None = None, seed: int = 0):
    generator = np.random.default_rng(seed)
    draw = generator.normal if highest is None else lambda size: generator.integers(0, highest, size).astype(float)
    return [tuple(draw(size=(features, n)) if highest is None else draw((features, n)) for n in size) for size in sizes]


def names_of(cells: list) -> list[tuple[str, str]]:
    return [("test", str(number)) for number in range(len(cells))]


@pytest.mark.parametrize(
    "sizes", [[(3, 3)], [(5, 5)], [(2, 3), (3, 2)], [(3, 3), (2, 2), (3, 2)], [(1, 2), (2, 1), (1, 1)]]
)
@pytest.mark.parametrize("highest", [None, 3])
def test_stratified_p_is_the_share_of_all_joint_relabelings(sizes, highest):
    cells = random_cells(sizes, 6, highest)
    expected = [enumerated_p([(a[row].tolist(), b[row].tolist()) for a, b in cells]) for row in range(6)]
    np.testing.assert_allclose(stratified_p_values(cells, names_of(cells)), expected, rtol=1e-12)


def test_stratified_p_of_too_many_relabelings_is_that_of_a_random_share():
    cells = random_cells([(4, 4), (5, 5)], 5, seed=2)
    exact = np.array([enumerated_p([(a[row].tolist(), b[row].tolist()) for a, b in cells]) for row in range(5)])
    p_values = stratified_p_values(cells, names_of(cells))
    assert (np.abs(p_values - exact) <= 4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4).all()
    assert (p_values != exact).any()


def test_stratified_p_of_one_cell_is_that_of_the_plain_test():
    ((first, second),) = cells = random_cells([(5, 4)], 30)
    np.testing.assert_allclose(stratified_p_values(cells, names_of(cells)), permutation_p_value(first, second))


def test_stratified_p_adds_up_evidence_of_one_sign_and_cancels_that_of_opposite_signs():
    apart, low = np.arange(5)[None] + 3.0, np.arange(5)[None] + 0.0
    (alone,) = stratified_p_values([(apart, low)], names_of([0]))
    (together,) = stratified_p_values([(apart, low)] * 2, names_of([0, 1]))
    (opposite,) = stratified_p_values([(apart, low), (low, apart)], names_of([0, 1]))
    assert together < alone / 5
    assert opposite == 1


def test_stratified_p_weighs_cells_alike_whatever_their_units():
    cells = random_cells([(5, 5), (4, 4)], 20, seed=3)
    scaled = [cells[0], tuple(1e6 * values + 1e7 for values in cells[1])]
    np.testing.assert_allclose(
        stratified_p_values(scaled, names_of(cells)), stratified_p_values(cells, names_of(cells)), rtol=1e-12
    )


def test_cell_without_spread_adds_nothing():
    first, second = random_cells([(3, 3)], 4)[0]
    flat = np.full((4, 2), 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p_values = stratified_p_values([(first, second), (flat, flat)], names_of([0, 1]))
    np.testing.assert_allclose(p_values, permutation_p_value(first, second))
    assert (stratified_p_values([(flat, flat)], names_of([0])) == 1).all()


@pytest.mark.parametrize("sizes", [[(3, 3), (2, 2)], [(5, 5), (5, 5)]])
def test_undefined_value_in_one_cell_leaves_the_feature_undefined_and_others_alone(sizes):
    cells = random_cells(sizes, 3)
    whole = stratified_p_values(cells, names_of(cells))
    cells[1][0][1, 0], cells[0][1][2, 1] = np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p_values = stratified_p_values(cells, names_of(cells))
    assert np.isnan(p_values).tolist() == [False, True, True]
    assert p_values[0] == whole[0]


@pytest.mark.parametrize("sizes", [[(3, 3), (3, 3)], [(5, 5)] * 2, [(5, 4)] * 4])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "standard_cauchy"])
def test_stratified_p_is_at_most_a_level_in_no_larger_a_share_of_cases_under_the_null(sizes, shape):
    draw = getattr(np.random.default_rng(5), shape)
    p_values = stratified_p_values([tuple(draw(size=(1000, n)) for n in size) for size in sizes], names_of(sizes))
    for level in (0.01, 0.05, 0.2, 0.5):
        found = np.count_nonzero(p_values <= level)
        assert found <= binom.ppf(0.9999, 1000, level)
        if len(sizes) > 2 or sizes[0] == (5, 5):  # enough relabelings to reach the level
            assert found >= binom.ppf(0.0001, 1000, level - 1e-3)


# --- tables of simulated networks ---


def features_of(values: np.ndarray, **columns: object) -> pd.DataFrame:
    """Features of the last layer from values [cells, regimes, features, seeds, epochs]; a cell is an architecture."""
    cells, regimes, features, seeds, epochs = values.shape
    axes = {
        "architecture": [f"net{cell}" for cell in range(cells)],
        "regime": [*REGIMES, "other"][:regimes],
        "feature": [f"feature_{number:02}" for number in range(features)],
        "seed": range(seeds),
        "epoch": EPOCHS[:epochs],
    }
    table = pd.MultiIndex.from_product(axes.values(), names=axes.keys()).to_frame(index=False)
    constants = {"dataset": "digits", "observable": "firing", "layer": "relu2", "depth": 2, "reached_target": True}
    return table.assign(value=values.ravel(), **(constants | columns))


def networks(generator: np.random.Generator, cells: int, features: int = 40, seeds: int = 5, epochs: int = 3):
    """Values of standard deviation 1, half of it common to the features of a network, with memory over its epochs."""
    shape = (cells, 2, features, seeds, epochs)
    common = generator.normal(size=(cells, 2, 1, seeds, epochs))
    loadings = generator.choice([-1, 1], size=(1, 1, features, 1, 1))
    steps = np.sqrt(0.5) * (loadings * common + generator.normal(size=shape))
    values = steps.copy()
    for epoch in range(1, epochs):
        values[..., epoch] = 0.8 * values[..., epoch - 1] + 0.6 * steps[..., epoch]
    return values


def found(features: pd.DataFrame, doses: pd.DataFrame = NO_DOSES, **settings: object) -> pd.DataFrame:
    settings = SETTINGS | settings
    return stable_indicators(features, compare_regimes(features, settings), doses, settings, TRAITS)


def planted(shifts: list[float], features: int = 5, epochs: int = 3, seed: int = 0) -> np.ndarray:
    """Values of simulated networks; the first feature of memorizing ones is shifted, by cell."""
    values = networks(np.random.default_rng(seed), len(shifts), features, epochs=epochs)
    values[:, 0, 0] += np.array(shifts)[:, None, None]
    return values


def tables_of_chance(cells: int, tables: int) -> list[pd.DataFrame]:
    """Tables of stable indicators of networks of one process; all are compared at once, which changes no row."""
    generator = np.random.default_rng(cells)
    features = pd.concat(
        [features_of(networks(generator, cells), observable=f"{number}") for number in range(tables)], ignore_index=True
    )
    settings = SETTINGS | {"resamples": 200}
    indicators = dict(list(compare_regimes(features, settings).groupby("observable")))
    return [
        stable_indicators(of_table, indicators[name], NO_DOSES, settings, {name: TRAITS["firing"]})
        for name, of_table in features.groupby("observable")
    ]


@pytest.fixture(scope="module", params=[(1, 30), (2, 120), (4, 30)], ids=["one_cell", "two_cells", "four_cells"])
def chance(request):
    return tables_of_chance(*request.param)


def test_seeds_of_one_regime_are_told_apart_no_more_often_than_the_false_discovery_rate(chance):
    found_in = sum(table["stable"].any() for table in chance)
    assert found_in <= binom.ppf(0.999, len(chance), SETTINGS["false_discovery_rate"])


def test_intervals_alone_would_call_more_chance_stable_and_in_one_cell_too_much(chance):
    by_intervals = [
        table["sign"].isin(["higher", "lower"])
        & (table["off_zero_cells"] == table["cells"])
        & (table["off_zero_over_training_cells"] == table["cells"])
        for table in chance
    ]
    assert all((rows | ~table["stable"]).all() for rows, table in zip(by_intervals, chance))
    found_in = sum(rows.any() for rows in by_intervals)
    assert found_in >= sum(table["stable"].any() for table in chance)
    if chance[0]["cells"].iloc[0] == 1:
        assert found_in > binom.ppf(0.999, len(chance), SETTINGS["false_discovery_rate"])


def test_intervals_of_five_seeds_miss_the_truth_more_often_than_they_say():
    low, high = bootstrap_interval(*np.random.default_rng(0).normal(size=(2, 2000, 5)), 0.95, 1000)
    assert np.mean((low > 0) | (high < 0)) > 0.07


@pytest.mark.parametrize("cells", [2, 3, 4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_shift_of_four_deviations_in_every_cell_is_found_stable_and_first(cells, sign):
    for seed in range(3):
        table = found(features_of(planted([4 * sign] * cells, features=40, seed=seed)))
        first = table.iloc[0]
        assert (first["rank"], first["feature"], first["stable"]) == (1, "feature_00", True)
        assert first["sign"] == ("higher" if sign > 0 else "lower")
        assert table["stable"].sum() == 1


def test_shift_of_opposite_sign_in_one_cell_is_mixed_and_not_stable():
    table = found(features_of(planted([4, 4, -4]))).set_index("feature")
    row = table.loc["feature_00"]
    assert (row["sign"], row["stable"]) == ("mixed", False)
    assert row["same_sign_share"] == pytest.approx(2 / 3)
    assert row["off_zero_cells"] == row["off_zero_over_training_cells"] == 2
    assert row["smallest_auroc"] < 0.1
    assert "its sign differs between cells" in row["sentence"]


def test_feature_that_separates_at_the_end_alone_is_not_stable():
    values = planted([0, 0], epochs=4)
    values[:, 0, 0] += [-4, -4, -4, 8]  # means of the three checkpoints after the first agree
    row = found(features_of(values)).set_index("feature").loc["feature_00"]
    assert (row["sign"], row["off_zero_cells"]) == ("higher", 2)
    assert row["p_adjusted"] < 0.01
    assert row["off_zero_over_training_cells"] < 2
    assert not row["stable"]
    assert "over training its interval" in row["sentence"]
    assert "; its interval" not in row["sentence"]


def test_feature_that_separates_in_one_cell_alone_is_not_stable():
    row = found(features_of(planted([6, 0.0]))).set_index("feature").loc["feature_00"]
    assert row["off_zero_cells"] == 1
    assert not row["stable"]
    assert "its interval includes 0 in 1 of 2 cells" in row["sentence"]


def test_few_seeds_are_not_stable_however_far_apart():
    """With 3 + 3 seeds in one cell the least p is 2/20."""
    row = found(features_of(planted([50], features=1)[..., :3, :])).iloc[0]
    assert row["p_value"] == row["p_adjusted"] == pytest.approx(0.1)
    assert (row["off_zero_cells"], row["stable"]) == (1, False)
    assert row["sentence"].endswith("networks: adjusted p .10 is above .05.")


def test_false_discovery_rate_is_that_of_the_settings():
    features = features_of(planted([50], features=1)[..., :3, :])
    assert found(features, false_discovery_rate=0.2)["stable"].tolist() == [True]


def test_networks_that_missed_their_target_do_not_count():
    features = features_of(planted([4, 4]))
    spoiled = features[features["seed"] == 0].assign(seed=99, value=-1000.0, reached_target=False)
    pd.testing.assert_frame_equal(found(pd.concat([features, spoiled])), found(features))


def test_regimes_that_are_not_compared_do_not_count():
    values = planted([4, 4])
    others = np.random.default_rng(1).normal(size=(2, 1, *values.shape[2:]))
    both = features_of(np.concatenate([values, others], axis=1))
    pd.testing.assert_frame_equal(found(both), found(features_of(values)))


def test_order_of_the_rows_does_not_change_the_table():
    features = features_of(planted([4, 4]))
    pd.testing.assert_frame_equal(found(features.sample(frac=1, random_state=1)), found(features))


# --- columns ---


def test_columns_sum_up_the_cells_of_the_table_of_indicators():
    features = features_of(planted([4, 3, -2], features=6))
    indicators = compare_regimes(features, SETTINGS)
    final = indicators[indicators["final"]]
    for row in stable_indicators(features, indicators, NO_DOSES, SETTINGS, TRAITS).to_dict("records"):
        cells = final[final["feature"] == row["feature"]]
        signs = np.sign(cells["difference"])
        majority = 1 if (signs > 0).sum() >= 2 else -1
        agree = (signs == majority).sum()
        assert row["cells"] == 3
        assert row["same_sign_share"] == pytest.approx(agree / 3)
        assert row["sign"] == ("mixed" if agree < 3 else "higher" if majority > 0 else "lower")
        for period in ("", "_over_training"):
            beyond = cells[f"low{period}"] > 0 if majority > 0 else cells[f"high{period}"] < 0
            assert row[f"off_zero{period}_cells"] == beyond.sum()
        assert abs(row["smallest_g"]) == cells["hedges_g"].abs().min()
        assert abs(row["largest_g"]) == cells["hedges_g"].abs().max()
        assert {row["smallest_g"], row["largest_g"]} <= set(cells["hedges_g"])
        oriented = cells["auroc"] if majority > 0 else 1 - cells["auroc"]
        assert row["smallest_auroc"] == oriented.min()
        separated = cells["separated_from"]
        np.testing.assert_equal(row["separated_from"], np.nan if separated.isna().any() else separated.max())


def test_p_values_are_those_of_the_last_values_stratified_by_cell_and_adjusted_over_the_table():
    values = planted([1, 1], features=8)[..., :3, :]
    table = found(features_of(values)).sort_values("feature")
    expected = [
        enumerated_p([(values[c, 0, row, :, -1].tolist(), values[c, 1, row, :, -1].tolist()) for c in range(2)])
        for row in range(8)
    ]
    np.testing.assert_allclose(table["p_value"], expected, rtol=1e-12)
    np.testing.assert_allclose(table["p_adjusted"], false_discovery_control(expected), rtol=1e-12)


def test_regimes_of_different_length_are_compared_at_their_last_epochs():
    values = planted([4, 4], epochs=4)[..., :3, :]
    features = features_of(values)
    shorter = features[(features["regime"] == "memorizing") | (features["epoch"] < EPOCHS[-1])]
    table = found(shorter).sort_values("feature")
    expected = [
        enumerated_p([(values[c, 0, row, :, -1].tolist(), values[c, 1, row, :, -2].tolist()) for c in range(2)])
        for row in range(5)
    ]
    np.testing.assert_allclose(table["p_value"], expected, rtol=1e-12)


def test_columns_are_in_order_and_ranks_count_up():
    table = found(features_of(planted([4, 4])))
    assert table.columns.tolist() == COLUMNS
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["stable"].dtype == table["needs_labels"].dtype == bool


def test_stable_come_first_then_one_sign_then_mixed_then_undefined_each_by_its_smallest_effect():
    values = planted([4, 4], features=40)
    values[0, 0, 7, 0, -1] = np.nan
    table = found(features_of(values))
    order = table["sign"].map({"higher": 1, "lower": 1, "mixed": 2, "undefined": 3}).where(~table["stable"], 0)
    assert order.is_monotonic_increasing
    assert order.iloc[-1] == 3
    for _, rows in table.groupby(order):
        assert rows["smallest_g"].abs().is_monotonic_decreasing or len(rows) == 1


def test_ties_of_rank_are_broken_by_name():
    values = planted([4, 4], features=1)
    parts = [
        features_of(values, feature=feature, observable=observable)
        for feature, observable in [("b", "firing"), ("a", "firing"), ("b", "fit")]
    ]
    for order in ([0, 1, 2], [2, 1, 0]):
        table = found(pd.concat([parts[number] for number in order]))
        assert table[["observable", "feature"]].to_numpy().tolist() == [["firing", "a"], ["firing", "b"], ["fit", "b"]]


def test_place_is_the_deepest_layer_of_the_observable_in_each_cell_and_the_network():
    values = planted([4, 4], features=1)
    deep = features_of(values).assign(depth=lambda t: np.where(t["architecture"] == "net0", 2, 7))
    deep["layer"] = "layer" + deep["depth"].astype(str)
    shallow = features_of(-values, layer="first", depth=1)
    whole = features_of(-values, layer="network", depth=0)
    only_whole = features_of(values, layer="network", depth=0, observable="fit")
    table = found(pd.concat([shallow, whole, deep, only_whole])).set_index(["observable", "place"])
    assert set(table.index) == {("firing", "last layer"), ("firing", "network"), ("fit", "network")}
    assert (table["cells"] == 2).all()
    assert table["sign"].to_dict() == {
        ("firing", "last layer"): "higher",
        ("firing", "network"): "lower",
        ("fit", "network"): "higher",
    }


def test_feature_that_some_cells_lack_is_judged_by_those_that_have_it():
    features = features_of(planted([4, 4, -4], features=2))
    features = features[(features["feature"] != "feature_00") | (features["architecture"] != "net2")]
    row = found(features).set_index("feature").loc["feature_00"]
    assert (row["cells"], row["sign"], row["stable"]) == (2, "higher", True)


def test_traits_say_what_a_feature_needs_and_its_caveat():
    values = planted([4, 4], features=1)
    parts = [features_of(values, feature=name) for name in ("rate", "rate_by_class", "label_information", "f_random")]
    table = found(pd.concat([*parts, features_of(values, observable="fit", feature="rate_by_class")]))
    columns = ["observable", "feature", "images", "needs_labels", "caveat"]
    assert {tuple(row) for row in table[columns].to_numpy().tolist()} == {
        ("firing", "rate", "test", False, ""),
        ("firing", "rate_by_class", "test", True, ""),
        ("firing", "label_information", "test", True, ""),
        ("firing", "f_random", "test", False, "bound to rates"),
        ("fit", "rate_by_class", "train", False, ""),
    }
    said = table.set_index("feature").loc["f_random", "sentence"]
    assert said.endswith("; caveat: bound to rates.")
    assert table["caveat"].tolist() == ["", "", "", "", "bound to rates"], "ranked behind those without a caveat"


def doses_of(rho: dict[tuple[str, str], float], **columns: object) -> pd.DataFrame:
    """Doses from ρ by series and architecture."""
    rows = [
        {"series": series, "dataset": "digits", "architecture": architecture, "observable": "firing",
         "feature": "feature_00", "layer": "relu2", "depth": 2, "rho": value} | columns
        for (series, architecture), value in rho.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_doses_are_the_range_over_cells_at_the_same_place():
    doses = pd.concat(
        [
            doses_of({("label_noise", "net0"): -0.93, ("label_noise", "net1"): -0.88, ("training_size", "net1"): 0.4}),
            doses_of({("training_size", "net0"): np.nan}),
            doses_of({("label_noise", "net0"): 0.7}, layer="relu1", depth=1),
        ]
    )
    table = found(features_of(planted([-4, -4])), doses).set_index("feature")
    bounds = ["label_noise_rho_low", "label_noise_rho_high", "training_size_rho_low", "training_size_rho_high"]
    assert table.loc["feature_00", bounds].tolist() == [-0.93, -0.88, 0.4, 0.4]
    assert table.loc["feature_01", bounds].isna().all()


# --- undefined and empty ---


def test_feature_that_is_undefined_in_one_cell_is_undefined_and_not_stable():
    values = planted([4, 4])
    values[1, 0, 0, 2, -1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = found(features_of(values))
    row = table.iloc[-1]
    assert (row["feature"], row["sign"], row["stable"], row["off_zero_cells"]) == ("feature_00", "undefined", False, 1)
    undefined = ["smallest_g", "largest_g", "smallest_auroc", "p_value", "p_adjusted", "separated_from"]
    assert row[undefined].isna().all()
    assert row["sentence"].endswith("networks: undefined in 1 of 2 cells.")
    assert table["p_adjusted"].iloc[:-1].notna().all()


def test_feature_that_never_varies_is_mixed_with_a_difference_of_zero():
    values = planted([4, 4])
    values[:, :, 0] = 0.25
    row = found(features_of(values)).set_index("feature").loc["feature_00"]
    assert (row["sign"], row["same_sign_share"], row["p_value"]) == ("mixed", 0, 1)
    assert "its difference is 0 in 2 of 2 cells" in row["sentence"]


def test_feature_without_spread_within_regimes_is_stable_with_an_undefined_g():
    values = planted([0, 0])
    values[:, :, 0] = np.array([1.0, 0.0])[None, :, None, None]
    row = found(features_of(values)).set_index("feature").loc["feature_00"]
    assert (row["stable"], row["smallest_auroc"]) == (True, 1)
    assert np.isnan(row["smallest_g"])
    assert "(adjusted p < .001)" in row["sentence"]


def test_feature_without_a_checkpoint_after_the_first_is_not_stable():
    row = found(features_of(planted([4, 4], epochs=1))).set_index("feature").loc["feature_00"]
    assert (row["off_zero_cells"], row["off_zero_over_training_cells"], row["stable"]) == (2, 0, False)
    assert row["sentence"].endswith("networks: over training its interval is undefined in 2 of 2 cells.")


def test_one_seed_a_regime_is_not_stable():
    table = found(features_of(planted([4, 4])[..., :1, :]))
    assert not table["stable"].any()
    assert (table["p_value"] >= 0.5).all()
    assert table["sentence"].str.contains("its interval is undefined in 2 of 2 cells").any()


def test_nothing_to_compare_gives_an_empty_table_with_the_columns():
    features = features_of(planted([4, 4]))
    table = found(features[features["regime"] == "memorizing"])
    assert len(table) == 0
    assert table.columns.tolist() == COLUMNS


# --- sentences ---


def test_sentence_of_a_stable_indicator_says_where_how_much_since_when_and_what_it_needs():
    doses = doses_of({("label_noise", "net0"): -0.93, ("label_noise", "net1"): -0.884, ("training_size", "net0"): 0.4,
                      ("training_size", "net1"): -1.0})  # fmt: skip
    features = features_of(planted([-5, -5], features=2))
    indicators = compare_regimes(features, SETTINGS)
    indicators.loc[indicators["feature"] == "feature_00", "separated_from"] = 5
    cells = (indicators["feature"] == "feature_00") & indicators["final"]
    indicators.loc[cells, "hedges_g"] = [-3.07, -12.4]
    row = stable_indicators(features, indicators, doses, SETTINGS, TRAITS).iloc[0]
    assert row["p_adjusted"] < 0.001
    assert row["sentence"] == (
        "Stable: the feature 00 (observable firing) of the last layer is lower in memorizing than in generalizing "
        "networks in both cells (Hedges' g −3.1 to −12, adjusted p < .001), from epoch 5 to the end; it needs test "
        "images and no labels; with the share of corrupted labels it falls (ρ −.93 to −.88); with the number of "
        "training images it moves in no one direction (ρ −1.00 to .40)."
    )


def test_sentence_names_the_regimes_of_the_settings_the_whole_network_and_the_needs():
    features = features_of(planted([50, 50, 50], features=1), layer="network", depth=0, feature="rate_by_class")
    features["regime"] = features["regime"].map({"memorizing": "random_labels", "generalizing": "plain"})
    settings = SETTINGS | {"memorizing": "random_labels", "generalizing": "plain"}
    (sentence,) = found(features, **settings)["sentence"]
    assert sentence.startswith(
        "Stable: the rate by class (observable firing) of the whole network is higher in random_labels than in plain "
        "networks in all 3 cells (Hedges' g "
    )
    assert sentence.endswith("; it needs test images and labels.")


def test_sentence_of_one_cell_says_so():
    row = found(features_of(planted([8], features=1))).iloc[0]
    assert row["stable"]
    assert " in the one cell (Hedges' g " in row["sentence"]
    assert ", adjusted p .008)" in row["sentence"]
    row = found(features_of(planted([0], features=1))).iloc[0]
    assert "its interval includes 0 in the one cell; " in row["sentence"]


def test_sentence_of_an_unstable_indicator_names_every_reason_in_order():
    values = planted([0, 0, 0])
    values[:, 0, 0] += np.array([0.3, -0.3, 0])[:, None, None]
    sentence = found(features_of(values)).set_index("feature").loc["feature_00", "sentence"]
    reasons = ["Not stable: the feature 00", "its sign differs", "its interval includes 0 in", "over training its "]
    places = [sentence.find(reason) for reason in [*reasons, "adjusted p ."]]
    assert -1 not in places
    assert places == sorted(places)
    assert sentence.endswith(" is above .05.")


def test_every_sentence_of_what_is_not_stable_gives_a_reason():
    generator = np.random.default_rng(3)
    for cells, seeds, epochs in [(1, 5, 3), (2, 2, 1), (3, 5, 2), (2, 1, 2)]:
        values = networks(generator, cells, seeds=seeds, epochs=epochs)
        values[:, 0, :5] += 4
        values[0, 0, 5, 0] = np.nan
        values[:, :, 6] = 1
        table = found(features_of(values))
        unstable = table.loc[~table["stable"], "sentence"]
        assert unstable.str.match(r"Not stable: .* networks: \S.*\.$").all()
        assert table.loc[table["stable"], "sentence"].str.startswith("Stable: ").all()
        assert not table["sentence"].str.contains("nan|  |-").any()


def read_again(table: pd.DataFrame, path) -> pd.DataFrame:
    write_table(path, table)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_tables_read_again_from_files_give_the_same_ranking(tmp_path):
    features = features_of(planted([4, 4]))
    indicators = compare_regimes(features, SETTINGS)
    doses = doses_of({("label_noise", "net0"): 0.5, ("label_noise", "net1"): 0.75})
    files = read_again(indicators, tmp_path / "indicators.csv"), read_again(doses, tmp_path / "doses.csv")
    pd.testing.assert_frame_equal(
        stable_indicators(features, *files, SETTINGS, TRAITS),
        stable_indicators(features, indicators, doses, SETTINGS, TRAITS),
        rtol=1e-6,
    )


def test_empty_tables_read_again_from_files_serve_too(tmp_path):
    features = features_of(planted([4, 4]))
    indicators = compare_regimes(features, SETTINGS)
    no_doses = read_again(NO_DOSES, tmp_path / "doses.csv")
    assert len(stable_indicators(features, indicators, no_doses, SETTINGS, TRAITS)) == 5
    no_indicators = read_again(indicators.iloc[:0], tmp_path / "indicators.csv")
    assert len(stable_indicators(features, no_indicators, no_doses, SETTINGS, TRAITS)) == 0


def test_a_cell_whose_regime_missed_its_target_leaves_nothing_stable():
    features = features_of(planted([4, 4], features=1))
    cell = features["architecture"].unique()[1]
    missed = (features["architecture"] == cell) & (features["regime"] == SETTINGS["memorizing"])
    assert found(features)["stable"].all()
    table = found(features.assign(reached_target=~missed))
    assert set(table["cells"]) == {2}
    assert set(table["sign"]) == {"undefined"}
    assert not table["stable"].any()
    assert "no network of one regime to compare in 1 of 2 cells" in table["sentence"][0], table["sentence"][0]
    assert "includes 0" not in table["sentence"][0]
