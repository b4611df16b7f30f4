"""Factories: functions of the user's own that build networks, in any file.

A factory is named as ``path/to/file.py:function`` or ``package.module:function``, both seen from the working directory.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from os.path import isfile
from pathlib import Path

from spikegrid.errors import InputError, in_words
from spikegrid.plugins import load_file
from spikegrid.syntax import syntax_tree


def factory_file(factory: str) -> Path | None:
    """Return the file of a factory, found without running anything, or None where there is none."""
    source, _, _ = factory.rpartition(":")
    if source.endswith(".py"):
        return Path(source) if isfile(source) else None
    parts = source.split(".")
    stems = [Path(place, *parts) for place in (Path.cwd(), *sys.path)] if all(map(str.isidentifier, parts)) else []
    files = (file for stem in stems for file in (Path(f"{stem}.py"), stem / "__init__.py"))
    return next((file for file in files if isfile(file)), None)


def is_factory(factory: str) -> bool:
    """Tell whether the file of a factory exists and has the function at its top level, without running it.

    Raises InputError when the file is no Python.
    """
    file, name = factory_file(factory), factory.rpartition(":")[2]
    if file is None:
        return False
    return any({name, "*"} & _names(node) for node in syntax_tree(file).body)


def load_factory(factory: str) -> Callable:
    """Import a factory. Raises InputError when its file does not import or does not have the function."""
    source, _, name = factory.rpartition(":")
    try:
        if source.endswith(".py"):
            module = load_file(Path(source), Path(source).stem)
        else:
            if str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            module = importlib.import_module(source)
    except Exception as error:
        raise InputError(f"{factory}: {source} does not import: {in_words(error)}") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"{factory}: {source} has no function {name}")
    return function


def _names(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds; conditional ones count, and ``from a import *`` gives ``*``."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Assign():
            return {target.id for target in node.targets if isinstance(target, ast.Name)}
        case ast.ImportFrom():
            return {alias.asname or alias.name for alias in node.names}
        case ast.If() | ast.Try():
            return set().union(*(_names(inner) for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)))
    return set()
