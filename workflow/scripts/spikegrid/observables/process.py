"""Which stochastic process fits the spike trains: tests of its assumptions, models of counts and of rates.

Source: Lehmler, Saif-ur-Rehman, Glasmachers & Iossifidis, arXiv 2308.00858.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.features import tidy
from spikegrid.orders import orders_by_seed
from spikegrid.process_fit import assumption_summary, assumption_tests, count_summary, rate_summary
from spikegrid.randomness import derived_seed
from spikegrid.tabulation import in_order

_log = logging.getLogger("spikegrid")

READS = ["spikes"]
TABLES = ["process"]
LABELS = ["*_class_blocked"]
CAVEATS = {"bound to rates": ["poisson_dispersion_passing_*", "count_overdispersion_*"]}
PARAMETERS = {
    "window": {
        "type": "integer",
        "minimum": 1,
        "default": 20,
        "description": "Consecutive images in which spikes are counted.",
    },
    "lags": {
        "type": "integer",
        "minimum": 1,
        "default": 10,
        "description": "Lags whose autocorrelations the Ljung-Box test takes together.",
    },
    "level": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.05,
        "description": "False discovery rate, within a layer, at which a unit fails a test.",
    },
    "orders": {
        "type": "array",
        "items": {"enum": ["random", "class_blocked", "given"]},
        "uniqueItems": True,
        "contains": {"const": "random"},
        "default": ["random", "class_blocked", "given"],
        "description": "Orders of images that the process is fitted in. `random` is the control, and must be there.",
    },
}


def observe(
    artefacts: dict[str, Path], window: int, lags: int, level: float, orders: list[str]
) -> dict[str, pd.DataFrame]:
    """Return features by layer, and a table of all tests and fits.

    ======================================  ============================================================================
    ``{test}_passing_{order}``              share of the tested units that pass, see ``spikegrid.process_fit``
    ``count_overdispersion_{order}``        1/(α + β + 1) of the beta-binomial law of pooled window counts, in [0, 1]:
                                            undefined where no unit varies,
                                            0 where all units have binomial counts of one rate; under the random order
                                            it measures the spread of rates over units, and nothing of time
    ``rate_beta_alpha``, ``rate_beta_beta`` the beta law of the rates of active units; undefined below 2 of them
    ======================================  ============================================================================

    The process table has a row for each seed, epoch, layer and order: names of the run, number of units, share of units
    tested and passing and mean effect for each test, the models of counts and rates with their parameters, standard
    errors, AIC and BIC, and those chosen.

    Null: under the random order, of which every network has its own, every assumption but that of Poisson counts holds
    by construction: what passes there says nothing of the network. Raises InputError when the images do not fill 2
    windows.
    """
    rows = []
    with spikes.load(artefacts["spikes"]) as run_spikes:
        run = run_spikes.meta["run"]
        if 2 * window > len(run_spikes.index):
            raise InputError(
                f"process: window is {window}; expected at most half of the {len(run_spikes.index)} images presented"
            )
        names = {axis: run[axis] for axis in ("dataset", "architecture", "regime")}
        places = orders_by_seed(run_spikes, orders)
        for layer in run_spikes.layers:
            for seed, epoch, raster in run_spikes.rasters(layer.name):
                where = {**names, "seed": seed, "epoch": epoch, "layer": layer.name, "depth": layer.depth}
                rates = rate_summary(raster.trains())
                for order, place in places[seed].items():
                    drawn_for = derived_seed(*where.values(), order, "rescaled intervals")
                    ordered = raster.trains(place)
                    outcomes = assumption_tests(ordered, window, lags, np.random.default_rng(drawn_for))
                    tests, counts = assumption_summary(outcomes, level), count_summary(ordered, window)
                    rows.append({**where, "order": order, "units": raster.units, **tests, **counts, **rates})
            _log.info("layer %s measured", layer.name)
    table = pd.DataFrame.from_records(rows)
    return {"features": in_order(tidy(_features(rows), run)), "process": in_order(table)}


def _features(rows: list[dict]) -> list[dict]:
    records = []
    for row in rows:
        where = {axis: row[axis] for axis in ("seed", "epoch", "layer", "depth")}
        order = row["order"]
        alpha, beta = row["count_beta_binomial_alpha"], row["count_beta_binomial_beta"]
        features = {f"{name}_{order}": value for name, value in row.items() if name.endswith("_passing")}
        varies = not np.isnan(row["units_binomial"])
        features[f"count_overdispersion_{order}"] = 1 / (alpha + beta + 1) if varies else np.nan
        if order == "random":  # the rates are the same in every order
            features |= {name: row[name] for name in ("rate_beta_alpha", "rate_beta_beta")}
        records += [where | {"feature": name, "value": value} for name, value in features.items()]
    return records
