"""The opening page says of each grid what its tables hold, and of odd ones nothing that they do not."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from spikegrid.detector_scores import COLUMNS as SCORES
from spikegrid.doses import dose_response
from spikegrid.images import ImageSet
from spikegrid.indicators import compare_regimes
from spikegrid.overview import overview
from spikegrid.overview_findings import MOST_CELLS
from spikegrid.pruning_areas import COLUMNS as AREAS
from spikegrid.simulation import COLUMNS as CHECKS
from spikegrid.stability import stable_indicators
from spikegrid.tables import RUN, RUN_COLUMNS
from spikegrid.transfer_accuracies import COLUMNS as ACCURACIES

SETTINGS = {
    "memorizing": "noisy",
    "generalizing": "true",
    "confidence": 0.95,
    "resamples": 100,
    "false_discovery_rate": 0.05,
}
KINDS = {"firing": "firing", "tests": "process"}
TRAITS = {name: {"images": "test", "labels": [], "caveats": {}} for name in KINDS}
IMAGES = {
    "digits": ImageSet(
        np.zeros((5, 1, 2, 2), np.uint8), np.zeros(5, np.int16), np.array([0, 0, 0, 1, 1]), ["a", "b"], ""
    )
}
RATES = {"true": 0.5, "half": 0.4, "noisy": 0.3}


def runs_of(regimes, seeds=6, architectures=("mlp",), **columns) -> pd.DataFrame:
    """A row a network: all reach their target unless columns say otherwise."""
    rows = [("digits", name, regime, seed) for name in architectures for regime in regimes for seed in range(seeds)]
    others = dict.fromkeys(RUN_COLUMNS[4:], 0.0)
    others |= {"epoch": 4, "trained_epochs": 4, "training_images": 3, "reached_target": True}
    table = pd.DataFrame(rows, columns=RUN).assign(**others)
    shares = {"true": 0.0, "half": 0.5, "noisy": 0.9}
    table["corrupted_share"] = table["regime"].map(shares).fillna(0.0)
    return table.assign(**{"target_accuracy": 0.9, "train_accuracy": 1.0, "test_accuracy": 0.5} | columns)[RUN_COLUMNS]


def features_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Firing rates that the regime sets, the control that it does not, and tests of a process."""
    values = {
        ("firing", "firing_rate_mean", "hidden", 1): lambda run: RATES[run.regime] + run.seed / 1000,
        ("firing", "fano_ratio_mean_random", "hidden", 1): lambda run: 0.95 + 0.01 * (run.seed % 3),
        ("tests", "ljung_box_passing_class_blocked", "hidden", 1): lambda run: 0.25 if run.regime == "true" else 0.75,
        ("tests", "cusum_passing_class_blocked", "hidden", 1): lambda run: 0.9,
        ("tests", "poisson_dispersion_passing_class_blocked", "hidden", 1): lambda run: 0.01,
    }
    rows = [
        (*run[1:5], epoch, layer, depth, feature, value(run), observable, run.reached_target)
        for run in runs.itertuples()
        for (observable, feature, layer, depth), value in values.items()
        for epoch in (0, 4)
    ]
    columns = [*RUN, "epoch", "layer", "depth", "feature", "value", "observable", "reached_target"]
    return pd.DataFrame(rows, columns=columns)


def tables_of(runs: pd.DataFrame, features: pd.DataFrame) -> dict[str, pd.DataFrame]:
    series = {"label_noise": ["true", "half", "noisy"]}
    indicators = compare_regimes(features, SETTINGS)
    doses = dose_response(features, runs, series, SETTINGS)
    stable = stable_indicators(features, indicators, doses, SETTINGS, TRAITS)
    return {"indicators": indicators, "doses": doses, "stable_indicators": stable}


def written(runs: pd.DataFrame, features: pd.DataFrame | None = None, images=IMAGES, **tables: pd.DataFrame) -> str:
    features = features_of(runs) if features is None else features
    return overview(images, features, {"runs": runs} | tables, KINDS, SETTINGS)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


@pytest.fixture(scope="module")
def whole() -> str:
    """Words of a grid of three regimes that are compared."""
    runs = runs_of(RATES)
    return words(written(runs, **tables_of(runs, features_of(runs))))


