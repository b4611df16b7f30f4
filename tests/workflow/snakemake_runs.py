"""Run the real `snakemake` on small grids and read from its terminal which jobs it starts and what it says."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

REPOSITORY = Path(__file__).parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

CODE = ["Snakefile", "config.yaml", "config", "workflow", "profiles", "envs"]
"""What the workflow consists of, beside its tests and documents."""

RUN_RULES = re.compile(r"train|extract_spikes|observe_.*")
"""Rules whose jobs belong to one run; all others join runs or come before them."""

NO_NETWORK = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
"""Environment in which every download fails at once."""

RECORDS = {"logs", "benchmarks"}
"""Folders of files that hold times, and so differ from one execution to the next."""


class Job(NamedTuple):
    """A job as Snakemake announces it."""

    rule: str
    wildcards: dict[str, str]
    fields: dict[str, str]

    @property
    def run(self) -> tuple[str, str, str, str]:
        """Dataset, architecture, regime and block of seeds."""
        return tuple(self.wildcards[axis] for axis in ("dataset", "architecture", "regime", "seeds"))


@dataclass(frozen=True)
class Execution:
    """What one call of snakemake left: exit code, standard output, standard error."""

    code: int
    output: str
    errors: str

    @cached_property
    def text(self) -> str:
        """All that was said."""
        return self.errors + self.output

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs that were started, or would be; those of a group are indented."""
        blocks = re.findall(r"^( *)(?:local)?rule (\S+):\n((?:\1    \S.*\n)*)", self.text, flags=re.MULTILINE)
        return [_job(rule, block) for _, rule, block in blocks]

    @property
    def rules(self) -> set[str]:
        """The rules that have a job."""
        return {job.rule for job in self.jobs}

    @property
    def run_jobs(self) -> set[tuple[str, tuple[str, str, str, str]]]:
        """Rule and run of every job that belongs to one run."""
        return {(job.rule, job.run) for job in self.jobs if RUN_RULES.fullmatch(job.rule)}

    @property
    def datasets(self) -> set[str]:
        """The datasets that are prepared."""
        return {job.wildcards["dataset"] for job in self.jobs if job.rule == "prepare_dataset"}

    @property
    def does_nothing(self) -> bool:
        """Tell whether everything was there."""
        return self.code == 0 and not self.jobs and "Nothing to be done" in self.text

    @property
    def products(self) -> Counter[tuple[str, str]]:
        """Rule and outputs of every job, but not the rule that only names targets."""
        return Counter((job.rule, job.fields["output"]) for job in self.jobs if "output" in job.fields)

    def lines(self, part: str) -> list[str]:
        """The lines that hold ``part``."""
        return [line for line in self.text.splitlines() if part in line]


@dataclass(frozen=True)
class Finished:
    """A folder in which snakemake ran, and what it said. Several tests read it and none writes to it."""

    folder: Path
    execution: Execution


def snakemake(
    folder: Path, *arguments: str | Path, environment: dict[str, str] | None = None, **settings: Any
) -> Execution:
    """Run the command that ``command_of`` gives, with further ``arguments``, and wait for its end."""
    finished = subprocess.run(
        [*command_of(folder, **settings), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=folder,
        env=os.environ | (environment or {}),
    )
    return Execution(finished.returncode, finished.stdout, finished.stderr)


def interrupt(running: subprocess.Popen, patience: float = 8) -> int:
    """Press Ctrl-C, again after a while as a user would, and return the exit code.

    Snakemake loses one that comes while it writes a message: its log handler passes over any KeyboardInterrupt.
    """
    for _ in range(5):
        running.send_signal(signal.SIGINT)
        try:
            return running.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("Snakemake does not end on SIGINT")


def command_of(
    folder: Path,
    *,
    code: Path,
    config: dict[str, Any] | Path | None = None,
    targets: Iterable[str] = (),
    cores: int = 2,
    entry: str = "Snakefile",
) -> list[str]:
    """Return the command that runs the workflow in ``folder`` with the ``code`` of a copy of the repository.

    ``config`` is a file, or a grid that is written to one; without it, Snakemake takes ``config.yaml`` of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(config, dict):
        config = write_config(folder / "grid.yaml", config)
    command = [beside_python("snakemake"), *targets, "-s", code / entry, "--directory", folder, "--cores", cores]
    return [str(part) for part in [*command, *(["--configfile", config] if config else [])]]


def beside_python(name: str) -> Path:
    """Path of a command of the environment that runs the tests."""
    return Path(sys.executable).with_name(name)


def write_config(path: Path, config: dict[str, Any]) -> Path:
    """Write a grid, its keys in their order."""
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def changed(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy of a grid in which dictionaries of ``changes`` join those of the same key."""
    copy = deepcopy(config)
    for key, value in changes.items():
        copy[key] = {**copy.get(key, {}), **value} if isinstance(value, dict) else value
    return copy


def copy_folder(source: Path, target: Path) -> Path:
    """Copy a folder with the times of its files."""
    shutil.copytree(source, target, copy_function=shutil.copy2, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def copy_code(source: Path, target: Path) -> Path:
    """Copy the files that the workflow consists of, with their times."""
    target.mkdir(parents=True)
    for name in CODE:
        part = source / name
        if part.is_dir():
            copy_folder(part, target / name)
        else:
            shutil.copy2(part, target / name)
    return target


def append_comment(file: Path) -> None:
    """Edit a Python file so that it does the same as before."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write("\n# edited\n")


def files_of(folder: Path) -> list[Path]:
    """Paths of all files below ``folder``, relative to it, without compiled Python."""
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".snakemake" not in path.parts
    )


def result_files(folder: Path) -> list[Path]:
    """Paths of the results in ``folder``, relative to it, without logs and benchmarks."""
    return [path for path in files_of(folder) if path.parts[0] == "results" and not RECORDS & set(path.parts)]


def digests(folder: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Hash of each file."""
    return {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}


def times(folder: Path, files: Iterable[Path]) -> dict[Path, int]:
    """Time of last change of each file, in nanoseconds."""
    return {file: (folder / file).stat().st_mtime_ns for file in files}


def half_written(folder: Path) -> list[Path]:
    """Temporary files that were left behind."""
    return [path for path in files_of(folder) if path.parts[0] == "results" and path.name.startswith(".")]


def _job(rule: str, block: str) -> Job:
    fields = dict(line.strip().split(": ", 1) for line in block.splitlines() if ": " in line)
    wildcards = dict(part.split("=", 1) for part in fields.get("wildcards", "").split(", ") if part)
    return Job(rule, wildcards, fields)
