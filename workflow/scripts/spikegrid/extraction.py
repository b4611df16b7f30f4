"""Extraction: every checkpoint of a run is shown the same images in the same order, and its spikes are written."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import spikegrid
from spikegrid.alteration import altered_images
from spikegrid.capture import Layer, presented_batch
from spikegrid.checkpoints import Checkpoints
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet, balanced_sample
from spikegrid.networks import as_inputs, load_tensors, network_builder, record_network, set_layout
from spikegrid.packing import pack, take_units
from spikegrid.progress import progress_in_log
from spikegrid.randomness import derived_seed
from spikegrid.spikes import SpikeLayer, SpikeWriter

_MOST_HELD = 1 << 22
"""Pixels of images that are held as inputs over all checkpoints; those of more are converted for each: 16 MB."""

_log = logging.getLogger("spikegrid")


def presentation(images: ImageSet, dataset: str, settings: dict[str, Any]) -> np.ndarray:
    """Return which images of a set are presented, in order: int32 [N] indices into the dataset file.

    The draws depend on the name of the dataset alone, so every run and seed sees the same images in the same order.
    ``settings`` has ``images`` (train or test), ``samples`` and ``order``; a ``class_blocked`` order is random within a
    class. Raises InputError when fewer images are there than asked for.
    """
    part = np.flatnonzero(images.split == (TRAIN if settings["images"] == "train" else TEST))
    samples = settings["samples"]
    if samples is not None:
        if samples > len(part):
            raise InputError(
                f"spikes.samples is {samples}, but dataset {dataset} has {len(part)} {settings['images']} images"
            )
        part = part[balanced_sample(images.labels[part], samples, derived_seed(dataset, "presented"))]
    if settings["order"] != "given":
        part = np.random.default_rng(derived_seed(dataset, "presentation order")).permutation(part)
    if settings["order"] == "class_blocked":
        part = part[np.argsort(images.labels[part], kind="stable")]
    return part.astype(np.int32)


def kept_units(layer: Layer, names: tuple[str, ...], limit: int | None) -> np.ndarray:
    """Return the sorted flat indices of the units of a layer that are kept: all, or ``limit`` drawn for ``names``."""
    if limit is None or limit >= layer.units:
        return np.arange(layer.units)
    generator = np.random.default_rng(derived_seed(*names, layer.name, "units"))
    return np.sort(generator.choice(layer.units, limit, replace=False))


def extract_spikes(
    checkpoints: Checkpoints,
    images: ImageSet,
    settings: dict[str, Any],
    device: torch.device,
    path: str | Path,
) -> None:
    """Present images to every checkpoint of a run and write the spikes to ``path`` as ``spikegrid.spikes`` has it.

    ``settings`` are those of the grid; the images are presented as the regime of the run alters them for each seed.
    Raises InputError when the network has no thresholded node, or only such as exceed the threshold always, when its
    layers change from one forward pass to the next, or when the disk is too small.
    """
    run, seeds, epochs = checkpoints.run, checkpoints.run["seeds"], checkpoints.epochs
    names = (run["dataset"], run["architecture"])
    index = presentation(images, run["dataset"], settings)
    network = network_builder(checkpoints.architecture, images)().to(device)
    recorded = record_network(network, images, device)
    recorded.check_threshold(settings["threshold"])
    layers = recorded.layers
    set_layout(network, next(_inputs(images.images, images, index, 2, device)))
    kept = [kept_units(layer, names, settings["units_per_layer"]) for layer in layers]
    positions = [np.stack(np.unravel_index(units, layer.shape), axis=1) for layer, units in zip(layers, kept)]
    stored = [
        SpikeLayer(layer.name, layer.depth, layer.shape, layer.units, len(units)) for layer, units in zip(layers, kept)
    ]
    arrays = {
        "seeds": np.array(seeds, np.int32),
        "epochs": np.array(epochs, np.int32),
        "index": index,
        "labels": images.labels[index],
    }
    if settings["images"] == "train":
        place = np.searchsorted(np.flatnonzero(images.split == TRAIN), index)
        arrays["train_labels"] = np.stack([checkpoints.labels(seed)[place] for seed in seeds])
    description = {
        "threshold": settings["threshold"],
        "images": settings["images"],
        "order": settings["order"],
        "samples": len(index),
        "epochs": epochs,
        "run": run,
        "classes": images.classes,
        "versions": {package.__name__: package.__version__ for package in (spikegrid, torch, np)},
    }
    progress = progress_in_log(len(seeds) * len(epochs), "checkpoint")

    def write(place: int, outputs: Tensor) -> None:
        packed = pack(outputs, settings["threshold"])
        everything = len(kept[place]) == layers[place].units
        writer.append(place, packed if everything else take_units(packed, kept[place]))

    with SpikeWriter(path, stored, positions, arrays, description) as writer, progress:
        for seed in seeds:
            pixels = altered_images(images, checkpoints.regime, run, seed)
            inputs = partial(_inputs, pixels, images, index, presented_batch(layers), device)
            held = list(inputs()) if len(index) * images.images[0].size <= _MOST_HELD else None
            for epoch in epochs:
                load_tensors(network, checkpoints.state(seed, epoch))
                for batch in held or inputs():
                    recorded.show(batch, write)
                progress.update()
            _log.info("seed %d: spikes of %d epochs", seed, len(epochs))
    kept_count, all_count = sum(map(len, kept)), sum(layer.units for layer in layers)
    _log.info(
        "%d layers, %d of %d units, %d images, %d seeds, %d epochs",
        *(len(layers), kept_count, all_count, len(index), len(seeds), len(epochs)),
    )


def _inputs(
    pixels: np.ndarray, images: ImageSet, index: np.ndarray, batch_size: int, device: torch.device
) -> Iterator[Tensor]:
    """Yield the presented images as the network takes them, a batch at a time; ``pixels`` are those of all images."""
    for first in range(0, len(index), batch_size):
        yield as_inputs(pixels[index[first : first + batch_size]], images, device)
