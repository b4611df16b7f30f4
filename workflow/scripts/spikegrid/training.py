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
from spikegrid.images import TEST, ImageSet
from spikegrid.labels import NOT_SHOWN
from spikegrid.networks import as_inputs, logits_in_batches, network_builder
from spikegrid.plugins import load_plugin
from spikegrid.randomness import derived_seed

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
    loss stops being finite.
    """
    prepare = load_plugin("regimes", regime["plugin"])
    build = network_builder(architecture, images)
    everything = images.training_set()
    test_images, test_labels = images.part(TEST)
    test = _Examples(as_inputs(test_images, images, device), _as_targets(test_labels, device))
    networks = []
    title = f"{run['dataset']}/{run['architecture']}/{run['regime']}"
    with tqdm(total=len(run["seeds"]) * training["epochs"], desc=title, leave=False, disable=None) as progress:
        for seed in run["seeds"]:
            name = (run["dataset"], run["architecture"], run["regime"], seed)
            generator = np.random.default_rng(derived_seed(*name, "training set"))
            shown = prepare(everything, len(images.classes), generator, **regime["parameters"])
            train = _Examples(as_inputs(shown.images, images, device), _as_targets(shown.labels, device))
            true_targets = _as_targets(everything.labels[shown.index], device)
            torch.manual_seed(derived_seed(*name, "weights"))
            network = build().to(device)
            states, history = _train_network(network, train, true_targets, test, training, name, progress)
            labels = np.full(len(everything.labels), NOT_SHOWN, np.int16)
            labels[shown.index] = shown.labels
            networks.append(TrainedNetwork(seed, labels, states, history))
    return networks


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
    corrupted = 1 - _share(train.targets == true_targets)
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
        row |= {"training_images": size, "corrupted_share": corrupted}
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"seed {name[3]}: the loss is {row['loss']} after epoch {epoch}; "
                f"lower training.learning_rate, which is {training['learning_rate']}"
            )
        history.append(row)
        if epoch in training["checkpoints"]:
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
