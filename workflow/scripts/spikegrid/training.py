"""Training: blocks of seeds, tensors in memory, one row of history an epoch."""

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from spikegrid.checkpoints import TrainedNetwork
from spikegrid.errors import InputError
from spikegrid.examples import Examples
from spikegrid.images import TRAIN, ImageSet, TrainingSet
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
    loss stops being finite, and before training when the spikes of the network could not be read.
    """
    prepare = load_plugin("regimes", regime["plugin"])
    build = network_builder(architecture, images)
    everything = images.training_set()
    names = (run["dataset"], run["architecture"], run["regime"])
    members = []
    for seed in run["seeds"]:
        generator = np.random.default_rng(derived_seed(*names, seed, "training set"))
        shown = prepare(everything, len(images.classes), generator, **regime["parameters"])
        torch.manual_seed(derived_seed(*names, seed, "weights"))
        members.append(_Member((*names, seed), shown, build().to(device)))
    record_network(members[0].network, images, device)  # what has no spikes to read is found before training
    trained = []
    with tqdm(total=len(members) * training["epochs"], desc="/".join(names), leave=False, disable=None) as progress:
        for together in _groups(members):
            trained += _train_together(together, images, training, device, progress)
    return trained


@dataclass(frozen=True)
class _Member:
    """A network of the block; ``name`` is that of its draws: dataset, architecture, regime, seed."""

    name: tuple[str | int, ...]
    shown: TrainingSet
    network: nn.Module


def _groups(members: list[_Member]) -> Iterator[list[_Member]]:
    """Yield the networks that train side by side: of one structure, and shown as many images."""
    for _, alike in groupby(members, lambda member: (len(member.shown.labels), str(member.network))):
        group = list(alike)
        count = networks_at_once(group[0].network)
        yield from (group[first : first + count] for first in range(0, len(group), count))


def _train_together(
    members: list[_Member], images: ImageSet, training: dict[str, Any], device: torch.device, progress: tqdm
) -> list[TrainedNetwork]:
    train = Examples.of_training([member.shown for member in members], images, device)
    test = Examples.of_test(len(members), images, device)
    networks = side_by_side([member.network for member in members], test.inputs[:2])
    size, batch_size = train.targets.shape[1], training["batch_size"]
    optimizer = make_optimizer(networks.parameters, training)
    rates = learning_rates(training, steps=training["epochs"] * math.ceil(size / batch_size))
    trained = [TrainedNetwork(member.name[-1], _labels(member.shown, images), {}, []) for member in members]
    for epoch in range(training["epochs"] + 1):
        if epoch > 0:
            order = torch.stack([_order(member.name, epoch, size) for member in members]).to(device)
            torch.manual_seed(derived_seed(*members[0].name, "noise", epoch))  # those that share steps draw none
            train_epoch(networks, train.batches(order, batch_size), optimizer, rates)
            progress.update(len(members))
        for network, scores in zip(trained, evaluate(networks, train, test)):
            network.history.append({"seed": network.seed, "epoch": epoch, **scores})
            _check_loss(network, training)
        if epoch in training["checkpoints"]:
            for network, state in zip(trained, networks.states()):
                network.states[epoch] = state
                _log.info(
                    "seed %(seed)d, epoch %(epoch)d: loss %(loss).4g, accuracy %(train_accuracy).4f, on true labels "
                    "%(true_label_accuracy).4f, on test images %(test_accuracy).4f",
                    network.history[-1],
                )
    return trained


def train_epoch(
    networks: Networks,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    rates: Iterator[float],
) -> None:
    """Make one step of every network for each batch, at the next of ``rates``."""
    networks.train(True)
    for inputs, targets in batches:
        # Networks share no parameter: the gradient of the sum over them is that of each one's mean.
        loss = cross_entropy(networks(inputs).flatten(0, 1), targets.flatten(), reduction="sum") / targets.shape[1]
        loss.backward()
        optimizer.step(next(rates))


def _labels(shown: TrainingSet, images: ImageSet) -> np.ndarray:
    labels = np.full(np.count_nonzero(images.split == TRAIN), NOT_SHOWN, np.int16)
    labels[shown.index] = shown.labels
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
