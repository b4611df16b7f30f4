"""Effective dimension of patterns: over how many principal components their variance is spread.

A pattern is what the units of a layer do on one image: images are points, units are axes. Where the points lie, how
the axes are turned and a scale that all units share change nothing.
"""

import numpy as np
import torch
from scipy.special import entr
from torch import Tensor

_HELD = 1 << 22
"""Values that are held in float64 at a time: 32 MB."""


def explained_variance_ratios(patterns: Tensor, gram: Tensor | None = None) -> np.ndarray:
    """Return the share of the variance that each principal component explains, float64 [min(N, U)], in falling order.

    patterns: [N, U], N images and U units, of any type. gram: their ``gram_matrix`` where it is at hand. q = λ / Σ λ,
    with λ the eigenvalues of XᵀX, or where U ≥ N of XXᵀ, which has the same ones above 0; X are the patterns less their
    mean. At most min(N - 1, U) shares are above 0; what is below rounding, max(N, U) ε times the largest, is 0. NaN
    throughout where no unit varies, and where a value is not finite. Memory: the smaller of the two matrices, and
    beside it 32 MB however wide the layer is, or the patterns in float64 where they are narrower than long.
    """
    images, units = patterns.shape
    if units < images:
        centred = _centred(patterns)
        products = centred.T @ centred
    else:
        products = gram_matrix(patterns) if gram is None else gram
    if not 0 < products.trace() < torch.inf:
        return np.full(min(images, units), np.nan)
    variances = np.linalg.eigvalsh(products.cpu().numpy())[::-1]
    rounding = max(images, units) * np.finfo(np.float64).eps * variances[0]
    variances = np.where(variances > rounding, variances, 0)
    return variances / variances.sum()


def effective_dimension(ratios: np.ndarray) -> float:
    """Return exp(-Σ q ln q) of explained variance ratios q, in [1, min(N - 1, U)]: the exponential of their entropy.

    It is k where k components explain the same and all others nothing. NaN where the ratios are.

    Null: U independent normal units of one variance have about m exp(-m / 2M), with m the lesser and M the greater of
    N - 1 and U: .61 of the images where there are as many units as images. So it grows with N, and is compared at one N
    only. Sources: Roy & Vetterli (2007), Proc. EUSIPCO, 606; Page (1993), Phys. Rev. Lett. 71, 1291, for the null.
    """
    return float(np.exp(entr(ratios).sum())) if len(ratios) else np.nan


def participation_ratio(ratios: np.ndarray) -> float:
    """Return 1 / Σ q² of explained variance ratios q, in [1, ``effective_dimension``].

    It is k where k components explain the same, and answers to the largest components more than the effective dimension
    does. NaN where the ratios are. Null: about UN / (U + N) for N images of U independent units of one variance.
    Source: Gao et al. (2017), bioRxiv 214262.
    """
    return float(1 / np.square(ratios).sum()) if len(ratios) else np.nan


def gram_matrix(patterns: Tensor) -> Tensor:
    """Return the products XXᵀ of patterns [N, U] less their mean, float64 [N, N], summed over some units at a time."""
    images = len(patterns)
    products = torch.zeros(images, images, dtype=torch.float64, device=patterns.device)
    for part in patterns.split(max(1, _HELD // max(images, 1)), dim=1):
        centred = _centred(part)
        products.addmm_(centred, centred.T)
    return products


def _centred(patterns: Tensor) -> Tensor:
    """Return patterns less their mean in float64; units that do not vary are exactly 0."""
    centred = patterns.to(torch.float64, copy=True)
    centred -= centred[:1].clone()
    centred -= centred.mean(dim=0)
    return centred
