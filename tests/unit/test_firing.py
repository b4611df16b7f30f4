"""The firing observable against plain numpy on unpacked arrays."""

import numpy as np
import pandas as pd
import pytest

from spikegrid.class_information import class_rates, intraclass_correlation
from spikegrid.errors import InputError
from spikegrid.features import COLUMNS
from spikegrid.observables import firing
from spikegrid.orders import presentation_order
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

NETWORK = ("dots", "net", "generalizing")
ORDERS = ["random", "class_blocked", "given"]
OF_RATES = ["firing_rate_mean", "firing_rate_variance", "dead_share", "always_on_share"]
OF_COUNTS = ["fano_factor_mean", "fano_factor_variance", "fano_ratio_mean", "fano_ratio_variance"]
FEATURES = [*OF_RATES, *(f"{feature}_{order}" for order in ORDERS for feature in OF_COUNTS)]


def random_layers(seed: int = 0) -> dict[str, np.ndarray]:
    """Spikes of 2 seeds, 3 epochs, 47 images in two layers; some units are silent, always on, or fire late only."""
    generator = np.random.default_rng(seed)
    layers = {}
    for name, shape in (("conv1.relu", (2, 3, 3)), ("hidden", (9,))):
        rates = generator.random((2, 3, 1, *shape))
        layers[name] = generator.random((2, 3, 47, *shape)) < rates
    layers["conv1.relu"][:, :, :, 0, 0, :] = False
    layers["hidden"][:, :, :, 1] = False
    layers["hidden"][:, :, 46:, 1] = True
    layers["hidden"][:, 1, :, 3:5] = True
    return layers


def in_order(spikes: np.ndarray, order: str, seed: int) -> np.ndarray:
    """Spikes [N, U] as the spike file of ``write_spikes`` holds them, in the order of one network."""
    images = len(spikes)
    if order == "given":
        return spikes[::-1]
    places = presentation_order(order, np.arange(images)[::-1], np.arange(images) % 3, *NETWORK, seed)
    return spikes[places]


