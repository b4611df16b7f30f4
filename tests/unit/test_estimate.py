"""Estimates against what a small grid is: the jobs that Snakemake plans, the files that a run writes, its errors."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from spikegrid import calibration, estimate, images
from spikegrid.calibration import Training
from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.configuration import complete_configuration
from spikegrid.cost import Cost, Linear, Work, measured
from spikegrid.device import prepare_device
from spikegrid.errors import InputError
from spikegrid.estimate import Estimate, Step
from spikegrid.extraction import extract_spikes
from spikegrid.grid import Grid
from spikegrid.training import train_block

REPOSITORY = Path(__file__).parents[2]

MEGABYTE = 1_000_000


@pytest.fixture
def config() -> dict[str, Any]:
    """A grid of digits that has doses, blocks of seeds of two sizes, and regimes of their own training."""
    return {
        "datasets": {"digits": {"kind": "digits", "train_size": 200, "test_size": 100}},
        "architectures": {
            "narrow": {"kind": "mlp", "hidden": [8]},
            "wide": {"kind": "mlp", "hidden": [24, 16], "spikes": {"units_per_layer": 12}},
        },
        "regimes": {
            "untrained": {"kind": "untrained"},
            "generalizing": {"kind": "generalizing"},
            "memorizing": {"kind": "memorizing", "training": {"epochs": 6, "batch_size": None}},
            "few": {"kind": "few_samples", "samples": 60},
        },
        "seeds": 3,
        "seeds_per_job": 2,
        "training": {"epochs": 4, "checkpoints": [0, 1, 4], "batch_size": 50},
        "observables": {"firing": {"kind": "firing", "window": 10}},
        "detector": {},
    }


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run in this process and all cost the same: counts and files are real, seconds are not."""

    def run_here(prepare: Any, *arguments: Any, copies: int = 1) -> Cost:
        prepare(*arguments)()
        return Cost(1.0, MEGABYTE)

    monkeypatch.setattr(calibration, "measured", run_here)
    monkeypatch.setattr(calibration, "figure_of", lambda *_: (Cost(1.0, MEGABYTE), 1000))
    monkeypatch.setattr(estimate, "startup", lambda *_, copies: Cost(1.0, MEGABYTE))


def estimated(config: dict[str, Any], folder: Path) -> Estimate:
    return estimate.estimate(Grid(*complete_configuration(config)), 2, folder)


def planned_jobs(config: dict[str, Any], folder: Path) -> dict[str, int]:
    """Ask Snakemake for the number of jobs of each rule, all tables and all figures together."""
    file = folder / "grid.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    command = [Path(sys.executable).with_name("snakemake"), "-n", "-s", REPOSITORY / "Snakefile", "--directory", folder]
    plan = subprocess.run([*command, "--configfile", file], capture_output=True, text=True, check=True)
    jobs: dict[str, int] = {}
    for rule, count in dict(re.findall(r"^(\w+) +(\d+)$", plan.stdout, re.MULTILINE)).items():
        if rule.startswith("draw_"):
            rule = "figures"
        elif not rule.startswith(("prepare_", "train", "extract_", "observe_", "all", "total")):
            rule = "tables"
        if rule not in ("all", "total"):
            jobs[rule] = jobs.get(rule, 0) + int(count)
    return jobs


def holding(size: int) -> Work:
    return lambda: np.ones(size, np.uint8)


def failing(_: int) -> Work:
    raise InputError("this is wrong")


def test_a_line_goes_through_both_points():
    line = Linear.through((2, 7), (4, 11))
    assert [line.at(n) for n in (0, 2, 4, 10)] == [3, 7, 11, 23]


def test_a_line_never_falls_and_never_starts_below_zero():
    assert Linear.through((2, 7), (4, 5)) == Linear(5, 0)
    assert Linear.through((1, 1), (2, 4)).fixed == 0


def test_memory_of_a_trial_is_that_of_what_it_holds():
    size = 200 * MEGABYTE
    assert measured(holding, size).memory == pytest.approx(size, rel=0.1)


def test_an_error_of_a_trial_is_raised():
    with pytest.raises(InputError, match="this is wrong"):
        measured(failing, 0)


