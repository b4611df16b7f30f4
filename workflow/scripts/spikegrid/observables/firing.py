"""Firing rate and Fano factor of every unit, their means and variances over units, dead and always-on shares.

Source: Lehmler, Saif-ur-Rehman, Glasmachers & Iossifidis, arXiv 2308.00858.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.dispersion import fano_factor, fano_ratio
from spikegrid.errors import InputError
from spikegrid.features import NETWORK, tidy

READS = ["spikes"]
UNITS = True
PARAMETERS = {
    "window": {
        "type": "integer",
        "minimum": 1,
        "default": 20,
        "description": "Consecutive images in which the spikes of a unit are counted for its Fano factor.",
    },
}


def observe(artefacts: dict[str, Path], window: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features by layer and for the whole network, and the measures of every unit.

    ========================  ==========================================================================================
    ``firing_rate_mean``      mean over all units of p_u, spikes per image, in [0, 1]
    ``firing_rate_variance``  variance over all units of p_u, ddof 0
    ``fano_factor_mean``      mean over active units of F_u = Var_k(c_u,k) / Mean_k(c_u,k), counts in windows, ddof 0
    ``fano_factor_variance``  variance of F_u over active units, ddof 0
    ``fano_ratio_mean``       mean over active units of F_u / (1 - p_u); 1 - 1/K for any train in random order, K
    windows
    ``fano_ratio_variance``   its variance, ddof 0
    ``dead_share``            share of units with p_u = 0
    ``always_on_share``       share of units with p_u = 1
    ========================  ==========================================================================================

    Active units have 0 < p_u < 1 and spikes in the windows; dead and always-on ones are counted apart. A feature
    without a unit to average over is NaN. Raises InputError when the images do not fill 2 windows. Units table: seed,
    epoch, layer, depth, unit (flat index in channel-row-column order), firing_rate, fano_factor, fano_ratio.
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        if 2 * window > len(run_spikes.index):
            raise InputError(
                f"firing: window is {window}; expected at most half of the {len(run_spikes.index)} images presented"
            )
        units = pd.concat([*_layer_tables(run_spikes, window)], ignore_index=True)
        run = run_spikes.meta["run"]
    layers = units.groupby(["seed", "epoch", "layer", "depth"], sort=True, observed=True)
    records = []
    for (seed, epoch, layer, depth), members in layers:
        where = {"seed": seed, "epoch": epoch, "layer": layer, "depth": depth}
        records += [where | {"feature": name, "value": value} for name, value in _summary(members).items()]
    for (seed, epoch), members in units.groupby(["seed", "epoch"]):
        where = {"seed": seed, "epoch": epoch, "layer": NETWORK, "depth": 0}
        records += [where | {"feature": name, "value": value} for name, value in _summary(members).items()]
    table = tidy(records, run).sort_values(["seed", "epoch", "depth"], kind="stable", ignore_index=True)
    return table, units


def _layer_tables(run_spikes: spikes.Spikes, window: int) -> Iterator[pd.DataFrame]:
    for layer in run_spikes.layers:
        flat = np.ravel_multi_index(run_spikes.units(layer.name).T, layer.shape).astype(np.int32)
        for seed, epoch, trains in run_spikes.trains(layer.name):
            rates = trains.rates()
            fano = fano_factor(trains.window_counts(window))
            yield pd.DataFrame(
                {
                    "seed": np.int32(seed),
                    "epoch": np.int32(epoch),
                    "layer": layer.name,
                    "depth": np.int32(layer.depth),
                    "unit": flat,
                    "firing_rate": rates,
                    "fano_factor": fano,
                    "fano_ratio": fano_ratio(fano, rates),
                }
            )


def _summary(units: pd.DataFrame) -> dict[str, float]:
    rates = units["firing_rate"].to_numpy()
    active = units[(rates > 0) & (rates < 1)]
    return {
        "firing_rate_mean": rates.mean(),
        "firing_rate_variance": rates.var(),
        "fano_factor_mean": active["fano_factor"].mean(),
        "fano_factor_variance": active["fano_factor"].var(ddof=0),
        "fano_ratio_mean": active["fano_ratio"].mean(),
        "fano_ratio_variance": active["fano_ratio"].var(ddof=0),
        "dead_share": (rates == 0).mean(),
        "always_on_share": (rates == 1).mean(),
    }
