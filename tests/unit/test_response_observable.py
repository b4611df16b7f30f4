"""The response observable on runs: which images and labels it takes, repeatability, edge cases, and its values."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch.nn.functional import cross_entropy

from spikegrid.features import COLUMNS, NETWORK
from spikegrid.images import TRAIN, load
from spikegrid.labels import NOT_SHOWN
from spikegrid.observables import response
from spikegrid.observed_networks import ObservedNetworks

pytestmark = pytest.mark.filterwarnings("error")

FEATURES = [
    *("response_amplitude", "response_error", "response_kernel", "response_slope", "response_probability_amplitude"),
    *("response_self_amplitude", "finite_step_deviation", "kernel_amplitude", "kernel_distance_correlation"),
    *("kernel_class_contrast", "kernel_effective_dimension", "response_separability", "response_shape_separability"),
    *("kernel_separability", "kernel_shape_separability"),
]
LONG = {"epochs": 4, "checkpoints": [0, 1, 2, 4]}


def observed(artefacts, samples=6, step=1e-3, directions=2) -> dict[str, pd.DataFrame]:
    return response.observe(artefacts, samples, step, directions)


def values(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Values of one seed, epochs × features."""
    return table[table["seed"] == seed].pivot(index="epoch", columns="feature", values="value")


