"""Dynamics of training: which law every feature follows over epochs, and where a power law may be claimed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.growth_laws import (
    FEWEST_CHECKPOINTS,
    LAWS,
    corrected_aic,
    fit_law,
    is_constant,
    log_log_slope,
    range_of_t0,
)
from spikegrid.indicators import PLACE
from spikegrid.randomness import derived_seed
from spikegrid.tables import CELL

COURSE = [*CELL, "regime", *PLACE]
"""What names one series of values over training."""

COLUMNS = [
    *COURSE,
    "law",
    "networks",
    "checkpoints",
    "last_epoch",
    "a",
    "b",
    "b_low",
    "b_high",
    "t0",
    "deviation",
    "aicc",
    "delta_aicc",
    "decades",
    "power_law",
    "slope",
    "slope_low",
    "slope_high",
    "reason",
]

FEWEST_DECADES = 2.0
"""A power law is claimed over no less."""

CLEAR_DIFFERENCE = 2.0
"""A law is preferred to another where its AICc is lower by more than this; below it both have support. Source: Burnham
& Anderson (2002), Model Selection and Multimodel Inference, section 2.6."""

_CONSTANT = "constant"
_ROUNDING = 1e-9
_DECIMALS = 12
"""A slope of 0 has rounding errors beyond these, which are no sign."""

_BOOTSTRAPPED_AT_ONCE = 50_000


def training_dynamics(features: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return five laws for the course of every feature, layer, regime and cell over training, a row a law, in COLUMNS.

    features: the joined table of all runs. settings: ``confidence`` and ``resamples``. Networks that missed their
    target accuracy are left out, and so are courses of fewer than 2 checkpoints that all networks have.

    Laws and their parameters ``a``, ``b``, ``t0`` are those of ``growth_laws.fit_law``, fitted to the mean of ln y over
    ``networks``, so to geometric means. ``deviation`` is the root mean square of the residuals of ln y, a share of y.
    ``aicc`` is the corrected AIC over ``checkpoints``, ``delta_aicc`` how far it lies above the lowest of the five. The
    law of lowest AICc is the best of five, which need not be a good one: see ``deviation``.

    ``b_low`` and ``b_high`` bound the percentile bootstrap interval over networks of the exponent of the power law, t0
    sought anew in each resample. ``slope`` is the plain slope of ln y over ln t after epoch 0, with an interval of the
    same kind; it belongs to the course and repeats over its laws. Intervals are NaN for one network.

    ``decades`` is over how many the power law was seen: of 1 + t/t0 or of epochs after 0, whichever spans fewer. The
    first alone would not do, because a small t0 stretches it by the gap before the first epoch, where nothing was
    measured. ``power_law`` is true in the row of a power law that may be claimed: over FEWEST_DECADES or more; with an
    AICc below that of every other law by more than CLEAR_DIFFERENCE; with an interval of b that excludes 0; and, where
    there is a checkpoint at epoch 0, with a t0 inside the range searched. At an end of it the law meets epoch 0 by a
    jump, or has become an exponential one. The claim is about the mean over networks at these checkpoints. That some
    law not among the five fits better is not excluded.

    ``reason`` says why a course has no fits: a value is ``undefined`` or ``not positive`` in some network, there are
    ``fewer than 6 checkpoints``, or the course is ``constant``, where the null alone is fitted. Slopes need the first
    two only.
    """
    reached = features[features["reached_target"]]
    tables = []
    for names, group in reached.groupby([*CELL, "regime"], sort=False):
        for places, times, values in _courses(group):
            table = _described(values, times, settings)
            table[PLACE] = places.loc[table.pop("course")].to_numpy()
            table[[*CELL, "regime"]] = names
            tables.append(table)
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(tables, ignore_index=True)[COLUMNS].astype({"depth": int})


