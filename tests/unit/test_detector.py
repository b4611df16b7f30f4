"""Detectors against scikit-learn used directly, against tables whose truth is known, and against leaks."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from grids import changed_grid
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spikegrid.detector import SHARE, VERDICT, farthest_of, fit_detector, fit_line
from spikegrid.detector_evaluation import baselines, evaluate, predict_left_out
from spikegrid.detector_features import feature_sets, network_features, usable_features
from spikegrid.detector_file import read_detectors, write_detectors
from spikegrid.detector_scores import IN_TURN, area_of, mean_of, share_of
from spikegrid.detector_training import train_detectors
from spikegrid.features import write_table
from spikegrid.tables import RUN, read_named

PENALTIES = [0.01, 0.1, 1, 10, 100, 1000]
SETTINGS = {"memorizing": "memorizing", "generalizing": "generalizing", "confidence": 0.95, "resamples": 500}
DOSES = {"generalizing": 0.0, "corrupted_30": 0.27, "corrupted_60": 0.54, "memorizing": 0.9}
ARCHITECTURES = ("mlp", "cnn", "vgg")
TRAITS = {
    "firing": {"images": "test", "labels": ["*_class_blocked"], "caveats": {"bound to rates": ["fano_*"]}},
    "firing_train": {"images": "train", "labels": ["*_class_blocked"], "caveats": {}},
    "classes": {"images": "train", "labels": ["*"], "caveats": {"not learned": ["*_trained_labels"]}},
}


def networks(
    regimes=("generalizing", "memorizing"), architectures=ARCHITECTURES, datasets=("digits",), seeds=5
) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([datasets, architectures, regimes, range(seeds)], names=RUN)


def truth_of(index: pd.MultiIndex) -> pd.Series:
    return pd.Series(index.get_level_values("regime") == "memorizing", index)


def shares_of(index: pd.MultiIndex) -> pd.Series:
    return pd.Series(index.get_level_values("regime").map(DOSES), index, dtype=float)


def noise(index: pd.MultiIndex, features: int = 6, seed: int = 0) -> pd.DataFrame:
    """Features that know nothing, of scales and means of their own."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(len(index), features)) * 10.0 ** np.arange(features) + np.arange(features)
    return pd.DataFrame(values, index, [("firing", f"feature{number}", "last layer") for number in range(features)])


def scores_of(table: pd.DataFrame, memorizing: pd.Series, shares: pd.Series | None = None, **settings: Any):
    found = evaluate({"all": table}, memorizing, shares, PENALTIES, SETTINGS | settings)
    return found.set_index(["left_out", "held_out", "statistic"])


def searched(model: Any, penalties: dict, scoring: str) -> GridSearchCV:
    return GridSearchCV(make_pipeline(StandardScaler(), model), penalties, cv=LeaveOneGroupOut(), scoring=scoring)


def logistic() -> GridSearchCV:
    strengths = {"logisticregression__C": [1 / penalty for penalty in reversed(PENALTIES)]}
    return searched(LogisticRegression(tol=1e-10, max_iter=100_000), strengths, "neg_log_loss")


# --- against scikit-learn ---


def test_verdict_is_that_of_a_pipeline_of_scikit_learn_with_its_own_search():
    index = networks()
    table, truth = noise(index), truth_of(index)
    table.iloc[:, 0] += 2 * truth
    line = fit_line(VERDICT, table, truth, PENALTIES)
    found = logistic().fit(table.to_numpy(), truth, groups=index.get_level_values("architecture"))
    assert line.penalty == pytest.approx(1 / found.best_params_["logisticregression__C"])
    others = noise(index, seed=1).to_numpy()
    np.testing.assert_allclose(VERDICT.predicted(line.at(others)), found.predict_proba(others)[:, 1], atol=1e-5)


