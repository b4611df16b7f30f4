"""Trains as neo objects hold the same spikes, by elephant's own statistics and bins."""

import elephant.statistics as elephant
import neo
import numpy as np
import quantities as pq
from elephant.conversion import BinnedSpikeTrain

from spikegrid.dispersion import fano_factor
from spikegrid.intervals import IntervalSums, cv2, interval_cv, lv
from spikegrid.neo_trains import neo_trains
from spikegrid.trains import SpikeTrains

SPIKES = np.random.default_rng(1).random((5, 200)) < np.array([[0.05], [0.2], [0.5], [0.8], [0.95]])


def test_bins_of_elephant_are_the_images():
    trains = neo_trains(SpikeTrains.from_array(SPIKES))
    np.testing.assert_array_equal(BinnedSpikeTrain(trains, bin_size=1 * pq.ms).to_bool_array(), SPIKES)


def test_rates_of_elephant_are_spikes_an_image():
    trains = SpikeTrains.from_array(SPIKES)
    by_elephant = [elephant.mean_firing_rate(train).rescale(1 / pq.ms).item() for train in neo_trains(trains)]
    np.testing.assert_allclose(trains.rates(), by_elephant, rtol=1e-12)


def test_measures_of_intervals_are_those_of_elephant():
    trains = SpikeTrains.from_array(SPIKES)
    sums = IntervalSums.of(trains)
    intervals = [elephant.isi(train).magnitude for train in neo_trains(trains)]
    for ours, of_elephant in [(interval_cv, elephant.cv), (cv2, elephant.cv2), (lv, elephant.lv)]:
        np.testing.assert_allclose(ours(sums), [of_elephant(found) for found in intervals], rtol=1e-9)


def test_fano_factors_of_slices_between_images_are_those_of_windows():
    trains, period = SpikeTrains.from_array(SPIKES), 20 * pq.ms
    by_elephant = [
        elephant.fanofactor([train.time_slice(first * period, (first + 10) * period) for first in range(0, 200, 10)])
        for train in neo_trains(trains, period)
    ]
    np.testing.assert_allclose(fano_factor(trains.window_sums(10)), by_elephant, rtol=1e-12)


def test_units_that_never_fire_and_trains_without_images_are_empty():
    silent = neo_trains(SpikeTrains.from_array(np.zeros((2, 70), bool)))
    assert [len(train) for train in silent] == [0, 0]
    assert all(isinstance(train, neo.SpikeTrain) and train.t_stop == 70 * pq.ms for train in silent)
    (empty,) = neo_trains(SpikeTrains.from_array(np.zeros((1, 0), bool)))
    assert (len(empty), empty.t_stop.item()) == (0, 0)
    assert neo_trains(SpikeTrains.from_array(np.zeros((0, 7), bool))) == []
