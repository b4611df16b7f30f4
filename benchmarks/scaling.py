"""Cost against size: processor time and memory of each step against units, images, checkpoints, seeds and runs.

Each size is tried in a process of its own, after the imports and one smaller trial that is not counted; nothing is
taken away from what the rest costs. The smallest is one trial for all axes. An exponent is the slope of log cost over
log size.
"""

import tempfile
from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.timing import Line, Ratio, in_words
from spikegrid import images
from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.cost import Cost, Work, measured
from spikegrid.device import prepare_device
from spikegrid.extraction import extract_spikes
from spikegrid.features import write_table
from spikegrid.figures import style
from spikegrid.files import written_whole
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.plugins import load_plugin, read_plugin
from spikegrid.randomness import derived_seed
from spikegrid.spikes import SpikeLayer, SpikeWriter
from spikegrid.tables import RUN, join_features
from spikegrid.training import train_block

FACTORS = (1, 2, 4)

OBSERVABLES = ("firing", "intervals", "correlations", "class_information", "process")

_OF_SPIKES = {"units": 512, "images": 4096, "checkpoints": 2, "seeds": 2}
SMALLEST = {
    "training": {"units": 256, "images": 1024, "checkpoints": 2, "seeds": 1},
    "extraction": {"units": 256, "images": 1024, "checkpoints": 2, "seeds": 1},
    **dict.fromkeys(OBSERVABLES, _OF_SPIKES),
    "collecting": {"runs": 32},
}
"""Sizes of the smallest trial of each step; along each axis the others stay."""

LINEAR, FLAT = 1.05, 0.1
"""Goals: exponents of time, and of memory where it must not grow."""

LEAST_MB = 8.0
"""Memory below this counts as this much: allocators take it in pieces of such a size."""

_OF_ONE = "the spikes of one layer and checkpoint, and what is computed for each unit and image, are held at once"
_WHY = {
    ("training", "images"): "all images are held as float32, converted once and not at every step",
    ("training", "checkpoints"): "the states of all checkpoints are held until the file is written",
    ("extraction", "images"): "all images of the dataset are held, a byte a pixel",
    (
        "extraction",
        "checkpoints",
    ): "the checkpoint file is mapped; its pages count until the system takes them back",
    **{(kind, "images"): _OF_ONE for kind in OBSERVABLES},
    **{(kind, "checkpoints"): "the table of units grows by a row for each unit and checkpoint" for kind in OBSERVABLES},
}
"""What grows, where memory is not flat."""

_ONE_TRIAL = "one trial a size; processor time differs by a tenth, now and then more, from trial to trial"

_LABELS = {"seconds": "processor time (s)", "peak_mb": "memory above imports (MB)"}
_WARM_UP = {"units": 8, "images": 64, "checkpoints": 1, "seeds": 1, "runs": 2}
_SETTINGS = {
    **{"batch_size": 64, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0},
    "precision": "float32",
    "crop_padding": 0,
    "horizontal_flip": False,
    "early_stopping": None,
    "schedule": "constant",
}
_REGIME = {"plugin": "generalizing", "parameters": {}}
_PRESENTED = {"images": "test", "samples": None, "order": "random", "threshold": 0, "units_per_layer": None}


def lines() -> Iterator[Line]:
    """Yield a line for the time of each step along each axis, and for its memory against images and checkpoints."""
    trials = _trials()
    for (step, axis), of_axis in trials.groupby(["step", "axis"], sort=False):
        for value, goal in {"seconds": LINEAR, "peak_mb": FLAT}.items():
            if value == "peak_mb" and axis not in ("images", "checkpoints"):
                continue
            ends = of_axis.set_index("size")[value].iloc[[0, -1]]
            shown = [in_words(end) if value == "seconds" else f"{end:.3g} MB" for end in ends]
            kind = "time" if value == "seconds" else "memory"
            yield Line(
                step="scaling",
                case=f"{step.replace('_', ' ')}: {kind} against {axis}, exponent",
                against="1, in proportion" if value == "seconds" else "0, flat",
                ratio=Ratio.exact(_exponent(of_axis, value)),
                goal=goal,
                better="at most",
                unit="",
                ours=f"{shown[0]} to {shown[1]} for {FACTORS[-1]} × the {axis}",
                why=_ONE_TRIAL if value == "seconds" else _WHY.get((step, axis), ""),
            )