def test_share_is_that_of_a_pipeline_of_scikit_learn_with_its_own_search():
    index = networks(tuple(DOSES))
    table, shares = noise(index), shares_of(index)
    table.iloc[:, 0] += 3 * shares
    line = fit_line(SHARE, table, shares, PENALTIES)
    scaled = searched(Ridge(), {"ridge__alpha": PENALTIES[::-1]}, "neg_mean_squared_error")
    found = scaled.fit(table.to_numpy(), shares, groups=index.get_level_values("architecture"))
    others = noise(index, seed=1).to_numpy()
    clipped = np.clip(
        found.best_estimator_.set_params(ridge__alpha=line.penalty).fit(table, shares).predict(others), 0, 1
    )
    np.testing.assert_allclose(SHARE.predicted(line.at(others)), clipped, atol=1e-9)
    losses = dict(zip(PENALTIES[::-1], -found.cv_results_["mean_test_score"]))
    assert losses[line.penalty] == pytest.approx(min(losses.values()), rel=0.02)  # theirs does not clip


def test_seeds_are_left_out_to_choose_the_penalty_where_there_is_one_cell():
    index = networks(architectures=("mlp",), seeds=8)
    table, truth = noise(index), truth_of(index)
    table.iloc[:, 0] += truth
    found = logistic().fit(table.to_numpy(), truth, groups=index.get_level_values("seed"))
    penalty = fit_line(VERDICT, table, truth, PENALTIES).penalty
    assert penalty == pytest.approx(1 / found.best_params_["logisticregression__C"])


def test_what_is_said_of_an_architecture_left_out_is_what_nested_scikit_learn_says():
    index = networks(datasets=("digits", "mnist"))
    table, truth = noise(index), truth_of(index)
    table.iloc[:, 0] += 2 * truth
    said = predict_left_out(VERDICT, "architecture", table, truth, PENALTIES)["predicted"]
    for architecture in ARCHITECTURES:
        held = index.get_level_values("architecture") == architecture
        cells = index[~held].get_level_values("dataset") + index[~held].get_level_values("architecture")
        found = logistic().fit(table[~held].to_numpy(), truth[~held], groups=cells)
        expected = found.predict_proba(table[held].to_numpy())[:, 1]
        np.testing.assert_allclose(said.loc[index[held]], expected, atol=1e-5)


def test_equal_losses_take_the_strongest_penalty():
    index = networks()
    assert fit_line(VERDICT, noise(index) * 0, truth_of(index), PENALTIES).penalty == 1000
    one_seed = networks(architectures=("mlp",), seeds=1)
    assert fit_line(VERDICT, noise(one_seed), truth_of(one_seed), PENALTIES).penalty == 1000


# --- truth that is known ---


def test_separable_networks_are_all_told_right():
    index = networks(tuple(DOSES), datasets=("digits", "mnist"))
    table, shares = noise(index), shares_of(index)
    table.iloc[:, 2] += 2e4 * shares
    compared = index[index.get_level_values("regime").isin(["generalizing", "memorizing"])]
    scores = scores_of(table, truth_of(compared), shares)
    for level in ("architecture", "dataset", "seed"):
        accuracy, area = (scores.loc[(level, IN_TURN, name)] for name in ("accuracy", "auroc"))
        exact = binomtest(60, 60).proportion_ci(0.95, "exact")
        assert (accuracy["value"], accuracy["low"], accuracy["high"]) == pytest.approx((1, exact.low, 1))
        assert area["value"] == 1
        assert area[["low", "high"]].isna().all()
        assert scores.loc[(level, IN_TURN, "share_error"), "value"] < 0.02
    assert scores.loc[("dataset", "mnist", "accuracy"), "networks"] == 30


def test_noise_is_told_at_chance_and_intervals_cover_it():
    index = networks(architectures=("mlp", "cnn"))
    tables = {str(seed): noise(index, seed=seed) for seed in range(15)}
    scores = evaluate(tables, truth_of(index), None, [1], SETTINGS)
    for level in ("architecture", "seed"):
        of_level = scores[(scores["left_out"] == level) & (scores["held_out"] == IN_TURN)]
        for statistic in ("accuracy", "auroc"):
            found = of_level[of_level["statistic"] == statistic]
            assert found["value"].mean() == pytest.approx(0.5, abs=0.05)
            covered = (found["low"] <= 0.5) & (found["high"] >= 0.5)
            assert covered.mean() > 0.8


