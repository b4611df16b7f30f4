"""What those who carry on are told and given agrees with the repository: CONTRIBUTING, CHANGELOG, hooks, CI."""

import os
import re
import shlex
import tomllib
from pathlib import Path

import yaml

import spikegrid

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
CI = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))


def commands_of(target: str) -> list[list[str]]:
    """The commands of a target of the Makefile, as words, with the folder of programs written out."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    return [shlex.split(line.replace("$(BIN)", ".venv/bin")) for line in recipe.splitlines()]


def test_hooks_call_the_linters_of_make_lint():
    (repository,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    called = [tuple(word for word in shlex.split(hook["entry"]) if word != "--force-exclude") for hook in hooks]
    files = {"Snakefile", "workflow", "--check"}
    assert called == [tuple(word for word in command if word not in files) for command in commands_of("lint")]


def test_hooks_of_the_workflow_see_all_its_files():
    (repository,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    seen = [re.compile(hook["files"]) for hook in repository["hooks"] if "files" in hook]
    assert len(seen) == 2
    paths = [Path("Snakefile"), Path("workflow/Snakefile"), *REPOSITORY.glob("workflow/rules/*.smk")]
    assert all(pattern.search(str(path)) for pattern in seen for path in paths)


def test_github_runs_what_any_continuous_integration_runs():
    (job,) = CI["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs == [".ci/run"]
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)


def test_github_runs_the_oldest_and_the_newest_python_with_a_cache():
    (job,) = CI["jobs"].values()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert job["strategy"]["matrix"]["python"] == [project["requires-python"].removeprefix(">="), "3.x"]
    steps = {step["uses"]: step.get("with", {}) for step in job["steps"] if "uses" in step}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in steps)
    (setup,) = [options for action, options in steps.items() if "setup-python" in action]
    assert setup["python-version"] == "${{ matrix.python }}"
    assert setup["cache"] == "pip"
    assert list(REPOSITORY.glob(setup["cache-dependency-path"]))


def test_every_target_and_path_of_the_guide_is_there():
    targets = set(re.findall(r"`?make ([a-z-]+)", GUIDE))
    assert {
        "lint",
        "test",
        "test-grids",
        "test-faults",
        "test-slurm",
        "test-report",
        "bench",
        "docs",
        "lock",
    } <= targets
    assert all(commands_of(target) for target in targets)
    named = [text for text in re.findall(r"`([\w./-]+/[\w./-]*|[A-Z]\w+\.md)`", GUIDE) if "results" not in text]
    library = REPOSITORY / "workflow" / "scripts" / "spikegrid"
    assert len(named) > 10
    for path in named:
        assert any((folder / path).exists() for folder in (REPOSITORY, library)), path


def test_layout_of_the_guide_names_what_there_is():
    layout = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)[1]
    library = REPOSITORY / "workflow" / "scripts" / "spikegrid"
    named = re.findall(r"(?<![\w*/])[\w.]+/|\b\w+\.py\b|\b\w+\.yaml\b", layout)
    assert len(named) > 20
    for name in named:
        found = [folder / name for folder in (REPOSITORY, REPOSITORY / "workflow", library, library.parent)]
        found += [REPOSITORY / "tests" / name]
        assert any(path.exists() for path in found), name


def test_changelog_tells_of_the_version_to_come():
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert spikegrid.__version__ in changelog
    assert set(re.findall(r"^### (\w+)", changelog, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }
