"""Scores of detectors: how right what they say of networks is, with intervals over the networks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from spikegrid.randomness import derived_seed
from spikegrid.tables import RUN

COLUMNS = ["left_out", "held_out", "predictor", "features", "statistic", "networks", "value", "low", "high"]
"""Those of the table of ``detector_evaluation.evaluate``."""

IN_TURN = "each in turn"
"""Stands for all that were left out one after the other; no name of a configuration has a space."""

Score = dict[str, float]
"""``value``, and the bounds ``low`` and ``high`` of its interval."""

_Measure = Callable[[np.ndarray], np.ndarray]
"""Takes how often each network counts, [resamples, networks], and returns a statistic, [resamples]."""


def share_of(happened: np.ndarray, confidence: float) -> Score:
    """Return the share of networks of which something is true, bool [n], with the interval of Clopper and Pearson.

    It is exact for independent trials, and has a width where all or none are.
    Source: Clopper & Pearson (1934), Biometrika 26, 404.
    """
    n, k, tail = len(happened), np.count_nonzero(happened), (1 - confidence) / 2
    low = betaincinv(k, n - k + 1, tail) if k > 0 else 0.0
    high = betaincinv(k + 1, n - k, 1 - tail) if k < n else 1.0
    return {"value": k / n, "low": float(low), "high": float(high)}


def area_of(
    networks: pd.MultiIndex, probability: np.ndarray, memorizing: np.ndarray, held_out: np.ndarray, settings: dict
) -> Score:
    """Return the share of pairs, a memorizing and a generalizing network, in which the first is the more probable.

    Pairs are of networks held out together, [n] each: probabilities of two fits have no common scale. Ties count half.
    It is the area under the receiver operating characteristic; NaN without a pair. See ``_bootstrapped``.
    """
    together = memorizing[:, None] & ~memorizing & (held_out[:, None] == held_out)
    wins = together * (np.sign(probability[:, None] - probability) + 1) / 2

    def measure(counts: np.ndarray) -> np.ndarray:
        pairs = ((counts @ together) * counts).sum(axis=1)
        won = ((counts @ wins) * counts).sum(axis=1)
        return np.divide(won, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)

    return _bootstrapped(networks, measure, settings)


def mean_of(networks: pd.MultiIndex, values: np.ndarray, settings: dict) -> Score:
    """Return the mean of a value of each network, [n]. See ``_bootstrapped``."""
    return _bootstrapped(networks, lambda counts: counts @ values / len(values), settings)


def _bootstrapped(networks: pd.MultiIndex, measure: _Measure, settings: dict[str, Any]) -> Score:
    """Return a statistic with its percentile bootstrap interval, networks resampled within each regime of a cell.

    NaN for bounds where no resample differs: of few networks that are all told apart it would claim certainty.
    """
    generator = np.random.default_rng(derived_seed("detector", "bootstrap"))
    counts = np.zeros((settings["resamples"], len(networks)))
    regimes = networks.to_frame(index=False).groupby(RUN[:-1]).ngroup().to_numpy()
    for regime in range(regimes.max() + 1):
        members = np.flatnonzero(regimes == regime)
        counts[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), len(counts))
    tail = (1 - settings["confidence"]) / 2
    low, high = np.quantile(measure(counts), [tail, 1 - tail])
    (value,) = measure(np.ones((1, len(networks))))
    return {"value": value} | ({"low": low, "high": high} if low < high else {"low": np.nan, "high": np.nan})
