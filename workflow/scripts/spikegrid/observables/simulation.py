"""Surrogate trains drawn from fitted processes: which model reproduces which statistic of a layer after training.

Source: Lehmler, Saif-ur-Rehman, Glasmachers & Iossifidis, arXiv 2308.00858, who name simulation as a use of their
model; the checks are predictive checks as in Rubin (1984), Ann. Stat. 12, 1151.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.features import tidy
from spikegrid.orders import orders_by_seed
from spikegrid.randomness import derived_seed
from spikegrid.surrogate_checks import layer_statistics, predictive_check
from spikegrid.surrogates import BY_CONSTRUCTION, MODELS
from spikegrid.tabulation import in_order

_log = logging.getLogger("spikegrid")

READS = ["spikes"]
TABLES = ["simulation"]
EPOCHS = "last"
LABELS = ["*"]
PARAMETERS = {
    "surrogates": {
        "type": "integer",
        "minimum": 1,
        "default": 39,
        "description": "Surrogates drawn from each model for each layer. At the level 0.05 checks are exact for 39, 79 "
        "or 119.",
    },
    "units": {
        "type": "integer",
        "minimum": 1,
        "default": 64,
        "description": "Units of each layer that are simulated and checked: all, or a random sample, the same in every "
        "network.",
    },
    "window": {
        "type": "integer",
        "minimum": 1,
        "default": 20,
        "description": "Consecutive images in which spikes are counted for Fano factors.",
    },
    "level": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.05,
        "description": "A statistic whose two-sided p-value is at or below this level fails its check.",
    },
}


def observe(
    artefacts: dict[str, Path], surrogates: int, units: int, window: int, level: float
) -> dict[str, pd.DataFrame]:
    """Return features by layer, and a table of all checks, both of the last epoch alone.

    Models are those of ``spikegrid.surrogates``, statistics those of ``spikegrid.surrogate_checks``, all on the same
    min(``units``, kept units of the layer) units.

    ==============================  ====================================================================================
    ``statistics_passing_{model}``  share of the statistics that the model is not fitted to whose p-value is above
                                    ``level``, in [0, 1]; NaN where one is undefined
    ==============================  ====================================================================================

    Table: names of the run, seed, epoch, layer, depth, ``units`` checked, model, statistic, ``by_construction`` where
    the model is fitted to it, ``observed``, and ``surrogate_mean``, ``surrogate_sd``, ``z`` and ``p_value`` as
    by ``predictive_check``; ``passes`` is 1 or 0, NaN where the check is undefined. Images without labels have neither
    the model ``class_rates`` nor the statistics that need labels.

    Null: a statistic of a layer that the model did make passes with probability 1 - ``level``; where the model is
    fitted to it more often, or always: parameters and p-values are of the same spikes. Of some ten statistics one fails
    by chance in many networks: a model is judged over networks. Under a random order all models with the rates of the
    data agree with them on measures of time but for the scatter, which units that fire together make wider than
    independent ones. Raises InputError when the images do not fill 2 windows, and when ``surrogates`` are so few
    that no p-value could be at or below ``level``.
    """
    rows = []
    with spikes.load(artefacts["spikes"]) as run_spikes:
        run, last = run_spikes.meta["run"], max(run_spikes.epochs)
        _check(surrogates, level, window, len(run_spikes.index))
        names = {axis: run[axis] for axis in ("dataset", "architecture", "regime")}
        places = orders_by_seed(run_spikes, ["random"])
        for layer in run_spikes.layers:
            sampled = _sample(run, layer, units)
            for seed, epoch, raster in run_spikes.rasters(layer.name):
                if epoch < last:
                    continue
                where = {**names, "seed": seed, "epoch": epoch, "layer": layer.name, "depth": layer.depth}
                order = places[seed]["random"]
                labels = run_spikes.labels[order] if run_spikes.labelled else None
                fired = np.ascontiguousarray(raster.spikes_of(sampled)[order].T)
                checks = _checks(fired, labels, surrogates, window, tuple(where.values()))
                rows += [{**where, "units": len(sampled), **check} for check in checks]
            _log.info("layer %s simulated", layer.name)
    table = pd.DataFrame.from_records(rows)
    table["passes"] = np.where(table["p_value"].isna(), np.nan, table["p_value"] > level)
    return {"features": in_order(tidy(_features(table), run)), "simulation": in_order(table)}


def _check(surrogates: int, level: float, window: int, images: int) -> None:
    if 2 * window > images:
        raise InputError(f"simulation: window is {window}; expected at most half of the {images} images presented")
    least = int(np.ceil(2 / level - 1 - 1e-9))
    if surrogates < least:
        raise InputError(f"simulation: surrogates is {surrogates}; expected at least {least} for the level {level:g}")


def _sample(run: dict, layer: spikes.SpikeLayer, units: int) -> np.ndarray:
    """Return ``units`` kept units of a layer, or all."""
    generator = np.random.default_rng(derived_seed(run["dataset"], run["architecture"], layer.name, "surrogates"))
    return generator.permutation(layer.kept)[:units]


def _checks(
    fired: np.ndarray, labels: np.ndarray | None, surrogates: int, window: int, network: tuple[str | int, ...]
) -> list[dict]:
    """Return a record for each model and statistic of the spikes of one layer, bool [M, N]."""
    observed, records = layer_statistics(fired, labels, window), []
    for model, fitted in MODELS.items():
        if model == "class_rates" and labels is None:
            continue
        draw, generator = fitted(fired, labels), np.random.default_rng(derived_seed(*network, model, "surrogates"))
        drawn = pd.DataFrame([layer_statistics(draw(generator), labels, window) for _ in range(surrogates)])
        for name, value in observed.items():
            what = {"model": model, "statistic": name, "by_construction": name in BY_CONSTRUCTION[model]}
            records.append(what | {"observed": value} | predictive_check(value, drawn[name].to_numpy()))
    return records


def _features(table: pd.DataFrame) -> list[dict]:
    checked = table[~table["by_construction"]]
    place = ["seed", "epoch", "layer", "depth"]
    shares = checked.groupby([*place, "model"], sort=False)["passes"].agg(lambda passes: passes.mean(skipna=False))
    return [
        dict(zip(place, names)) | {"feature": f"statistics_passing_{model}", "value": share}
        for (*names, model), share in shares.items()
    ]
