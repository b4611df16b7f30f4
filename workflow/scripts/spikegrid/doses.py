"""Dose and response: does a feature move with the share of corrupted labels, or with the number of training images?"""

from typing import Any

import numpy as np
import pandas as pd

from spikegrid.dose_series import SERIES
from spikegrid.false_discovery import benjamini_hochberg
from spikegrid.indicators import PLACE
from spikegrid.rank_correlation import permuted_p_values, rank_scores, resampled_within, spearman
from spikegrid.tables import CELL, RUN, at_last_epoch

FEWEST_DOSES = 3
COLUMNS = ["series", *CELL, *PLACE, "networks", "doses", "rho", "low", "high", "p_value", "p_adjusted"]


def dose_response(
    features: pd.DataFrame, runs: pd.DataFrame, series: dict[str, list[str]], settings: dict[str, Any]
) -> pd.DataFrame:
    """Return Spearman's ρ of every feature and layer with the dose, a row for each series and cell, in COLUMNS.

    features: the joined table of all runs; the value of a network is that of its last epoch. runs: a row a network with
    ``corrupted_share``, the share in [0, 1] of the labels trained on that differ from the true ones, and
    ``training_images``, their number. series: names of regimes by the name of their series in SERIES. settings:
    ``confidence`` and ``resamples``. Networks that missed their target accuracy are left out, and so are cells with
    fewer than 2 regimes of a series.

    The dose of a network is the mean over the networks of its regime in its cell, so seeds of a regime share it;
    ``doses`` counts different ones. ``rho`` is in [-1, 1]; networks of one dose are ties, so a response that never
    turns stays below 1 in size: .97 for 4 doses of 5 networks. ``low`` and ``high`` are quantiles of ρ over resamples
    of the networks within each regime. ``p_value`` is that of ``permuted_p_values``, ``p_adjusted`` the same adjusted
    by Benjamini and Hochberg over the whole table. All five are NaN with fewer than 3 doses, for values of which one is
    undefined, and for values that are all alike.
    """
    last = at_last_epoch(features[features["reached_target"]])
    last = last.merge(runs[[*RUN, *(dose.column for dose in SERIES.values())]], on=RUN, validate="many_to_one")
    parts = []
    for name, regimes in series.items():
        for cell, networks in last[last["regime"].isin(regimes)].groupby(CELL, sort=False):
            if len(networks["regime"].unique()) > 1:
                response = _response(networks, SERIES[name].column, settings)
                response[["series", *CELL]] = name, *cell
                parts.append(response)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(parts, ignore_index=True)
    table["p_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy())
    return table[COLUMNS]


def spearman_intervals(
    values: np.ndarray, dose: np.ndarray, regimes: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval of ``spearman`` for rows [rows, n], networks resampled within regimes.

    regimes: the regime of each network, [n]; networks of a regime have one dose. Values are ranked anew in every
    resample. Copies of a network are ranked as networks of their own, unless it shares its value with another one: ties
    that only the resampling makes would shorten the ranks and raise |ρ| beyond that of the sample. A resample without
    spread counts for nothing. All rows are resampled alike. NaN where ρ is.
    """
    counts = resampled_within(regimes, resamples, "doses")
    dose = rank_scores(dose[None])[0]  # the same in every resample, since regimes keep their sizes
    tail = (1 - confidence) / 2
    low, high = np.full((2, len(values)), np.nan)
    for row in np.flatnonzero(np.isfinite(spearman(values, dose))):
        above = np.sign(np.subtract.outer(values[row], values[row]))
        alone = np.count_nonzero(above, axis=1) == len(dose) - 1
        ranks = counts @ above.T  # less their mean, and twice as large
        squares = np.einsum("ij,ij,ij->i", counts, ranks, ranks)
        of_copies = (counts * (counts**2 - 1))[:, alone].sum(axis=1) / 3
        drawn = squares > 0
        rho = ((counts * ranks) @ dose)[drawn] / np.sqrt(squares + of_copies)[drawn]
        low[row], high[row] = np.quantile(rho, [tail, 1 - tail])
    return low, high


def _response(networks: pd.DataFrame, dose: str, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the statistics of all features and layers of one series in one cell."""
    values = networks.pivot(index=PLACE, columns=["regime", "seed"], values="value").sort_index(axis=1)
    doses = networks.drop_duplicates(RUN).groupby("regime")[dose].mean().round(12)
    regimes = values.columns.get_level_values("regime").to_numpy()
    response = pd.DataFrame({"networks": values.shape[1], "doses": doses.nunique()}, index=values.index)
    statistics = ["rho", "low", "high", "p_value"]
    response[statistics] = np.nan
    if doses.nunique() >= FEWEST_DOSES:
        rows, of_networks = values.to_numpy(float), doses[regimes].to_numpy(float)
        bounds = spearman_intervals(rows, of_networks, regimes, settings["confidence"], settings["resamples"])
        found = spearman(rows, of_networks), *bounds, permuted_p_values(rows, of_networks, purpose="doses")
        response[statistics] = np.round(found, 12).T + 0.0  # rounding errors of a ρ of 0 are no sign
    return response.reset_index()
