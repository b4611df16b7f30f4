"""Training: blocks of seeds, tensors in memory, one row of history an epoch."""

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from spikegrid.alteration import altered_images
from spikegrid.augmentation import Augmentation
from spikegrid.checkpoints import TrainedNetwork
from spikegrid.early_stopping import EarlyStopping, held_out
from spikegrid.errors import InputError, in_words
from spikegrid.examples import Examples
from spikegrid.images import TEST, TRAIN, ImageSet, TrainingSet
from spikegrid.labels import NOT_SHOWN
from spikegrid.networks import network_builder, record_network
from spikegrid.optimizers import Optimizer, make_optimizer
from spikegrid.plugins import load_plugin
from spikegrid.randomness import derived_seed
from spikegrid.side_by_side import Networks, networks_at_once, side_by_side

EVALUATION_BATCH = 128

_log = logging.getLogger("spikegrid")


def train_block(
    run: dict[str, Any],
    images: ImageSet,
    architecture: dict[str, Any],
    regime: dict[str, Any],
    training: dict[str, Any],
    device: torch.device,
) -> list[TrainedNetwork]:
    """Train one network for each seed of a run.

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
    names = (run["dataset"], run["architecture"], run["regime"])
    network = network_builder(architecture, images)().to(device)
    record_network(network, images, device)  # what has no spikes to read is found before training
    trained, epochs = [], len(run["seeds"]) * training["epochs"]
    with tqdm(total=epochs, desc="/".join(names), leave=False, disable=None) as progress:
        for together in _groups(_members(run, images, architecture, regime, device)):
            trained += _train_together(together, images, training, device, progress)
    return trained


@dataclass(frozen=True)
class _Member:
    """A network of the block; ``name`` is that of its draws: dataset, architecture, regime, seed.

    shown: what it is trained on. tested: the test images as they are to it.
    """

    name: tuple[str | int, ...]
    shown: TrainingSet
    tested: np.ndarray
    network: nn.Module


def _members(
    run: dict[str, Any], images: ImageSet, architecture: dict[str, Any], regime: dict[str, Any], device: torch.device
) -> Iterator[_Member]:
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
        yield _Member(name, shown, tested, build().to(device))


def _groups(members: Iterable[_Member]) -> Iterator[list[_Member]]:
    """Yield the networks that train side by side: of one structure, and shown as many images."""
    for _, alike in groupby(members, lambda member: (len(member.shown.labels), str(member.network))):
        yield from _at_once(alike)


def _at_once(alike: Iterator[_Member]) -> Iterator[list[_Member]]:
    for first in alike:
        yield [first, *islice(alike, networks_at_once(first.network) - 1)]


def _train_together(
    members: list[_Member], images: ImageSet, training: dict[str, Any], device: torch.device, progress: tqdm
) -> list[TrainedNetwork]:
    is_held = np.stack([_held_out(member, training["early_stopping"]) for member in members])
    everything = Examples.of_training([member.shown for member in members], images, device)
    train, held = (everything.chosen(torch.from_numpy(part).to(device)) for part in (~is_held, is_held))
    test = Examples.of_test([member.tested for member in members], images, device)
    networks = side_by_side([member.network for member in members], test.inputs[:2])
    stopping = EarlyStopping(len(members), training) if training["early_stopping"] else None
    steps = training["epochs"] * math.ceil(train.targets.shape[1] / batch_size(training, train.targets.shape[1]))
    optimizer, rates = make_optimizer(networks.parameters, training), learning_rates(training, steps)
    trained = [
        TrainedNetwork(member.name[-1], _labels(member.shown, ~apart, images), {}, [])
        for member, apart in zip(members, is_held)
    ]
    for epoch in range(training["epochs"] + 1):
        if stopping is None or not stopping.has_ended:
            if epoch > 0:
                torch.manual_seed(derived_seed(*members[0].name, "noise", epoch))  # those that share steps draw none
                batches = _batches(train, members, training, epoch)
                train_epoch(networks, batches, optimizer, rates, training["precision"])
            scores = [own | {"trained_epochs": epoch} for own in evaluate(networks, train, test)]
            if stopping:
                scores = stopping.follow(epoch, _losses(networks, held), scores, networks.states)
        progress.update(len(members) if epoch > 0 else 0)
        for network, own in zip(trained, scores):
            network.history.append({"seed": network.seed, "epoch": epoch, **own})
            _check_loss(network, training)
        if epoch in training["checkpoints"]:
            states = stopping.states(networks.states()) if stopping else networks.states()
            for network, state in zip(trained, states):
                network.states[epoch] = state
                _log.info(
                    "seed %(seed)d, epoch %(epoch)d: loss %(loss).4g, accuracy %(train_accuracy).4f, on true labels "
                    "%(true_label_accuracy).4f, on test images %(test_accuracy).4f",
                    network.history[-1],
                )
    return trained


def _held_out(member: _Member, settings: dict[str, Any] | None) -> np.ndarray:
    """Return which images of a training set are held out for early stopping, bool [m]."""
    labels = member.shown.labels
    if settings is None:
        return np.zeros(len(labels), bool)
    return held_out(labels, settings["share"], derived_seed(*member.name, "held out"))


def _batches(
    train: Examples, members: list[_Member], training: dict[str, Any], epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of one epoch, augmented where the settings ask for it."""
    names, size, device = [member.name for member in members], train.targets.shape[1], train.inputs.device
    order = torch.stack([_order(name, epoch, size) for name in names]).to(device)
    batches = train.batches(order, batch_size(training, size))
    if training["crop_padding"] or training["horizontal_flip"]:
        augmentation = Augmentation.of_epoch(training, names, epoch, size, device)
        batches = augmentation.applied(batches, train.black)
    return batches


