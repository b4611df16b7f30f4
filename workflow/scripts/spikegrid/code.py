"""Which library files a step uses, and their hash: an edit reruns the jobs that it touches and no others.

Snakemake tracks the script of a rule but not what the script imports, so each rule carries this hash among its
parameters. File contents and names inside the library count; where the repository lies does not.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent


@cache
def code_hash(*files: Path) -> str:
    """Return a hash of ``files`` and of every library file that they import, directly or through others.

    Files are read once: thousands of jobs of one process have the code that lay there when the first asked.
    """
    reached: set[Path] = set()
    for file in files:
        reached |= reachable_files(Path(file))
    digest = hashlib.sha256()
    for path in sorted(reached, key=_name):
        digest.update(_name(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def reachable_files(file: Path) -> frozenset[Path]:
    """Return ``file`` and the files of the library, or beside ``file``, that it imports, directly or through others."""
    reached, waiting = set(), [file]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            for root in {_ROOT, file.parent}:
                waiting.extend(_imported_files(path, root))
    return frozenset(reached)


@cache
def imported_modules(file: Path) -> set[str]:
    """Return the dotted names that a Python file imports anywhere; ``from a import b`` gives both a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def _imported_files(file: Path, root: Path) -> set[Path]:
    found = set()
    for name in imported_modules(file):
        parts = name.split(".")
        packages = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
        found.update(path for path in [root.joinpath(*parts).with_suffix(".py"), *packages] if path.is_file())
    return found


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name
