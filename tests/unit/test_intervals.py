"""Inter-spike intervals against elephant, scipy, exact sums over the geometric law, and simulated Bernoulli trains."""

from fractions import Fraction
from itertools import combinations

import elephant.statistics as elephant
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import geom

from spikegrid import intervals as isi
from spikegrid.intervals import IntervalSums, inter_spike_intervals
from spikegrid.trains import SpikeTrains

MEASURES = ["mean_interval", "interval_cv", "cv2", "lv", "lv_geo", "cv2_geo", "burstiness", "memory"]
MEASURES += ["geometric_distance"]
RATES = [1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.899, 0.9, 0.901, 0.99, 0.9999, 1.0]

spike_arrays = st.tuples(st.integers(0, 4), st.integers(0, 150)).flatmap(lambda shape: arrays(bool, shape))


def on_trains(test):
    """Run a property on random trains, on no units, no images, single ones, silent and always-on units, long trains."""
    for shape in [(0, 0), (0, 7), (3, 0), (1, 1), (2, 2), (2, 3), (2, 4), (1, 64), (2, 65)]:
        test = example(spikes=np.zeros(shape, bool))(example(spikes=np.ones(shape, bool))(test))
    rates = np.array([[0.001], [0.2], [0.5], [0.95]])
    test = example(spikes=np.random.default_rng(3).random((4, 20_000)) < rates)(test)
    return given(spikes=spike_arrays)(test)


def intervals_of(spikes: np.ndarray) -> IntervalSums:
    return IntervalSums.of(SpikeTrains.from_array(spikes))