def test_networks_datasets_and_targets_are_counted(whole):
    assert "18 networks, 18 of them trained: mlp on digits, regimes true, half and noisy; 6 networks (seeds)" in whole
    assert "digits: 3 images for training and 2 for testing, of 2 classes." in whole
    assert "All 18 networks with a target accuracy on their own labels reached it." in whole
    assert "digits mlp noisy 6 of 6 4 3 1.00 [1.00, 1.00] .50 [.50, .50]" in whole


def test_differences_of_regimes_stand_with_interval_and_n_by_cell(whole):
    found = re.search(
        r"The firing rate mean \(firing, layer nearest the output\) is lower in noisy networks: "
        r"digits/mlp −0.20 \[(\S+), (\S+)\], n = 6 and 6\.",
        whole,
    )
    low, high = (float(bound.replace("−", "-")) for bound in found.groups())
    assert -0.21 <= low <= -0.20 <= high <= -0.19


def test_the_control_is_named_and_does_not_differ(whole):
    assert re.search(r"in a random order \(firing\), is not stable: digits/mlp 0\.0 \[", whole)


def test_doses_stand_with_their_correlation(whole):
    assert "The share of corrupted labels (3 doses, 18 networks a cell): " in whole
    # Of a strict order of 3 doses, 6 networks each: ρ = sqrt(1 - (3 · (6³ - 6)) / (18³ - 18)).
    rho = np.sqrt(1 - 3 * (6**3 - 6) / (18**3 - 18))
    assert f"The firing rate mean (firing): Spearman's ρ with it: digits/mlp −{rho:.2f}".replace("0.", ".") in whole


def test_the_process_is_judged_by_the_test_that_the_fewest_units_pass(whole):
    for regime, share in (("true", ".25"), ("noisy", ".75")):
        assert (
            "In class-blocked order the test of a Bernoulli process that the fewest units pass is passed, in the layer "
            f"nearest the output of {regime} networks (tests), by a share of: "
            f"digits/mlp {share} [{share}, {share}], n = 6."
        ) in whole
    assert "of half networks" not in whole


def test_page_holds_no_number_of_what_was_not_measured(whole):
    for title in ("detector", "told to memorize", "fitted model", "units are removed", "linear probe"):
        assert title not in whole


def test_many_cells_become_a_range():
    runs = runs_of(["true", "noisy"], architectures=[f"net{place}" for place in range(MOST_CELLS + 1)])
    said = words(written(runs, **tables_of(runs, features_of(runs))))
    assert re.search(
        r"is lower in noisy networks: digits/net\d −0\.20 .* to digits/net\d −0\.20 .*, over 5 cells\.", said
    )


def test_one_seed_has_no_interval_and_nothing_stable():
    runs = runs_of(RATES, seeds=1)
    said = words(written(runs, **tables_of(runs, features_of(runs))))
    assert "1 network (seeds) of each combination" in said
    assert "too few networks for an interval of any difference, so no feature can be called stable" in said
    assert "[nan" not in said
    assert "nan" not in said.lower().split()
    assert "are stable" not in said


def test_without_comparison_it_says_so():
    said = words(written(runs_of(["true"])))
    assert "No dataset and architecture has both noisy and true networks." in said
    assert "are stable" not in said
    assert "of true networks (tests), by a share of: digits/mlp .25 [.25, .25], n = 6." in said


def test_everything_missed_leaves_nothing_to_compare():
    runs = runs_of(RATES, reached_target=False, train_accuracy=0.2)
    said = words(written(runs, **tables_of(runs, features_of(runs))))
    assert "18 of 18 networks missed the accuracy" in said
    assert "6 of digits/mlp/true, 6 of digits/mlp/half and 6 of digits/mlp/noisy" in said
    assert (
        "In no dataset and architecture did noisy and true networks reach their targets: nothing is compared." in said
    )
    assert "digits mlp noisy 0 of 6 4 3 – –" in said


def test_untrained_networks_alone_are_not_called_trained():
    runs = runs_of(["untrained"], trained_epochs=0, epoch=0, target_accuracy=0.0)
    features = features_of(runs.assign(regime="true")).assign(regime="untrained")
    said = words(written(runs, features))
    assert "6 networks, 0 of them trained: mlp on digits, regime untrained;" in said
    assert "No network had a target accuracy to reach." in said


def test_recordings_alone_are_sessions_and_no_networks():
    runs = runs_of(["awake", "asleep"], architectures=["recording"], seeds=2, target_accuracy=np.nan)
    features = features_of(runs.assign(regime="true")).iloc[:0]
    said = words(written(runs.assign(dataset="retina"), features, images={}))
    assert "retina, recorded: 2 sessions under awake." in said
    assert "retina, recorded: 2 sessions under asleep." in said
    assert "networks, 0 of them" not in said
    assert "target accuracy to reach" not in said
    assert "<table>" not in said