def test_shuffled_labels_are_told_at_chance():
    index = networks(seeds=8)
    table, truth = noise(index, features=10), truth_of(index)
    table.iloc[:, 0] += 100 * truth
    generator = np.random.default_rng(5)
    found = [
        scores_of(table, pd.Series(generator.permutation(truth), index)).loc[
            ("architecture", IN_TURN, "accuracy"), "value"
        ]
        for _ in range(3)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(3 * len(index)))


# --- leaks ---


def test_an_architecture_in_which_all_is_turned_round_is_told_wrong_when_left_out_and_right_when_not():
    index = networks()
    truth = truth_of(index)
    turned = np.where(index.get_level_values("architecture") == "vgg", -1, 1)
    sign = pd.Series(np.where(truth, 1.0, -1.0) * turned, index)
    table = noise(index, 2) * 0.01
    table.iloc[:, 0] = sign + table.iloc[:, 0]
    table[("firing", "of_vgg", "last layer")] = np.where(turned < 0, sign * -2, 0.0)
    for level, right in (("architecture", 0), ("seed", 1)):
        said = predict_left_out(VERDICT, level, table, truth, [0.01]).xs("vgg", level="architecture")
        assert ((said["predicted"] >= 0.5) == said["truth"]).mean() == right


def test_what_is_said_of_a_network_does_not_depend_on_others_held_out_with_it():
    index = networks()
    table, truth = noise(index), truth_of(index)
    said = predict_left_out(VERDICT, "architecture", table, truth, PENALTIES)
    changed, first = table.copy(), ("digits", "cnn", "generalizing", 0)
    changed.loc[changed.index != first] = np.where(
        (changed.index.get_level_values("architecture") == "cnn")[changed.index != first, None],
        1e6,
        changed.loc[changed.index != first],
    )
    again = predict_left_out(VERDICT, "architecture", changed, truth, PENALTIES)
    assert again.loc[first, "predicted"] == said.loc[first, "predicted"]
    assert again.loc[first, "far"] == said.loc[first, "far"]
    assert again["far"].sum() > said["far"].sum()


def test_labels_of_networks_held_out_are_not_seen():
    index = networks()
    table, truth = noise(index), truth_of(index)
    held = index.get_level_values("architecture") == "cnn"
    said = predict_left_out(VERDICT, "architecture", table, truth, PENALTIES)["predicted"]
    lied = predict_left_out(VERDICT, "architecture", table, truth.where(~held, ~truth), PENALTIES)["predicted"]
    assert (said[said.index.isin(index[held])] == lied[lied.index.isin(index[held])]).all()
    assert (said != lied).any()


# --- scores ---


def test_area_is_that_of_scikit_learn_over_the_pairs_held_out_together():
    index, generator = networks(), np.random.default_rng(3)
    truth, held = truth_of(index).to_numpy(), index.get_level_values("architecture").to_numpy()
    probability = generator.random(len(index)).round(1)
    expected = np.mean([roc_auc_score(truth[held == name], probability[held == name]) for name in ARCHITECTURES])
    found = area_of(index, probability, truth, held, SETTINGS)
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]


def test_bounds_of_a_mean_are_quantiles_over_networks_resampled_within_regimes():
    index, generator = networks(architectures=("mlp",), seeds=6), np.random.default_rng(4)
    values = generator.normal(size=12) + 100 * truth_of(index).to_numpy()
    found = mean_of(index, values, SETTINGS | {"resamples": 20_000})
    drawn = [generator.choice(values[part], (20_000, 6)) for part in (slice(6), slice(6, 12))]
    bounds = np.quantile(np.concatenate(drawn, axis=1).mean(axis=1), [0.025, 0.975])
    np.testing.assert_allclose([found["low"], found["high"]], bounds, atol=0.02)
    assert found["value"] == pytest.approx(values.mean())