def series(*units: list[int]) -> IntervalSums:
    """Intervals written out, one list a unit, in trains that begin at image 0."""
    images = [np.cumsum([0, *values]) for values in units]
    length = max(last[-1] for last in images) + 1
    words = np.zeros((len(units), -(-length // 64)), np.uint64)
    unit = np.repeat(np.arange(len(units)), [len(places) for places in images])
    image = np.concatenate(images)
    np.bitwise_or.at(words, (unit, image // 64), np.uint64(1) << (image % 64).astype(np.uint64))
    return IntervalSums.of(SpikeTrains(words, int(length)))


def by_unit(measure, least: int, spikes: np.ndarray) -> list[float]:
    """A measure of others on the intervals of each unit, NaN with fewer than ``least`` of them."""
    each = [np.diff(np.flatnonzero(train)) for train in spikes]
    return [measure(values) if len(values) >= least else np.nan for values in each]


@on_trains
def test_intervals_are_those_of_elephant_unit_after_unit(spikes):
    each = [elephant.isi(np.flatnonzero(train)) for train in spikes]
    found = inter_spike_intervals(SpikeTrains.from_array(spikes))
    assert found.values.dtype == found.unit.dtype == np.int64
    np.testing.assert_array_equal(found.values, np.concatenate([*each, []]))
    np.testing.assert_array_equal(found.unit, np.repeat(np.arange(len(spikes)), [len(values) for values in each]))


@on_trains
def test_mean_interval_is_that_of_numpy(spikes):
    np.testing.assert_allclose(isi.mean_interval(intervals_of(spikes)), by_unit(np.mean, 1, spikes), rtol=1e-12)


@on_trains
def test_cv_is_that_of_elephant(spikes):
    np.testing.assert_allclose(isi.interval_cv(intervals_of(spikes)), by_unit(elephant.cv, 1, spikes), rtol=1e-12)


@on_trains
def test_cv2_is_that_of_elephant(spikes):
    np.testing.assert_allclose(isi.cv2(intervals_of(spikes)), by_unit(elephant.cv2, 2, spikes), rtol=1e-12)


@on_trains
def test_lv_is_that_of_elephant(spikes):
    np.testing.assert_allclose(isi.lv(intervals_of(spikes)), by_unit(elephant.lv, 2, spikes), rtol=1e-12)


def mean_over_unequal_pairs(term):
    """Mean of a term of difference and sum over adjacent pairs whose sum exceeds 2, in whole numbers and fractions."""

    def measure(values: np.ndarray) -> float:
        pairs = zip(values[:-1].tolist(), values[1:].tolist())
        terms = [term(abs(one - other), one + other) for one, other in pairs if one + other > 2]
        return float(sum(terms) / len(terms)) if terms else np.nan

    return measure


def cv2_geo_term(d: int, s: int) -> Fraction:
    return Fraction(d * (s - 1), (s - 1) ** 2 // 2)


def lv_geo_term(d: int, s: int) -> Fraction:
    return Fraction(3 * d**2, s * (s - 2))


@on_trains
def test_rate_free_forms_are_means_over_pairs_that_can_differ(spikes):
    spikes = spikes[:, :500]
    found = intervals_of(spikes)
    for measure, term in [(isi.cv2_geo, cv2_geo_term), (isi.lv_geo, lv_geo_term)]:
        np.testing.assert_allclose(measure(found), by_unit(mean_over_unequal_pairs(term), 2, spikes), rtol=1e-12)


@on_trains
def test_burstiness_is_that_of_the_standard_deviation_and_mean(spikes):
    def goh_barabasi(values):
        return (values.std() - values.mean()) / (values.std() + values.mean())

    np.testing.assert_allclose(
        isi.burstiness(intervals_of(spikes)), by_unit(goh_barabasi, 1, spikes), rtol=1e-12, atol=1e-12
    )


@on_trains
def test_memory_is_the_correlation_of_consecutive_intervals(spikes):
    def correlation(values):
        earlier, later = values[:-1], values[1:]
        return np.nan if np.ptp(earlier) == 0 or np.ptp(later) == 0 else np.corrcoef(earlier, later)[0, 1]

    np.testing.assert_allclose(isi.memory(intervals_of(spikes)), by_unit(correlation, 3, spikes), atol=1e-12)


@on_trains
def test_geometric_distance_is_the_greatest_over_all_lengths_from_the_law_of_scipy(spikes):
    expected = []
    for train in spikes:
        values, rate = np.diff(np.flatnonzero(train)), train.mean() if train.size else 0
        lengths = np.arange(1, values.max(initial=0) + 2)
        shares = (values[:, None] <= lengths).mean(axis=0) if len(values) else np.array([np.nan])
        expected.append(np.abs(shares - geom.cdf(lengths, min(rate, 1 - 1e-16))).max() if len(values) else np.nan)
    np.testing.assert_allclose(isi.geometric_distance(intervals_of(spikes)), expected, atol=1e-12)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.2, 0.24, 0.26, 0.5, 0.9])
def test_cv2_and_lv_of_long_trains_are_those_of_elephant_to_12_digits(rate, threads):
    """Sparse and dense trains, whose intervals are summed in two ways, and long intervals in dense ones."""
    spikes = np.random.default_rng(7).random((130, 9_000)) < rate
    spikes[3, 1000:4000] = spikes[4, :8000] = spikes[5, 10:8990] = False
    threads(2)
    found = intervals_of(spikes)
    for measure, of_elephant in [(isi.cv2, elephant.cv2), (isi.lv, elephant.lv), (isi.interval_cv, elephant.cv)]:
        np.testing.assert_allclose(measure(found), by_unit(of_elephant, 2, spikes), rtol=1e-12)


def test_measures_are_undefined_with_fewer_intervals_than_they_take():
    found = series([], [4], [4, 2], [4, 2, 9])
    defined = {name: (~np.isnan(getattr(isi, name)(found))).tolist() for name in MEASURES}
    assert defined == {
        "mean_interval": [False, True, True, True],
        "interval_cv": [False, True, True, True],
        "cv2": [False, False, True, True],
        "lv": [False, False, True, True],
        "lv_geo": [False, False, True, True],
        "cv2_geo": [False, False, True, True],
        "burstiness": [False, True, True, True],
        "memory": [False, False, False, True],
        "geometric_distance": [False, True, True, True],
    }


def test_always_on_unit_is_regular_and_has_no_rate_free_form_and_no_memory():
    found = intervals_of(np.ones((1, 50), bool))
    values = {name: getattr(isi, name)(found)[0] for name in MEASURES}
    expected = {"mean_interval": 1, "interval_cv": 0, "cv2": 0, "lv": 0, "burstiness": -1, "geometric_distance": 0}
    expected |= dict.fromkeys(["lv_geo", "cv2_geo", "memory"], np.nan)
    assert values == pytest.approx(expected, nan_ok=True, abs=0)


def test_equal_intervals_have_no_memory_however_long_they_are():
    assert np.isnan(isi.memory(series([7] * 1001, [10**4 + 7] * 999))).all()


def test_measures_do_not_overflow_for_long_intervals():
    long = 4 * 10**6
    found = series([long, 3 * long, long, 3 * long])
    assert isi.interval_cv(found)[0] == pytest.approx(0.5)
    assert isi.lv(found)[0] == pytest.approx(3 / 4)
    assert isi.lv_geo(found)[0] == pytest.approx(3 / 4, rel=1e-6)
    assert isi.cv2_geo(found)[0] == pytest.approx(1, rel=1e-6)
    assert isi.memory(found)[0] == pytest.approx(-1)


def test_trains_too_long_for_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="expected at most 33554432"):
        IntervalSums.of(SpikeTrains(np.zeros((1, 2**19 + 1), np.uint64), 2**25 + 1))


def pairs_of_sum(total: int) -> IntervalSums:
    """Every pair of intervals with one sum, each pair a unit of its own."""
    return series(*([one, total - one] for one in range(1, total)))


@pytest.mark.parametrize("total", [*range(3, 40), 101, 1000])
def test_rate_free_forms_have_mean_one_over_all_pairs_of_each_sum(total):
    # Given their sum, two geometric intervals are uniform over its splits whatever the rate.
    differences = [abs(2 * one - total) for one in range(1, total)]
    for measure, term in [(isi.cv2_geo, cv2_geo_term), (isi.lv_geo, lv_geo_term)]:
        assert sum(term(d, total) for d in differences) == total - 1
        assert measure(pairs_of_sum(total)).mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("rate", [Fraction(1, 100), Fraction(1, 3), Fraction(9, 10)])
@pytest.mark.parametrize("term", [cv2_geo_term, lv_geo_term])
def test_rate_free_forms_have_mean_exactly_one_over_the_geometric_law(rate, term):
    quiet, most = 1 - rate, 60
    law = {
        (one, other): rate**2 * quiet ** (one + other - 2)
        for one in range(1, most)
        for other in range(1, most - one + 1)
        if one + other > 2
    }
    mean = sum(weight * term(abs(one - other), one + other) for (one, other), weight in law.items())
    assert mean / sum(law.values()) == 1


def measured_over_geometric_law(measure, rate: float, most: int) -> float:
    """Expectation of a measure of one pair of intervals, both up to ``most``, under the geometric law of ``rate``."""
    one, other = (side.ravel() for side in np.meshgrid(np.arange(1, most + 1), np.arange(1, most + 1)))
    pairs = series(*np.stack([one, other], axis=1).tolist())
    return np.sum(rate**2 * (1 - rate) ** (one + other - 2.0) * measure(pairs))


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7, 0.95])
def test_bernoulli_nulls_are_expectations_over_the_geometric_law(rate):
    most = int(np.ceil(np.log(1e-15) / np.log1p(-rate)))
    assert isi.bernoulli_cv2(rate) == pytest.approx(measured_over_geometric_law(isi.cv2, rate, most), abs=1e-12)
    assert isi.bernoulli_lv(rate) == pytest.approx(measured_over_geometric_law(isi.lv, rate, most), abs=1e-12)
    values = np.arange(1, most + 1)
    weights = rate * (1 - rate) ** (values - 1.0)
    mean = weights @ values
    assert isi.bernoulli_cv(rate) == pytest.approx(np.sqrt(weights @ (values - mean) ** 2) / mean, abs=1e-12)


@pytest.mark.parametrize("rate", RATES)
def test_bernoulli_nulls_are_the_sums_over_pair_sums_from_rate_1e_4_on(rate):
    # The sums of measures.md, over s until the rest is below 1e-15; with q^(s-2) taken through log1p.
    most = 3 if rate == 1 else int(np.ceil(80 / -np.log1p(-rate))) + 40
    s = np.arange(2, most, dtype=float)
    weights = rate**2 * (np.where(s == 2, 1.0, 0) if rate == 1 else np.exp((s - 2) * np.log1p(-rate)))
    assert isi.bernoulli_cv2(rate) == pytest.approx(2 * weights @ (np.floor((s - 1) ** 2 / 2) / s), abs=1e-12)
    assert isi.bernoulli_lv(rate) == pytest.approx(weights @ ((s - 1) * (s - 2) / s), abs=1e-12)


@pytest.mark.parametrize("quiet", [1e-3, 1e-6, 1e-9])
def test_bernoulli_nulls_keep_their_digits_next_to_a_unit_that_always_fires(quiet):
    rate = 1 - quiet
    quiet = 1 - rate  # what the rate can hold
    cv2 = quiet + rate**2 * (quiet / 3 + quiet**3 / 5)
    lv = quiet**2 + 2 * rate**2 * sum(quiet**k / (k + 2) for k in range(1, 6))
    assert isi.bernoulli_cv2(rate) == pytest.approx(cv2, rel=1e-12)
    assert isi.bernoulli_lv(rate) == pytest.approx(lv, rel=1e-12)


def test_bernoulli_lv_is_the_closed_form_of_the_text():
    p = np.linspace(0.001, 0.89, 50)
    q = 1 - p
    np.testing.assert_allclose(isi.bernoulli_lv(p), 1 - 2 * p + 2 * p**2 * (-np.log(p) - q) / q**2, atol=1e-12)


@pytest.mark.parametrize("null", [isi.bernoulli_cv, isi.bernoulli_cv2, isi.bernoulli_lv])
def test_bernoulli_nulls_tend_to_the_poisson_value_and_are_undefined_without_spikes(null):
    values = null(np.array([[0.0, 1e-12], [1.0, np.nan], [-0.1, 1.1]]))
    np.testing.assert_allclose(values, [[np.nan, 1], [0, np.nan], [np.nan, np.nan]], atol=1e-11)
    assert null(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.7, 0.97])
