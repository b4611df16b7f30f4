"""Dispersion of spike counts."""

import numpy as np

from spikegrid.trains import WindowSums


def fano_factor(windows: WindowSums) -> np.ndarray:
    """Return the Fano factor of each unit, float64 [U] ≥ 0: F = Var_k(c_k) / Mean_k(c_k) over windows, ddof 0.

    windows: sums of the counts c over K windows, as ``SpikeTrains.window_sums`` gives them. F is NaN where it is
    undefined: for a unit that never fires, and without windows. A Poisson train has F = 1, a Bernoulli train of rate p
    has F = 1 - p.

    Null: a random order of images makes every train exchangeable. Over all orders of N = K·T images the counts are
    hypergeometric, so E[F] = (1 - p)(N - T)/(N - 1), and F only repeats the rate.

    Source: Fano (1947), Phys. Rev. 72, 26; as ``elephant.statistics.fanofactor``, which also divides by K.
    """
    mean = windows.means()
    return np.divide(windows.variances(), mean, out=np.full(len(mean), np.nan), where=mean > 0)


def fano_ratio(fano: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return F / (1 - p), the Fano factor over that of a Bernoulli train of the same rate, float64 [U] ≥ 0.

    NaN where F is, and for a unit that always fires. Null, under a random order of N = K·T images:
    E[F / (1 - p)] = (N - T)/(N - 1), which is (1 - 1/K) for long trains. Source: ratio of the two in Lehmler et al.,
    arXiv 2308.00858.
    """
    quiet = 1 - np.asarray(rates, float)
    return np.divide(fano, quiet, out=np.full(len(quiet), np.nan), where=quiet > 0)