@pytest.mark.parametrize("right", [0, 1, 7, 12])
def test_interval_of_a_share_is_that_of_scipy(right):
    found = share_of(np.arange(12) < right, 0.9)
    exact = binomtest(right, 12).proportion_ci(0.9, "exact")
    assert (found["value"], found["low"], found["high"]) == pytest.approx((right / 12, exact.low, exact.high))


def test_error_of_a_constant_is_that_of_the_mean_of_the_networks_fitted_to():
    index = networks(tuple(DOSES))
    shares = shares_of(index)
    compared = index[index.get_level_values("regime").isin(["generalizing", "memorizing"])]
    constant = pd.DataFrame({"constant": 0.0}, index)
    scores = evaluate({"constant": constant}, truth_of(compared), shares, PENALTIES, SETTINGS)
    found = scores.set_index(["left_out", "held_out", "statistic"])["value"]
    assert found["architecture", IN_TURN, "share_error"] == pytest.approx(
        mean_absolute_error(shares, np.full(len(shares), shares.mean()))
    )
    assert found["architecture", IN_TURN, "auroc"] == 0.5
    assert found["architecture", IN_TURN, "accuracy"] == 0.5


def test_nothing_is_left_out_of_a_grid_of_one_architecture_and_dataset_but_seeds():
    index = networks(architectures=("mlp",))
    found = evaluate({"all": noise(index)}, truth_of(index), None, PENALTIES, SETTINGS)
    assert set(found["left_out"]) == {"seed"}
    assert set(found["held_out"]) == {IN_TURN}


# --- distance ---


def test_squared_distance_has_mean_one_over_the_networks_fitted_to_and_features_without_spread_take_no_part():
    index = networks()
    table = noise(index)
    table[("firing", "flat", "last layer")] = 0.1
    line = fit_line(VERDICT, table, truth_of(index), PENALTIES)
    assert (line.distance(table.to_numpy()) ** 2).mean() == pytest.approx(1)
    moved = table.to_numpy()
    moved[:, 6] += 99
    assert (line.distance(moved) == line.distance(table.to_numpy())).all()
    assert (line.at(moved) == line.at(table.to_numpy())).all()


def test_the_farthest_network_is_measured_against_the_others_alone():
    index = networks()
    values = noise(index).to_numpy()
    expected = []
    for place in range(len(values)):
        rest = StandardScaler().fit(np.delete(values, place, axis=0))
        expected.append(np.sqrt((rest.transform(values[[place]]) ** 2).mean()))
    assert farthest_of(values) == pytest.approx(max(expected))


def test_new_networks_of_the_same_kind_are_in_range_and_others_are_not():
    index = networks(seeds=20)
    table = noise(index)
    detector = fit_detector(table, truth_of(index), None, PENALTIES)
    assert detector.is_out_of_range(noise(index, seed=1).to_numpy()).mean() < 0.05
    far = table.to_numpy().mean(axis=0) + 20 * table.to_numpy().std(axis=0)
    assert detector.is_out_of_range(far[None]).all()
    assert detector.verdict.distance(far[None])[0] == pytest.approx(20)


# --- features ---


def tidy(rows: list[tuple], index: pd.MultiIndex, reached: bool = True) -> pd.DataFrame:
    """Rows of observable, epoch, layer, depth, feature, value for every network."""
    columns = ["observable", "epoch", "layer", "depth", "feature", "value"]
    parts = [pd.DataFrame(rows, columns=columns).assign(**dict(zip(RUN, network))) for network in index]
    return pd.concat(parts, ignore_index=True).assign(reached_target=reached)


def test_features_are_those_of_the_last_epoch_in_the_deepest_layer_and_of_the_network():
    rows = [
        ("firing", 0, "relu2", 2, "rate", 0.1),
        ("firing", 9, "relu1", 1, "rate", 0.2),
        ("firing", 9, "relu2", 2, "rate", 0.3),
        ("firing", 9, "network", 0, "rate", 0.4),
        ("other", 9, "relu1", 1, "rate", 0.5),
    ]
    found = network_features(tidy(rows, networks(seeds=1)[:2])).iloc[0].to_dict()
    assert found == {
        ("firing", "rate", "last layer"): 0.3,
        ("firing", "rate", "network"): 0.4,
        ("other", "rate", "last layer"): 0.5,
    }


