"""Rank correlation of what is measured on networks: over all of them, or within groups of them such as regimes."""

import numpy as np
import pandas as pd

from spikegrid.indicators import RANDOM_RELABELINGS, ROUNDING
from spikegrid.randomness import derived_seed


def spearman(values: np.ndarray, other: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Return Spearman's ρ of rows [rows, n] with a row [n], in [-1, 1]: the correlation of ranks, ties averaged.

    groups: names [n]. With them networks are ranked within their group, less its mean rank: what groups have in common
    says nothing, and a large group counts for more than a small one. NaN for rows with an undefined value or without
    spread, and for an ``other`` without spread, in any group where there are groups. Null: E[ρ] = 0 over all orders of
    a row, or of the networks of each group. Source: Spearman (1904), Am. J. Psychol. 15, 72.
    """
    return np.einsum("ij,j->i", rank_scores(values, groups), rank_scores(other[None], groups)[0])


def permuted_p_values(
    values: np.ndarray, other: np.ndarray, groups: np.ndarray | None = None, purpose: str = "rank correlation"
) -> np.ndarray:
    """Return the two-sided permutation p of ``spearman``, [rows], in (0, 1].

    p is the share with as large a |ρ| among the order observed and 9,999 random ones of the n networks, the same for
    all rows; with ``groups`` networks keep theirs. Null: ``other`` makes no difference, so the networks are
    exchangeable, or those of each group. NaN where ρ is. purpose: what seeds the orders.
    """
    orders = np.tile(rank_scores(other[None], groups)[0], (1 + RANDOM_RELABELINGS, 1))
    generator = np.random.default_rng(derived_seed(purpose, "permutation"))
    for members in _members(groups, len(other)):
        orders[1:, members] = generator.permuted(orders[1:, members], axis=1)
    rho = np.abs(rank_scores(values, groups) @ orders.T)
    return np.where(np.isnan(rho[:, 0]), np.nan, (rho >= rho[:, :1] - ROUNDING).mean(axis=1))


def spearman_intervals(
    values: np.ndarray, other: np.ndarray, counts: np.ndarray, confidence: float, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval of ``spearman`` for rows [rows, n], each bound [rows].

    counts: how often each resample has each network, [resamples, n]; all rows are resampled alike. Networks are ranked
    anew in every resample, copies of one as ties. A resample without spread counts for nothing. NaN where ρ is.
    """
    groups = np.zeros(len(other)) if groups is None else groups
    same = groups[:, None] == groups
    ranks_of_other = counts @ _above(other, same).T
    squares_of_other = np.einsum("ij,ij,ij->i", counts, ranks_of_other, ranks_of_other)
    tail = (1 - confidence) / 2
    low, high = np.full((2, len(values)), np.nan)
    for row in np.flatnonzero(np.isfinite(spearman(values, other, groups))):
        ranks = counts @ _above(values[row], same).T
        squares = np.einsum("ij,ij,ij->i", counts, ranks, ranks) * squares_of_other
        drawn = squares > 0
        rho = np.einsum("ij,ij,ij->i", counts, ranks, ranks_of_other)[drawn] / np.sqrt(squares[drawn])
        low[row], high[row] = np.quantile(rho, [tail, 1 - tail])
    return low, high


def rank_scores(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Return ranks less their mean, each row of length 1; NaN where a value is undefined or all are alike."""
    ranks = np.empty(values.shape)
    for members in _members(groups, values.shape[1]):
        ranks[:, members] = pd.DataFrame(values[:, members]).rank(axis=1).to_numpy() - (len(members) + 1) / 2
    length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    defined = np.isfinite(values).all(axis=1, keepdims=True) & (length > 0)
    return np.where(defined, ranks, np.nan) / np.where(defined, length, 1)


def resampled_within(groups: np.ndarray, resamples: int, purpose: str) -> np.ndarray:
    """Return how often each network is drawn when each group of them is resampled, [resamples, networks]."""
    generator = np.random.default_rng(derived_seed(purpose, "bootstrap"))
    counts = np.zeros((resamples, len(groups)))
    for members in _members(groups, len(groups)):
        counts[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return counts


def _members(groups: np.ndarray | None, networks: int) -> list[np.ndarray]:
    """Return the places of the networks of each group, of all where there are no groups."""
    if groups is None:
        return [np.arange(networks)]
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def _above(values: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return by whom each network of a pair of one group is exceeded: with counts, ranks less their mean, twice."""
    return np.sign(np.subtract.outer(values, values)) * same