def write(folder: Path) -> None:
    """Write the trials as ``benchmark_scaling.csv`` and as a figure."""
    found = _trials()
    with written_whole(folder / "benchmark_scaling.csv") as temporary:
        found.to_csv(temporary, index=False, float_format="%.4g")
    style.save(draw(found), *(folder / f"benchmark_scaling.{suffix}" for suffix in ("pdf", "png")))


@rc_context(style.RC)
def draw(costs: pd.DataFrame) -> Figure:
    """Draw rows of time and memory, columns of axes, a line a step; ``costs`` has the columns of ``_trials``."""
    looks = style.regime_looks(list(dict.fromkeys(costs["step"])))
    shown = list(dict.fromkeys(costs["axis"]))
    figure = style.new_figure(style.FULL_WIDTH, 105)
    rows = figure.subplots(len(_LABELS), len(shown), sharex="col", sharey="row", squeeze=False)
    letters = style.panel_letters()
    for (value, label), row in zip(_LABELS.items(), rows):
        for axis, panel in zip(shown, row):
            of_axis = costs[costs["axis"] == axis]
            for step, of_step in of_axis.groupby("step", sort=False):
                look = looks[step]
                panel.plot(of_step["size"], of_step[value], color=look.color, linestyle=look.dashes, marker=look.marker)
            sizes = np.unique(of_axis["size"])
            panel.plot(sizes, costs[value].min() * sizes / sizes[0], color=style.PALE, linewidth=2.5, zorder=0)
            panel.set(xscale="log", yscale="log")
            panel.set_xticks(sizes, [f"{size / 1000:.0f}k" if size >= 1000 else str(size) for size in sizes])
            panel.minorticks_off()
            style.name_panel(panel, next(letters))
        row[0].set_ylabel(label)
    for axis, panel in zip(shown, rows[-1]):
        panel.set_xlabel(f"number of {axis}")
    keys = [style.regime_key(look, step.replace("_", " "), marker=True) for step, look in looks.items()]
    style.legend_below(figure, keys, style.FULL_WIDTH, "grey: cost in proportion to size")
    return figure


