"""Observables of complexity and of networks through real Snakemake: tables, figures, reruns."""

import pandas as pd
import pytest
from snakemake_runs import append_comment, copy_folder, half_written, snakemake

OBSERVABLES = {
    "complexity": {"kind": "complexity", "units": 6},
    "dimension": {"kind": "dimension"},
    "response": {"kind": "response", "samples": 4},
    "fragility": {"kind": "fragility", "samples": 6},
    "plasticity": {"kind": "plasticity", "samples": 6, "steps": 20},
    "pruning": {"kind": "pruning", "samples": 6, "shares": [0.5], "draws": 1},
    "transfer": {"kind": "transfer", "target": "turned", "samples": 40},
}
GRID = {
    "datasets": {
        "digits": {"kind": "digits", "train_size": 60, "test_size": 60},
        "turned": {"kind": "digits", "train_size": 60, "test_size": 60, "turned": 90},
    },
    "exclude": [{"dataset": "turned"}],
    "architectures": {"cnn": {"kind": "cnn", "channels": [4], "hidden": [12], "batch_norm": True}},
    "regimes": {"generalizing": {"kind": "generalizing"}, "memorizing": {"kind": "memorizing"}},
    "observables": OBSERVABLES,
    "indicators": {"resamples": 100},
    "seeds": 2,
    "seeds_per_job": 2,
    "training": {"epochs": 8, "checkpoints": [1, 2, 3, 4, 6], "target_accuracy": 0},
}
FIGURES = {
    "complexity": ["by_depth", "growth", "over_training"],
    "dimension": ["against_loss", "by_depth", "growth", "over_training", "spectra"],
    "response": ["against_loss", "growth", "over_training", "response_decay", "response_kernel"],
    "fragility": ["against_loss", "fragility_against_dimension", "growth", "over_training"],
    "plasticity": ["growth", "over_training"],
    "pruning": ["pruning_curves", "random_ablation"],
    "transfer": ["over_training", "transfer_accuracy", "transfer_predictors"],
}


@pytest.fixture(scope="session")
def measured(once, code):
    return once("observed_networks", lambda folder: snakemake(folder, code=code, config=GRID))


def test_networks_are_measured_and_drawn_from_nothing(measured):
    assert measured.execution.code == 0, measured.execution.text
    assert measured.execution.rules >= {f"observe_{name}" for name in OBSERVABLES}
    assert half_written(measured.folder) == []
    for observable, kinds in FIGURES.items():
        drawn = {path.parts[-3] for path in (measured.folder / "results/figures" / observable).glob("*/digits/cnn.png")}
        assert drawn == set(kinds)


def test_features_of_networks_stand_beside_those_of_spikes(measured):
    features = pd.read_parquet(measured.folder / "results/tables/features.parquet")
    assert set(features["observable"]) == set(OBSERVABLES)
    in_table = {name: set(OBSERVABLES) for name in ("indicators", "stable_indicators")}
    in_table |= {"dynamics": set(OBSERVABLES) - {"pruning"}, "pruning": {"pruning"}}
    for table, expected in in_table.items():
        assert set(pd.read_csv(measured.folder / f"results/tables/{table}.csv")["observable"]) == expected


def test_layers_are_probed_for_a_dataset_that_nothing_is_trained_on(measured):
    tables, runs = (measured.folder / "results" / name for name in ("tables", "runs"))
    accuracies = pd.read_csv(tables / "transfer.csv")
    assert [path.name for path in runs.iterdir()] == ["digits"]
    assert set(accuracies["target"]) == {"turned"}
    assert accuracies["layer"].tolist() == ["conv1.relu", "hidden1.relu"] * 2
    assert accuracies[["accuracy", "untrained", "pixels"]].gt(0.15).all(axis=None)
    predictors = pd.read_csv(tables / "transfer_predictors.csv")
    assert set(predictors["predictor"]) == {"complexity", "dimension", "history"}
    assert (predictors["networks"] == 4).all()


def test_another_target_is_prepared_and_probed_anew_and_nothing_else(measured, tmp_path, code):
    folder = copy_folder(measured.folder, tmp_path / "target")
    turned = GRID["datasets"]["turned"] | {"turned": 180}
    plan = snakemake(folder, "-n", code=code, config=GRID | {"datasets": GRID["datasets"] | {"turned": turned}})
    assert plan.datasets == {"turned"}
    assert {rule for rule, _ in plan.run_jobs} == {"observe_transfer"}


def test_networks_are_not_measured_again_where_nothing_has_changed(measured, tmp_path, code):
    folder = copy_folder(measured.folder, tmp_path / "again")
    assert snakemake(folder, code=code, config=GRID).does_nothing


def test_edit_of_what_one_observable_uses_measures_it_alone_anew(measured, tmp_path, code):
    folder, edited = copy_folder(measured.folder, tmp_path / "edited"), copy_folder(code, tmp_path / "code")
    append_comment(edited / "workflow/scripts/spikegrid/relearning.py")
    plan = snakemake(folder, "-n", code=edited, config=GRID)
    assert {rule for rule, _ in plan.run_jobs} == {"observe_plasticity"}
