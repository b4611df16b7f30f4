"""Tables of what is measured on a spike file: by unit, by layer, for the whole network."""

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd

from spikegrid.features import NETWORK, tidy
from spikegrid.spikes import SpikeLayer, Spikes
from spikegrid.trains import Raster

_log = logging.getLogger("spikegrid")


def measure_units(run_spikes: Spikes, measure: Callable[[int, Raster], dict[str, np.ndarray]]) -> pd.DataFrame:
    """Return a row for each kept unit of every network and epoch.

    measure: takes a seed and the spikes of one layer at one epoch, gives values [U] by name. The columns are seed,
    epoch, layer, depth, unit (flat index in channel-row-column order), then those names.
    """
    tables = []
    for layer in run_spikes.layers:
        flat = np.ravel_multi_index(run_spikes.units(layer.name).T, layer.shape).astype(np.int32)
        for seed, epoch, raster in run_spikes.rasters(layer.name):
            place = {
                "seed": np.int32(seed),
                "epoch": np.int32(epoch),
                "layer": layer.name,
                "depth": np.int32(layer.depth),
                "unit": flat,
            }
            tables.append(pd.DataFrame(place | measure(seed, raster)))
        _log.info("layer %s measured, unit by unit", layer.name)
    return pd.concat(tables, ignore_index=True)


def summarize_units(
    units: pd.DataFrame, run: dict, summarize: Callable[[pd.DataFrame], dict[str, float]]
) -> pd.DataFrame:
    """Return the tidy table of what ``summarize`` gives for the units of each layer, and for those of all layers."""
    records = []
    for (seed, epoch, layer, depth), members in units.groupby(["seed", "epoch", "layer", "depth"], observed=True):
        where = {"seed": seed, "epoch": epoch, "layer": layer, "depth": depth}
        records += [where | {"feature": name, "value": value} for name, value in summarize(members).items()]
    for (seed, epoch), members in units.groupby(["seed", "epoch"]):
        where = {"seed": seed, "epoch": epoch, "layer": NETWORK, "depth": 0}
        records += [where | {"feature": name, "value": value} for name, value in summarize(members).items()]
    return in_order(tidy(records, run))


def measure_layers(run_spikes: Spikes, measure: Callable[[SpikeLayer, int, Raster], dict[str, float]]) -> pd.DataFrame:
    """Return the tidy table of what ``measure`` gives for each layer, seed and its spikes at one epoch."""
    records = []
    for layer in run_spikes.layers:
        for seed, epoch, raster in run_spikes.rasters(layer.name):
            where = {"seed": seed, "epoch": epoch, "layer": layer.name, "depth": layer.depth}
            values = measure(layer, seed, raster)
            records += [where | {"feature": name, "value": value} for name, value in values.items()]
        _log.info("layer %s measured", layer.name)
    return in_order(tidy(records, run_spikes.meta["run"]))


def in_order(features: pd.DataFrame) -> pd.DataFrame:
    """Return a tidy table sorted by seed, epoch and depth; rows of one place keep their order."""
    return features.sort_values(["seed", "epoch", "depth"], kind="stable", ignore_index=True)
