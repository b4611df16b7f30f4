"""What results were made of, as JSON."""

import hashlib
import json
import subprocess

import pytest

from spikegrid import provenance
from spikegrid.job import logged
from spikegrid.provenance import commit, write_provenance

MACHINES = ["Abacus 3000, 2 cores", "Abacus 4000, 8 cores"]


def write_log(path, machine: str, versions: str, device: str = "cpu, 1 threads") -> str:
    said = [f"versions: {versions}", f"machine: {machine}", f"device: {device}", "versions: late 4.2", "took 3 s"]
    path.write_text("".join(f"INFO {line}\n" for line in said))
    return str(path)


@pytest.fixture
def written(tmp_path):
    """A function that writes the provenance of one dataset and the given logs, and reads it."""
    (tmp_path / "digits.safetensors").write_bytes(b"images")

    def write(logs):
        path = tmp_path / "results" / "provenance.json"
        write_provenance(path, {"seeds": 2}, {"train": "0f"}, [tmp_path / "digits.safetensors"], logs)
        return json.loads(path.read_text(encoding="utf-8"))

    return write


def test_configuration_code_and_checksums_are_told(written, tmp_path):
    told = written({})
    assert (told["config"], told["code"]) == ({"seeds": 2}, {"train": "0f"})
    sha256 = hashlib.sha256(b"images").hexdigest()
    assert told["datasets"] == {str(tmp_path / "digits.safetensors"): {"sha256": sha256}}
    assert told["repeatable"]


def test_every_version_machine_and_device_of_the_jobs_of_a_step_is_told(written, tmp_path):
    versions = ["python 3.11.7, torch 2.6.0+cpu", "python 3.11.7, torch 2.7.0"]
    logs = [write_log(tmp_path / f"{place}.log", MACHINES[place], own) for place, own in enumerate(versions)]
    logs.append(write_log(tmp_path / "gpu.log", MACHINES[1], versions[1], "cuda:0 Model X, 1 threads"))
    assert written({"train": logs})["steps"] == {
        "train": {
            "jobs": 3,
            "versions": {"python": "3.11.7", "torch": "2.6.0+cpu, 2.7.0", "late": "4.2"},
            "machines": MACHINES,
            "devices": ["cpu, 1 threads", "cuda:0 Model X, 1 threads"],
        }
    }


def test_logs_are_read_as_jobs_write_them(written, tmp_path):
    with logged(str(tmp_path / "train.log"), "train") as log:
        log.info("device: %s", "cpu, 1 threads")
    step = written({"train": [str(tmp_path / "train.log")]})["steps"]["train"]
    assert step["versions"]["spikegrid"] == provenance.spikegrid.__version__
    assert (len(step["machines"]), step["devices"]) == (1, ["cpu, 1 threads"])


def test_deleted_logs_are_not_counted(written, tmp_path):
    kept = write_log(tmp_path / "kept.log", MACHINES[0], "python 3.11.7")
    steps = written({"train": [kept, str(tmp_path / "deleted.log")], "collect": [str(tmp_path / "deleted.log")]})[
        "steps"
    ]
    assert {step: found["jobs"] for step, found in steps.items()} == {"train": 1}


def test_order_of_logs_changes_nothing(written, tmp_path):
    logs = [write_log(tmp_path / f"{place}.log", MACHINES[place], f"torch 2.{place}") for place in (0, 1)]
    assert written({"train": logs}) == written({"train": logs[::-1]})


def test_commit_is_that_of_the_checkout_and_says_whether_files_differ(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "first")
    git("tag", "v1")
    assert commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == git("rev-parse", "HEAD") + "-dirty"


def test_no_commit_is_told_outside_of_a_checkout_or_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert commit(tmp_path) is None
