"""Training: blocks of seeds, tensors in memory, one row of history an epoch."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from spikegrid.checkpoints import TrainedNetwork
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.networks import as_inputs, logits_in_batches, network_builder
from spikegrid.plugins import load_plugin
from spikegrid.randomness import derived_seed

_log = logging.getLogger("spikegrid")


def checkpoint_epochs(training: dict[str, Any]) -> list[int]:
    """Return the epochs at which a run keeps its network: those listed up to the last, and always 0 and the last."""
    last = training["epochs"]
    return sorted({0, last, *(epoch for epoch in training["checkpoints"] if epoch < last)})


def train_block(
    run: dict[str, Any],
    images: ImageSet,
    architecture: dict[str, Any],
    regime: dict[str, Any],
    training: dict[str, Any],
    device: torch.device,
) -> list[TrainedNetwork]:
    """Train one network for each seed of a run.

    ``run`` names dataset, architecture, regime and seeds; the other entries are those of the grid. Every draw depends
    on the run and its seed alone, so a seed gives the same network whichever block it is in. Raises InputError when a
    loss stops being finite.
    """
    prepare = load_plugin("regimes", regime["plugin"])
    build = network_builder(architecture, images)
    train_images, true_labels = images.part(TRAIN)
    test_images, test_labels = images.part(TEST)
    test = _Examples(as_inputs(test_images, images, device), _as_targets(test_labels, device))
    networks = []
    with tqdm(total=len(run["seeds"]) * training["epochs"], desc=_title(run), leave=False, disable=None) as progress:
        for seed in run["seeds"]:
            name = (run["dataset"], run["architecture"], run["regime"], seed)
            generator = np.random.default_rng(derived_seed(*name, "training set"))
            shown, labels = prepare(train_images, true_labels, len(images.classes), generator, **regime["parameters"])
            train = _Examples(as_inputs(shown, images, device), _as_targets(labels, device))
            torch.manual_seed(derived_seed(*name, "weights"))
            network = build().to(device)
            states, history = _train_network(
                network, train, _as_targets(true_labels, device), test, training, name, progress
            )
            networks.append(TrainedNetwork(seed, labels, states, history))
    return networks


def warn_of_missed_targets(networks: list[TrainedNetwork], training: dict[str, Any]) -> None:
    """Warn of each network whose accuracy on the labels trained on is below ``target_accuracy`` at its last epoch."""
    target = training["target_accuracy"]
    for network in networks:
        reached = network.history[-1]["train_accuracy"]
        if reached < target:
            _log.warning(
                "seed %d reached training accuracy %.4f, below the target %.4g, and is left out of averages; "
                "more training.epochs or another training.learning_rate may help",
                *(network.seed, reached, target),
            )


@dataclass(frozen=True)
class _Examples:
    inputs: Tensor
    targets: Tensor


def _train_network(
    network: nn.Module,
    train: _Examples,
    true_targets: Tensor,
    test: _Examples,
    training: dict[str, Any],
    name: tuple[str | int, ...],
    progress: tqdm,
) -> tuple[dict[int, dict[str, Tensor]], list[dict[str, float]]]:
    """Train one network and return its states by epoch and its history."""
    size, batch_size = len(train.targets), training["batch_size"]
    optimizer = _optimizer(network, training)
    schedule = _schedule(optimizer, training, steps=training["epochs"] * math.ceil(size / batch_size))
    kept = set(checkpoint_epochs(training))
    states, history = {}, []
    for epoch in range(training["epochs"] + 1):
        if epoch > 0:
            network.train()
            order = torch.randperm(size, generator=torch.Generator().manual_seed(derived_seed(*name, "order", epoch)))
            torch.manual_seed(derived_seed(*name, "noise", epoch))
            for batch in order.to(train.targets.device).split(batch_size):
                loss = cross_entropy(network(train.inputs[batch]), train.targets[batch])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
            progress.update()
        row = {"seed": name[-1], "epoch": epoch, **_evaluate(network, train, true_targets, test)}
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"{'/'.join(name[:3])}, seed {name[3]}: the loss is {row['loss']} after epoch {epoch}; "
                f"lower training.learning_rate, which is {training['learning_rate']}"
            )
        history.append(row)
        if epoch in kept:
            states[epoch] = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
            _log.info(
                "seed %(seed)d, epoch %(epoch)d: loss %(loss).4g, accuracy %(train_accuracy).4f, on true labels "
                "%(true_label_accuracy).4f, on test images %(test_accuracy).4f",
                row,
            )
    return states, history


def _evaluate(network: nn.Module, train: _Examples, true_targets: Tensor, test: _Examples) -> dict[str, float]:
    """Return mean cross-entropy and accuracies in evaluation mode."""
    logits = torch.cat(list(logits_in_batches(network, train.inputs)))
    predicted = logits.argmax(dim=1)
    tested = torch.cat([batch.argmax(dim=1) for batch in logits_in_batches(network, test.inputs)])
    return {
        "loss": cross_entropy(logits, train.targets).item(),
        "train_accuracy": _share(predicted == train.targets),
        "true_label_accuracy": _share(predicted == true_targets),
        "test_accuracy": _share(tested == test.targets),
    }


def _share(correct: Tensor) -> float:
    return correct.sum().item() / len(correct)


def _optimizer(network: nn.Module, training: dict[str, Any]) -> torch.optim.Optimizer:
    rate, decay = training["learning_rate"], training["weight_decay"]
    if training["optimizer"] == "adamw":
        return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(network.parameters(), rate, training["momentum"], weight_decay=decay, fused=True)


def _schedule(
    optimizer: torch.optim.Optimizer, training: dict[str, Any], steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if training["schedule"] == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)


def _as_targets(labels: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64)).to(device)


def _title(run: dict[str, Any]) -> str:
    return f"{run['dataset']}/{run['architecture']}/{run['regime']}"
