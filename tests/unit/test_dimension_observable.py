"""The dimension observable against PCA of what explicit matrix products of the saved weights give."""

import numpy as np
import pandas as pd
import pytest
import skdim
from safetensors.torch import load_file
from scipy.stats import entropy
from sklearn.decomposition import PCA

from spikegrid import spikes
from spikegrid.observables import dimension
from spikegrid.observed_networks import ObservedNetworks

pytestmark = pytest.mark.filterwarnings("error")

REPRESENTATIONS = ["activations", "preactivations", "spikes"]
FEATURES = [
    *(f"{kind}_{name}" for kind in ("effective_dimension", "participation_ratio") for name in REPRESENTATIONS),
    *("twonn_dimension", "duplicate_share"),
]


def observed(artefacts, samples: int = 1000) -> dict[str, pd.DataFrame]:
    return dimension.observe(artefacts, samples)


def values_at(table: pd.DataFrame, seed: int, epoch: int, layer: str) -> pd.Series:
    chosen = table[(table["seed"] == seed) & (table["epoch"] == epoch) & (table["layer"] == layer)]
    return chosen.set_index("feature")["value"]


@pytest.fixture
def of_perceptron(observed_run, make_images) -> dict:
    return observed_run(image_set=make_images(train=24, test=45))


def test_features_and_spectra_are_those_of_explicit_products_and_scikit_learn(of_perceptron):
    tables, file = observed(of_perceptron), spikes.load(of_perceptron["spikes"])
    weights, networks = load_file(of_perceptron["checkpoints"]), ObservedNetworks(of_perceptron)
    assert len(tables["features"]) == 2 * 2 * 2 * len(FEATURES)
    for seed in (0, 1):
        for epoch in (0, 1):
            state = {name.split("/")[2]: tensor for name, tensor in weights.items()
                     if name.startswith(f"seed{seed}/epoch{epoch}/")}  # fmt: skip
            activations = networks.inputs(seed, file.index).flatten(1)
            for layer in ("hidden1", "hidden2"):
                preactivations = activations @ state[f"{layer}.linear.weight"].T + state[f"{layer}.linear.bias"]
                activations = preactivations.clamp(min=0)
                found = values_at(tables["features"], seed, epoch, f"{layer}.relu")
                assert found.index.tolist() == FEATURES
                by_hand = (activations, preactivations, activations > 0)
                for name, patterns in zip(REPRESENTATIONS, by_hand, strict=True):
                    ratios = PCA().fit(patterns.double().numpy()).explained_variance_ratio_
                    assert found[f"effective_dimension_{name}"] == pytest.approx(np.exp(entropy(ratios)), rel=1e-5)
                    assert found[f"participation_ratio_{name}"] == pytest.approx(1 / np.sum(ratios**2), rel=1e-5)
                    spectrum = tables["spectra"].query(
                        "seed == @seed and epoch == @epoch and layer == @layer + '.relu' and representation == @name"
                    )
                    assert spectrum["component"].tolist() == list(range(1, len(ratios) + 1))
                    np.testing.assert_allclose(spectrum["explained_variance_ratio"], ratios, rtol=1e-4, atol=1e-7)
                    assert spectrum[["images", "units"]].drop_duplicates().to_numpy().tolist() == [
                        [45, patterns.shape[1]]
                    ]
                distinct = np.unique(activations.double().numpy(), axis=0)
                expected = skdim.id.TwoNN().fit(distinct).dimension_ if len(distinct) >= 20 else np.nan
                assert found["twonn_dimension"] == pytest.approx(expected, rel=1e-3, nan_ok=True)
                assert found["duplicate_share"] == 1 - len(distinct) / 45


def test_dimension_of_spikes_is_that_of_the_spike_file(observed_run, make_images, cnn):
    artefacts = observed_run(image_set=make_images(test=45), architecture=cnn)
    table = observed(artefacts)["features"]
    with spikes.load(artefacts["spikes"]) as file:
        assert [layer.name for layer in file.layers] == list(dict.fromkeys(table["layer"]))
        for layer in file.layers:
            for seed, epoch, trains in file.trains(layer.name):
                ratios = PCA().fit(trains.to_array().T).explained_variance_ratio_
                found = values_at(table, seed, epoch, layer.name)
                assert found["effective_dimension_spikes"] == pytest.approx(np.exp(entropy(ratios)), rel=1e-9)


