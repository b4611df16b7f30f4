"""Which library files a step reaches, and hashes that change with them, on a copy of the library."""

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spikegrid import code as library_code

SCRIPTS = Path(library_code.__file__).parent.parent


@pytest.fixture
def copy(tmp_path):
    """Copy of the scripts and the library, which tests may edit."""
    target = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def code_of(scripts: Path):
    """The module ``code`` of a copy, freshly loaded, so that it remembers nothing."""
    spec = importlib.util.spec_from_file_location("copied_code", scripts / "spikegrid" / "code.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hash_of(scripts: Path, script: str = "train.py", *plugins: str) -> str:
    files = [scripts / script, *(scripts / "spikegrid" / plugin for plugin in plugins)]
    return code_of(scripts).code_hash(*files)


def reached(scripts: Path, script: str) -> set[str]:
    return {str(path.relative_to(scripts)) for path in code_of(scripts).reachable_files(scripts / script)}


def append(file: Path) -> None:
    file.write_text(file.read_text() + "\n# edited\n")


@pytest.mark.parametrize(
    "file",
    ["train.py", "spikegrid/training.py", "spikegrid/randomness.py", "spikegrid/__init__.py", "spikegrid/errors.py"],
)
def test_edit_of_a_file_that_training_uses_changes_its_hash(copy, file):
    before = hash_of(copy)
    append(copy / file)
    assert hash_of(copy) != before


@pytest.mark.parametrize(
    "file",
    [
        "observe.py",
        "spikegrid/dispersion.py",
        "spikegrid/indicators.py",
        "spikegrid/tables.py",
        "spikegrid/grid.py",
        "spikegrid/observables/firing.py",
        "spikegrid/architectures/cnn.py",
        "spikegrid/datasets/digits.py",
    ],
)
def test_edit_of_a_file_that_training_does_not_use_leaves_its_hash(copy, file):
    before = hash_of(copy, "train.py", "architectures/mlp.py", "regimes/memorizing.py")
    append(copy / file)
    assert hash_of(copy, "train.py", "architectures/mlp.py", "regimes/memorizing.py") == before


def test_new_file_of_the_library_leaves_hashes(copy):
    before = hash_of(copy)
    (copy / "spikegrid" / "novelty.py").write_text("x = 1\n")
    assert hash_of(copy) == before


def test_moving_the_repository_leaves_hashes(copy, tmp_path):
    before = hash_of(copy, "train.py", "architectures/mlp.py")
    moved = tmp_path / "elsewhere" / "scripts"
    shutil.copytree(copy, moved)
    assert hash_of(moved, "train.py", "architectures/mlp.py") == before
    assert hash_of(SCRIPTS, "train.py", "architectures/mlp.py") == before


def test_edit_of_a_plugin_changes_the_hash_of_the_jobs_that_name_it(copy):
    before = {name: hash_of(copy, "train.py", f"architectures/{name}.py") for name in ("mlp", "cnn")}
    assert before["mlp"] != before["cnn"]
    append(copy / "spikegrid" / "architectures" / "cnn.py")
    assert hash_of(copy, "train.py", "architectures/mlp.py") == before["mlp"]
    assert hash_of(copy, "train.py", "architectures/cnn.py") != before["cnn"]


def test_file_imported_through_another_counts(copy):
    (copy / "spikegrid" / "first.py").write_text("from spikegrid.second import x\n")
    (copy / "spikegrid" / "second.py").write_text("def f():\n    import spikegrid.third\n")
    (copy / "spikegrid" / "third.py").write_text("x = 1\n")
    (copy / "train.py").write_text("from spikegrid import first\n")
    assert reached(copy, "train.py") == {
        "train.py",
        *(f"spikegrid/{name}.py" for name in ("__init__", "first", "second", "third")),
    }


def test_files_that_import_each_other_end(copy):
    (copy / "spikegrid" / "first.py").write_text("import spikegrid.second\n")
    (copy / "spikegrid" / "second.py").write_text("import spikegrid.first\n")
    (copy / "train.py").write_text("import spikegrid.first\n")
    assert {"spikegrid/first.py", "spikegrid/second.py"} <= reached(copy, "train.py")


def test_swapping_the_content_of_two_files_changes_the_hash(copy):
    (copy / "train.py").write_text("from spikegrid import first, second\n")
    files = [copy / "spikegrid" / f"{name}.py" for name in ("first", "second")]
    files[0].write_text("x = 1\n")
    files[1].write_text("x = 2\n")
    before = hash_of(copy)
    files[0].write_text("x = 2\n")
    files[1].write_text("x = 1\n")
    assert hash_of(copy) != before


def test_order_of_the_files_asked_for_does_not_matter(copy):
    code = code_of(copy)
    files = [copy / "train.py", copy / "spikegrid" / "architectures" / "mlp.py"]
    assert code.code_hash(*files) == code.code_hash(*reversed(files))


def test_plugin_of_the_user_counts_with_the_files_beside_it_that_it_imports(copy, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "net.py").write_text("import blocks\nimport torch\n")
    (mine / "blocks.py").write_text("x = 1\n")
    before = code_of(copy).code_hash(copy / "train.py", mine / "net.py")
    append(mine / "blocks.py")
    assert code_of(copy).code_hash(copy / "train.py", mine / "net.py") != before


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in the working directory, seen from there and from within."""
    monkeypatch.chdir(tmp_path)
    sources = {
        "nets/__init__.py": "",
        "nets/vision/__init__.py": "",
        "nets/vision/model.py": "from . import blocks\nfrom ..layers import linear\nimport nets.losses\nimport shared",
        "nets/vision/blocks.py": "from .deep.block import x",
        "nets/vision/deep/block.py": "",
        "nets/layers.py": "",
        "nets/losses.py": "",
        "nets/unused.py": "",
        "shared.py": "import numpy",
        "site-packages/numpy.py": "",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


@pytest.mark.parametrize("elsewhere", [True, False])
def test_module_in_a_package_of_the_user_counts_with_what_it_imports_from_it(package, copy, monkeypatch, elsewhere):
    if elsewhere:
        (package / "shared.py").unlink()
        monkeypatch.chdir(copy)
    found = code_of(copy).reachable_files(package / "nets" / "vision" / "model.py")
    expected = {"nets/__init__.py", "nets/vision/__init__.py", "nets/layers.py", "nets/losses.py"}
    expected |= {f"nets/vision/{name}.py" for name in ("model", "blocks", "deep/block")}
    expected |= set() if elsewhere else {"shared.py"}
    assert {str(path.relative_to(package)) for path in found} == expected


def test_installed_packages_are_not_followed(package, copy):
    (package / "site-packages" / "mine.py").write_text("import numpy\n")
    found = code_of(copy).reachable_files(package / "site-packages" / "mine.py")
    assert found == {package / "site-packages" / "mine.py"}


def test_path_of_a_file_of_the_user_may_be_relative(package, copy):
    code = code_of(copy)
    assert code.code_hash(Path("nets/vision/model.py")) == code.code_hash(package / "nets" / "vision" / "model.py")


def test_files_of_one_name_have_one_hash_in_every_process(package):
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(SCRIPTS)!r})
from spikegrid.code import code_hash
print(code_hash(*(Path(folder, "net.py") for folder in "abcdef")))
"""
    for number, folder in enumerate("abcdef"):
        (package / folder).mkdir()
        (package / folder / "net.py").write_text(f"x = {number}\n")
    hashes = set()
    for seed in range(4):
        environment = {"PYTHONHASHSEED": str(seed)}
        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        hashes.add(shown.stdout)
    assert len(hashes) == 1
    assert hashes != {""}


@pytest.mark.parametrize("script", ["train.py", "extract_spikes.py", "prepare_dataset.py", "observe.py"])
def test_steps_of_a_run_reach_neither_figures_nor_indicators_nor_the_grid(script):
    found = reached(SCRIPTS, script)
    for name in ("spikegrid/indicators.py", "spikegrid/grid.py", "spikegrid/configuration.py", "spikegrid/tables.py"):
        assert name not in found
    assert not [file for file in found if file.startswith("spikegrid/figures")]


def test_training_reaches_no_statistics_and_statistics_reach_no_training():
    assert not {"spikegrid/dispersion.py", "spikegrid/extraction.py", "spikegrid/spikes.py"} & reached(
        SCRIPTS, "train.py"
    )
    firing = reached(SCRIPTS, "spikegrid/observables/firing.py")
    assert not {"spikegrid/training.py", "spikegrid/capture.py", "spikegrid/networks.py"} & firing


@pytest.mark.parametrize("script", ["train.py", "collect.py"])
def test_every_library_module_that_python_loads_for_a_script_is_reached(script):
    imports = [
        node for node in ast.parse((SCRIPTS / script).read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    program = f"""
import json, sys
sys.path.insert(0, {str(SCRIPTS)!r})
{chr(10).join(map(ast.unparse, imports))}
print(json.dumps([module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "spikegrid"]))
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {str(Path(file).relative_to(SCRIPTS)) for file in json.loads(shown.stdout)}
    assert loaded
    assert loaded <= reached(SCRIPTS, script)


def test_library_has_no_relative_or_dynamic_imports_that_the_hash_would_miss():
    for file in sorted((SCRIPTS / "spikegrid").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                assert name not in {"__import__", "import_module"} or file.stem == "factories", file


def test_from_import_names_both_the_module_and_what_may_be_a_module_in_it(tmp_path):
    (tmp_path / "x.py").write_text("import a.b\nfrom c import d, e as f\nfrom . import g\n")
    assert library_code.imported_modules(tmp_path / "x.py") == {"a.b", "c", "c.d", "c.e"}
