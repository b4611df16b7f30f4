"""What a terminal shows of a run: one line that says how far the grid is."""

import os
import pty
import re
import subprocess
import termios

from snakemake_runs import command_of


def shown_on_a_terminal(command, environment):
    """Run a command at a terminal of 24 lines and return its exit code and all that the terminal gets."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    run = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return run.wait(timeout=60), shown.decode("utf-8")


def test_a_terminal_shows_how_far_the_grid_is_and_then_what_it_gave(work, code, smoke_grid):
    for table in ("doses", "dynamics"):
        (work / "results" / "tables" / f"{table}.csv").unlink()
    command = [*command_of(work, code=code, config=smoke_grid), "--logger", "live"]
    code_of_exit, shown = shown_on_a_terminal(command, {"PYTHONPATH": str(code / "workflow" / "logger")})
    assert code_of_exit == 0, shown
    states = re.findall(r"(\d+)% \|.*?\| (\d+) of (\d+) jobs done, (\d+) running", shown)
    total = int(states[0][2])
    assert total > 2
    assert [int(done) for _, done, _, _ in states] == sorted(int(done) for _, done, _, _ in states)
    assert {int(running) for *_, running in states} >= {1, 2}
    assert re.search(r" running, (less than a minute|about \d+ min) left", shown)
    assert "Done. 10 networks." in shown.rpartition("jobs done")[2]
    assert "rule " not in shown


def test_what_is_no_terminal_gets_what_snakemake_says(work, code, smoke_grid):
    (work / "results" / "tables" / "doses.csv").unlink()
    command = [*command_of(work, code=code, config=smoke_grid), "--logger", "live"]
    environment = os.environ | {"PYTHONPATH": str(code / "workflow" / "logger")}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "rule doses:" in run.stderr
    assert "jobs done" not in run.stderr
