"""The intervals observable against elephant and numpy on unpacked arrays, and its null over networks."""

import elephant.statistics as elephant
import numpy as np
import pandas as pd
import pytest

from spikegrid.interval_laws import interval_histogram
from spikegrid.observables import intervals
from spikegrid.orders import presentation_order
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

ORDERS = ["random", "class_blocked", "given"]
MEASURES = ["interval_cv", "cv2", "lv", "cv2_geo", "lv_geo", "burstiness", "memory", "geometric_distance"]
MEASURES += ["autocorrelation"]
IMAGES = 90


def random_layers(seed: int = 0) -> dict[str, np.ndarray]:
    """Spikes of 2 seeds and 2 epochs in two layers; units 0 to 4 of the second are silent, always on, or rare."""
    generator = np.random.default_rng(seed)
    layers = {
        name: generator.random((2, 2, IMAGES, *shape)) < generator.random((2, 2, 1, *shape))
        for name, shape in (("conv.relu", (2, 3)), ("hidden", (9,)))
    }
    layers["hidden"][..., :5] = [False, True, False, False, False]
    for unit, spikes in ((2, 1), (3, 2), (4, 3)):
        layers["hidden"][:, :, 7 : 7 + 20 * spikes : 20, unit] = True
    return layers


def images_of() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(4)
    index = generator.permutation(IMAGES).astype(np.int32)
    return {"index": index, "labels": generator.integers(0, 3, IMAGES).astype(np.int16)}


def observed(path, orders: list[str] = ORDERS) -> dict[str, pd.DataFrame]:
    return intervals.observe({"spikes": path}, orders)


def measured(train: np.ndarray) -> dict[str, float]:
    """Every measure of one train of zeros and ones."""
    isi = np.diff(np.flatnonzero(train))
    values = dict.fromkeys(["interval_mean", *MEASURES], np.nan)
    if len(isi):
        mean, deviation = np.mean(isi), np.std(isi)
        values |= {"interval_mean": mean, "interval_cv": elephant.cv(isi)}
        lengths = np.arange(1, isi.max() + 1)
        shares = (isi[:, None] <= lengths).mean(axis=0)
        values["geometric_distance"] = np.abs(shares - (1 - (1 - train.mean()) ** lengths)).max()
        values["burstiness"] = (deviation - mean) / (deviation + mean)
    if len(isi) >= 2:
        values |= {"cv2": elephant.cv2(isi), "lv": elephant.lv(isi)}
        difference, total = np.abs(np.diff(isi)), isi[1:] + isi[:-1]
        counted = total > 2
        if counted.any():
            d, s = difference[counted], total[counted]
            values["cv2_geo"] = np.mean(d * (s - 1) / np.floor((s - 1) ** 2 / 2))
            values["lv_geo"] = np.mean(3 * d**2 / (s * (s - 2)))
    if len(isi) >= 3 and np.ptp(isi[1:]) and np.ptp(isi[:-1]):
        values["memory"] = np.corrcoef(isi[:-1], isi[1:])[0, 1]
    if 0 < train.sum() < len(train):
        centred = train - train.mean()
        values["autocorrelation"] = centred[:-1] @ centred[1:] / (centred @ centred)
    return values


def in_order(spikes: np.ndarray, order: str, seed: int) -> np.ndarray:
    """Trains [U, N] of spikes [N, *shape] of one network in an order of its images."""
    images = images_of()
    if order == "given":
        places = np.argsort(images["index"])
    else:
        places = presentation_order(order, images["index"], images["labels"], "dots", "net", "generalizing", seed)
    return spikes.reshape(IMAGES, -1)[places].T


