"""Binning of spike times against elephant and numpy, tables of spikes, and Poisson neurons of known Fano factor."""

import json

import neo
import numpy as np
import pandas as pd
import pytest
import quantities
from elephant.conversion import BinnedSpikeTrain
from hypothesis import given
from hypothesis import strategies as st

from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.observables import class_information, correlations, firing, intervals, process
from spikegrid.recordings import EPOCH, LAYER, Session, import_session, read_session, spike_table

SPAN, BIN = [0.0, 2.0], 0.05
RUN = {"dataset": "retina", "architecture": "recording", "regime": "movie", "seeds": [3]}
ORDERS = ["random", "class_blocked", "given"]


def poisson_trials(
    trials: int = 12, rates=(0.5, 4, 20), seed: int = 0, duration: float = 2.0
) -> list[list[np.ndarray]]:
    """Spike times [trials][units] of homogeneous Poisson processes with ``rates`` in Hz."""
    generator = np.random.default_rng(seed)
    return [
        [np.sort(generator.uniform(0, duration, generator.poisson(rate * duration))) for rate in rates]
        for _ in range(trials)
    ]


@pytest.fixture
def session(tmp_path):
    """Writes trials as a table and imports them; gives the path of the spike file."""

    def imported(trials, stimuli=None, span=SPAN, bin=BIN, suffix="csv"):
        table = spike_table(trials, stimuli)
        source = tmp_path / f"session.{suffix}"
        table.to_csv(source, index=False) if suffix == "csv" else table.to_parquet(source, index=False)
        assert import_session(source, tmp_path / "spikes.npz", RUN, span, bin) == [EPOCH]
        return tmp_path / "spikes.npz"

    return imported


def binary(path) -> np.ndarray:
    """The spikes of a file, [units, images], read by numpy alone."""
    with np.load(path, allow_pickle=False) as archive:
        units = json.loads(str(archive["meta"]))["layers"][0]["kept"]
        return np.unpackbits(archive[LAYER][0, 0], axis=-1, count=units, bitorder="little").T


# --- bins ---


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("span", [[0.0, 2.0], [0.5, 1.5]])
def test_bins_of_every_trial_are_those_of_elephant(session, suffix, span):
    trials = poisson_trials()
    trains = [[neo.SpikeTrain(times, units="s", t_start=0, t_stop=2) for times in trial] for trial in trials]
    cut = {"t_start": span[0] * quantities.s, "t_stop": span[1] * quantities.s}
    expected = np.hstack(
        [BinnedSpikeTrain(trial, bin_size=BIN * quantities.s, **cut).to_bool_array() for trial in trains]
    )
    assert expected.any()
    np.testing.assert_array_equal(binary(session(trials, span=span, suffix=suffix)), expected)


@given(st.lists(st.integers(0, 1999), max_size=60), st.sampled_from([0.001, 0.005, 0.02, 0.1, 0.5]))
def test_times_on_edges_fall_into_the_bin_that_begins_there(milliseconds, bin):
    table = spike_table([[np.array(milliseconds) / 1000]])
    unit, trial, times = (table[name].to_numpy() for name in ("unit", "trial", "time"))
    seen = ~np.isnan(times)
    binned = Session(["0"], [], unit[seen], trial[seen], times[seen], np.array([-1])).binned(0, 2, bin)
    width = round(bin * 1000)
    expected = np.histogram(milliseconds, bins=np.arange(0, 2001, width))[0] > 0  # whole numbers have no rounding
    np.testing.assert_array_equal(binned[0, :, 0], expected)


def test_spikes_outside_the_span_are_left_out(session):
    found = binary(session([[[0.49, 0.5, 1.49, 1.5, 7.0, -0.1]]], span=[0.5, 1.5], bin=0.5))
    assert found.tolist() == [[1, 1]]


def test_units_and_trials_without_a_spike_are_kept(session):
    found = binary(session([[[], [0.1]], [[], []], [[], [1.9]]], bin=1.0))
    assert found.tolist() == [[0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1]]


