"""Many tests at once."""

import numpy as np


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for the false discovery rate, float64 [M] in [0, 1]: min over j ≥ i of m p_(j) / j.

    p_values: [M]. A NaN stays NaN and does not count among the m tests. Rejecting where the result is at most q keeps
    the expected share of false rejections at q or below for independent or positively dependent tests. Raises
    ValueError when a p-value is outside [0, 1]. Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289.
    """
    p_values = np.asarray(p_values, float)
    if np.any((p_values < 0) | (p_values > 1)):
        raise ValueError("a p-value is outside [0, 1]")
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[::-1][np.isnan(p_values).sum() :]
    ranks = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum.accumulate(p_values[order] * len(order) / ranks)
    return adjusted
