"""Transfer: how well the layers of a network serve another dataset, by a linear probe on what they give as they are.

Sources: Alain & Bengio (2016), arXiv 1610.01644, for probes of each layer; Kornblith, Shlens & Le (2019), CVPR, for
logistic regression on frozen features as a measure of transfer.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from spikegrid import images
from spikegrid.features import COLUMNS as FEATURE_COLUMNS
from spikegrid.image_adaptation import adapted
from spikegrid.images import TEST, TRAIN, ImageSet, balanced_sample
from spikegrid.linear_probe import ProbeTask, probe
from spikegrid.networks import as_inputs
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.pooled_activations import pooled_activations
from spikegrid.probes import COLUMNS, PIXELS
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import in_order

READS = ["checkpoints", "dataset"]
SHOWN = "test"
TABLES = ["probes"]
LABELS = ["*"]
PARAMETERS = {
    "target": {
        "type": "string",
        "format": "dataset",
        "description": "Name of another entry of `datasets`, whose classes are read off the layers. Networks trained "
        "on it are not measured. One that no network shall be trained on is left out by `exclude`.",
    },
    "samples": {
        "type": "integer",
        "minimum": 20,
        "default": 500,
        "description": "Training images of the target that probes are fitted to, the same number of each class up to "
        "one, or all where these are fewer. All its test images are asked. Time grows with it.",
    },
}

WIDTH = 1024
"""Features that a probe gets of a layer at most, as far as pooling over places can keep to it."""


def observe(artefacts: dict[str, Path], target: str, samples: int) -> dict[str, pd.DataFrame]:
    """Return the feature ``probe_accuracy`` by layer, and a table of probes.

    ``probe_accuracy`` is the share in [0, 1] of the test images of the target that a linear probe of a layer's
    activations gets right, see ``spikegrid.linear_probe``. Networks are measured before training, epoch 0, and at their
    last epoch; nothing in them changes. Layers of more than WIDTH units are averaged over places, see
    ``spikegrid.pooled_activations``.

    Images of the target are brought to the shape of those that the network takes, see ``spikegrid.image_adaptation``,
    and normalized by their own mean and deviation in each channel: the network gets inputs of the brightness and
    contrast that it was trained with, so that a probe tells of patterns and not of a shift that silences units. They
    are shown as they are, also to networks of regimes that alter images. All networks of a grid get the same images of
    a target, as far as their shape is the same.

    Probes table: names of the run and ``target``, seed, epoch, layer, depth, number of features (``width``) and of
    training images (``samples``), ``strength`` chosen, ``accuracy``, and ``chance``, the share of the largest class in
    the test images. The layer PIXELS is a probe of the inputs themselves, the same for all networks.

    Null: random features are no zero. An untrained network of one layer widens what a linear probe can separate, so
    what training adds is accuracy at the last epoch less that at epoch 0, and a layer is of use where it beats pixels.
    Epochs and layers of one network share images and are not independent.
    """
    observed = ObservedNetworks(artefacts)
    names = {axis: observed.run[axis] for axis in ("dataset", "architecture", "regime")}
    shape = observed.inputs(observed.seeds[0], observed.training_images[:1]).shape[1:]
    shown = _shown(images.load(artefacts["target"]), target, samples, tuple(shape))
    inputs = as_inputs(shown.images, shown, observed.device)
    known, tested = (shown.part(part)[1] for part in (TRAIN, TEST))
    task = ProbeTask.drawn(known, tested, len(shown.classes), target, observed.device)
    constants = names | {"target": target, "samples": len(known), "chance": np.bincount(tested).max() / len(tested)}

    def row(features: Tensor, **place: Any) -> dict[str, Any]:
        found = probe(*features.split([len(known), len(tested)]), task)
        return constants | place | {"width": features.shape[1], "strength": found.strength, "accuracy": found.accuracy}

    of_pixels, rows = row(inputs.flatten(1), layer=PIXELS, depth=0), []
    for seed in observed.seeds:
        for epoch, network in observed.networks(seed):
            if epoch not in (0, observed.epochs[-1]):
                continue
            rows.append(of_pixels | {"seed": seed, "epoch": epoch})
            for layer, features in pooled_activations(network, inputs, WIDTH):
                rows.append(row(features, seed=seed, epoch=epoch, layer=layer.name, depth=layer.depth))
    probes = in_order(pd.DataFrame.from_records(rows, columns=COLUMNS))
    of_layers = probes[probes["depth"] > 0].assign(feature="probe_accuracy", value=probes["accuracy"])
    return {"features": of_layers[FEATURE_COLUMNS].reset_index(drop=True), "probes": probes}


def _shown(target: ImageSet, name: str, samples: int, shape: tuple[int, int, int]) -> ImageSet:
    """Return the images that are shown, of ``shape``: training images first, then all test images."""
    training, tested = (np.flatnonzero(target.split == part) for part in (TRAIN, TEST))
    if samples < len(training):
        training = training[balanced_sample(target.labels[training], samples, derived_seed(name, "transfer"))]
    chosen = np.concatenate([training, tested])
    parts = (part[chosen] for part in (target.images, target.labels, target.split))
    return adapted(ImageSet(*parts, target.classes, target.source), shape)