def test_labels_are_the_stimuli_of_the_trials_bin_by_bin(session):
    path = session(poisson_trials(4), ["house", "face", "house", "car"], bin=0.5)
    with spikes.load(path) as recorded:
        assert recorded.meta["classes"] == ["car", "face", "house"]
        assert recorded.labels.tolist() == [2] * 4 + [1] * 4 + [2] * 4 + [0] * 4
        assert recorded.index.tolist() == list(range(16))
        assert (recorded.seeds, recorded.epochs) == ([3], [EPOCH])
        assert recorded.meta["run"] == RUN


def test_same_table_gives_the_same_bytes(session):
    trials = poisson_trials()
    assert session(trials).read_bytes() == session(trials).read_bytes()


def test_spike_trains_of_neo_become_a_table_as_the_reference_says(session):
    trials = poisson_trials(5)
    block = neo.Block()
    for number, trial in enumerate(trials):
        segment = neo.Segment()
        start = 10.0 * number
        segment.spiketrains = [
            neo.SpikeTrain((times + start) * 1000, units="ms", t_start=start * 1000, t_stop=(start + 2) * 1000)
            for times in trial
        ]
        block.segments.append(segment)
    taken = [
        [(train.times - train.t_start).rescale("s").magnitude for train in segment.spiketrains]
        for segment in block.segments
    ]
    expected = spike_table(trials)
    pd.testing.assert_frame_equal(spike_table(taken), expected, rtol=1e-9)


# --- measures of neurons whose law is known ---


def test_fano_factor_of_binned_poisson_neurons_is_one_minus_their_rate(session):
    rates = np.array([2.0, 5.0, 20.0] * 20)
    path = session(poisson_trials(400, rates, seed=1), bin=0.02)
    units = firing.observe({"spikes": path}, window=20, orders=["random", "given"])["units"]
    expected = 1 - np.exp(-rates * 0.02)
    np.testing.assert_allclose(units["firing_rate"], expected, atol=5 * np.sqrt(0.25 / 40_000))
    # A mean over 60 units and 2,000 windows: the deviation of F / (1 - p) is about sqrt(2 / 2000 / 60) = 0.004.
    for order in ("random", "given"):
        assert units[f"fano_ratio_{order}"].mean() == pytest.approx(1, abs=0.02)


def test_fano_factor_of_neurons_that_stimuli_drive_is_that_of_their_mixture(session):
    trials, window = 600, 20
    driven = np.arange(trials) % 2
    generator = np.random.default_rng(2)
    rates = np.array([5.0, 15.0])[driven]
    times = [[np.sort(generator.uniform(0, 0.4, generator.poisson(rate * 0.4))) for _ in range(40)] for rate in rates]
    path = session(times, driven, span=[0, 0.4], bin=0.02)
    units = firing.observe({"spikes": path}, window=window, orders=ORDERS)["units"]
    low, high = 1 - np.exp(-np.array([5.0, 15.0]) * 0.02)
    mean = (low + high) / 2
    within = window * (low * (1 - low) + high * (1 - high)) / 2
    expected = (within + window**2 * (high - low) ** 2 / 4) / (window * mean)  # law of total variance
    # Of one unit F has a deviation of about F sqrt(2 / 600); the mean over 40 lies within 5 of its own.
    assert units["fano_factor_given"].mean() == pytest.approx(expected, abs=5 * expected * np.sqrt(2 / 600 / 40))
    assert units["fano_factor_random"].mean() == pytest.approx(1 - mean, abs=0.03)
    information = class_information.observe({"spikes": path})["units"]
    explained = (high - low) ** 2 / 4 / (mean * (1 - mean))
    assert information["intraclass_correlation"].mean() == pytest.approx(explained, abs=0.003)


