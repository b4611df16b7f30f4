"""What the workflow itself costs: a dry run of large grids, and the default grid beside the compute that it is for."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from benchmarks.peers.workflow import SNAKEFILE
from benchmarks.timing import Line, Ratio, in_words, seconds

REPOSITORY = Path(__file__).parents[1]
CODE = ["Snakefile", "config.yaml", "workflow", "profiles", "envs"]
CORES = 2

ARCHITECTURES = (7, 36)
"""Sizes of the grids that are planned: 9,800 and 50,400 tasks."""

DATASETS, REGIMES, SEEDS = 2, 5, 20
OBSERVABLES = ["firing", "intervals", "correlations", "class_information", "process"]
STEPS = 2 + len(OBSERVABLES)
"""A task is one step of one network: its training, its extraction, or one observable."""

ARCHITECTURE_RUN, REGIMES_RUN = "cnn", ("generalizing", "memorizing")
"""The part of the default grid that is run."""

LEFT_OUT = ("pruning", "simulation", "transfer")
"""Kinds of observables of the default grid that are not run."""


def lines() -> Iterator[Line]:
    """Yield the lines of the dry run, then that of the default grid, which runs once, without its doses."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _dry_run(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield _default_grid(Path(folder))


def _dry_run(folder: Path) -> Iterator[Line]:
    """Time the plans of two grids, of one network, and of Snakemake's own workflow with as many jobs on runs."""
    smallest, largest = ARCHITECTURES
    plans = {
        **{f"{number}": _plan(folder / f"{number}", _grid(number)) for number in ARCHITECTURES},
        "start": _plan(folder / "start", _grid(1, datasets=1, regimes=2)),
        "Snakemake": _plan_of_snakemake_alone(folder / "alone", largest),
    }
    jobs: dict[str, int] = {}
    taken = seconds({name: partial(_count, jobs, name, plan) for name, plan in plans.items()}, warm_up=False)
    if jobs["Snakemake"] - 1 != DATASETS * largest * REGIMES * STEPS:
        raise AssertionError(f"the two workflows differ: {jobs['Snakemake'] - 1} jobs on runs")
    for number in ARCHITECTURES:
        ours = taken[f"{number}"]
        yield Line(
            "dry run",
            f"{_tasks(number):,} tasks in {jobs[f'{number}']:,} jobs, {SEEDS} seeds a job",
            "one task",
            Ratio.over(1e3 * ours, np.full_like(ours, _tasks(number))),
            goal=0.2,
            better="at most",
            unit="ms",
            ours=in_words(np.median(ours)),
            why=f"{in_words(np.median(taken['start']))} of it is the start of Snakemake and the reading of the code",
        )
    per_job, theirs = taken[f"{largest}"] / jobs[f"{largest}"], taken["Snakemake"] / jobs["Snakemake"]
    yield Line(
        "dry run",
        f"one job of {jobs[f'{largest}']:,}",
        f"Snakemake alone, {jobs['Snakemake']:,} jobs",
        Ratio.over(per_job, theirs),
        goal=None,
        better="at most",
        ours=in_words(np.median(per_job)),
        theirs=in_words(np.median(theirs)),
    )
    growth = (taken[f"{largest}"] - taken["start"]) / (taken[f"{smallest}"] - taken["start"])
    exponents = np.log(growth) / np.log(largest / smallest)
    yield Line(
        "dry run",
        f"{_tasks(smallest):,} to {_tasks(largest):,} tasks",
        "growth exponent, start-up taken off",
        Ratio.over(exponents, np.ones_like(exponents)),
        goal=1.05,
        better="at most",
        unit="",
        ours=", ".join(in_words(np.median(taken[f"{number}"])) for number in ARCHITECTURES),
        why="two sizes make a line, which moves by .02 with 3 % of either plan's time",
    )


def _count(jobs: dict[str, int], name: str, plan: Callable[[], int]) -> None:
    jobs[name] = plan()