@pytest.fixture(scope="module")
def of_units() -> dict[tuple[int, int, str], pd.DataFrame]:
    """Measures of every unit, one at a time, by seed, epoch and layer."""
    layers = random_layers()
    tables = {}
    for seed in range(2):
        for epoch in range(2):
            for name, array in layers.items():
                spikes = array[seed, epoch].reshape(IMAGES, -1)
                columns = {"firing_rate": spikes.mean(axis=0), "intervals": np.maximum(spikes.sum(axis=0) - 1, 0)}
                for order in ORDERS:
                    rows = [measured(train) for train in in_order(array[seed, epoch], order, seed)]
                    columns |= {f"{key}_{order}": [row[key] for row in rows] for key in ("interval_mean", *MEASURES)}
                tables[seed, 10 * epoch, name] = pd.DataFrame(columns)
    return tables


def test_units_table_holds_the_measures_of_every_unit(write_spikes, of_units):
    units = observed(write_spikes(random_layers(), **images_of()))["units"]
    by_order = [f"{measure}_{order}" for order in ORDERS for measure in ("interval_mean", *MEASURES)]
    assert list(units) == ["seed", "epoch", "layer", "depth", "unit", "firing_rate", "intervals", *by_order]
    assert len(units) == 2 * 2 * (6 + 9)
    for (seed, epoch, layer), expected in of_units.items():
        rows = units[(units["seed"] == seed) & (units["epoch"] == epoch) & (units["layer"] == layer)]
        for column in expected:
            np.testing.assert_allclose(rows[column], expected[column], rtol=1e-9, atol=1e-12, err_msg=column)


def test_every_feature_is_the_mean_over_units_with_two_intervals_that_are_not_always_on(write_spikes, of_units):
    table = observed(write_spikes(random_layers(), **images_of()))["features"]
    names = ["few_intervals_share", *(f"{measure}_{order}" for order in ORDERS for measure in MEASURES)]
    assert len(table) == 2 * 2 * 3 * len(names)
    for seed in range(2):
        for epoch in (0, 10):
            layers = {name: of_units[seed, epoch, name] for name in ("conv.relu", "hidden")}
            layers["network"] = pd.concat(layers.values())
            for layer, members in layers.items():
                rows = table[(table["seed"] == seed) & (table["epoch"] == epoch) & (table["layer"] == layer)]
                assert rows["feature"].tolist() == names
                few = np.mean([number < 2 for number in members["intervals"]])
                varying = members[(members["intervals"] >= 2) & (members["firing_rate"] < 1)]
                defined = [varying[name].dropna() for name in names[1:]]
                expected = [few, *(values.mean() if len(values) else np.nan for values in defined)]
                np.testing.assert_allclose(rows["value"], expected, rtol=1e-9, atol=1e-12)


def test_units_with_few_intervals_are_counted_and_do_not_weigh(write_spikes):
    spikes = random_layers()["hidden"]
    table = observed(write_spikes({"hidden": spikes}, **images_of()))["features"]
    many = observed(write_spikes({"hidden": spikes[..., 4:]}, **images_of()))["features"]
    share = table[(table["layer"] == "hidden") & (table["feature"] == "few_intervals_share")]["value"]
    assert share.tolist() == [3 / 9] * 4, "silent, one spike, two spikes; the always-on unit has many intervals"
    kept = table["feature"].str.startswith("cv2_geo")
    np.testing.assert_allclose(table[kept]["value"], many[kept]["value"], rtol=1e-12)


@pytest.mark.parametrize("orders", [["random"], ["class_blocked", "random"]])
def test_features_and_histograms_are_those_of_the_orders_asked_for(write_spikes, orders):
    tables = observed(write_spikes(random_layers(), **images_of()), orders)
    names = {f"{measure}_{order}" for order in orders for measure in MEASURES} | {"few_intervals_share"}
    assert set(tables["features"]["feature"]) == names
    assert tables["interval_histograms"]["order"].unique().tolist() == orders


