"""Packed spike trains against plain numpy arrays of zeros and ones."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spikegrid.trains import Raster, SpikeTrains

spike_arrays = array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=200).flatmap(
    lambda shape: arrays(bool, (min(shape[0], 5), shape[1]))
)


def raster_of(spikes: np.ndarray) -> Raster:
    """Spikes [units, images] as files hold them."""
    return Raster(np.packbits(spikes.T, axis=1, bitorder="little"), len(spikes))


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
    np.testing.assert_array_equal(raster_of(spikes).trains().to_array(), spikes)


@edge_cases
@given(spikes=spike_arrays)
def test_trains_at_places_are_the_columns_of_the_array_in_that_order(spikes):
    generator = np.random.default_rng(spikes.shape[1])
    raster, length = raster_of(spikes), spikes.shape[1]
    for places in (
        generator.permutation(length),
        np.flatnonzero(generator.random(length) < 0.4),
        generator.integers(0, max(length, 1), length + 70 if length else 0),
        np.zeros(0, np.int64),
    ):
        trains = raster.trains(places)
        assert (trains.units, trains.length) == (len(spikes), len(places))
        expected = SpikeTrains.from_array(spikes[:, places])
        np.testing.assert_array_equal(trains.words, expected.words)


@pytest.mark.parametrize("places", [[0, 5], [-1]])
def test_a_place_outside_the_images_raises_an_index_error(places):
    with pytest.raises(IndexError, match="expected 0 to 4"):
        raster_of(np.ones((3, 5), bool)).trains(places)


@given(spikes=spike_arrays, draws=st.data())
def test_spikes_of_some_units_are_the_rows_of_the_array_in_that_order(spikes, draws):
    units = draws.draw(st.lists(st.integers(0, len(spikes) - 1)) if len(spikes) else st.just([]))
    found = raster_of(spikes).spikes_of(np.array(units, int))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, spikes[units].T)


@pytest.mark.parametrize("units", [[-1], [0, 3]])
def test_a_unit_outside_the_layer_raises_an_index_error(units):
    with pytest.raises(IndexError, match=r"expected 0 to 2"):
        raster_of(np.ones((3, 5), bool)).spikes_of(np.array(units))


@pytest.mark.parametrize("units", [1, 63, 64, 65, 127, 128, 4096, 4097, 9000])
def test_trains_of_many_units_are_the_transpose_whatever_the_number_of_threads(units, threads):
    spikes = np.random.default_rng(units).random((units, 70)) < 0.3
    threads(1)
    np.testing.assert_array_equal(raster_of(spikes).trains().to_array(), spikes)
    threads(3)
    np.testing.assert_array_equal(raster_of(spikes).trains().to_array(), spikes)


@given(spikes=spike_arrays, lag=st.integers(0, 210))
@example(spikes=np.ones((2, 200), bool), lag=64)
@example(spikes=np.ones((2, 64), bool), lag=64)
@example(spikes=np.ones((2, 200), bool), lag=128)
@example(spikes=np.ones((2, 0), bool), lag=0)
def test_joint_counts_are_sums_of_products_with_the_train_later(spikes, lag):
    expected = (spikes[:, : max(spikes.shape[1] - lag, 0)] & spikes[:, lag:]).sum(axis=1)
    np.testing.assert_array_equal(SpikeTrains.from_array(spikes).joint_counts(lag), expected)


@given(spikes=spike_arrays, window=st.integers(1, 250))
@example(spikes=np.ones((2, 128), bool), window=64)
@example(spikes=np.ones((2, 10), bool), window=11)
def test_window_sums_are_those_of_the_counts(spikes, window):
    windows = SpikeTrains.from_array(spikes).window_sums(window)
    counts = spikes[:, : windows.windows * window].reshape(len(spikes), windows.windows, window).sum(axis=2)
    assert windows.windows == spikes.shape[1] // window
    np.testing.assert_array_equal(windows.sums, counts.sum(axis=1))
    np.testing.assert_array_equal(windows.squares, (counts**2).sum(axis=1))
    if windows.windows:
        np.testing.assert_allclose(windows.means(), counts.mean(axis=1), rtol=1e-15)
        np.testing.assert_allclose(windows.variances(), counts.var(axis=1), rtol=1e-12, atol=1e-12)
    else:
        assert np.isnan([windows.means(), windows.variances()]).all()


@given(spikes=spike_arrays, start=st.integers(0, 200), stop=st.integers(0, 250))
def test_a_part_of_the_array_is_its_columns(spikes, start, stop):
    start = min(start, spikes.shape[1])
    part = SpikeTrains.from_array(spikes).to_array(start, max(start, stop))
    np.testing.assert_array_equal(part, spikes[:, start : max(start, stop)])


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
