"""Loops over packed bits, compiled by numba and kept on disk beside this file.

Kernels take uint64 words [units, words], bit n % 64 of word n // 64 for image n, and write into the arrays given last,
whose first axis is that of the units too, so that ``over_units`` can share them out among threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = 64
ONE = np.uint64(1)

_BLOCKS_A_THREAD = 2

_threads = 1
_pool: ThreadPoolExecutor | None = None


def set_threads(threads: int) -> None:
    """Let ``over_units`` use ``threads`` threads in this process. One is used until this is called."""
    global _threads, _pool
    _threads, _pool = threads, ThreadPoolExecutor(threads - 1) if threads > 1 else None


def over_units(kernel: Callable, *arrays: np.ndarray, fixed: tuple = ()) -> None:
    """Call ``kernel(*blocks, *fixed)`` on blocks of the first axis of ``arrays``, shared out among threads.

    The first axis is that of the units, the same in all; blocks begin at multiples of 64 units. There are several for
    each thread, because trains of some rates take longer than others, and because another thread may wake late.
    """
    units = len(arrays[0])
    if _pool is None:
        kernel(*arrays, *fixed)
        return
    blocks = _threads * _BLOCKS_A_THREAD
    bounds = sorted({units * block // blocks // WORD * WORD for block in range(blocks)} | {units})
    parts = iter([[array[start:end] for array in arrays] for start, end in pairwise(bounds)])

    def work() -> None:
        for part in parts:
            kernel(*part, *fixed)

    others = [_pool.submit(work) for _ in range(_threads - 1)]
    work()
    for other in others:
        other.result()


@intrinsic
def popcount(typing_context, word):
    """Number of bits of a uint64 that are 1, uint64."""
    return types.uint64(types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


@intrinsic
def trailing_zeros(typing_context, word):
    """Position of the lowest bit of a uint64 that is 1, uint64. Undefined for 0."""
    return types.uint64(types.uint64), lambda context, builder, signature, args: builder.cttz(args[0], cgutils.true_bit)


def compiled(kernel: Callable) -> Callable:
    """Compile a kernel at its first call, once for all processes; it runs without Python's lock."""
    return njit(cache=True, nogil=True)(kernel)


@compiled
def count_spikes(words, counts):
    """Write the number of bits of each unit into ``counts``, int64 [U]."""
    for unit in range(len(words)):
        counts[unit] = count_bits(words[unit])


@compiled
def count_bits(words):
    """Number of bits of a train, int64."""
    bits = np.uint64(0)
    for word in range(len(words)):
        bits += popcount(words[word])
    return np.int64(bits)


@compiled
def count_in_windows(words, counts, window):
    """Write the number of bits of windows of ``window`` images into ``counts``, int64 [U, K]."""
    row, before = _scratch(words.shape[1])
    for unit in range(len(words)):
        _rank(words[unit], row, before)
        seen = np.int64(0)
        for k in range(counts.shape[1]):
            reached = _bits_before((k + 1) * window, row, before)
            counts[unit, k] = reached - seen
            seen = reached


@compiled
def sum_over_windows(words, sums, squares, window, windows):
    """Write the sum of the counts in ``windows`` windows into ``sums``, and of their squares, int64 [U]."""
    row, before = _scratch(words.shape[1])
    for unit in range(len(words)):
        _rank(words[unit], row, before)
        seen = total = np.int64(0)
        for k in range(windows):
            reached = _bits_before((k + 1) * window, row, before)
            total += (reached - seen) ** 2
            seen = reached
        sums[unit] = seen
        squares[unit] = total


@compiled
def _scratch(words):
    return np.zeros(words + 1, np.uint64), np.zeros(words + 1, np.int64)


@compiled
def _rank(train, row, before):
    """Copy a train into ``row``, and the number of bits before each of its words into ``before``; both go one on."""
    seen = np.int64(0)
    for word in range(len(train)):
        row[word] = train[word]
        before[word] = seen
        seen += np.int64(popcount(train[word]))
    before[len(train)] = seen


@compiled
def _bits_before(image, row, before):
    word = np.uint64(image) >> np.uint64(6)
    rest = np.uint64(image) & np.uint64(63)
    return before[word] + np.int64(popcount(row[word] & ((ONE << rest) - ONE)))


@compiled
def count_joint(words, counts, lag):
    """Write the number of images n at which both n and n + ``lag`` have a spike into ``counts``, int64 [U]."""
    whole, bits = lag // WORD, np.uint64(lag % WORD)
    pairs = max(words.shape[1] - whole, 0)
    later = np.zeros(pairs + 1, np.uint64)
    for unit in range(len(words)):
        later[:pairs] = words[unit, whole:]
        counts[unit] = _count_both(words[unit, :pairs], later, bits)


