"""What a finished grid does when it is run again, and when it grows."""

from copy import deepcopy
from itertools import product

import pandas as pd
import pytest
from snakemake_runs import changed, digests, half_written, result_files, snakemake, times


def observing(grid):
    return [f"observe_{name}" for name in grid["observables"]]


def all_steps(grid):
    return ["train", "extract_spikes", *observing(grid)]


def test_a_second_run_does_nothing(work, code, smoke_grid):
    assert snakemake(work, code=code, config=smoke_grid).does_nothing


def test_another_number_of_cores_does_nothing(work, code, smoke_grid):
    assert snakemake(work, code=code, config=smoke_grid, cores=1).does_nothing


def test_another_order_of_keys_does_nothing(work, code, smoke_grid):
    reversed_grid = dict(reversed(smoke_grid.items()))
    for section in ("training", "indicators"):
        reversed_grid[section] = dict(reversed(smoke_grid.get(section, {}).items()))
    for section in ("datasets", "architectures", "regimes", "observables"):
        reversed_grid[section] = {name: dict(reversed(entry.items())) for name, entry in reversed_grid[section].items()}
    planned = snakemake(work, "-n", code=code, config=reversed_grid)
    assert planned.does_nothing, planned.text


def test_a_default_written_out_does_nothing(work, code, smoke_grid):
    training = {"optimizer": "sgd", "momentum": 0.9, **smoke_grid["training"], "schedule": "cosine"}
    indicators = {"confidence": 0.95, **smoke_grid["indicators"], "memorizing": "memorizing"}
    grid = smoke_grid | {"training": training, "indicators": indicators, "only": [], "spikes": {"order": "random"}}
    planned = snakemake(work, "-n", code=code, config=grid)
    assert planned.does_nothing, planned.text


def test_an_override_that_repeats_the_setting_does_nothing(work, code, smoke_grid):
    grid = deepcopy(smoke_grid)
    grid["architectures"]["mlp"]["training"] = {"epochs": smoke_grid["training"]["epochs"]}
    grid["datasets"]["digits"]["spikes"] = {"threshold": 0}
    del grid["regimes"]["untrained"]
    planned = snakemake(work, "-n", code=code, config=grid)
    assert planned.run_jobs == set(), planned.text
    assert planned.datasets == set()


def test_another_data_root_does_nothing(work, code, smoke_grid):
    planned = snakemake(work, "-n", code=code, config=smoke_grid | {"data_root": "elsewhere"})
    assert planned.does_nothing, planned.text


def test_more_seeds_given_on_the_command_line_join_the_config_file(work, code, smoke_grid):
    planned = snakemake(work, "-n", "--config", "seeds=4", code=code, config=smoke_grid)
    assert {seeds for _, (*_, seeds) in planned.run_jobs} == {"2-3"}


@pytest.mark.parametrize(
    ("changes", "new_cells"),
    [
        ({"architectures": {"wide": {"kind": "mlp", "hidden": [40]}}}, {"architecture": ["wide"]}),
        ({"architectures": {"cnn": {"kind": "cnn", "channels": [4], "hidden": [8]}}}, {"architecture": ["cnn"]}),
        ({"regimes": {"half": {"kind": "memorizing", "fraction": 0.5}}}, {"regime": ["half"]}),
        ({"seeds": 4}, {"seeds": ["2-3"]}),
        ({"seeds": 5}, {"seeds": ["2-3", "4-4"]}),
    ],
    ids=["architecture", "second architecture kind", "regime", "block of seeds", "blocks of which one is short"],
)
def test_an_addition_starts_only_its_own_runs(work, code, smoke_grid, changes, new_cells):
    planned = snakemake(work, "-n", code=code, config=changed(smoke_grid, **changes))
    axes = {
        "dataset": list(smoke_grid["datasets"]),
        "architecture": list(smoke_grid["architectures"]),
        "regime": list(smoke_grid["regimes"]),
        "seeds": ["0-1"],
    }
    cells = list(product(*(axes | new_cells).values()))
    assert planned.run_jobs == set(product(all_steps(smoke_grid), cells)), planned.text
    assert planned.datasets == set()
    assert {"collect", "indicators"} <= planned.rules


def test_an_added_dataset_is_the_only_one_prepared(work, code, smoke_grid):
    fewer = smoke_grid["datasets"]["digits"] | {"train_size": 100}
    planned = snakemake(work, "-n", code=code, config=changed(smoke_grid, datasets={"fewer": fewer}))
    assert planned.datasets == {"fewer"}
    assert {dataset for _, (dataset, *_) in planned.run_jobs} == {"fewer"}


