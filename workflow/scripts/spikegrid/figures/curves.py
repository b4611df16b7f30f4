"""Curves over training: mean and interval over networks; a level line for networks that are not trained."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    Locator,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    StrMethodFormatter,
)

from spikegrid.figures.data import keep
from spikegrid.figures.style import Look
from spikegrid.randomness import derived_seed

Interval = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes values float [epochs, networks] and returns lower and upper bound, each [epochs]."""

_BAND = 0.2
_LEAST_SPAN = 0.05
_LINEAR_UP_TO = 10
_LEAST_RATIO = 1.05
_PLAIN = 1e-3, 1e5


def value_range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value over networks at each epoch. NaN where a network has no value."""
    return values.min(axis=1), values.max(axis=1)


def bootstrap_of_mean(confidence: float, resamples: int) -> Interval:
    """Return the percentile bootstrap interval of the mean over networks; NaN for fewer than 2 networks."""

    def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        networks = values.shape[1]
        if networks < 2:
            undefined = np.full(len(values), np.nan)
            return undefined, undefined
        generator = np.random.default_rng(derived_seed("curves", "bootstrap"))
        drawn = generator.multinomial(networks, np.full(networks, 1 / networks), resamples)
        means = values @ drawn.T / networks
        tail = (1 - confidence) / 2
        low, high = np.quantile(means, [tail, 1 - tail], axis=1)
        return low, high

    return interval


def geometric_means(values: np.ndarray, interval: Interval) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the geometric mean over networks of values [epochs, networks] and its two bounds, each [epochs].

    The interval is that of the mean of logarithms. NaN where a value is not positive.
    """
    logarithms = np.log(values, out=np.full(values.shape, np.nan), where=values > 0)
    return np.exp(logarithms.mean(axis=1)), *map(np.exp, interval(logarithms))


def epoch_axis(axes: Axes, last: int) -> None:
    """Make x the epoch from 0 to ``last``: linear up to 1 and logarithmic beyond, or linear for short training."""
    axes.set_xlabel("epoch")
    if last <= _LINEAR_UP_TO:
        axes.set_xlim(-0.05 * max(last, 1), 1.05 * max(last, 1))
        axes.xaxis.get_major_locator().set_params(integer=True)
        return
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    powers = range(int(np.log10(last)) + 1)
    axes.set_xticks([0, *(10**power for power in powers)], ["0", *(_tick(power) for power in powers)])
    axes.xaxis.set_minor_locator(FixedLocator([digit * 10**power for power in powers for digit in (2, 5)]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-0.2, last * 1.2)


def mean_over_networks(values: pd.DataFrame, interval: Interval, geometric: bool = False) -> pd.DataFrame:
    """Return the mean over networks of values [places × networks] with its interval: a row a place.

    Columns: ``drawn``, which says whether the mean is geometric, the name of the index, ``value``, ``low``, ``high``
    and ``n``, the number of networks. NaN where a network has no value; of a geometric mean also where it has one that
    is not positive.
    """
    numbers = values.to_numpy(float)
    mean, low, high = geometric_means(numbers, interval) if geometric else (numbers.mean(axis=1), *interval(numbers))
    drawn, place = "geometric mean" if geometric else "mean", str(values.index.name)
    return pd.DataFrame(
        {"drawn": drawn, place: values.index, "value": mean, "low": low, "high": high, "n": numbers.shape[1]}
    )


def draw_curve(
    axes: Axes,
    values: pd.DataFrame,
    regime: str,
    look: Look,
    interval: Interval,
    markers: bool = False,
    geometric: bool = False,
) -> None:
    """Draw the mean over networks of values [epochs × networks] as a line, and an interval of it as a band.

    Values at one single epoch, of networks that are not trained, become a line over the whole axis. Where a network
    has no value, the line has a gap; where the mean is ``geometric`` also where it has one that is not positive. What
    is drawn is kept under the name of the ``regime`` and that of the index of values.
    """
    axes.margins(y=0.1)
    course = keep(axes, mean_over_networks(values, interval, geometric), regime=regime)
    mean, low, high = (course[column] for column in ("value", "low", "high"))
    if len(course) == 1:
        axes.axhline(mean[0], color=look.color, linestyle=look.dashes, zorder=1.5)
        if np.isfinite(low[0]):
            axes.axhspan(low[0], high[0], color=look.color, alpha=_BAND, linewidth=0, zorder=1)
        return
    x = course[values.index.name]
    axes.plot(x, mean, color=look.color, linestyle=look.dashes, marker=look.marker if markers else "")
    axes.fill_between(x, low, high, color=look.color, alpha=_BAND, linewidth=0)


def widen(axes: Axes) -> None:
    """Let the scale span some share of the values at least, lest the last digits of a constant look like a course."""
    low, high = axes.get_ylim()
    lacking = _LEAST_SPAN * max(abs(low), abs(high)) - (high - low)
    if lacking > 0:
        axes.set_ylim(low - lacking / 2, high + lacking / 2)


def logarithmic_axis(axes: Axes) -> None:
    """Make y logarithmic, with ticks at round numbers and a span of some share of the values at least.

    Ticks are those of what the axes span now: call it when all is drawn.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    widening = max(1, _LEAST_RATIO / (high / low)) ** 0.5
    axes.set_ylim(low / widening, high * widening)
    axes.yaxis.set_major_locator(_logarithmic_ticks(high / low))
    is_plain = low > _PLAIN[0] and high < _PLAIN[1]
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.4g}") if is_plain else LogFormatterSciNotation())
    axes.yaxis.set_minor_locator(NullLocator())


def _logarithmic_ticks(ratio: float) -> Locator:
    """Return what places ticks on an axis whose ends have this ratio."""
    if ratio < 3:
        return MaxNLocator(4, steps=[1, 2, 5, 10])
    return LogLocator(subs=[1, 2, 5] if ratio < 100 else [1], numticks=5)


def _tick(power: int) -> str:
    return str(10**power) if power < 4 else f"$10^{power}$"
