"""Short trials of the steps of a grid on this machine: what an image, an epoch, a checkpoint costs.

Each step is tried at two sizes, in processes of its own, and taken to grow linearly from there, as
``benchmarks/scaling.py`` shows that it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from spikegrid import images
from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.cost import Cost, Linear, Work, measured
from spikegrid.device import prepare_device
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes
from spikegrid.features import observed_tables, read_table, write_table
from spikegrid.history import save_history
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.indicators import compare_regimes
from spikegrid.joint_training import batch_size
from spikegrid.plugins import load_plugin, read_plugin
from spikegrid.randomness import derived_seed
from spikegrid.tables import RUN, join_features
from spikegrid.training import train_block

PRESENTED = 1024
"""Images that the larger trial presents, where there are as many."""

ENOUGH = 0.5
"""Processor seconds of learning after which a trial of it is long enough."""

EXTRACTION = "extract_spikes"

IMAGES = "images.safetensors"
"""Name of the file of the images of a trial."""

_PATCH = 4
_SUFFIXES = ".pdf", ".png", ".csv"
_GENERALIZING = {"plugin": "generalizing", "parameters": {}}


@dataclass(frozen=True)
class Training:
    """What training one block of seeds costs.

    evaluated, held: seconds and bytes of memory over images, evaluated once. learned: seconds for an image and epoch of
    learning. learning, kept: bytes of memory for learning, and for each checkpoint beyond two. file: bytes on disk of a
    checkpoint.
    """

    evaluated: Linear
    held: Linear
    learned: float
    learning: float
    kept: float
    file: float

    def cost(self, train: int, test: int, epochs: int, checkpoints: int) -> Cost:
        """Return the cost of training on ``train`` images, evaluated after each epoch with ``test`` others."""
        shown = train + test
        seconds = self.evaluated.fixed + self.evaluated.each * shown * (epochs + 1) + self.learned * train * epochs
        learning = (self.learning if epochs else 0) + self.kept * max(checkpoints - 2, 0)
        return Cost(seconds, self.held.at(shown) + learning)


@dataclass(frozen=True)
class Presenting:
    """What a step costs that goes through the images presented to each network and checkpoint.

    seconds: over presented images, of all networks and checkpoints; or of one network and checkpoint, where each is
    ``alone``. memory, file: bytes of memory and on disk over the images of one.
    """

    seconds: Linear
    memory: Linear
    file: Linear
    alone: bool

    @classmethod
    def through(cls, small: tuple[int, Cost, int], large: tuple[int, Cost, int], alone: bool = False) -> Self:
        """Return the lines through two trials with one checkpoint: images presented, cost, bytes written."""
        (n1, cost1, bytes1), (n2, cost2, bytes2) = small, large
        return cls(
            Linear.through((n1, cost1.seconds), (n2, cost2.seconds)),
            Linear.through((n1, cost1.memory), (n2, cost2.memory)),
            Linear.through((n1, bytes1), (n2, bytes2)),
            alone,
        )

    def cost(self, presented: int, checkpoints: int) -> Cost:
        """Return the cost for ``presented`` images and a number of checkpoints, of all seeds together."""
        seconds = self.seconds.at(presented) * checkpoints if self.alone else self.seconds.at(presented * checkpoints)
        return Cost(seconds, self.memory.at(presented))


class Trials:
    """Trials with one dataset and architecture.

    folder: for the files of the trials. image_set: all images of the dataset. run, architecture: as the grid has them.
    copies: number of processes that do the same at the same time.
    """

    def __init__(self, folder: Path, image_set: ImageSet, run: dict[str, Any], architecture: dict, copies: int):
        self._folder, self._images, self._run = folder, image_set, run
        self._architecture, self._copies = architecture, copies

    def training(self, settings: dict[str, Any]) -> Training:
        """Return what training costs with the ``settings`` of a run."""
        trains, tests = (count_of(self._images, part) for part in (TRAIN, TEST))
        large = min(PRESENTED, trains, tests)
        small = max(large // 2, 1)

        def trial(train: int, test: int, epochs: int, checkpoints: Sequence[int]) -> Cost:
            return self._train(self._folder, train, test, settings, epochs, checkpoints)

        before, after = trial(small, small, 0, [0]), trial(large, large, 0, [0])
        file = (self._folder / "checkpoints.safetensors").stat().st_size
        evaluated = Linear.through((2 * small, before.seconds), (2 * large, after.seconds))
        held = Linear.through((2 * small, before.memory), (2 * large, after.memory))
        first = min(batch_size(settings, trains), max(trains // 2, 1))
        tried = [(first, trial(first, 1, 1, [0, 1]))]
        while len(tried) < 2 or (tried[-1][0] < trains and tried[-1][1].seconds < evaluated.fixed + ENOUGH):
            size = min(2 * tried[-1][0], trains)
            tried.append((size, trial(size, 1, 1, [0, 1])))
        (n1, shorter), (n2, longer) = tried[-2:]
        epoch = Linear.through((n1, shorter.seconds), (n2, longer.seconds))
        all_kept, two_kept = (trial(first, 1, 4, kept).memory for kept in ([0, 1, 2, 3, 4], [0, 4]))
        return Training(
            evaluated,
            held,
            learned=max(epoch.each - 2 * evaluated.each, 0),
            learning=max(longer.memory - held.at(n2 + 1), 0),
            kept=max(all_kept - two_kept, 0) / 3,
            file=file,
        )

    def presenting(
        self, spikes: dict[str, Any], training: dict[str, Any], file: str, observables: dict[str, dict], largest: int
    ) -> tuple[dict[str, Presenting], dict[str, pd.DataFrame]]:
        """Return what ``extract_spikes`` and each of ``observables`` cost, by name, and the features of these.

        ``spikes`` says what is presented, at most ``largest`` of it here; ``file`` is the name of the spike file.
        ``observables`` have ``plugin``, ``parameters`` and, by name, the artefacts that they read. Raises InputError
        when one of them cannot do with so few images.
        """
        size = min(presented(self._images, spikes), largest)
        sizes = {"small": size // 2, "large": size}
        run = self._run | {"seeds": self._run["seeds"][:1]}
        outcomes: dict[str, list[tuple[int, Cost, int]]] = {}
        for name, shown in sizes.items():
            folder = self._folder / name
            self._train(folder, shown, shown, training, 0, [0], run)
            cost = measured(_extracting, folder, spikes | {"samples": shown}, file, copies=self._copies)
            outcomes.setdefault(EXTRACTION, []).append((shown, cost, (folder / file).stat().st_size))
            for observable, entry in observables.items():
                tables = folder / observable
                try:
                    cost = measured(_observing, folder, entry, tables, copies=self._copies)
                except InputError:  # it may need more images than those of the small trial
                    if name == "small":
                        continue
                    raise
                written = sum(path.stat().st_size for path in tables.iterdir())
                outcomes.setdefault(observable, []).append((shown, cost, written))
        features = {name: read_table(folder / name / "features.parquet") for name in observables}
        of_networks = {name for name, entry in observables.items() if "checkpoints" in entry["reads"]}
        lines = {
            name: Presenting.through(trials[0], trials[-1], alone=name in of_networks)
            for name, trials in outcomes.items()
        }
        return lines, features

    def _train(
        self,
        folder: Path,
        train: int,
        test: int,
        settings: dict[str, Any],
        epochs: int,
        checkpoints: Sequence[int],
        run: dict[str, Any] | None = None,
    ) -> Cost:
        # At so small a learning rate no loss diverges; the time does not depend on it.
        settings = settings | {"epochs": epochs, "checkpoints": list(checkpoints), "learning_rate": 1e-6}
        settings["early_stopping"] = None  # these images may be too few to hold some out
        images.save(folder / IMAGES, _part(self._images, train, test))
        return measured(_training, folder, run or self._run, self._architecture, settings, copies=self._copies)


def count_of(image_set: ImageSet, part: int) -> int:
    """Return the number of training or test images."""
    return int((image_set.split == part).sum())


def presented(image_set: ImageSet, spikes: dict[str, Any]) -> int:
    """Return the number of images that the settings ``spikes`` present."""
    part = count_of(image_set, TRAIN if spikes["images"] == "train" else TEST)
    return min(spikes["samples"] or part, part)


def prepare_images(path: Path, entry: dict[str, Any], data_root: str) -> Cost:
    """Write the images of a ``dataset`` entry of the grid to ``path`` and return what that costs.

    Images of a plug-in that declares ``IMAGES`` are made up: none needs to be downloaded.
    """
    return measured(_preparing, path, entry, data_root)


def figure_of(path: Path, features: pd.DataFrame, regimes: list[str], confidence: float) -> tuple[Cost, int]:
    """Return the cost of a figure of ``features`` over training, and its bytes as pdf, png and csv."""
    cost = measured(_drawing, path, features, regimes, confidence)
    return cost, sum(path.with_suffix(suffix).stat().st_size for suffix in _SUFFIXES)


def comparison_of(features: pd.DataFrame, settings: dict[str, Any]) -> Cost:
    """Return the cost of comparing the regimes of one dataset and architecture."""
    return measured(_comparing, features, settings)


def collection_of(folder: Path, features: pd.DataFrame, files: int = 32) -> Cost:
    """Return the cost of reading a file of features and joining it to others."""
    folder.mkdir()
    runs = features[RUN].head(1)
    runs = pd.concat([runs.assign(seed=seed) for seed in range(files)]).assign(reached_target=True)
    for seed in range(files):
        write_table(folder / f"{seed}.parquet", features.assign(seed=seed))
    cost = measured(_collecting, sorted(folder.iterdir()), runs)
    return Cost(cost.seconds / files, cost.memory / files)


def over_grid(features: pd.DataFrame, epochs: dict[str, list[int]], seeds: int) -> pd.DataFrame:
    """Return the features of one network at one epoch as if they were of all regimes, seeds and their ``epochs``."""
    generator = np.random.default_rng(derived_seed("made-up features"))
    tables = [
        features.assign(
            regime=regime, seed=seed, epoch=epoch, value=features["value"] * generator.uniform(0.9, 1.1, len(features))
        )
        for regime, of_regime in epochs.items()
        for seed in range(seeds)
        for epoch in of_regime
    ]
    return pd.concat(tables, ignore_index=True).assign(reached_target=True)


def _preparing(path: Path, entry: dict[str, Any], data_root: str) -> Work:
    declared = read_plugin("datasets", entry["plugin"]).constants.get("IMAGES")
    load = load_plugin("datasets", entry["plugin"])

    def work() -> None:
        loaded = _made_up(**declared) if declared else load(data_root, **entry["parameters"])
        sizes = entry["train_size"], entry["test_size"], entry["test_share"]
        images.save(path, images.prepare(loaded, entry["name"], *sizes))

    return work


def _training(folder: Path, run: dict, architecture: dict, settings: dict) -> Work:
    device = prepare_device(0, 1)

    def work() -> None:
        image_set = images.load(folder / IMAGES)
        networks = train_block(run, image_set, architecture, _GENERALIZING, settings, device)
        save_checkpoints(folder / "checkpoints.safetensors", run, architecture, _GENERALIZING, networks)
        save_history(folder / "history.csv", run, (row for network in networks for row in network.history))

    return work


def _extracting(folder: Path, settings: dict, file: str) -> Work:
    device = prepare_device(0, 1)

    def work() -> None:
        image_set = images.load(folder / IMAGES)
        checkpoints = Checkpoints(folder / "checkpoints.safetensors")
        extract_spikes(checkpoints, image_set, settings, device, folder / file)

    return work


def _observing(folder: Path, entry: dict, tables: Path) -> Work:
    observe = load_plugin("observables", entry["plugin"])

    def work() -> None:
        observed = observe({name: folder / file for name, file in entry["reads"].items()}, **entry["parameters"])
        for name, table in observed_tables(observed).items():
            write_table(tables / f"{name}.parquet", table)

    return work


def _drawing(path: Path, features: pd.DataFrame, regimes: list[str], confidence: float) -> Work:
    from spikegrid.figures import style  # no trial but this one needs matplotlib
    from spikegrid.figures.over_training import draw_over_training

    def work() -> None:
        figure = draw_over_training(features, regimes, confidence)
        style.save(figure, *map(path.with_suffix, _SUFFIXES))

    return work


def _comparing(features: pd.DataFrame, settings: dict[str, Any]) -> Work:
    return lambda: compare_regimes(features, settings)


def _collecting(paths: list[Path], runs: pd.DataFrame) -> Work:
    return lambda: join_features(paths, runs)


def _part(image_set: ImageSet, train: int, test: int) -> ImageSet:
    """Return ``train`` training and ``test`` test images, evenly spread over all, or as many as there are."""
    members = [np.flatnonzero(image_set.split == part) for part in (TRAIN, TEST)]
    chosen = [part[:: max(len(part) // size, 1)][:size] for part, size in zip(members, (train, test))]
    kept = np.sort(np.concatenate(chosen))
    return ImageSet(
        image_set.images[kept], image_set.labels[kept], image_set.split[kept], image_set.classes, image_set.source
    )


def _made_up(shape: Sequence[int], classes: int, train: int, test: int) -> ImageSet:
    """Return random images with patches of one brightness, dark and light ones: about as varied as real ones."""
    channels, height, width = shape
    generator = np.random.default_rng(derived_seed("made-up images"))
    coarse = generator.normal(size=(train + test, channels, -(-height // _PATCH), -(-width // _PATCH)))
    coarse = (255 * np.clip(coarse, 0, 1)).astype(np.uint8)
    pixels = coarse.repeat(_PATCH, axis=2)[:, :, :height].repeat(_PATCH, axis=3)[..., :width]
    labels = (np.arange(train + test) % classes).astype(np.int16)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [train, test])
    return ImageSet(pixels, labels, split, [str(label) for label in range(classes)], "made-up images")
