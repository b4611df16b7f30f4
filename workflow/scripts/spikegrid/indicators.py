"""Indicators: how far features of memorizing networks lie from those of generalizing ones, seed by seed."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import bootstrap

from spikegrid.randomness import derived_seed

CELL = ["dataset", "architecture"]
PLACE = ["observable", "feature", "layer", "depth"]
COLUMNS = [
    *CELL,
    *PLACE,
    "epoch_memorizing",
    "epoch_generalizing",
    "final",
    "n_memorizing",
    "n_generalizing",
    "mean_memorizing",
    "mean_generalizing",
    "difference",
    "low",
    "high",
    "hedges_g",
]


_ROWS, _RESAMPLES_AT_ONCE = 500, 1000
"""How much the bootstrap does at once; every row is resampled alike, so rows do not depend on one another."""


def compare_regimes(features: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the difference memorizing − generalizing of every feature, layer, cell and epoch, in COLUMNS.

    features: the joined table of all runs. settings: the names of the two regimes, ``confidence`` and ``resamples``.
    Networks that missed their target accuracy are left out; ``n_*`` says how many are left. Regimes are compared at
    equal epochs; rows with ``final`` true compare the last epoch of each, which may differ where their lengths do.
    ``low`` and ``high`` bound the bootstrap interval of the difference. Statistics of fewer than 2 seeds, or of
    undefined values, are NaN.
    """
    fitted = features[features["reached_target"]]
    rows = []
    for cell, group in fitted.groupby(CELL, sort=False):
        memorizing = _values_by_epoch(group, settings["memorizing"])
        generalizing = _values_by_epoch(group, settings["generalizing"])
        if not memorizing or not generalizing:
            continue
        last = (max(memorizing), max(generalizing))
        pairs = {(epoch, epoch) for epoch in memorizing.keys() & generalizing.keys()} | {last}
        for pair in sorted(pairs):
            compared = _compare(memorizing[pair[0]], generalizing[pair[1]], settings)
            compared[CELL] = cell
            compared["epoch_memorizing"], compared["epoch_generalizing"] = pair
            compared["final"] = pair == last
            rows.append(compared)
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(rows, ignore_index=True)[COLUMNS]


def hedges_g(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Hedges' g of rows of two samples, [rows, n1] and [rows, n2]: g = J (m1 - m2) / s, s pooled with ddof 1.

    J = Γ(ν/2) / (sqrt(ν/2) Γ((ν-1)/2)), ν = n1 + n2 - 2, removes the bias of small samples.
    NaN where the pooled deviation is 0 or ν < 2. Source: Hedges (1981), J. Educ. Stat. 6, 107.
    """
    n1, n2 = first.shape[1], second.shape[1]
    freedom = n1 + n2 - 2
    if min(n1, n2) < 2:
        return np.full(len(first), np.nan)
    pooled = np.sqrt(((n1 - 1) * first.var(axis=1, ddof=1) + (n2 - 1) * second.var(axis=1, ddof=1)) / freedom)
    correction = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    difference = first.mean(axis=1) - second.mean(axis=1)
    return correction * np.divide(difference, pooled, out=np.full(len(first), np.nan), where=pooled > 0)


def bootstrap_interval(
    first: np.ndarray, second: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval of mean(first) - mean(second), for rows [rows, n1] and [rows, n2].

    The two samples are resampled apart. NaN where a sample has fewer than 2 values or one that is undefined.
    """
    low, high = np.full((2, len(first)), np.nan)
    if min(first.shape[1], second.shape[1]) < 2:
        return low, high
    defined = np.flatnonzero(np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1))
    for start in range(0, len(defined), _ROWS):
        rows = defined[start : start + _ROWS]
        interval = bootstrap(
            (first[rows], second[rows]),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            n_resamples=resamples,
            batch=_RESAMPLES_AT_ONCE,
            vectorized=True,
            axis=-1,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(derived_seed("indicators", "bootstrap")),
        ).confidence_interval
        low[rows], high[rows] = interval.low, interval.high
    return low, high


def _values_by_epoch(group: pd.DataFrame, regime: str) -> dict[int, pd.DataFrame]:
    """Return for each epoch a table of places × seeds."""
    of_regime = group[group["regime"] == regime]
    return {
        epoch: part.pivot(index=PLACE, columns="seed", values="value")
        for epoch, part in of_regime.groupby("epoch", sort=True)
    }


def _compare(memorizing: pd.DataFrame, generalizing: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    places = memorizing.index.intersection(generalizing.index, sort=False)
    first, second = memorizing.loc[places].to_numpy(), generalizing.loc[places].to_numpy()
    low, high = bootstrap_interval(first, second, settings["confidence"], settings["resamples"])
    statistics = pd.DataFrame(
        {
            "n_memorizing": first.shape[1],
            "n_generalizing": second.shape[1],
            "mean_memorizing": first.mean(axis=1),
            "mean_generalizing": second.mean(axis=1),
            "difference": first.mean(axis=1) - second.mean(axis=1),
            "low": low,
            "high": high,
            "hedges_g": hedges_g(first, second),
        },
        index=places,
    )
    return statistics.reset_index()
