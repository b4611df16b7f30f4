"""The correlations observable against numpy, and its null."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from spikegrid.observables import correlations

pytestmark = pytest.mark.filterwarnings("error")

FEATURES = [
    *("population_fano", "pair_correlation", "pair_correlation_excess"),
    *("noise_correlation", "noise_correlation_excess", "undefined_pair_share"),
]
IMAGES = 80
LABELS = (np.random.default_rng(3).permutation(IMAGES) % 4).astype(np.int16)


def random_layers(seed: int = 0) -> dict[str, np.ndarray]:
    """Spikes of 2 seeds and 2 epochs in two layers whose units share a part of what drives them; some never fire."""
    generator = np.random.default_rng(seed)
    layers = {}
    for name, shape in (("conv.relu", (2, 4)), ("hidden", (7,))):
        drive = generator.normal(size=(2, 2, IMAGES, *(1,) * len(shape)))
        own = generator.normal(size=(2, 2, IMAGES, *shape)) + LABELS.reshape(IMAGES, *(1,) * len(shape)) / 3
        layers[name] = drive + own > generator.normal(size=shape)
    layers["conv.relu"][..., 0, 1] = False
    layers["hidden"][..., 2] = True
    return layers


def observed(path, pairs: int = 20_000) -> pd.DataFrame:
    return correlations.observe({"spikes": path}, pairs)


def rows_of(table: pd.DataFrame, seed: int, epoch: int, layer: str) -> pd.Series:
    chosen = table[(table["seed"] == seed) & (table["epoch"] == epoch) & (table["layer"] == layer)]
    return chosen.set_index("feature")["value"]


def absolute_correlations(spikes: np.ndarray) -> np.ndarray:
    """|r| of every pair of the units [N, U] that change, by numpy."""
    r = np.corrcoef(spikes[:, spikes.std(axis=0) > 0].T)
    return np.abs(r[np.triu_indices(len(r), k=1)])


def expected_if_independent(spikes: np.ndarray) -> np.ndarray:
    """E|r| of every pair of the units that change, over all orders of each, from the hypergeometric law of scipy."""
    counts = spikes.sum(axis=0)
    counts = counts[(counts > 0) & (counts < len(spikes))]
    values = []
    for u in range(len(counts)):
        for v in range(u + 1, len(counts)):
            joint = np.arange(len(spikes) + 1)
            chance = hypergeom(len(spikes), counts[u], counts[v]).pmf(joint)
            scale = np.sqrt(np.prod([counts[i] * (len(spikes) - counts[i]) for i in (u, v)]))
            values.append((chance * np.abs(len(spikes) * joint - counts[u] * counts[v])).sum() / scale)
    return np.array(values)


def centred(spikes: np.ndarray) -> np.ndarray:
    """Spikes [N, U] less the mean of their class."""
    residues = spikes.astype(float)
    for label in np.unique(LABELS):
        members = np.flatnonzero(label == LABELS)
        residues[members] -= residues[members].mean(axis=0)
    return residues


def test_every_feature_is_that_of_numpy(write_spikes):
    layers = random_layers()
    table = observed(write_spikes(layers, labels=LABELS))
    assert len(table) == 2 * 2 * 2 * len(FEATURES)
    assert set(table["layer"]) == set(layers), "units of two layers are no population: no row of the network"
    for (name, array), seed, epoch in ((item, s, e) for item in layers.items() for s in range(2) for e in range(2)):
        spikes = array[seed, epoch].reshape(IMAGES, -1)
        found = rows_of(table, seed, 10 * epoch, name)
        assert found.index.tolist() == FEATURES
        rates, pairs = spikes.mean(axis=0), absolute_correlations(spikes)
        noise = absolute_correlations(centred(spikes))
        assert found["population_fano"] == pytest.approx(spikes.sum(axis=1).var() / np.sum(rates * (1 - rates)))
        assert found["pair_correlation"] == pytest.approx(pairs.mean())
        assert found["pair_correlation_excess"] == pytest.approx((pairs - expected_if_independent(spikes)).mean())
        assert found["noise_correlation"] == pytest.approx(noise.mean())
        units = spikes.shape[1]
        assert found["undefined_pair_share"] == pytest.approx((units - 1) / comb(units, 2)), "one unit never changes"


def test_excess_of_noise_correlation_takes_away_the_spread_of_orders_within_classes(write_spikes):
    spikes = random_layers()["hidden"][:1, :1, :, 3:5]
    found = rows_of(observed(write_spikes({"hidden": spikes}, labels=LABELS)), 0, 0, "hidden")
    one, other = spikes[0, 0].T
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(label == LABELS) for label in range(4)]
    drawn = []
    for _ in range(3000):
        order = np.arange(IMAGES)
        for places in members:
            order[places] = generator.permutation(places)
        drawn.append(np.corrcoef(centred(np.stack([one, other[order]], axis=1)).T)[0, 1])
    expected = np.sqrt(2 / np.pi * np.var(drawn))
    assert found["noise_correlation"] - found["noise_correlation_excess"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("fires", [False, True])
def test_layer_in_which_no_unit_changes_is_undefined(write_spikes, fires):
    found = rows_of(observed(write_spikes({"hidden": np.full((1, 1, 20, 4), fires)})), 0, 0, "hidden")
    assert found[FEATURES[:-1]].isna().all()
    assert found["undefined_pair_share"] == 1


def test_layer_of_one_unit_has_a_population_and_no_pair(write_spikes):
    spikes = np.random.default_rng(0).random((1, 1, 20, 1)) < 0.5
    found = rows_of(observed(write_spikes({"hidden": spikes})), 0, 0, "hidden")
    assert found["population_fano"] == pytest.approx(1)
    assert found[FEATURES[1:]].isna().all()


def test_pair_whose_class_decides_it_is_defined_for_one_correlation_alone(write_spikes):
    spikes = np.stack([LABELS == 0, LABELS < 2], axis=1)[None, None]
    found = rows_of(observed(write_spikes({"hidden": spikes}, labels=LABELS)), 0, 0, "hidden")
    assert found["pair_correlation"] == pytest.approx(abs(np.corrcoef(LABELS == 0, LABELS < 2)[0, 1]))
    assert np.isnan(found["noise_correlation"])
    assert found["undefined_pair_share"] == 0


def test_sampled_pairs_are_the_same_in_every_network_and_estimate_the_mean_of_all(write_spikes):
    spikes = np.random.default_rng(0).random((1, 1, 200, 60)) < 0.4
    same = np.broadcast_to(spikes, (3, 2, 200, 60))
    path = write_spikes({"hidden": same}, batch=200, labels=(np.arange(200) % 4).astype(np.int16))
    every, few = observed(path), observed(path, pairs=300)
    for feature in FEATURES:
        assert len(set(few[few["feature"] == feature]["value"])) == 1, "networks that fire alike have one value"
    by_feature = [table.groupby("feature")["value"].first() for table in (every, few)]
    assert by_feature[0]["population_fano"] == by_feature[1]["population_fano"]
    assert by_feature[1]["pair_correlation"] != by_feature[0]["pair_correlation"]
    assert by_feature[1]["pair_correlation"] == pytest.approx(by_feature[0]["pair_correlation"], rel=0.15)


def test_independent_units_have_no_excess_and_a_population_fano_of_one(write_spikes):
    rates = np.random.default_rng(1).uniform(0.02, 0.98, 40)
    spikes = np.random.default_rng(2).random((20, 1, 150, 40)) < rates
    labels = (np.arange(150) % 3).astype(np.int16)
    table = observed(write_spikes({"hidden": spikes}, batch=150, labels=labels))
    over_networks = table.pivot(index="seed", columns="feature", values="value")
    means, errors = over_networks.mean(), over_networks.std() / np.sqrt(20)
    assert means["population_fano"] == pytest.approx(1, abs=4 * errors["population_fano"])
    assert means["pair_correlation_excess"] == pytest.approx(0, abs=4 * errors["pair_correlation_excess"])
    assert means["noise_correlation_excess"] == pytest.approx(0, abs=0.003)
    assert means["pair_correlation"] > 10 * abs(means["pair_correlation_excess"])
