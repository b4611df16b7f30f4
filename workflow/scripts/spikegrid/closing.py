"""What a run says at its end: where the results are, or which jobs failed."""

import csv
import json
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from spikegrid.elsewhere import RECORDING

if TYPE_CHECKING:
    from snakemake.jobs import AbstractJob
    from snakemake.workflow import Workflow

REPORT_COMMAND = "snakemake --report results/report.html"

LAST_LINES = 12
"""How much of the log of a failed job is shown."""

NO_LOG = "The log is empty: the job ended before its work began, and its error stands above."

MOST_JOBS = 10
"""Of how many failed jobs: a mistake in the grid may be that of thousands."""


def closing_message(results: Path) -> str:
    """Say where the results lie and which networks missed their target accuracy, if the tables are made."""
    runs = results / "tables" / "runs.csv"
    if not runs.is_file():
        return f"Done. Results: {results}"
    with runs.open(newline="", encoding="utf-8") as stream:
        runs_made = list(csv.DictReader(stream))
    networks = [run for run in runs_made if run["architecture"] != RECORDING]
    sessions = len(runs_made) - len(networks)
    done = [f"{len(networks)} networks"] * bool(networks) + [f"{sessions} recorded sessions"] * bool(sessions)
    missed = [network for network in networks if network["reached_target"] == "False"]
    lines = [
        f"Done. {', '.join(done)}. Figures: {results}/figures   Tables: {results}/tables",
        f"Report: {REPORT_COMMAND}",
    ]
    if missed:
        names = ", ".join(
            "/".join(network[axis] for axis in ("dataset", "architecture", "regime", "seed")) for network in missed
        )
        lines.append(
            f"Warning: {len(missed)} networks missed their target accuracy and are left out of averages: {names}"
        )
    return "\n".join(lines)


def failure_message(workflow: "Workflow") -> str:
    """Say of the jobs that failed how their logs end, and which command repeats each alone."""
    failed = sorted(_members(workflow.scheduler.failed), key=lambda job: job.jobid)
    if not failed:
        return "No job failed; what is missing is done when you run again."
    lines = [f"Failed jobs: {len(failed)}. How their logs end, and what repeats each alone:"]
    for job in failed[:MOST_JOBS]:
        log = Path(job.log[0])
        said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
        lines += ["", f"{job.rule.name}: {log}", *(f"    {line}" for line in said[-LAST_LINES:] or [NO_LOG])]
        lines.append(f"  {repeating_command(workflow, job.output[0])}")
    if len(failed) > MOST_JOBS:
        lines += ["", f"and {len(failed) - MOST_JOBS} more"]
    return "\n".join(lines)


def repeating_command(workflow: "Workflow", target: str) -> str:
    """Return the command that makes ``target`` as this call of Snakemake would have, on one core."""
    here, moved = Path.cwd(), workflow.overwrite_workdir is not None
    command = [sys.argv[0], target, "--cores", "1"]
    if moved:
        command += ["--directory", here]
    if moved or Path(workflow.main_snakefile) != here / "Snakefile":
        command += ["--snakefile", workflow.main_snakefile]
    if workflow.overwrite_configfiles:
        command += ["--configfile", *workflow.overwrite_configfiles]
    if workflow.config_settings.config:
        overrides = workflow.config_settings.config.items()
        command += ["--config", *(f"{key}={json.dumps(value)}" for key, value in overrides)]
    if methods := workflow.deployment_settings.deployment_method:
        command += ["--sdm", *sorted(method.item_to_choice() for method in methods)]
    if gpus := workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 0:
        command += ["--resources", f"gpu={gpus}"]
    return shlex.join(map(str, command))


def _members(jobs: "Iterable[AbstractJob]") -> "list[AbstractJob]":
    """Return the jobs, and those of groups of jobs, one by one."""
    return [member for job in jobs for member in (job.jobs if job.is_group() else [job])]
