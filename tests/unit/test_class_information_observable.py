"""The class information observable against scikit-learn, scipy and numpy on unpacked arrays."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics import mutual_info_score

from spikegrid.observables import class_information

pytestmark = pytest.mark.filterwarnings("error")

OF_UNITS = ["mutual_information", "intraclass_correlation", "selectivity"]
OF_LAYERS = ["hamming_within", "hamming_between", "hamming_ratio"]
IMAGES = 70
LABELS = (np.random.default_rng(3).permutation(IMAGES) % 4).astype(np.int16)


def random_layers(seed: int = 0, seeds: int = 2) -> dict[str, np.ndarray]:
    """Spikes of 2 epochs in two layers that answer to the class; some units never or always fire."""
    generator = np.random.default_rng(seed)
    layers = {}
    for name, shape in (("conv.relu", (2, 4)), ("hidden", (7,))):
        by_class = generator.random((4, *shape))
        layers[name] = generator.random((seeds, 2, IMAGES, *shape)) < by_class[LABELS]
    layers["conv.relu"][..., 0, 1] = False
    layers["hidden"][..., 2] = True
    return layers


def trained_labels(seeds: int = 2) -> np.ndarray:
    """Labels trained on, other ones for each seed; of the second seed half of the images were not shown."""
    labels = np.random.default_rng(8).integers(0, 4, (seeds, IMAGES)).astype(np.int16)
    labels[1, ::2] = -1
    return labels


def observed(path) -> dict[str, pd.DataFrame]:
    return class_information.observe({"spikes": path})


def of_unit(train: np.ndarray, labels: np.ndarray) -> list[float]:
    """Information, ICC and selectivity of one train."""
    classes, rate = np.unique(labels), train.mean()
    by_class = np.array([train[labels == label].mean() for label in classes])
    bias = (len(classes) - 1) / (2 * len(labels) * np.log(2))
    information = mutual_info_score(labels, train) / np.log(2) - bias if 0 < rate < 1 else 0
    explained = by_class[np.searchsorted(classes, labels)]
    icc = explained.var() / train.var() if 0 < rate < 1 else np.nan
    most = np.argmax(by_class)
    rest = np.delete(by_class, most).mean()
    selectivity = (by_class[most] - rest) / (by_class[most] + rest) if rate else np.nan
    return [information, icc, selectivity]


def of_layer(spikes: np.ndarray, labels: np.ndarray) -> list[float]:
    """Mean Hamming distances of the images [N, U] within and between classes, and their ratio."""
    distances = pdist(spikes, "hamming")
    same = (labels[:, None] == labels)[np.triu_indices(len(labels), k=1)]
    within, between = distances[same].mean(), distances[~same].mean()
    return [within, between, within / between]


def expected_features(spikes: np.ndarray, labels: np.ndarray) -> list[float]:
    """Features of the images that have a label; ICC and selectivity only where all have one."""
    shown = labels >= 0
    values = np.array([of_unit(train, labels[shown]) for train in spikes[shown].T])
    information, *others = np.nanmean(values, axis=0)
    others = others if shown.all() else [np.nan, np.nan]
    return [information, *others, *of_layer(spikes[shown], labels[shown])]


def values_of(table: pd.DataFrame, seed: int, epoch: int, layer: str, names: list[str]) -> np.ndarray:
    rows = table[(table["seed"] == seed) & (table["epoch"] == epoch) & (table["layer"] == layer)]
    return rows.set_index("feature")["value"][names].to_numpy()


@pytest.mark.parametrize("train_images", [False, True])
def test_every_feature_is_that_of_others_code(write_spikes, train_images):
    layers = random_layers()
    arrays = {"train_labels": trained_labels()} if train_images else {}
    tables = observed(write_spikes(layers, labels=LABELS, **arrays))
    suffixes = ["", "_trained_labels"] if train_images else [""]
    names = [f"{name}{suffix}" for suffix in suffixes for name in OF_UNITS]
    of_layers = [f"{name}{suffix}" for suffix in suffixes for name in OF_LAYERS]
    features = tables["features"]
    assert len(features) == 2 * 2 * (3 * len(names) + 2 * len(of_layers))
    for seed in range(2):
        for epoch in range(2):
            unpacked = {name: array[seed, epoch].reshape(IMAGES, -1) for name, array in layers.items()}
            for suffix in suffixes:
                labels = trained_labels()[seed] if suffix else LABELS
                for name, spikes in unpacked.items():
                    found = values_of(
                        features, seed, 10 * epoch, name, [f"{feature}{suffix}" for feature in OF_UNITS + OF_LAYERS]
                    )
                    np.testing.assert_allclose(found, expected_features(spikes, labels), rtol=1e-9)
                network = np.hstack(list(unpacked.values()))
                found = values_of(features, seed, 10 * epoch, "network", [f"{name}{suffix}" for name in OF_UNITS])
                np.testing.assert_allclose(found, expected_features(network, labels)[:3], rtol=1e-9)


def test_units_table_holds_the_measures_of_every_unit(write_spikes):
    layers = random_layers()
    units = observed(write_spikes(layers, labels=LABELS, train_labels=trained_labels()))["units"]
    columns = [f"{name}{suffix}" for suffix in ("", "_trained_labels") for name in OF_UNITS]
    assert list(units) == ["seed", "epoch", "layer", "depth", "unit", *columns]
    assert len(units) == 2 * 2 * (8 + 7)
    for name, array in layers.items():
        rows = units[(units["seed"] == 0) & (units["epoch"] == 10) & (units["layer"] == name)]
        for suffix, labels in (("", LABELS), ("_trained_labels", trained_labels()[0])):
            expected = [of_unit(train, labels) for train in array[0, 1].reshape(IMAGES, -1).T]
            found = rows[[f"{feature}{suffix}" for feature in OF_UNITS]]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_features_of_trained_labels_are_there_for_training_images_alone(write_spikes):
    test = observed(write_spikes(random_layers(), labels=LABELS))
    for table in test.values():
        assert not [name for name in [*table, *table.get("feature", [])] if name.endswith("_trained_labels")]


def test_network_trained_on_the_true_labels_has_the_same_features_for_both(write_spikes):
    same = np.tile(LABELS, (2, 1))
    features = observed(write_spikes(random_layers(), labels=LABELS, train_labels=same))["features"]
    trained = features["feature"].str.endswith("_trained_labels")
    np.testing.assert_array_equal(features[trained]["value"], features[~trained]["value"])


def test_units_that_answer_to_random_labels_tell_of_these_and_not_of_the_true_ones(write_spikes):
    images, generator = 600, np.random.default_rng(0)
    labels = (np.arange(images) % 4).astype(np.int16)
    trained = generator.integers(0, 4, (3, images)).astype(np.int16)
    by_class = np.array([[0.9, 0.1, 0.1, 0.1], [0.1, 0.8, 0.2, 0.1], [0.3, 0.1, 0.1, 0.9]])
    spikes = generator.random((3, 1, images, 3)) < by_class.T[trained][:, None]
    features = observed(write_spikes({"hidden": spikes}, batch=600, labels=labels, train_labels=trained))["features"]
    values = features[features["layer"] == "hidden"].pivot(index="seed", columns="feature", values="value")
    assert (values["mutual_information_trained_labels"] > 0.2).all()
    assert (values["mutual_information"].abs() < 0.01).all()
    assert (values["hamming_ratio_trained_labels"] < 0.7).all()
    np.testing.assert_allclose(values["hamming_ratio"], 1, atol=0.01)
    np.testing.assert_allclose(values["intraclass_correlation"], 3 / 599, atol=0.01)


def test_without_class_information_features_are_those_of_the_null(write_spikes):
    spikes = np.random.default_rng(0).random((20, 1, 200, 30)) < np.linspace(0.1, 0.9, 30)
    labels = (np.arange(200) % 4).astype(np.int16)
    features = observed(write_spikes({"hidden": spikes}, batch=200, labels=labels))["features"]
    values = features[features["layer"] == "hidden"].pivot(index="seed", columns="feature", values="value")
    means, errors = values.mean(), values.std() / np.sqrt(20)
    for feature, null in (("mutual_information", 0), ("intraclass_correlation", 3 / 199), ("hamming_ratio", 1)):
        assert means[feature] == pytest.approx(null, abs=4 * errors[feature] + 1e-3), feature


def test_network_whose_training_images_are_none_of_those_presented_is_undefined_and_keeps_its_rows(write_spikes):
    labels = trained_labels()
    labels[0] = -1
    features = observed(write_spikes(random_layers(), labels=LABELS, train_labels=labels))["features"]
    trained = features[features["feature"].str.endswith("_trained_labels")]
    assert trained[trained["seed"] == 0]["value"].isna().all()
    of_part = trained[trained["seed"] == 1].set_index("feature")["value"]
    by_number = of_part.index.str.startswith(("intraclass", "selectivity"))
    assert of_part[by_number].isna().all(), "their null depends on the number of images"
    assert of_part[~by_number].notna().all()
    assert (trained["seed"] == 0).sum() == (trained["seed"] == 1).sum() == len(trained) / 2


def test_images_of_one_class_have_no_distance_between_classes(write_spikes):
    one_class = np.zeros(IMAGES, np.int16)
    features = observed(write_spikes(random_layers(), labels=one_class))["features"]
    values = features.groupby("feature")["value"]
    for feature in ("hamming_between", "hamming_ratio", "selectivity"):
        assert values.get_group(feature).isna().all()
    np.testing.assert_allclose(values.get_group("mutual_information"), 0, atol=1e-12)