def batch_size(training: dict[str, Any], images: int) -> int:
    """Return how many of the ``images`` trained on are in one step: ``batch_size``, or all where it is None."""
    return training["batch_size"] or images


def train_epoch(
    networks: Networks,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    rates: Iterator[float],
    precision: str = "float32",
) -> None:
    """Make one step of every network for each batch, at the next of ``rates``.

    Raises InputError where a batch is too small for the network, such as one image for batch normalization.
    """
    networks.train(True)
    for inputs, targets in batches:
        try:
            with torch.autocast(inputs.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = networks(inputs)
        except ValueError as error:
            count = targets.shape[1]
            raise InputError(f"a batch of {count}: {in_words(error)}; choose another training.batch_size") from None
        # Networks share no parameter: the gradient of the sum over them is that of each one's mean.
        loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum") / targets.shape[1]
        loss.backward()
        optimizer.step(next(rates))


def _labels(shown: TrainingSet, is_trained_on: np.ndarray, images: ImageSet) -> np.ndarray:
    labels = np.full(np.count_nonzero(images.split == TRAIN), NOT_SHOWN, np.int16)
    labels[shown.index[is_trained_on]] = shown.labels[is_trained_on]
    return labels


def _order(name: tuple[str | int, ...], epoch: int, size: int) -> Tensor:
    return torch.randperm(size, generator=torch.Generator().manual_seed(derived_seed(*name, "order", epoch)))


@torch.inference_mode()
def evaluate(networks: Networks, train: Examples, test: Examples) -> Iterator[dict[str, float]]:
    """Yield mean cross-entropy, accuracies and training set of each network, in evaluation mode."""
    networks.train(False)
    logits, tested = _logits(networks, train), _logits(networks, test).argmax(dim=2) == test.targets
    predicted = logits.argmax(dim=2)
    # One network at a time: how a sum is split, and so its last bit, may depend on how many there are.
    for own, targets, right, true_right, tested_right, unchanged in zip(
        logits,
        train.targets,
        predicted == train.targets,
        predicted == train.true_targets,
        tested,
        train.targets == train.true_targets,
    ):
        yield {
            "loss": cross_entropy(own, targets).item(),
            "train_accuracy": _share(right),
            "true_label_accuracy": _share(true_right),
            "test_accuracy": _share(tested_right),
            "training_images": len(targets),
            "corrupted_share": 1 - _share(unchanged),
        }


@torch.inference_mode()
def _losses(networks: Networks, examples: Examples) -> list[float]:
    """Return the mean cross-entropy of each network, in evaluation mode."""
    networks.train(False)
    return [cross_entropy(own, targets).item() for own, targets in zip(_logits(networks, examples), examples.targets)]


def _logits(networks: Networks, examples: Examples) -> Tensor:
    """Return the logits [S, n, classes] of all examples."""
    order = torch.arange(examples.targets.shape[1], device=examples.targets.device).expand_as(examples.targets)
    return torch.cat([networks(inputs) for inputs, _ in examples.batches(order, EVALUATION_BATCH)], dim=1)


def _share(correct: Tensor) -> float:
    return correct.sum().item() / len(correct)


def _check_loss(network: TrainedNetwork, training: dict[str, Any]) -> None:
    row = network.history[-1]
    if not math.isfinite(row["loss"]):
        raise InputError(
            f"seed {network.seed}: the loss is {row['loss']} after epoch {row['epoch']}; "
            f"lower training.learning_rate, which is {training['learning_rate']}"
        )


def learning_rates(training: dict[str, Any], steps: int) -> Iterator[float]:
    """Yield the learning rate of each step; ``cosine`` is that of Loshchilov & Hutter (2017), without restarts."""
    for step in range(steps):
        share = (1 + math.cos(math.pi * step / steps)) / 2 if training["schedule"] == "cosine" else 1
        yield training["learning_rate"] * share