@cache
def _trials() -> pd.DataFrame:
    """Return step, axis, size, seconds (of processor time) and peak_mb (memory above the imports) of each trial."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for step in _STEPS:
            smallest = SMALLEST[step]
            warm_up = {axis: _WARM_UP[axis] for axis in smallest}
            small = _with_files(Path(name), step, warm_up)
            costs: dict[tuple[int, ...], Cost] = {}
            for axis, factor in product(smallest, FACTORS):
                sizes = smallest | {axis: smallest[axis] * factor}
                tried = tuple(sizes.values())
                if tried not in costs:
                    costs[tried] = measured(_warmed_up, step, small, _with_files(Path(name), step, sizes))
                cost = costs[tried]
                rows.append((step, axis, sizes[axis], cost.seconds, max(cost.memory / 1e6, LEAST_MB)))
    return pd.DataFrame(rows, columns=["step", "axis", "size", "seconds", "peak_mb"])


def _exponent(trials: pd.DataFrame, value: str) -> float:
    return float(np.polyfit(np.log(trials["size"]), np.log(trials[value]), 1)[0])


def _warmed_up(step: str, warm_up: tuple[Path, dict[str, int]], sized: tuple[Path, dict[str, int]]) -> Work:
    work = _STEPS[step]
    work(*warm_up)()
    return work(*sized)


def _training(folder: Path, sizes: dict[str, int]) -> Work:
    return lambda: _train(images.load(folder / "images.safetensors"), sizes)


def _extracting(folder: Path, sizes: dict[str, int]) -> Work:
    return lambda: extract_spikes(
        Checkpoints(folder / "checkpoints.safetensors"),
        images.load(folder / "images.safetensors"),
        _PRESENTED,
        prepare_device(0, 1),
        folder / "spikes.npz",
    )


def _observing(kind: str, folder: Path, sizes: dict[str, int]) -> Work:
    observe = load_plugin("observables", kind)
    parameters = {name: rule["default"] for name, rule in read_plugin("observables", kind).parameters.items()}
    return lambda: observe({"spikes": folder / "spikes.npz"}, **parameters)


def _collecting(folder: Path, sizes: dict[str, int]) -> Work:
    paths = sorted(folder.glob("*/features.parquet"))
    runs = pd.DataFrame(dict(zip(RUN, ("made up", "perceptron", "generalizing", range(sizes["runs"])))))
    return lambda: join_features(paths, runs.assign(reached_target=True))


_STEPS = {
    "training": _training,
    "extraction": _extracting,
    **{kind: partial(_observing, kind) for kind in OBSERVABLES},
    "collecting": _collecting,
}


def _with_files(root: Path, step: str, sizes: dict[str, int]) -> tuple[Path, dict[str, int]]:
    """Return the folder of what a trial reads, written unless it is there, and the sizes; observables share spikes."""
    read = "spikes" if step in OBSERVABLES else step
    folder = root / "-".join([read, *map(str, sizes.values())])
    if folder.exists():
        return folder, sizes
    folder.mkdir()
    if step == "collecting":
        _write_features(folder, sizes["runs"])
    elif step in OBSERVABLES:
        _write_spikes(folder / "spikes.npz", sizes)
    else:
        trains, tests = (sizes["images"], 64) if step == "training" else (64, sizes["images"])
        images.save(folder / "images.safetensors", _images(trains, tests))
    if step == "extraction":
        networks = _train(_images(64, 64), sizes)
        save_checkpoints(folder / "checkpoints.safetensors", _run(sizes), _perceptron(sizes), _REGIME, networks)
    return folder, sizes


def _train(image_set: ImageSet, sizes: dict[str, int]) -> list[TrainedNetwork]:
    """Train for as many epochs as there are checkpoints, one after each."""
    epochs = sizes["checkpoints"]
    settings = _SETTINGS | {"epochs": epochs, "checkpoints": list(range(1, epochs + 1))}
    return train_block(_run(sizes), image_set, _perceptron(sizes), _REGIME, settings, prepare_device(0, 1))


def _write_spikes(path: Path, sizes: dict[str, int]) -> None:
    """Write spikes of independent units with rates between 0.05 and 0.95."""
    units, shown, seeds, epochs = (sizes[axis] for axis in ("units", "images", "seeds", "checkpoints"))
    generator = np.random.default_rng(derived_seed("made-up spikes"))
    rates = np.linspace(0.05, 0.95, units)
    arrays = {
        "seeds": np.arange(seeds, dtype=np.int32),
        "epochs": np.arange(epochs, dtype=np.int32),
        "index": np.arange(shown, dtype=np.int32),
        "labels": (np.arange(shown) % 10).astype(np.int16),
    }
    description = {"threshold": 0, "images": "test", "order": "random", "samples": shown, "run": _run(sizes)}
    layer = SpikeLayer("hidden1", 1, (units,), units, units)
    with SpikeWriter(path, [layer], [np.arange(units)[:, None]], arrays, description) as writer:
        for _ in range(seeds * epochs):
            writer.append(0, np.packbits(generator.random((shown, units)) < rates, axis=1, bitorder="little"))


def _write_features(folder: Path, runs: int) -> None:
    """Write for each run 20 features of 4 layers at 8 epochs."""
    rows = list(product(range(8), range(4), range(20)))
    for seed in range(runs):
        table = pd.DataFrame(
            {
                "dataset": "made up",
                "architecture": "perceptron",
                "regime": "generalizing",
                "seed": seed,
                "epoch": [epoch for epoch, _, _ in rows],
                "layer": [f"hidden{depth}" for _, depth, _ in rows],
                "depth": [depth for _, depth, _ in rows],
                "feature": [f"feature_{number}" for _, _, number in rows],
                "value": np.linspace(0, 1, len(rows)),
            }
        )
        write_table(folder / f"{seed}" / "features.parquet", table)


def _images(trains: int, tests: int) -> ImageSet:
    generator = np.random.default_rng(derived_seed("made-up images"))
    pixels = generator.integers(0, 256, (trains + tests, 1, 28, 28), np.uint8)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [trains, tests])
    labels = (np.arange(trains + tests) % 10).astype(np.int16)
    return ImageSet(pixels, labels, split, [str(label) for label in range(10)], "made up")


def _run(sizes: dict[str, int]) -> dict:
    names = {"dataset": "made up", "architecture": "perceptron", "regime": "generalizing"}
    return names | {"seeds": list(range(sizes["seeds"]))}


def _perceptron(sizes: dict[str, int]) -> dict:
    return {"plugin": "mlp", "parameters": {"hidden": [sizes["units"]]}}