def test_simulated_bernoulli_trains_have_the_null_of_every_measure(rate):
    found = intervals_of(np.random.default_rng(1).random((100, 20_000)) < rate)
    cv = np.sqrt(1 - rate)
    expected = {
        "mean_interval": 1 / rate,
        "interval_cv": isi.bernoulli_cv(rate),
        "cv2": isi.bernoulli_cv2(rate),
        "lv": isi.bernoulli_lv(rate),
        "lv_geo": 1,
        "cv2_geo": 1,
        "burstiness": (cv - 1) / (cv + 1),
        "memory": 0,
    }
    for name, value in expected.items():
        measured = getattr(isi, name)(found)
        short = 3 / (rate * 20_000)  # what is left of 1/n in a train of n intervals
        assert measured.mean() == pytest.approx(value, abs=4 * measured.std() / np.sqrt(100) + short), name


def orders(images: int, spikes: int) -> IntervalSums:
    """Intervals of every placement of ``spikes`` among ``images``, each a unit."""
    placed = [np.isin(np.arange(images), places) for places in combinations(range(images), spikes)]
    return intervals_of(np.array(placed))


@pytest.mark.parametrize(("images", "spikes"), [(8, 2), (9, 5), (12, 4), (10, 10)])
def test_mean_interval_over_all_orders_is_that_of_equal_gaps(images, spikes):
    assert isi.mean_interval(orders(images, spikes)).mean() == pytest.approx((images + 1) / (spikes + 1), rel=1e-12)


