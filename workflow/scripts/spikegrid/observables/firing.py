"""Firing rate and Fano factor of every unit, their means and variances over units, dead and always-on shares.

Source: Lehmler, Saif-ur-Rehman, Glasmachers & Iossifidis, arXiv 2308.00858.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from spikegrid import spikes
from spikegrid.dispersion import fano_factor, fano_ratio
from spikegrid.errors import InputError
from spikegrid.orders import orders_by_seed
from spikegrid.tabulation import measure_units, summarize_units
from spikegrid.trains import Raster

READS = ["spikes"]
TABLES = ["units"]
LABELS = ["*_class_blocked"]
CAVEATS = {"bound to rates": ["fano_factor_*"]}
PARAMETERS = {
    "window": {
        "type": "integer",
        "minimum": 1,
        "default": 20,
        "description": "Consecutive images in which the spikes of a unit are counted for its Fano factor.",
    },
    "orders": {
        "type": "array",
        "items": {"enum": ["random", "class_blocked", "given"]},
        "uniqueItems": True,
        "contains": {"const": "random"},
        "default": ["random", "class_blocked", "given"],
        "description": "Orders of images for the Fano factor. `random` is the control, and must be there.",
    },
}


def observe(artefacts: dict[str, Path], window: int, orders: list[str]) -> dict[str, pd.DataFrame]:
    """Return features by layer and for the whole network, and the measures of every unit.

    ==================================  ================================================================================
    ``firing_rate_mean``                mean over all units of p_u, spikes per image, in [0, 1]
    ``firing_rate_variance``            variance over all units of p_u, ddof 0
    ``dead_share``                      share of units with p_u = 0
    ``always_on_share``                 share of units with p_u = 1
    ``fano_factor_mean_{order}``        mean over active units of F_u = Var_k(c_u,k) / Mean_k(c_u,k), ddof 0
    ``fano_factor_variance_{order}``    variance of F_u over active units, ddof 0
    ``fano_ratio_mean_{order}``         mean over active units of F_u / (1 - p_u)
    ``fano_ratio_variance_{order}``     its variance, ddof 0
    ==================================  ================================================================================

    Counts c are those in windows under each of ``orders`` of the images. Null: under the random order
    E[F_u / (1 - p_u)] = (N - T)/(N - 1), about 1 - 1/K with K windows, for any train; every network has a random order
    of its own. Active units have 0 < p_u < 1 and spikes in the windows; dead and always-on ones are counted apart. A
    feature without a unit to average over is NaN. Raises InputError when the images do not fill 2 windows.

    Units table: seed, epoch, layer, depth, unit (flat index in channel-row-column order), firing_rate, and
    fano_factor_{order}, fano_ratio_{order} for each order.
    """
    with spikes.load(artefacts["spikes"]) as run_spikes:
        if 2 * window > len(run_spikes.index):
            raise InputError(
                f"firing: window is {window}; expected at most half of the {len(run_spikes.index)} images presented"
            )
        places = orders_by_seed(run_spikes, orders)

        def measure(seed: int, raster: Raster) -> dict[str, np.ndarray]:
            rates = raster.trains().rates()
            values = {"firing_rate": rates}
            for order, place in places[seed].items():
                fano = fano_factor(raster.trains(place).window_sums(window))
                values |= {f"fano_factor_{order}": fano, f"fano_ratio_{order}": fano_ratio(fano, rates)}
            return values

        units = measure_units(run_spikes, measure)
        run, measured_orders = run_spikes.meta["run"], list(places[run_spikes.seeds[0]])

    def summarize(members: pd.DataFrame) -> dict[str, float]:
        rates = members["firing_rate"].to_numpy()
        active = members[(rates > 0) & (rates < 1)]
        features = {
            "firing_rate_mean": rates.mean(),
            "firing_rate_variance": rates.var(),
            "dead_share": (rates == 0).mean(),
            "always_on_share": (rates == 1).mean(),
        }
        for order in measured_orders:
            for measure in ("fano_factor", "fano_ratio"):
                values = active[f"{measure}_{order}"]
                features |= {
                    f"{measure}_mean_{order}": values.mean(),
                    f"{measure}_variance_{order}": values.var(ddof=0),
                }
        return features

    return {"features": summarize_units(units, run, summarize), "units": units}
