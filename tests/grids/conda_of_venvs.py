"""What stands in for conda where no channel can be reached: environments are virtual ones of the packages alone.

The packages are those that the tests themselves run with, linked with all that they need and nothing else. What
Snakemake adds to the search path behind an environment is taken away before a script begins.
"""

import json
import shlex
import sys
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement

PYPI_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "python-isal": "isal"}
"""Packages of environment files that PyPI has under another name."""

HOST = Path(sysconfig.get_path("purelib"))

APART = f"""
import sys
from __main__ import snakemake
for part in ("input", "output", "params", "wildcards", "resources", "log"):
    getattr(snakemake, part)  # which imports what it needs
sys.path[:] = [path for path in sys.path if not path.startswith({str(HOST)!r})]
for name, module in list(sys.modules.items()):
    if str(getattr(module, "__file__", "")).startswith({str(HOST)!r}) and not name.startswith("snakemake"):
        del sys.modules[name]
"""
"""Takes the packages of the host away from a script, but for Snakemake itself, and those that it has loaded."""

PYTHON = """#!/bin/sh
case "$1" in *.py) sed -i '/^######## snakemake preamble end/a import apart' "$1" ;; esac
exec "$(dirname "$0")/python-itself" "$@"
"""
"""Stands in the place of Python in an environment."""


def install(folder: Path) -> Path:
    """Write a command ``conda`` into ``folder/bin``, and what activates its environments; return where it lies."""
    commands = folder / "bin"
    commands.mkdir(parents=True)
    (commands / "activate").write_text('export PATH="$1/bin:$PATH"\n')
    called = shlex.join([sys.executable, __file__, str(folder)])
    _write_command(commands / "conda", f'#!/bin/sh\nexec {called} "$@"\n')
    return commands


def create(file: Path, prefix: Path) -> None:
    """Make the environment of an environment file."""
    venv.create(prefix, symlinks=True)
    (packages,) = prefix.glob("lib/python*/site-packages")
    listed = [Requirement(line) for line in yaml.safe_load(file.read_text())["dependencies"]]
    for name in _with_needed({PYPI_NAMES.get(one.name, one.name) for one in listed} - {"python"}):
        for part in distribution(name).files:
            if ".." not in part.parts:  # a command beside Python
                target = packages / part
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(part.locate())
    (packages / "apart.py").write_text(APART)
    python = prefix / "bin" / "python"
    python.with_name("python-itself").symlink_to(python.resolve())
    python.unlink()
    _write_command(python, PYTHON)


def _with_needed(names: set[str]) -> set[str]:
    """Return the distributions ``names`` and all that they need."""
    found, waiting = set(), [(name, "") for name in names]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) not in found:
            found.add((name, extra))
            needed = map(Requirement, distribution(name).requires or [])
            wanted = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
            waiting += [(one.name, further) for one in wanted for further in ("", *one.extras)]
    return {name for name, _ in found}


def _write_command(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


if __name__ == "__main__":
    _, folder, *arguments = sys.argv
    match arguments:
        case ["info", "--json"]:
            print(json.dumps({"conda_version": "25.1.0", "conda_prefix": folder, "platform": "linux-64"}))
        case ["--version"]:
            print("conda 25.1.0")
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *_]:
            create(*(Path(arguments[arguments.index(name) + 1]) for name in ("--file", "--prefix")))
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"unexpected: conda {shlex.join(arguments)}")
