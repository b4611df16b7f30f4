"""What a script says to the log and to the terminal."""

import errno
import logging
import os
import platform
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from spikegrid.errors import InputError
from spikegrid.job import logged


@pytest.fixture(autouse=True)
def _restored_logger():
    logger = logging.getLogger("spikegrid")
    handlers, level = logger.handlers, logger.level
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def log(tmp_path):
    return tmp_path / "train.log"


def body(log) -> str:
    """What a log holds behind its head."""
    return log.read_text().split("\nINFO machine: ", 1)[1].partition("\n")[2]


def test_log_begins_with_versions_of_what_is_loaded_and_the_machine(log):
    with logged(str(log), "digits/mlp"):
        pass
    versions, machine = log.read_text().splitlines()[:2]
    assert versions.startswith(f"INFO versions: python {platform.python_version()}, ")
    assert f", numpy {np.__version__}, " in versions
    assert machine.startswith("INFO machine: ")


def test_log_names_packages_that_are_loaded_later_even_where_the_work_fails(log, monkeypatch):
    def fail():
        monkeypatch.setitem(sys.modules, "late", SimpleNamespace(__version__="4.2"))
        raise InputError("the loss is nan")

    with pytest.raises(SystemExit), logged(str(log), "digits/mlp"):
        fail()
    assert body(log) == "INFO versions: late 4.2\nERROR the loss is nan\n"


def test_input_error_ends_the_process_with_one_line_in_log_and_terminal_and_no_traceback(log, capfd):
    with pytest.raises(SystemExit) as caught, logged(str(log), "digits/mlp"):
        raise InputError("the loss is nan")
    assert caught.value.code == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "spikegrid: digits/mlp: the loss is nan\n"
    assert body(log) == "ERROR the loss is nan\n"


def test_information_goes_to_the_log_alone(log, capfd):
    with logged(str(log), "digits/mlp") as logger:
        logger.info("seed %d", 3)
        logger.debug("not kept")
    assert capfd.readouterr() == ("", "")
    assert body(log).startswith("INFO seed 3\n")
    assert "not kept" not in log.read_text()


def test_warnings_go_to_log_and_terminal(log, capfd):
    with logged(str(log), "digits/mlp"):
        logging.getLogger("spikegrid").warning("missed")
    assert capfd.readouterr().err == "spikegrid: digits/mlp: missed\n"
    assert body(log).startswith("WARNING missed\n")


def test_a_message_on_a_terminal_stands_in_place_of_the_live_line(log, monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with logged(str(log), "digits/mlp") as logger:
            print(" 40%|████      | 4 of 10 jobs done", end="", file=terminal, flush=True)
            logger.warning("missed")
        monkeypatch.undo()
        shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert shown.endswith(" jobs done\r\x1b[Kspikegrid: digits/mlp: missed\r\n")
    assert body(log).startswith("WARNING missed\n")


def test_work_that_ends_well_leaves_the_time_that_it_took_and_work_that_fails_does_not(log, capfd):
    with logged(str(log), "digits/mlp"):
        time.sleep(0.02)
    (seconds,) = re.fullmatch(r"INFO took (\d+\.\d\d) s\n", body(log)).groups()
    assert 0.02 <= float(seconds) < 5
    with pytest.raises(SystemExit), logged(str(log), "digits/mlp"):
        raise InputError("the loss is nan")
    assert "took" not in log.read_text()


def test_a_defect_is_one_line_on_the_terminal_that_names_the_log_which_holds_its_traceback(log, capfd):
    with pytest.raises(SystemExit) as caught, logged(str(log), "digits/mlp"):
        raise RuntimeError("sizes differ:\n  3 and 4")
    assert caught.value.code == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("spikegrid: digits/mlp: RuntimeError: sizes differ:")
    assert str(log) in line
    assert "Traceback" in log.read_text()
    assert "sizes differ:\n  3 and 4" in log.read_text()


def test_an_interrupt_ends_the_process_with_its_own_code_and_no_traceback(log, capfd):
    with pytest.raises(SystemExit) as caught, logged(str(log), "digits/mlp"):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capfd.readouterr() == ("", "")


def test_log_of_an_earlier_attempt_is_replaced(log):
    log.write_text("earlier\n")
    with logged(str(log), "digits/mlp") as logger:
        logger.info("later")
    assert body(log).startswith("INFO later\n")
    assert "earlier" not in log.read_text()


def test_second_job_of_a_process_logs_each_message_once(tmp_path, capfd):
    with logged(str(tmp_path / "first.log"), "first"):
        pass
    with logged(str(tmp_path / "second.log"), "second") as logger:
        logger.warning("once")
    assert "once" not in (tmp_path / "first.log").read_text()
    assert (tmp_path / "second.log").read_text().count("once") == 1
    assert capfd.readouterr().err == "spikegrid: second: once\n"


def test_full_disk_is_one_line_without_a_traceback(log, capfd):
    with pytest.raises(SystemExit) as ended, logged(str(log), "digits/mlp"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/spikes.npz")
    assert ended.value.code == 1
    assert (
        capfd.readouterr().err
        == "spikegrid: digits/mlp: results/spikes.npz: the disk is full; make room and run again\n"
    )
    assert "Traceback" not in log.read_text()
