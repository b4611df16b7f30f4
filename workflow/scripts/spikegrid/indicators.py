"""Indicators: how far features of memorizing networks lie from those of generalizing ones, seed by seed."""

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from spikegrid.false_discovery import benjamini_hochberg
from spikegrid.randomness import derived_seed
from spikegrid.tables import CELL

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
    "auroc",
    "p_value",
    "p_adjusted",
    "low_over_training",
    "high_over_training",
    "separated_from",
]

EXHAUSTIVE = 10_000
"""A permutation test goes through all relabelings where there are no more than these."""

RANDOM_RELABELINGS = 9_999
"""Number of random relabelings where there are more; p-values are then at least 1 / 10,000."""

ROUNDING = 1e-9
"""Statistics that differ by less than this share of the spread of the values are ties."""

_ROWS = 500
"""How many are done at once; every row is resampled and relabelled alike, so rows do not depend on one another."""


def compare_regimes(features: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the difference memorizing − generalizing of every feature, layer, cell and epoch, in COLUMNS.

    features: the joined table of all runs. settings: the names of the two regimes, ``confidence`` and ``resamples``.
    Networks that missed their target accuracy are left out; ``n_*`` says how many are left. Regimes are compared at
    equal epochs; rows with ``final`` true compare the last epoch of each, which may differ where their lengths do.
    ``low`` and ``high`` bound the bootstrap interval of the difference, ``p_value`` is that of the permutation test,
    ``p_adjusted`` the same adjusted by Benjamini and Hochberg over the whole table.

    Three columns belong to the feature and layer of a cell and repeat over its epochs. ``low_over_training`` and
    ``high_over_training`` bound the difference of the networks' mean values over the checkpoints after epoch 0 that
    both regimes have. ``separated_from`` is the first epoch compared, by its number in the memorizing regime, from
    which to the end every interval excludes 0 on the side that the final one does; NaN where the final one does not.

    Statistics of undefined or infinite values are NaN; so are intervals and g of fewer than 2 seeds.
    """
    fitted = features[features["reached_target"]]
    fitted = fitted.assign(value=fitted["value"].where(np.isfinite(fitted["value"])))
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
    table = pd.concat(rows, ignore_index=True)
    table = table.merge(_intervals_over_training(fitted, settings), on=[*CELL, *PLACE], how="left")
    table["p_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy())
    table["separated_from"] = _separated_from(table)
    return table[COLUMNS]


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


def auroc(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return P(a > b) + P(a = b) / 2 of a from ``first`` and b from ``second``, [rows, n1] and [rows, n2], in [0, 1].

    It is the area under the receiver operating characteristic when the feature tells the two samples apart, and U/(n1
    n2) of Mann and Whitney; 1/2 under the null that they are alike. NaN where a value is undefined or a sample empty.
    Source: Hanley & McNeil (1982), Radiology 143, 29.
    """
    a, b = first[:, :, None], second[:, None, :]
    pairs = first.shape[1] * second.shape[1]
    wins = np.count_nonzero(a > b, axis=(1, 2)) + np.count_nonzero(a == b, axis=(1, 2)) / 2
    return np.where(_defined(first, second) & (pairs > 0), wins / max(pairs, 1), np.nan)


def permutation_p_value(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the two-sided permutation p of |mean(first) - mean(second)| for rows [rows, n1] and [rows, n2], in (0, 1].

    p is the share of relabelings, the observed one among them, whose difference is as large; it is at least 2 / C(n1 +
    n2, n1) where n1 = n2 and all are gone through. Null: the labels are exchangeable, so the two samples have one law.
    NaN where a value is undefined or a sample empty. Source: Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9.
    """
    n1, n2 = first.shape[1], second.shape[1]
    p_values = np.full(len(first), np.nan)
    if min(n1, n2) == 0:
        return p_values
    relabelled = relabelings(n1, n2, "indicators", "permutation")
    contrasts = np.where(relabelled, 1 / n1, -1 / n2).T
    values = np.concatenate([first, second], axis=1)
    defined = np.flatnonzero(_defined(first, second))
    for start in range(0, len(defined), _ROWS):
        rows = defined[start : start + _ROWS]
        centred = values[rows] - values[rows].mean(axis=1, keepdims=True)
        differences = np.abs(centred @ contrasts)
        least = differences[:, :1] - ROUNDING * np.abs(centred).max(axis=1, keepdims=True)
        p_values[rows] = (differences >= least).mean(axis=1)
    return p_values


def relabelings(n1: int, n2: int, *purpose: str) -> np.ndarray:
    """Return which of n1 + n2 networks bear the first label, bool [relabelings, n1 + n2]; the first is as observed.

    All C(n1 + n2, n1) where they are at most EXHAUSTIVE; else the observed and random ones, seeded by ``purpose``.
    """
    if comb(n1 + n2, n1) > EXHAUSTIVE:
        return random_relabelings(n1, n2, *purpose)
    chosen = np.array(list(combinations(range(n1 + n2), n1)))
    relabelled = np.zeros((len(chosen), n1 + n2), bool)
    np.put_along_axis(relabelled, chosen, True, axis=1)
    return relabelled


def random_relabelings(n1: int, n2: int, *purpose: str) -> np.ndarray:
    """Return the observed labels and RANDOM_RELABELINGS random ones of n1 + n2 networks, bool [10,000, n1 + n2]."""
    observed = np.arange(n1 + n2) < n1
    relabelled = np.tile(observed, (1 + RANDOM_RELABELINGS, 1))
    relabelled[1:] = np.random.default_rng(derived_seed(*purpose)).permuted(relabelled[1:], axis=1)
    return relabelled


def bootstrap_interval(
    first: np.ndarray, second: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval of mean(first) - mean(second), for rows [rows, n1] and [rows, n2].

    The two samples are resampled apart. NaN where a sample has fewer than 2 values or one that is undefined.
    """
    low, high = np.full((2, len(first)), np.nan)
    if min(first.shape[1], second.shape[1]) < 2:
        return low, high
    generator, tail = np.random.default_rng(derived_seed("indicators", "bootstrap")), (1 - confidence) / 2
    weights = [generator.multinomial(n, np.full(n, 1 / n), resamples) / n for n in (first.shape[1], second.shape[1])]
    defined = np.flatnonzero(_defined(first, second))
    for start in range(0, len(defined), _ROWS):
        rows = defined[start : start + _ROWS]
        origin = first[rows, :1]  # rounding turns no difference of constants away from 0
        differences = (first[rows] - origin) @ weights[0].T - (second[rows] - origin) @ weights[1].T
        low[rows], high[rows] = np.quantile(differences, [tail, 1 - tail], axis=1)
    return low, high


def _defined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)


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
            "auroc": auroc(first, second),
            "p_value": permutation_p_value(first, second),
        },
        index=places,
    )
    return statistics.reset_index()