def test_histograms_are_those_of_the_last_epoch_of_every_layer_network_and_order(write_spikes):
    layers = random_layers()
    table = observed(write_spikes(layers, **images_of()))["interval_histograms"]
    assert list(table) == [
        *("seed", "epoch", "layer", "depth", "order", "interval", "observed", "geometric", "exponential")
    ]
    assert set(table["epoch"]) == {10}
    for seed in range(2):
        for depth, (name, array) in enumerate(layers.items(), start=1):
            for order in ORDERS:
                rows = table[(table["seed"] == seed) & (table["layer"] == name) & (table["order"] == order)]
                trains = in_order(array[seed, 1], order, seed)
                pooled = np.concatenate([np.diff(np.flatnonzero(train)) for train in trains])
                assert rows["interval"].tolist() == list(range(1, pooled.max() + 1))
                assert rows["observed"].tolist() == np.bincount(pooled)[1:].tolist()
                assert set(rows["depth"]) == {depth}
                law = interval_histogram(SpikeTrains.from_array(trains))
                np.testing.assert_array_equal(rows["geometric"], law.geometric)
                np.testing.assert_array_equal(rows["exponential"], law.exponential)


def test_silent_layer_has_no_histogram_and_leaves_the_types_of_the_others(write_spikes):
    layers = random_layers()
    expected = observed(write_spikes(layers, **images_of()))["interval_histograms"]
    silent = {"dead": np.zeros((2, 2, IMAGES, 3), bool)} | layers
    table = observed(write_spikes(silent, **images_of()))["interval_histograms"]
    assert set(table["layer"]) == set(layers)
    table["depth"] -= 1
    pd.testing.assert_frame_equal(table, expected)


# --- the null ---


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    """Labels [N], and spikes [N, U] of units of several rates that answer to the class."""
    labels = np.repeat(np.arange(4), 100).astype(np.int16)
    by_class = np.random.default_rng(0).beta(0.6, 0.9, (4, 12)).clip(0.02, 0.98)
    return labels, np.random.default_rng(1).random((400, 12)) < by_class[labels]


@pytest.fixture
def networks(write_spikes, answers) -> pd.DataFrame:
    """Features of 60 networks that fire alike, so that only the order of the images differs between them."""
    labels, spikes = answers
    same = np.broadcast_to(spikes, (60, 1, *spikes.shape))
    table = observed(write_spikes({"hidden": same}, batch=400, labels=labels, index=np.arange(400, dtype=np.int32)))
    rows = table["features"][table["features"]["layer"] == "hidden"]
    return rows.pivot(index="seed", columns="feature", values="value")


def test_rate_free_measures_are_one_under_the_random_order_over_networks(networks):
    for feature in ("lv_geo_random", "cv2_geo_random"):
        error = networks[feature].std() / np.sqrt(len(networks))
        assert networks[feature].mean() == pytest.approx(1, abs=4 * error + 0.003)  # 0.003 for trains of 400 images
        assert 0 < error < 0.01


def test_neighbours_are_uncorrelated_under_the_random_order_over_networks(networks):
    autocorrelation = networks["autocorrelation_random"]
    error = autocorrelation.std() / np.sqrt(len(networks))
    assert autocorrelation.mean() == pytest.approx(-(400 - 1) / (400 * 399), abs=4 * error)
    assert networks["memory_random"].mean() == pytest.approx(0, abs=0.02)


def test_trains_that_answer_to_the_class_are_bursty_when_classes_are_blocked(networks):
    assert (networks["autocorrelation_class_blocked"] > 0.1).all()
    assert (networks["interval_cv_class_blocked"] > networks["interval_cv_random"]).all()
    assert (networks["burstiness_class_blocked"] > networks["burstiness_random"]).all()


def test_given_order_is_the_same_for_every_network_and_the_random_one_is_not(networks):
    for feature in ("lv_given", "memory_given", "autocorrelation_given"):
        assert len(set(networks[feature])) == 1
    for feature in ("lv_random", "memory_random", "autocorrelation_class_blocked"):
        assert len(set(networks[feature])) == len(networks)
