"""Seventeen statistics of every unit: this project against elephant, and against one read of the spikes."""

import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.peers import statistics as peers
from benchmarks.timing import Line, Ratio, in_words, seconds
from spikegrid import intervals, spikes
from spikegrid.assumptions import HIGHEST_RATE, LOWEST_RATE, wald_wolfowitz_runs
from spikegrid.correlations import autocorrelation, pair_correlations
from spikegrid.count_models import count_histogram, fit_beta_binomial
from spikegrid.dispersion import fano_factor, fano_ratio
from spikegrid.interval_tests import interval_kolmogorov_smirnov
from spikegrid.packed_bits import set_threads
from spikegrid.spikes import SpikeLayer, SpikeWriter
from spikegrid.trains import SpikeTrains

IMAGES = 10_000
UNITS = 2048
WIDTHS = (20, 50, 100)
BY_ELEPHANT, BY_NEO, IN_FILE, READ = 64, 2, 512, 1 << 16
"""Units that elephant measures in a round, on arrays and on neo objects; units of a file; units that are only read."""

CHECKPOINTS = 4
"""Checkpoints of a file."""

OF_INTERVALS = ("mean_interval", "interval_cv", "cv2", "lv", "cv2_geo", "lv_geo", "geometric_distance")


def lines() -> Iterator[Line]:
    """Yield the lines of the table that are about statistics."""
    array = bernoulli_trains(UNITS)
    trains = SpikeTrains.from_array(array)
    _check(array, trains)
    alike = array[:: UNITS // BY_ELEPHANT]  # units are in the order of their rates, so these stand for all
    for threads, goal in ((1, 350), (2, 700)):
        set_threads(threads)
        sides = {
            "ours": lambda: all_statistics(trains),
            "sums": lambda: intervals.IntervalSums.of(trains),
            "elephant": lambda: list(peers.on_arrays(alike, WIDTHS)),
        }
        if threads == 1:
            sides["neo"] = lambda: list(peers.on_neo(alike[:: BY_ELEPHANT // BY_NEO], WIDTHS))
        taken = seconds(sides)
        ours, elephant = taken["ours"] / UNITS, taken["elephant"] / BY_ELEPHANT
        case = f"17 a unit, {threads} thread{'s'[: threads - 1]}"
        sums = in_words(float(np.median(taken["sums"])) / UNITS)
        why = f"the sums over intervals alone take {sums} a unit: each spike of a sparse train is gone through once"
        if threads == 2:
            why = f"on this machine two threads that share nothing do {_gain_of_two(trains):.2f} times what one does"
        yield _against(ours, elephant, case, "elephant on arrays, 8 of them", goal, "a unit", why)
        if threads == 1:
            yield _against(ours, taken["neo"] / BY_NEO, case, "elephant on neo objects", 700, "a unit")
            rate = 1e9 * ours / IMAGES
            spread = Ratio(float(np.median(rate)), float(rate.min()), float(rate.max()))
            yield Line("statistics", case, "a unit and image", spread, 0.45, "at most", "ns", why=why)
    set_threads(1)
    yield _counting()
    yield _from_file()
    yield from _tests_and_fits(array)


def bernoulli_trains(units: int) -> np.ndarray:
    """Return spikes, bool [units, images], of rates from a beta law with mean 1/3, in the order of their rates.

    The first are silent, have one spike, and have two; the last always fires.
    """
    generator = np.random.default_rng(1)
    rates = np.sort(generator.beta(1, 2, units))
    trains = generator.random((units, IMAGES)) < rates[:, None]
    trains[:3] = False
    trains[1, 70] = trains[2, [5, IMAGES - 1]] = True
    trains[-1] = True
    return trains


def all_statistics(trains: SpikeTrains) -> dict[str, np.ndarray]:
    """Return the seventeen statistics of every unit."""
    counts = trains.spike_counts()
    values = {"count": counts}
    for width in WIDTHS:
        windows = trains.window_sums(width)
        values |= {f"count_variance_{width}": windows.variances(), f"fano_{width}": fano_factor(windows)}
    values["dispersion"] = fano_ratio(values[f"fano_{WIDTHS[0]}"], counts / trains.length)
    sums = intervals.IntervalSums.of(trains)
    values |= {name: getattr(intervals, name)(sums) for name in OF_INTERVALS}
    values["autocorrelation"] = autocorrelation(trains, 1)[:, 0]
    values["runs"] = wald_wolfowitz_runs(trains).statistic
    return values


def _against(ours: np.ndarray, theirs: np.ndarray, case: str, peer: str, goal: float, per: str, why: str = "") -> Line:
    words = [f"{in_words(float(np.median(taken)))} {per}" for taken in (ours, theirs)]
    return Line("statistics", case, peer, Ratio.over(theirs, ours), goal, ours=words[0], theirs=words[1], why=why)


def _gain_of_two(trains: SpikeTrains) -> float:
    """Return how many times as much two threads do as one, each of them the same work on its own."""
    set_threads(1)

    def two() -> None:
        with ThreadPoolExecutor(2) as pool:
            deque(pool.map(intervals.IntervalSums.of, [trains, trains]), maxlen=0)

    taken = seconds({"one": lambda: intervals.IntervalSums.of(trains), "two": two})
    return float(np.median(2 * taken["one"] / taken["two"]))


def _counting() -> Line:
    words = np.random.default_rng(2).integers(0, 2**63, (READ, -(-IMAGES // 64)), np.uint64)
    trains = SpikeTrains(words, IMAGES)
    if trains.spike_counts().sum() != np.bitwise_count(words).sum(dtype=np.int64):
        raise RuntimeError("the counts are not those of numpy")
    taken = seconds({"counting": trains.spike_counts, "reading": words.sum})
    words_of = [in_words(float(np.median(taken[name]))) for name in ("counting", "reading")]
    ratio = Ratio.over(taken["counting"], taken["reading"])
    case = f"spike counts, {words.nbytes / 1e6:.0f} MB"
    return Line("statistics", case, "one read of the words", ratio, 1.1, "at most", "×", *words_of)


def _from_file() -> Line:
    array = bernoulli_trains(IN_FILE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spikes.npz"
        _write(path, array)

        def ours() -> list[dict[str, np.ndarray]]:
            with spikes.load(path) as file:
                return [all_statistics(trains) for _, _, trains in file.trains("layer")]

        def theirs() -> list[list[dict[str, float]]]:
            return list(peers.from_file(path, "layer", IN_FILE, WIDTHS))

        def reading() -> None:
            with spikes.load(path) as file:
                deque(file.trains("layer"), maxlen=0)

        for own, other in zip(ours(), theirs(), strict=True):
            _compare(own, other)
        taken = seconds({"ours": ours, "reading": reading, "theirs": theirs})
    why = (
        f"reading it into trains alone takes {in_words(float(np.median(taken['reading'])))}, the most of it to inflate"
    )
    case = f"file to statistics, {CHECKPOINTS} × {IN_FILE} units, 2 threads"
    return _against(taken["ours"], taken["theirs"], case, "elephant from the same file", 200, "a file", why)


def _tests_and_fits(array: np.ndarray) -> Iterator[Line]:
    """Compare what the process and the correlations of a layer take with what scipy and numpy take."""
    rates = array.mean(axis=1)
    testable = array[(rates > LOWEST_RATE) & (rates < HIGHEST_RATE)][:: UNITS // IN_FILE]
    trains = SpikeTrains.from_array(testable)
    pairs = np.stack(np.triu_indices(len(testable), 1), axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    histogram = count_histogram(trains.window_counts(WIDTHS[0]), WIDTHS[0])
    as_numbers = testable.astype(float)
    sides = {
        "interval test": (
            lambda: interval_kolmogorov_smirnov(trains, np.random.default_rng(3)).effect,
            lambda: peers.interval_distances(testable, np.random.default_rng(3)),
            "kstest of scipy, unit by unit",
        ),
        f"{len(pairs):,} pair correlations": (
            lambda: pair_correlations(trains, pairs),
            lambda: peers.pair_correlations(as_numbers),
            "corrcoef of numpy",
        ),
        "beta-binomial law of a layer's counts": (
            lambda: np.array(list(fit_beta_binomial(histogram).parameters.values())),
            lambda: peers.beta_binomial(histogram),
            "minimize and betabinom of scipy",
        ),
    }
    for case, (ours, theirs, peer) in sides.items():
        tolerance = 1e-3 if peer.startswith("minimize") else 1e-9
        np.testing.assert_allclose(ours(), theirs(), rtol=tolerance, atol=tolerance, err_msg=case)
        taken = seconds({"ours": ours, "theirs": theirs})
        words = [in_words(float(np.median(taken[side]))) for side in ("ours", "theirs")]
        yield Line("statistics", case, peer, Ratio.over(taken["theirs"], taken["ours"]), None, "at least", "×", *words)


def _write(path: Path, array: np.ndarray) -> None:
    units, images = array.shape
    layer = SpikeLayer("layer", 1, (units,), units, units)
    arrays = {"seeds": np.zeros(1, np.int32), "epochs": np.arange(CHECKPOINTS, dtype=np.int32)}
    arrays |= {"index": np.arange(images, dtype=np.int32), "labels": np.zeros(images, np.int16)}
    with SpikeWriter(path, [layer], [np.arange(units)[:, None]], arrays, {"samples": images}) as writer:
        for checkpoint in range(CHECKPOINTS):
            writer.append(0, np.packbits(np.roll(array, checkpoint, axis=0).T, axis=1, bitorder="little"))


def _check(array: np.ndarray, trains: SpikeTrains) -> None:
    """Raise when a statistic is not that of elephant, or of a plain loop where elephant has none, to 12 digits."""
    sample = np.unique([0, 1, 2, 3, *range(4, UNITS, UNITS // 40), UNITS - 1])
    ours = {name: values[sample] for name, values in all_statistics(trains).items()}
    _compare(ours, list(peers.on_arrays(array[sample], WIDTHS)))
    _compare({name: values[:6] for name, values in ours.items()}, list(peers.on_neo(array[sample[:6]], WIDTHS)))
    _compare(ours, [_by_definition(train.astype(float)) for train in array[sample]])


def _by_definition(train: np.ndarray) -> dict[str, float]:
    """Return the statistics that elephant does not have, of one train of zeros and ones."""
    values: dict[str, float] = {}
    rate, number = train.mean(), len(train)
    for width in WIDTHS:
        values[f"count_variance_{width}"] = train[: number // width * width].reshape(-1, width).sum(axis=1).var()
    counts = train[: number // WIDTHS[0] * WIDTHS[0]].reshape(-1, WIDTHS[0]).sum(axis=1)
    varies = 0 < rate < 1
    values["dispersion"] = counts.var() / counts.mean() / (1 - rate) if varies else np.nan
    centred = train - rate
    values["autocorrelation"] = centred[1:] @ centred[:-1] / (centred @ centred) if varies else np.nan
    isi = np.diff(np.flatnonzero(train))
    d, s = np.abs(np.diff(isi)), isi[1:] + isi[:-1]
    d, s = d[s > 2], s[s > 2]
    values["cv2_geo"] = np.mean(d * (s - 1) / ((s - 1) ** 2 // 2)) if len(s) else np.nan
    values["lv_geo"] = np.mean(3 * d**2 / (s * (s - 2))) if len(s) else np.nan
    lengths = np.arange(1, isi.max(initial=0) + 1)
    shares = np.searchsorted(np.sort(isi), lengths, side="right") / max(len(isi), 1)
    values["geometric_distance"] = np.abs(shares - 1 + (1 - rate) ** lengths).max() if len(isi) else np.nan
    return values


def _compare(ours: dict[str, np.ndarray], theirs: list[dict[str, float]]) -> None:
    for name in theirs[0]:
        key = "mean_interval" if name == "interval_mean" else name
        expected = [values[name] for values in theirs]
        np.testing.assert_allclose(ours[key], expected, rtol=1e-12, atol=1e-12, err_msg=name)