def test_training_costs_an_evaluation_before_and_after_each_epoch():
    training = Training(Linear(5, 0.5), Linear(0, 0), learned=2, learning=0, kept=0, file=0)
    assert training.cost(train=10, test=4, epochs=3, checkpoints=2).seconds == 5 + 4 * (10 + 4) * 0.5 + 3 * 10 * 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"exclude": [{"architecture": "wide", "regime": ["memorizing", "few"]}], "seeds_per_job": 1},
        {
            "only": [{"regime": "memorizing"}],
            "observables": {
                kind: {"kind": kind, "images": "train", "window": 10} for kind in ("process", "simulation")
            },
        },
        {
            "observables": {
                "firing": {"kind": "firing", "window": 10},
                "firing_train": {"kind": "firing", "window": 10, "images": "train"},
                "correlations_train": {"kind": "correlations", "images": "train"},
            },
        },
        {"observables": {"response": {"kind": "response"}}},
        {
            "datasets": {
                "digits": {"kind": "digits", "train_size": 200, "test_size": 100},
                "turned": {"kind": "digits", "train_size": 80, "test_size": 30, "turned": 90},
            },
            "exclude": [{"dataset": "turned", "architecture": "wide"}],
            "observables": {
                "firing": {"kind": "firing", "window": 5},
                "reach": {"kind": "transfer", "target": "turned", "samples": 20},
            },
        },
    ],
)
@pytest.mark.usefixtures("quick")
def test_as_many_jobs_are_counted_as_snakemake_plans(config, changes, tmp_path):
    found = estimated(config | changes, tmp_path)
    assert {name: step.jobs for name, step in found.steps.items()} == planned_jobs(config | changes, tmp_path)


@pytest.mark.usefixtures("quick")
def test_estimated_files_are_as_large_as_real_ones(config, tmp_path):
    grid = Grid(*complete_configuration(config))
    trials, results = tmp_path / "trials", tmp_path / "results"
    trials.mkdir()
    results.mkdir()
    steps = estimate.estimate(grid, 2, trials).steps
    entry = grid.dataset(SimpleNamespace(dataset="digits"))
    calibration.prepare_images(results / "images.safetensors", entry, "data")
    image_set, device = images.load(results / "images.safetensors"), prepare_device(0, 1)
    for number, (cell, block) in enumerate((cell, block) for cell in grid.cells for block in grid.blocks):
        job = SimpleNamespace(**cell._asdict(), seeds=block, presented="")
        architecture, path = grid.architecture(job), results / f"{number}.safetensors"
        run = grid.run(job)
        trained = train_block(run, image_set, architecture, grid.regime(job), grid.training(job), device)
        save_checkpoints(path, run, architecture, grid.regime(job), trained)
        spikes = grid.spikes(job)
        extract_spikes(Checkpoints(path), image_set, spikes, device, results / f"{number}.npz")
    written = {
        "train": sum(path.stat().st_size for path in results.glob("[0-9]*.safetensors")),
        "extract_spikes": sum(path.stat().st_size for path in results.glob("*.npz")),
    }
    for step, size in written.items():
        assert size / 1.5 < steps[step].disk < size * 1.5, step


@pytest.mark.usefixtures("quick")
def test_twice_the_seeds_cost_twice_the_jobs_time_and_disk_of_runs(config, tmp_path):
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    once = estimated(config | {"seeds": 2}, tmp_path / "once").steps["train"]
    twice = estimated(config | {"seeds": 4}, tmp_path / "twice").steps["train"]
    assert (twice.jobs, twice.disk) == (2 * once.jobs, 2 * once.disk)
    assert twice.seconds == pytest.approx(2 * once.seconds)


def test_cores_share_the_work_down_to_the_longest_chain_of_jobs():
    found = Estimate({"train": Step(jobs=4, seconds=100, memory=3)}, chain=30)
    assert [found.seconds(cores) for cores in (1, 2, 8)] == [100, 50, 30]


def test_memory_is_that_of_the_largest_jobs_at_the_same_time():
    found = Estimate({"train": Step(jobs=1, memory=5), "observe": Step(jobs=9, memory=2)})
    assert [found.memory(cores) for cores in (1, 2, 3)] == [5, 7, 9]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--configfile", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["--configfile", "config/smoke.yaml", "--config", "seed=3"], "unknown key seed; did you mean 'seeds'?"),
        (["--configfile", "config/smoke.yaml", "--config", "seeds"], "--config seeds: expected KEY=VALUE"),
        (["--configfile", "config/smoke.yaml", "--cores", "none"], "--cores is 'none'; expected a number ≥ 1 or all"),
    ],
)
def test_an_error_is_one_line(arguments, line, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(sys, "argv", ["estimate", *arguments])
    with pytest.raises(SystemExit) as ended:
        estimate.main()
    assert line in ended.value.code
    assert "\n" not in ended.value.code


@pytest.mark.usefixtures("quick")
def test_what_a_run_would_refuse_is_refused_in_one_line_that_names_it(config, tmp_path):
    config["observables"]["firing"]["window"] = 60
    line = "digits/narrow/untrained: firing: window is 60; expected at most half of the 100 images presented"
    with pytest.raises(InputError, match=f"^{line}$"):
        estimated(config, tmp_path)
