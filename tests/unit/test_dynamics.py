"""Dynamics of training on simulated courses: exponents and their intervals, and what may be called a power law."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import binom, bootstrap, norm
from scipy.stats import t as student

from spikegrid.dynamics import COLUMNS, COURSE, exponent_intervals, slope_intervals, training_dynamics
from spikegrid.growth_laws import LAWS, fit_law

EPOCHS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
SETTINGS = {"confidence": 0.95, "resamples": 500}


def table_of(courses: dict[str, np.ndarray], epochs: list[int] | None = None, **columns: object) -> pd.DataFrame:
    """Features of one regime and layer by name, each values [epochs, networks]."""
    epochs = EPOCHS if epochs is None else epochs
    rows = [
        {"dataset": "digits", "architecture": "mlp", "regime": "memorizing", "seed": seed, "epoch": epoch,
         "layer": "relu", "depth": 1, "feature": name, "value": value, "observable": "firing", "reached_target": True}
        | columns
        for name, values in courses.items()
        for epoch, of_epoch in zip(epochs, values)
        for seed, value in enumerate(of_epoch)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def networks(course, seeds: int = 5, spread: float = 0.1, noise: float = 0.02, seed: int = 0, epochs=EPOCHS):
    """Values [epochs, networks] about a course: each network lies off it by a factor, each value by a little more."""
    generator = np.random.default_rng(seed)
    values = np.asarray(course(np.array(epochs, float)))[:, None]
    factors = np.exp(spread * generator.normal(size=seeds) + noise * generator.normal(size=(len(epochs), seeds)))
    return values * factors


def dynamics_of(course, epochs=EPOCHS, **options) -> pd.DataFrame:
    """Rows by law of one simulated course."""
    values = networks(course, epochs=epochs, **options)
    return training_dynamics(table_of({"rate": values}, epochs), SETTINGS).set_index("law")


def power(t, b=-0.6, t0=3.0):
    return 2 * (1 + t / t0) ** b


# --- exponents ---


@pytest.mark.parametrize(("b", "t0"), [(-0.6, 3.0), (0.4, 1.0), (-1.5, 8.0), (2.0, 2.0)])
def test_exponent_of_a_simulated_power_law_is_found_and_claimed(b, t0):
    table = dynamics_of(lambda t: power(t, b, t0))
    law = table.loc["power"]
    assert law["b"] == pytest.approx(b, rel=0.05)
    assert law["b_low"] < law["b"] < law["b_high"]
    assert law["t0"] == pytest.approx(t0, rel=0.3)
    assert law["decades"] == pytest.approx(min(np.log10(1 + 1000 / law["t0"]), 3))
    assert law["power_law"]
    assert not table.drop(index="power")["power_law"].any()


def test_ageing_is_the_power_law_of_negative_exponent():
    table = dynamics_of(lambda t: 0.3 * (1 + t / 4) ** -0.8, noise=1e-6, spread=0)
    assert [table.loc["power", name] for name in ("a", "b", "t0")] == pytest.approx([0.3, -0.8, 4], rel=1e-3)


def test_intervals_cover_the_exponent_as_often_as_they_say_when_networks_are_many():
    generator = np.random.default_rng(1)
    times, trials, seeds = np.array(EPOCHS, float), 150, 40
    exponents = -0.6 + 0.1 * generator.normal(size=(trials, 1, seeds))  # networks age at different speeds
    log_values = exponents * np.log1p(times / 3)[None, :, None]
    log_values += 0.02 * generator.normal(size=log_values.shape)
    low, high = exponent_intervals(log_values, times, 0.9, 250)
    covered = np.count_nonzero((low < -0.6) & (high > -0.6))
    # Of normal values a percentile interval of the mean has the normal quantile and a deviation with ddof 0.
    expected = 1 - 2 * student.sf(norm.ppf(0.95) * np.sqrt((seeds - 1) / seeds), seeds - 1)
    assert binom.ppf(1e-3, trials, expected) <= covered <= binom.ppf(1 - 1e-3, trials, expected)


def test_exponent_interval_is_the_percentile_bootstrap_of_scipy():
    times = np.array(EPOCHS, float)
    generator = np.random.default_rng(2)
    log_values = (-0.6 + 0.1 * generator.normal(size=6)) * np.log1p(times / 3)[:, None]
    log_values += 0.05 * generator.normal(size=log_values.shape)
    found = np.ravel(exponent_intervals(log_values[None], times, 0.8, 4000))

    def exponent(*drawn, axis=-1):
        means = np.stack(drawn).mean(axis=axis)
        return fit_law("power", np.atleast_2d(means.T), times).b.reshape(means.shape[1:])

    expected = bootstrap(
        tuple(log_values), exponent, paired=True, vectorized=True, method="percentile", confidence_level=0.8,
        n_resamples=4000, rng=3,
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=0.1 * (expected.high - expected.low))


def test_slope_and_its_interval_are_those_of_statsmodels_and_scipy():
    values = networks(power, seeds=7)
    row = training_dynamics(table_of({"rate": values}), SETTINGS | {"resamples": 5000}).iloc[0]
    log_times = np.log(EPOCHS[1:])

    def slope_of(course):
        return sm.OLS(course, sm.add_constant(log_times)).fit().params[1]

    slopes = np.array([slope_of(course) for course in np.log(values[1:]).T])
    assert row["slope"] == pytest.approx(slope_of(np.log(values[1:]).mean(axis=1)))
    expected = bootstrap((slopes,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    width = expected.high - expected.low
    np.testing.assert_allclose([row["slope_low"], row["slope_high"]], expected, atol=0.08 * width)


def test_one_network_has_fits_and_no_intervals_and_no_claim():
    table = dynamics_of(power, seeds=1)
    assert table["aicc"].notna().all()
    assert table.loc["power", "delta_aicc"] == 0
    assert table[["b_low", "b_high", "slope_low", "slope_high"]].isna().all(axis=None)
    assert not table["power_law"].any()


# --- claims ---


@pytest.mark.parametrize(
    ("name", "course"),
    [
        ("exponential", lambda t: 3 * np.exp(-t / 400)),
        ("logarithmic", lambda t: 1 + 0.8 * np.log1p(t / 2)),
        ("saturating", lambda t: 1 - 0.9 * (1 - np.exp(-t / 30))),
        ("constant", lambda t: 5 + 0 * t),
    ],
)
def test_a_course_of_another_law_is_not_claimed_as_a_power_law(name, course):
    features = [networks(course, seed=seed) for seed in range(15)]
    table = training_dynamics(table_of({f"rate_{n}": values for n, values in enumerate(features)}), SETTINGS)
    best = table[table["delta_aicc"] == 0]
    assert (best["law"] == name).mean() >= 0.8
    assert not table["power_law"].any()


def test_a_power_law_over_one_decade_is_not_claimed():
    epochs = [0, 1, 2, 3, 4, 5, 6, 8, 10]
    law = dynamics_of(lambda t: power(t, -1.5, 0.05), epochs=epochs).loc["power"]
    assert law["delta_aicc"] == 0
    assert law["b_high"] < 0
    assert law["decades"] == pytest.approx(1)
    assert not law["power_law"]


def test_a_power_law_whose_t0_is_near_the_end_is_not_claimed():
    law = dynamics_of(lambda t: power(t, -3, 300), noise=0.003).loc["power"]
    assert law["delta_aicc"] == 0
    assert law["decades"] < 1
    assert not law["power_law"]


def test_two_decades_of_both_are_just_enough():
    epochs = [0, 1, 2, 5, 10, 20, 50, 100]
    law = dynamics_of(lambda t: power(t, -0.8, 0.3), epochs=epochs, noise=0.003).loc["power"]
    assert law["decades"] == 2
    assert law["power_law"]
    law = dynamics_of(lambda t: power(t, -0.8, 0.3), epochs=[*epochs[:-1], 99], noise=0.003).loc["power"]
    assert law["delta_aicc"] == 0
    assert not law["power_law"]


def test_a_power_law_whose_networks_disagree_on_its_sign_is_not_claimed():
    times = np.array(EPOCHS, float)[:, None]
    generator = np.random.default_rng(4)
    values = (1 + times / 3) ** np.array([-0.5, 0.6, 0.4, -0.3, 0.1]) * np.exp(0.003 * generator.normal(size=(11, 5)))
    law = training_dynamics(table_of({"rate": values}), SETTINGS).set_index("law").loc["power"]
    assert law["delta_aicc"] == 0
    assert law["b_low"] < 0 < law["b_high"]
    assert not law["power_law"]


def test_a_power_law_that_meets_epoch_0_by_a_jump_is_claimed_only_where_there_is_no_epoch_0():
    def jump(t):
        return np.where(t == 0, 1e6, 1.0) * np.maximum(t, 1) ** -0.5

    law = dynamics_of(jump, noise=0.002).loc["power"]
    assert law["t0"] == pytest.approx(0.01)
    assert not law["power_law"]
    law = dynamics_of(jump, epochs=EPOCHS[1:], noise=0.002).loc["power"]
    assert law["b"] == pytest.approx(-0.5, abs=0.02)
    assert law["power_law"]


def test_lowest_aicc_by_less_than_2_is_no_claim():
    # Over so short a rise a power law and a logarithmic one are alike.
    table = dynamics_of(lambda t: (1 + t / 3) ** 0.02, noise=0.0005)
    assert table.loc["logarithmic", "delta_aicc"] < 2
    assert table.loc["power", "b_low"] > 0
    assert not table["power_law"].any()


# --- tables ---


def test_every_course_has_a_row_for_each_law():
    courses = {"rate": networks(power), "fano": networks(power, seed=1)}
    parts = [
        table_of(courses),
        table_of(courses, layer="network", depth=0),
        table_of(courses, regime="generalizing"),
        table_of(courses, architecture="cnn"),
        table_of(courses, dataset="other", observable="own"),
    ]
    table = training_dynamics(pd.concat(parts), SETTINGS)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 5 * 2 * len(LAWS)
    assert table.groupby(COURSE)["law"].agg(list).map(lambda laws: laws == list(LAWS)).all()
    assert (table["networks"] == 5).all()
    assert (table["checkpoints"] == len(EPOCHS)).all()
    assert (table["last_epoch"] == 1000).all()
    of_course = table.groupby(COURSE)[["slope", "slope_low", "slope_high"]].nunique()
    assert (of_course == 1).all(axis=None)


def test_laws_are_fitted_to_the_mean_of_logarithms():
    values = networks(power, spread=1.0)
    table = training_dynamics(table_of({"rate": values}), SETTINGS).set_index("law")
    means = np.log(values).mean(axis=1)[None]
    for law in LAWS:
        fit = fit_law(law, means, np.array(EPOCHS, float))
        np.testing.assert_allclose(table.loc[law, ["a", "b", "t0"]].astype(float), [fit.a[0], fit.b[0], fit.t0[0]])
        assert table.loc[law, "deviation"] == pytest.approx(np.sqrt(fit.squares[0] / len(EPOCHS)))
    np.testing.assert_allclose(table["delta_aicc"], table["aicc"] - table["aicc"].min())


@pytest.mark.parametrize(
    ("value", "reason"), [(0.0, "not positive"), (-1.0, "not positive"), (np.nan, "undefined"), (np.inf, "undefined")]
)
def test_a_value_without_a_logarithm_leaves_its_course_without_fits_and_says_why(value, reason):
    broken = networks(power)
    broken[3, 2] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = training_dynamics(table_of({"broken": broken, "whole": networks(power)}), SETTINGS)
    whole, broken = (table[table["feature"] == name] for name in ("whole", "broken"))
    statistics = ["a", "b", "b_low", "b_high", "t0", "deviation", "aicc", "delta_aicc", "decades"]
    assert broken[[*statistics, "slope", "slope_low", "slope_high"]].isna().all(axis=None)
    assert not broken["power_law"].any()
    assert set(broken["reason"]) == {reason}
    assert set(whole["reason"]) == {""}
    assert whole["aicc"].notna().all()


def test_fewer_than_6_checkpoints_have_a_slope_and_no_fit():
    for count in (2, 3, 5, 6):
        table = dynamics_of(power, epochs=EPOCHS[:count])
        assert table["aicc"].notna().all() == (count == 6)
        assert table["aicc"].isna().all() == (count < 6)
        assert table["slope"].notna().all() == (count > 2)
        assert set(table["reason"]) == {"" if count == 6 else "fewer than 6 checkpoints"}


def test_of_a_constant_course_the_null_alone_is_fitted():
    values = np.tile([2.0, 8.0, 2.0, 8.0], (len(EPOCHS), 1))
    table = training_dynamics(table_of({"rate": values}), SETTINGS).set_index("law")
    assert set(table["reason"]) == {"constant"}
    assert table.loc["constant", "a"] == pytest.approx(4)
    assert table["aicc"].notna().tolist() == [law == "constant" for law in LAWS]
    assert table.iloc[0][["slope", "slope_low", "slope_high"]].tolist() == [0, 0, 0]


def test_courses_of_one_checkpoint_and_networks_that_missed_their_target_are_left_out():
    good = table_of({"rate": networks(power)})
    missed = table_of({"rate": networks(power, seeds=1)}, seed=9, reached_target=False, value=-1.0)
    untrained = table_of({"rate": networks(power)}, regime="untrained").query("epoch == 0")
    table = training_dynamics(pd.concat([good, missed, untrained]), SETTINGS)
    pd.testing.assert_frame_equal(table, training_dynamics(good, SETTINGS))
    nothing = training_dynamics(untrained, SETTINGS)
    assert nothing.columns.tolist() == COLUMNS
    assert nothing.empty


def test_checkpoints_of_a_course_are_those_that_all_networks_have():
    courses = {"rate": networks(power), "rare": networks(power, seed=1)}
    features = table_of(courses)
    features = features[(features["feature"] != "rare") | features["epoch"].isin(EPOCHS[1:9])]
    features = features[(features["seed"] != 3) | (features["epoch"] != 20)]
    table = training_dynamics(features, SETTINGS)
    assert set(table["reason"]) == {""}
    assert table.groupby("feature")["checkpoints"].first().to_dict() == {"rate": 10, "rare": 7}
    left = table_of({"rare": courses["rare"]}).query("epoch in @EPOCHS[1:9] and epoch != 20")
    expected = training_dynamics(left, SETTINGS)
    rare = table[table["feature"] == "rare"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rare, expected, rtol=1e-9)


def test_order_of_the_rows_and_other_courses_do_not_change_the_table():
    features = pd.concat([table_of({f"rate_{n}": networks(power, seed=n)}) for n in range(4)], ignore_index=True)
    whole = training_dynamics(features, SETTINGS)
    pd.testing.assert_frame_equal(training_dynamics(features.sample(frac=1, random_state=0), SETTINGS), whole)
    alone = training_dynamics(features[features["feature"] == "rate_2"], SETTINGS)
    of_whole = whole[whole["feature"] == "rate_2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, of_whole, rtol=1e-9)


def test_intervals_are_undefined_for_undefined_courses_alone():
    log_values = np.log(networks(power))[None].repeat(3, axis=0)
    log_values[1, 4, 0] = np.nan
    for intervals in (exponent_intervals, slope_intervals):
        low, high = intervals(log_values, np.array(EPOCHS, float), 0.95, 200)
        assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False]
        assert low[0] == low[2]
