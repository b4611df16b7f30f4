"""Complexity of units and of layers: entropy of a unit, joint entropy of a layer, and what its units share.

Source: Janik & Witaszczyk, arXiv 2006.04791. How the joint entropy is taken from a finite number of images is ours.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.class_information import binary_entropy
from spikegrid.errors import InputError
from spikegrid.joint_entropy import joint_entropy
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import in_order, measure_layers, measure_units, summarize_units
from spikegrid.trains import Raster

READS = ["spikes"]
LABELS = []
CAVEATS = {"bound to rates": ["node_complexity", "joint_entropy_*", "total_correlation_upper", "redundancy_upper"]}
PARAMETERS = {
    "units": {
        "type": "integer",
        "minimum": 1,
        "default": 16,
        "description": "Units of each layer whose joint entropy is taken: all, or a random sample, the same in every "
        "network. Time grows with the fifth power of their number.",
    },
    "folds": {
        "type": "integer",
        "minimum": 2,
        "default": 5,
        "description": "Parts of the images, each predicted by what was fitted to the others, for the upper bound.",
    },
}

_SIDES = ("lower", "upper")


def observe(artefacts: dict[str, Path], units: int, folds: int) -> pd.DataFrame:
    """Return features by layer, the first for the whole network too; none depends on the order of images.

    ==================================  ================================================================================
    ``node_complexity``                 mean over all units of H2(p_u), bits a unit; 0 for units always or never on
    ``joint_entropy_lower``             bits; plug-in entropy of patterns, at most log2 N
    ``joint_entropy_upper``             bits; Σ_i of the cross-entropy of unit i given those before it, out of fold
    ``joint_entropy_per_unit_lower``    the same bounds divided by the number of units they are of, bits a unit
    ``joint_entropy_per_unit_upper``
    ``total_correlation_lower``         bits; Σ_u H2(p_u) less the upper bound of the joint entropy
    ``total_correlation_upper``         the same less the lower bound
    ``redundancy_lower``                total correlation / Σ_u H2(p_u), which has no unit
    ``redundancy_upper``
    ==================================  ================================================================================

    All but the first are of min(``units``, kept units of the layer) units: one sample and one order of them for the
    dataset and architecture. Layers of at least ``units`` units compare as they are, others by unit and by redundancy.
    Every network has ``folds`` parts of images of its own.

    Null: independent units of the same rates have total correlation and redundancy 0. With finite N the upper bounds of
    both lie above it, that of the total correlation by Σ_u H2(p_u) - log2 N bits at least, and follow the rates; the
    lower ones lie some tenths of a bit below. See ``spikegrid.joint_entropy`` for what the bounds are worth. Redundancy
    is NaN where no unit of the sample changes. Raises InputError for fewer images than ``folds``.
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        run, images = run_spikes.meta["run"], len(run_spikes.index)
        if folds > images:
            raise InputError(f"complexity: folds is {folds}; expected at most the {images} images presented")
        by_image = np.argsort(run_spikes.index, kind="stable")
        fold_of = {seed: _folds(run, seed, images, folds) for seed in run_spikes.seeds}
        sampled = {layer.name: _sample(run, layer, units) for layer in run_spikes.layers}

        def measure(layer: spikes.SpikeLayer, seed: int, raster: Raster) -> dict[str, float]:
            chosen = raster.spikes_of(sampled[layer.name])[by_image]
            found = joint_entropy(chosen, fold_of[seed])
            bounds = {
                "joint_entropy": (found.lower, found.upper),
                "joint_entropy_per_unit": (found.lower / found.units, found.upper / found.units),
                "total_correlation": found.total_correlation,
                "redundancy": found.redundancy,
            }
            return {f"{name}_{side}": value for name, pair in bounds.items() for side, value in zip(_SIDES, pair)}

        nodes = measure_units(run_spikes, lambda _, raster: {"entropy": binary_entropy(raster.trains().rates())})
        by_unit = summarize_units(nodes, run, lambda members: {"node_complexity": members["entropy"].mean()})
        by_layer = measure_layers(run_spikes, measure)
    return in_order(pd.concat([by_unit, by_layer], ignore_index=True))


def _folds(run: dict, seed: int, images: int, folds: int) -> np.ndarray:
    """Return the fold of each image in the order of the dataset, int [N]; sizes differ by one at most."""
    names = (run["dataset"], run["architecture"], run["regime"], seed)
    return np.random.default_rng(derived_seed(*names, "folds")).permutation(images) % folds


def _sample(run: dict, layer: spikes.SpikeLayer, units: int) -> np.ndarray:
    """Return ``units`` kept units of a layer, or all, in the order in which they are predicted."""
    generator = np.random.default_rng(derived_seed(run["dataset"], run["architecture"], layer.name, "joint entropy"))
    return generator.permutation(layer.kept)[:units]
