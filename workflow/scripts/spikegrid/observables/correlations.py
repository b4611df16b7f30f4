"""Correlations between the units of a layer: of the population, of pairs, and of pairs within classes (noise)."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.correlations import (
    independent_absolute_correlations,
    independent_absolute_noise_correlations,
    noise_correlations,
    pair_correlations,
    population_fano,
    sampled_pairs,
)
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import measure_layers
from spikegrid.trains import Raster

READS = ["spikes"]
LABELS = ["noise_correlation*"]
PARAMETERS = {
    "pairs": {
        "type": "integer",
        "minimum": 1,
        "default": 20000,
        "description": "Pairs of units taken of each layer: all, or a random sample, the same in every network.",
    },
}


def observe(artefacts: dict[str, Path], pairs: int) -> pd.DataFrame:
    """Return features by layer; none depends on the order of images.

    ==================================  ================================================================================
    ``population_fano``                 Var_n(Σ_u z_u[n]) / Σ_u p_u(1 - p_u); 1 for independent units
    ``pair_correlation``                mean |r| over pairs of units
    ``pair_correlation_excess``         the same less what independent trains of the same rates expect; 0 for those
    ``noise_correlation``               mean |r| over pairs after the mean of each true class is taken away
    ``noise_correlation_excess``        the same less what independent trains expect
    ``undefined_pair_share``            share of pairs without r, because a unit never or always fires
    ==================================  ================================================================================

    A feature without a pair to average over is NaN, and so are noise correlations where images have no labels. See
    ``spikegrid.correlations`` for formulas and sources.
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        run, labels = run_spikes.meta["run"], run_spikes.labels

        sampled_of = {
            layer.name: sampled_pairs(
                layer.kept, pairs, derived_seed(run["dataset"], run["architecture"], layer.name, "pairs")
            )
            for layer in run_spikes.layers
        }

        def measure(layer: spikes.SpikeLayer, seed: int, raster: Raster) -> dict[str, float]:
            trains, sampled = raster.trains(), sampled_of[layer.name]
            undefined = np.full(len(sampled), np.nan)
            correlation = np.abs(pair_correlations(trains, sampled))
            noise = np.abs(noise_correlations(trains, sampled, labels)) if run_spikes.labelled else undefined
            return {
                "population_fano": population_fano(trains),
                "pair_correlation": _mean(correlation),
                "pair_correlation_excess": _mean(correlation - independent_absolute_correlations(trains, sampled)),
                "noise_correlation": _mean(noise),
                "noise_correlation_excess": _mean(
                    noise - independent_absolute_noise_correlations(trains, sampled, labels)
                ),
                "undefined_pair_share": np.isnan(correlation).mean() if len(sampled) else np.nan,
            }

        return measure_layers(run_spikes, measure)


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that are defined, NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan
