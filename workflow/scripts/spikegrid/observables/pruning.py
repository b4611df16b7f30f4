"""Pruning: how much accuracy is left when units are removed, by criteria of their spikes and at random.

Sources: Lehmler, Saif-ur-Rehman, Glasmachers & Iossifidis, arXiv 2308.00858, for pruning as a use of the measures;
Morcos, Barrett, Rabinowitz & Botvinick (2018), ICLR, arXiv 1803.06959, for cumulative ablation in random order.
"""

from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spikegrid.ablation import correct_by_share, removal_ranks, unit_scores
from spikegrid.capture import Layer, RecordedModel
from spikegrid.errors import InputError
from spikegrid.features import COLUMNS, NETWORK
from spikegrid.networks import set_layout
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.pruning_areas import CRITERIA, RANDOM, network_areas
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import in_order

READS = ["checkpoints", "dataset"]
SHOWN = "train"
EPOCHS = "last"
TABLES = ["pruning"]
LABELS = ["*"]
PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 1,
        "default": 250,
        "description": "Training images that units are ranked on, others that accuracy is measured on, and held-out "
        "ones: so many each, drawn at random, or all; where training images are too few, half of them each.",
    },
    "shares": {
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "minItems": 1,
        "uniqueItems": True,
        "default": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "description": "Shares of the units of a layer that are removed, beside none and all.",
    },
    "draws": {
        "type": "integer",
        "minimum": 1,
        "default": 5,
        "description": "Random orders of removal, over which accuracy is averaged.",
    },
    "layers": {
        "type": "integer",
        "minimum": 1,
        "default": 4,
        "description": "Layers that are pruned alone: so many, evenly spaced from the first to the last, or all.",
    },
    "window": {
        "type": "integer",
        "minimum": 1,
        "default": 20,
        "description": "Images in the class-blocked windows of the Fano factor by which units are ranked.",
    },
}


def observe(
    artefacts: dict[str, Path], samples: int, shares: list[float], draws: int, layers: int, window: int
) -> dict[str, pd.DataFrame]:
    """Return features by layer and of the network as a whole, and a table of curves; at the last epoch alone.

    ``pruning_area_{criterion}`` is the area under accuracy against the share of units removed, over the accuracy with
    none removed; ≥ 0, NaN where that is 0. A LARGE area is an order that removes units first which are needed least.
    Criteria are those of ``spikegrid.ablation.unit_scores``, low scores first and ties in random order, and ``random``,
    the mean over ``draws`` orders. Units of one layer are removed at a time; or, for the network as a whole, the same
    share of each layer at once: if all units were ranked together, one layer would be emptied before another.

    Time grows with the product of images, places, orders and shares: fewer ``layers`` bound it in deep networks.

    Accuracy is that on training images by the labels that the network was trained on, true or not: the only accuracy
    that a network has which memorizes. Units are ranked on other training images. All networks that train on the same
    images are shown the same.

    Pruning table: a row for each network, place, criterion and share, with ``accuracy_train``, on these images, and on
    held-out ones by their true labels ``accuracy_test``, both in [0, 1].

    Null: ``random``, which knows nothing of the units: a criterion is worth what its area is above that. Neither 0 nor
    1 is a null. A network at chance loses nothing and has an area near 1; one that at once names the same class for all
    images has the share of that class over its accuracy. Outputs are set to 0, so that removing a unit which always
    fires also shifts what lies behind it, as its mean in place of its output would not.

    Raises InputError when a network was trained on a single image.
    """
    observed, curves = ObservedNetworks(artefacts), []
    names = {axis: observed.run[axis] for axis in ("dataset", "architecture", "regime")}
    steps = np.array([0, *sorted(shares), 1])
    for seed in observed.seeds:
        ranking, measured = _training_images(observed, seed, samples)
        held_out = _held_out_images(observed, seed, samples)
        inputs = torch.cat([measured.inputs, held_out.inputs])
        targets = torch.from_numpy(np.concatenate([measured.labels, held_out.labels])).long().to(inputs.device)
        for epoch, network in observed.networks(seed, observed.epochs[-1:]):
            set_layout(network, inputs[:2])
            recorded = RecordedModel(network, inputs[:2])
            scores = unit_scores(recorded, *ranking, window)
            ranks = _ranks((*names.values(), seed, "pruning"), recorded.layers, scores, draws)
            alone = np.linspace(len(ranks) - 1, 0, min(layers, len(ranks))).round().astype(int)[::-1]
            places = [*([layer] for layer in alone), range(len(ranks))]
            correct = correct_by_share(recorded, inputs, targets, ranks, steps, places)
            parts = np.split(correct, [len(measured.labels)], axis=-1)
            depths = {recorded.layers[layer].name: recorded.layers[layer].depth for layer in alone} | {NETWORK: 0}
            curves.append(_curves(names | {"seed": seed, "epoch": epoch}, depths, steps, *parts))
    table = in_order(pd.concat(curves, ignore_index=True))
    return {"features": _features(table), "pruning": table}