def measured(units: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rate, Fano factor and ratio of each train [N, U] of zeros and ones, one at a time."""
    rates, fano, ratio = [], [], []
    for train in units.T:
        counts = [train[k * window : (k + 1) * window].sum() for k in range(len(train) // window)]
        mean = sum(counts) / len(counts)
        f = sum((count - mean) ** 2 for count in counts) / len(counts) / mean if mean else np.nan
        p = train.sum() / len(train)
        rates.append(p)
        fano.append(f)
        ratio.append(f / (1 - p) if p < 1 else np.nan)
    return np.array(rates), np.array(fano), np.array(ratio)


def summary(units: np.ndarray, window: int, seed: int) -> dict[str, float]:
    rates = units.mean(axis=0)
    active = (rates > 0) & (rates < 1)

    def over(values: np.ndarray, statistic) -> float:
        defined = values[active & ~np.isnan(values)]
        return statistic(defined) if len(defined) else np.nan

    features = dict(zip(OF_RATES, (np.mean(rates), np.var(rates), np.mean(rates == 0), np.mean(rates == 1))))
    for order in ORDERS:
        _, fano, ratio = measured(in_order(units, order, seed), window)
        values = (over(fano, np.mean), over(fano, np.var), over(ratio, np.mean), over(ratio, np.var))
        features |= {f"{feature}_{order}": value for feature, value in zip(OF_COUNTS, values)}
    return features


def observed(path, window: int = 5, orders: list[str] = ORDERS) -> dict[str, pd.DataFrame]:
    return firing.observe({"spikes": path}, window, orders)


def value(table: pd.DataFrame, **where: object) -> float:
    chosen = table
    for column, wanted in where.items():
        chosen = chosen[chosen[column] == wanted]
    (found,) = chosen["value"]
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("window", [1, 5, 23])
def test_every_feature_is_that_of_plain_numpy(write_spikes, seed, window):
    layers = random_layers(seed)
    table = observed(write_spikes(layers), window)["features"]
    for s in range(2):
        for e in range(3):
            trains = {name: array[s, e].reshape(47, -1) for name, array in layers.items()}
            trains["network"] = np.hstack([trains["conv1.relu"], trains["hidden"]])
            for layer, units in trains.items():
                rows = table[(table["seed"] == s) & (table["epoch"] == 10 * e) & (table["layer"] == layer)]
                expected = summary(units, window, s)
                assert rows["feature"].tolist() == FEATURES
                np.testing.assert_allclose(rows["value"], [expected[name] for name in FEATURES], rtol=1e-10, atol=1e-14)


def test_units_table_holds_the_measures_of_every_unit(write_spikes):
    layers = random_layers()
    units = observed(write_spikes(layers))["units"]
    by_order = [f"{measure}_{order}" for order in ORDERS for measure in ("fano_factor", "fano_ratio")]
    assert list(units) == ["seed", "epoch", "layer", "depth", "unit", "firing_rate", *by_order]
    assert len(units) == 2 * 3 * (18 + 9)
    for name, array in layers.items():
        rows = units[(units["seed"] == 1) & (units["epoch"] == 20) & (units["layer"] == name)]
        assert rows["unit"].tolist() == list(range(array[0, 0, 0].size))
        for order in ORDERS:
            rates, fano, ratio = measured(in_order(array[1, 2].reshape(47, -1), order, 1), 5)
            np.testing.assert_allclose(rows["firing_rate"], rates, rtol=1e-12)
            np.testing.assert_allclose(rows[f"fano_factor_{order}"], fano, rtol=1e-12)
            np.testing.assert_allclose(rows[f"fano_ratio_{order}"], ratio, rtol=1e-12)


def test_unit_is_the_flat_index_in_the_whole_layer_where_some_are_kept(write_spikes):
    layers = random_layers()
    kept = [2, 7, 11, 17]
    units = observed(write_spikes(layers, kept={"conv1.relu": kept}))["units"]
    rows = units[(units["seed"] == 0) & (units["epoch"] == 0) & (units["layer"] == "conv1.relu")]
    assert rows["unit"].tolist() == kept
    np.testing.assert_allclose(rows["firing_rate"], layers["conv1.relu"][0, 0].reshape(47, -1).mean(axis=0)[kept])


@pytest.mark.parametrize("orders", [["random"], ["given", "random"], ORDERS])
def test_features_are_those_of_the_orders_asked_for(write_spikes, orders):
    tables = observed(write_spikes(random_layers()), orders=orders)
    features = tables["features"]["feature"].unique().tolist()
    assert features == [*OF_RATES, *(f"{feature}_{order}" for order in orders for feature in OF_COUNTS)]
    assert len(tables["features"]) == 2 * 3 * 3 * len(features)
    every = observed(write_spikes(random_layers()))["features"]
    same = every[every["feature"].isin(features)]
    merged = tables["features"].merge(same, on=COLUMNS[:-1], validate="one_to_one", suffixes=("", "_every"))
    np.testing.assert_array_equal(merged["value"], merged["value_every"])


def test_silent_and_always_on_units_are_counted_apart(write_spikes):
    spikes = np.random.default_rng(0).random((1, 1, 40, 8)) < 0.5
    spikes[..., :2] = False
    spikes[..., 2] = True
    table = observed(write_spikes({"hidden": spikes}), 4)["features"]
    assert value(table, layer="hidden", feature="dead_share") == 2 / 8
    assert value(table, layer="hidden", feature="always_on_share") == 1 / 8
    for order in ORDERS:
        _, fano, _ = measured(in_order(spikes[0, 0][:, 3:], order, 0), 4)
        found = value(table, layer="hidden", feature=f"fano_factor_mean_{order}")
        assert found == pytest.approx(fano.mean())


@pytest.mark.parametrize("fires", [False, True])
def test_features_without_a_unit_to_average_over_are_undefined_without_a_warning(write_spikes, fires):
    table = observed(write_spikes({"hidden": np.full((1, 1, 20, 5), fires)}))["features"]
    for feature in FEATURES[len(OF_RATES) :]:
        assert np.isnan(value(table, layer="hidden", feature=feature))
    assert value(table, layer="hidden", feature="firing_rate_mean") == float(fires)
    assert value(table, layer="hidden", feature="firing_rate_variance") == 0
    assert value(table, layer="hidden", feature="dead_share") == float(not fires)
    assert value(table, layer="hidden", feature="always_on_share") == float(fires)


def test_ratio_under_random_order_is_that_of_the_null(write_spikes):
    rates = np.linspace(0.05, 0.95, 200)
    spikes = np.random.default_rng(0).random((1, 1, 2000, 200)) < rates
    table = observed(write_spikes({"hidden": spikes}, batch=500), 20, ["random"])["features"]
    ratio = value(table, layer="hidden", feature="fano_ratio_mean_random")
    variance = value(table, layer="hidden", feature="fano_ratio_variance_random")
    assert ratio == pytest.approx((2000 - 20) / (2000 - 1), abs=4 * np.sqrt(variance / 200))


@pytest.mark.parametrize("window", [2, 20, 100])
def test_ratio_under_random_order_is_that_of_the_null_whatever_the_network_answers_to(write_spikes, window):
    """Trains that the class alone decides, the most ordered ones that there are, over networks."""
    images, networks = 600, 40
    labels = (np.arange(images) * 3 // images).astype(np.int16)
    spikes = np.zeros((networks, 1, images, 3), bool)
    spikes[:, :, labels == 0, 0] = True
    spikes[:, :, labels != 2, 1] = True
    spikes[:, :, ::7, 2] = True
    path = write_spikes({"hidden": spikes}, batch=600, labels=labels)
    units = observed(path, window, ["random", "class_blocked"])["units"]
    ratios = units["fano_ratio_random"].to_numpy().reshape(networks, 3)
    error = ratios.std(axis=0, ddof=1) / np.sqrt(networks)
    np.testing.assert_array_less(np.abs(ratios.mean(axis=0) - (images - window) / (images - 1)), 4 * error)
    assert len({tuple(row) for row in ratios.tolist()}) > networks / 2, "each network has an order of its own"


def test_class_blocked_ratio_is_the_design_effect_of_the_class(write_spikes):
    images, window, networks = 2000, 20, 12
    labels = (np.arange(images) % 5).astype(np.int16)
    by_class = np.random.default_rng(1).uniform(0.05, 0.95, (5, 8))
    spikes = np.random.default_rng(2).random((networks, 1, images, 8)) < by_class[labels]
    path = write_spikes({"hidden": spikes}, batch=2000, labels=labels)
    units = observed(path, window)["units"]
    explained = np.array(
        [
            intraclass_correlation(*class_rates(SpikeTrains.from_array(spikes[seed, 0].T), labels))
            for seed in range(networks)
        ]
    )
    excess = units["fano_ratio_class_blocked"].to_numpy().reshape(networks, 8) - (1 + (window - 1) * explained)
    error = excess.std(axis=0, ddof=1) / np.sqrt(networks)
    finite = (window - 1) / (images / 5 - 1)  # (n_c - T)/(n_c - 1) in place of 1
    np.testing.assert_array_less(np.abs(excess.mean(axis=0)), 4 * error + finite)
    assert units["fano_ratio_class_blocked"].mean() > 2
    np.testing.assert_allclose(units["fano_ratio_random"].mean(), 1, atol=0.05)
    # As given, the classes take turns, every window holds all alike, and their variance is taken out of the counts.
    np.testing.assert_allclose(units["fano_ratio_given"].mean(), 1 - explained.mean(), atol=0.05)


def test_window_of_half_the_images_is_accepted_and_one_more_is_refused(write_spikes):
    path = write_spikes(random_layers())
    observed(path, 23)
    with pytest.raises(InputError, match="firing: window is 24; expected at most half of the 47 images presented"):
        observed(path, 24)


def test_damaged_spikes_are_refused_by_name(write_spikes):
    path = write_spikes(random_layers())
    content = bytearray(path.read_bytes())
    content[content.index(b"hidden.npy") + 60] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"spikes.npz"):
        observed(path)
