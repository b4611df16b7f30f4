"""What is left, and said, when one run of a grid cannot be done."""

import subprocess
import time
from copy import deepcopy

import pandas as pd
import pytest
from snakemake_runs import (
    Execution,
    changed,
    command_of,
    copy_folder,
    digests,
    half_written,
    interrupt,
    result_files,
    snakemake,
    times,
)

GRID = {
    "datasets": {"digits": {"kind": "digits", "train_size": 100, "test_size": 50}},
    "architectures": {
        "sound": {"kind": "mlp", "hidden": [8]},
        "wild": {"kind": "mlp", "hidden": [8], "training": {"learning_rate": 1.0e30}},
    },
    "regimes": {"generalizing": {"kind": "generalizing"}},
    "seeds": 1,
    "training": {"epochs": 1, "target_accuracy": 0},
    "observables": {"firing": {"kind": "firing", "window": 10}},
    "indicators": {"memorizing": "generalizing"},
}


@pytest.fixture(scope="session")
def failed(once, code):
    return once("failed", lambda folder: snakemake(folder, code=code, config=GRID, targets=["collect"]))


def of_architecture(folder, architecture):
    """Artefacts of an architecture; what a training saved to go on from is none."""
    return [path for path in result_files(folder) if architecture in path.parts and "unfinished" not in path.parts]


def test_a_failed_run_leaves_the_others_done(failed):
    assert failed.execution.code != 0
    names = {path.name for path in of_architecture(failed.folder, "sound")}
    assert names == {"checkpoints.safetensors", "history.csv", "spikes.npz", "firing.parquet"}


def test_a_failed_run_leaves_nothing_half_written(failed):
    assert half_written(failed.folder) == []
    assert of_architecture(failed.folder, "wild") == []
    assert not (failed.folder / "results" / "tables").exists()


def test_a_failed_run_is_named_once_in_one_line_that_says_what_to_mend(failed):
    (line,) = failed.execution.lines("spikegrid:")
    assert [part for part in ("seed 0", "nan", "learning_rate", "1e+30") if part not in line] == []
    assert line.count("digits/wild/generalizing") == 1, line


def test_a_failed_run_shows_no_traceback(failed):
    assert failed.execution.lines("spikegrid:")
    assert "Traceback" not in failed.execution.text


def test_a_failed_run_keeps_its_log(failed):
    log = failed.folder / "results/runs/digits/wild/generalizing/seeds0-0/logs/train.log"
    assert "learning_rate" in log.read_text(encoding="utf-8")


def test_the_end_says_how_the_log_of_a_failed_job_ends(failed):
    end = failed.execution.text.partition("Failed jobs: 1.")[2].splitlines()
    assert end[2] == "train: results/runs/digits/wild/generalizing/seeds0-0/logs/train.log"
    assert end[3].startswith("    INFO versions: python ")
    (command,) = [place for place, line in enumerate(end) if "--cores 1" in line]
    assert end[command - 1].startswith("    ERROR seed 0: the loss is nan")


def test_the_command_that_the_end_gives_repeats_the_failed_job_alone(failed, tmp_path):
    copy = copy_folder(failed.folder, tmp_path / "copy")
    (command,) = [line.replace(str(failed.folder), str(copy)) for line in failed.execution.lines("--cores 1")]
    again = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    repeated = Execution(again.returncode, again.stdout, again.stderr)
    assert repeated.code != 0
    assert repeated.products == {("train", job.fields["output"]): 1 for job in failed.execution.jobs if wild(job)}
    assert repeated.lines("spikegrid:") == failed.execution.lines("spikegrid:")


def wild(job):
    return job.rule == "train" and job.run == ("digits", "wild", "generalizing", "0-0")


def test_after_mending_the_config_only_what_is_missing_is_done(failed, code, tmp_path):
    folder = copy_folder(failed.folder, tmp_path / "mended")
    mended = deepcopy(GRID)
    mended["architectures"]["wild"]["training"]["learning_rate"] = 0.05
    sound = of_architecture(folder, "sound")
    content, changed_at = digests(folder, sound), times(folder, sound)
    done = snakemake(folder, code=code, config=mended, targets=["collect"])
    assert done.code == 0, done.text
    run = ("digits", "wild", "generalizing", "0-0")
    assert done.run_jobs == {("train", run), ("extract_spikes", run), ("observe_firing", run)}
    assert done.datasets == set()
    assert (digests(folder, sound), times(folder, sound)) == (content, changed_at)
    runs = pd.read_csv(folder / "results" / "tables" / "runs.csv")
    assert runs["architecture"].tolist() == ["sound", "wild"]


def test_an_interrupted_grid_goes_on_with_what_is_missing(code, tmp_path):
    grid = GRID | {"seeds": 3, "seeds_per_job": 1, "exclude": [{"architecture": "wild"}]}
    command = command_of(tmp_path, code=code, config=grid, targets=["collect"], cores=1)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path) as running:
        wait_for(lambda: list(tmp_path.glob("results/runs/**/spikes.npz")) or running.poll() is not None)
        assert interrupt(running) != 0
    trained = {path.parent.name for path in tmp_path.glob("results/runs/**/spikes.npz")}
    assert trained
    planned = snakemake(tmp_path, "-n", code=code, config=grid, targets=["collect"])
    assert planned.code == 0, planned.text
    again = {f"seeds{seeds}" for rule, (*_, seeds) in planned.run_jobs if rule == "train"}
    assert not again & trained
    assert planned.datasets == set()


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def mistaken(once, copied_smoke, code, smoke_grid):
    """The smoke grid with a mistake in each regime: a damaged file, too wide a window, too many samples."""

    def execute(folder):
        runs = copied_smoke(folder) / "results/runs/digits/mlp"
        spikes = runs / "untrained" / "seeds0-1" / "spikes.npz"
        spikes.write_bytes(spikes.read_bytes()[:1000])
        grid = changed(smoke_grid, observables={"wide": {"kind": "firing", "window": 51}})
        grid["regimes"]["memorizing"]["spikes"] = {"samples": 101}
        made = ["untrained/seeds0-1/observables/firing.parquet", "generalizing/seeds0-1/observables/wide.parquet"]
        made.append("memorizing/seeds0-1/spikes.npz")
        targets = [str((runs / name).relative_to(folder)) for name in made]
        return snakemake(folder, code=code, config=grid, targets=targets)

    return once("mistaken", execute)


@pytest.mark.parametrize(
    ("regime", "parts"),
    [
        ("untrained", ["spikes.npz", "delete it"]),
        ("generalizing", ["wide", "window", "51", "100 images"]),
        ("memorizing", ["spikes.samples", "101", "digits", "100"]),
    ],
    ids=["damaged file", "window too wide", "too many samples"],
)
def test_a_mistake_that_only_a_job_can_see_is_explained_in_one_line(mistaken, regime, parts):
    assert mistaken.execution.code != 0
    (line,) = [line for line in mistaken.execution.lines("spikegrid:") if regime in line]
    assert [part for part in parts if part not in line] == [], line


def test_mistakes_that_only_a_job_can_see_show_no_traceback_and_leave_nothing_half_written(mistaken):
    assert len(mistaken.execution.lines("spikegrid:")) == 3
    assert "Traceback" not in mistaken.execution.text
    assert half_written(mistaken.folder) == []
