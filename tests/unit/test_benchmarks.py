"""The benchmarks' own arithmetic, and that both sides of a comparison are compared before they are timed."""

import subprocess

import numpy as np
import pandas as pd
import pytest

from benchmarks import statistics, table, training
from benchmarks.timing import Line, Ratio, in_words, seconds


def test_competitors_run_in_turn_and_none_is_always_first():
    runs = []
    taken = seconds({name: lambda name=name: runs.append(name) for name in "abc"}, rounds=3)
    rounds = ["".join(runs[start : start + 3]) for start in range(0, 12, 3)]
    assert [sorted(each) for each in rounds] == [list("abc")] * 4
    assert len({each[0] for each in rounds[1:]}) == 3
    assert {name: len(values) for name, values in taken.items()} == dict.fromkeys("abc", 3)


def test_ratios_are_taken_within_rounds():
    ratio = Ratio.over(np.array([2.0, 30.0, 6.0]), np.array([1.0, 10.0, 6.0]))
    assert ratio == Ratio(median=2, least=1, greatest=3)


@pytest.mark.parametrize(
    ("better", "median", "met"),
    [("at least", 3, True), ("at least", 2.9, False), ("at most", 3, True), ("at most", 3.1, False)],
)
def test_a_goal_is_met_by_the_median_in_the_direction_that_is_better(better, median, met):
    assert Line("step", "case", "peer", Ratio(median, 0, 9), goal=3, better=better).met is met


def test_a_line_without_a_goal_neither_meets_nor_misses_it():
    assert Line("step", "case", "peer", Ratio.exact(1), goal=None).met is None


@pytest.mark.parametrize(
    ("value", "words"), [(2.5, "2.5 s"), (0.012, "12 ms"), (3.21e-6, "3.21 µs"), (4.5e-10, "0.45 ns")]
)
def test_seconds_are_said_in_the_unit_that_fits(value, words):
    assert in_words(value) == words


def test_the_table_is_printed_and_written_with_a_figure(tmp_path, monkeypatch, capsys):
    lines = [
        Line("fast", "a case", "a peer", Ratio(4, 3, 5), goal=2, ours="1 s", theirs="4 s"),
        Line("fast", "another", "a limit", Ratio.exact(1.5), goal=1.2, better="at most", why="nothing is left"),
        Line("fast", "a third", "nothing", Ratio.exact(7), goal=None, unit="ms"),
    ]
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    table.report(lines)
    printed = capsys.readouterr().out
    assert "1 of 2 goals are met" in printed
    written = pd.read_csv(tmp_path / "benchmarks.csv", keep_default_na=False)
    assert written["verdict"].tolist() == ["met", "missed", ""]
    assert written["ratio"].tolist() == [4, 1.5, 7]
    assert written["why"].tolist() == ["", "nothing is left", ""]
    assert (tmp_path / "benchmarks.png").stat().st_size > 1000


def test_statistics_that_differ_from_those_of_a_peer_are_never_timed(monkeypatch):
    monkeypatch.setattr(statistics, "UNITS", 64)
    monkeypatch.setattr(statistics, "all_statistics", lambda trains: {"count": trains.spike_counts() + 1})
    with pytest.raises(AssertionError, match="count"):
        next(statistics.lines())


def test_the_job_whose_start_is_timed_trains_the_networks_of_its_block(tmp_path):
    subprocess.run(training.SmallNetworks().command(str(tmp_path)), check=True)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["seed"].unique().tolist() == list(range(training.SEEDS))
    assert history["epoch"].max() == training.EPOCHS
    assert (tmp_path / "checkpoints.safetensors").is_file()
