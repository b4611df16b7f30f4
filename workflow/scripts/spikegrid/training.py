"""Training the networks of one job: seed by seed, or side by side where that is faster."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch

from spikegrid.alteration import altered_images
from spikegrid.checkpoints import TrainedNetwork
from spikegrid.errors import InputError
from spikegrid.images import TEST, ImageSet
from spikegrid.joint_training import JointTraining, Member
from spikegrid.networks import network_builder, record_network
from spikegrid.plugins import load_plugin
from spikegrid.progress import progress_in_log
from spikegrid.randomness import derived_seed
from spikegrid.side_by_side import networks_at_once
from spikegrid.unfinished import Unfinished


def train_block(
    run: dict[str, Any],
    images: ImageSet,
    architecture: dict[str, Any],
    regime: dict[str, Any],
    training: dict[str, Any],
    device: torch.device,
    unfinished: Unfinished | None = None,
) -> list[TrainedNetwork]:
    """Train one network for each seed of a run, and go on from what is ``unfinished``.

    ``run`` names dataset, architecture, regime and seeds; the other entries are those of the grid, and
    ``training["checkpoints"]`` are the epochs at which networks are kept. Every draw depends
    on the run and its seed alone, so a seed gives the same network whichever block it is in. Raises InputError when a
    loss stops being finite, when the images do not allow what the settings ask for, and before training when the
    spikes of the network could not be read.
    """
    height, width = images.images.shape[2:]
    if training["crop_padding"] >= min(height, width):
        raise InputError(
            f"training.crop_padding is {training['crop_padding']}, but the images of dataset {run['dataset']} have "
            f"{height}×{width} pixels; expected fewer than {min(height, width)}"
        )
    network = network_builder(architecture, images)().to(device)
    record_network(network, images, device)  # what has no spikes to read is found before training
    trained, epochs = [], len(run["seeds"]) * training["epochs"]
    with progress_in_log(epochs, "epoch") as progress:
        for together in _groups(_members(run, images, architecture, regime, device)):
            trained += JointTraining(together, images, training, device).run(progress, unfinished)
    return trained


def _members(
    run: dict[str, Any], images: ImageSet, architecture: dict[str, Any], regime: dict[str, Any], device: torch.device
) -> Iterator[Member]:
    """Yield the networks of a run, each made when it is asked for: altered images take much memory."""
    prepare = load_plugin("regimes", regime["plugin"])
    build = network_builder(architecture, images)
    world, everything, tested = images, images.training_set(), images.part(TEST)[0]
    for seed in run["seeds"]:
        name = (run["dataset"], run["architecture"], run["regime"], seed)
        altered = altered_images(images, regime, run, seed)
        if altered is not world.images:
            world = replace(images, images=altered)
            everything, tested = world.training_set(), world.part(TEST)[0]
        generator = np.random.default_rng(derived_seed(*name, "training set"))
        shown = prepare(everything, len(images.classes), generator, **regime["parameters"])
        torch.manual_seed(derived_seed(*name, "weights"))
        yield Member(name, shown, tested, build().to(device))


def _groups(members: Iterable[Member]) -> Iterator[list[Member]]:
    """Yield the networks that train side by side: of one structure, and shown as many images."""
    for _, alike in groupby(members, lambda member: (len(member.shown.labels), str(member.network))):
        yield from _at_once(alike)


def _at_once(alike: Iterator[Member]) -> Iterator[list[Member]]:
    for first in alike:
        yield [first, *islice(alike, networks_at_once(first.network) - 1)]
