"""How far a job is, said in its log and nowhere else."""

import logging
import time

from spikegrid import progress


def test_long_work_says_how_far_it_is_a_line_at_a_time(caplog, capfd, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_A_LINE", 0.05)
    with caplog.at_level(logging.INFO, "spikegrid"), progress.progress_in_log(4, "epoch") as bar:
        for _ in range(4):
            time.sleep(0.06)
            bar.update()
    said = [record.getMessage() for record in caplog.records]
    assert [line.rpartition("| ")[2].split()[0] for line in said] == ["1/4", "2/4", "3/4", "4/4"]
    assert all("\r" not in line and len(line) <= 80 and "epoch" in line for line in said)
    assert capfd.readouterr() == ("", "")


def test_short_work_says_nothing(caplog):
    with caplog.at_level(logging.INFO, "spikegrid"), progress.progress_in_log(1000, "epoch") as bar:
        for _ in range(1000):
            bar.update()
    assert caplog.records == []
