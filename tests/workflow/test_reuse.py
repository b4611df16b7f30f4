"""The workflow inside others: as a module beside their rules, fetched from a repository, in the workflow catalog."""

import json
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import yaml
from snakemake_runs import NO_NETWORK, REPOSITORY, beside_python, changed, copy_code, snakemake, write_config

from spikegrid.recordings import spike_table

PAGE = (REPOSITORY / "docs" / "reuse.md").read_text(encoding="utf-8")
EXAMPLE = {text.partition("\n")[0]: text for text in re.findall(r"```\w+\n(# .*?)```", PAGE, re.DOTALL)}

RULE_WITH_A_SCRIPT = """
rule of_another_workflow:
    output: "unasked"
    script: "no_script_of_spikegrid.py"
"""

COMMIT = ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "test"]


@pytest.fixture
def outer(tmp_path, code):
    """The workflow of the documentation that uses this one, beside the code as a folder of its own."""
    (tmp_path / "spikegrid").symlink_to(code)
    (tmp_path / "Snakefile").write_text(RULE_WITH_A_SCRIPT + EXAMPLE["# Snakefile"], encoding="utf-8")
    (tmp_path / "config.yaml").write_text(EXAMPLE["# config.yaml"], encoding="utf-8")
    return tmp_path


def test_a_workflow_with_rules_of_its_own_reads_tables_of_the_module(outer):
    config = yaml.safe_load(EXAMPLE["# config.yaml"])
    config["spikegrid"]["exclude"] = [{"regime": "untrained"}]  # one regime is enough to see jobs run
    write_config(outer / "config.yaml", config)
    made = snakemake(outer, code=outer, targets=["accuracies", "networks/results/provenance.json"])
    assert made.code == 0, made.text
    accuracies = pd.read_csv(outer / "accuracies.csv")
    runs = pd.read_csv(outer / "networks" / "results" / "tables" / "runs.csv")
    assert list(accuracies["regime"]) == ["generalizing"]
    assert len(runs) == 2
    assert accuracies["mean"].item() == pytest.approx(runs["test_accuracy"].mean(), rel=1e-12)
    assert not (outer / "results").exists()
    provenance = json.loads((outer / "networks" / "results" / "provenance.json").read_text(encoding="utf-8"))
    jobs = {step: found["jobs"] for step, found in provenance["steps"].items()}
    steps = ["prepare_dataset", "train", "extract_spikes", "observe_firing", "collect", "dynamics"]
    assert jobs == dict.fromkeys(steps, 1)
    assert "no_script_of_spikegrid" not in provenance["code"]


def test_files_of_ones_own_stay_where_they_are_under_a_prefix(outer):
    images = np.random.default_rng(1).integers(0, 256, (40, 1, 4, 4), np.uint8)
    np.savez(outer / "drawings.npz", images=images, labels=np.arange(40) % 2)
    spike_table([[[0.1], [0.3]]]).to_csv(outer / "session.csv", index=False)
    (outer / "0.pt").touch()
    grid = changed(
        yaml.safe_load(EXAMPLE["# config.yaml"])["spikegrid"],
        datasets={"own": {"kind": "arrays", "path": "drawings.npz"}},
        regimes={"imported": {"kind": "checkpoints", "files": "{seed}.pt", "epochs": [4]}},
        recordings={"retina": {"span": [0, 1], "bin": 0.1, "conditions": {"awake": ["session.csv"]}}},
        seeds=1,
    )
    write_config(outer / "config.yaml", {"spikegrid": grid})
    planned = snakemake(outer, "-n", code=outer, targets=["spikegrid_results"])
    assert planned.code == 0, planned.text
    inputs = {job.wildcards["regime"]: job.fields["input"] for job in planned.jobs if "import" in job.rule}
    assert inputs["awake"] == "session.csv"
    assert "0.pt" in inputs["imported"].split(", ")
    outputs = {path for job in planned.jobs for path in job.fields.get("output", "").split(", ") if path}
    assert outputs
    assert all(path.startswith("networks/results/") for path in outputs)


def test_a_mistake_in_the_part_of_the_module_is_named(outer):
    write_config(outer / "config.yaml", {"spikegrid": {"datasts": {}}})
    refused = snakemake(outer, "-n", code=outer)
    assert refused.code != 0
    assert "unknown key datasts; did you mean 'datasets'?" in refused.text
    assert "Traceback" not in refused.text


@pytest.fixture
def deployed(tmp_path, code, smoke_grid):
    """What snakedeploy makes of the repository, and the environment in which Snakemake finds its copy of it."""
    checkout, work = copy_code(code, tmp_path / "checkout"), tmp_path / "work"
    cache = tmp_path / "cache" / "snakemake" / "snakemake" / "source-cache" / "snakemake-git-cache" / "github.com"
    for command in [["init", "--quiet"], ["add", "."], COMMIT, ["tag", "v0.1.0"]]:
        subprocess.run(["git", *command], cwd=checkout, check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", checkout, cache / "owner" / "spikegrid"], check=True)
    (module,) = re.findall(r"```snakemake\n(module spikegrid:.*?github.*?)```", PAGE, re.DOTALL)
    (work / "workflow").mkdir(parents=True)
    (work / "workflow" / "Snakefile").write_text(
        f'configfile: "config/config.yaml"\n\n{module}\nuse rule * from spikegrid\n', encoding="utf-8"
    )
    (work / "config").mkdir()
    write_config(work / "config" / "config.yaml", smoke_grid)
    return work, NO_NETWORK | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_workflow_fetched_from_a_repository_brings_its_library(deployed, smoke_plan):
    work, environment = deployed
    entry, dataset = "workflow/Snakefile", "results/datasets/digits.safetensors"
    made = snakemake(work, code=work, entry=entry, targets=[dataset], environment=environment)
    assert made.code == 0, made.text
    assert (work / dataset).is_file()
    planned = snakemake(work, "-n", "--forceall", code=work, entry=entry, environment=environment)
    assert planned.code == 0, planned.text
    assert planned.products == smoke_plan.products


def test_the_repository_is_one_of_standardized_usage():
    settings = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
    assert settings == {"usage": {"software-stack-deployment": {"conda": True}, "report": True}}
    for file in ("workflow/Snakefile", "config/README.md", "LICENSE"):
        assert (REPOSITORY / file).is_file()
    assert {"snakemake", "workflow"} <= set(re.findall(r"\w+", (REPOSITORY / "README.md").read_text().lower()))
    default = REPOSITORY / "config" / "config.yaml"  # snakedeploy copies the folder, and its Snakefile reads this
    assert default.read_bytes() == (REPOSITORY / "config.yaml").read_bytes()


def test_the_rule_graph_of_the_catalog_draws(tmp_path, code):
    case = shutil.copytree(REPOSITORY / ".test", tmp_path / ".test")
    drawn = subprocess.run(
        [beside_python("snakemake"), "--rulegraph", "--forceall", "--directory", case],
        cwd=code,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout.startswith("digraph")
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"]+)"', drawn.stdout, re.MULTILINE))
    edges = {(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", drawn.stdout, re.MULTILINE)}
    steps = ["prepare_dataset", "train", "extract_spikes", "observe_firing", "collect", "indicators", "all"]
    assert set(pairwise(steps)) <= edges
