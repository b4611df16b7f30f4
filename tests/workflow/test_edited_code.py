"""An edit of the code redoes the jobs that it touches; where the code lies redoes none."""

import shutil
from pathlib import Path

import pytest
from snakemake_runs import CODE, append_comment, snakemake

LIBRARY = Path("workflow", "scripts", "spikegrid")


@pytest.fixture
def after_edit(work, edited_code, smoke_grid):
    def planned(*files):
        for file in files:
            append_comment(edited_code / file)
        return snakemake(work, "-n", code=edited_code, config=smoke_grid)

    return planned


def test_code_moved_to_another_place_does_nothing(work, edited_code, smoke_grid, tmp_path):
    moved = tmp_path / "elsewhere" / "far away"
    moved.parent.mkdir()
    edited_code.rename(moved)
    planned = snakemake(work, "-n", code=moved, config=smoke_grid)
    assert planned.does_nothing, planned.text


def test_a_fresh_clone_of_the_same_code_does_nothing(work, code, smoke_grid, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in CODE:  # as git does: the same contents, the time of now
        if (code / name).is_dir():
            shutil.copytree(code / name, clone / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(code / name, clone / name)
    planned = snakemake(work, "-n", code=clone, config=smoke_grid)
    assert planned.does_nothing, planned.text


def test_results_moved_with_snakemakes_memory_do_nothing(work, code, smoke_grid):
    moved = work.rename(work.with_name("moved work"))
    planned = snakemake(moved, "-n", code=code, config=smoke_grid)
    assert planned.does_nothing, planned.text


def test_an_edited_regime_redoes_only_its_own_runs(after_edit):
    planned = after_edit(LIBRARY / "regimes" / "memorizing.py")
    assert {regime for _, (_, _, regime, _) in planned.run_jobs} == {"memorizing"}
    assert "train" in planned.rules
    assert planned.datasets == set()


def test_an_edited_architecture_that_the_grid_does_not_use_does_nothing(after_edit):
    planned = after_edit(LIBRARY / "architectures" / "cnn.py", LIBRARY / "datasets" / "mnist.py")
    assert planned.does_nothing, planned.text


def test_an_edited_architecture_redoes_training_and_extraction_but_no_dataset(after_edit, smoke_grid):
    planned = after_edit(LIBRARY / "architectures" / "mlp.py")
    trained = [run for rule, run in planned.run_jobs if rule == "train"]
    assert len(trained) == len(smoke_grid["regimes"])
    assert planned.datasets == set()


def test_an_edited_observable_trains_and_extracts_nothing(after_edit, smoke_grid):
    planned = after_edit(LIBRARY / "observables" / "firing.py")
    kinds = {f"observe_{name}" for name, entry in smoke_grid["observables"].items() if entry["kind"] == "firing"}
    assert {rule for rule, _ in planned.run_jobs} == kinds
    assert planned.datasets == set()


def test_edited_indicators_measure_nothing_again(after_edit):
    planned = after_edit(LIBRARY / "indicators.py")
    assert "indicators" in planned.rules
    assert planned.run_jobs == set()
    assert not {"collect", "prepare_dataset"} & planned.rules


def test_edited_training_extracts_from_the_networks_that_it_gives(after_edit, smoke_grid):
    planned = after_edit(LIBRARY / "training.py")
    runs = {run for _, run in planned.run_jobs}
    assert {("train", run) for run in runs} | {("extract_spikes", run) for run in runs} <= planned.run_jobs
    assert planned.datasets == set()


def test_an_edited_script_redoes_its_rule(after_edit):
    planned = after_edit(Path("workflow", "scripts", "indicators.py"))
    assert "indicators" in planned.rules
    assert planned.run_jobs == set()


def test_edited_profiles_environments_and_configs_do_nothing(after_edit):
    planned = after_edit(
        "profiles/default/config.yaml", "envs/train.yaml", "config.yaml", "workflow/schemas/config.schema.yaml"
    )
    assert planned.does_nothing, planned.text
