"""What results were made of: configuration, code, data, and the versions and machines that jobs ran with."""

import hashlib
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spikegrid
from spikegrid.files import written_whole

REPEATABLE = (
    "The same configuration, code and versions on the same kind of processor, with the same device and number of "
    "threads a job, give the same bytes, for any order of jobs and number of cores. Another processor, device, number "
    "of threads a job or version of torch may change the last bits of weights, and with them single spikes: at most "
    "one in a thousand after the short trainings that are tested with one thread and with two. They grow with the "
    "length of training."
)

_CIRCUMSTANCE = re.compile(r"INFO (versions|machine|device): (.*)")


def write_provenance(
    path: str | Path,
    config: dict[str, Any],
    code: dict[str, str],
    datasets: Iterable[str | Path],
    logs: dict[str, list[str]],
) -> None:
    """Write what results were made of as JSON; it tells no time, so made again of the same it is the same.

    config: the complete configuration. code: hashes by name. datasets: paths of the image sets. logs: paths of the logs
    of the jobs of each step; those that were deleted are not counted.
    """
    steps = {step: _circumstances([Path(log) for log in files if Path(log).is_file()]) for step, files in logs.items()}
    provenance = {
        "spikegrid": spikegrid.__version__,
        "commit": commit(Path(__file__).parent),
        "repeatable": REPEATABLE,
        "config": config,
        "code": code,
        "datasets": {str(dataset): {"sha256": _sha256(dataset)} for dataset in datasets},
        "steps": {step: found for step, found in steps.items() if found["jobs"]},
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(provenance, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def commit(folder: Path) -> str | None:
    """Return the commit of the checkout that ``folder`` is in, with ``-dirty`` where files differ from it, if any."""
    command = ["git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # there is no git
        return None
    return described.stdout.strip() or None


def _circumstances(logs: list[Path]) -> dict[str, Any]:
    """Return the number of jobs, and every version of each package, machine and device that their logs name."""
    versions, found = defaultdict(set), {"machine": set(), "device": set()}
    for log in logs:
        for kind, said in _CIRCUMSTANCE.findall(log.read_text(encoding="utf-8")):
            if kind == "versions":
                for package in said.split(", "):
                    name, _, version = package.rpartition(" ")
                    versions[name].add(version)
            else:
                found[kind].add(said)
    return {
        "jobs": len(logs),
        "versions": {name: ", ".join(sorted(own)) for name, own in versions.items()},
        "machines": sorted(found["machine"]),
        "devices": sorted(found["device"]),
    }


def _sha256(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
