"""What holds for every observable that reads spikes alone: shapes, undefined values, orders of files, seeds."""

import warnings
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest

from spikegrid.errors import InputError
from spikegrid.features import COLUMNS, write_table
from spikegrid.plugins import find_plugins, load_plugin

pytestmark = pytest.mark.filterwarnings("error")

OBSERVABLES = sorted(
    name for name, plugin in find_plugins("observables").items() if plugin.constants["READS"] == ["spikes"]
)
ONLY_OF_LAYERS = {
    "correlations": ["*"],
    "class_information": ["hamming_*"],
    "process": ["*"],
    "complexity": ["joint_entropy*", "total_correlation*", "redundancy*"],
    "simulation": ["*"],
}
"""Features without a value for the network as a whole: units of two layers are no population."""

FEWER = {"simulation": {"surrogates": 9, "level": 0.2}}
"""Parameters that make an observable quick."""

IMAGES = 240


def epochs_of(name: str) -> set[int]:
    """Epochs of the random layers that an observable measures."""
    return {10} if find_plugins("observables")[name].constants.get("EPOCHS") == "last" else {0, 10}


def random_layers(seed: int = 0, seeds: int = 2) -> dict[str, np.ndarray]:
    """Spikes of 2 epochs in three layers; some units are silent, always on, or fire once."""
    generator = np.random.default_rng(seed)
    layers = {}
    for name, shape in (("conv.relu", (2, 2, 3)), ("a.relu", (9,)), ("logits", (4,))):
        layers[name] = generator.random((seeds, 2, IMAGES, *shape)) < generator.random((seeds, 2, 1, *shape))
    layers["conv.relu"][:, :, :, 0, 0] = False
    layers["a.relu"][:, :, :, :2] = [False, True]
    layers["a.relu"][:, :, 5, 0] = True
    return layers