def test_sets_hold_what_needs_no_labels_what_is_of_training_images_and_all():
    names = [
        ("firing", "rate", "last layer"),
        ("firing", "fano_class_blocked", "last layer"),
        ("firing_train", "rate", "last layer"),
        ("classes", "information", "network"),
    ]
    assert feature_sets(names, TRAITS) == {
        "label_free": [names[0], names[2]],
        "training_data_only": [names[2], names[3]],
        "all": names,
    }
    assert list(feature_sets(names[1:2], TRAITS)) == ["all"]


def test_features_that_no_detector_may_take_are_named_with_the_reason():
    index = networks(seeds=1)
    columns = {
        ("firing", "rate", "last layer"): np.arange(6.0),
        ("firing", "gone", "last layer"): [np.nan, np.inf, *range(4)],
        ("firing", "flat", "network"): 7.0,
        ("classes", "information_trained_labels", "network"): np.arange(6.0),
        ("firing", "shape_separability", "network"): np.arange(6.0),
    }
    table, reasons = usable_features(pd.DataFrame(columns, index), TRAITS)
    assert list(table) == [("firing", "rate", "last layer")]
    assert reasons == {
        "firing/gone, last layer": "undefined in 2 of 6 networks",
        "firing/flat, network": "the same in all networks",
        "classes/information_trained_labels, network": "differs before any training",
        "firing/shape_separability, network": "needs the course of training",
    }


def test_baselines_are_columns_of_the_table_of_runs_and_the_rate():
    index = networks(seeds=1)
    runs = index.to_frame(index=False).assign(
        loss=range(6), train_accuracy=1.0, test_accuracy=np.linspace(0, 1, 6), true_label_accuracy=np.nan
    )
    table = pd.DataFrame({("firing", "firing_rate_mean", "last layer"): np.arange(6.0)}, index)
    found = baselines(table, runs)
    assert list(found) == ["constant", "mean_firing_rate", "training_loss", "accuracy_gap"]
    assert found["accuracy_gap"].iloc[:, 0].tolist() == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0])
    assert found["training_loss"].iloc[:, 0].tolist() == list(range(6))


# --- from the tables of a grid to a file ---


def grid_tables(architectures=("mlp", "cnn"), seeds=3, missed=()) -> tuple[pd.DataFrame, pd.DataFrame]:
    index = networks((*DOSES, "untrained"), architectures, seeds=seeds)
    generator = np.random.default_rng(6)
    rows = []
    for network in index:
        share, reached = DOSES.get(network[2], 0.0), network[2:] not in missed
        for observable in TRAITS:
            for feature, value in (("rate", share), ("fano_class_blocked", -share), ("chance", 0)):
                noisy = value + 0.01 * generator.normal()
                rows.append((*network, observable, 5, "relu", 1, feature, noisy, reached))
    columns = [*RUN, "observable", "epoch", "layer", "depth", "feature", "value", "reached_target"]
    runs = index.to_frame(index=False).assign(loss=0.1, train_accuracy=1.0, test_accuracy=0.5, true_label_accuracy=0.9)
    return pd.DataFrame(rows, columns=columns), runs.assign(corrupted_share=runs["regime"].map(DOSES).fillna(0))


def trained(features: pd.DataFrame, runs: pd.DataFrame, series=None) -> tuple:
    series = {"label_noise": list(DOSES)} if series is None else series
    observables = {name: {"plugin": "correlations", "parameters": {"pairs": 9}} for name in TRAITS}
    spikes = {"images": "test", "samples": None, "order": "random", "threshold": 0, "units_per_layer": None}
    return train_detectors(features, runs, series, SETTINGS, TRAITS, observables, spikes, [10])


@pytest.fixture(scope="module")
def of_grid() -> tuple:
    return trained(*grid_tables())


def written(path, found: tuple):
    write_detectors(path, *found[1:], {"python": "3"}, "abc")
    return path


