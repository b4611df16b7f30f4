"""Stable indicators: features that tell memorizing from generalizing networks alike in every dataset and architecture.

The table ranks them; its last column says each row in words.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import reduce
from math import comb, prod
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.dose_series import SERIES
from spikegrid.false_discovery import benjamini_hochberg
from spikegrid.findings import LAST_LAYER, WHOLE_NETWORK, sentence
from spikegrid.indicators import EXHAUSTIVE, ROUNDING, random_relabelings, relabelings
from spikegrid.tables import CELL, in_last_layer

INDICATOR = ["observable", "feature", "place"]
COLUMNS = [
    "rank",
    *INDICATOR,
    "images",
    "needs_labels",
    "caveat",
    "stable",
    "cells",
    "sign",
    "same_sign_share",
    "off_zero_cells",
    "off_zero_over_training_cells",
    "smallest_g",
    "largest_g",
    "smallest_auroc",
    "p_value",
    "p_adjusted",
    "separated_from",
    *(f"{series}_rho_{bound}" for series in SERIES for bound in ("low", "high")),
    "sentence",
]


def stable_indicators(
    features: pd.DataFrame,
    indicators: pd.DataFrame,
    doses: pd.DataFrame,
    settings: dict[str, Any],
    traits: dict[str, dict[str, Any]],
) -> pd.DataFrame:
    """Return a row for every observable, feature and place, the most stable first, in COLUMNS.

    features: the joined table of all runs. indicators, doses: the tables of ``compare_regimes`` and ``dose_response``.
    settings: the names of the two regimes and ``false_discovery_rate``. traits: for each observable the ``images`` that
    it presents, test or train, and patterns of its features: ``labels``, of those that need labels, and ``caveats``, of
    those with a caveat, by that.

    A cell is a dataset and architecture that measures the feature in both regimes; one where no network of a regime
    reached its target counts among the ``cells`` but cannot be compared, and then nothing is stable. All columns speak
    of memorizing − generalizing at the end of training.
    ``sign`` is higher or lower where every cell agrees, mixed where one disagrees or has a difference of 0, undefined
    where one has none. The majority sign is that of most cells, higher on a tie: ``same_sign_share`` of the cells have
    it, ``off_zero_cells`` and ``off_zero_over_training_cells`` count intervals that lie on its side of 0, and
    ``smallest_auroc`` in [0, 1] is the least over cells after it is turned so that 1 is perfect. ``smallest_g`` and
    ``largest_g`` are Hedges' g of the least and most absolute value, with their sign. ``separated_from`` is the latest
    of the cells'. ``*_rho_*`` is the range of Spearman's ρ with a dose over cells, where it was measured.
    What is undefined in one cell is NaN. ``caveat`` is empty for most features.

    ``stable``: one sign in every cell, an interval off 0 in every cell at the end and over training, and ``p_adjusted``
    at most the false discovery rate. The p-value, of ``stratified_p_values``, is there because intervals alone call
    chance stable: percentile intervals of few seeds are too narrow, and features are many. Of simulated tables of 40
    correlated features, where both regimes were 5 seeds of one process, intervals alone called a feature stable in 82 %
    of those of one cell and in 12 % of those of two; with the p-value it was 0 and 4 %. Benjamini and Hochberg's
    adjustment over the table keeps the expected share of chance among the stable at the rate or below.

    Raises KeyError when an observable has no traits.
    """
    final = final_rows(indicators)
    if final.empty:
        return pd.DataFrame(columns=COLUMNS)
    final = final.merge(_dose_columns(doses), on=[*CELL, "observable", "feature", "layer"], how="left")
    planned = _planned_cells(features, settings)
    table = pd.DataFrame([_over_cells(name, rows, planned[name[:2]]) for name, rows in final.groupby(INDICATOR)])
    table = table.merge(_p_values(features, final, settings), on=INDICATOR, how="left")
    table["p_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy())
    table["stable"] = (
        table["sign"].isin(["higher", "lower"])
        & (table["off_zero_cells"] == table["cells"])
        & (table["off_zero_over_training_cells"] == table["cells"])
        & (table["p_adjusted"] <= settings["false_discovery_rate"])
    )
    table["images"] = [traits[observable]["images"] for observable in table["observable"]]
    named = list(zip(table["observable"], table["feature"]))
    table["needs_labels"] = [_matches(feature, traits[observable]["labels"]) for observable, feature in named]
    table["caveat"] = [_caveat(feature, traits[observable]["caveats"]) for observable, feature in named]
    table = _ranked(table)
    table["sentence"] = [sentence(row, settings) for row in table.to_dict("records")]
    return table[COLUMNS]


def stratified_p_values(cells: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the two-sided permutation p of rows of features in several cells, in (0, 1].

    cells: for each cell the values of the two regimes, [features, n1] and [features, n2]. names: what seeds the random
    relabelings of each cell. Statistic: S = |Σ_cells (m1 - m2) / s|, s the standard deviation of all n1 + n2 values of
    the cell, ddof 1; a cell without spread adds 0. p is the share of relabelings, the observed one among them, with S
    as large. Labels move within cells and independently between them: all joint relabelings where they are at most
    EXHAUSTIVE, else random ones. Features of the same networks are relabelled alike.

    NaN where a cell has an undefined value. Null: in every cell the regime makes no difference to the law of a network.
    Source: the stratified Fisher-Pitman test, Good (2005), Permutation, Parametric and Bootstrap Tests, ch. 6.
    """
    sizes = [(first.shape[1], second.shape[1]) for first, second in cells]
    exhaustive = prod(comb(n1 + n2, n1) for n1, n2 in sizes) <= EXHAUSTIVE
    relabelled = relabelings if exhaustive else random_relabelings
    contrasts = (_contrasts(cell, relabelled(*size, *name)) for cell, size, name in zip(cells, sizes, names))
    sums = reduce(_sums_of_all_pairs if exhaustive else np.add, contrasts)
    p_values = (np.abs(sums) >= np.abs(sums[:, :1]) - ROUNDING).mean(axis=1)
    return np.where(np.isfinite(sums[:, 0]), p_values, np.nan)


