"""Plug-ins: datasets, architectures, regimes and observables, one Python file each, found by its name.

A plug-in declares itself in literal constants, which are read without running the file. So the grid can be planned
where torch is not installed, and thousands of entries cost nothing.

========================  ============================================================================================
``PARAMETERS``            JSON schema of each parameter, by name (every kind of plug-in)
``IMAGES``                shape [C, H, W], classes, and numbers of train and test images, where they are known
                          before a download, for the estimate of what a grid costs (datasets)
``TRAINING``              training settings that a regime fixes, such as ``{"epochs": 0}`` (regimes)
``SERIES``                what a regime is a dose of, ``label_noise`` or ``training_size`` (regimes)
``READS``                 artefacts of a run that an observable reads (observables)
``SHOWN``                 part of the images that an observable takes, ``train`` or ``test``, where it reads no spikes
                          (observables)
``EPOCHS``                ``last`` where an observable measures networks at the end of training alone (observables)
``TABLES``                names of further tables that it gives beside its features, such as ``units`` (observables)
``CAVEATS``               patterns of its features that need a word of caution, by that word (observables)
``LABELS``                patterns of its features that need the labels of images, such as ``*_ratio`` (observables)
========================  ============================================================================================

A parameter of an observable whose schema has ``"format": "dataset"`` takes the name of an entry of ``datasets``. Under
the parameter's name the artefacts hold the path of its image set, and cells of that dataset are not measured.
"""

import ast
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from os.path import isdir
from pathlib import Path
from types import ModuleType
from typing import Any

from spikegrid.errors import InputError
from spikegrid.syntax import syntax_tree

FUNCTIONS = {"datasets": "load", "architectures": "build", "regimes": "prepare", "observables": "observe"}
"""What each kind of plug-in exports, by the name of its folder."""

FURTHER_FUNCTIONS = {"regimes": "alter"}
"""What a plug-in of a kind may export beside."""

_LIBRARY = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Plugin:
    """A plug-in as it declares itself.

    ``source`` is what jobs are given to find it again: the bare name for one of this library,
    the path of the file for one of the user's.
    """

    name: str
    source: str
    path: Path
    summary: str
    constants: dict[str, Any]

    @property
    def parameters(self) -> dict[str, dict]:
        """JSON schema of each parameter, by name."""
        return self.constants["PARAMETERS"]


def find_plugins(folder: str, user_folders: tuple[str, ...] = ()) -> dict[str, Plugin]:
    """Return the plug-ins of one kind by name: those of this library and those of the user's folders.

    ``folder`` is one of ``datasets``, ``architectures``, ``regimes``, ``observables``. A user's folder holds folders of
    these names. Raises InputError when a folder is missing, a name is taken twice, or a file does not declare itself.
    """
    found = {path.stem: read_plugin(folder, path.stem) for path in sorted((_LIBRARY / folder).glob("[!_]*.py"))}
    for user_folder in user_folders:
        if not isdir(user_folder):
            raise InputError(f"config: plugins: there is no folder {user_folder!r}")
        for path in sorted(Path(user_folder, folder).glob("[!_]*.py")):
            if path.stem in found:
                raise InputError(f"{path}: the {folder} already have a plug-in named {path.stem!r}; rename the file")
            found[path.stem] = read_plugin(folder, str(path))
    return found


@cache
def read_plugin(folder: str, source: str) -> Plugin:
    """Read what a plug-in declares, without running it."""
    path = plugin_path(folder, source)
    tree = syntax_tree(path)
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                constants[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                continue
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "PARAMETERS" not in constants:
        raise InputError(f"{path}: expected a literal PARAMETERS = {{name: JSON schema}}")
    if FUNCTIONS[folder] not in functions:
        raise InputError(f"{path}: expected a function {FUNCTIONS[folder]}()")
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Plugin(path.stem, source, path, summary, constants)


def plugin_path(folder: str, source: str) -> Path:
    """Return the file of a plug-in from its ``source``: a bare name of this library, or the path of a user's file."""
    return Path(source) if source.endswith(".py") else _LIBRARY / folder / f"{source}.py"


def load_plugin(folder: str, source: str) -> Callable:
    """Import a plug-in and return the function it exports."""
    return getattr(_module(folder, source), FUNCTIONS[folder])


def load_further_function(folder: str, source: str) -> Callable | None:
    """Import a plug-in and return the further function of its kind, None where it has none."""
    return getattr(_module(folder, source), FURTHER_FUNCTIONS[folder], None)


def _module(folder: str, source: str) -> ModuleType:
    path = plugin_path(folder, source)
    return load_file(path, f"spikegrid.{folder}.{path.stem}")


def load_file(path: Path, name: str) -> ModuleType:
    """Run a Python file and return it as a module of that name; it may import the files beside it."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
