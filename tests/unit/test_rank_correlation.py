"""Rank correlation over networks and within groups of them, against scipy, enumeration and plain resampling."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from spikegrid.rank_correlation import permuted_p_values, resampled_within, spearman, spearman_intervals

REGIMES = np.repeat(["untrained", "generalizing", "memorizing"], 5)


@pytest.fixture
def measured() -> tuple[np.ndarray, np.ndarray]:
    """Features [8, 15] with ties, and what they are correlated with [15]."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 9, (8, 15)).astype(float), generator.integers(0, 9, 15).astype(float)


def ranks_within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Ranks in each group less their mean, by scipy."""
    ranks = np.empty(len(values))
    for group in set(groups):
        ranks[groups == group] = rankdata(values[groups == group])
        ranks[groups == group] -= ranks[groups == group].mean()
    return ranks


def test_without_groups_it_is_that_of_scipy(measured):
    values, other = measured
    assert spearman(values, other) == pytest.approx([spearmanr(row, other).statistic for row in values])
    assert spearman(values, other, np.zeros(15)) == pytest.approx(spearman(values, other))


def test_within_groups_it_is_the_correlation_of_ranks_less_those_of_the_group(measured):
    values, other = measured
    expected = [pearsonr(ranks_within(row, REGIMES), ranks_within(other, REGIMES)).statistic for row in values]
    assert spearman(values, other, REGIMES) == pytest.approx(expected)


def test_what_only_tells_groups_apart_is_nothing_within_them():
    shift = np.repeat([0.0, 100.0, 200.0], 5)
    within = np.tile([-2.0, -1, 0, 1, 2], 3)
    orthogonal = np.tile([1.0, -2, 0, 2, -1], 3)
    assert np.dot(ranks_within(within, REGIMES), ranks_within(orthogonal, REGIMES)) == 0
    assert spearman((shift + within)[None], shift + orthogonal)[0] > 0.85
    assert spearman((shift + within)[None], shift + orthogonal, REGIMES)[0] == pytest.approx(0, abs=1e-12)
    assert spearman((within - shift)[None], within + shift, REGIMES)[0] == pytest.approx(1)


@pytest.mark.parametrize("groups", [None, REGIMES])
def test_undefined_and_constant_values_have_none(measured, groups):
    values, other = measured
    values[0, 3], values[1] = np.nan, 4
    counts = resampled_within(REGIMES, 100, "test")
    for found in (
        spearman(values, other, groups),
        permuted_p_values(values, other, groups),
        *spearman_intervals(values, other, counts, 0.95, groups),
    ):
        assert np.isnan(found).tolist() == [True, True, *[False] * 6]


def test_p_within_groups_is_the_share_of_all_orders_of_each_group():
    generator = np.random.default_rng(1)
    values, other, groups = generator.normal(size=(4, 8)), generator.normal(size=8), np.repeat([0, 1], 4)
    orders = [
        np.array([*first, *second]) for first, second in product(permutations(range(4)), permutations(range(4, 8)))
    ]
    for row, p in zip(values, permuted_p_values(values, other, groups)):
        scores, others = ranks_within(row, groups), ranks_within(other, groups)
        found = np.array([np.dot(scores, others[order]) for order in orders])
        exact = (np.abs(found) >= abs(np.dot(scores, others)) - 1e-9).mean()
        assert p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 9999) ** 0.5 + 1e-4)


def test_p_over_all_networks_is_not_that_within_groups():
    shift, noise = np.repeat([0.0, 100.0, 200.0], 5), np.random.default_rng(2).normal(size=(2, 15))
    assert permuted_p_values((shift + noise[0])[None], shift + noise[1])[0] < 0.001
    assert permuted_p_values((shift + noise[0])[None], shift + noise[1], REGIMES)[0] > 0.05


@pytest.mark.parametrize("groups", [None, REGIMES])
def test_interval_is_that_of_resamples_ranked_one_by_one(measured, groups):
    values, other = measured
    counts = resampled_within(REGIMES, 60, "test")
    low, high = spearman_intervals(values, other, counts, 0.9, groups)
    for row, below, above in zip(values, low, high):
        found = []
        for count in counts.astype(int):
            drawn = np.repeat(np.arange(15), count)
            if groups is None:
                found.append(spearmanr(row[drawn], other[drawn]).statistic)
            else:
                ranks = (ranks_within(part[drawn], groups[drawn]) for part in (row, other))
                found.append(pearsonr(*ranks).statistic)
        assert (below, above) == pytest.approx(np.quantile(found, [0.05, 0.95]))


def test_networks_are_resampled_within_their_group():
    counts = resampled_within(REGIMES, 500, "test")
    assert (counts.reshape(500, 3, 5).sum(axis=2) == 5).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(15), abs=0.2)
    assert (counts != resampled_within(REGIMES, 500, "another")).any()
