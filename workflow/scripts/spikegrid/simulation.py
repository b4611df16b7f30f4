"""Which model reproduces which statistic of which regime: predictive checks of all networks, joined."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from spikegrid.indicators import bootstrap_interval
from spikegrid.tables import CELL

CHECK = ["observable", *CELL, "regime", "layer", "depth", "model", "statistic", "by_construction"]
COLUMNS = [
    *CHECK,
    "networks",
    "passing",
    "passing_low",
    "passing_high",
    "observed",
    "surrogate_mean",
    "z",
    "z_low",
    "z_high",
]


def summarize_checks(checks: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each observable, cell, regime, layer, model and statistic, in COLUMNS.

    checks: the joined ``simulation`` tables of all runs, with ``reached_target``. settings: ``confidence`` and
    ``resamples``. ``networks`` counts those that reached their target and have the check defined; where there are none
    the rest is NaN. ``passing`` is the share of them that pass, with its interval of Clopper and Pearson;
    ``observed`` and ``surrogate_mean`` are means over them, and so is ``z``, with the percentile bootstrap interval of
    this mean. ``z`` is NaN where all surrogates of a network have one value, as for most of what a model reproduces
    ``by_construction``; its interval also below 2 networks.

    Null: where a model made the spikes, and the statistic is not by construction, ``passing`` is 1 less the level of
    the checks, and ``z`` near 0.
    """
    rows, deviations = [], []
    for names, group in checks.groupby(CHECK, sort=False):
        networks = group[group["reached_target"] & group["passes"].notna()]
        interval = share_interval(int(networks["passes"].sum()), len(networks), settings["confidence"])
        means = networks[["observed", "surrogate_mean", "z"]].mean(skipna=False)
        rows.append([*names, len(networks), networks["passes"].mean(), *interval, *means])
        deviations.append(networks["z"].to_numpy())
    table = pd.DataFrame(rows, columns=COLUMNS[:-2])
    return pd.concat([table, _mean_intervals(deviations, settings)], axis=1)


def share_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a share, two floats in [0, 1]: NaN without trials.

    It holds the true share with probability ``confidence`` at least, whatever that is. Source: Clopper & Pearson
    (1934), Biometrika 26, 404.
    """
    if not trials:
        return np.nan, np.nan
    tail, failures = (1 - confidence) / 2, trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return float(low), float(high)


def _mean_intervals(samples: list[np.ndarray], settings: dict[str, Any]) -> pd.DataFrame:
    """Return ``z_low`` and ``z_high`` of each sample: samples of one size are resampled alike."""
    bounds, sizes = np.full((len(samples), 2), np.nan), np.array(list(map(len, samples)))
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        values = np.stack([samples[row] for row in rows])
        from_zero = bootstrap_interval(values, np.zeros_like(values), settings["confidence"], settings["resamples"])
        bounds[rows] = np.stack(from_zero, axis=1)
    return pd.DataFrame(bounds, columns=COLUMNS[-2:])
