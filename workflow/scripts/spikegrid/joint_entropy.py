"""Joint entropy of binary units: a bracket from a finite number of images, and what the units share.

The entropy of U units has 2^U patterns to count, far more than there are images. It lies between two estimates: that of
the patterns which were seen, too low, and that of predicting the units one after the other, too high.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from spikegrid.class_information import binary_entropy

_SINGLE, _PAIR = 5.0, 50.0
"""Ridge penalties of the coefficients of units and of products of two units: the bound on trained networks is lowest
near these, and flat."""

_CONVERGED, _STEPS = 1e-2, 50
"""Newton's method ends when no logit changes by more, or after so many steps; the bound holds wherever it ends."""


@dataclass(frozen=True)
class JointEntropy:
    """Bracket of the joint entropy of ``units`` units, and the sum of their own entropies, in bits.

    lower, upper: bounds of the joint entropy. separate: Σ_u H2(p_u), the entropy if units were independent.
    """

    lower: float
    upper: float
    separate: float
    units: int

    @property
    def total_correlation(self) -> tuple[float, float]:
        """Lower and upper bound of Σ_u H(z_u) - H(z) in bits: 0 for independent units.

        The lower one is below 0 where it says nothing. Source: Watanabe (1960), IBM J. Res. Dev. 4, 66.
        """
        return self.separate - self.upper, self.separate - self.lower

    @property
    def redundancy(self) -> tuple[float, float]:
        """Bounds of the total correlation as a share of Σ_u H(z_u), at most 1; NaN where no unit changes.

        1 - 1/U for copies of one unit, and 0 for independent ones. Source: Shannon (1948), Bell Syst. Tech. J. 27,
        379.
        """
        low, high = self.total_correlation
        return (low / self.separate, high / self.separate) if self.separate > 0 else (np.nan, np.nan)


def joint_entropy(spikes: np.ndarray, folds: np.ndarray) -> JointEntropy:
    """Return the bracket of the joint entropy of units: ``pattern_entropy`` below, ``chained_cross_entropy`` above.

    spikes: bool [N, U], images × units, in the order in which units are predicted. folds: int [N]. All values are NaN
    without images and without units.

    Null: independent units of the same rates have the total correlation 0. Over N images the upper bound of their joint
    entropy lies above Σ_u H2(p_u) by what fitting costs, some tenths of a bit for 16 units and some hundred images, so
    that the lower bound of the total correlation is that much below 0. The lower bound of the joint entropy is at most
    log2 N, so that the upper one of the total correlation is at least Σ_u H2(p_u) - log2 N, whatever the units do.
    """
    images, units = spikes.shape
    if not images * units:
        return JointEntropy(np.nan, np.nan, np.nan, units)
    separate = float(binary_entropy(spikes.mean(axis=0)).sum())
    return JointEntropy(pattern_entropy(spikes), chained_cross_entropy(spikes, folds), separate, units)


def pattern_entropy(spikes: np.ndarray) -> float:
    """Return the plug-in entropy of the patterns of units over images, in bits, in [0, min(U, log2 N)].

    spikes: bool [N, U]. H = -Σ_s f_s log2 f_s, f_s the share of the images that have the pattern s. Its mean over
    samples of images is at most the entropy of the distribution that they are drawn from, because the entropy is
    concave; it falls short by (K - 1)/(2N ln 2) bits for N far above the K patterns that occur, and by the rest of the
    entropy beyond log2 N. NaN without images.

    Source: Paninski (2003), Neural Comput. 15, 1191.
    """
    if not len(spikes):
        return np.nan
    _, counts = np.unique(np.packbits(spikes, axis=1), axis=0, return_counts=True)
    shares = counts / len(spikes)
    return float(shares @ np.log2(1 / shares))


def chained_cross_entropy(spikes: np.ndarray, folds: np.ndarray) -> float:
    """Return Σ_i of the cross-entropy of unit i given the units before it, in bits, each fold predicted from others.

    spikes: bool [N, U]. folds: int [N], at least two different ones. A logistic regression on the spikes before, ±1,
    and on the products of two of them, with ridge penalties, is fitted to the images of all other folds; the value is
    the mean over images of -log2 of the probability that it gives to what unit i did. Half a spike and half a silence
    are added to each fit, so that no probability is 0. A unit that never or always fires adds 0.

    By the chain rule H(z) = Σ_i H(z_i | z_<i), and cross-entropy is H(z_i | z_<i) plus a Kullback–Leibler divergence,
    which is not negative, for whatever was fitted to other images. So for images drawn independently of one another
    the mean of this value is at least H(z). A single value deviates from its mean by the standard deviation over images
    of their -log2 probability, divided by sqrt(N): about 0.2 bits for 16 units and 400 images. Successive bins
    of a recording are not independent, and where patterns last for several bins the value may be too low. Dependence
    that takes more than two units to predict another, such as the parity of three, is missed: the bound is loose then.
    Raises ValueError when ``folds`` are not N, or all of one value.

    Source: Cover & Thomas (2006), Elements of Information Theory, theorems 2.5.1 and 2.6.3.
    """
    folds = np.asarray(folds)
    if folds.shape != spikes.shape[:1] or len(np.unique(folds)) < 2:
        raise ValueError(f"folds are {list(folds.shape)}; expected [{len(spikes)}], of at least two different values")
    rates = spikes.mean(axis=0)
    changing = spikes[:, (rates > 0) & (rates < 1)]
    signs = 2.0 * changing.T - 1
    held_out = folds == np.unique(folds)[:, None]
    terms, penalties = np.ones((1, len(spikes))), np.zeros(1)
    bits = 0.0
    for unit, sign in enumerate(signs):
        evidence = _held_out_logits(terms, penalties, changing[:, unit], held_out)
        bits += np.logaddexp(0, -sign * evidence).mean() / np.log(2)
        terms = np.concatenate([terms, sign[None], sign * signs[:unit]])
        penalties = np.concatenate([penalties, [_SINGLE], np.full(unit, _PAIR)])
    return float(bits)


def _held_out_logits(terms: np.ndarray, penalties: np.ndarray, fires: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return the logit [N] of firing at each image, from a ridge logistic regression on the images of other folds.

    terms: [D, N], the first one 1. penalties: [D]. fires: bool [N]. held_out: bool [F, N], the images of each fold.
    Newton's method from the logit of the rate. A step that changes a logit by c at most is taken by 2 / (2 + c), under
    log(1 + c) / c, with which the loss falls at every step: Sun & Tran-Dinh (2019), Math. Program. 178, 145.
    """
    # One more image has no term but the first, and fires by half: it is the half spike and the half silence.
    terms = np.concatenate([terms, np.eye(len(terms), 1)], axis=1)
    fires = np.append(fires, 0.5)
    logits = np.empty(held_out.shape[1])
    for of_fold in held_out:
        fitted = np.append(~of_fold, True)
        known, outcomes = terms[:, fitted], fires[fitted]
        coefficients = np.zeros(len(terms))
        coefficients[0] = logit(outcomes.mean())
        for _ in range(_STEPS):
            chances = expit(coefficients @ known)
            gradient = known @ (chances - outcomes) + penalties * coefficients
            scaled = known * np.sqrt(chances * (1 - chances))
            step = np.linalg.solve(scaled @ scaled.T + np.diag(penalties), gradient)
            change = np.abs(step @ known).max()
            coefficients -= step * 2 / (2 + change)
            if change < _CONVERGED:
                break
        logits[of_fold] = coefficients @ terms[:, :-1][:, of_fold]
    return logits
