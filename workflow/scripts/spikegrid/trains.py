"""Spike trains in packed words: one row of bits for each unit, one bit for each presented image."""

from dataclasses import dataclass
from typing import Self

import numpy as np

_WORD_BITS = 64


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
        padded = np.zeros((units, -(-length // _WORD_BITS) * 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        return cls(padded.view("<u8"), length)

    @classmethod
    def from_images(cls, packed: np.ndarray, units: int) -> Self:
        """Turn packed images uint8 [N, ceil(U/8)], as spike files hold them, into trains."""
        return cls.from_array(np.unpackbits(packed, axis=1, count=units, bitorder="little").T)

    @property
    def units(self) -> int:
        """Number of trains U."""
        return len(self.words)

    def to_array(self) -> np.ndarray:
        """Return the trains as uint8 [U, N] of zeros and ones."""
        octets = self.words.astype("<u8", copy=False).view(np.uint8)
        return np.unpackbits(octets, axis=1, count=self.length, bitorder="little")

    def spike_counts(self) -> np.ndarray:
        """Return the number of spikes of each unit, int64 [U]."""
        return np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)

    def rates(self) -> np.ndarray:
        """Return the firing rate p of each unit, spikes per image, float64 [U] in [0, 1]. NaN for trains of length 0.

        Source: Lehmler et al., arXiv 2308.00858.
        """
        return self.spike_counts() / self.length if self.length else np.full(self.units, np.nan)

    def take(self, places: np.ndarray) -> Self:
        """Return the trains over the images at ``places``, int [M] in [0, N), in that order: all or some of them."""
        return type(self).from_array(self.to_array()[:, places])

    def window_counts(self, window: int) -> np.ndarray:
        """Return spike counts in K = floor(N / window) consecutive windows, int64 [U, K].

        The images after the last whole window are left out. Raises ValueError when ``window`` is below 1.
        """
        if window < 1:
            raise ValueError(f"window is {window}; expected at least 1 image")
        windows = self.length // window
        spikes = self.to_array()[:, : windows * window]
        return spikes.reshape(self.units, windows, window).sum(axis=2, dtype=np.int64)
