"""Processes are killed, disks fill up, folders cannot be written to, clocks go wrong: a rerun gives the same bytes.

Every test says what it has tried in properties of the report: the fault, times tried, survived, and results lost.
"""

import hashlib
import os
import random
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest
from snakemake_runs import command_of, digests, half_written, interrupt, result_files, snakemake

GRID = {
    "datasets": {"digits": {"kind": "digits", "train_size": 200, "test_size": 100}},
    "architectures": {"cnn": {"kind": "cnn", "channels": [8], "hidden": [16], "batch_norm": True, "dropout": 0.2}},
    "regimes": {"generalizing": {"kind": "generalizing"}, "memorizing": {"kind": "memorizing"}},
    "observables": {"firing": {"kind": "firing", "window": 10}},
    "seeds": 2,
    "seeds_per_job": 2,
    "save_seconds": 1,
    "training": {
        "epochs": 150,
        "checkpoints": list(range(0, 150, 10)),
        "batch_size": 20,
        "target_accuracy": 0,
        "horizontal_flip": True,
    },
}
CHECKPOINTS = "results/runs/digits/cnn/{}/seeds0-1/checkpoints.safetensors"
TRAINED = [CHECKPOINTS.format(regime) for regime in GRID["regimes"]]
TABLES = ["collect"]


@pytest.fixture(scope="session")
def undisturbed(once, code):
    """The folder of a run that nothing disturbs."""
    finished = once("undisturbed", lambda folder: snakemake(folder, code=code, config=GRID, targets=TABLES))
    assert finished.execution.code == 0, finished.execution.text
    return finished.folder


@pytest.fixture
def noted(record_property):
    """A function that compares the results of a folder with those of another, and notes what was tried."""

    def compare(fault: str, tried: int, folder: Path, undisturbed: Path) -> None:
        expected = digests(undisturbed, result_files(undisturbed))
        found = digests(folder, result_files(folder))
        lost = [str(file) for file in expected if found.get(file) != expected[file]]
        for name, value in (
            ("fault", fault),
            ("tried", tried),
            ("survived", 0 if lost else tried),
            ("lost", len(lost)),
        ):
            record_property(name, value)
        assert lost == []
        assert half_written(folder) == []
        assert list(folder.glob("results/**/unfinished")) == []

    return compare


@pytest.fixture
def survived(undisturbed, noted):
    """A function that compares the results of a folder with the undisturbed ones, and notes what was tried."""
    return lambda fault, tried, folder: noted(fault, tried, folder, undisturbed)


def test_training_is_killed_twenty_times_in_one_run(code, tmp_path, survived):
    moments = random.Random(7)
    command = [*command_of(tmp_path, code=code, config=GRID, targets=TABLES, cores=1), "--retries", "30"]
    killed = 0

    def saved() -> int:
        return len([*tmp_path.glob("results/**/unfinished/seed*-epoch*")])

    with running(command, tmp_path) as main:
        while killed < 20:
            (process,) = wait_for(lambda: jobs_of(main, "train"))
            end, before = time.monotonic() + moments.uniform(0, 8), saved()
            while time.monotonic() < end and saved() <= before and process.is_running():  # no more, or it would be done
                time.sleep(0.01)
            if process.is_running():
                process.kill()
                killed += 1
            wait_for(lambda process=process: not process.is_running())
        assert main.wait(timeout=300) == 0
    survived("SIGKILL of a training process", killed, tmp_path)
    logs = [log.read_text(encoding="utf-8") for log in tmp_path.glob("results/**/logs/train.log")]
    assert any("goes on after epoch" in log for log in logs)


