"""Packed spike trains against plain numpy arrays of zeros and ones."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spikegrid.trains import SpikeTrains

spike_arrays = array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=200).flatmap(
    lambda shape: arrays(bool, (min(shape[0], 5), shape[1]))
)


def edge_cases(test):
    """Run a property on no units, no images, word boundaries, silent and always-on trains too."""
    for shape in [(0, 0), (0, 7), (3, 0), (1, 1), (2, 63), (2, 64), (2, 65), (1, 128)]:
        test = example(spikes=np.zeros(shape, bool))(example(spikes=np.ones(shape, bool))(test))
    return test


@edge_cases
@given(spikes=spike_arrays)
def test_unpacking_returns_the_packed_spikes(spikes):
    trains = SpikeTrains.from_array(spikes)
    assert trains.units == len(spikes)
    assert trains.length == spikes.shape[1]
    unpacked = trains.to_array()
    assert unpacked.dtype == np.uint8
    np.testing.assert_array_equal(unpacked, spikes)


@edge_cases
@given(spikes=spike_arrays)
def test_image_n_is_bit_n_mod_64_of_word_n_div_64_and_bits_past_the_end_are_zero(spikes):
    trains = SpikeTrains.from_array(spikes)
    assert trains.words.dtype == np.uint64
    assert trains.words.shape == (len(spikes), -(-spikes.shape[1] // 64))
    for words, train in zip(trains.words.tolist(), spikes.tolist()):
        as_integer = sum(word << (64 * place) for place, word in enumerate(words))
        assert as_integer == sum(spike << image for image, spike in enumerate(train))


@edge_cases
@given(spikes=spike_arrays)
def test_spike_counts_are_sums_over_images(spikes):
    counts = SpikeTrains.from_array(spikes).spike_counts()
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, spikes.sum(axis=1))


@edge_cases
@given(spikes=spike_arrays)
def test_rates_are_means_over_images(spikes):
    rates = SpikeTrains.from_array(spikes).rates()
    expected = spikes.mean(axis=1) if spikes.shape[1] else np.full(len(spikes), np.nan)
    np.testing.assert_allclose(rates, expected, rtol=1e-15)


@given(spikes=spike_arrays, window=st.integers(1, 250))
@example(spikes=np.ones((2, 128), bool), window=64)
@example(spikes=np.ones((2, 10), bool), window=10)
@example(spikes=np.ones((2, 10), bool), window=11)
@example(spikes=np.ones((0, 10), bool), window=2)
def test_window_counts_are_sums_over_whole_windows(spikes, window):
    counts = SpikeTrains.from_array(spikes).window_counts(window)
    windows = spikes.shape[1] // window
    assert counts.shape == (len(spikes), windows)
    for k in range(windows):
        np.testing.assert_array_equal(counts[:, k], spikes[:, k * window : (k + 1) * window].sum(axis=1))


@edge_cases
@given(spikes=spike_arrays)
def test_window_of_one_image_gives_the_train_itself(spikes):
    np.testing.assert_array_equal(SpikeTrains.from_array(spikes).window_counts(1), spikes)


@pytest.mark.parametrize("window", [0, -1])
def test_window_below_one_image_is_refused(window):
    with pytest.raises(ValueError, match=f"window is {window}"):
        SpikeTrains.from_array(np.ones((1, 4), bool)).window_counts(window)


@edge_cases
@given(spikes=spike_arrays)
def test_trains_are_the_transpose_of_packed_images(spikes):
    packed_images = np.packbits(spikes.T, axis=1, bitorder="little")
    trains = SpikeTrains.from_images(packed_images, len(spikes))
    np.testing.assert_array_equal(trains.to_array(), spikes)


@edge_cases
@given(spikes=spike_arrays)
def test_trains_at_places_are_the_columns_of_the_array_in_that_order(spikes):
    generator = np.random.default_rng(spikes.shape[1])
    everything, length = SpikeTrains.from_array(spikes), spikes.shape[1]
    for places in (
        generator.permutation(length),
        np.flatnonzero(generator.random(length) < 0.4),
        generator.integers(0, max(length, 1), length + 70 if length else 0),
        np.zeros(0, np.int64),
    ):
        taken = everything.take(places)
        assert (taken.units, taken.length) == (len(spikes), len(places))
        np.testing.assert_array_equal(taken.to_array(), spikes[:, places])


@edge_cases
@given(spikes=spike_arrays)
def test_order_of_images_does_not_change_rates(spikes):
    trains = SpikeTrains.from_array(spikes)
    shuffled = trains.take(np.random.default_rng(0).permutation(trains.length))
    np.testing.assert_array_equal(shuffled.rates(), trains.rates())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, float])
def test_zeros_and_ones_of_any_type_give_the_same_words(dtype):
    spikes = np.random.default_rng(0).random((4, 130)) < 0.3
    expected = SpikeTrains.from_array(spikes).words
    np.testing.assert_array_equal(SpikeTrains.from_array(spikes.astype(dtype)).words, expected)


def test_memory_layout_of_the_spikes_does_not_matter():
    spikes = np.random.default_rng(0).random((4, 130)) < 0.3
    expected = SpikeTrains.from_array(spikes).words
    np.testing.assert_array_equal(SpikeTrains.from_array(np.asfortranarray(spikes)).words, expected)


def test_a_long_train_keeps_every_spike():
    spikes = np.random.default_rng(0).random((3, 100_003)) < [[0.001], [0.5], [0.999]]
    trains = SpikeTrains.from_array(spikes)
    np.testing.assert_array_equal(trains.to_array(), spikes)
    np.testing.assert_array_equal(trains.spike_counts(), spikes.sum(axis=1))
    by_window = spikes[:, :100_000].reshape(3, 100, 1000).sum(axis=2)
    np.testing.assert_array_equal(trains.window_counts(1000), by_window)
