"""The ways in: grids, profiles, the inner Snakefile, graphs, environments, linters."""

import os
import re
import subprocess

import pytest
import yaml
from snakemake_runs import REPOSITORY, beside_python, snakemake

GRIDS = sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("config/*.yaml"))

CONDA = """#!/bin/sh
case "$*" in
"info --json") echo '{"conda_version": "25.1.0", "conda_prefix": "/nowhere", "platform": "linux-64"}' ;;
"--version") echo "conda 25.1.0" ;;
"config --get channel_priority --json") echo '{"get": {"channel_priority": "strict"}}' ;;
*) echo "unexpected: conda $*" >&2; exit 1 ;;
esac
"""
"""Answers what Snakemake asks conda before a dry run."""


@pytest.mark.parametrize("grid", GRIDS)
def test_every_grid_of_the_repository_can_be_planned(tmp_path, code, grid):
    planned = snakemake(tmp_path, "-n", code=code, config=code / grid)
    assert planned.code == 0, planned.text
    assert {"prepare_dataset", "train", "extract_spikes", "collect", "all"} <= planned.rules
    compared = {"memorizing", "generalizing"} <= set(yaml.safe_load((code / grid).read_text())["regimes"])
    assert ("indicators" in planned.rules) == compared


def test_without_a_config_file_the_default_grid_is_planned(tmp_path, code):
    (tmp_path / "config.yaml").write_bytes((code / "config.yaml").read_bytes())
    by_default = snakemake(tmp_path, "-n", code=code)
    named = snakemake(tmp_path, "-n", code=code, config=code / "config.yaml")
    assert by_default.code == 0, by_default.text
    assert by_default.products == named.products


def test_a_config_file_takes_the_place_of_the_default_grid(tmp_path, code, smoke_grid):
    (tmp_path / "config.yaml").write_bytes((code / "config.yaml").read_bytes())
    planned = snakemake(tmp_path, "-n", code=code, config=smoke_grid)
    assert {job.run[1] for job in planned.jobs if job.rule == "train"} == set(smoke_grid["architectures"])


def test_the_inner_snakefile_builds_the_same(tmp_path, code, smoke_grid, smoke_plan):
    profile = code / "profiles" / "default"
    inner = snakemake(
        tmp_path, "-n", "--workflow-profile", profile, code=code, config=smoke_grid, entry="workflow/Snakefile"
    )
    assert inner.code == 0, inner.text
    assert inner.products == smoke_plan.products


def test_the_inner_snakefile_without_a_profile_builds_the_same(tmp_path, code, smoke_grid, smoke_plan):
    inner = snakemake(tmp_path, "-n", code=code, config=smoke_grid, entry="workflow/Snakefile")
    assert inner.code == 0, inner.text
    assert inner.products == smoke_plan.products


@pytest.mark.parametrize("profile", ["default", "gpu"])
def test_every_profile_of_one_machine_plans_the_same_jobs(tmp_path, code, smoke_grid, smoke_plan, profile):
    profile = code / "profiles" / profile
    planned = snakemake(tmp_path, "-n", "--workflow-profile", profile, code=code, config=smoke_grid)
    assert planned.code == 0, planned.text
    assert planned.products == smoke_plan.products


@pytest.mark.parametrize(("profile", "gpu"), [("default", "gpu=0"), ("gpu", "gpu=1")])
def test_the_profile_says_whether_jobs_get_a_gpu(tmp_path, code, smoke_grid, profile, gpu):
    planned = snakemake(tmp_path, "-n", "--workflow-profile", code / "profiles" / profile, code=code, config=smoke_grid)
    resources = [job.fields["resources"] for job in planned.jobs if job.rule in ("train", "extract_spikes")]
    assert resources
    assert all(gpu in granted.split(", ") for granted in resources)


@pytest.mark.parametrize("attempt", [1, 3])
def test_every_attempt_asks_for_more_memory(tmp_path, code, smoke_grid, attempt):
    planned = snakemake(tmp_path, "-n", "--attempt", str(attempt), code=code, config=smoke_grid)
    resources = [job.fields["resources"] for job in planned.jobs if job.rule != "all"]
    assert resources
    assert all(f"mem_mb={4000 * attempt}" in asked.split(", ") for asked in resources)


@pytest.mark.parametrize("option", ["--rulegraph", "--dag", "--filegraph"])
def test_graphs_are_printed_for_dot(tmp_path, code, smoke_grid, option):
    printed = snakemake(tmp_path, option, code=code, config=smoke_grid)
    assert printed.code == 0, printed.text
    assert printed.output.startswith("digraph")
    assert printed.output.rstrip().endswith("}")
    assert "train" in printed.output


def test_the_workflow_can_be_planned_with_conda(tmp_path, code, smoke_grid, smoke_plan):
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(CONDA)
    conda.chmod(0o755)
    path = {"PATH": f"{conda.parent}{os.pathsep}{os.environ['PATH']}"}
    planned = snakemake(tmp_path, "--sdm", "conda", "-n", code=code, config=smoke_grid, environment=path)
    assert planned.code == 0, planned.text
    assert planned.products == smoke_plan.products
    assert len(planned.lines("will be created")) >= 5


def test_every_rule_with_a_script_has_an_environment_that_parses():
    text = "\n".join(path.read_text() for path in sorted(REPOSITORY.glob("workflow/rules/*.smk")))
    named = re.findall(r'conda:\s+"\.\./\.\./(envs/\w+\.yaml)"', text)
    assert len(named) == len(re.findall(r"^ +script:", text, flags=re.MULTILINE))
    for name in named:
        environment = yaml.safe_load((REPOSITORY / name).read_text())
        assert environment["channels"] == ["conda-forge"], name
        assert environment["dependencies"], name


def test_snakemake_finds_nothing_to_lint(tmp_path, smoke_grid):
    linted = snakemake(tmp_path, "--lint", code=REPOSITORY, config=smoke_grid)
    assert linted.code == 0, linted.text


@pytest.mark.parametrize(
    "command",
    [["snakefmt", "--check", "Snakefile", "workflow"], ["ruff", "check"], ["ruff", "format", "--check"]],
    ids=" ".join,
)
def test_the_repository_is_in_form(command):
    program, *arguments = command
    checked = subprocess.run(
        [beside_python(program), *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
