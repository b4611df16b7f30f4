"""The grid: datasets × architectures × regimes × blocks of seeds, and recordings, with the settings of every run.

Rules ask the grid for two things: which files there are, and the parameters of the job that makes one of them.
The second kind are functions of a job's wildcards, as Snakemake calls them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain, product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from spikegrid.code import code_hash
from spikegrid.configuration import Plugins
from spikegrid.dose_series import SERIES
from spikegrid.elsewhere import CHECKPOINTS, RECORDING, label_files, state_files
from spikegrid.errors import InputError
from spikegrid.factories import factory_file
from spikegrid.plugins import Plugin

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""Pattern of every name in a path; the schema holds names to the same."""

RUN = "results/runs/{dataset}/{architecture}/{regime}/seeds{seeds}"
"""Folder of one run; ``seeds`` is the block, first and last seed, such as ``0-4``."""

ARTEFACTS = {
    "dataset": "results/datasets/{dataset}.safetensors",
    "checkpoints": f"{RUN}/checkpoints.safetensors",
    "history": f"{RUN}/history.csv",
    "spikes": f"{RUN}/spikes.npz",
}
"""Files of a run that an observable may read, by the name that it reads them under."""

_FIGURES_OF = {
    "firing": (["rates", "fano_against_rate", "fano_distributions"], ["fano_by_order", "firing_over_training"]),
    "intervals": (["interval_laws"], []),
    "process": (["assumptions"], []),
    "simulation": (["predictive_checks"], []),
    "complexity": (["by_depth"], []),
    "dimension": (["by_depth", "spectra", "against_loss"], []),
    "response": (["response_decay", "response_kernel", "against_loss"], []),
    "fragility": (["against_loss"], []),
    "pruning": (["pruning_curves", "random_ablation"], []),
    "transfer": (["transfer_accuracy", "transfer_predictors"], []),
}
"""Figures of each kind of observable beside those that all have: of one dataset and architecture, of the whole grid."""

_GROWING = ("complexity", "dimension", "response", "fragility", "plasticity")
"""Kinds of observables whose course over training has a figure with the laws fitted to it."""

_CHAPTERS = {
    "firing": "3 Spike trains",
    "correlations": "3 Spike trains",
    "class_information": "3 Spike trains",
    "intervals": "4 Process",
    "process": "4 Process",
    "complexity": "6 Complexity",
    "dimension": "6 Complexity",
    "response": "7 Response",
    "fragility": "7 Response",
    "plasticity": "7 Response",
    **dict.fromkeys(("simulation", "pruning", "transfer"), "8 Uses"),
}
"""Category of the report that has the figures of each kind of observable. Snakemake sorts categories by name."""

_FIGURES_AGAINST = {"fragility": {"dimension": ["fragility_against_dimension"]}}
"""Figures that set observables of one kind against one of another kind that measures the same images: of one dataset
and architecture, from the table of all features."""

_COLLECTED = ("history", "runs", "features")
"""Tables that the step ``collect`` makes; each other one has a step of its own name."""

_WITHOUT_EFFECT = ("data_root", "save_seconds")
"""Settings that change no result."""

_FOLDERS_OF_RUNS = ("features", "observables", "logs", "benchmarks")

_SCRIPTS = Path(__file__).parent.parent


class Cell(NamedTuple):
    """One combination of the grid over all its seeds, or one condition of a recording over all its sessions."""

    dataset: str
    architecture: str
    regime: str


