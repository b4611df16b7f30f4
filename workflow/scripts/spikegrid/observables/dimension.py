"""How many dimensions the patterns of a layer fill: activations, what they are thresholded from, and spikes.

Source: Janik & Witaszczyk, arXiv 2006.04791, for the effective dimension of deep representations.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor, nn

from spikegrid import spikes
from spikegrid.capture import Layer, RecordedModel
from spikegrid.effective_dimension import (
    effective_dimension,
    explained_variance_ratios,
    gram_matrix,
    participation_ratio,
)
from spikegrid.features import tidy
from spikegrid.intrinsic_dimension import IntrinsicDimension, twonn_dimension
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import in_order

READS = ["spikes", "checkpoints", "dataset"]
TABLES = ["spectra"]
CAVEATS = {"bound to rates": ["*_spikes"]}
PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 2,
        "default": 1000,
        "description": "Most images whose patterns are taken: a random sample of those presented, the same for all "
        "networks of a dataset. Memory and time grow with it; compare dimensions at one number of images only.",
    },
}

COMPONENTS = 50
"""Leading principal components whose shares of the variance are kept."""


def observe(artefacts: dict[str, Path], samples: int) -> dict[str, pd.DataFrame]:
    """Return features by layer, and a table of spectra.

    Three representations of an image in a layer of U units are compared, by the suffixes ``activations``, the outputs
    of the units; ``preactivations``, what these are thresholded from; and ``spikes``, 1 where the output exceeds the
    threshold of the spike file. All units of a layer are taken, and N images, those presented or ``samples`` of them.

    ==========================================  ====================================================================
    ``effective_dimension_{representation}``    exp(-Σ q ln q), q the explained variance ratios of principal component
                                                analysis, in [1, min(N - 1, U)]
    ``participation_ratio_{representation}``    1 / Σ q², in [1, effective dimension]
    ``twonn_dimension``                         intrinsic dimension of the activations, from the ratio of the distances
                                                to their two nearest neighbours
    ``duplicate_share``                         share of the N images that the former leaves out, because their
                                                activations are copies of those of another
    ==========================================  ====================================================================

    See ``spikegrid.effective_dimension`` and ``spikegrid.intrinsic_dimension`` for formulas, nulls and sources. NaN
    where no unit of a layer varies. The network as a whole has none: its layers have scales of their own.

    Spectra table: seed, epoch, layer, depth, representation, N (``images``), U (``units``), component from 1 to at most
    COMPONENTS, and its explained variance ratio.

    Null: every dimension grows with N and is at most N - 1, and patterns at random come nowhere near that. Regimes are
    compared layer by layer at one N, where a form divided by min(N - 1, U) would say the same again. Pre-activations of
    the first layer are a linear map of the images: their dimension is that of the images as the weights stretch them.
    Independent units have spikes of variance p(1 - p), so that the dimension of spikes changes with the rates alone.
    """
    observed = ObservedNetworks(artefacts)
    with spikes.load(artefacts["spikes"]) as run_spikes:
        presented, threshold = run_spikes.index, run_spikes.meta["threshold"]
    chosen = _sample(presented, len(observed.labels), samples, observed.run["dataset"])
    records, places, spectra = [], [], []
    for seed in observed.seeds:
        inputs = observed.inputs(seed, chosen)
        for epoch, network in observed.networks(seed):
            for layer, ratios, twonn in _dimensions(network, inputs, threshold):
                where = {"seed": seed, "epoch": epoch, "layer": layer.name, "depth": layer.depth}
                values = {f"effective_dimension_{name}": effective_dimension(q) for name, q in ratios.items()}
                values |= {f"participation_ratio_{name}": participation_ratio(q) for name, q in ratios.items()}
                values |= {"twonn_dimension": twonn.dimension, "duplicate_share": twonn.duplicates / len(chosen)}
                records += [where | {"feature": name, "value": value} for name, value in values.items()]
                sizes = {"images": len(chosen), "units": layer.units}
                places += [where | {"representation": name} | sizes for name in ratios]
                spectra += [q[:COMPONENTS] for q in ratios.values()]
    return {"features": in_order(tidy(records, observed.run)), "spectra": _long(places, spectra)}


def _sample(presented: np.ndarray, images: int, samples: int, dataset: str) -> np.ndarray:
    """Return which of the presented images are taken: the first ``samples`` in a random order of the whole dataset."""
    order = np.random.default_rng(derived_seed(dataset, "dimension")).permutation(images)
    return np.sort(order[np.isin(order, presented)][:samples])


def _dimensions(
    network: nn.Module, inputs: Tensor, threshold: float
) -> list[tuple[Layer, dict[str, np.ndarray], IntrinsicDimension]]:
    """Return each layer with the explained variance ratios of its representations, and TwoNN of its activations."""
    recorded, dimensions = RecordedModel(network, inputs[:2]), []
    device = "cpu" if inputs.device.type == "mps" else inputs.device  # Metal knows no float64

    def measure(place: int, output: Tensor, preactivation: Tensor) -> None:
        activations, preactivations = (side.flatten(1).to(device) for side in (output, preactivation))
        gram = gram_matrix(activations)
        ratios = {
            "activations": explained_variance_ratios(activations, gram),
            "preactivations": explained_variance_ratios(preactivations),
            "spikes": explained_variance_ratios(activations > threshold),
        }
        dimensions.append((recorded.layers[place], ratios, twonn_dimension(activations, gram)))

    recorded.show_preactivations(inputs, measure)
    return dimensions


def _long(places: list[dict], spectra: list[np.ndarray]) -> pd.DataFrame:
    """Return a row a component: the place of its spectrum, its rank, its explained variance ratio."""
    lengths = list(map(len, spectra))
    table = pd.DataFrame.from_records(places)
    table = table.loc[table.index.repeat(lengths)].reset_index(drop=True)
    component = np.concatenate([np.arange(1, length + 1) for length in lengths])
    return in_order(table.assign(component=component, explained_variance_ratio=np.concatenate(spectra)))