@pytest.mark.parametrize(("images", "spikes"), [(8, 3), (8, 4), (12, 5), (12, 9), (16, 5)])
def test_rate_free_forms_over_all_orders_of_a_short_train_exceed_one_by_less_than_seven_percent(images, spikes):
    found = orders(images, spikes)
    least = 1 - 1e-12
    assert least <= np.nanmean(isi.lv_geo(found)) < 1.07
    assert least <= np.nanmean(isi.cv2_geo(found)) < 1.05


@pytest.mark.parametrize("images", [8, 12, 16])
def test_rate_free_forms_of_a_single_pair_have_mean_one_over_all_orders(images):
    found = orders(images, 3)
    assert np.nanmean(isi.lv_geo(found)) == pytest.approx(1, rel=1e-12)
    assert np.nanmean(isi.cv2_geo(found)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("spikes", [11, 31])
def test_memory_of_a_short_train_in_random_order_is_below_zero_by_about_one_over_its_pairs(spikes):
    rng = np.random.default_rng(4)
    short = rng.permuted(np.tile(np.arange(200) < spikes, (20_000, 1)), axis=1)
    memory = isi.memory(intervals_of(short))
    assert memory.mean() == pytest.approx(-1 / (spikes - 2), abs=0.2 / (spikes - 2))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (3, 1), (2, 9)])
@pytest.mark.parametrize("fill", [np.zeros, np.ones])
def test_measures_give_one_float_for_each_unit_and_no_warning(shape, fill):
    found = intervals_of(fill(shape, bool))
    for name in MEASURES:
        values = getattr(isi, name)(found)
        assert values.dtype == np.float64
        assert values.shape == shape[:1]
