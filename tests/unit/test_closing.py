"""What a run says at its end."""

import shlex
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from snakemake.cli import parse_config
from snakemake.settings.types import DeploymentMethod

from spikegrid.closing import LAST_LINES, MOST_JOBS, NO_LOG, closing_message, failure_message


def write_runs(folder, reached: list[bool]) -> None:
    (folder / "tables").mkdir()
    rows = [
        {
            "dataset": "digits",
            "architecture": "mlp",
            "regime": "memorizing",
            "seed": seed,
            "reached_target": reached_one,
        }
        for seed, reached_one in enumerate(reached)
    ]
    pd.DataFrame(rows).to_csv(folder / "tables" / "runs.csv", index=False)


def test_networks_are_counted_and_results_named(tmp_path):
    write_runs(tmp_path, [True, True, True])
    message = closing_message(tmp_path)
    assert "3 networks" in message
    assert f"{tmp_path}/figures" in message
    assert f"{tmp_path}/tables" in message
    assert "snakemake --report" in message
    assert "Warning" not in message


def test_networks_that_missed_their_target_are_named(tmp_path):
    write_runs(tmp_path, [True, False, False])
    assert "Warning: 2 networks missed their target accuracy" in closing_message(tmp_path)
    assert closing_message(tmp_path).endswith("digits/mlp/memorizing/1, digits/mlp/memorizing/2")


def test_a_part_of_the_workflow_that_makes_no_tables_ends_with_the_folder(tmp_path):
    assert closing_message(tmp_path) == f"Done. Results: {tmp_path}"


class Job:
    """What the message asks of a job of Snakemake, or of a group of them."""

    def __init__(self, number: int = 0, members: "list[Job] | None" = None):
        self.jobid, self.rule, self.jobs = number, SimpleNamespace(name="train"), members
        self.log, self.output = [f"results/{number}.log"], [f"results/{number}"]

    def is_group(self) -> bool:
        return self.jobs is not None


@pytest.fixture
def message(tmp_path, monkeypatch):
    """A function that gives the lines of the message of failed jobs, whose logs have as many lines each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/bin of python/snakemake"])
    (tmp_path / "results").mkdir()

    def lines_of(*jobs, lines=1, **settings):
        for number in range(20):
            (tmp_path / "results" / f"{number}.log").write_text("".join(f"line {line}\n" for line in range(lines)))
        workflow = SimpleNamespace(
            scheduler=SimpleNamespace(failed=set(jobs)),
            main_snakefile=str(tmp_path / "Snakefile"),
            overwrite_workdir=None,
            overwrite_configfiles=[],
            config_settings=SimpleNamespace(config={}),
            deployment_settings=SimpleNamespace(deployment_method=frozenset()),
            global_resources={"gpu": SimpleNamespace(value=0)},
        )
        workflow.__dict__.update(settings)
        return failure_message(workflow).splitlines()

    return lines_of


def test_only_the_end_of_a_long_log_is_shown(message):
    lines = message(Job(3), lines=100)
    assert lines[2] == "train: results/3.log"
    assert lines[3:-1] == [f"    line {line}" for line in range(100 - LAST_LINES, 100)]
    assert shlex.split(lines[-1]) == ["/bin of python/snakemake", "results/3", "--cores", "1"]


def test_failed_jobs_of_groups_are_named_one_by_one_and_no_more_than_can_be_read(message):
    jobs = [Job(number) for number in range(MOST_JOBS + 2)]
    lines = message(*jobs[:2], Job(members=jobs[2:]))
    assert lines[0].startswith(f"Failed jobs: {MOST_JOBS + 2}.")
    named = [line for line in lines if line.startswith("train: ")]
    assert named == [f"train: results/{number}.log" for number in range(MOST_JOBS)]
    assert lines[-1] == "and 2 more"


def test_a_job_that_left_no_log_is_named(message):
    assert message(Job(30))[2:] == [
        "train: results/30.log",
        f"    {NO_LOG}",
        "  '/bin of python/snakemake' results/30 --cores 1",
    ]


def test_the_command_repeats_what_the_call_was_told(message, tmp_path):
    overrides = {"seeds": 2, "training": {"epochs": "3"}, "only": [{"regime": ["a", "b"]}], "data_root": "my data"}
    command = message(
        Job(1),
        main_snakefile="/elsewhere/Snakefile",
        overwrite_workdir=tmp_path,
        overwrite_configfiles=[tmp_path / "my grid.yaml"],
        config_settings=SimpleNamespace(config=overrides),
        deployment_settings=SimpleNamespace(deployment_method={DeploymentMethod.CONDA}),
        global_resources={"gpu": SimpleNamespace(value=2)},
    )[-1]
    _, target, *options = shlex.split(command)
    place = options.index("--config")
    told = options[place + 1 : place + 1 + len(overrides)]
    del options[place : place + 1 + len(overrides)]
    assert target == "results/1"
    assert parse_config(told) == overrides
    paths = ["--directory", str(tmp_path), "--snakefile", "/elsewhere/Snakefile"]
    paths += ["--configfile", str(tmp_path / "my grid.yaml")]
    assert options == ["--cores", "1", *paths, "--sdm", "conda", "--resources", "gpu=2"]


def test_where_no_job_failed_the_end_says_so(message):
    assert message() == ["No job failed; what is missing is done when you run again."]