def images_of(index_seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(index_seed)
    index = generator.permutation(1000)[:IMAGES].astype(np.int32)
    return {"index": index, "labels": generator.integers(0, 4, IMAGES).astype(np.int16)}


def observed(name: str, path, **parameters) -> dict[str, pd.DataFrame]:
    """Tables of one observable with its default parameters, or FEWER, as the workflow calls it."""
    plugin = find_plugins("observables")[name]
    defaults = {key: rule["default"] for key, rule in plugin.parameters.items()}
    tables = load_plugin("observables", name)({"spikes": path}, **defaults | FEWER.get(name, {}) | parameters)
    return tables if isinstance(tables, dict) else {"features": tables}


def features_of(name: str, path) -> pd.DataFrame:
    return observed(name, path)["features"]


def assert_same_values(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    assert list(found) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_features_have_the_columns_of_every_observable_and_a_row_a_value(write_spikes, name):
    table = features_of(name, write_spikes(random_layers(), **images_of()))
    assert list(table) == COLUMNS
    assert not table.duplicated(COLUMNS[:-1]).any()
    assert table["value"].dtype == np.float64
    assert set(table["dataset"]) == {"dots"}
    assert set(table["regime"]) == {"generalizing"}
    assert set(table["seed"]) == {0, 1}
    assert set(table["epoch"]) == epochs_of(name)
    assert table["depth"].groupby(table["layer"]).unique().map(list).to_dict().items() <= {
        "network": [0], "conv.relu": [1], "a.relu": [2], "logits": [3]
    }.items()  # fmt: skip


@pytest.mark.parametrize("name", OBSERVABLES)
@pytest.mark.parametrize("trains", ["random", "silent", "always on", "one unit"])
def test_no_row_is_dropped_and_nothing_warns_whatever_the_trains_are(write_spikes, name, trains):
    layers = random_layers()
    if trains == "silent":
        layers["a.relu"][:] = False
    if trains == "always on":
        layers["a.relu"][:] = True
    if trains == "one unit":
        layers["a.relu"] = layers["a.relu"][..., :1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = features_of(name, write_spikes(layers, **images_of()))
    for layer in ("network", *layers):
        rows = table[table["layer"] == layer]
        features = list(dict.fromkeys(table["feature"]))
        if layer == "network":
            left_out = ONLY_OF_LAYERS.get(name, [])
            features = [feature for feature in features if not any(fnmatch(feature, part) for part in left_out)]
        assert len(rows) == 2 * len(epochs_of(name)) * len(features)
        assert set(rows["feature"]) == set(features)


@pytest.mark.parametrize("name", OBSERVABLES)
@pytest.mark.parametrize("fires", [False, True])
def test_network_that_never_or_always_fires_has_every_row_and_no_warning(write_spikes, name, fires):
    layers = {layer: np.full(array.shape, fires) for layer, array in random_layers().items()}
    tables = observed(name, write_spikes(layers, **images_of()))
    expected = features_of(name, write_spikes(random_layers(), **images_of()))
    pd.testing.assert_frame_equal(tables["features"][COLUMNS[:-1]], expected[COLUMNS[:-1]])
    assert tables["features"]["value"].isna().any()


@pytest.mark.parametrize("name", OBSERVABLES)
def test_tables_are_those_that_the_plugin_declares_and_can_be_written_and_read(write_spikes, name, tmp_path):
    tables = observed(name, write_spikes(random_layers(), **images_of()))
    declared = find_plugins("observables")[name].constants.get("TABLES", [])
    assert list(tables) == ["features", *declared]
    for table_name, table in tables.items():
        assert {"seed", "epoch", "layer", "depth"} <= set(table)
        write_table(tmp_path / f"{table_name}.parquet", table)
        read = pd.read_parquet(tmp_path / f"{table_name}.parquet")
        pd.testing.assert_frame_equal(read, table, check_dtype=False)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_pattern_of_features_matches_one(write_spikes, name):
    images = images_of()
    path = write_spikes(random_layers(), **images, train_labels=np.tile(images["labels"], (2, 1)))
    features = features_of(name, path)["feature"].unique()
    constants = find_plugins("observables")[name].constants
    for patterns in [constants.get("LABELS", []), *constants.get("CAVEATS", {}).values()]:
        for pattern in patterns:
            assert any(fnmatch(feature, pattern) for feature in features), pattern


@pytest.mark.parametrize("name", OBSERVABLES)
def test_features_that_need_labels_are_those_that_change_with_them_and_no_others(write_spikes, name):
    """Other labels change the value of every feature that is declared to need them, and of none that is not."""
    layers, images = random_layers(), images_of()
    table = features_of(name, write_spikes(layers, **images))
    other = images | {"labels": np.random.default_rng(9).permutation(images["labels"])}
    changed = features_of(name, write_spikes(layers, **other))
    differ = ~(np.isclose(table["value"], changed["value"], rtol=1e-9) | table["value"].isna())
    found = set(table.loc[differ, "feature"])
    patterns = find_plugins("observables")[name].constants.get("LABELS", [])
    declared = {f for f in table["feature"].unique() if any(fnmatch(f, pattern) for pattern in patterns)}
    assert found <= declared
    tests_that_all_pass = {feature for feature in declared if "_passing_" in feature or "overdispersion" in feature}
    assert declared - found <= tests_that_all_pass


@pytest.mark.parametrize("name", OBSERVABLES)
def test_features_do_not_depend_on_the_order_of_the_spike_file(write_spikes, name):
    layers, images = random_layers(), images_of()
    expected = observed(name, write_spikes(layers, **images))
    order = np.random.default_rng(5).permutation(IMAGES)
    shuffled = {layer: array[:, :, order] for layer, array in layers.items()}
    found = observed(name, write_spikes(shuffled, **{key: array[order] for key, array in images.items()}))
    for table in expected:
        pd.testing.assert_frame_equal(found[table], expected[table], rtol=1e-12)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_seed_measured_alone_has_the_features_that_it_has_in_a_block(write_spikes, name):
    layers, images = random_layers(), images_of()
    block = observed(name, write_spikes(layers, **images))
    alone = {layer: array[1:] for layer, array in layers.items()}
    found = observed(name, write_spikes(alone, seeds=np.array([1], np.int32), **images))
    for table, rows in found.items():
        expected = block[table][block[table]["seed"] == 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, expected, check_exact=True)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_observing_twice_gives_the_same_tables(write_spikes, name):
    path = write_spikes(random_layers(), **images_of())
    assert_same_values(observed(name, path), observed(name, path))


@pytest.mark.parametrize("name", OBSERVABLES)
def test_labels_of_training_images_change_no_feature_of_the_true_labels(write_spikes, name):
    layers, images = random_layers(), images_of()
    trained = np.random.default_rng(1).integers(-1, 4, (2, IMAGES)).astype(np.int16)
    without = features_of(name, write_spikes(layers, **images))
    table = features_of(name, write_spikes(layers, **images, train_labels=trained))
    common = table[~table["feature"].str.endswith("_trained_labels")].reset_index(drop=True)
    pd.testing.assert_frame_equal(common, without, check_exact=True)
    assert (len(common) < len(table)) == (name == "class_information")


@pytest.mark.parametrize("name", OBSERVABLES)
def test_damaged_file_is_refused_by_name(write_spikes, name):
    path = write_spikes(random_layers(), **images_of())
    content = bytearray(path.read_bytes())
    content[content.index(b"logits.npy") + 60] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"spikes\.npz"):
        observed(name, path)


@pytest.mark.parametrize(
    "name", [name for name in OBSERVABLES if "window" in find_plugins("observables")[name].parameters]
)
def test_window_of_more_than_half_the_images_is_refused_with_both_numbers(write_spikes, name):
    path = write_spikes(random_layers(), **images_of())
    observed(name, path, window=120)
    with pytest.raises(InputError, match=f"{name}: window is 121; expected at most half of the 240 images presented"):
        observed(name, path, window=121)