def _intervals_over_training(fitted: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return a row a place of every cell where both regimes have a common checkpoint after epoch 0."""
    memorizing, generalizing = settings["memorizing"], settings["generalizing"]
    trained = fitted[(fitted["epoch"] > 0) & fitted["regime"].isin([memorizing, generalizing])]
    regimes_there = trained.groupby([*CELL, *PLACE, "epoch"], sort=False)["regime"].transform("nunique")
    networks = trained[regimes_there == 2].groupby([*CELL, *PLACE, "regime", "seed"], sort=False)["value"]
    checkpoints = networks.agg(["mean", "count", "size"])
    means = checkpoints["mean"].where(checkpoints["count"] == checkpoints["size"]).rename("value").reset_index()
    intervals = [pd.DataFrame(columns=[*CELL, *PLACE, "low_over_training", "high_over_training"])]
    for cell, group in means.groupby(CELL, sort=False):
        values = group.pivot(index=PLACE, columns=["regime", "seed"], values="value").sort_index(axis=1)
        first, second = values[memorizing].to_numpy(), values[generalizing].to_numpy()
        low, high = bootstrap_interval(first, second, settings["confidence"], settings["resamples"])
        bounds = pd.DataFrame({"low_over_training": low, "high_over_training": high}, index=values.index).reset_index()
        bounds[CELL] = cell
        intervals.append(bounds)
    return pd.concat(intervals[1:] or intervals, ignore_index=True)


def _separated_from(table: pd.DataFrame) -> pd.Series:
    """Rows of a place are in the order of epochs, the final one last."""
    places = table.groupby([*CELL, *PLACE], sort=False).ngroup()
    side = (table["low"] > 0).astype(int) - (table["high"] < 0).astype(int)
    final_side = side.where(table["final"]).groupby(places).transform("last")
    alike = (side == final_side) & (side != 0)
    to_the_end = alike[::-1].groupby(places).cummin()[::-1]
    return table["epoch_memorizing"].where(to_the_end).groupby(places).transform("min")
