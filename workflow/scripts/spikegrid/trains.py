"""Spike trains in packed words: one row of bits for each unit, one bit for each presented image."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from spikegrid.packed_bits import (
    WORD,
    count_in_windows,
    count_joint,
    count_spikes,
    find_farthest,
    over_units,
    sum_over_windows,
    transpose,
)


@dataclass(frozen=True)
class SpikeTrains:
    """Binary trains of U units over N presented images.

    words: uint64 [U, ceil(N/64)]; bit n % 64 of word n // 64 is 1 when the unit fires at image n; bits past N are 0.
    length: N, the number of images, which is the duration of every train.
    """

    words: np.ndarray
    length: int

    @classmethod
    def from_array(cls, spikes: np.ndarray) -> Self:
        """Pack trains given as bool or 0/1 [U, N]."""
        units, length = spikes.shape
        packed = np.packbits(spikes.astype(bool), axis=1, bitorder="little")
        padded = np.zeros((units, -(-length // WORD) * 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        return cls(padded.view("<u8"), length)

    @property
    def units(self) -> int:
        """Number of trains U."""
        return len(self.words)

    def to_array(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the trains as uint8 [U, N] of zeros and ones, or images ``start`` to before ``stop`` alone."""
        stop = self.length if stop is None else min(stop, self.length)
        first = start // WORD
        octets = np.ascontiguousarray(self.words[:, first : -(-stop // WORD)]).astype("<u8", copy=False).view(np.uint8)
        return np.unpackbits(octets, axis=1, bitorder="little")[:, start - first * WORD : stop - first * WORD]

    def spike_counts(self) -> np.ndarray:
        """Return the number of spikes of each unit, int64 [U]."""
        counts = np.empty(self.units, np.int64)
        count_spikes(self.words, counts)
        return counts

    def rates(self) -> np.ndarray:
        """Return the firing rate p of each unit, spikes per image, float64 [U] in [0, 1]. NaN for trains of length 0.

        Source: Lehmler et al., arXiv 2308.00858.
        """
        return self.spike_counts() / self.length if self.length else np.full(self.units, np.nan)

    def joint_counts(self, lag: int) -> np.ndarray:
        """Return the number of images n < N - lag at which n and n + lag both have a spike, int64 [U]. lag is ≥ 0."""
        counts = np.empty(self.units, np.int64)
        count_joint(self.words, counts, lag)
        return counts

    def farthest_from(self, rates: np.ndarray) -> np.ndarray:
        """Return max_n |S_n - n p| of each unit, float64 [U] ≥ 0: S_n its spikes up to image n, p of ``rates``, [U]."""
        farthest = np.empty(self.units)
        over_units(find_farthest, self.words, np.asarray(rates, float), farthest, fixed=(self.length,))
        return farthest

    def window_counts(self, window: int) -> np.ndarray:
        """Return spike counts in K = floor(N / window) consecutive windows, int64 [U, K].

        The images after the last whole window are left out. Raises ValueError when ``window`` is below 1.
        """
        counts = np.empty((self.units, self._windows(window)), np.int64)
        over_units(count_in_windows, self.words, counts, fixed=(window,))
        return counts

    def window_sums(self, window: int) -> "WindowSums":
        """Return the sums of ``window_counts`` and of their squares, without the counts themselves.

        Raises ValueError when ``window`` is below 1.
        """
        windows = self._windows(window)
        sums, squares = np.empty((2, self.units), np.int64)
        over_units(sum_over_windows, self.words, sums, squares, fixed=(window, windows))
        return WindowSums(sums, squares, windows)

    def _windows(self, window: int) -> int:
        if window < 1:
            raise ValueError(f"window is {window}; expected at least 1 image")
        return self.length // window


@dataclass(frozen=True)
class WindowSums:
    """Sums over the K windows of each of U trains.

    sums, squares: int64 [U], Σ_k c_k and Σ_k c_k² of the spike counts c. windows: K.
    """

    sums: np.ndarray
    squares: np.ndarray
    windows: int

    def means(self) -> np.ndarray:
        """Return the mean count of a window, float64 [U] ≥ 0; NaN without windows."""
        return self.sums / self.windows if self.windows else np.full(len(self.sums), np.nan)

    def variances(self) -> np.ndarray:
        """Return the variance of the counts over windows, ddof 0, float64 [U] ≥ 0; NaN without windows."""
        if not self.windows:
            return np.full(len(self.sums), np.nan)
        return (self.windows * self.squares - self.sums**2) / self.windows**2


@dataclass(frozen=True)
class Raster:
    """The spikes of a layer as files hold them, images × units.

    packed: uint8 [N, ceil(U/8)]; bit u % 8 of byte u // 8 is 1 when unit u fires at the image of the row. units: U.
    """

    packed: np.ndarray
    units: int

    def trains(self, places: np.ndarray | None = None) -> SpikeTrains:
        """Return the trains over the images at ``places``, int [M] in [0, N), in that order; over all where it is None.

        Raises IndexError for a place outside.
        """
        images = len(self.packed)
        places = np.arange(images) if places is None else np.asarray(places, np.int64)
        if len(places) and not 0 <= places.min() <= places.max() < images:
            raise IndexError(f"places go from {places.min()} to {places.max()}; expected 0 to {images - 1}")
        words = np.empty((self.units, -(-len(places) // WORD)), np.uint64)
        over_units(transpose, words, np.arange(self.units), fixed=(self.packed, places))
        return SpikeTrains(words, len(places))

    def spikes_of(self, units: np.ndarray) -> np.ndarray:
        """Return the spikes of ``units``, int [M] in [0, U), as bool [N, M], images × units, without the trains of all.

        Raises IndexError for a unit outside.
        """
        units = np.asarray(units, np.int64)
        if len(units) and not 0 <= units.min() <= units.max() < self.units:
            raise IndexError(f"units go from {units.min()} to {units.max()}; expected 0 to {self.units - 1}")
        return (self.packed[:, units // 8] >> (units % 8).astype(np.uint8) & 1).astype(bool)