def test_without_stimuli_what_needs_labels_is_missing_and_the_rest_is_not(session):
    artefacts = {"spikes": session(poisson_trials(30))}
    tables = {
        "firing": firing.observe(artefacts, window=20, orders=ORDERS)["features"],
        "intervals": intervals.observe(artefacts, orders=ORDERS)["features"],
        "process": process.observe(artefacts, window=20, lags=3, level=0.05, orders=ORDERS)["features"],
        "correlations": correlations.observe(artefacts, pairs=10),
        "class_information": class_information.observe(artefacts)["features"],
    }
    for name, table in tables.items():
        values = table.set_index("feature")["value"]
        assert not [feature for feature in values.index if feature.endswith("_class_blocked")], name
        needs_labels = values.index.str.startswith("noise_") | (name == "class_information")
        assert values[needs_labels].isna().all(), name
        if name != "class_information":
            assert values[~needs_labels].notna().mean() > 0.9, name
    # 30 · 40 bins at 20 Hz: p = 1 - exp(-1) for the last unit
    units = firing.observe(artefacts, window=20, orders=["random"])["units"]
    assert units["firing_rate"].iloc[2] == pytest.approx(1 - np.exp(-1), abs=5 * np.sqrt(0.25 / 1200))


# --- spike files ---


def test_spike_file_of_format_1_keeps_its_spikes_and_takes_the_names_of_the_run(tmp_path, write_spikes):
    fired = np.random.default_rng(0).random((1, 2, 30, 11)) < 0.3
    source = write_spikes({"first": fired, "second": ~fired[..., :5]}, path=tmp_path / "own.npz")
    assert import_session(source, tmp_path / "spikes.npz", RUN, None, None) == [0, 10]
    with spikes.load(tmp_path / "spikes.npz") as copied, spikes.load(source) as original:
        assert copied.meta["run"] == RUN
        assert (copied.seeds, copied.epochs) == ([3], [0, 10])
        np.testing.assert_array_equal(copied.labels, original.labels)
        np.testing.assert_array_equal(copied.index, original.index)
        for epoch, expected in zip((0, 10), fired[0]):
            np.testing.assert_array_equal(copied.trains_at("first", 3, epoch).to_array(), expected.T)
            np.testing.assert_array_equal(copied.trains_at("second", 3, epoch).to_array(), ~expected[:, :5].T)


def test_spike_file_of_several_networks_is_refused(tmp_path, write_spikes):
    source = write_spikes({"first": np.zeros((2, 1, 4, 3), bool)}, path=tmp_path / "own.npz")
    with pytest.raises(InputError, match=r"own\.npz: holds 2 networks; expected one"):
        import_session(source, tmp_path / "spikes.npz", RUN, None, None)


# --- tables that are none ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table of spike times"),
        ("unit,trial\n0,0\n", "lacks the columns time; expected a row a spike"),
        ("unit,trial,time\n", "is empty"),
        ("unit,trial,time\n,0,0.1\n", "the column unit is empty in 1 rows"),
        ("unit,trial,time\na,0,0.1\nb,,0.1\n", "the column trial is empty in 1 rows"),
        ("unit,trial,time\na,one,0.1\n", "the column trial holds (object|str); expected integers"),
        ("unit,trial,time\na,1,early\n", "the column time holds (object|str); expected seconds"),
        ("unit,trial,time,stimulus\na,1,0.1,x\na,2,0.1,\n", "the column stimulus is empty in 1 rows"),
        ("unit,trial,time,stimulus\na,1,0.1,x\na,1,0.2,y\n", "a trial has several stimuli"),
    ],
)
def test_table_that_is_none_of_spike_times_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "session.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_session(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("trials", "stimuli", "message"),
    [
        ([[[1.0]], [[1.0], []]], None, r"\[1, 2\] units"),
        ([], None, r"\[\] units"),
        ([[[1.0]]], ["a", "b"], "2 stimuli for 1 trials"),
    ],
)
def test_trials_that_do_not_fit_one_another_are_refused(trials, stimuli, message):
    with pytest.raises(ValueError, match=message):
        spike_table(trials, stimuli)