def test_detectors_of_a_grid_are_read_again_as_they_were(tmp_path, of_grid):
    held = read_detectors(written(tmp_path / "detector.json", of_grid))
    assert list(held.detectors) == ["label_free", "training_data_only", "all"]
    assert (held.datasets, held.architectures) == (["digits"], ["cnn", "mlp"])
    for name, detector in of_grid[1].detectors.items():
        again = held.detectors[name]
        values = np.random.default_rng(7).normal(size=(5, len(detector.features)))
        assert again.features == detector.features
        assert (again.verdict.at(values) == detector.verdict.at(values)).all()
        assert (again.share.at(values) == detector.share.at(values)).all()
        assert (again.verdict.networks, again.share.networks) == (12, 24)
        assert held.scores[name] == of_grid[1].scores[name]


def test_scores_of_a_grid_are_read_again_from_their_table(tmp_path, of_grid):
    scores, _, _ = of_grid
    write_table(tmp_path / "detector.csv", scores)
    again = read_named(tmp_path / "detector.csv", list(scores))
    pd.testing.assert_frame_equal(again, scores, check_dtype=False, rtol=1e-6)
    of_sets = scores[scores["predictor"].isin(["label_free", "all"]) & (scores["statistic"] == "accuracy")]
    assert (of_sets["value"] == 1).all()


def test_the_same_grid_gives_the_same_bytes_in_any_order_of_its_rows(tmp_path, of_grid):
    features, runs = grid_tables()
    again = trained(features.sample(frac=1, random_state=1), runs)
    files = [written(tmp_path / f"{place}.json", found) for place, found in enumerate((of_grid, again))]
    assert files[0].read_bytes() == files[1].read_bytes()
    pd.testing.assert_frame_equal(of_grid[0], again[0])


def test_without_doses_no_share_is_estimated(tmp_path):
    found = trained(*grid_tables(), series={"training_size": ["few", "generalizing"]})
    assert "share_error" not in set(found[0]["statistic"])
    assert read_detectors(written(tmp_path / "detector.json", found)).detectors["all"].share is None


def test_features_of_observables_that_are_not_given_are_left_out(of_grid):
    features, runs = grid_tables()
    further = features[features["observable"] == "firing"].assign(observable="transfer")
    again = trained(pd.concat([features, further], ignore_index=True), runs)
    assert again[1].detectors["all"].features == of_grid[1].detectors["all"].features


def test_networks_that_missed_their_target_are_left_out():
    scores, held, _ = trained(*grid_tables(missed={("memorizing", 0), ("corrupted_30", 1)}))
    assert held.detectors["all"].verdict.networks == 10
    assert held.detectors["all"].share.networks == 20
    assert set(scores.loc[scores["statistic"] == "share_error", "networks"]) == {10, 20}


def test_without_networks_of_both_regimes_there_is_an_empty_table_and_a_file_without_detectors(tmp_path):
    features, runs = grid_tables(missed={("memorizing", seed) for seed in range(3)})
    found = trained(features, runs)
    assert found[0].empty
    assert read_detectors(written(tmp_path / "detector.json", found)).detectors == {}


# --- in the grid ---

GRID = {
    "datasets": {"digits": {"kind": "digits"}},
    "architectures": {"mlp": {"kind": "mlp"}},
    "regimes": {name: {"kind": name} for name in ("untrained", "generalizing", "memorizing")},
}
MADE = {"results/tables/detector.csv", "results/detector.json"}


def test_the_grid_has_a_detector_where_the_configuration_says_so_and_there_is_something_to_tell_apart():
    grid = changed_grid(GRID, detector={})
    assert grid.config["detector"] == {"penalties": [0.01, 0.1, 1, 10, 100, 1000, 10000]}
    assert set(grid.tables()) > MADE
    assert "results/figures/detector.png" in grid.figures()
    assert grid.logs()["detector"] == ["results/logs/detector.log"]
    for without in (changed_grid(GRID), changed_grid(GRID, detector={}, exclude=[{"regime": "memorizing"}])):
        assert not MADE & set(without.tables())
        assert "results/figures/detector.png" not in without.figures()
        assert "detector" not in without.logs()
