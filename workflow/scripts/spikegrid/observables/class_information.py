"""What spikes tell about the class of the image: information, explained variance, selectivity, distances."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.class_information import class_rates, intraclass_correlation, mutual_information, selectivity
from spikegrid.labels import NOT_SHOWN
from spikegrid.patterns import hamming_within_between
from spikegrid.spikes import Spikes
from spikegrid.tabulation import in_order, measure_layers, measure_units, summarize_units
from spikegrid.trains import Raster, SpikeTrains

READS = ["spikes"]
TABLES = ["units"]
LABELS = ["*"]
CAVEATS = {
    "not learned": ["*_trained_labels"],
    "bound to rates": ["selectivity*", "hamming_within*", "hamming_between*"],
}
PARAMETERS = {}


def observe(artefacts: dict[str, Path]) -> dict[str, pd.DataFrame]:
    """Return features by layer, those of units for the whole network too, and the measures of every unit.

    ==================================  ================================================================================
    ``mutual_information``              mean over units of MI(z; y) in bits, less its bias; 0 without class information
    ``intraclass_correlation``          mean over active units of Var_c(p_c)/(p(1 - p)); (C - 1)/(N - 1) without
    ``selectivity``                     mean over units that fire of (μmax - μrest)/(μmax + μrest); follows the rate
    ``hamming_within``                  mean share of units in which two images of one class differ
    ``hamming_between``                 the same for images of two classes
    ``hamming_ratio``                   within / between; 1 without class information
    ==================================  ================================================================================

    Classes are the true ones. Where training images are presented, ``{feature}_trained_labels`` takes the labels that
    the network was trained on, and the images that it was trained on, instead; where these are but some of those
    presented, intraclass correlation and selectivity are NaN, because their null depends on the number of images. A
    feature without a unit to average over is NaN. See ``spikegrid.class_information`` and ``spikegrid.patterns`` for
    formulas and sources. Units table: seed, epoch, layer, depth, unit, and the first three.
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        labellings = _labellings(run_spikes)

        def measure_unit(seed: int, raster: Raster) -> dict[str, np.ndarray]:
            values = {}
            for suffix, shown, classes in _labelled(raster, labellings[seed]):
                rates, weights = class_rates(shown, classes)
                values[f"mutual_information{suffix}"] = mutual_information(rates, weights, shown.length)
                # These two grow as images become fewer, so they are compared at one number of images only.
                comparable = shown.length == len(raster.packed)
                undefined = np.full(raster.units, np.nan)
                values[f"intraclass_correlation{suffix}"] = (
                    intraclass_correlation(rates, weights) if comparable else undefined
                )
                values[f"selectivity{suffix}"] = selectivity(rates) if comparable else undefined
            return values

        def measure_layer(_: spikes.SpikeLayer, seed: int, raster: Raster) -> dict[str, float]:
            values = {}
            for suffix, shown, classes in _labelled(raster, labellings[seed]):
                distances = hamming_within_between(shown, classes)._asdict()
                values |= {f"hamming_{name}{suffix}": value for name, value in distances.items()}
            return values

        units = measure_units(run_spikes, measure_unit)
        names = units.columns.drop(["seed", "epoch", "layer", "depth", "unit"])
        by_unit = summarize_units(units, run_spikes.meta["run"], lambda members: members[names].mean().to_dict())
        by_layer = measure_layers(run_spikes, measure_layer)
    return {"features": in_order(pd.concat([by_unit, by_layer], ignore_index=True)), "units": units}


def _labellings(run_spikes: Spikes) -> dict[int, dict[str, np.ndarray]]:
    """Return for each seed the labels [N] to take, by the suffix of the features that take them."""
    labellings = {seed: {"": run_spikes.labels} for seed in run_spikes.seeds}
    if run_spikes.train_labels is not None:
        for seed, trained in zip(run_spikes.seeds, run_spikes.train_labels):
            labellings[seed]["_trained_labels"] = trained
    return labellings


def _labelled(raster: Raster, labellings: dict[str, np.ndarray]) -> Iterator[tuple[str, SpikeTrains, np.ndarray]]:
    """Yield suffix, trains and labels of the images that have a label."""
    for suffix, labels in labellings.items():
        labelled = np.flatnonzero(labels != NOT_SHOWN)
        yield suffix, raster.trains(labelled), labels[labelled]