def test_detector_stands_beside_its_baselines():
    rows = [
        ("architecture", "each in turn", "label_free", 9, "accuracy", 12, 1, 0.74, 1),
        ("architecture", "each in turn", "mean_firing_rate", 1, "accuracy", 12, 0.5, 0.21, 0.79),
        ("architecture", "mlp", "label_free", 9, "accuracy", 6, 0.123, 0.1, 0.2),
        ("architecture", "each in turn", "label_free", 9, "share_error", 24, 0.15, np.nan, np.nan),
    ]
    said = words(written(runs_of(["true", "noisy"]), detector=pd.DataFrame(rows, columns=SCORES)))
    assert (
        "Share of networks whose regime is told right, by what was left out of the fit: told by each architecture "
        "left out, n = 12 features that need no labels 1.00 [.74, 1.00] the mean firing rate alone .50 [.21, .79] "
        "Mean error of the share of wrong labels, by what was left out of the fit: told by each architecture left out, "
        "n = 24 features that need no labels .15"
    ) in said
    assert ".12" not in said


def test_detector_that_could_not_be_fitted_says_so():
    said = words(written(runs_of(["true"]), detector=pd.DataFrame(columns=SCORES)))
    assert "too few networks of both regimes to fit and test a detector" in said


def test_models_are_counted_by_what_they_are_not_fitted_to():
    def check(model, statistic, by_construction, passing, layer="last", depth=2):
        return ("sim", "digits", "mlp", "noisy", layer, depth, model, statistic, by_construction, 6, passing)

    rows = [
        check("bernoulli", "rate", True, 1.0),
        check("bernoulli", "pairs", False, 0.5),
        check("class_rates", "pairs", False, 1.0),
        check("class_rates", "intervals", False, 1.0),
        check("class_rates", "intervals", False, 0.0, "first", 1),
    ]
    checks = pd.DataFrame(rows, columns=CHECKS[:11]).reindex(columns=CHECKS)
    said = words(written(runs_of(["true", "noisy"]), simulation=checks))
    assert "(sim, layer nearest the output): bernoulli 0 of 1 and class rates 2 of 2." in said
    assert "All of n = 6 networks is a share of 1 [.54, 1]." in said  # .025 ** (1 / 6)


def test_pruning_and_transfer_are_told_of_the_compared_regimes():
    area = dict.fromkeys(AREAS) | {"observable": "cut", "dataset": "digits", "architecture": "mlp", "networks": 6}
    area |= {"layer": "network", "depth": 0, "criterion": "random", "images": "train", "regime": "noisy"}
    area |= {"relative_area": 0.47, "relative_area_low": 0.46, "relative_area_high": 0.48}
    others = [area | {"regime": "half", "relative_area": 0.33}, area | {"images": "test", "relative_area": 0.33}]
    probe = dict.fromkeys(ACCURACIES) | {"observable": "probe", "target": "turned", "dataset": "digits", "networks": 6}
    probe |= {"architecture": "mlp", "regime": "noisy", "layer": "last", "depth": 2, "accuracy": 0.9, "low": 0.8}
    probe |= {"high": 0.95, "gain": -0.1, "gain_low": -0.2, "gain_high": -0.05, "pixels": 0.93}
    numbers = {
        "areas": pd.DataFrame([area, *others]),
        "probes": pd.DataFrame([probe, probe | {"depth": 1, "accuracy": 0.3}]),
    }
    runs = runs_of(RATES)
    said = words(written(runs, pruning=numbers["areas"], transfer=numbers["probes"]))
    assert (
        "noisy networks (cut) keep a mean share of their accuracy on training images: digits/mlp .47 [.46, .48], n = 6."
        in said
    )
    assert (
        "an accuracy of: digits/mlp .90 [.80, .95], a gain of −.10 [−.20, −.05] over the layer before training, .93"
        in said
    )
    assert ".33" not in said
    assert ".30" not in said


def test_names_are_escaped_and_made_again_the_page_is_the_same():
    runs = runs_of(RATES).assign(regime=lambda table: table["regime"].replace("half", "<b>"))
    page = written(runs, features_of(runs_of(RATES)))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert page == written(runs, features_of(runs_of(RATES)))
