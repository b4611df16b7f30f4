"""Predictive checks: whether what is measured on a layer could have been measured on surrogates of a fitted process."""

import numpy as np

from spikegrid.class_information import class_rates, intraclass_correlation
from spikegrid.correlations import mean_absolute_correlation, population_fano
from spikegrid.dispersion import fano_factor, fano_ratio
from spikegrid.intervals import IntervalSums, interval_cv, lv_geo
from spikegrid.joint_entropy import pattern_entropy
from spikegrid.patterns import hamming_within_between
from spikegrid.trains import SpikeTrains

WORD_UNITS = 8
"""Units whose joint patterns are counted: of more, some hundred images have nearly as many patterns as images."""


def layer_statistics(spikes: np.ndarray, labels: np.ndarray | None, window: int) -> dict[str, float]:
    """Return what the checks compare, by name, of the spikes of M units, bool [M, N], images in a random order.

    ======================================  ============================================================================
    ``firing_rate_mean``                    mean over units of p_u
    ``firing_rate_variance``                variance over units of p_u, ddof 0
    ``dead_share``                          share of units with p_u = 0
    ``population_fano``                     Var_n(Σ_u z_u[n]) / Σ_u p_u(1 - p_u)
    ``pair_correlation``                    mean |r| over all pairs of units
    ``pattern_entropy``                     plug-in entropy of the patterns of the first ``WORD_UNITS`` units, bits
    ``fano_ratio_{order}``                  mean over units of F_u / (1 - p_u), in windows of ``window`` images
    ``interval_cv_{order}``                 mean over units of CV of inter-spike intervals
    ``lv_geo_{order}``                      mean over units of the rate-free local variation
    ``intraclass_correlation``              mean over units of Var_c(p_c)/(p(1 - p))
    ``hamming_ratio``                       Hamming distance within classes / between classes
    ``noise_correlation``                   mean |r| over all pairs, class means taken away
    ======================================  ============================================================================

    The orders are ``random``, as given, and ``class_blocked``, the same sorted by class. labels: class of each image,
    int [N]; without labels, None, what needs them is left out: the order ``class_blocked`` and the last three. Means
    are over the units or pairs where a measure is defined, and NaN where there are none.
    """
    trains = SpikeTrains.from_array(spikes)
    rates = trains.rates()
    pairs = np.stack(np.triu_indices(trains.units, 1), axis=1)
    statistics = {
        "firing_rate_mean": rates.mean(),
        "firing_rate_variance": rates.var(),
        "dead_share": (rates == 0).mean(),
        "population_fano": population_fano(trains),
        "pair_correlation": mean_absolute_correlation(trains, pairs)[0],
        "pattern_entropy": pattern_entropy(spikes[:WORD_UNITS].T),
        **_of_time(trains, rates, window, "random"),
    }
    if labels is None:
        return statistics
    by_class, weights = class_rates(trains, labels)
    return statistics | {
        **_of_time(
            SpikeTrains.from_array(spikes[:, np.argsort(labels, kind="stable")]), rates, window, "class_blocked"
        ),
        "intraclass_correlation": _mean(intraclass_correlation(by_class, weights)),
        "hamming_ratio": hamming_within_between(trains, labels).ratio,
        "noise_correlation": mean_absolute_correlation(trains, pairs, labels)[0],
    }


def predictive_check(observed: float, drawn: np.ndarray) -> dict[str, float]:
    """Return how an observed statistic lies among those of R surrogates, [R].

    ``surrogate_mean`` and ``surrogate_sd`` (ddof 1) are those of the R values; ``z`` is the distance of the observed
    value from the mean in standard deviations, NaN where all surrogates have one value. ``p_value`` is two-sided,
    2 (1 + min(#{drawn ≥ observed}, #{drawn ≤ observed})) / (R + 1), at most 1: its least value is 2 / (R + 1). All are
    NaN where the statistic is undefined in the data or in a surrogate. Null: if the data are one more draw,
    P(p ≤ a) ≤ a for every a, and = a where a (R + 1) / 2 is whole and no values tie.

    Source: Rubin (1984), Ann. Stat. 12, 1151; Davison & Hinkley (1997), Bootstrap Methods and their Application, 4.2.
    """
    if np.isnan(observed) or np.isnan(drawn).any():
        return dict.fromkeys(("surrogate_mean", "surrogate_sd", "z", "p_value"), np.nan)
    differ = np.ptp(drawn) > 0
    mean, sd = (drawn.mean(), drawn.std(ddof=1)) if differ else (drawn[0], 0.0)
    tail = 1 + min((drawn >= observed).sum(), (drawn <= observed).sum())
    return {
        "surrogate_mean": float(mean),
        "surrogate_sd": float(sd),
        "z": float((observed - mean) / sd) if differ else np.nan,
        "p_value": min(1.0, 2 * tail / (len(drawn) + 1)),
    }


def _of_time(trains: SpikeTrains, rates: np.ndarray, window: int, order: str) -> dict[str, float]:
    intervals = IntervalSums.of(trains)
    return {
        f"fano_ratio_{order}": _mean(fano_ratio(fano_factor(trains.window_sums(window)), rates)),
        f"interval_cv_{order}": _mean(interval_cv(intervals)),
        f"lv_geo_{order}": _mean(lv_geo(intervals)),
    }


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan
