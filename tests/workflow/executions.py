"""A copy of the code as it stands when the tests begin, and executions that several tests read or go on from."""

import fcntl
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake_runs import REPOSITORY, Execution, Finished, copy_code, copy_folder, snakemake

Once = Callable[[str, Callable[[Path], Execution]], Finished]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The folder that all workers of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if hasattr(request.config, "workerinput") else folder


@pytest.fixture(scope="session")
def code(shared_folder: Path) -> Path:
    """A copy of the repository's code: an edit while the tests run changes nothing in them."""
    folder = shared_folder / "code"
    with (shared_folder / "code.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            copy_code(REPOSITORY, folder)
    return folder


@pytest.fixture(scope="session")
def once(shared_folder: Path) -> Once:
    """A function that executes something in a named folder the first time that any worker asks for it."""

    def finished(name: str, execute: Callable[[Path], Execution]) -> Finished:
        folder, said = shared_folder / name, shared_folder / f"{name}.json"
        with (shared_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.is_file():
                said.write_text(json.dumps(asdict(execute(folder))), encoding="utf-8")
        return Finished(folder, Execution(**json.loads(said.read_text(encoding="utf-8"))))

    return finished


@pytest.fixture(scope="session")
def smoke_grid(code: Path) -> dict[str, Any]:
    """The grid of config/smoke.yaml."""
    return yaml.safe_load((code / "config" / "smoke.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def smoke(once: Once, code: Path, smoke_grid: dict[str, Any]) -> Finished:
    """The smoke grid, run from nothing on two cores."""
    return once("smoke", lambda folder: snakemake(folder, code=code, config=smoke_grid))


@pytest.fixture(scope="session")
def smoke_plan(once: Once, code: Path, smoke_grid: dict[str, Any]) -> Execution:
    """A dry run of the smoke grid from nothing."""
    return once("smoke_plan", lambda folder: snakemake(folder, "-n", code=code, config=smoke_grid)).execution


@pytest.fixture(scope="session")
def copied_smoke(smoke: Finished) -> Callable[[Path], Path]:
    """A function that copies the finished smoke run, with the times of its files and Snakemake's memory of it."""

    def copied(folder: Path) -> Path:
        assert smoke.execution.code == 0, smoke.execution.text
        return copy_folder(smoke.folder, folder)

    return copied


@pytest.fixture
def work(copied_smoke: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of the finished smoke run."""
    return copied_smoke(tmp_path / "work")


@pytest.fixture
def edited_code(code: Path, tmp_path: Path) -> Path:
    """A copy of the code that a test may edit, with the times of its files."""
    return copy_code(code, tmp_path / "edited code")
