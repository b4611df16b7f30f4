"""Training networks side by side: tensors in memory, one row of history an epoch."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from spikegrid.augmentation import Augmentation
from spikegrid.checkpoints import TrainedNetwork
from spikegrid.device import generator_states, set_generator_states
from spikegrid.early_stopping import EarlyStopping, held_out
from spikegrid.errors import InputError, in_words
from spikegrid.examples import Examples
from spikegrid.images import TRAIN, ImageSet, TrainingSet
from spikegrid.labels import NOT_SHOWN
from spikegrid.optimizers import Optimizer, make_optimizer
from spikegrid.randomness import derived_seed
from spikegrid.side_by_side import Networks, side_by_side
from spikegrid.unfinished import Unfinished

EVALUATION_BATCH = 128

_log = logging.getLogger("spikegrid")


@dataclass(frozen=True)
class Member:
    """A network of a block; ``name`` is that of its draws: dataset, architecture, regime, seed.

    shown: what it is trained on. tested: the test images as they are to it.
    """

    name: tuple[str | int, ...]
    shown: TrainingSet
    tested: np.ndarray
    network: nn.Module


class JointTraining:
    """Networks of one structure that train side by side, and how far they have come.

    What changes while they train is their tensors, those of the optimizer, early stopping, the history and the epochs
    and steps made: this is saved as unfinished. All else follows from the settings.
    """

    def __init__(self, members: list[Member], images: ImageSet, training: dict[str, Any], device: torch.device):
        self._members, self._training, self._device = members, training, device
        is_held = np.stack([_held_out(member, training["early_stopping"]) for member in members])
        everything = Examples.of_training([member.shown for member in members], images, device)
        self._train, self._held = (everything.chosen(torch.from_numpy(part).to(device)) for part in (~is_held, is_held))
        self._test = Examples.of_test([member.tested for member in members], images, device)
        self._networks = side_by_side([member.network for member in members], self._test.inputs[:2])
        self._stopping = EarlyStopping(len(members), training) if training["early_stopping"] else None
        shown = self._train.targets.shape[1]
        self._steps_an_epoch = math.ceil(shown / batch_size(training, shown))
        self._optimizer = make_optimizer(self._networks.parameters, training)
        self._rates = learning_rates(training, training["epochs"] * self._steps_an_epoch)
        self._trained = [
            TrainedNetwork(member.name[-1], _labels(member.shown, ~apart, images), {}, [])
            for member, apart in zip(members, is_held)
        ]
        self._epoch, self._step = -1, 0

    def run(self, progress: tqdm, unfinished: Unfinished | None) -> list[TrainedNetwork]:
        """Train the networks to their last epoch, from where ``unfinished`` has them; ``progress`` counts epochs."""
        if unfinished:
            self._resume(unfinished)
            progress.update(len(self._members) * max(0, self._epoch))
        while self._epoch < self._training["epochs"]:
            self._run_epoch(unfinished)
            progress.update(len(self._members) if self._epoch > 0 else 0)
        return self._trained

    def _run_epoch(self, unfinished: Unfinished | None) -> None:
        epoch = self._epoch + 1
        if self._stopping and self._stopping.has_ended:
            scores = self._stopping.best_scores
        else:
            if epoch > 0:
                self._train_epoch(epoch, unfinished)
            scores = [own | {"trained_epochs": epoch} for own in evaluate(self._networks, self._train, self._test)]
            if self._stopping:
                losses = _losses(self._networks, self._held)
                scores = self._stopping.follow(epoch, losses, scores, self._networks.states)
        self._epoch, self._step = epoch, 0
        for network, own in zip(self._trained, scores):
            network.history.append({"seed": network.seed, "epoch": epoch, **own})
            _check_loss(network, self._training)
        if epoch in self._training["checkpoints"]:
            self._keep_states()
        if unfinished and (epoch in self._training["checkpoints"] or unfinished.is_due):
            self._save(unfinished)

    def _train_epoch(self, epoch: int, unfinished: Unfinished | None) -> None:
        """Make the steps of an epoch, or those that are left of it."""
        batches = _batches(self._train, self._members, self._training, epoch)
        if self._step == 0:  # those that share steps draw none
            torch.manual_seed(derived_seed(*self._members[0].name, "noise", epoch))
        left = islice(batches, self._step, None)
        for _ in train_steps(self._networks, left, self._optimizer, self._rates, self._training["precision"]):
            self._step += 1
            if unfinished and unfinished.is_due:
                self._save(unfinished)

    def _keep_states(self) -> None:
        states = self._networks.states()
        if self._stopping:
            states = self._stopping.states(states)
        for network, state in zip(self._trained, states):
            network.states[self._epoch] = state
            _log.info(
                "seed %(seed)d, epoch %(epoch)d: loss %(loss).4g, accuracy %(train_accuracy).4f, on true labels "
                "%(true_label_accuracy).4f, on test images %(test_accuracy).4f",
                network.history[-1],
            )

    def _save(self, unfinished: Unfinished) -> None:
        """Save what changes. States that are kept are written when their epoch has come, and never again."""
        if self._step == 0 and self._epoch in self._training["checkpoints"]:
            states = [network.states[self._epoch] for network in self._trained]
            unfinished.save(self._file(self._epoch), {}, _joined(dict(enumerate(states))))
        position = {"epoch": self._epoch, "step": self._step, "history": [own.history for own in self._trained]}
        changing = self._changing() | {"noise": generator_states(self._device)}
        if self._stopping:
            position["stopping"], best = self._stopping.position()
            changing |= {f"best {place}": state for place, state in enumerate(best)}
        unfinished.save(self._file(), position, _joined(changing))

    def _resume(self, unfinished: Unfinished) -> None:
        """Go on from what was saved, if all of it is there."""
        saved = unfinished.load(self._file())
        if saved is None:
            return
        position, changing = saved[0], _parted(saved[1])
        kept = [epoch for epoch in self._training["checkpoints"] if epoch <= position["epoch"]]
        parts = [unfinished.load(self._file(epoch)) for epoch in kept]
        if None in parts:
            return
        for epoch, (_, tensors) in zip(kept, parts):
            states = _parted(tensors)
            for place, network in enumerate(self._trained):
                network.states[epoch] = states[str(place)]
        for network, history in zip(self._trained, position["history"]):
            network.history.extend(history)
        for part, tensors in self._changing().items():
            for name, tensor in tensors.items():
                tensor.detach().copy_(changing[part][name])
        set_generator_states(self._device, changing["noise"])
        if self._stopping:
            best = [changing[f"best {place}"] for place in range(len(self._members))]
            self._stopping.resume(position["stopping"], best)
        self._epoch, self._step = position["epoch"], position["step"]
        self._rates = islice(self._rates, self._epoch * self._steps_an_epoch + self._step, None)
        _log.info("seed %d goes on after epoch %d, step %d", self._trained[0].seed, self._epoch, self._step)

    def _changing(self) -> dict[str, dict[str, Tensor]]:
        """Return the tensors that steps change, where they are."""
        return {"network": self._networks.tensors, "optimizer": self._optimizer.tensors}

    def _file(self, epoch: int | None = None) -> str:
        """Return the name under which the position is saved, or the states kept after an epoch."""
        name = f"seed{self._members[0].name[-1]}"
        return name if epoch is None else f"{name}-epoch{epoch}"


def _joined(parts: dict[Any, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of all parts by names such as ``part/name``."""
    return {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def _parted(joined: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return what ``_joined`` has joined, parts named by strings."""
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in joined.items():
        part, name = key.split("/", 1)
        parts[part][name] = tensor
    return parts


def _held_out(member: Member, settings: dict[str, Any] | None) -> np.ndarray:
    """Return which images of a training set are held out for early stopping, bool [m]."""
    labels = member.shown.labels
    if settings is None:
        return np.zeros(len(labels), bool)
    return held_out(labels, settings["share"], derived_seed(*member.name, "held out"))


def _batches(
    train: Examples, members: list[Member], training: dict[str, Any], epoch: int
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


def train_steps(
    networks: Networks,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    rates: Iterator[float],
    precision: str = "float32",
) -> Iterator[None]:
    """Make one step of every network for each batch, at the next of ``rates``, and yield after it.

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
        yield


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
