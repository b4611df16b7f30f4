"""Which stochastic process fits the trains of a layer: tests of each unit, and models of counts and of rates."""

from collections.abc import Iterable

import numpy as np

from spikegrid.assumptions import (
    Assumption,
    binomial_dispersion,
    cochran_armitage_trend,
    cusum,
    ljung_box,
    poisson_dispersion,
    wald_wolfowitz_runs,
)
from spikegrid.count_models import binomial_by_unit, count_histogram, fit_count_models, poisson_by_unit
from spikegrid.false_discovery import benjamini_hochberg
from spikegrid.interval_tests import interval_chi_square, interval_kolmogorov_smirnov
from spikegrid.model_fit import ModelFit, best_model
from spikegrid.rate_models import fit_rate_models
from spikegrid.trains import SpikeTrains


def assumption_tests(
    trains: SpikeTrains, window: int, lags: int, generator: np.random.Generator
) -> dict[str, Assumption]:
    """Return the outcome of every test of a Bernoulli process, and of the paper's Poisson counts, by its name.

    Counts are those in windows of ``window`` images; ``lags`` are those of ``ljung_box``; ``generator`` draws the
    randomization of the Kolmogorov-Smirnov test.
    """
    counts = trains.window_counts(window)
    return {
        "poisson_dispersion": poisson_dispersion(counts, window),
        "binomial_dispersion": binomial_dispersion(counts, window),
        "interval_chi_square": interval_chi_square(trains),
        "interval_kolmogorov_smirnov": interval_kolmogorov_smirnov(trains, generator),
        "wald_wolfowitz_runs": wald_wolfowitz_runs(trains),
        "ljung_box": ljung_box(trains, lags),
        "cochran_armitage_trend": cochran_armitage_trend(counts, window),
        "cusum": cusum(trains),
    }


def assumption_summary(outcomes: dict[str, Assumption], level: float) -> dict[str, float]:
    """Return for each test the shares of units tested and passing, and the mean effect.

    ``{test}_tested`` is the share of all units that the test's filter lets in, ``{test}_passing`` the share of those
    whose p-value, adjusted by Benjamini-Hochberg within the layer, is above ``level``, ``{test}_effect`` the mean of
    their effects. The last two are NaN where no unit was tested. Null: where the assumption holds in every unit, none
    is rejected in a share 1 - ``level`` of layers at least, so the expected share passing is near 1.
    """
    summary = {}
    for name, outcome in outcomes.items():
        tested = outcome.tested
        passing = benjamini_hochberg(outcome.p_value)[tested] > level
        summary[f"{name}_tested"] = tested.mean() if len(tested) else np.nan
        summary[f"{name}_passing"] = passing.mean() if len(passing) else np.nan
        summary[f"{name}_effect"] = outcome.effect[tested].mean() if len(passing) else np.nan
    return summary


def count_summary(trains: SpikeTrains, window: int) -> dict[str, float | str]:
    """Return the models fitted to the pooled window counts of a layer, and how many units are binomial.

    ``count_model`` and ``count_model_bic`` name the model of lowest AIC and BIC, empty where one is undefined.
    ``count_{model}_{parameter}`` has beside it ``.._se``, its standard error; ``count_{model}_aic``, ``_bic``, ``_ks``
    compare the models (see ``spikegrid.count_models``). ``units_binomial`` is the share of units that vary whose counts
    are likelier under a binomial than under a Poisson model, each of one parameter.
    """
    counts = trains.window_counts(window)
    fits = fit_count_models(count_histogram(counts, window))
    varying = (counts.sum(axis=1) > 0) & (counts.sum(axis=1) < counts.shape[1] * window)
    binomial, poisson = binomial_by_unit(counts, window)[1], poisson_by_unit(counts)[1]
    share = (binomial > poisson)[varying].mean() if varying.any() else np.nan
    return {**_models("count", fits), "units_binomial": share}


def rate_summary(trains: SpikeTrains) -> dict[str, float | str]:
    """Return the models fitted to the rates of a layer's active units, named as in ``count_summary`` with ``rate_``.

    ``rate_left_out`` counts the units that were not fitted: dead and always-on ones.
    """
    fits = fit_rate_models(trains.rates())
    return {**_models("rate", fits), "rate_left_out": fits[0].left_out}


def _models(prefix: str, fits: Iterable[ModelFit]) -> dict[str, float | str]:
    fits = tuple(fits)
    chosen = best_model(fits)
    criteria = [fit.bic for fit in fits]
    values: dict[str, float | str] = {
        f"{prefix}_model": chosen.model if chosen else "",
        f"{prefix}_model_bic": "" if np.isnan(criteria).any() else fits[int(np.argmin(criteria))].model,
    }
    for fit in fits:
        name = f"{prefix}_{fit.model}"
        for parameter, value in fit.parameters.items():
            values |= {f"{name}_{parameter}": value, f"{name}_{parameter}_se": fit.standard_errors[parameter]}
        values |= {f"{name}_aic": fit.aic, f"{name}_bic": fit.bic, f"{name}_ks": fit.ks_distance}
    return values
