"""The library, installed by itself: its files, what it needs, and the example of the documentation."""

import ast
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

import spikegrid

REPOSITORY = Path(__file__).parents[2]
LIBRARY = Path("workflow", "scripts", "spikegrid")

WITHOUT_SNAKEMAKE = 'import sys; sys.modules["snakemake"] = None\n'

TELL = """
import json, spikegrid
print(json.dumps([spikegrid.__file__, rates.tolist(), fano.tolist(), by_elephant]))
"""


def files_of(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder in which pip has installed the project and nothing else, from a copy, so that no build is left here."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    shutil.copytree(REPOSITORY / LIBRARY.parent, source / LIBRARY.parent)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(REPOSITORY / name, source)
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--target", target]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, source], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return target


def run_with(installed: Path, folder: Path, code: str):
    """Run code where this library lies apart from the repository, and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_package_holds_every_file_of_the_library_and_nothing_else(installed):
    (described,) = distributions(path=[str(installed)])
    assert files_of(installed / "spikegrid") == files_of(REPOSITORY / LIBRARY)
    assert {path.name for path in installed.iterdir()} == {"spikegrid", Path(described._path).name}


def test_package_describes_itself(installed):
    (described,) = distributions(path=[str(installed)])
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())["version"]
    assert described.version == spikegrid.__version__ == cited
    assert described.metadata["License-Expression"] == "MIT"
    assert "spikegrid" in described.metadata.get_payload()


def test_the_workflow_is_an_extra(installed):
    (described,) = distributions(path=[str(installed)])
    assert "snakemake" not in needed(described, "")
    assert needed(described, "workflow") - needed(described, "") == {"snakemake"}


def needed(described: Distribution, extra: str) -> set[str]:
    found = [Requirement(line) for line in described.requires]
    return {need.name for need in found if need.marker is None or need.marker.evaluate({"extra": extra})}


def test_no_module_of_the_library_imports_snakemake_when_it_runs():
    for path in (REPOSITORY / LIBRARY).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
        left_out = {inner for node in guarded for inner in ast.walk(node)}
        nodes = [node for node in ast.walk(tree) if node not in left_out]
        named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        named += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        assert "snakemake" not in {name.partition(".")[0] for name in named}, path


def test_example_of_the_documentation_hands_spikes_of_a_model_to_elephant(installed, tmp_path):
    page = (REPOSITORY / "docs" / "reuse.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "capture_spikes" in block]
    file, rates, fano, by_elephant = run_with(installed, tmp_path, WITHOUT_SNAKEMAKE + example + TELL)
    assert Path(file).is_relative_to(installed)
    assert len(rates) == len(fano) == 8 * 7 * 7
    assert 0 < np.mean(rates) < 1
    np.testing.assert_allclose(rates, by_elephant, rtol=1e-12)
