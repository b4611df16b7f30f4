"""Plasticity: how many steps a network takes, from each checkpoint, to learn a random target that is new to it.

Source: Nakazato, arXiv 2405.04074, of which only the abstract and opening could be read; what stands here is a reading
of ours.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from spikegrid.capture import RecordedModel
from spikegrid.features import NETWORK, tidy
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.randomness import derived_seed
from spikegrid.relearning import relearn
from spikegrid.side_by_side import networks_at_once, side_by_side
from spikegrid.tabulation import in_order

READS = ["checkpoints", "dataset"]
SHOWN = "train"
PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 1,
        "default": 32,
        "description": "Training images whose new labels are learned: a random draw, or all where these are fewer.",
    },
    "learning_rate": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.001,
        "description": "Learning rate of Adam; each step is one of all these images.",
    },
    "accuracy": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the new labels that a network must give right to have learned them.",
    },
    "steps": {
        "type": "integer",
        "minimum": 1,
        "default": 500,
        "description": "Steps at most. A network that needs more counts with this number, and as not learned.",
    },
}


def observe(
    artefacts: dict[str, Path], samples: int, learning_rate: float, accuracy: float, steps: int
) -> pd.DataFrame:
    """Return features of the network as a whole, depth 0, and ``dead_share`` by layer too.

    ==================================  ================================================================================
    ``steps_to_learn``                  steps until the share ``accuracy`` of the new labels is right, in [0, steps]
    ``not_learned``                     1 where it was not within ``steps``, else 0
    ``initial_loss``                    mean cross-entropy of the new labels before the first step, nats
    ``dead_share``                      share of the units of thresholded layers that fire on none of these images
    ==================================  ================================================================================

    MANY steps are little plasticity. A copy of the network learns labels that are drawn for each network anew,
    uniformly from all classes and independent of those that it was trained on; they are the same at all of its
    checkpoints. The images are some of the training images, the same for all networks of a dataset whether a network
    was trained on them or not. See ``spikegrid.relearning`` for the training.

    ``steps_to_learn`` is censored: where ``not_learned`` is 1 the true number is larger than the value, so a mean over
    networks is a lower bound wherever ``not_learned`` has a mean above 0, and there differences are too small.
    Null: the expectation of ``initial_loss`` over labels is at least ln C of C classes, that of a network which gives
    all classes the same logit; it grows with the confidence of the network. Dead units have no gradient, and a network
    of many of them has less to learn with. Batch normalization, which keeps its means and variances, does nothing in a
    network that was not yet trained: there its first checkpoint is not comparable to the later ones.
    """
    observed = ObservedNetworks(artefacts)
    index = observed.drawn(observed.training_images, samples, "plasticity")
    records = []
    for seed in observed.seeds:
        inputs, targets = observed.inputs(seed, index), _new_targets(observed, seed, len(index))
        for together in _groups(_copies(observed, seed, inputs)):
            networks = side_by_side([copy.network for copy in together], inputs[:2])
            shown, aims = (part.expand(len(together), *part.shape) for part in (inputs, targets))
            relearning = relearn(networks, shown, aims, learning_rate, steps, accuracy)
            for place, copy in enumerate(together):
                where = {"seed": seed, "epoch": copy.epoch, "layer": NETWORK, "depth": 0}
                features = {
                    "steps_to_learn": float(relearning.steps[place]),
                    "not_learned": float(not relearning.learned[place]),
                    "initial_loss": relearning.initial_loss[place],
                }
                records += [where | {"feature": name, "value": value} for name, value in features.items()]
                records += [
                    where | {"layer": layer, "depth": depth, "feature": "dead_share", "value": share}
                    for depth, (layer, share) in enumerate(copy.dead_shares.items())
                ]
    return in_order(tidy(records, observed.run))


@dataclass(frozen=True)
class _Copy:
    """A copy of the network of a checkpoint; ``dead_shares`` by layer in order of execution, the network first."""

    epoch: int
    network: nn.Module
    dead_shares: dict[str, float]


def _copies(observed: ObservedNetworks, seed: int, inputs: Tensor) -> Iterator[_Copy]:
    recorded = None
    for epoch, network in observed.networks(seed):
        recorded = recorded or RecordedModel(network, inputs[:2])
        yield _Copy(epoch, deepcopy(network), _dead_shares(recorded, inputs))


def _groups(copies: Iterator[_Copy]) -> Iterator[list[_Copy]]:
    """Yield the networks that learn side by side."""
    for first in copies:
        yield [first, *islice(copies, networks_at_once(first.network) - 1)]


def _dead_shares(recorded: RecordedModel, inputs: Tensor) -> dict[str, float]:
    fires = [torch.zeros(layer.units, dtype=torch.bool, device=inputs.device) for layer in recorded.layers]

    def note(place: int, output: Tensor) -> None:
        fires[place] = (output > 0).flatten(1).any(dim=0)

    recorded.show(inputs, note)
    of_layers = {layer.name: _dead_share(units) for layer, units in zip(recorded.layers, fires)}
    return {NETWORK: _dead_share(torch.cat(fires))} | of_layers


def _dead_share(fires: Tensor) -> float:
    return 1 - fires.sum().item() / len(fires)


def _new_targets(observed: ObservedNetworks, seed: int, images: int) -> Tensor:
    """Return uniformly random labels of a network, int64 [images]."""
    run = observed.run
    name = derived_seed(run["dataset"], run["architecture"], run["regime"], seed, "plasticity")
    labels = np.random.default_rng(name).integers(observed.classes, size=images)
    return torch.from_numpy(labels).to(observed.device)