def test_units_that_the_spike_file_leaves_out_and_its_threshold_are_taken_into_account(
    observed_run, make_images, presented
):
    complete = observed_run(image_set=make_images(test=45))
    expected = observed(complete)["features"]
    presented["units_per_layer"] = 2
    fewer = observed_run(seeds=(1, 0), image_set=make_images(test=45))
    assert spikes.load(fewer["spikes"]).layers[0].kept == 2
    table = observed(fewer)["features"]
    key = ["seed", "epoch", "depth", "feature"]
    pd.testing.assert_frame_equal(
        table.sort_values(key, ignore_index=True), expected.sort_values(key, ignore_index=True), check_exact=True
    )
    presented["threshold"] = 0.5
    higher = observed(observed_run(seeds=(0,), image_set=make_images(test=45)))["features"]
    of_seed = expected[expected["seed"] == 0].reset_index(drop=True)
    differ = ~np.isclose(higher["value"], of_seed["value"], equal_nan=True)
    assert differ.any()
    assert all(feature.endswith("_spikes") for feature in higher.loc[differ, "feature"])


def test_at_most_so_many_images_are_taken_the_same_for_every_network_and_order(observed_run, make_images, presented):
    image_set = make_images(test=45)
    artefacts = observed_run(image_set=image_set)
    few, many = observed(artefacts, samples=30), observed(artefacts, samples=45)
    assert set(few["spectra"]["images"]) == {30}
    assert set(many["spectra"]["images"]) == {45}
    assert not np.isclose(few["features"]["value"], many["features"]["value"]).all()
    presented["order"] = "given"
    given = observed_run(seeds=(1,), image_set=image_set)
    assert spikes.load(given["spikes"]).index.tolist() != spikes.load(artefacts["spikes"]).index.tolist()
    of_seed = few["features"][few["features"]["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(observed(given, samples=30)["features"], of_seed, check_exact=True)


def test_the_sample_depends_on_the_dataset_alone_and_fewer_are_the_first_of_more():
    presented = np.random.default_rng(0).permutation(400)[:200].astype(np.int32)
    chosen = dimension._sample(presented, 400, 50, "dots")
    assert len(set(chosen)) == 50
    assert set(chosen) < set(presented)
    assert chosen.tolist() == dimension._sample(presented[::-1], 400, 50, "dots").tolist()
    assert set(dimension._sample(presented, 400, 20, "dots")) < set(chosen)
    assert chosen.tolist() != dimension._sample(presented, 400, 50, "lines").tolist()
    assert dimension._sample(presented, 400, 1000, "dots").tolist() == sorted(presented)


def test_dead_layer_has_no_dimension_but_its_preactivations_have(of_perceptron, change_weights):
    bias = "hidden2.linear.bias"
    change_weights(
        of_perceptron["checkpoints"],
        lambda all_: {name: tensor - 1e4 for name, tensor in all_.items() if name.endswith(bias)},
    )
    tables = observed(of_perceptron)
    found = values_at(tables["features"], 0, 1, "hidden2.relu")
    undefined = found.index[found.isna()].tolist()
    assert undefined == [name for name in FEATURES if name not in ("duplicate_share",) and "preact" not in name]
    assert found["duplicate_share"] == 44 / 45
    dead = tables["spectra"].query("layer == 'hidden2.relu' and representation != 'preactivations'")
    assert len(dead) == 2 * 2 * 2 * 5
    assert dead["explained_variance_ratio"].isna().all()


def test_network_whose_weights_are_not_finite_has_rows_without_values(of_perceptron, change_weights):
    change_weights(
        of_perceptron["checkpoints"],
        lambda all_: {name: tensor * float("nan") for name, tensor in all_.items() if tensor.is_floating_point()},
    )
    table = observed(of_perceptron)["features"]
    assert len(table) == 2 * 2 * 2 * len(FEATURES)
    assert table.loc[table["feature"] != "duplicate_share", "value"].isna().all()


def test_layer_of_one_unit_has_dimension_one(observed_run, make_images):
    narrow = {"plugin": "mlp", "parameters": {"hidden": [1, 4]}}
    artefacts = observed_run(image_set=make_images(test=45), architecture=narrow)
    found = values_at(observed(artefacts)["features"], 0, 0, "hidden1.relu")
    assert found["effective_dimension_preactivations"] == found["participation_ratio_preactivations"] == 1


def test_spectra_hold_the_leading_components_alone(observed_run, make_images):
    wide = {"plugin": "mlp", "parameters": {"hidden": [80]}}
    artefacts = observed_run(seeds=(0,), image_set=make_images(test=90, shape=(1, 9, 9)), architecture=wide)
    spectra = observed(artefacts)["spectra"]
    assert spectra.groupby(["epoch", "representation"])["component"].agg(list).tolist() == 6 * [list(range(1, 51))]
    assert spectra.groupby(["epoch", "representation"])["explained_variance_ratio"].is_monotonic_decreasing.all()
