"""What a script says to the log and to the terminal."""

import errno
import logging
import re
import time

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


def test_input_error_ends_the_process_with_one_line_in_log_and_terminal_and_no_traceback(log, capfd):
    with pytest.raises(SystemExit) as caught, logged(str(log), "digits/mlp"):
        raise InputError("the loss is nan")
    assert caught.value.code == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "spikegrid: digits/mlp: the loss is nan\n"
    assert log.read_text() == "ERROR the loss is nan\n"


def test_information_goes_to_the_log_alone(log, capfd):
    with logged(str(log), "digits/mlp") as logger:
        logger.info("seed %d", 3)
        logger.debug("not kept")
    assert capfd.readouterr() == ("", "")
    assert log.read_text().startswith("INFO seed 3\n")
    assert "not kept" not in log.read_text()


def test_warnings_go_to_log_and_terminal(log, capfd):
    with logged(str(log), "digits/mlp"):
        logging.getLogger("spikegrid").warning("missed")
    assert capfd.readouterr().err == "spikegrid: digits/mlp: missed\n"
    assert log.read_text().startswith("WARNING missed\n")


def test_work_that_ends_well_leaves_the_time_that_it_took_and_work_that_fails_does_not(log, capfd):
    with logged(str(log), "digits/mlp"):
        time.sleep(0.02)
    (seconds,) = re.fullmatch(r"INFO took (\d+\.\d\d) s\n", log.read_text()).groups()
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
    assert log.read_text().startswith("INFO later\n")
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