@pytest.mark.parametrize(
    ("fault", "sent"), [("SIGKILL of Snakemake", signal.SIGKILL), ("SIGINT of Snakemake", signal.SIGINT)]
)
def test_snakemake_itself_is_killed(fault, sent, code, tmp_path, survived):
    moments, command = random.Random(int(sent)), command_of(tmp_path, code=code, config=GRID, targets=TABLES)
    for _ in range(3):
        with running(command, tmp_path) as main:
            wait_for(lambda: jobs_of(main, "train"))
            time.sleep(moments.uniform(0, 5))
            jobs = jobs_of(main)
            if sent == signal.SIGINT:
                assert interrupt(main) != 0
            else:
                main.kill()
                main.wait(timeout=60)
        if sent == signal.SIGKILL:  # its jobs live on, as they do when the terminal is closed
            locked = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
            assert locked.code != 0
            assert "--unlock" in locked.text
            assert snakemake(tmp_path, "--unlock", code=code, config=GRID).code == 0
        assert jobs
    done = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
    assert done.code == 0, done.text
    wait_for(lambda: not any(job.is_running() for job in jobs))
    survived(fault, 3, tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_disk_is_full(code, tmp_path, survived):
    with mounted(tmp_path / "results", "size=100k"):
        full = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
        assert full.code != 0
        assert "Traceback" not in full.text
        assert {line.split("; ")[-1] for line in full.lines("spikegrid:")} == {"make room and run again"}
        subprocess.run(["mount", "-o", "remount,size=100m", tmp_path / "results"], check=True)
        done = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
        assert done.code == 0, done.text
        survived("full disk", 1, tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a read-only disk")
def test_results_cannot_be_written_to(code, tmp_path, survived):
    with mounted(tmp_path / "results", "ro"):
        refused = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
        assert refused.code != 0
        assert "Traceback" not in refused.text
        (line,) = refused.lines("results: ")
        assert "read-only" in line
        assert refused.jobs == []
    done = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
    assert done.code == 0, done.text
    survived("read-only results", 1, tmp_path)


def test_clock_goes_back_and_forth(code, tmp_path, undisturbed, survived):
    day = 86400
    for shift, targets in ((2 * day, TRAINED[:1]), (-2 * day, TRAINED[1:]), (0, TABLES)):
        done = snakemake(tmp_path, code=code, config=GRID, targets=targets)
        assert done.code == 0, done.text
        if shift:
            for file in tmp_path.glob("results/**/*"):
                if file.is_file() and time.time() - file.stat().st_mtime < day:
                    os.utime(file, (time.time() + shift,) * 2)
    survived("clock two days ahead, then behind", 2, tmp_path)


def test_two_snakemakes_on_one_folder(code, tmp_path, survived):
    with running(command_of(tmp_path, code=code, config=GRID, targets=TABLES), tmp_path) as main:
        wait_for(lambda: jobs_of(main, "train"))
        second = snakemake(tmp_path, code=code, config=GRID, targets=TABLES)
        assert second.code != 0
        assert second.jobs == []
        assert "cannot be locked" in second.text
        assert main.wait(timeout=300) == 0
    survived("two Snakemakes on one folder", 1, tmp_path)


DOWNLOADED = """
from pathlib import Path
import numpy as np
from spikegrid.downloads import download_missing, fetch
from spikegrid.images import ImageSet

PARAMETERS = {{}}

def load(data_root):
    file = Path(data_root, "pixels")
    download_missing([file], lambda: fetch("{url}", file, "{md5}"))
    pixels = np.fromfile(file, np.uint8).reshape(100, 1, 8, 8)
    return ImageSet(pixels, (np.arange(100) % 2).astype(np.int16), np.uint8(np.arange(100) % 3 == 0), ["a", "b"], "web")
"""
"""A dataset of a user that comes from the web."""


def test_download_is_killed(code, tmp_path, noted):
    content = np.random.default_rng(0).integers(256, size=6400, dtype=np.uint8).tobytes()
    with served(tmp_path, content) as (url, may_end):
        plugin = tmp_path / "plugins" / "datasets" / "downloaded.py"
        plugin.parent.mkdir(parents=True)
        plugin.write_text(DOWNLOADED.format(url=url, md5=hashlib.md5(content).hexdigest()))
        trusted = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")}
        grid = GRID | {"plugins": [str(tmp_path / "plugins")], "datasets": {"drawn": {"kind": "downloaded"}}}
        prepared = {"code": code, "config": grid, "targets": ["results/datasets/drawn.safetensors"]}
        whole, cut_off = tmp_path / "whole", tmp_path / "cut_off"
        assert snakemake(whole, environment=trusted, **prepared).code == 0
        may_end.clear()
        for kills in range(2):
            with running(command_of(cut_off, **prepared), cut_off, trusted) as main:
                wait_for(lambda kills=kills: len([*cut_off.glob("data/.*")]) > kills)
                (process,) = jobs_of(main, "prepare_dataset")
                process.kill()
                assert main.wait(timeout=60) != 0
            assert not (cut_off / "data" / "pixels").exists()
        may_end.set()
        assert snakemake(cut_off, environment=trusted, **prepared).code == 0
    noted("SIGKILL of a download", 2, cut_off, whole)


@contextmanager
def served(folder: Path, content: bytes) -> Iterator[tuple[str, threading.Event]]:
    """Serve ``content`` over https: its first half at once, the other when the event is set."""
    key, certificate, may_end = folder / "key.pem", folder / "certificate.pem", threading.Event()
    may_end.set()
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    made = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*request, *made], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):  # the other side may be dead
                self.wfile.write(content[: len(content) // 2])
                may_end.wait(60)
                self.wfile.write(content[len(content) // 2 :])

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/pixels", may_end
        server.shutdown()


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **silent, cwd=folder, env=os.environ | (environment or {})) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a disk in memory."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def wait_for(found: Callable[[], object], seconds: float = 180) -> object:
    """Return what ``found`` finds, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return what


def jobs_of(main: subprocess.Popen, script: str = "") -> list[psutil.Process]:
    """Return the processes below Snakemake that run scripts of the workflow, or one of them."""
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(main.pid).children(recursive=True)
        return [process for process in below if f"{script}.py" in " ".join(command_line(process)[1:2])]
    return []


def command_line(process: psutil.Process) -> list[str]:
    """Return the command of a process, nothing of one that has ended."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
