"""Binary units that are thresholded Gaussian variables: which latent correlation gives two units their joint rate.

A unit of rate p fires where its latent variable, standard normal, lies below the p-quantile. Rates and latent
correlations are free of one another, so any rates go with any joint rates that two units can have.

Source: Emrich & Piedmonte (1991), Am. Stat. 45, 302; Macke, Berens, Ecker, Tolias & Bethge (2009), Neural Comput. 21,
397.
"""

import numpy as np
from scipy.special import ndtri, owens_t

_HALVINGS = 26
"""With more, the sine of the last angle may round to 1, where the formula divides by 0."""

_NEARLY_ZERO = 1e-150
"""Stands for a threshold of 0, which the formula divides by; the limit from above is the value."""

_PROJECTIONS, _TOLERANCE = 500, 1e-7


def joint_rate(rates: np.ndarray, others: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    """Return the share of images at which two units both fire, float64 in [0, 1]: the bivariate normal Φ2(h, k; ρ).

    rates, others: p and q of the two units, in (0, 1); h and k are their normal quantiles. correlations: ρ of the
    latent variables, in (-1, 1). All of one shape. It grows with ρ, from max(0, p + q - 1) to min(p, q), and is pq at
    0: (Φ(h) + Φ(k))/2 - T(h, (k/h - ρ)/r) - T(k, (h/k - ρ)/r), less 1/2 where h and k differ in sign, with
    r = sqrt(1 - ρ²) and T the function of Owen.

    Source: Owen (1956), Ann. Math. Stat. 27, 1075.
    """
    h, k = (np.where(x == 0, _NEARLY_ZERO, x) for x in (ndtri(rates), ndtri(others)))
    root = np.sqrt((1 - correlations) * (1 + correlations))
    outside = owens_t(h, (k / h - correlations) / root) + owens_t(k, (h / k - correlations) / root)
    return (np.asarray(rates) + others) / 2 - outside - np.where(h * k < 0, 0.5, 0)


def latent_correlations(rates: np.ndarray, others: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return the latent correlation ρ at which two units both fire at a share ``joint`` of images, float64 in [-1, 1].

    rates, others: p and q of the two units, in (0, 1). joint: in [max(0, p + q - 1), min(p, q)]; ρ is -1 or 1 at its
    ends and beyond. All of one shape. By halving the angle whose sine is ρ, to 10⁻⁷. For p = q = 1/2 it is
    sin(π r / 2), r the correlation of the spikes.
    """
    low, high = np.full((2, *np.shape(joint)), [[-np.pi / 2], [np.pi / 2]])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = joint_rate(rates, others, np.sin(middle)) < joint
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return np.sin((low + high) / 2)


def nearest_correlation_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return the positive semidefinite matrix of unit diagonal nearest to a symmetric one, float64 [M, M].

    The distance is that of Frobenius. Latent correlations found pair by pair need not be those of any Gaussian; this
    makes them so and changes them as little as can be. A correlation matrix stays as it is. Eigenvalues are at least
    -M · 10⁻⁷. By projecting in turn on the matrices of either kind, with Dykstra's correction, 500 times at most.

    Source: Higham (2002), IMA J. Numer. Anal. 22, 329, algorithm 3.3.
    """
    nearest, correction = np.array(matrix, float), np.zeros(np.shape(matrix))
    for _ in range(_PROJECTIONS):
        corrected = nearest - correction
        values, vectors = np.linalg.eigh(corrected)
        semidefinite = vectors * values.clip(0) @ vectors.T
        correction = semidefinite - corrected
        nearest = semidefinite.copy()
        np.fill_diagonal(nearest, 1)
        if np.linalg.norm(nearest - semidefinite) <= _TOLERANCE * np.linalg.norm(nearest):
            break
    return nearest
