"""Grids on a real Slurm of one node: they end as on this machine alone, whatever is cancelled or killed on the way."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from snakemake_runs import (
    REPOSITORY,
    command_of,
    copy_code,
    copy_folder,
    digests,
    result_files,
    snakemake,
    times,
)

ADAPTED = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"]
"""Options that this site needs: it has no database, and jobs of seconds; and more cores than the machine would hurt."""

GRID = {
    "datasets": {"digits": {"kind": "digits", "train_size": 200, "test_size": 100}},
    "architectures": {"mlp": {"kind": "mlp", "hidden": [32, 24]}},
    "regimes": {"untrained": {"kind": "untrained"}, "memorizing": {"kind": "memorizing"}},
    "seeds": 1,
    "training": {"epochs": 2000, "checkpoints": [0, 2000], "batch_size": 20, "target_accuracy": 0},
    "observables": {"firing": {"kind": "firing", "window": 10}},
    "save_seconds": 1,
}
"""A run that is trained at once, and one that is trained for long enough to be interrupted."""

RUNS = Path("results/runs/digits/mlp")
SHORT, LONG = RUNS / "untrained" / "seeds0-0", RUNS / "memorizing" / "seeds0-0"
TRAINED = [str(run / "history.csv") for run in (SHORT, LONG)]


@pytest.fixture(scope="session", autouse=True)
def slurm():
    """Refuse to run on a cluster that others use."""
    if not Path("/run/spikegrid-slurm").exists():
        pytest.exit("the Slurm of start.sh does not run; use make test-slurm", returncode=1)


@pytest.fixture(scope="session")
def code(tmp_path_factory):
    return copy_code(REPOSITORY, tmp_path_factory.mktemp("slurm") / "code")


@pytest.fixture(scope="session")
def smoke_grid(code):
    return yaml.safe_load((code / "config" / "smoke.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def prepared(code, tmp_path_factory):
    """A folder in which this machine has prepared the dataset."""
    folder = tmp_path_factory.mktemp("prepared") / "work"
    done = snakemake(folder, code=code, config=GRID, targets=["results/datasets/digits.safetensors"])
    assert done.code == 0, done.text
    return folder


@pytest.fixture(scope="session")
def expected(code, prepared, tmp_path_factory):
    """Hashes of what the trainings leave when nothing disturbs them."""
    folder = copy_folder(prepared, tmp_path_factory.mktemp("expected") / "work")
    done = snakemake(folder, code=code, config=GRID, targets=TRAINED)
    assert done.code == 0, done.text
    return digests(folder, result_files(folder))


@pytest.fixture
def work(prepared, tmp_path):
    return copy_folder(prepared, tmp_path / "work")


def with_slurm(code, *options):
    """Return the options that make snakemake use the profile."""
    return ["--workflow-profile", str(code / "profiles" / "slurm"), *ADAPTED, *options]


def started(folder, code, log, *options):
    """Start snakemake on the trainings of GRID; what it says goes to ``log``."""
    command = [*command_of(folder, code=code, config=GRID, targets=TRAINED), *with_slurm(code, *options)]
    with log.open("w") as stream:
        return subprocess.Popen(command, cwd=folder, stdout=stream, stderr=stream)


def train_jobs(folder, run):
    """Return the numbers of the jobs that train a run in ``folder``, which Slurm keeps after their end."""
    listed = subprocess.check_output(["squeue", "--noheader", "--states=all", "--format=%A|%k|%Z"], text=True)
    rows = [line.split("|") for line in listed.splitlines()]
    return [
        job
        for job, what, at in rows
        if f"rule_train_wildcards_digits_mlp_{run.parts[-2]}" in what and at == str(folder)
    ]


def described(job):
    """Return what Slurm knows of a job."""
    return subprocess.check_output(["scontrol", "show", "job", job], text=True)


def wait_for(condition, running, seconds=240):
    """Wait until ``condition()`` gives something while a process runs, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert running.poll() is None, "snakemake ended early"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)
    return found


def is_saved(folder):
    """Tell whether the long training has saved some of its steps, and not yet ended."""
    start, now = (folder / LONG / "unfinished" / f"{name}.safetensors" for name in ("seed0-epoch0", "seed0"))
    return now.exists() and now.stat().st_mtime - start.stat().st_mtime > 0.5


def test_the_profile_plans_what_is_done_without_slurm(tmp_path, code, smoke_grid):
    planned, alone = (
        snakemake(tmp_path, "-n", *options, code=code, config=smoke_grid) for options in (with_slurm(code), ())
    )
    assert planned.products == alone.products
    assert alone.products