def exponent_intervals(
    log_values: np.ndarray, times: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval over networks of the exponent of the power law, each [series].

    log_values: ln y of each network, [series, n, networks]; a resample is the mean over networks drawn with repetition,
    the same for all series. NaN for fewer than 2 networks.
    """
    return _bootstrapped(lambda means: fit_law("power", means, times).b, log_values, confidence, resamples)


def slope_intervals(
    log_values: np.ndarray, times: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval over networks of ``log_log_slope``, as ``exponent_intervals`` does."""
    return _bootstrapped(lambda means: log_log_slope(means, times), log_values, confidence, resamples)


def _bootstrapped(
    statistic: Callable[[np.ndarray], np.ndarray], log_values: np.ndarray, confidence: float, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    series, checkpoints, networks = log_values.shape
    low, high = np.full((2, series), np.nan)
    if networks < 2:
        return low, high
    generator, tail = np.random.default_rng(derived_seed("dynamics", "bootstrap")), (1 - confidence) / 2
    drawn = generator.multinomial(networks, np.full(networks, 1 / networks), resamples)
    # Few networks can be drawn in few ways: each is fitted once, and counts as often as it was drawn.
    ways, way_of_resample = np.unique(drawn, axis=0, return_inverse=True)
    at_once = max(1, _BOOTSTRAPPED_AT_ONCE // len(ways))
    for start in range(0, series, at_once):
        rows = slice(start, start + at_once)
        means = np.einsum("snm,wm->swn", log_values[rows], ways / networks, optimize=True)
        of_ways = statistic(means.reshape(-1, checkpoints)).reshape(-1, len(ways))
        bounds = np.quantile(of_ways[:, way_of_resample], [tail, 1 - tail], axis=1)
        low[rows], high[rows] = np.round(bounds, _DECIMALS) + 0.0
    return low, high


def _courses(group: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """Yield courses with the same checkpoints: their places, the epochs, and values [series, epochs, networks].

    Checkpoints of a course are those that all networks have; not every observable is measured at each of them.
    """
    wide = group.assign(measured=1.0).pivot(index=PLACE, columns=["epoch", "seed"], values=["value", "measured"])
    epochs, seeds = (np.sort(group[name].unique()) for name in ("epoch", "seed"))
    cube = (len(wide), len(epochs), len(seeds))
    values, measured = (
        wide[name].reindex(columns=pd.MultiIndex.from_product([epochs, seeds])).to_numpy(float).reshape(cube)
        for name in ("value", "measured")
    )
    places = wide.index.to_frame(index=False)
    patterns, pattern_of_course = np.unique(~np.isnan(measured).any(axis=2), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if np.count_nonzero(pattern) > 1:
            courses = np.flatnonzero(pattern_of_course == number)
            yield places.loc[courses].reset_index(drop=True), epochs[pattern], values[courses][:, pattern]


def _described(values: np.ndarray, times: np.ndarray, settings: dict[str, Any]) -> pd.DataFrame:
    """Return a row a law of each course, with its number in ``course``; values: [series, epochs, networks]."""
    log_values = np.log(np.where(np.isfinite(values) & (values > 0), values, np.nan))
    reason = _reason(values, log_values.mean(axis=2))
    fitted = np.where((reason == "")[:, None, None], log_values, np.nan)
    resampling = settings["confidence"], settings["resamples"]
    of_courses = {
        "course": np.arange(len(values)),
        "networks": values.shape[2],
        "checkpoints": len(times),
        "last_epoch": times[-1],
        "slope": np.round(log_log_slope(log_values.mean(axis=2), times), _DECIMALS) + 0.0,
        **dict(zip(["slope_low", "slope_high"], slope_intervals(log_values, times, *resampling))),
        "reason": reason,
    }
    tables = []
    for law in LAWS:
        with_null = np.isin(reason, ["", _CONSTANT])[:, None] & (law == "constant")
        fit = fit_law(law, np.where(with_null, log_values.mean(axis=2), fitted.mean(axis=2)), times)
        table = pd.DataFrame(of_courses | {"law": law, "a": fit.a, "b": fit.b, "t0": fit.t0})
        table["deviation"] = np.sqrt(fit.squares / len(times))
        table["aicc"] = corrected_aic(law, fit.squares, len(times))
        tables.append(table)
    table = pd.concat(tables, ignore_index=True).sort_values("course", kind="stable", ignore_index=True)
    table["delta_aicc"] = table["aicc"] - table.groupby("course")["aicc"].transform("min")
    is_power = table["law"] == "power"
    table.loc[is_power, ["b_low", "b_high"]] = np.transpose(exponent_intervals(fitted, times, *resampling))
    table.loc[is_power, "decades"] = _decades(table.loc[is_power, "t0"], times)
    table["power_law"] = is_power & _may_be_claimed(table, times)
    return table


def _reason(values: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return why courses have no fits, empty where they have; means: of ln y over networks, [series, epochs]."""
    few = values.shape[1] < FEWEST_CHECKPOINTS
    return np.select(
        [
            ~np.isfinite(values).all(axis=(1, 2)),
            ~(values > 0).all(axis=(1, 2)),
            np.full(len(values), few),
            is_constant(means),
        ],
        ["undefined", "not positive", f"fewer than {FEWEST_CHECKPOINTS} checkpoints", _CONSTANT],
        default="",
    )


def _decades(t0: pd.Series, times: np.ndarray) -> pd.Series:
    after_start = times[times > 0]
    return np.log10(1 + times[-1] / t0).clip(upper=np.log10(after_start[-1] / after_start[0]))


def _may_be_claimed(table: pd.DataFrame, times: np.ndarray) -> pd.Series:
    """Tell for rows of power laws whether all that a claim needs is there."""
    others = table["aicc"].where(table["law"] != "power").groupby(table["course"]).transform("min")
    least, largest = range_of_t0("power", times)
    return (
        (table["decades"] > FEWEST_DECADES - _ROUNDING)
        & (table["aicc"] < others - CLEAR_DIFFERENCE)
        & ((table["b_low"] > 0) | (table["b_high"] < 0))
        & ((times[0] > 0) | table["t0"].between(least * (1 + _ROUNDING), largest * (1 - _ROUNDING)))
    )
