"""Sums over the inter-spike intervals of packed trains, which the measures of intervals are made of.

For a pair of adjacent intervals I, I' the local measures need only the sum s and the distance d = |I - I'|, so Σd and
Σd² are kept for each s. In sparse trains every spike is listed and gone through. In dense trains most pairs have a
small s: those up to 12 are counted 64 images at a time by logic on words, and only what is left over is gone through.
"""

import numpy as np

from spikegrid.packed_bits import ONE, WORD, compiled, count_bits, popcount, trailing_zeros

INTERVALS, TOTAL, SQUARES, DISTANCES, FIRST, LAST, UNEQUAL = range(7)
WHOLE = 7
"""Columns of ``whole``: number of intervals, ΣI, ΣI², Σd² of pairs, first I, last I, number of pairs s > 2."""

CV2, LV, CV2_GEO, LV_GEO, DISTANCE = range(5)
LOCAL = 5
"""Columns of ``local``: sums of 2d/s, 3d²/s², d(s-1)/floor((s-1)²/2) and 3d²/(s(s-2)), the last two over pairs s > 2,
and the greatest distance of the distribution of intervals from the geometric law of the train's rate."""

_DENSE = 5
"""A train is dense where more than one image in so many has a spike: there one way costs as much as the other."""

_NEAR = 12
"""Greatest s of the pairs counted by logic on words, less in trains that are denser still."""

_KEPT = 1024
"""Sums of d and d² are kept for each s below this; the few pairs beyond are added one by one."""

_SQUARE_BITS = 36
"""Lower bits of a word that Σd² takes; Σd has those above. One addition to memory takes half the time of two."""

_SQUARE_MASK = np.uint64((1 << _SQUARE_BITS) - 1)

LONGEST_TRAIN = 1 << 25
"""Images of a train for which Σd², at most 2N times the greatest s, fits its bits."""

_MOST_AT_ONCE = 24
"""Bits of a word are listed as many at once as most words of a train have, some in vain: asking each takes longer."""