def test_an_added_observable_trains_and_extracts_nothing(work, code, smoke_grid):
    grid = changed(smoke_grid, observables={"firing_wide": {"kind": "firing", "window": 25}})
    planned = snakemake(work, "-n", code=code, config=grid)
    runs = product(["digits"], ["mlp"], smoke_grid["regimes"], ["0-1"])
    assert planned.run_jobs == set(product(["observe_firing_wide"], runs)), planned.text
    assert planned.datasets == set()


def test_what_is_taken_out_of_the_grid_redoes_no_run(work, code, smoke_grid):
    grid = smoke_grid | {"exclude": [{"regime": "untrained"}]}
    planned = snakemake(work, "-n", code=code, config=grid)
    assert planned.run_jobs == set()
    assert planned.datasets == set()
    assert "collect" in planned.rules


@pytest.mark.parametrize(
    ("section", "name", "change", "runs_of"),
    [
        ("regimes", "memorizing", {"fraction": 0.5}, ["memorizing"]),
        ("regimes", "generalizing", {"training": {"learning_rate": 0.01}}, ["generalizing"]),
        ("architectures", "mlp", {"hidden": [16]}, ["untrained", "generalizing", "memorizing", "corrupted", "few"]),
    ],
)
def test_a_changed_entry_redoes_its_own_runs(work, code, smoke_grid, section, name, change, runs_of):
    grid = deepcopy(smoke_grid)
    grid[section][name] |= change
    planned = snakemake(work, "-n", code=code, config=grid)
    runs = product(["digits"], ["mlp"], runs_of, ["0-1"])
    assert planned.run_jobs == set(product(all_steps(smoke_grid), runs)), planned.text
    assert planned.datasets == set()


def test_another_presentation_trains_nothing(work, code, smoke_grid):
    planned = snakemake(work, "-n", code=code, config=smoke_grid | {"spikes": {"order": "class_blocked"}})
    assert {rule for rule, _ in planned.run_jobs} == {"extract_spikes", *observing(smoke_grid)}
    assert planned.datasets == set()


def test_another_confidence_redoes_the_indicators_alone(work, code, smoke_grid):
    planned = snakemake(work, "-n", code=code, config=changed(smoke_grid, indicators={"confidence": 0.9}))
    assert "indicators" in planned.rules
    assert planned.run_jobs == set()
    assert not {"collect", "prepare_dataset"} & planned.rules


def test_a_lost_table_is_made_again_from_what_is_there(work, code, smoke_grid):
    (work / "results" / "tables" / "indicators.csv").unlink()
    planned = snakemake(work, "-n", code=code, config=smoke_grid)
    assert "indicators" in planned.rules
    assert planned.run_jobs == set()


def test_spikes_deleted_to_save_disk_are_made_again_only_when_something_reads_them(work, code, smoke_grid):
    (work / "results/runs/digits/mlp/memorizing/seeds0-1/spikes.npz").unlink()
    assert snakemake(work, "-n", code=code, config=smoke_grid, targets=["collect"]).does_nothing
    grid = changed(smoke_grid, observables={"firing_wide": {"kind": "firing", "window": 25}})
    planned = snakemake(work, "-n", code=code, config=grid, targets=["collect"])
    extracted = {regime for rule, (_, _, regime, _) in planned.run_jobs if rule == "extract_spikes"}
    assert extracted == {"memorizing"}
    assert "train" not in planned.rules


def test_a_regime_that_joins_leaves_every_old_artefact_untouched(work, code, smoke_grid):
    runs = [path for path in result_files(work) if path.parts[1] in ("datasets", "runs")]
    content, changed_at = digests(work, runs), times(work, runs)
    brief = {"kind": "generalizing", "training": {"epochs": 2}}
    done = snakemake(
        work, code=code, config=changed(smoke_grid, regimes={"brief": brief}), targets=["collect", "indicators"]
    )
    assert done.code == 0, done.text
    assert done.run_jobs == set(product(all_steps(smoke_grid), [("digits", "mlp", "brief", "0-1")]))
    assert digests(work, runs) == content
    assert times(work, runs) == changed_at
    assert half_written(work) == []
    history = pd.read_csv(work / "results" / "tables" / "history.csv")
    trained = dict.fromkeys(smoke_grid["regimes"], smoke_grid["training"]["epochs"])
    assert history.groupby("regime")["epoch"].max().to_dict() == trained | {"untrained": 0, "brief": 2}