def test_a_run_is_measured_in_the_job_that_extracts_its_spikes(tmp_path, code, smoke_grid):
    planned = snakemake(tmp_path, "-n", *with_slurm(code), code=code, config=smoke_grid)
    jobs = re.split(r"^\[.*?\] ", planned.text, flags=re.MULTILINE)
    together = [frozenset(re.findall(r"^    rule (\S+):", job, re.MULTILINE)) for job in jobs if "Group job run" in job]
    observe = {f"observe_{name}" for name in smoke_grid["observables"]}
    of_training_images = {"observe_firing_train"}
    assert set(together) == {
        frozenset({"extract_spikes", *rules}) for rules in (of_training_images, observe - of_training_images)
    }
    assert len(together) == 2 * len(smoke_grid["regimes"])


def test_the_smoke_grid_leaves_the_same_bytes_as_without_slurm(code, smoke_grid, tmp_path):
    alone, on_slurm = tmp_path / "alone", tmp_path / "on_slurm"
    assert snakemake(alone, code=code, config=smoke_grid).code == 0
    done = snakemake(on_slurm, *with_slurm(code), code=code, config=smoke_grid)
    assert done.code == 0, done.text
    assert digests(on_slurm, result_files(on_slurm)) == digests(alone, result_files(alone))
    steps, submitted = len(done.products), len(done.lines("has been submitted with SLURM jobid"))
    assert submitted <= steps / 4, "groups keep short steps together"


def test_a_cancelled_training_asks_for_more_and_goes_on_from_what_it_saved(code, work, expected, tmp_path):
    main = started(work, code, tmp_path / "said", "--resources", "gpu=1")
    wait_for(lambda: is_saved(work), main)
    (first,) = train_jobs(work, LONG)
    subprocess.run(["scancel", first], check=True)
    (second,) = wait_for(lambda: [job for job in train_jobs(work, LONG) if job != first], main)
    assert ["mem=4000M" in described(first), "mem=8000M" in described(second)] == [True, True]
    assert ["gres:gpu:1" in described(job) for job in (first, second)] == [True, True]
    assert main.wait(timeout=300) == 0, (tmp_path / "said").read_text()
    log = (work / LONG / "logs" / "train.log").read_text(encoding="utf-8")
    epoch, step = map(int, re.search(r"goes on after epoch (\d+), step (\d+)", log).groups())
    assert epoch + step > 0
    assert digests(work, result_files(work)) == expected


def test_a_job_over_its_memory_is_done_with_more(code, work, expected):
    little = ["--set-resources", "train:mem_mb=60 * 30 ** (attempt - 1)"]
    done = snakemake(work, *with_slurm(code, *little), code=code, config=GRID, targets=TRAINED[:1])
    assert done.code == 0, done.text
    assert len(train_jobs(work, SHORT)) == 2
    assert digests(work, result_files(work)).items() <= expected.items()


def test_after_snakemake_was_killed_the_documented_commands_end_the_grid(code, work, expected, tmp_path):
    main = started(work, code, tmp_path / "said")
    trained = [SHORT / "history.csv", SHORT / "checkpoints.safetensors"]
    (short,), (long,) = (wait_for(lambda run=run: train_jobs(work, run), main) for run in (SHORT, LONG))
    wait_for(lambda: "JobState=COMPLETED" in described(short) and is_saved(work), main)
    main.send_signal(signal.SIGKILL)
    main.wait()
    changed_at = times(work, trained)
    assert "JobState=RUNNING" in described(long), "jobs outlive the snakemake that submitted them"

    *of_slurm, unlock, again = documented_commands(code)
    for command in of_slurm:
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=work, check=True, timeout=120)
    assert ("JobState=CANCELLED" in described(long), is_saved(work)) == (True, True)
    assert (unlock, again) == ("snakemake --unlock", "snakemake --workflow-profile profiles/slurm")
    unlocked = snakemake(work, "--unlock", code=code, config=GRID)
    assert unlocked.code == 0, unlocked.text
    done = snakemake(work, *with_slurm(code), code=code, config=GRID, targets=TRAINED)
    assert done.code == 0, done.text
    assert [job.run[2] for job in done.jobs if job.rule == "train"] == ["memorizing"]
    assert times(work, trained) == changed_at
    assert "goes on after epoch" in (work / LONG / "logs" / "train.log").read_text(encoding="utf-8")
    assert digests(work, result_files(work)) == expected


def documented_commands(code):
    """Return the commands that README.md of the profile gives for the death of Snakemake."""
    text = (code / "profiles" / "slurm" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```console\n(squeue .*?)```", text, flags=re.DOTALL)
    return block.splitlines()