def _default_grid(folder: Path) -> Line:
    """Run the default grid once in a copy of the repository, and add up what its scripts say that their work took.

    One of its two architectures and two of its seven regimes are run, and not its longest observables: the rest is more
    jobs of the same kinds, and in one whole run the ratio was the same to .1.
    """
    for name in CODE:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy2
        copy(REPOSITORY / name, folder / name)
    grid = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    grid["observables"] = {name: entry for name, entry in grid["observables"].items() if entry["kind"] not in LEFT_OUT}
    (folder / "config.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    only = f"only=[{{architecture: {ARCHITECTURE_RUN}, regime: [{', '.join(REGIMES_RUN)}]}}]"
    started = time.perf_counter()
    said = _snakemake("--cores", CORES, "--config", only, folder=folder)
    taken = time.perf_counter() - started
    blocks = re.findall(r"^(?:local)?rule (?!all:)\S+:\n((?:    \S.*\n)+)", said, flags=re.MULTILINE)
    useful = sum(_core_seconds(folder, block) for block in blocks)
    return Line(
        "default grid",
        f"{ARCHITECTURE_RUN}, {len(REGIMES_RUN)} regimes, to figures: {len(blocks)} jobs, {CORES} cores; one run",
        f"sum of its useful compute / {CORES}",
        Ratio.exact(taken / (useful / CORES)),
        goal=1.5,
        better="at most",
        ours=in_words(taken),
        theirs=in_words(useful / CORES),
        why=f"a job costs {in_words((CORES * taken - useful) / len(blocks))} of a core beyond its work, most of it for "
        "imports (numpy, pandas, matplotlib or torch), and every job is a process of its own",
    )


def _core_seconds(folder: Path, job: str) -> float:
    """Return the time that the work of a job took, as its log says, times its threads; imports are not in it."""
    fields = dict(re.findall(r"^    (log|threads): (\S+)", job, re.MULTILINE))
    log = (folder / fields["log"]).read_text(encoding="utf-8")
    (took,) = re.findall(r"^INFO took (\S+) s$", log, re.MULTILINE)
    return float(took) * int(fields.get("threads", 1))


def _grid(architectures: int, datasets: int = DATASETS, regimes: int = REGIMES) -> dict:
    few = {f"few_{number}": {"kind": "few_samples", "samples": 20 + number} for number in range(regimes - 2)}
    return {
        "datasets": {f"digits_{number}": {"kind": "digits", "train_size": 100 + number} for number in range(datasets)},
        "architectures": {f"mlp_{number}": {"kind": "mlp", "hidden": [16 + number]} for number in range(architectures)},
        "regimes": {"generalizing": {"kind": "generalizing"}, "memorizing": {"kind": "memorizing"}, **few},
        "seeds": SEEDS,
        "seeds_per_job": SEEDS,
        "observables": {name: {"kind": name} for name in OBSERVABLES},
    }


def _tasks(architectures: int) -> int:
    return DATASETS * architectures * REGIMES * SEEDS * STEPS


def _plan(folder: Path, grid: dict) -> Callable[[], int]:
    """Return a function that plans a grid from nothing and returns the number of its jobs."""
    folder.mkdir()
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    door = ["-s", REPOSITORY / "Snakefile", "--configfile", "grid.yaml"]
    return lambda: _jobs(_snakemake("-n", "--quiet", "all", "--cores", CORES, *door, folder=folder))


def _plan_of_snakemake_alone(folder: Path, architectures: int) -> Callable[[], int]:
    """Return a function that plans as many jobs on runs as our grid of ``architectures`` has."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    size = {"networks": DATASETS * architectures, "regimes": REGIMES, "observables": len(OBSERVABLES)}
    (folder / "size.yaml").write_text(yaml.safe_dump(size), encoding="utf-8")
    options = ["--scheduler", "greedy", "--configfile", "size.yaml"]
    return lambda: _jobs(_snakemake("-n", "--quiet", "all", "--cores", CORES, *options, folder=folder))


def _snakemake(*arguments: str | int | Path, folder: Path) -> str:
    command = [Path(sys.executable).with_name("snakemake"), *arguments]
    finished = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"snakemake failed in a benchmark:\n{finished.stdout[-3000:]}{finished.stderr[-3000:]}")
    return finished.stdout + finished.stderr


def _jobs(said: str) -> int:
    return int(re.search(r"^total\s+(\d+)$", said, re.MULTILINE)[1])
