"""Every rule runs in an environment of the packages of its file alone, the host's out of reach."""

import os
import re

import numpy as np
import pandas as pd
import pytest
import torch
from conda_of_venvs import install
from snakemake_runs import REPOSITORY, snakemake

GRID = {
    "datasets": {
        "digits": {"kind": "digits", "train_size": 60, "test_size": 60},
        "turned": {"kind": "digits", "turned": 90, "train_size": 60, "test_size": 60},
    },
    "exclude": [{"dataset": "turned"}],
    "recordings": {"retina": {"span": [0, 1], "bin": 0.02, "conditions": {"still": ["still.csv"]}}},
    "architectures": {"mlp": {"kind": "mlp", "hidden": [8]}},
    "regimes": {
        "generalizing": {"kind": "checkpoints", "files": "net-{seed}-{epoch}.pt", "epochs": [0, 1, 2, 4]},
        "memorizing": {"kind": "memorizing"},
        "corrupted": {"kind": "corrupted_labels", "fraction": 0.5},
    },
    "seeds": 2,
    "seeds_per_job": 2,
    "training": {"epochs": 4, "checkpoints": [1, 2], "target_accuracy": 0},
    "observables": {
        "firing": {"kind": "firing", "window": 10},
        "intervals": {"kind": "intervals"},
        "correlations": {"kind": "correlations"},
        "class_information": {"kind": "class_information"},
        "process": {"kind": "process", "window": 10},
        "complexity": {"kind": "complexity", "units": 4},
        "dimension": {"kind": "dimension"},
        "response": {"kind": "response", "samples": 4},
        "fragility": {"kind": "fragility", "samples": 6},
        "plasticity": {"kind": "plasticity", "samples": 6, "steps": 20},
        "pruning": {"kind": "pruning"},
        "simulation": {"kind": "simulation"},
        "transfer": {"kind": "transfer", "target": "turned"},
    },
    "detector": {},
    "indicators": {"resamples": 100},
}
"""A grid that has a job of every rule."""


@pytest.fixture(scope="session")
def apart(once, code):
    """The grid, run with an environment for each step."""

    def execute(folder):
        folder.mkdir()
        commands = install(folder / "conda")
        write_files_of_a_user(folder)
        path = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
        return snakemake(folder, "--sdm", "conda", code=code, config=GRID, environment=path)

    return once("apart", execute)


def write_files_of_a_user(folder):
    generator = np.random.default_rng(0)
    spikes = pd.DataFrame({"unit": generator.integers(8, size=2000), "trial": generator.integers(20, size=2000)})
    spikes.assign(time=generator.uniform(0, 1, 2000)).to_csv(folder / "still.csv", index=False)
    for seed in range(GRID["seeds"]):
        for epoch in GRID["regimes"]["generalizing"]["epochs"]:
            sizes = {"hidden1.linear": (8, 64), "logits": (10, 8)}
            state = {f"{name}.weight": torch.randn(*size) for name, size in sizes.items()}
            state |= {f"{name}.bias": torch.zeros(size[0]) for name, size in sizes.items()}
            torch.save(state, folder / f"net-{seed}-{epoch}.pt")


def test_every_rule_runs_with_the_packages_of_its_environment_alone(apart):
    assert apart.execution.code == 0, apart.execution.text
    rules = set()
    for file in REPOSITORY.glob("workflow/rules/*.smk"):
        rules |= set(re.findall(r"^rule (\w+):", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert rules | {f"observe_{name}" for name in GRID["observables"]} == apart.execution.rules - {"all"}


def test_every_environment_file_was_used(apart):
    used = {path.read_text() for path in apart.folder.glob(".snakemake/conda/*.yaml")}
    assert used == {path.read_text() for path in REPOSITORY.glob("envs/*.yaml")}


def test_a_container_holds_every_environment(code, tmp_path):
    write_files_of_a_user(tmp_path)
    path = {"PATH": f"{install(tmp_path / 'conda')}{os.pathsep}{os.environ['PATH']}"}
    said = snakemake(tmp_path, "--containerize", code=code, config=GRID, environment=path)
    assert said.code == 0, said.text
    copied = re.findall(r"^#\s+source: (?:.*/)?(envs/\w+\.yaml)$", said.output, flags=re.MULTILINE)
    assert sorted(copied) == sorted(f"envs/{file.name}" for file in REPOSITORY.glob("envs/*.yaml"))