def final_rows(indicators: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the end of training of the last layer of each observable and of the whole network.

    indicators: the table of ``compare_regimes``. ``place`` says which: ``last layer`` or ``network``.
    """
    final = indicators[indicators["final"].astype(bool)]
    last = final[in_last_layer(final) & (final["depth"] > 0)]
    whole = final[final["depth"] == 0]
    return pd.concat([last.assign(place=LAST_LAYER), whole.assign(place=WHOLE_NETWORK)], ignore_index=True)


def _contrasts(cell: tuple[np.ndarray, np.ndarray], relabelled: np.ndarray) -> np.ndarray:
    """Return (m1 - m2) / s of every feature and relabeling, [features, relabelings]."""
    values = np.concatenate(cell, axis=1)
    values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / max(values.shape[1] - 1, 1))
    constant = np.ptp(values, axis=1, keepdims=True) == 0
    scores = np.where(constant, 0, centred) / np.where(constant, 1, spread)
    return scores @ np.where(relabelled, 1 / cell[0].shape[1], -1 / cell[1].shape[1]).T


def _sums_of_all_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first[:, :, None] + second[:, None, :]).reshape(len(first), -1)


def _dose_columns(doses: pd.DataFrame) -> pd.DataFrame:
    """Return ρ of each series as a column, a row for every cell, observable, feature and layer."""
    key = [*CELL, "observable", "feature", "layer"]
    rho = doses.astype({"rho": float}).pivot(index=key, columns="series", values="rho")
    return rho.reindex(columns=list(SERIES)).astype(float).reset_index()


def _planned_cells(features: pd.DataFrame, settings: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Return for each observable and feature how many cells measure it in both regimes, even if targets were missed."""
    compared = features[features["regime"].isin([settings["memorizing"], settings["generalizing"]])]
    measured = compared.groupby(["observable", "feature", *CELL])["regime"].nunique() == 2
    return measured.groupby(["observable", "feature"]).sum().astype(int).to_dict()


def _over_cells(name: tuple[str, str, str], rows: pd.DataFrame, cells: int) -> dict[str, Any]:
    """Sum up the cells of one indicator, of ``cells`` in all."""
    difference = rows["difference"].to_numpy(float)
    higher, lower = np.count_nonzero(difference > 0), np.count_nonzero(difference < 0)
    majority = 1 if higher >= lower else -1
    effects = rows["hedges_g"].to_numpy(float)
    by_size = effects[np.argsort(np.abs(effects), kind="stable")]
    defined = np.isfinite(effects).all()
    auroc = rows["auroc"].to_numpy(float)
    summary = dict(zip(INDICATOR, name)) | {
        "cells": cells,
        "sign": _sign(difference) if len(rows) == cells else "undefined",
        "same_sign_share": max(higher, lower) / cells,
        "smallest_g": by_size[0] if defined else np.nan,
        "largest_g": by_size[-1] if defined else np.nan,
        "smallest_auroc": (auroc if majority > 0 else 1 - auroc).min(),
        "separated_from": rows["separated_from"].to_numpy(float).max(),
        "disagreeing_cells": min(higher, lower),
        "undefined_cells": np.count_nonzero(~np.isfinite(difference)),
        "zero_cells": np.count_nonzero(difference == 0),
        "missing_cells": cells - len(rows),
    }
    for period in ("", "_over_training"):
        low, high = (majority * rows[f"{bound}{period}"].to_numpy(float) for bound in ("low", "high"))
        least, most = np.minimum(low, high), np.maximum(low, high)
        summary[f"off_zero{period}_cells"] = np.count_nonzero(least > 0)
        summary[f"opposite{period}_cells"] = np.count_nonzero(most < 0)
        summary[f"no_interval{period}_cells"] = np.count_nonzero(np.isnan(low))
    for series in SERIES:
        rho = rows[series].dropna()
        summary[f"{series}_rho_low"], summary[f"{series}_rho_high"] = rho.min(), rho.max()
    return summary


def _sign(difference: np.ndarray) -> str:
    if np.isnan(difference).any():
        return "undefined"
    if (difference > 0).all():
        return "higher"
    return "lower" if (difference < 0).all() else "mixed"


def _p_values(features: pd.DataFrame, final: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return ``stratified_p_values`` of the values which the rows of ``final`` compare, by INDICATOR."""
    cells: dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]] = {}
    fitted = dict(list(features[features["reached_target"]].groupby(CELL)))
    for cell, rows in final.groupby(CELL):
        cells[cell] = tuple(
            _final_values(fitted[cell][fitted[cell]["regime"] == settings[side]], rows, f"epoch_{side}")
            for side in ("memorizing", "generalizing")
        )
    shared = final.groupby(INDICATOR)[CELL].apply(lambda rows: tuple(sorted(rows.itertuples(index=False, name=None))))
    parts = []
    for names, indicators in shared.groupby(shared).groups.items():
        values = [tuple(part.loc[indicators].to_numpy(float) for part in cells[name]) for name in names]
        p_values = stratified_p_values(values, [("stable indicators", *name) for name in names])
        parts.append(pd.DataFrame({"p_value": p_values}, index=indicators))
    return pd.concat(parts).reset_index()


def _final_values(values: pd.DataFrame, rows: pd.DataFrame, epoch: str) -> pd.DataFrame:
    """Return a table of indicators × seeds."""
    places = rows[[*INDICATOR, "layer", "depth", epoch]].rename(columns={epoch: "epoch"})
    compared = places.merge(values, on=["observable", "feature", "layer", "depth", "epoch"])
    return compared.pivot(index=INDICATOR, columns="seed", values="value").sort_index(axis=1)


def _matches(feature: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(feature, pattern) for pattern in patterns)


def _caveat(feature: str, caveats: dict[str, list[str]]) -> str:
    return ", ".join(caveat for caveat, patterns in caveats.items() if _matches(feature, patterns))


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    order = table.assign(
        stable=~table["stable"],
        caveat=table["caveat"] != "",
        sign=table["sign"].map({"higher": 0, "lower": 0, "mixed": 1, "undefined": 2}),
        smallest_g=-table["smallest_g"].abs(),
    ).sort_values(["stable", "sign", "caveat", "smallest_g", *INDICATOR], na_position="last")
    return table.loc[order.index].reset_index(drop=True).assign(rank=range(1, len(table) + 1))
