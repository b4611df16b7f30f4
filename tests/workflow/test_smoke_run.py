"""The smallest grid, run from nothing."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from snakemake_runs import files_of, half_written, snakemake

TIDY = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
NETWORK = ["dataset", "architecture", "regime", "seed"]
RULES = {
    "prepare_dataset",
    "train",
    "extract_spikes",
    "collect",
    "process",
    "simulation",
    "dynamics",
    "indicators",
    "doses",
    "stable_indicators",
    "detector",
    "all",
}
TABLES = [
    "history.csv",
    "runs.csv",
    "features.parquet",
    "process.csv",
    "simulation.csv",
    "dynamics.csv",
    "indicators.csv",
    "doses.csv",
    "stable_indicators.csv",
    "stable_indicators.html",
    "detector.csv",
]


def runs_of(grid):
    last = grid["seeds"] - 1
    for dataset in grid["datasets"]:
        for architecture in grid["architectures"]:
            for regime in grid["regimes"]:
                yield Path("results", "runs", dataset, architecture, regime, f"seeds0-{last}")


def test_smoke_grid_runs_every_step(smoke, smoke_grid):
    assert smoke.execution.code == 0, smoke.execution.text
    assert smoke.execution.rules >= RULES | {f"observe_{name}" for name in smoke_grid["observables"]}


def test_everything_that_rule_all_names_is_there(smoke):
    (all_of_it,) = [job for job in smoke.execution.jobs if job.rule == "all"]
    named = all_of_it.fields["input"].split(", ")
    assert {f"results/tables/{name}" for name in TABLES} <= {*named}
    assert [name for name in named if not (smoke.folder / name).is_file()] == []


def test_every_run_has_its_artefacts(smoke, smoke_grid):
    names = ["checkpoints.safetensors", "history.csv", "spikes.npz"]
    names += [f"observables/{name}.parquet" for name in smoke_grid["observables"]]
    wanted = [run / name for run in runs_of(smoke_grid) for name in names]
    assert [path for path in wanted if not (smoke.folder / path).is_file()] == []


def test_every_file_of_a_run_is_in_results(smoke):
    others = [path for path in files_of(smoke.folder) if path.parts[0] != "results"]
    assert others == [Path("grid.yaml")]
    assert half_written(smoke.folder) == []


def test_spikes_open_without_pickle_and_hold_the_format(smoke, smoke_grid):
    for run in runs_of(smoke_grid):
        with np.load(smoke.folder / run / "spikes.npz", allow_pickle=False) as spikes:
            meta = json.loads(str(spikes["meta"]))
            seeds, epochs, images = len(spikes["seeds"]), len(spikes["epochs"]), len(spikes["index"])
            assert meta["format"] == 1
            assert seeds == smoke_grid["seeds"]
            assert images == meta["samples"] == len(spikes["labels"]) == smoke_grid["datasets"]["digits"]["test_size"]
            for layer in meta["layers"]:
                packed, units = spikes[layer["name"]], spikes[f"{layer['name']}:units"]
                assert packed.dtype == np.uint8
                assert packed.shape == (seeds, epochs, images, -(-layer["kept"] // 8))
                assert units.shape == (layer["kept"], len(layer["shape"]))
                bits = np.unpackbits(packed, axis=-1, bitorder="little")
                assert not bits[..., layer["kept"] :].any()
                assert bits.any()


def test_features_have_the_tidy_columns_and_name_their_observable(smoke, smoke_grid):
    features = pd.read_parquet(smoke.folder / "results" / "tables" / "features.parquet")
    assert set(TIDY) | {"observable", "reached_target"} <= set(features.columns)
    assert set(features["observable"]) == set(smoke_grid["observables"])
    assert set(features["regime"]) == set(smoke_grid["regimes"])
    assert not features.duplicated([*TIDY[:-1], "observable"]).any()


def test_every_observable_gives_the_tidy_columns(smoke):
    tables = list(smoke.folder.glob("results/runs/**/observables/*.parquet"))
    assert tables
    assert {tuple(pd.read_parquet(table).columns) for table in tables} == {tuple(TIDY)}


@pytest.mark.parametrize("table", ["history", "runs"])
def test_tables_name_every_network(smoke, smoke_grid, table):
    networks = pd.read_csv(smoke.folder / "results" / "tables" / f"{table}.csv")
    assert networks.columns[:4].tolist() == NETWORK
    named = networks[NETWORK].drop_duplicates()
    assert len(named) == len(list(runs_of(smoke_grid))) * smoke_grid["seeds"]
    assert (
        networks[["train_accuracy", "true_label_accuracy", "test_accuracy"]]
        .apply(lambda a: a.between(0, 1))
        .all(axis=None)
    )


def test_runs_have_one_row_a_network_at_its_last_epoch(smoke, smoke_grid):
    runs = pd.read_csv(smoke.folder / "results" / "tables" / "runs.csv").set_index("regime")
    assert not runs.reset_index().duplicated(NETWORK).any()
    assert (runs.loc["untrained", "epoch"] == 0).all()
    assert (runs.loc[["generalizing", "memorizing"], "epoch"] == smoke_grid["training"]["epochs"]).all()


def test_history_has_every_epoch_of_every_network(smoke, smoke_grid):
    history = pd.read_csv(smoke.folder / "results" / "tables" / "history.csv")
    epochs = {"untrained": [0]}
    for (*_, regime, _), rows in history.groupby(NETWORK):
        assert rows["epoch"].tolist() == epochs.get(regime, list(range(smoke_grid["training"]["epochs"] + 1)))


def test_indicators_compare_the_two_regimes_seed_by_seed(smoke, smoke_grid):
    with (smoke.folder / "results" / "tables" / "indicators.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {"dataset", "architecture", "observable", "feature", "layer", "difference", "low", "high"} <= rows[0].keys()
    assert {(row["n_memorizing"], row["n_generalizing"]) for row in rows} == {(str(smoke_grid["seeds"]),) * 2}
    for row in rows:
        if row["low"]:
            assert float(row["low"]) <= float(row["high"])


def test_images_of_figures_are_whole_and_their_data_lie_beside_them(smoke):
    suffixes: dict[Path, list[str]] = {}
    for path in (smoke.folder / "results" / "figures").rglob("*"):
        if path.is_file():
            suffixes.setdefault(path.with_suffix(""), []).append(path.suffix)
            content = path.read_bytes()
            if path.suffix == ".csv":
                data = pd.read_csv(path)
                assert len(data), path
                assert {"panel", "drawn"} <= set(data.columns), path
                continue
            begin, end = {".png": (b"\x89PNG", b"IEND\xaeB`\x82"), ".pdf": (b"%PDF", b"%%EOF")}[path.suffix]
            assert content.startswith(begin)
            assert content.rstrip().endswith(end)
    assert {tuple(sorted(found)) for found in suffixes.values()} == {(".csv", ".pdf", ".png")}


def test_the_end_of_the_log_says_where_results_lie(smoke):
    assert smoke.execution.lines("Done. 10 networks."), smoke.execution.text


def test_a_run_shows_no_warning_of_a_library(smoke):
    assert [line for line in smoke.execution.text.splitlines() if "Warning:" in line] == []


def test_every_job_writes_its_log_and_benchmark(smoke):
    for job in smoke.execution.jobs:
        if job.rule != "all":
            assert (smoke.folder / job.fields["log"].split(" (")[0]).is_file(), job.rule
            assert (smoke.folder / job.fields["benchmark"]).is_file(), job.rule


def test_the_report_is_one_page_that_needs_no_network(work, code, smoke_grid):
    reported = snakemake(work, "--report", "report.html", code=code, config=smoke_grid)
    assert reported.code == 0, reported.text
    page = (work / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["']https?://[^"']*["']""", page) == []
    pictures = [path.relative_to(work) for path in work.glob("results/figures/**/*.png")]
    assert pictures
    assert [str(picture) for picture in pictures if str(picture) not in page] == []


def test_results_of_one_run_can_be_asked_for_alone(smoke_grid, code, tmp_path):
    target = "results/runs/digits/mlp/memorizing/seeds0-1/observables/firing.parquet"
    planned = snakemake(tmp_path, "-n", code=code, config=smoke_grid, targets=[target])
    assert planned.run_jobs == {
        (rule, ("digits", "mlp", "memorizing", "0-1")) for rule in ("train", "extract_spikes", "observe_firing")
    }
