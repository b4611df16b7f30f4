"""Intrinsic dimension of patterns: of the curved manifold that they lie on, from the two nearest neighbours of each."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from spikegrid.effective_dimension import gram_matrix

LEAST_POINTS = 20
"""Distinct points below which no dimension is estimated; of so many its standard error is about a fourth of it."""

_LEFT_OUT = 0.1
_LEAST_LOG_RATIO = 1e-6


class IntrinsicDimension(NamedTuple):
    """An estimate, and how many of the N points it leaves out because they are copies of others."""

    dimension: float
    duplicates: int


def twonn_dimension(patterns: Tensor, gram: Tensor | None = None) -> IntrinsicDimension:
    """Return the intrinsic dimension of patterns [N, U] by TwoNN, above 0.

    gram: their ``effective_dimension.gram_matrix`` where it is at hand.

    With r1 and r2 the Euclidean distances of a point to its nearest and second nearest neighbour, ln(r2/r1) is
    exponential of rate d where the density varies little over r2. The estimate is the one by which the paper names the
    method, not its likelihood: the slope of the line through the origin fitted to -ln(1 - F) against ln(r2/r1) by least
    squares, F = i/n for the i-th smallest of the n ratios, without the largest tenth.

    Of points nearer to one another than rounding can tell, d² ≤ U ε (|x|² + |y|²), one is kept. NaN for fewer than
    LEAST_POINTS points, where all points are equally far from each other, and where a value is not finite.

    Pitfalls: few points and points near an edge make it too low, the more the higher the dimension is (20 dimensions
    are about 15 in 1,000 points of a cube), and noise makes it that of the noise. Compare at one N only. Source: Facco,
    d'Errico, Rodriguez & Laio (2017), Sci. Rep. 7, 12140.
    """
    products = (gram_matrix(patterns) if gram is None else gram).cpu().numpy()
    squares = np.diagonal(products)
    if not np.isfinite(squares).all():
        return IntrinsicDimension(np.nan, 0)
    sums = squares[:, None] + squares
    squared_distances = sums - 2 * products
    rounding = patterns.shape[1] * np.finfo(np.float64).eps * sums
    distinct = ~np.tril(squared_distances <= rounding, -1).any(axis=1)
    points = int(distinct.sum())
    duplicates = len(distinct) - points
    if points < LEAST_POINTS:
        return IntrinsicDimension(np.nan, duplicates)
    squared_distances = squared_distances[np.ix_(distinct, distinct)]
    np.fill_diagonal(squared_distances, np.inf)
    nearest, second = np.partition(squared_distances, 1, axis=1)[:, :2].T
    log_ratios = np.sort(np.log(second / nearest) / 2)[: int(points * (1 - _LEFT_OUT))]
    if log_ratios[-1] < _LEAST_LOG_RATIO:
        return IntrinsicDimension(np.nan, duplicates)
    outlasting = -np.log1p(-np.arange(1, len(log_ratios) + 1) / points)
    return IntrinsicDimension(float(log_ratios @ outlasting / (log_ratios @ log_ratios)), duplicates)
