"""Inter-spike intervals of every unit: their variability, local and global, their memory, and their distribution."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.correlations import autocorrelation
from spikegrid.interval_laws import interval_histogram
from spikegrid.intervals import (
    IntervalSums,
    burstiness,
    cv2,
    cv2_geo,
    geometric_distance,
    interval_cv,
    lv,
    lv_geo,
    mean_interval,
    memory,
)
from spikegrid.orders import orders_by_seed
from spikegrid.tabulation import measure_units, summarize_units
from spikegrid.trains import Raster

READS = ["spikes"]
TABLES = ["units", "interval_histograms"]
LABELS = ["*_class_blocked"]
CAVEATS = {
    "bound to rates": [
        "interval_cv_*",
        "cv2_[!g]*",
        "lv_[!g]*",
        "cv2_given",
        "lv_given",
        "burstiness_*",
        "geometric_distance_*",
    ],
}
PARAMETERS = {
    "orders": {
        "type": "array",
        "items": {"enum": ["random", "class_blocked", "given"]},
        "uniqueItems": True,
        "contains": {"const": "random"},
        "default": ["random", "class_blocked", "given"],
        "description": "Orders of images that intervals are measured in. `random` is the control, and must be there.",
    },
}
MEASURES = {
    "interval_cv": interval_cv,
    "cv2": cv2,
    "lv": lv,
    "cv2_geo": cv2_geo,
    "lv_geo": lv_geo,
    "burstiness": burstiness,
    "memory": memory,
    "geometric_distance": geometric_distance,
}


def observe(artefacts: dict[str, Path], orders: list[str]) -> dict[str, pd.DataFrame]:
    """Return features by layer and for the whole network, the measures of every unit, and histograms of intervals.

    ``interval_cv_{order}``, ``cv2_{order}``, ``lv_{order}``, ``cv2_geo_{order}``, ``lv_geo_{order}``,
    ``burstiness_{order}``, ``memory_{order}``, ``geometric_distance_{order}`` (see ``spikegrid.intervals``) and
    ``autocorrelation_{order}`` (of neighbours, lag 1) are means over the units with at least 2 intervals that do not
    always fire; ``few_intervals_share`` is the share of units with fewer than 2 intervals. Memory, and cv2_geo and
    lv_geo, may be undefined for some of them, which the mean leaves out. NaN without a unit to average over.

    Null, under the random order, of which every network has its own: cv2_geo and lv_geo are 1 for every rate; memory
    and autocorrelation are 0 up to -1/n; interval_cv, cv2, lv, burstiness and geometric_distance only repeat the rate.

    Units table: seed, epoch, layer, depth, unit, firing_rate, intervals (their number), interval_mean_{order} and the
    measures above. Histograms, of the last epoch: seed, epoch, layer, depth, order, interval (images), observed
    (number, units pooled), and what the geometric and the exponential law of each unit's rate expect (see
    ``spikegrid.interval_laws.interval_histogram``).
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        places = orders_by_seed(run_spikes, orders)

        def measure(seed: int, raster: Raster) -> dict[str, np.ndarray]:
            trains = raster.trains()
            values = {"firing_rate": trains.rates(), "intervals": np.maximum(trains.spike_counts() - 1, 0)}
            for order, place in places[seed].items():
                ordered = raster.trains(place)
                sums = IntervalSums.of(ordered)
                values[f"interval_mean_{order}"] = mean_interval(sums)
                values |= {f"{name}_{order}": of_units(sums) for name, of_units in MEASURES.items()}
                values[f"autocorrelation_{order}"] = autocorrelation(ordered, 1)[:, 0]
            return values

        units = measure_units(run_spikes, measure)
        run, measured_orders = run_spikes.meta["run"], list(places[run_spikes.seeds[0]])
        histograms = pd.concat(_histograms(run_spikes, places), ignore_index=True)

    def summarize(members: pd.DataFrame) -> dict[str, float]:
        names = [f"{name}_{order}" for order in measured_orders for name in (*MEASURES, "autocorrelation")]
        few = members["intervals"] < 2
        return {"few_intervals_share": few.mean(), **members.loc[~few & (members["firing_rate"] < 1), names].mean()}

    features = summarize_units(units, run, summarize)
    return {"features": features, "units": units, "interval_histograms": histograms}


def _histograms(run_spikes: spikes.Spikes, places: dict[int, dict[str, np.ndarray]]) -> list[pd.DataFrame]:
    tables = []
    for layer in run_spikes.layers:
        for seed, epoch, raster in run_spikes.rasters(layer.name):
            for order, place in places[seed].items() if epoch == run_spikes.epochs[-1] else ():
                histogram = interval_histogram(raster.trains(place))
                where = {"seed": np.int32(seed), "epoch": np.int32(epoch), "layer": layer.name, "depth": layer.depth}
                counted = {
                    "interval": np.arange(1, len(histogram.observed) + 1, dtype=np.int32),
                    "observed": histogram.observed,
                    "geometric": histogram.geometric,
                    "exponential": histogram.exponential,
                }
                tables.append(pd.DataFrame(where | {"order": order} | counted))
    return tables
