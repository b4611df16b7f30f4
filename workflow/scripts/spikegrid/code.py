"""Which library files a step uses, and their hash: an edit reruns the jobs that it touches and no others.

Snakemake tracks the script of a rule but not what the script imports, so each rule carries this hash among its
parameters. File contents and names inside the library count; where the repository lies does not.
"""

import ast
import hashlib
from functools import cache
from itertools import takewhile
from pathlib import Path

from spikegrid.syntax import syntax_tree

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
    for name, content in sorted((_name(path), path.read_bytes()) for path in reached):
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]


@cache
def reachable_files(file: Path) -> frozenset[Path]:
    """Return ``file`` and the files that it imports, directly or through others, without installed packages.

    They are those of the library and beside ``file``; where ``file`` is outside the library also those in the working
    directory and in its own package.
    """
    file = file.absolute()
    roots, waiting, is_own = {_ROOT, file.parent}, [file], not file.is_relative_to(_ROOT)
    if is_own:
        packages = list(takewhile(lambda folder: (folder / "__init__.py").is_file(), file.parents))
        roots |= {Path.cwd(), file.parents[len(packages)]}
        waiting += [folder / "__init__.py" for folder in packages]
    reached = set()
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            found = set().union(*(_imported_files(path, root) for root in roots))
            found |= _relative_imports(path) if is_own else set()
            waiting.extend(imported for imported in found if "site-packages" not in imported.parts)
    return frozenset(reached)


@cache
def imported_modules(file: Path) -> set[str]:
    """Return the dotted names that a Python file imports anywhere; ``from a import b`` gives both a and a.b."""
    names = set()
    for node in ast.walk(syntax_tree(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def _imported_files(file: Path, root: Path) -> set[Path]:
    return set().union(*(_files_of(name.split("."), root) for name in imported_modules(file)))


@cache
def _relative_imports(file: Path) -> set[Path]:
    """Return the files that ``from . import a`` and ``from .a import b`` mean in a file."""
    found = set()
    for node in ast.walk(syntax_tree(file)):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = node.module.split(".") if node.module else []
            for names in [parts, *([*parts, alias.name] for alias in node.names)]:
                found |= _files_of(names, file.parents[node.level - 1])
    return found


def _files_of(parts: list[str], root: Path) -> set[Path]:
    """Return the file of the dotted name ``parts`` below ``root`` and those of the packages that it is in."""
    packages = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    return {path for path in [root.joinpath(*parts).with_suffix(".py"), *packages] if path.is_file()}


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name
