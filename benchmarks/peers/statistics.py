"""Statistics of spike trains as they are computed today: elephant, on plain arrays and on neo objects."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import neo
import numpy as np
import quantities as pq
from elephant import statistics as elephant
from scipy import optimize, stats

MEASURES = {"interval_cv": (elephant.cv, 1), "cv2": (elephant.cv2, 2), "lv": (elephant.lv, 2)}
"""Measures of intervals, and the fewest intervals that each is defined for."""


def on_arrays(spikes: np.ndarray, widths: Sequence[int]) -> Iterator[dict[str, float]]:
    """Yield count, Fano factors and measures of intervals of each train of ``spikes``, bool [U, N]."""
    for train in spikes:
        times = np.flatnonzero(train)
        values = {"count": len(times)}
        for width in widths:
            ends = np.arange(width, len(train) + 1, width)
            windows = np.split(times, np.searchsorted(times, ends))[:-1]
            values[f"fano_{width}"] = elephant.fanofactor(windows)
        yield values | _of_intervals(elephant.isi(times))


def on_neo(spikes: np.ndarray, widths: Sequence[int]) -> Iterator[dict[str, float]]:
    """Yield the same of neo spike trains, an image a millisecond."""
    for train in spikes:
        whole = neo.SpikeTrain(np.flatnonzero(train) * pq.ms, t_stop=len(train) * pq.ms)
        values = {"count": len(whole)}
        for width in widths:
            # A spike at image n happens in the millisecond that begins with it, and slices hold both their ends.
            starts = range(0, len(train) - width + 1, width)
            windows = [whole.time_slice(start * pq.ms, (start + width - 0.5) * pq.ms) for start in starts]
            values[f"fano_{width}"] = elephant.fanofactor(windows)
        yield values | _of_intervals(elephant.isi(whole).magnitude)


def from_file(path: Path, layer: str, units: int, widths: Sequence[int]) -> Iterator[list[dict[str, float]]]:
    """Yield the statistics of every unit at each checkpoint of the only seed in a spike file."""
    with np.load(path) as file:
        checkpoints = file[layer][0]
    for packed in checkpoints:
        images = np.unpackbits(packed, axis=-1, count=units, bitorder="little")
        yield list(on_arrays(images.T, widths))


def interval_distances(spikes: np.ndarray, generator: np.random.Generator) -> list[float]:
    """Return the Kolmogorov-Smirnov distance of each train's rescaled intervals from Exp(1), by scipy."""
    distances = []
    for train in spikes:
        intervals, rate = np.diff(np.flatnonzero(train)), train.mean()
        uniforms = generator.random(len(intervals))
        rescaled = -(intervals - 1) * np.log1p(-rate) - np.log1p(-rate * uniforms)
        distances.append(stats.kstest(rescaled, "expon").statistic)
    return distances


def pair_correlations(spikes: np.ndarray) -> np.ndarray:
    """Return Pearson's r of every two trains, by numpy: those above the diagonal."""
    return np.corrcoef(spikes)[np.triu_indices(len(spikes), 1)]


def beta_binomial(histogram: np.ndarray) -> np.ndarray:
    """Return α and β of the beta-binomial law of greatest likelihood of a histogram of counts 0..T, by scipy."""
    counts = np.arange(len(histogram))

    def loss(logarithms: np.ndarray) -> float:
        return -histogram @ stats.betabinom.logpmf(counts, len(histogram) - 1, *np.exp(logarithms))

    return np.exp(optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead").x)


def _of_intervals(intervals: np.ndarray) -> dict[str, float]:
    values = {"interval_mean": intervals.mean() if len(intervals) else np.nan}
    for name, (measure, fewest) in MEASURES.items():
        values[name] = measure(intervals) if len(intervals) >= fewest else np.nan
    return values
