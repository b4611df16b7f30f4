"""The environment files, pyproject.toml, the locks and what the steps import agree."""

import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from spikegrid.code import imported_modules, reachable_files
from spikegrid.plugins import find_plugins

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "workflow" / "scripts"

PLUGINS_OF_STEP = {
    "prepare_dataset": ["datasets"],
    "train": ["architectures", "regimes"],
    "import_checkpoints": ["architectures"],
    "extract_spikes": ["architectures", "regimes"],
    "observe": ["observables"],
    "observe_networks": ["observables"],
}
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "python-isal": "isal"}


def environments_by_script() -> dict[str, set[str]]:
    """Read from the rules which environment each script runs in."""
    found: dict[str, set[str]] = {}
    for rules in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^\s*rule\b", rules.read_text(), flags=re.MULTILINE)[1:]:
            environment = re.search(r'conda:\s*"\.\./\.\./envs/(\w+)\.yaml"', rule)
            script = re.search(r'script:\s*"\.\./scripts/(\w+)\.py"', rule)
            assert environment, f"{rules.name}: a rule has no environment: {rule[:60]!r}"
            assert script, f"{rules.name}: a rule has no script: {rule[:60]!r}"
            found.setdefault(environment[1], set()).add(script[1])
    return found


def distributions_imported_by(script: str) -> set[str]:
    """Return the distributions that a script, its library files and the plug-ins of its step import."""
    files = set(reachable_files(SCRIPTS / f"{script}.py"))
    for folder in PLUGINS_OF_STEP.get(script, []):
        for plugin in find_plugins(folder).values():
            reads_networks = "checkpoints" in plugin.constants.get("READS", [])
            if folder != "observables" or reads_networks == (script == "observe_networks"):
                files |= reachable_files(plugin.path)
    packages = {name.split(".")[0] for file in files for name in imported_modules(file)}
    outside = packages - set(sys.stdlib_module_names) - {"spikegrid"}
    return {DISTRIBUTIONS.get(package, package) for package in outside}


@cache
def environment(name: str) -> dict[str, Requirement]:
    """Return the packages of an environment file by their name on PyPI."""
    content = yaml.safe_load((REPOSITORY / "envs" / f"{name}.yaml").read_text())
    assert content["channels"] == ["conda-forge"]
    requirements = map(Requirement, content["dependencies"])
    return {CONDA_NAMES.get(requirement.name, requirement.name): requirement for requirement in requirements}


@cache
def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@cache
def locked(name: str) -> dict[str, set[Version]]:
    """Return the versions that a lock pins, by package; a package may have one for each range of Python versions."""
    pins: dict[str, set[Version]] = {}
    for line in (REPOSITORY / name).read_text().splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", f"{name}: {line} is not pinned"
            pins.setdefault(requirement.name.lower(), set()).add(Version(pin.version))
    return pins


ENVIRONMENTS = sorted(path.stem for path in (REPOSITORY / "envs").glob("*.yaml"))


def test_every_environment_file_serves_a_rule():
    assert set(ENVIRONMENTS) == set(environments_by_script())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_holds_what_its_steps_import_and_nothing_else(name):
    imported = set().union(*map(distributions_imported_by, environments_by_script()[name]))
    listed = set(environment(name)) - {"python"}
    assert listed == imported


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_has_the_version_ranges_of_the_project(name):
    ranges = {requirement.name: requirement.specifier for requirement in map(Requirement, project()["dependencies"])}
    ranges["python"] = Requirement(f"python{project()['requires-python']}").specifier
    for package, requirement in environment(name).items():
        assert requirement.specifier == ranges[package], package


def test_project_depends_on_what_the_library_imports_and_nothing_else():
    scripts = {script for scripts in environments_by_script().values() for script in scripts}
    imported = set().union(*map(distributions_imported_by, scripts), distributions_of_the_door())
    declared = {Requirement(line).name for line in project()["dependencies"]}
    assert declared == imported - {"snakemake"}
    assert [Requirement(line).name for line in project()["optional-dependencies"]["workflow"]] == ["snakemake"]


def distributions_of_the_door() -> set[str]:
    """Return what the Snakefile's own imports need, beside Snakemake."""
    text = (REPOSITORY / "workflow" / "Snakefile").read_text()
    files = {SCRIPTS / "spikegrid" / f"{name}.py" for name in re.findall(r"^from spikegrid\.(\w+)", text, re.MULTILINE)}
    packages = {
        name.split(".")[0] for file in files for reached in reachable_files(file) for name in imported_modules(reached)
    }
    return {DISTRIBUTIONS.get(name, name) for name in packages - set(sys.stdlib_module_names) - {"spikegrid"}}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.txt", ["workflow"]),
        ("requirements-test.txt", ["workflow", "test"]),
        ("requirements-slurm.txt", ["workflow", "slurm"]),
        ("requirements-docs.txt", ["workflow", "docs"]),
        ("requirements-report.txt", ["workflow", "report"]),
    ],
)
def test_lock_pins_every_dependency_inside_its_range(lock, extras):
    further = [line for extra in extras for line in project()["optional-dependencies"][extra]]
    for requirement in map(Requirement, project()["dependencies"] + further):
        pins = locked(lock)[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in pins), requirement


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("", "-test"), ("-slurm", "-test"), ("", "-slurm"), ("-docs", "-test"), ("-report", "-test")],
)
def test_locks_pin_the_same_versions(smaller, larger):
    pins, others = locked(f"requirements{smaller}.txt"), locked(f"requirements{larger}.txt")
    assert all(pins[package] == others[package] for package in pins.keys() & others.keys())
