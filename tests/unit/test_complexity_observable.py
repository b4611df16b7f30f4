"""The complexity observable: entropies by scipy, samples of units, what finite numbers of images do, its null."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy

from spikegrid.errors import InputError
from spikegrid.observables import complexity

pytestmark = pytest.mark.filterwarnings("error")

FEATURES = [
    "node_complexity",
    *("joint_entropy_lower", "joint_entropy_upper", "joint_entropy_per_unit_lower", "joint_entropy_per_unit_upper"),
    *("total_correlation_lower", "total_correlation_upper", "redundancy_lower", "redundancy_upper"),
]


def observed(path, units: int = 16, folds: int = 5) -> pd.DataFrame:
    return complexity.observe({"spikes": path}, units, folds)


def values_of(table: pd.DataFrame, layer: str, seed: int = 0, epoch: int = 0) -> pd.Series:
    chosen = table[(table["layer"] == layer) & (table["seed"] == seed) & (table["epoch"] == epoch)]
    return chosen.set_index("feature")["value"]


def bits(rates: np.ndarray) -> np.ndarray:
    return entropy([rates, 1 - rates], base=2, axis=0)


def driven(shape: tuple[int, ...], images: int = 200, seeds: int = 1, seed: int = 0) -> np.ndarray:
    """Spikes [S, 2, N, *shape] of units that share a part of what drives them."""
    generator = np.random.default_rng(seed)
    drive = generator.normal(size=(seeds, 2, images, *(1,) * len(shape)))
    own = generator.normal(size=(seeds, 2, images, *shape))
    return drive + own > generator.normal(size=shape)


def test_node_complexity_is_the_mean_entropy_of_units_in_a_layer_and_in_the_network(write_spikes):
    layers = {"conv.relu": driven((2, 3), seed=1), "hidden": driven((9,), seed=2)}
    layers["hidden"][..., :2] = [False, True]
    table = observed(write_spikes(layers))
    means = {name: array[0, 1].reshape(200, -1).mean(axis=0) for name, array in layers.items()}
    for name, rates in means.items():
        found = values_of(table, name, epoch=10)
        assert found.index.tolist() == FEATURES
        assert found["node_complexity"] == pytest.approx(bits(rates).mean())
    everything = values_of(table, "network", epoch=10)
    assert everything.index.tolist() == ["node_complexity"]
    assert everything["node_complexity"] == pytest.approx(bits(np.concatenate(list(means.values()))).mean())


def test_joint_entropy_is_of_a_sample_of_units_and_total_correlation_of_the_same(write_spikes):
    spikes = driven((30,))
    found = values_of(observed(write_spikes({"hidden": spikes}), units=4), "hidden")
    low, high = found["joint_entropy_lower"], found["joint_entropy_upper"]
    assert found["joint_entropy_per_unit_lower"] == pytest.approx(low / 4)
    assert found["joint_entropy_per_unit_upper"] == pytest.approx(high / 4)
    separate = found["total_correlation_upper"] + low
    assert separate == pytest.approx(found["total_correlation_lower"] + high)
    assert found["redundancy_lower"] == pytest.approx(found["total_correlation_lower"] / separate)
    assert found["redundancy_upper"] == pytest.approx(found["total_correlation_upper"] / separate)
    assert np.abs(separate - bits(spikes[0, 0].mean(axis=0)).mean() * 4) > 1e-6, "it is of the sample"
    assert 0 < found["total_correlation_lower"] < found["total_correlation_upper"]


def test_joint_entropy_of_all_units_is_that_of_scipy_whatever_their_order(write_spikes):
    spikes = driven((5,))
    found = values_of(observed(write_spikes({"hidden": spikes}), units=50), "hidden")
    _, counts = np.unique(spikes[0, 0], axis=0, return_counts=True)
    assert found["joint_entropy_lower"] == pytest.approx(entropy(counts, base=2))
    assert found["joint_entropy_per_unit_lower"] == pytest.approx(found["joint_entropy_lower"] / 5)


def test_sampled_units_are_the_same_in_every_network_and_others_in_every_layer(write_spikes):
    """Each unit has a rate of its own, so that their sum of entropies tells which ones were drawn."""
    ranks = np.arange(200)[:, None]
    spikes = np.broadcast_to(ranks < 3 * np.arange(1, 31), (3, 2, 200, 30))
    table = observed(write_spikes({"a.relu": spikes, "b.relu": spikes}, batch=200), units=4)
    separate = {
        layer: {
            round(found["total_correlation_upper"] + found["joint_entropy_lower"], 9)
            for found in (values_of(table, layer, seed, epoch) for seed in range(3) for epoch in (0, 10))
        }
        for layer in ("a.relu", "b.relu")
    }
    assert len(separate["a.relu"]) == len(separate["b.relu"]) == 1
    assert separate["a.relu"] != separate["b.relu"]


def test_parts_of_images_are_of_a_network_of_its_own_and_others_for_other_numbers(write_spikes):
    path = write_spikes({"hidden": np.broadcast_to(driven((6,)), (2, 2, 200, 6))}, batch=200)
    table = observed(path)
    lower, upper = "joint_entropy_lower", "joint_entropy_upper"
    assert values_of(table, "hidden", 0)[lower] == values_of(table, "hidden", 1)[lower]
    assert values_of(table, "hidden", 0)[upper] != values_of(table, "hidden", 1)[upper]
    assert values_of(table, "hidden")[upper] != values_of(observed(path, folds=10), "hidden")[upper]


def test_silent_layer_has_no_complexity_and_no_redundancy_to_speak_of(write_spikes):
    found = values_of(observed(write_spikes({"hidden": np.zeros((1, 1, 20, 4), bool)})), "hidden")
    assert (found[FEATURES[:-2]] == 0).all()
    assert found[FEATURES[-2:]].isna().all()


def test_independent_units_have_a_total_correlation_between_the_bounds(write_spikes):
    rates = np.random.default_rng(1).uniform(0.05, 0.95, 16)
    spikes = np.random.default_rng(2).random((8, 1, 300, 16)) < rates
    table = observed(write_spikes({"hidden": spikes}, batch=300))
    means = table.groupby("feature")["value"].mean()
    assert -1 < means["total_correlation_lower"] < 0
    assert means["joint_entropy_lower"] < np.log2(300)
    assert means["joint_entropy_lower"] < bits(rates).sum() < means["joint_entropy_upper"]
    assert means["total_correlation_upper"] > bits(rates).sum() - np.log2(300) - 0.2


def test_more_folds_than_images_are_refused_with_both_numbers(write_spikes):
    path = write_spikes({"hidden": driven((3,), images=20)})
    observed(path, folds=20)
    with pytest.raises(InputError, match="complexity: folds is 21; expected at most the 20 images presented"):
        observed(path, folds=21)