@compiled
def _count_both(row, later, bits):
    both = np.uint64(0)
    rest = np.uint64(WORD - 1) - bits
    for word in range(len(row)):
        both += popcount(row[word] & ((later[word] >> bits) | (later[word + 1] << ONE << rest)))
    return both


@compiled
def count_within(words, counts, masks):
    """Write the number of bits of each unit within each of ``masks`` [C, W] into ``counts``, int64 [U, C]."""
    for unit in range(len(words)):
        row = words[unit]
        for label in range(len(masks)):
            mask, spikes = masks[label], np.uint64(0)
            for word in range(len(row)):
                spikes += popcount(row[word] & mask[word])
            counts[unit, label] = spikes


@compiled
def count_units(words, counts):
    """Add the number of units that have a spike at each image to ``counts``, int64 [W, 64]: not for ``over_units``."""
    for unit in range(len(words)):
        for word in range(words.shape[1]):
            bits, here = words[unit, word], counts[word]
            for image in range(WORD):
                here[image] += np.int64(bits >> np.uint64(image) & ONE)


@compiled
def find_farthest(words, rates, farthest, length):
    """Write max_n |S_n - n p| into ``farthest``, float64 [U]: S_n - n p is highest at a spike, lowest just before."""
    for unit in range(len(words)):
        rate, spikes, most = rates[unit], 0, 0.0
        for word in range(words.shape[1]):
            rest = words[unit, word]
            while rest:
                image = word * WORD + np.int64(trailing_zeros(rest))
                rest &= rest - ONE
                most = max(most, rate * image - spikes)
                spikes += 1
                most = max(most, spikes - rate * (image + 1))
        farthest[unit] = max(most, abs(spikes - rate * length))


_SIDE = 8
"""Squares of 64 × 64 bits on a side of a tile, 32 KiB: it stays near the core, and fills a line of it with one unit."""


@compiled
def transpose(words, numbers, packed, places):
    """Turn images into trains: bit n of row u of ``words`` is bit ``numbers[u]`` of row ``places[n]`` of ``packed``.

    words: [U, W]. numbers: int64 [U], consecutive from a multiple of 64. packed: uint8 [images, bytes]. places: int64,
    one for each bit of a row.
    """
    units, size = words.shape
    octets = np.empty((WORD, _SIDE * _SIDE * 8), np.uint8)
    squares = octets.view(np.uint64)
    for word in range(0, size, _SIDE):
        for start in range(0, units, _SIDE * WORD):
            octets[:] = 0
            _copy_tile(octets, packed, places[word * WORD : (word + _SIDE) * WORD], numbers[start] // 8)
            _transpose_squares(squares)
            for unit in range(min(_SIDE * WORD, units - start)):
                train, row, lane = words[start + unit], squares[unit % WORD], unit // WORD * _SIDE
                for column in range(min(_SIDE, size - word)):
                    train[word + column] = row[lane + column]


@compiled
def _copy_tile(octets, packed, places, first_byte):
    """Copy 8 bytes of each of 64 × 8 images into each of 8 × 8 squares: those of 64 units by those of 64 images."""
    width = min(_SIDE * 8, packed.shape[1] - first_byte)
    for place in range(len(places)):
        row, target, column = packed[places[place]], octets[place % WORD], place // WORD
        for square in range(width // 8):
            for byte in range(8):
                target[(square * _SIDE + column) * 8 + byte] = row[first_byte + square * 8 + byte]
        for byte in range(width // 8 * 8, width):
            target[(byte // 8 * _SIDE + column) * 8 + byte % 8] = row[first_byte + byte]


@compiled
def _transpose_squares(squares):
    """Transpose squares of 64 × 64 bits in place, uint64 [64, squares]: Warren (2013), Hacker's Delight, 7-3."""
    distance, mask = WORD // 2, np.uint64(0xFFFFFFFF)
    while distance:
        for row in range(WORD):
            if not row & distance:
                _swap(squares[row], squares[row + distance], np.uint64(distance), mask)
        distance //= 2
        mask ^= mask << np.uint64(distance)


@compiled
def _swap(upper, lower, distance, mask):
    for square in range(len(upper)):
        swapped = ((upper[square] >> distance) ^ lower[square]) & mask
        upper[square] ^= swapped << distance
        lower[square] ^= swapped
