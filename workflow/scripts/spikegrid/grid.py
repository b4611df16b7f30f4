"""The grid: datasets × architectures × regimes × blocks of seeds, with the settings of every run.

Rules ask the grid for two things: which files there are, and the parameters of the job that makes one of them.
The second kind are functions of a job's wildcards, as Snakemake calls them.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from spikegrid.code import code_hash
from spikegrid.configuration import Plugins
from spikegrid.errors import InputError
from spikegrid.plugins import Plugin

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""Pattern of every name in a path; the schema holds names to the same."""

RUN = "results/runs/{dataset}/{architecture}/{regime}/seeds{seeds}"
"""Folder of one run; ``seeds`` is the block, first and last seed, such as ``0-4``."""

ARTEFACTS = {"checkpoints": "checkpoints.safetensors", "history": "history.csv", "spikes": "spikes.npz"}
"""Files of a run that an observable may read, by the name that it reads them under."""

_SCRIPTS = Path(__file__).parent.parent


class Cell(NamedTuple):
    """One combination of the grid, over all its seeds."""

    dataset: str
    architecture: str
    regime: str


class Grid:
    """The cells and seeds that a complete configuration asks for.

    Raises InputError when ``only`` and ``exclude`` leave no cell.
    """

    def __init__(self, config: dict[str, Any], plugins: Plugins):
        self.config = config
        self._plugins = plugins
        self.cells = [cell for cell in map(Cell._make, self._product()) if self._is_kept(cell)]
        if not self.cells:
            raise InputError("config: only and exclude leave no cell of the grid; expected at least one")
        for name in self.observables():
            plugin = self._plugin("observables", name)
            reads = plugin.constants.get("READS")
            if not (isinstance(reads, list) and reads and all(artefact in list(ARTEFACTS) for artefact in reads)):
                raise InputError(
                    f"{plugin.path}: READS is {reads!r}; expected a list of some of {', '.join(ARTEFACTS)}"
                )

    @property
    def blocks(self) -> list[str]:
        """Blocks of seeds, such as ``["0-4", "5-9"]``."""
        seeds, size = self.config["seeds"], self.config["seeds_per_job"]
        return [f"{first}-{min(first + size, seeds) - 1}" for first in range(0, seeds, size)]

    @property
    def datasets(self) -> list[str]:
        """Datasets of the cells that are kept."""
        return list(dict.fromkeys(cell.dataset for cell in self.cells))

    @property
    def networks(self) -> list[tuple[str, str]]:
        """Pairs (dataset, architecture) of the cells that are kept."""
        return list(dict.fromkeys((cell.dataset, cell.architecture) for cell in self.cells))

    def observables(self, kind: str | None = None) -> list[str]:
        """Names of the observables, or of those of one kind."""
        entries = self.config["observables"]
        return [name for name, entry in entries.items() if kind in (None, entry["kind"])]

    def observed_files(self, observable: str) -> dict[str, str]:
        """Pattern of each artefact of a run that an observable reads, by the name under which it gets it."""
        return {name: f"{RUN}/{ARTEFACTS[name]}" for name in self._plugin("observables", observable).constants["READS"]}

    def observable_tables(self, observable: str) -> dict[str, str]:
        """Pattern of the tables of one run that an observable gives: ``features`` and, where it has them, ``units``."""
        tables = {"features": f"{RUN}/observables/{observable}.parquet"}
        if self._plugin("observables", observable).constants.get("UNITS", False):
            tables["units"] = f"{RUN}/units/{observable}.parquet"
        return tables

    def feature_files(self) -> list[str]:
        """Paths of the features of every run and observable."""
        return [path for name in self.observables() for path in self.run_files(f"observables/{name}.parquet")]

    def tables(self) -> list[str]:
        """Paths of the tables that the grid ends in."""
        names = ["history.csv", "runs.csv", "features.parquet", *(["indicators.csv"] if self.is_compared() else [])]
        return [f"results/tables/{name}" for name in names]

    def figures(self) -> list[str]:
        """Paths of the figures that the grid ends in, as pdf and png."""
        figures = [f"training/{dataset}" for dataset in self.datasets]
        figures += [f"raster/{dataset}/{architecture}" for dataset, architecture in self.networks]
        for name in self.observables():
            kinds = ["over_training", *(["rates", "fano_against_rate"] if name in self.observables("firing") else [])]
            figures += [f"{name}/{kind}/{dataset}/{network}" for kind in kinds for dataset, network in self.networks]
            figures += [f"{name}/indicators"] if self.is_compared() else []
        return [f"results/figures/{figure}.{suffix}" for figure in figures for suffix in ("pdf", "png")]

    def is_compared(self) -> bool:
        """Tell whether some dataset and architecture has both regimes that the indicators compare."""
        cells = set(self.cells)
        compared = [self.config["indicators"][role] for role in ("memorizing", "generalizing")]
        return any(all(Cell(*network, regime) in cells for regime in compared) for network in self.networks)

    def run_files(self, file: str, seeds: str | None = None, **chosen: str) -> list[str]:
        """Paths of ``file`` in every run, or in those of the block ``seeds`` or whose cell has the ``chosen`` names."""
        blocks = self.blocks if seeds is None else [seeds]
        cells = self._cells_with(**chosen)
        return [f"{RUN.format(**cell._asdict(), seeds=block)}/{file}" for cell in cells for block in blocks]

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

    def architecture(self, wildcards: Any) -> dict[str, Any]:
        """Plug-in and parameters of an architecture."""
        return self._called("architectures", wildcards.architecture)

    def regime(self, wildcards: Any) -> dict[str, Any]:
        """Plug-in and parameters of a regime."""
        return self._called("regimes", wildcards.regime)

    def observable(self, name: str) -> dict[str, Any]:
        """Plug-in and parameters of an observable."""
        return self._called("observables", name)

    def training(self, wildcards: Any) -> dict[str, Any]:
        """Training settings of a run: the config's, overridden by its dataset, architecture, regime kind and regime.

        ``checkpoints`` are the epochs that the run keeps: those listed up to its last, and always 0 and the last.
        The target accuracy is not among them: another target makes no other network.
        """
        settings = self._settings("training", wildcards)
        last = settings["epochs"]
        kept = sorted({0, last, *(epoch for epoch in settings["checkpoints"] if epoch < last)})
        return {key: value for key, value in settings.items() if key != "target_accuracy"} | {"checkpoints": kept}

    def target_accuracies(self, **chosen: str) -> list[dict[str, Any]]:
        """Names of every cell, or of those with the ``chosen`` names, with the ``target_accuracy`` of its networks."""
        return [
            cell._asdict() | {"target_accuracy": self._settings("training", cell)["target_accuracy"]}
            for cell in self._cells_with(**chosen)
        ]

    def spikes(self, wildcards: Any) -> dict[str, Any]:
        """What is presented to the networks of a run and kept, with the same precedence as ``training``."""
        return self._settings("spikes", wildcards)

    def code(self, script: str, *folders: str, **fixed: str) -> Callable[[Any], str]:
        """Hash of the code of a rule's script and of the plug-ins that its job uses.

        ``folders`` are those of the plug-ins that wildcards name; ``fixed`` names one outright, as
        ``observables="firing"``.
        """

        def of_job(wildcards: Any) -> str:
            names = {folder: getattr(wildcards, folder.removesuffix("s")) for folder in folders} | fixed
            plugins = [self._plugin(folder, name).path for folder, name in names.items()]
            return code_hash(_SCRIPTS / f"{script}.py", *plugins)

        return of_job

    def _product(self) -> Iterator[tuple[str, ...]]:
        return product(*(self.config[axis] for axis in ("datasets", "architectures", "regimes")))

    def _cells_with(self, **chosen: str) -> list[Cell]:
        return [cell for cell in self.cells if all(getattr(cell, axis) == name for axis, name in chosen.items())]

    def _is_kept(self, cell: Cell) -> bool:
        only, exclude = self.config["only"], self.config["exclude"]
        return (not only or any(_matches(cell, rule) for rule in only)) and not any(
            _matches(cell, rule) for rule in exclude
        )

    def _plugin(self, folder: str, name: str) -> Plugin:
        return self._plugins[folder][self.config[folder][name]["kind"]]

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


def _matches(cell: Cell, rule: dict[str, str | list[str]]) -> bool:
    return all(
        getattr(cell, axis) == names if isinstance(names, str) else getattr(cell, axis) in names
        for axis, names in rule.items()
    )
