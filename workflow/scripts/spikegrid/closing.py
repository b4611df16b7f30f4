"""What a run says when it has ended well."""

import csv
from pathlib import Path

from spikegrid.elsewhere import RECORDING

REPORT_COMMAND = "snakemake --report results/report.html"


def closing_message(results: Path) -> str:
    """Say where the results lie and which networks missed their target accuracy, if the tables are made."""
    runs = results / "tables" / "runs.csv"
    if not runs.is_file():
        return f"Done. Results: {results}"
    with runs.open(newline="", encoding="utf-8") as stream:
        runs_made = list(csv.DictReader(stream))
    networks = [run for run in runs_made if run["architecture"] != RECORDING]
    sessions = len(runs_made) - len(networks)
    done = [f"{len(networks)} networks"] * bool(networks) + [f"{sessions} recorded sessions"] * bool(sessions)
    missed = [network for network in networks if network["reached_target"] == "False"]
    lines = [
        f"Done. {', '.join(done)}. Figures: {results}/figures   Tables: {results}/tables",
        f"Report: {REPORT_COMMAND}",
    ]
    if missed:
        names = ", ".join(
            "/".join(network[axis] for axis in ("dataset", "architecture", "regime", "seed")) for network in missed
        )
        lines.append(
            f"Warning: {len(missed)} networks missed their target accuracy and are left out of averages: {names}"
        )
    return "\n".join(lines)
