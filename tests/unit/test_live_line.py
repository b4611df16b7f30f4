"""Time left, from how long the jobs of the same rules took."""

import pytest
from snakemake_logger_plugin_live import TimeLeft


def after_one_job(jobs, seconds):
    left = TimeLeft(jobs)
    left.begin(1, "train", 0)
    left.end(1, seconds, well=True)
    return left


def test_nothing_is_said_before_a_job_has_ended():
    left = TimeLeft({"train": 3})
    left.begin(1, "train", 0)
    assert left.running == 1
    assert left.seconds(5) is None


def test_jobs_that_are_left_take_the_mean_of_their_rule_and_go_on_side_by_side():
    left = TimeLeft({"train": 6, "draw": 4})
    for job, rule, seconds in [(1, "train", 10), (2, "train", 20), (3, "draw", 1)]:
        left.begin(job, rule, 100)
        left.end(job, 100 + seconds, well=True)
    left.begin(4, "train", 200)
    left.begin(5, "train", 200)
    assert left.seconds(200) == pytest.approx((4 * 15 + 3 * 1) / 2)
    assert left.seconds(205) == pytest.approx((4 * 15 + 3 * 1 - 10) / 2)
    assert left.seconds(1000) == pytest.approx((2 * 15 + 3 * 1) / 2)


def test_rules_of_which_none_has_ended_take_the_mean_of_all():
    assert after_one_job({"train": 1, "draw": 2}, 8).seconds(8) == 16


def test_a_job_that_fails_is_not_done_and_says_nothing_of_the_time():
    left = TimeLeft({"train": 2})
    left.begin(1, "train", 0)
    left.end(1, 3, well=False)
    assert (left.running, left.seconds(3)) == (0, None)
    left.begin(1, "train", 10)
    left.end(1, 14, well=True)
    assert left.seconds(14) == 4


def test_nothing_is_left_at_the_end():
    assert after_one_job({"train": 1}, 3).seconds(3) == 0