class _Images(NamedTuple):
    """Images as a network takes them, float32 [n, C, H, W], and their labels, int16 [n]."""

    inputs: Tensor
    labels: np.ndarray


def _training_images(observed: ObservedNetworks, seed: int, samples: int) -> list[_Images]:
    """Return the images that units are ranked on, and those that accuracy is measured on, with labels of training."""
    index, labels = observed.trained_on(seed)
    drawn = observed.drawn(index, 2 * samples, "pruning")
    if len(drawn) < 2:
        name = "/".join(observed.run[axis] for axis in ("dataset", "architecture", "regime"))
        raise InputError(f"pruning: {name}: trained on 1 image; expected 2, one to rank units, one to measure accuracy")
    halves = np.array_split(drawn, 2)
    return [_Images(observed.inputs(seed, half), labels[np.searchsorted(index, half)]) for half in halves]


def _held_out_images(observed: ObservedNetworks, seed: int, samples: int) -> _Images:
    held_out = np.setdiff1d(np.arange(len(observed.labels)), observed.training_images)
    drawn = observed.drawn(held_out, samples, "pruning")
    return _Images(observed.inputs(seed, drawn), observed.labels[drawn])


def _ranks(
    names: tuple[str | int, ...], layers: list[Layer], scores: list[dict[str, np.ndarray]], draws: int
) -> list[np.ndarray]:
    """Return the orders of removal of each layer, int64 [O, U]: one for each criterion, then the random ones."""
    ranks = []
    for layer, by_criterion in zip(layers, scores):
        orders = by_criterion | {f"{RANDOM} {draw}": np.zeros(layer.units) for draw in range(draws)}
        seeds = [derived_seed(*names, layer.name, order) for order in orders]
        generators = map(np.random.default_rng, seeds)
        ranks.append(np.stack([*map(removal_ranks, orders.values(), generators)]))
    return ranks


def _curves(
    names: dict[str, Any], depths: dict[str, int], shares: np.ndarray, train: np.ndarray, test: np.ndarray
) -> pd.DataFrame:
    """Return the curves of one network; ``train`` and ``test`` say what is right, bool [places, orders, shares, n].

    depths: those of the places, by name.
    """
    rows = product(depths.items(), [*CRITERIA, RANDOM], shares)
    table = pd.DataFrame(
        [(*place, criterion, share) for place, criterion, share in rows],
        columns=["layer", "depth", "criterion", "share"],
    )
    for name, correct in (("accuracy_train", train), ("accuracy_test", test)):
        by_criterion, at_random = np.split(correct.mean(axis=-1), [len(CRITERIA)], axis=1)
        table[name] = np.concatenate([by_criterion, at_random.mean(axis=1, keepdims=True)], axis=1).ravel()
    return pd.DataFrame(names, index=table.index).join(table)


def _features(curves: pd.DataFrame) -> pd.DataFrame:
    areas = network_areas(curves)
    of_training = areas[areas["images"] == "train"].reset_index(drop=True)
    return of_training.assign(feature="pruning_area_" + of_training["criterion"], value=of_training["relative_area"])[
        COLUMNS
    ]
