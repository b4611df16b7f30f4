"""The firing observable against plain numpy on unpacked arrays."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spikegrid.errors import InputError
from spikegrid.features import COLUMNS
from spikegrid.observables import firing

FEATURES = [
    *("firing_rate_mean", "firing_rate_variance", "fano_factor_mean", "fano_factor_variance"),
    *("fano_ratio_mean", "fano_ratio_variance", "dead_share", "always_on_share"),
]


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


def measured(units: list[np.ndarray], window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rate, Fano factor and ratio of each train of zeros and ones, one at a time."""
    rates, fano, ratio = [], [], []
    for train in units:
        counts = [train[k * window : (k + 1) * window].sum() for k in range(len(train) // window)]
        mean = sum(counts) / len(counts)
        f = sum((count - mean) ** 2 for count in counts) / len(counts) / mean if mean else np.nan
        p = train.sum() / len(train)
        rates.append(p)
        fano.append(f)
        ratio.append(f / (1 - p) if p < 1 else np.nan)
    return np.array(rates), np.array(fano), np.array(ratio)


def summary(units: list[np.ndarray], window: int) -> dict[str, float]:
    rates, fano, ratio = measured(units, window)
    active = (rates > 0) & (rates < 1)

    def over(values: np.ndarray, statistic) -> float:
        defined = values[active & ~np.isnan(values)]
        return statistic(defined) if len(defined) else np.nan

    return dict(
        zip(
            FEATURES,
            [
                *(np.mean(rates), np.var(rates), over(fano, np.mean), over(fano, np.var)),
                *(over(ratio, np.mean), over(ratio, np.var), np.mean(rates == 0), np.mean(rates == 1)),
            ],
        )
    )


def value(table: pd.DataFrame, **where: object) -> float:
    chosen = table
    for column, wanted in where.items():
        chosen = chosen[chosen[column] == wanted]
    (found,) = chosen["value"]
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("window", [1, 5, 23])
def test_every_feature_is_that_of_plain_numpy(write_spikes, seed, window):
    layers = random_layers(seed)
    table, _ = firing.observe({"spikes": write_spikes(layers)}, window)
    for s in range(2):
        for e in range(3):
            trains = {name: list(array[s, e].reshape(47, -1).T) for name, array in layers.items()}
            trains["network"] = trains["conv1.relu"] + trains["hidden"]
            for layer, units in trains.items():
                for feature, expected in summary(units, window).items():
                    found = value(table, seed=s, epoch=10 * e, layer=layer, feature=feature)
                    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14, err_msg=f"{layer} {feature}")


def test_units_table_holds_the_measures_of_every_unit(write_spikes):
    layers = random_layers()
    _, units = firing.observe({"spikes": write_spikes(layers)}, 5)
    assert list(units) == ["seed", "epoch", "layer", "depth", "unit", "firing_rate", "fano_factor", "fano_ratio"]
    assert len(units) == 2 * 3 * (18 + 9)
    for name, array in layers.items():
        rows = units[(units["seed"] == 1) & (units["epoch"] == 20) & (units["layer"] == name)]
        expected = measured(list(array[1, 2].reshape(47, -1).T), 5)
        assert rows["unit"].tolist() == list(range(array[0, 0, 0].size))
        for column, values in zip(("firing_rate", "fano_factor", "fano_ratio"), expected):
            np.testing.assert_allclose(rows[column], values, rtol=1e-12)


def test_unit_is_the_flat_index_in_the_whole_layer_where_some_are_kept(write_spikes):
    layers = random_layers()
    kept = [2, 7, 11, 17]
    _, units = firing.observe({"spikes": write_spikes(layers, kept={"conv1.relu": kept})}, 5)
    rows = units[(units["seed"] == 0) & (units["epoch"] == 0) & (units["layer"] == "conv1.relu")]
    assert rows["unit"].tolist() == kept
    np.testing.assert_allclose(rows["firing_rate"], layers["conv1.relu"][0, 0].reshape(47, -1).mean(axis=0)[kept])


def test_table_has_the_columns_of_every_observable_and_a_row_a_value(write_spikes):
    table, _ = firing.observe({"spikes": write_spikes(random_layers())}, 5)
    assert list(table) == COLUMNS
    assert len(table) == 2 * 3 * 3 * len(FEATURES)
    assert not table.duplicated(COLUMNS[:-1]).any()
    assert set(table["dataset"]) == {"dots"}
    assert set(table["architecture"]) == {"net"}
    assert set(table["regime"]) == {"generalizing"}
    depths = table.drop_duplicates("layer").set_index("layer")["depth"].to_dict()
    assert depths == {"network": 0, "conv1.relu": 1, "hidden": 2}


def test_silent_and_always_on_units_are_counted_apart(write_spikes):
    spikes = np.random.default_rng(0).random((1, 1, 40, 8)) < 0.5
    spikes[..., :2] = False
    spikes[..., 2] = True
    table, _ = firing.observe({"spikes": write_spikes({"hidden": spikes})}, 4)
    assert value(table, layer="hidden", feature="dead_share") == 2 / 8
    assert value(table, layer="hidden", feature="always_on_share") == 1 / 8
    _, fano, _ = measured(list(spikes[0, 0].T[3:]), 4)
    assert value(table, layer="hidden", feature="fano_factor_mean") == pytest.approx(fano.mean())


@pytest.mark.parametrize("fires", [False, True])
def test_features_without_a_unit_to_average_over_are_undefined_without_a_warning(write_spikes, fires):
    path = write_spikes({"hidden": np.full((1, 1, 20, 5), fires)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = firing.observe({"spikes": path}, 5)
    for feature in FEATURES[2:6]:
        assert np.isnan(value(table, layer="hidden", feature=feature))
    assert value(table, layer="hidden", feature="firing_rate_mean") == float(fires)
    assert value(table, layer="hidden", feature="firing_rate_variance") == 0
    assert value(table, layer="hidden", feature="dead_share") == float(not fires)
    assert value(table, layer="hidden", feature="always_on_share") == float(fires)


def test_ratio_under_random_order_is_that_of_the_null(write_spikes):
    rates = np.linspace(0.05, 0.95, 200)
    spikes = np.random.default_rng(0).random((1, 1, 2000, 200)) < rates
    table, _ = firing.observe({"spikes": write_spikes({"hidden": spikes}, batch=500)}, 20)
    ratio = value(table, layer="hidden", feature="fano_ratio_mean")
    variance = value(table, layer="hidden", feature="fano_ratio_variance")
    assert ratio == pytest.approx((2000 - 20) / (2000 - 1), abs=4 * np.sqrt(variance / 200))


def test_window_of_half_the_images_is_accepted_and_one_more_is_refused(write_spikes):
    path = write_spikes(random_layers())
    firing.observe({"spikes": path}, 23)
    with pytest.raises(InputError, match="firing: window is 24; expected at most half of the 47 images presented"):
        firing.observe({"spikes": path}, 24)


def test_observing_twice_gives_the_same_tables(write_spikes):
    path = write_spikes(random_layers())
    first, second = (firing.observe({"spikes": path}, 5) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])


def test_damaged_spikes_are_refused_by_name(write_spikes):
    path = write_spikes(random_layers())
    content = bytearray(path.read_bytes())
    content[content.index(b"hidden.npy") + 60] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"spikes.npz"):
        firing.observe({"spikes": path}, 5)
