"""What a grid will cost before it starts: time, disk and memory of each step, from short trials on this machine."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import yaml

from spikegrid import calibration, images
from spikegrid.calibration import EXTRACTION, PRESENTED, Presenting, Training, Trials, count_of, over_grid, presented
from spikegrid.configuration import complete_configuration, read_yaml, with_overrides
from spikegrid.cost import Cost, Linear, startup
from spikegrid.errors import InputError
from spikegrid.grid import Grid
from spikegrid.images import TEST, ImageSet
from spikegrid.plugins import load_plugin

_SCRIPTS = Path(__file__).parent.parent
_LEARNING = ("batch_size", "optimizer", "momentum", "weight_decay", "precision", "crop_padding", "horizontal_flip")
"""Settings of training that change what an image costs."""

_OF_ONE_JOB = ("process", "pruning", "simulation", "dynamics", "detector", "transfer", "transfer_predictors")
"""Tables that a job makes, which is taken to cost what starting it costs."""

_CALLS = {
    "prepare_dataset": ["load_plugin('datasets', {!r})"],
    "observe": ["load_plugin('observables', {!r})"],
    "observe_networks": ["prepare_device(0, 1)", "load_plugin('observables', {!r})"],
    "train": ["prepare_device(0, 1)"],
    EXTRACTION: ["prepare_device(0, 1)"],
}
"""What the jobs of a script do before their work, with names that the script imports."""


@dataclass
class Step:
    """Jobs of one step: their number, processor seconds and bytes on disk in all; bytes of memory of the largest."""

    jobs: int = 0
    seconds: float = 0.0
    memory: float = 0.0
    disk: float = 0.0

    def add(self, cost: Cost, disk: float = 0.0, jobs: int = 1) -> None:
        """Count ``jobs`` of one cost, each of which writes ``disk`` bytes."""
        self.jobs += jobs
        self.seconds += jobs * cost.seconds
        self.memory = max(self.memory, cost.memory)
        self.disk += jobs * disk


@dataclass
class Estimate:
    """What a grid costs from nothing: its steps by name, and the seconds of the longest chain of jobs."""

    steps: dict[str, Step] = field(default_factory=dict)
    chain: float = 0.0

    def step(self, name: str) -> Step:
        """Return a step, a new one where there is none of that name."""
        return self.steps.setdefault(name, Step())

    def seconds(self, cores: int) -> float:
        """Return how long the grid takes: all work shared by the cores, and no less than its longest chain of jobs."""
        return max(sum(step.seconds for step in self.steps.values()) / cores, self.chain)

    def memory(self, cores: int) -> float:
        """Return the bytes of memory of as many jobs as there are cores, the largest at the same time."""
        largest = sorted(
            (step.memory for step in self.steps.values() for _ in range(min(step.jobs, cores))), reverse=True
        )
        return sum(largest[:cores])

    def disk(self) -> float:
        """Return the bytes that the results take on disk."""
        return sum(step.disk for step in self.steps.values())


class Costs:
    """What the jobs of a grid cost: what is asked for the first time is tried, on ``copies`` cores at once.

    folder: takes the files of the trials. features: those of one network at one epoch, by observable.
    """

    def __init__(self, grid: Grid, folder: Path, copies: int):
        self.grid, self.folder, self._copies = grid, folder, copies
        self.features: dict[str, pd.DataFrame] = {}
        self._known: dict[tuple, Any] = {}

    def start(self, script: str, plugin: str = "") -> Cost:
        """Return what a job of ``script`` costs before its work; ``plugin`` is the source of the one that it loads."""
        calls = [call.format(plugin) for call in _CALLS.get(script, [])]
        return self._once(("start", script, plugin), startup, _SCRIPTS / f"{script}.py", *calls, copies=self._copies)

    def dataset(self, name: str) -> tuple[ImageSet, Cost]:
        """Return the images of a dataset, and what the job costs that prepares them."""
        return self._once(("dataset", name), self._prepare, name)

    def trained_on(self, job: SimpleNamespace) -> int:
        """Return the number of images that a regime trains on."""
        return self._once(("trained on", job.dataset, job.regime), self._count_images, job)

    def training(self, job: SimpleNamespace) -> Training:
        """Return what training costs in the run of ``job``."""
        settings = self.grid.training(job)
        key = ("training", job.dataset, job.architecture, *(settings[name] for name in _LEARNING))
        return self._once(key, lambda: self._trials(job).training(settings))

    def presenting(self, job: SimpleNamespace) -> dict[str, Presenting]:
        """Return what extraction of the spikes ``job.presented`` and each of their observables cost, by name."""
        key = ("presenting", job.dataset, job.architecture, job.presented, str(self.grid.spikes(job)))
        return self._once(key, self._present, job)

    def _once(self, key: tuple, find: Callable, *arguments: Any, **options: Any) -> Any:
        if key not in self._known:
            self._known[key] = find(*arguments, **options)
        return self._known[key]

    def _prepare(self, name: str) -> tuple[ImageSet, Cost]:
        entry, path = self.grid.dataset(SimpleNamespace(dataset=name)), self._file_of(name)
        cost = calibration.prepare_images(path, entry, self.grid.config["data_root"])
        return images.load(path), cost + self.start("prepare_dataset", entry["plugin"])

    def _file_of(self, dataset: str) -> Path:
        return self.folder / f"{dataset}.safetensors"

    def _count_images(self, job: SimpleNamespace) -> int:
        image_set, regime = self.dataset(job.dataset)[0], self.grid.regime(job)
        prepare = load_plugin("regimes", regime["plugin"])
        everything, classes = image_set.training_set(), len(image_set.classes)
        return len(prepare(everything, classes, np.random.default_rng(0), **regime["parameters"]).labels)

    def _present(self, job: SimpleNamespace) -> dict[str, Presenting]:
        grid, spikes, file = self.grid, self.grid.spikes(job), f"spikes{job.presented}.npz"
        observables = {}
        for name in grid.observables():
            targets = grid.targets(name)
            if grid.spike_file(name) == file and job.dataset not in targets.values():
                reads = {artefact: Path(path).name for artefact, path in grid.observed_files(name).items()}
                reads |= {"dataset": calibration.IMAGES} if "dataset" in reads else {}
                reads |= {key: self._file_of(target) for key, target in targets.items()}
                observables[name] = grid.observable(name) | {"reads": reads}
        attempt = partial(self._trials(job).presenting, spikes, grid.training(job), file, observables)
        try:
            costs, features = attempt(PRESENTED)
        except InputError:  # some observable needs more images; with all of them it fails where a run would
            costs, features = attempt(presented(self.dataset(job.dataset)[0], spikes))
        self.features |= features
        return costs

    def _trials(self, job: SimpleNamespace) -> Trials:
        image_set, _ = self.dataset(job.dataset)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return Trials(folder, image_set, self.grid.run(job), self.grid.architecture(job), self._copies)


def estimate(grid: Grid, cores: int, folder: Path) -> Estimate:
    """Return what the grid costs from nothing; ``folder`` takes the files of the trials.

    Costs are those of one core each, without a GPU and without downloads. Raises InputError where a run would.
    """
    if not grid.cells:
        raise InputError("config: has recordings alone; expected networks, whose cost is what is estimated")
    found, costs = Estimate(), Costs(grid, folder, min(cores, machine_cores()))
    for dataset in grid.image_sets:
        image_set, cost = costs.dataset(dataset)
        found.step("prepare_dataset").add(cost, image_set.images.nbytes)
    chains = []
    for cell in grid.cells:
        try:
            chains.append(_add_runs(found, costs, SimpleNamespace(**cell._asdict())))
        except InputError as error:
            raise InputError(f"{'/'.join(cell)}: {error}") from None
    found.chain = max(chains) + _add_tables(found, costs) + _add_figures(found, costs)
    return found


def _add_runs(found: Estimate, costs: Costs, job: SimpleNamespace) -> float:
    """Add the jobs of all blocks of seeds of one cell; return the seconds of the longest chain of jobs of one."""
    grid, (first, *_) = costs.grid, costs.grid.blocks
    job.seeds = first
    settings, image_set = grid.training(job), costs.dataset(job.dataset)[0]
    checkpoints, block = len(settings["checkpoints"]), len(grid.run(job)["seeds"])
    # Blocks are as large as the first, and the last perhaps smaller: it counts as a part of a job's work.
    work = grid.config["seeds"] / block
    jobs = len(grid.blocks)

    def add(step: str, start: Cost, cost: Cost, disk: float, of_first: bool = False) -> float:
        share = 1 if of_first else work / jobs
        found.step(step).add(start + Cost(cost.seconds * share, cost.memory), disk * share, 1 if of_first else jobs)
        return start.seconds + cost.seconds

    training = costs.training(job)
    trained = training.cost(costs.trained_on(job), count_of(image_set, TEST), settings["epochs"], checkpoints)
    chain = add("train", costs.start("train"), trained, training.file * checkpoints)
    asked = {grid.spike_file(name) for name in grid.observables()}
    read = {grid.spike_file(name) for name in grid.spike_observables}
    rastered = {"spikes.npz"} if job.regime in grid.shown_regimes else set()
    after = []
    for file in sorted(asked | rastered):
        job.presented = file.removeprefix("spikes").removesuffix(".npz")
        shown, networks = presented(image_set, grid.spikes(job)), checkpoints * block
        presenting = costs.presenting(job)
        extraction, extracted = presenting[EXTRACTION], 0.0
        if file in read | rastered:
            start, cost = costs.start(EXTRACTION), extraction.cost(shown, networks)
            for_raster = file not in read
            extracted = add(EXTRACTION, start, cost, extraction.file.at(shown * networks), of_first=for_raster)
        observed = [0.0]
        for name, observing in presenting.items():
            if name != EXTRACTION:
                script = "observe_networks" if name in grid.network_observables else "observe"
                start = costs.start(script, grid.observable(name)["plugin"])
                measured = block if grid.is_measured_last(name) else networks
                cost, disk = observing.cost(shown, measured), observing.file.at(shown) * measured
                observed.append(add(f"observe_{name}", start, cost, disk))
        after.append(extracted + max(observed))
    return chain + max(after)


def _add_tables(found: Estimate, costs: Costs) -> float:
    """Add the jobs that join all runs; return the seconds of those that wait for one another.

    Those of doses, of stable indicators and of _OF_ONE_JOB, that of provenance, and those of pages of the report are
    taken to cost what starting them costs.
    """
    grid, start = costs.grid, costs.start("collect")
    features = pd.concat([table.assign(observable=name) for name, table in costs.features.items()])
    file = calibration.collection_of(costs.folder / "features", next(iter(costs.features.values())))
    files = len(grid.feature_files())
    jobs = [start + Cost(file.seconds * files, file.memory * files)]
    if grid.is_compared:
        settings, epochs = grid.config["indicators"], max(map(len, _checkpoints(grid).values()))
        regimes = {settings[role]: [0] for role in ("memorizing", "generalizing")}
        table = over_grid(features, regimes, grid.config["seeds"])
        epoch = calibration.comparison_of(table, settings)
        compared = Cost(epoch.seconds * epochs * len(grid.networks), epoch.memory)
        jobs += [start + compared, start, start]
    of_one_job = {f"results/tables/{name}.csv" for name in _OF_ONE_JOB} & set(grid.tables())
    of_provenance, pages = 1, len([*grid.csv_tables(), "overview", "provenance"])
    for job in [*jobs, *([start] * (len(of_one_job) + of_provenance + pages))]:
        found.step("tables").add(job)
    return sum(job.seconds for job in jobs)


def _add_figures(found: Estimate, costs: Costs) -> float:
    """Add the jobs that draw, and return the seconds of the longest.

    Figures of features over training cost by the number of features; the others are taken to cost as the least of them.
    """
    grid, start = costs.grid, costs.start("draw_over_training")
    confidence, epochs = grid.config["indicators"]["confidence"], _checkpoints(grid)
    numbers = {name: table["feature"].nunique() for name, table in costs.features.items()}
    drawn = []
    for name in sorted({min(numbers, key=numbers.get), max(numbers, key=numbers.get)}, key=numbers.get):
        table = over_grid(costs.features[name], epochs, grid.config["seeds"])
        drawn.append((numbers[name], *calibration.figure_of(costs.folder / name, table, list(epochs), confidence)))
    seconds, disk = (
        Linear.through(*((drawn[place][0], value(drawn[place])) for place in (0, -1)))
        for value in (lambda trial: trial[1].seconds, lambda trial: trial[2])
    )
    memory, least = max(cost.memory for _, cost, _ in drawn), min(numbers.values())
    figures = [path for path in grid.figures() if path.endswith(".png")]
    for path in figures:
        observable = path.split("/")[2] if "/over_training/" in path else None
        features = numbers.get(observable, least)
        found.step("figures").add(start + Cost(seconds.at(features), memory), disk.at(features))
    return start.seconds + seconds.at(max(numbers.values()))


def _checkpoints(grid: Grid) -> dict[str, list[int]]:
    """Return the epochs that are kept of each regime that most figures show."""
    shown = grid.shown_regimes
    cells = [SimpleNamespace(**cell._asdict()) for cell in grid.cells if cell.regime in shown]
    return {cell.regime: grid.training(cell)["checkpoints"] for cell in cells}


def in_words(found: Estimate, cores: int) -> str:
    """Return the estimate as a table of one screen."""
    lines = [f"{'step':<34} {'jobs':>6} {'a job':>9} {'in all':>9} {'memory':>9} {'on disk':>9}"]
    total = Step(memory=max(step.memory for step in found.steps.values()))
    for name, step in found.steps.items():
        lines.append(_row(name, step))
        total.jobs, total.seconds, total.disk = (
            total.jobs + step.jobs,
            total.seconds + step.seconds,
            total.disk + step.disk,
        )
    free = shutil.disk_usage(Path.cwd()).free
    return "\n".join(
        [
            *lines,
            _row("all", total),
            "",
            f"Time      about {_duration(found.seconds(cores))} on {cores} cores like these, no GPU, without downloads",
            f"Disk      about {_bytes(total.disk)} in results/ ({_bytes(free)} are free here)",
            f"Memory    up to {_bytes(total.memory)} a job, {_bytes(found.memory(cores))} for {cores} jobs at once",
        ]
    )


def _row(name: str, step: Step) -> str:
    each = _duration(step.seconds / step.jobs)
    sizes = f"{_bytes(step.memory):>9} {_bytes(step.disk):>9}"
    return f"{name:<34} {step.jobs:>6} {each:>9} {_duration(step.seconds):>9} {sizes}"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _bytes(count: float) -> str:
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"


def machine_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Print what the grid of a configuration will cost."""
    parser = argparse.ArgumentParser(prog="make estimate", description=__doc__)
    parser.add_argument("--configfile", default="config.yaml", help="the grid; config.yaml where none is given")
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="keys that override it")
    parser.add_argument("--cores", default="all", help="number of cores that the grid is to run on, or all")
    arguments = parser.parse_args()
    try:
        cores = _cores(arguments.cores)
        config = with_overrides(read_yaml(arguments.configfile), _overrides(arguments.config))
        grid = Grid(*complete_configuration(config))
        with tempfile.TemporaryDirectory() as folder:
            print(in_words(estimate(grid, cores, Path(folder)), cores))
    except InputError as error:
        sys.exit(str(error))


def _cores(cores: str) -> int:
    if cores != "all" and not (cores.isdecimal() and int(cores) > 0):
        raise InputError(f"--cores is {cores!r}; expected a number ≥ 1 or all")
    return machine_cores() if cores == "all" else int(cores)


def _overrides(pairs: list[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` as Snakemake does: the value is YAML."""
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--config {pair}: expected KEY=VALUE")
    try:
        return {key: yaml.safe_load(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    except yaml.YAMLError as error:
        raise InputError(f"--config: not valid YAML: {' '.join(str(error).split())}") from None
