"""Fixtures of tests that run Snakemake, and the table of what was tried."""

from collections import defaultdict

import pytest
from executions import *  # noqa: F403

HEAD = ("fault", "tried", "survived", "lost")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row a fault: how often it was tried, how often survived, and how many results were lost."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            told = dict(report.user_properties)
            if "fault" in told:
                row = counts[told["fault"]]
                row[:] = [count + told[name] for count, name in zip(row, HEAD[1:])]
    if not counts:
        return
    terminalreporter.section("faults")
    width = max(map(len, counts)) + 2
    for fault, *row in [HEAD, *([fault, *row] for fault, row in counts.items())]:
        terminalreporter.write_line(f"{fault:<{width}}" + "".join(f"{value:>10}" for value in row))