@compiled
def sum_intervals(words, whole, local, length):
    """Write sums over the intervals of trains: ``whole`` is int64 [U, 7], ``local`` float64 [U, 5].

    length: images of a train.
    """
    size = words.shape[1]
    row = np.zeros(size + 1, np.uint64)
    none, one, pair = np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    left_over = np.zeros(size, np.uint64)
    later = np.zeros((_NEAR + 1, size), np.uint64)
    listed = np.zeros(size * WORD + _MOST_AT_ONCE, np.int64)
    factors = _local_factors()
    lengths = np.zeros(length + 1, np.int64)
    kept = np.zeros(_KEPT, np.uint64)
    for unit in range(len(words)):
        row[:size] = words[unit]
        whole[unit] = 0
        local[unit] = 0
        spikes = count_bits(row)
        if spikes < 2:
            continue
        whole[unit, INTERVALS] = spikes - 1
        whole[unit, UNEQUAL] = spikes - 2 - _count_three_in_a_row(row)
        if spikes * _DENSE > length:
            near = min(_NEAR, _DENSE * length // spikes)
            _sum_near_pairs(near, row, lengths, kept, later, none, one, pair, left_over)
            number = _list_bits(left_over, listed)
            _sum_pairs_left_over(near, row, listed[:number], whole[unit], local[unit], lengths, kept)
        else:
            number = _list_bits(row[:size], listed)
            _sum_listed_pairs(listed[:number], whole[unit], local[unit], lengths, kept)
        _sum_up(spikes / length, whole[unit], local[unit], lengths, kept, factors)


@compiled
def _count_three_in_a_row(row):
    """Number of pairs of adjacent intervals of one image each, int64."""
    found = np.uint64(0)
    for word in range(len(row) - 1):
        second = (row[word] >> ONE) | (row[word + 1] << np.uint64(WORD - 1))
        third = (row[word] >> np.uint64(2)) | (row[word + 1] << np.uint64(WORD - 2))
        found += popcount(row[word] & second & third)
    return np.int64(found)


@compiled
def _list_bits(words, listed):
    """Write the places of all bits into ``listed`` and return their number."""
    mean = count_bits(words) / len(words)
    at_once = min(int(mean + 1.5 * np.sqrt(mean)) + 1, _MOST_AT_ONCE)
    number = 0
    for word in range(len(words)):
        rest = words[word]
        bits = np.int64(popcount(rest))
        for place in range(at_once):
            listed[number + place] = word * WORD + np.int64(trailing_zeros(rest))
            rest &= rest - ONE
        place = at_once
        while rest:
            listed[number + place] = word * WORD + np.int64(trailing_zeros(rest))
            rest &= rest - ONE
            place += 1
        number += bits
    return number


@compiled
def _local_factors():
    """What Σd or Σd² of pairs of one sum is multiplied by in each local measure, float64 [sums, 4]."""
    factors = np.zeros((_KEPT, 4))
    for total in range(2, _KEPT):
        _write_factors(total, factors[total])
    return factors


@compiled
def _write_factors(total, factors):
    factors[CV2] = 2 / total
    factors[LV] = 3 / (total * total)
    if total > 2:
        factors[CV2_GEO] = (total - 1) / ((total - 1) * (total - 1) // 2)
        factors[LV_GEO] = 3 / (total * (total - 2))


@compiled
def _packed(distance):
    """Word that adds d and d² of one pair to those kept for its sum."""
    return np.uint64((distance << _SQUARE_BITS) + distance * distance)


@compiled
def _add_far_pair(total, distance, local):
    factors = np.zeros(4)
    _write_factors(total, factors)
    local[CV2] += distance * factors[CV2]
    local[LV] += distance * distance * factors[LV]
    local[CV2_GEO] += distance * factors[CV2_GEO]
    local[LV_GEO] += distance * distance * factors[LV_GEO]


@compiled
def _sum_listed_pairs(spikes, whole, local, lengths, kept):
    """Sum over all intervals and pairs of a train whose spikes are listed."""
    far_squares = 0
    for place in range(len(spikes) - 2):
        first, total = spikes[place + 1] - spikes[place], spikes[place + 2] - spikes[place]
        distance = abs(total - 2 * first)
        lengths[np.uint64(first)] += 1
        if total < _KEPT:
            kept[np.uint64(total)] += _packed(distance)
        else:
            far_squares += distance * distance
            _add_far_pair(total, distance, local)
    last = spikes[len(spikes) - 1] - spikes[len(spikes) - 2]
    lengths[last] += 1
    whole[FIRST], whole[LAST] = spikes[1] - spikes[0], last
    whole[TOTAL] = spikes[len(spikes) - 1] - spikes[0]
    whole[DISTANCES] = far_squares


@compiled
def _sum_near_pairs(near, row, lengths, kept, later, none, one, pair, left_over):
    """Count intervals and pairs of a sum up to ``near`` by logic on words; leave spikes that begin other pairs over.

    later: row k is the train k images later. none, one: the spikes that none or one other follows within the next
    s - 1 images. pair: those that begin a pair of sum s.
    """
    none[:] = row[: len(none)]
    one[:] = 0
    for sum_ in range(1, near + 1):
        ahead = later[sum_]
        _shift(row, np.uint64(sum_), ahead)
        lengths[sum_] += _pass_spike(ahead, none, one, pair)
        for first in range(1, (sum_ + 1) // 2):
            pairs = _count_either(pair, later[first], later[sum_ - first])
            kept[sum_] += np.uint64(pairs) * _packed(sum_ - 2 * first)
    for word in range(len(left_over)):
        left_over[word] = none[word] | one[word]


@compiled
def _pass_spike(ahead, none, one, pair):
    """Move spikes followed by one ``ahead`` from ``none`` to ``one`` to ``pair``; return how many left the first."""
    found = np.uint64(0)
    for word in range(len(pair)):
        spike, before, between = ahead[word], none[word], one[word]
        found += popcount(spike & before)
        pair[word] = spike & between
        one[word] = (between & ~spike) | (before & spike)
        none[word] = before & ~spike
    return np.int64(found)


@compiled
def _shift(row, images, later):
    rest = np.uint64(WORD) - images
    for word in range(len(later)):
        later[word] = (row[word] >> images) | (row[word + 1] << rest)


@compiled
def _count_either(pair, first, second):
    """Number of pairs whose spike between comes where ``first`` or ``second`` says, int64."""
    found = np.uint64(0)
    for word in range(len(pair)):
        found += popcount(pair[word] & (first[word] | second[word]))
    return np.int64(found)


@compiled
def _sum_pairs_left_over(near, row, beginnings, whole, local, lengths, kept):
    """Add the intervals longer than ``near``, and the pairs of a greater sum, which begin at the spikes listed."""
    size = len(row) - 1
    far_squares = 0
    for place in range(len(beginnings)):
        start = beginnings[place]
        word, bit = np.uint64(start) >> np.uint64(6), np.uint64(start) & np.uint64(63)
        ahead = (row[word] >> bit >> ONE) | (row[word + ONE] << (np.uint64(63) - bit))
        beyond = ahead & (ahead - ONE)
        if beyond:
            first = np.int64(trailing_zeros(ahead)) + 1
            total = np.int64(trailing_zeros(beyond)) + 1
        else:
            middle = _next_spike(row, size, start)
            if middle < 0:
                continue
            first, total = middle - start, _next_spike(row, size, middle) - start
        lengths[np.uint64(first)] += first > near
        if total < 0:
            continue
        distance = abs(total - 2 * first)
        if total < _KEPT:
            kept[np.uint64(total)] += _packed(distance)
        else:
            far_squares += distance * distance
            _add_far_pair(total, distance, local)
    opening = _next_spike(row, size, -1)
    last = beginnings[len(beginnings) - 1]
    whole[FIRST] = _next_spike(row, size, opening) - opening
    whole[LAST] = last - beginnings[len(beginnings) - 2]  # no pair begins at the last two spikes: both are left over
    whole[TOTAL] = last - opening
    whole[DISTANCES] = far_squares


@compiled
def _next_spike(row, size, start):
    """Return the image of the first spike after ``start``, or -1."""
    word = (start + 1) // WORD
    rest = row[word] >> np.uint64((start + 1) % WORD) << np.uint64((start + 1) % WORD)
    while not rest:
        word += 1
        if word >= size:
            return -1
        rest = row[word]
    return word * WORD + np.int64(trailing_zeros(rest))


@compiled
def _sum_up(rate, whole, local, lengths, kept, factors):
    """Sum over lengths and over s, and leave both empty for the next train."""
    number = whole[INTERVALS]
    squares = seen = length = distances = 0
    farthest, longer = 0.0, 1.0  # (1 - p)^length: the share of intervals that are longer, by the geometric law
    while seen < number:
        length += 1
        longer *= 1 - rate
        seen += lengths[length]
        squares += lengths[length] * length * length
        farthest = max(farthest, abs(seen - number * (1 - longer)))
        lengths[length] = 0
    cv2 = lv = cv2_geo = lv_geo = 0.0
    for total in range(2, min(2 * length + 1, _KEPT)):
        distance, square = float(kept[total] >> np.uint64(_SQUARE_BITS)), float(kept[total] & _SQUARE_MASK)
        distances += np.int64(kept[total] & _SQUARE_MASK)
        cv2 += distance * factors[total, CV2]
        lv += square * factors[total, LV]
        cv2_geo += distance * factors[total, CV2_GEO]
        lv_geo += square * factors[total, LV_GEO]
        kept[total] = 0
    local[CV2] += cv2
    local[LV] += lv
    local[CV2_GEO] += cv2_geo
    local[LV_GEO] += lv_geo
    local[DISTANCE] = farthest / number
    whole[SQUARES] = squares
    whole[DISTANCES] += distances


@compiled
def list_intervals(words, values):
    """Write the intervals of all trains into ``values``, int64, unit after unit, each unit's in order of time."""
    number = 0
    for unit in range(len(words)):
        before = np.int64(-1)
        for word in range(words.shape[1]):
            rest = words[unit, word]
            while rest:
                image = word * WORD + np.int64(trailing_zeros(rest))
                rest &= rest - ONE
                if before >= 0:
                    values[number] = image - before
                    number += 1
                before = image