def steps_by_hand(artefacts, seed: int, step: float) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Errors [n] and responses [n, n] as sizes, by epoch, of all training images of a seed, by torch.optim."""
    networks, found = ObservedNetworks(artefacts), {}
    index, labels = networks.trained_on(seed)
    inputs, labels = networks.inputs(seed, index).double(), torch.as_tensor(labels, dtype=torch.int64)
    for epoch, network in networks.networks(seed):
        network = network.double()
        kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        before, rows = network(inputs).detach(), []
        for source in range(len(inputs)):
            network.load_state_dict(kept)
            network.zero_grad()
            cross_entropy(network(inputs[source : source + 1]), labels[source : source + 1]).backward()
            torch.optim.SGD(network.parameters(), lr=step).step()
            rows.append((network(inputs).detach() - before).norm(dim=1) / step)
        network.load_state_dict(kept)
        errors = before.softmax(dim=1) - torch.nn.functional.one_hot(labels, before.shape[1])
        found[epoch] = errors.norm(dim=1).numpy(), torch.stack(rows).numpy()
    return found


def test_features_are_a_tidy_table_of_the_whole_network(observed_run):
    tables = observed(observed_run(**LONG))
    assert set(tables) == {"features", *response.TABLES}
    features = tables["features"]
    assert list(features.columns) == COLUMNS
    assert set(features["layer"]) == {NETWORK}
    assert len(features) == 2 * 4 * len(FEATURES)
    assert set(features["feature"]) == set(FEATURES)
    late = features[features["epoch"] >= 2]
    assert np.isfinite(late["value"]).all()
    early = features[features["epoch"] < 2]
    undefined = early["feature"].str.endswith("separability")
    assert early["value"].isna().tolist() == undefined.tolist()


def test_amplitudes_and_errors_are_geometric_means_over_steps_taken_with_torch(observed_run, cnn):
    artefacts = observed_run(seeds=(0,), architecture=cnn)
    found, others = values(observed(artefacts, samples=24, step=0.01)["features"]), ~np.eye(24, dtype=bool)
    for epoch, (errors, sizes) in steps_by_hand(artefacts, 0, 0.01).items():
        row = found.loc[epoch]
        assert row["response_error"] == pytest.approx(stats.gmean(errors), rel=1e-8)
        assert row["response_amplitude"] == pytest.approx(stats.gmean(sizes[others]), rel=1e-8)
        assert row["response_self_amplitude"] == pytest.approx(stats.gmean(np.diag(sizes)), rel=1e-8)


def test_factors_multiply_and_the_finite_step_deviates_by_a_share_of_the_order_of_the_step(observed_run):
    artefacts = observed_run()
    found = values(observed(artefacts)["features"])
    product = found["response_slope"] * found["response_kernel"] * found["response_error"]
    np.testing.assert_allclose(found["response_probability_amplitude"], product, rtol=1e-12)
    finer = values(observed(artefacts, step=1e-4)["features"])
    assert (finer["finite_step_deviation"] < 0.2 * found["finite_step_deviation"]).all()
    small = finer["response_kernel"] * finer["response_error"]
    np.testing.assert_allclose(finer["response_amplitude"], small, rtol=0.02)


def test_values_of_a_seed_repeat_and_do_not_depend_on_its_block(observed_run):
    both, alone = observed_run(seeds=(0, 1), **LONG), observed_run(seeds=(1,), **LONG)
    first, again, other = observed(both), observed(both), observed(alone)
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, again[name], check_exact=True)
        of_seed = table[table["seed"] == 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_seed, other[name], check_exact=True)


def presented(monkeypatch, artefacts, samples: int) -> list[tuple[torch.Tensor, np.ndarray]]:
    """Inputs and labels of every network that the observable measures, once a seed."""
    shown, measure = [], response.training_response

    def measured(network, inputs, labels, *rest):
        shown.append((inputs, labels))
        return measure(network, inputs, labels, *rest)

    monkeypatch.setattr(response, "training_response", measured)
    observed(artefacts, samples)
    return shown[::2]


def test_labels_are_those_of_training(observed_run, monkeypatch):
    permuted = {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "permuted"}}
    artefacts = observed_run(regime=permuted)
    networks = ObservedNetworks(artefacts)
    shown = presented(monkeypatch, artefacts, samples=24)
    for seed, (inputs, labels) in zip((0, 1), shown):
        index, trained = networks.trained_on(seed)
        expected = {
            tuple(pixels.tolist()): label for pixels, label in zip(networks.inputs(seed, index).flatten(1), trained)
        }
        assert [expected[tuple(pixels.tolist())] for pixels in inputs.flatten(1)] == labels.tolist()
        assert not np.array_equal(trained, networks.labels[index]), "the regime changes labels"
    assert not np.array_equal(shown[0][1], shown[1][1])


def test_networks_of_a_dataset_share_their_images_as_far_as_they_were_shown(observed_run, make_images, monkeypatch):
    image_set = make_images(train=30, test=9)
    everything = presented(monkeypatch, observed_run(seeds=(0, 1), image_set=image_set), samples=30)
    few = {"plugin": "few_samples", "parameters": {"samples": 12}}
    chosen = presented(monkeypatch, observed_run(seeds=(2, 3), regime=few, image_set=image_set), samples=5)
    assert torch.equal(everything[0][0], everything[1][0])
    ranks = {tuple(pixels.tolist()): place for place, pixels in enumerate(everything[0][0].flatten(1))}
    for inputs, _ in chosen:
        places = [ranks[tuple(pixels.tolist())] for pixels in inputs.flatten(1)]
        assert len(places) == 5
        assert places == sorted(places)
    assert len(everything[0][0]) == np.sum(image_set.split == TRAIN)


def test_fewer_images_than_asked_for_are_all_taken_and_one_alone_has_no_pair(observed_run, make_images):
    few = {"plugin": "few_samples", "parameters": {"samples": 3}}
    tables = observed(observed_run(seeds=(0,), regime=few, batch_size=3), samples=50)
    assert tables["kernel"].groupby("epoch")["pairs"].sum().tolist() == [3, 3]
    artefacts = observed_run(seeds=(1,))
    found = values(observed(artefacts, samples=1)["features"], seed=1)
    pairs = ["response_amplitude", "response_kernel", "kernel_distance_correlation", "kernel_class_contrast"]
    assert found[[*pairs, "finite_step_deviation"]].isna().all(axis=None)
    assert np.isfinite(found[["response_self_amplitude", "kernel_amplitude"]]).all(axis=None)


def test_kernel_table_has_the_pairs_in_bins_of_their_distance(observed_run):
    artefacts = observed_run(seeds=(0,))
    table, networks = observed(artefacts, samples=24)["kernel"], ObservedNetworks(artefacts)
    index, _ = networks.trained_on(0)
    flat = networks.inputs(0, index).flatten(1).double().numpy()
    one, other = np.triu_indices(24, k=1)
    apart, steps = np.sqrt(((flat[one] - flat[other]) ** 2).mean(axis=1)), steps_by_hand(artefacts, 0, 1e-3)
    nearest = np.argsort(apart, kind="stable").reshape(response.BINS, -1)
    order = np.stack([[one, other], [other, one]], axis=-1)[:, nearest]
    for epoch, bins in table.groupby("epoch"):
        assert bins["bin"].tolist() == list(range(response.BINS))
        assert bins["pairs"].tolist() == [len(apart) // response.BINS] * response.BINS
        expected = [part.mean() for part in np.split(np.sort(apart), response.BINS)]
        np.testing.assert_allclose(bins["distance"], expected, rtol=1e-6)
        assert bins["kernel"].between(-1, 1).all()
        sizes = steps[epoch][1][tuple(order)]
        assert bins["response"].tolist() == pytest.approx([stats.gmean(part, axis=None) for part in sizes], rel=1e-6)


def test_kernel_is_of_one_class_more_than_of_two_where_classes_lie_apart(observed_run):
    """Images of a class lie near each other here, so both signs are known before any training."""
    found = values(observed(observed_run(), samples=24)["features"])
    assert found.loc[0, "kernel_class_contrast"] > 0.1
    assert found.loc[0, "kernel_distance_correlation"] < -0.5


def test_a_network_whose_weights_are_lost_has_undefined_features_and_no_error(observed_run, monkeypatch):
    artefacts, whole = observed_run(seeds=(0,), **LONG), ObservedNetworks.networks

    def diverged(self, seed):
        for epoch, network in whole(self, seed):
            if epoch == 4:
                with torch.no_grad():
                    next(network.parameters()).fill_(torch.nan)
            yield epoch, network

    monkeypatch.setattr(ObservedNetworks, "networks", diverged)
    found = values(observed(artefacts)["features"])
    assert found.loc[4].isna().all()
    assert found.loc[2].notna().all()


def test_labels_of_images_left_out_are_never_used(observed_run):
    few = {"plugin": "few_samples", "parameters": {"samples": 12}}
    artefacts = observed_run(regime=few)
    index, labels = ObservedNetworks(artefacts).trained_on(0)
    assert NOT_SHOWN not in labels
    assert set(load(artefacts["dataset"]).split[index]) == {TRAIN}
