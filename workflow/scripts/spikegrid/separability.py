"""How nearly a quantity over time is one course in time times one pattern: A(t)·k."""

import numpy as np

LEAST_TIMES = 3
"""Times below which separability is undefined: of one row it is 1 whatever the row, of two it says little."""


def separability(series: np.ndarray) -> np.ndarray:
    """Return s1² / Σ s² of the rows up to each time, float64 [T] in (0, 1]: the share of the best separable part.

    series: float [T, D], a row of D numbers for each time; s are the singular values of the rows up to and including
    that time, not centred. 1 where all rows are multiples of one. NaN for fewer than LEAST_TIMES rows, where a number
    so far is not finite, and where all are 0.

    Null: t rows without a common pattern, in random directions of many dimensions, have about max_t a_t² / Σ a_t² with
    a_t their norms; so a series that grows or decays by orders of magnitude is near 1 of itself. Independent normal
    numbers have about (1/√t + 1/√D)², which is (1 + √(t/D))² / t (Marchenko & Pastur 1967).
    """
    products = series @ series.T
    values = np.full(len(series), np.nan)
    for times in range(LEAST_TIMES, len(series) + 1):
        until = products[:times, :times]
        if np.isfinite(until).all() and np.trace(until) > 0:
            values[times - 1] = np.linalg.eigvalsh(until)[-1] / np.trace(until)
    return values


def shape_separability(series: np.ndarray) -> np.ndarray:
    """Return the separability of the rows scaled to norm 1, float64 [T] in [1/t, 1]: does the pattern keep its shape?

    No time outweighs another. Null: 1/t over t rows at right angles to each other. NaN as ``separability``, and where a
    row so far is 0.
    """
    norms = np.linalg.norm(series, axis=1, keepdims=True)
    return separability(np.divide(series, norms, out=np.full(series.shape, np.nan), where=norms > 0))