class Grid:
    """The cells and seeds that a complete configuration asks for.

    cells: those of networks. recorded: those of recordings, whose seeds are sessions, one a block.
    Raises InputError when ``only`` and ``exclude`` leave no cell, when a plug-in misdeclares itself, when a file
    from elsewhere is not there, and when names give two figures one path.
    """

    def __init__(self, config: dict[str, Any], plugins: Plugins):
        self.config = config
        self._plugins = plugins
        self.cells = [cell for cell in map(Cell._make, self._product()) if self._is_kept(cell)]
        self.recorded = [cell for cell in self._recorded_cells() if self._is_kept(cell)]
        if not (self.cells or self.recorded):
            raise InputError("config: only and exclude leave no cell of the grid; expected at least one")
        self._cells_of: dict[tuple[str | None, str | None], list[Cell]] = defaultdict(list)
        for cell in (*self.cells, *self.recorded):
            for network in ((cell.dataset, cell.architecture), (cell.dataset, None), (None, None)):
                self._cells_of[network].append(cell)
        for name in self.observables():
            plugin = self._plugin("observables", name)
            reads, tables = plugin.constants.get("READS"), plugin.constants.get("TABLES", [])
            if not (isinstance(reads, list) and reads and all(artefact in list(ARTEFACTS) for artefact in reads)):
                raise InputError(
                    f"{plugin.path}: READS is {reads!r}; expected a list of some of {', '.join(ARTEFACTS)}"
                )
            if config["observables"][name]["images"] and "spikes" not in reads:
                raise InputError(
                    f"config: observables.{name}.images: the observable {plugin.name} reads no spikes and chooses its "
                    "images itself; expected no images"
                )
            if not (isinstance(tables, list) and all(map(_names_a_table, tables))):
                raise InputError(
                    f"{plugin.path}: TABLES is {tables!r}; expected a list of names such as units, "
                    f"none of {', '.join(_FOLDERS_OF_RUNS)}"
                )
        for name in config["regimes"]:
            plugin = self._plugin("regimes", name)
            series = plugin.constants.get("SERIES")
            if series not in (None, *SERIES):
                raise InputError(f"{plugin.path}: SERIES is {series!r}; expected one of {', '.join(SERIES)}")
        for cell in self.cells:
            if cell.regime in self.imported_regimes:
                everything = cell._asdict() | {"seeds": list(range(config["seeds"]))}
                state_files(everything, config["regimes"][cell.regime])
                label_files(everything, config["regimes"][cell.regime])
        for name in self.observables():
            for key, target in self.targets(name).items():
                if key in ARTEFACTS:
                    path = self._plugin("observables", name).path
                    raise InputError(f"{path}: PARAMETERS: {key!r} is an artefact of a run; choose another name")
                if self.datasets == [target]:
                    raise InputError(
                        f"config: observables.{name}.{key} is {target!r}, which all networks are trained on; expected "
                        "another dataset"
                    )
        if not any(map(self._measured_cells, self.observables())):
            raise InputError("config: observables: none can be measured; recordings have those without images alone")
        for figure, count in Counter(map(str.lower, self.figures())).items():
            if count > 1:
                raise InputError(f"config: two figures would be {figure}; rename the dataset or observable of its name")

    @property
    def blocks(self) -> list[str]:
        """Blocks of seeds, such as ``["0-4", "5-9"]``."""
        seeds, size = self.config["seeds"], self.config["seeds_per_job"]
        return [f"{first}-{min(first + size, seeds) - 1}" for first in range(0, seeds, size)]

    @cached_property
    def regimes(self) -> list[str]:
        """Regimes of networks, then conditions of recordings."""
        conditions = (cell.regime for cell in self._recorded_cells())
        return list(dict.fromkeys([*self.config["regimes"], *conditions]))

    @cached_property
    def imported_regimes(self) -> list[str]:
        """Regimes whose networks come from files."""
        return [name for name, entry in self.config["regimes"].items() if entry["kind"] == CHECKPOINTS]

    @property
    def trained_regimes(self) -> list[str]:
        """Regimes whose networks are trained here."""
        return [name for name in self.config["regimes"] if name not in self.imported_regimes]

    @property
    def conditions(self) -> list[str]:
        """Conditions of recordings."""
        return [regime for regime in self.regimes if regime not in self.config["regimes"]]

    @property
    def datasets(self) -> list[str]:
        """Datasets of the cells of networks that are kept."""
        return list(dict.fromkeys(cell.dataset for cell in self.cells))

    @property
    def image_sets(self) -> list[str]:
        """Datasets whose images are prepared: those of the cells, and those that their observables take beside."""
        targets = [self.targets(name).values() for name in self.observables() if self._measured_cells(name)]
        return list(dict.fromkeys([*self.datasets, *chain.from_iterable(targets)]))

    @property
    def networks(self) -> list[tuple[str, str]]:
        """Pairs (dataset, architecture) of the cells of networks that are kept."""
        return list(dict.fromkeys((cell.dataset, cell.architecture) for cell in self.cells))

    def observables(self, kind: str | None = None) -> list[str]:
        """Names of the observables, or of those of one kind."""
        entries = self.config["observables"]
        return [name for name, entry in entries.items() if kind in (None, entry["kind"])]

    @property
    def network_observables(self) -> list[str]:
        """Names of the observables that read networks, for which torch and perhaps a GPU are needed."""
        return [name for name in self.observables() if "checkpoints" in self._reads(name)]

    @property
    def spike_observables(self) -> list[str]:
        """Names of the observables that read spikes, be it spikes alone or networks too."""
        return [name for name in self.observables() if "spikes" in self._reads(name)]

    @property
    def table_observables(self) -> list[str]:
        """Names of the observables that read spikes and histories alone."""
        return [name for name in self.observables() if name not in self.network_observables]

    def is_measured_last(self, observable: str) -> bool:
        """Tell whether an observable measures networks at the end of training alone."""
        return self._plugin("observables", observable).constants.get("EPOCHS") == "last"

    def observed_files(self, observable: str) -> dict[str, str]:
        """Pattern of each artefact of a run that an observable reads, by the name under which it gets it."""
        artefacts = ARTEFACTS | {"spikes": f"{RUN}/{self.spike_file(observable)}"}
        targets = self.targets(observable).items()
        return {name: artefacts[name] for name in self._reads(observable)} | {
            key: ARTEFACTS["dataset"].format(dataset=target) for key, target in targets
        }

    def targets(self, observable: str) -> dict[str, str]:
        """Names of further datasets whose images an observable takes, by the parameter that names each."""
        entry, parameters = self.config["observables"][observable], self._plugin("observables", observable).parameters
        return {key: entry[key] for key, rule in parameters.items() if rule.get("format") == "dataset"}

    def spike_file(self, observable: str) -> str:
        """Name of the spike file of a run that an observable reads: that of the images which it asks for."""
        images = self.config["observables"][observable]["images"]
        return f"spikes_{images}.npz" if images else "spikes.npz"

    def observable_tables(self, observable: str) -> dict[str, str]:
        """Pattern of the tables of one run that an observable gives: ``features`` and those that it names."""
        further = self._plugin("observables", observable).constants.get("TABLES", [])
        tables = {name: f"{RUN}/{name}/{observable}.parquet" for name in further}
        return {"features": f"{RUN}/observables/{observable}.parquet", **tables}

    def feature_files(self) -> list[str]:
        """Paths of the features of every run and observable."""
        return [path for name in self.observables() for path in self.observable_files("observables", name)]

    def observable_files(self, folder: str, observable: str) -> list[str]:
        """Paths of the tables of one observable in a ``folder`` of every run that it is measured on."""
        return self._paths(f"{folder}/{observable}.parquet", self._measured_cells(observable))

    def tables(self) -> list[str]:
        """Paths of the tables that the grid ends in."""
        names = ["history.csv", "runs.csv", "features.parquet"]
        names += [f"{kind}.csv" for kind in ("process", "pruning", "simulation") if self.observables(kind)]
        names += ["transfer.csv", "transfer_predictors.csv"] if self.observables("transfer") else []
        names += ["dynamics.csv"] if any(map(self._is_followed, self.cells)) else []
        names += (
            ["indicators.csv", "doses.csv", "stable_indicators.csv", "stable_indicators.html"]
            if self.is_compared
            else []
        )
        detector = ["results/tables/detector.csv", "results/detector.json"] if self._has_detector else []
        return [*(f"results/tables/{name}" for name in names), *detector]

    def figures(self) -> list[str]:
        """Paths of the figures that the grid ends in, as pdf and png, and of their data, as csv."""
        shown = self._cells_with(regimes=self.shown_regimes)
        figures = [f"training/{dataset}" for dataset in self.datasets]
        figures += [f"raster/{network}" for network in _networks(shown)]
        for name, entry in self.config["observables"].items():
            measured = [cell for cell in self._measured_cells(name) if cell.regime in self.shown_regimes]
            if not measured:
                continue
            of_cells, of_grid = _FIGURES_OF.get(entry["kind"], ([], []))
            trained = [cell for cell in measured if cell not in self.recorded]
            over_training = [] if self.is_measured_last(name) else ["over_training"]
            of_networks = [*over_training, *self._figures_against(name)]
            figures += [f"{name}/{kind}/{network}" for kind in of_networks for network in _networks(trained)]
            if entry["kind"] in _GROWING:
                figures += [f"{name}/growth/{network}" for network in _networks(filter(self._is_followed, trained))]
            figures += [f"{name}/{kind}/{network}" for kind in of_cells for network in _networks(measured)]
            figures += [
                f"{name}/{kind}" for kind in [*of_grid, *(["indicators"] if self._are_compared(measured) else [])]
            ]
        figures += ["stable_indicators"] if self.is_compared else []
        figures += ["detector"] if self._has_detector else []
        with_doses = {cell.dataset for cell in self._cells_with(regimes=self._dose_regimes)}
        figures += [f"dose_response/{dataset}" for dataset in self.datasets if dataset in with_doses]
        return [f"results/figures/{figure}.{suffix}" for figure in figures for suffix in ("pdf", "png", "csv")]

    def csv_tables(self) -> list[str]:
        """Paths of those of ``tables`` that are csv."""
        return [path for path in self.tables() if path.endswith(".csv")]

    def chapter(self, wildcards: Any) -> str:
        """Category of the report that has the figures of an observable; those of one's own kinds have one of theirs."""
        return _CHAPTERS.get(self.config["observables"][wildcards.observable]["kind"], "Measures")

    @property
    def named_regimes(self) -> str:
        """What most figures show, as a label of the report."""
        return "all but doses" if self._dose_regimes else "all"

    @property
    def compared(self) -> str:
        """The two regimes that the indicators compare, as a label of the report."""
        return " − ".join(self._compared)

    @property
    def networks_named(self) -> dict[str, str]:
        """Labels that tell the figures of networks apart in the report: dataset and architecture.

        They are one label where not every dataset is with every architecture. Snakemake 9.27 makes a switch of a label
        with two values that half of the figures have each, and its page goes blank where a figure has no counterpart.
        """
        networks = {cell[:2] for cell in self._cells_with(regimes=self.shown_regimes)}
        sides = [len(set(names)) for names in zip(*networks)]
        if len(networks) == prod(sides):
            return {"dataset": "{dataset}", "architecture": "{architecture}"}
        return {"dataset, architecture": "{dataset}, {architecture}"}

    @property
    def network_labels(self) -> dict[str, str]:
        """Labels of a figure of one dataset and architecture."""
        return {"regimes": self.named_regimes} | self.networks_named

    def logs(self) -> dict[str, list[str]]:
        """Paths of the logs of all jobs that the tables come from, by step."""
        cells = {
            "train": [cell for cell in self.cells if cell.regime in self.trained_regimes],
            "import_checkpoints": [cell for cell in self.cells if cell.regime in self.imported_regimes],
            "import_recording": self.recorded,
        }
        for name in self.observables():
            cells[f"extract_{Path(self.spike_file(name)).stem}"] = self.cells
            cells[f"observe_{name}"] = self._measured_cells(name)
        tables = (Path(path).stem for path in self.tables())
        joining = dict.fromkeys("collect" if name in _COLLECTED else name for name in tables)
        return {
            "prepare_dataset": [f"results/logs/prepare_dataset/{name}.log" for name in self.image_sets],
            **{step: self._paths(f"logs/{step}.log", own) for step, own in cells.items()},
            **{step: [f"results/logs/{step}.log"] for step in joining},
        }

    def settings(self) -> dict[str, Any]:
        """Return the configuration without what changes no result."""
        return {key: value for key, value in self.config.items() if key not in _WITHOUT_EFFECT}

    def counterpart(self, observable: str, kind: str) -> str | None:
        """Name of the first observable of a ``kind`` that measures the images which ``observable`` does, if any."""
        images = self._images(observable)
        return next((name for name in self.observables(kind) if self._images(name) == images), None)

    @cached_property
    def shown_regimes(self) -> list[str]:
        """Regimes of most figures: all but the doses, which have a figure of their own where regimes are compared."""
        return [regime for regime in self.regimes if regime not in self._dose_regimes]

    def shown(self, wildcards: Any) -> dict[str, str | list[str]]:
        """Names of the cells in a figure of one dataset and architecture."""
        return {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "regimes": self.shown_regimes}

    def dose_series(self) -> dict[str, list[str]]:
        """Regimes of each series that has doses: these, and the compared regimes at its ends."""
        generalizing, memorizing = (self.config["indicators"][role] for role in ("generalizing", "memorizing"))
        series = {}
        for name, doses in self._doses.items():
            if doses:
                ends = [generalizing, *([memorizing] if self._series(memorizing) == name else [])]
                series[name] = [regime for regime in self.config["regimes"] if regime in (*doses, *ends)]
        return series

    def traits(self) -> dict[str, dict[str, Any]]:
        """For each observable its ``images``, and patterns of its features: which need ``labels``, have ``caveats``."""
        traits = {}
        for name in self.observables():
            constants = self._plugin("observables", name).constants
            traits[name] = {
                "images": self._images(name),
                "labels": constants.get("LABELS", []),
                "caveats": constants.get("CAVEATS", {}),
            }
        return traits

    def transfers(self) -> dict[str, str]:
        """Name of the dataset that each observable of transfer takes beside that of the run."""
        return {name: self.targets(name)["target"] for name in self.observables("transfer")}

    def further_files(self, kind: str, table: str) -> list[str]:
        """Paths of a further ``table`` of every run, of all observables of one kind."""
        return [path for name in self.observables(kind) for path in self.observable_files(table, name)]

    @cached_property
    def is_compared(self) -> bool:
        """Tell whether some dataset and architecture, or recording, has both regimes that the indicators compare."""
        return self._are_compared([*self.cells, *self.recorded])

    def run_files(self, file: str, **chosen: str | list[str]) -> list[str]:
        """Paths of ``file`` in every run, or in those of the ``chosen`` cells."""
        return self._paths(file, self._cells_with(**chosen))

    def first_run_files(self, file: str, **chosen: str | list[str]) -> list[str]:
        """Paths of ``file`` in the first block of seeds of every cell, or of the ``chosen`` ones."""
        return self._paths(file, self._cells_with(**chosen), blocks=1)

    def run(self, wildcards: Any) -> dict[str, Any]:
        """Names and seeds of a run."""
        first, last = map(int, wildcards.seeds.split("-"))
        names = {axis: getattr(wildcards, axis) for axis in Cell._fields}
        return names | {"seeds": list(range(first, last + 1))}

    def dataset(self, wildcards: Any) -> dict[str, Any]:
        """Plug-in, parameters and sizes of a dataset."""
        entry = self.config["datasets"][wildcards.dataset]
        sizes = {key: entry[key] for key in ("train_size", "test_size", "test_share")}
        return {"name": wildcards.dataset, **self._called("datasets", wildcards.dataset), **sizes}

    def dataset_files(self, wildcards: Any) -> list[str]:
        """Files of the user's own that a dataset is read from; with a newer one it is prepared anew."""
        entry = self.config["datasets"][wildcards.dataset]
        parameters = self._plugin("datasets", wildcards.dataset).parameters
        return [entry[key] for key, rule in parameters.items() if rule.get("format") == "array-file"]

    def architecture(self, wildcards: Any) -> dict[str, Any]:
        """Plug-in and parameters of an architecture."""
        return self._called("architectures", wildcards.architecture)

    def regime(self, wildcards: Any) -> dict[str, Any]:
        """Plug-in and parameters of a regime."""
        return self._called("regimes", wildcards.regime)

    def epochs(self, wildcards: Any) -> list[int]:
        """Epochs of the networks of a run that come from files."""
        return sorted(self.config["regimes"][wildcards.regime]["epochs"])

    def state_files(self, wildcards: Any) -> list[str]:
        """Paths of the state dicts of a run, all epochs of a seed together."""
        return state_files(self.run(wildcards), self.config["regimes"][wildcards.regime])

    def label_files(self, wildcards: Any) -> list[str]:
        """Paths of the labels that the networks of a run were trained on, where they are not the true ones."""
        return label_files(self.run(wildcards), self.config["regimes"][wildcards.regime])

    def recording(self, wildcards: Any) -> dict[str, Any]:
        """Span and bin of a recording, seconds."""
        entry = self.config["recordings"][wildcards.dataset]
        return {key: entry[key] for key in ("span", "bin")}

    def session_file(self, wildcards: Any) -> str:
        """Path of the spikes of one session."""
        sessions = self.config["recordings"][wildcards.dataset]["conditions"][wildcards.regime]
        return sessions[int(wildcards.seeds.split("-")[0])]

    def observable(self, name: str) -> dict[str, Any]:
        """Plug-in and parameters of an observable."""
        return self._called("observables", name)

    def training(self, wildcards: Any) -> dict[str, Any]:
        """Training settings of a run: the config's, overridden by its dataset, architecture, regime kind and regime.

        ``checkpoints`` are the epochs that the run keeps: those listed up to its last, and always 0 and the last; or
        those of files. The target accuracy is not among them: another target makes no other network.
        """
        settings = self._settings("training", wildcards)
        last = settings["epochs"]
        kept = sorted({0, last, *(epoch for epoch in settings["checkpoints"] if epoch < last)})
        if wildcards.regime in self.imported_regimes:
            kept = self.epochs(wildcards)
        return {key: value for key, value in settings.items() if key != "target_accuracy"} | {"checkpoints": kept}

    def target_accuracies(self, **chosen: str | list[str]) -> list[dict[str, Any]]:
        """Names of every cell of networks, or of the ``chosen`` ones, with their ``target_accuracy``."""
        return [
            cell._asdict() | {"target_accuracy": self._settings("training", cell)["target_accuracy"]}
            for cell in self._cells_with(**chosen)
            if cell not in self.recorded
        ]

    def spikes(self, wildcards: Any) -> dict[str, Any]:
        """What is presented to the networks of a run and kept, with the same precedence as ``training``.

        ``presented`` is empty, or ``_train`` or ``_test`` where an observable asks for these images.
        """
        settings = self._settings("spikes", wildcards)
        return settings | ({"images": wildcards.presented.removeprefix("_")} if wildcards.presented else {})

    def code(self, script: str, **plugins: str) -> str:
        """Hash of the code of a rule's script and of the plug-ins of its jobs, as ``observables="firing"``."""
        files = [file for folder, name in plugins.items() for file in self._code_files(folder, name)]
        return code_hash(_SCRIPTS / f"{script}.py", *files)

    def code_of_all(self, scripts: Iterable[str]) -> dict[str, str]:
        """Hash of the code of each of the ``scripts``, named by paths, and of the plug-in of each entry."""
        hashes = {Path(script).stem: self.code(Path(script).stem) for script in scripts}
        for folder in self._plugins:
            for name in self.config[folder]:
                hashes[f"{folder}.{name}"] = code_hash(*self._code_files(folder, name))
        return hashes

    def code_of_job(self, script: str, *folders: str) -> Callable[[Any], str]:
        """Hash of the code of a rule's script and of the plug-ins of ``folders`` that a job's wildcards name."""
        return lambda wildcards: self.code(
            script, **{folder: getattr(wildcards, folder.removesuffix("s")) for folder in folders}
        )

    def _series(self, regime: str) -> str | None:
        is_condition = regime not in self.config["regimes"]
        return None if is_condition else self._plugin("regimes", regime).constants.get("SERIES")

    @cached_property
    def _doses(self) -> dict[str, list[str]]:
        """Regimes that are only there as doses between the compared ones, by series.

        Those of a kind that is a dose, and not compared; but no variant, which differs in more than a dose: from the
        regime that it is based on, or else from the compared regimes of its kind.
        """
        doses: dict[str, list[str]] = {name: [] for name in SERIES}
        if not (self.is_compared and set(self._compared) <= set(self.config["regimes"])):
            return doses
        for regime in self.config["regimes"]:
            if self._series(regime) and regime not in self._compared and not self._is_variant(regime):
                doses[self._series(regime)].append(regime)
        return doses

    @property
    def _has_detector(self) -> bool:
        return self.config["detector"] is not None and self._are_compared(self.cells)

    @property
    def _compared(self) -> list[str]:
        return [self.config["indicators"][role] for role in ("memorizing", "generalizing")]

    def _is_variant(self, regime: str) -> bool:
        """Tell whether a regime, or one that it is based on, differs in more than a dose from what it stands beside."""
        entries, base = self.config["regimes"], self.config["regimes"][regime].get("base")
        if base is not None:
            return _differ_beyond_dose(entries[regime], entries[base]) or self._is_variant(base)
        alike = [name for name in self._compared if entries[name]["kind"] == entries[regime]["kind"]]
        return bool(alike) and all(_differ_beyond_dose(entries[regime], entries[name]) for name in alike)

    @cached_property
    def _dose_regimes(self) -> list[str]:
        return [regime for regimes in self._doses.values() for regime in regimes]

    def _product(self) -> Iterator[tuple[str, ...]]:
        return product(*(self.config[axis] for axis in ("datasets", "architectures", "regimes")))

    def _recorded_cells(self) -> list[Cell]:
        recordings = self.config["recordings"].items()
        return [Cell(name, RECORDING, condition) for name, entry in recordings for condition in entry["conditions"]]

    def _blocks_of(self, cell: Cell) -> list[str]:
        """Blocks of the seeds of a cell. Sessions have units of their own, so each is a block."""
        if cell not in self.recorded:
            return self.blocks
        sessions = self.config["recordings"][cell.dataset]["conditions"][cell.regime]
        return [f"{session}-{session}" for session in range(len(sessions))]

    def _paths(self, file: str, cells: list[Cell], blocks: int | None = None) -> list[str]:
        runs = ((cell, block) for cell in cells for block in self._blocks_of(cell)[:blocks])
        return [f"{RUN.format(**cell._asdict(), seeds=block)}/{file}" for cell, block in runs]

    def _measured_cells(self, observable: str) -> list[Cell]:
        """Cells that an observable is measured on: none of a dataset that it takes beside that of the run.

        Of a recording there are spikes alone, and these of no images.
        """
        targets = self.targets(observable).values()
        own = [cell for cell in self.cells if cell.dataset not in targets]
        on_recordings = (
            self._reads(observable) == ["spikes"] and self.config["observables"][observable]["images"] is None
        )
        return [*own, *(self.recorded if on_recordings else [])]

    def _are_compared(self, cells: Iterable[Cell]) -> bool:
        """Tell whether ``cells`` hold both compared regimes of one dataset and architecture, or of one recording."""
        cells = set(cells)
        return any(all(cell._replace(regime=regime) in cells for regime in self._compared) for cell in cells)

    def _cells_with(
        self, dataset: str | None = None, architecture: str | None = None, regimes: list[str] | None = None
    ) -> list[Cell]:
        """Cells of a dataset, or of one architecture on it, in the order of the configuration."""
        cells = self._cells_of[dataset, architecture]
        return [cell for cell in cells if regimes is None or cell.regime in regimes]

    def _is_followed(self, cell: Cell) -> bool:
        """Tell whether the networks of a cell are measured at several epochs."""
        return len(self.training(cell)["checkpoints"]) > 1

    def _is_kept(self, cell: Cell) -> bool:
        only, exclude = self.config["only"], self.config["exclude"]
        return (not only or any(_matches(cell, rule) for rule in only)) and not any(
            _matches(cell, rule) for rule in exclude
        )

    def _figures_against(self, observable: str) -> list[str]:
        """Return the figures of an observable that have a counterpart to be drawn against."""
        against = _FIGURES_AGAINST.get(self.config["observables"][observable]["kind"], {})
        return [figure for kind, figures in against.items() if self.counterpart(observable, kind) for figure in figures]

    def _images(self, observable: str) -> str:
        """Return which images an observable measures, ``train`` or ``test``, unless a dataset or so overrides it."""
        own = self._plugin("observables", observable).constants.get("SHOWN")
        return own or self.config["observables"][observable]["images"] or self.config["spikes"]["images"]

    def _reads(self, observable: str) -> list[str]:
        return self._plugin("observables", observable).constants["READS"]

    def _plugin(self, folder: str, name: str) -> Plugin:
        return self._plugins[folder][self.config[folder][name]["kind"]]

    def _code_files(self, folder: str, name: str) -> list[Path]:
        """Return the file of the plug-in of an entry, and those of the factories that its parameters name."""
        plugin, entry = self._plugin(folder, name), self.config[folder][name]
        named = [entry[key] for key, rule in plugin.parameters.items() if rule.get("format") == "factory"]
        return [plugin.path, *filter(None, map(factory_file, named))]

    def _called(self, folder: str, name: str) -> dict[str, Any]:
        plugin, entry = self._plugin(folder, name), self.config[folder][name]
        return {"plugin": plugin.source, "parameters": {key: entry[key] for key in plugin.parameters}}

    def _settings(self, section: str, wildcards: Any) -> dict[str, Any]:
        entries = self.config
        regime_kind = self._plugin("regimes", wildcards.regime).constants
        return (
            entries[section]
            | entries["datasets"][wildcards.dataset].get(section, {})
            | entries["architectures"][wildcards.architecture].get(section, {})
            | regime_kind.get(section.upper(), {})
            | entries["regimes"][wildcards.regime].get(section, {})
        )


def one_of(names: list[str]) -> str:
    """Return a pattern that takes ``names`` and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def _networks(cells: Iterable[Cell]) -> list[str]:
    return list(dict.fromkeys(f"{cell.dataset}/{cell.architecture}" for cell in cells))


def _names_a_table(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and name not in _FOLDERS_OF_RUNS


def _differ_beyond_dose(entry: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two regimes differ in training, in spikes, or in a parameter of one kind that is not a number."""
    of_kind = entry.keys() - {"base", "kind"} if entry["kind"] == other["kind"] else set()
    return any(
        (entry.get(key) or {}) != (other.get(key) or {})
        for key in of_kind | {"training", "spikes"}
        if type(entry.get(key)) not in (int, float)
    )


def _matches(cell: Cell, rule: dict[str, str | list[str]]) -> bool:
    return all(
        getattr(cell, axis) == names if isinstance(names, str) else getattr(cell, axis) in names
        for axis, names in rule.items()
    )
