"""Removing units: which go first, and what is left, against networks whose every answer is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats
from sklearn.metrics import mutual_info_score
from torch import nn

from spikegrid import ablation
from spikegrid.ablation import correct_by_share, correct_without, removal_ranks, unit_scores
from spikegrid.capture import RecordedModel
from spikegrid.errors import InputError
from spikegrid.images import TRAIN, ImageSet
from spikegrid.networks import as_inputs
from spikegrid.observables import pruning
from spikegrid.pruning_areas import CRITERIA, RANDOM

UNITS = 5
SHARES = [0.25, 0.5, 0.75]
PARAMETERS = {"samples": 10, "shares": SHARES, "draws": 3, "layers": 4, "window": 4}
MEMORIZING = {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "uniform"}}


def copying() -> nn.Sequential:
    """A network whose unit c, in both of its layers, is pixel c, and so is its logit c."""
    linear = [nn.Linear(UNITS, UNITS) for _ in range(3)]
    for layer in linear:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Flatten(), linear[0], nn.ReLU(), linear[1], nn.ReLU(inplace=True), linear[2]).eval()


@pytest.fixture
def lit() -> tuple[RecordedModel, torch.Tensor, torch.Tensor]:
    """That network, 300 images in which one pixel is lit, and that pixel: the class."""
    classes = torch.from_numpy(np.random.default_rng(0).integers(UNITS, size=300))
    inputs = nn.functional.one_hot(classes, UNITS).float().view(-1, 1, 1, UNITS)
    return RecordedModel(copying(), inputs[:2]), inputs, classes


def removed(*units: int) -> torch.Tensor:
    return torch.isin(torch.arange(UNITS), torch.tensor(units))


@pytest.mark.parametrize("batch", [512, 700, 100, 16])
def test_without_a_unit_its_class_is_lost_unless_all_logits_being_equal_name_it(lit, monkeypatch, batch):
    monkeypatch.setattr(ablation, "presented_batch", lambda layers: batch)
    ablations = [{}, {0: removed(2)}, {1: removed(3)}, {0: removed(1), 1: removed(4, 1)}, {1: removed(0)}]
    correct = correct_without(*lit, iter(ablations))
    classes = lit[2].numpy()
    for found, lost in zip(correct, [[], [2], [3], [1, 4], []], strict=True):
        np.testing.assert_array_equal(found, ~np.isin(classes, lost))


def test_shares_of_units_are_removed_in_the_order_of_their_ranks_of_each_layer_and_of_all(lit):
    shares = np.array([0, 0.19, 0.35, 0.8, 1])  # 0, 1, 2, 4 and 5 units
    first = np.array([[4, 3, 2, 1, 0], [0, 1, 2, 3, 4]])
    second = np.array([[2, 3, 4, 0, 1], [4, 0, 1, 2, 3]])
    found = correct_by_share(*lit, [first, second], shares, [[0], [1], [0, 1]])
    assert found.shape == (3, 2, 5, 300)
    classes = lit[2].numpy()
    for place, layers in enumerate([[first], [second], [first, second]]):
        for order in range(2):
            for step, count in enumerate([0, 1, 2, 4, 5]):
                lost = [unit for ranks in layers for unit in np.flatnonzero(ranks[order] < count) if unit > 0]
                np.testing.assert_array_equal(found[place, order, step], ~np.isin(classes, lost))


def test_without_the_last_hidden_layer_the_biases_of_the_logits_are_left():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 3))
    inputs, targets = torch.randn(50, 1, 2, 2), torch.arange(50) % 3
    everything = {1: torch.ones(6, dtype=torch.bool)}
    correct = correct_without(RecordedModel(network, inputs[:2]), inputs, targets, [everything])
    np.testing.assert_array_equal(correct[0], targets.numpy() == network[-1].bias.argmax().item())


# --- which go first ---


@pytest.fixture
def scored() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Scores of a layer of which a unit is dead and one always fires, its outputs, and labels of 200 images."""
    torch.manual_seed(2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 30), nn.LeakyReLU(0.1), nn.Linear(30, 3)).eval()
    with torch.no_grad():
        network[1].bias[:2] = torch.tensor([-1e3, 1e3])
    labels = np.random.default_rng(3).choice([2, 5, 7, 9], 200, p=[0.1, 0.2, 0.3, 0.4]).astype(np.int16)
    inputs = torch.randn(200, 1, 2, 2) + torch.from_numpy(labels)[:, None, None, None] / 5
    (scores,) = unit_scores(RecordedModel(network, inputs[:2]), inputs, labels, window=10)
    with torch.no_grad():
        outputs = network[:3](inputs).numpy()
    return scores, outputs, outputs > 0, labels


def test_scores_are_rate_entropy_information_and_size_as_other_libraries_compute_them(scored):
    scores, outputs, fires, labels = scored
    assert list(scores) == CRITERIA
    rates = fires.mean(axis=0)
    np.testing.assert_allclose(scores["rare"], rates)
    np.testing.assert_allclose(scores["always_on"], -rates)
    np.testing.assert_allclose(scores["entropy"], stats.entropy([rates, 1 - rates], base=2), atol=1e-12)
    np.testing.assert_allclose(scores["magnitude"], np.abs(outputs).mean(axis=0), rtol=1e-5)
    information = [mutual_info_score(labels, unit) / np.log(2) for unit in fires.T]
    np.testing.assert_allclose(scores["information"], information, atol=1e-12)


def test_score_of_the_fano_factor_is_the_variance_over_the_mean_of_counts_in_windows_of_one_class(scored):
    scores, _, fires, labels = scored
    classes, sizes = np.unique(labels, return_counts=True)
    rates = np.stack([fires[labels == label].mean(axis=0) for label in classes])
    weights = sizes / sizes.sum()
    generator, window = np.random.default_rng(4), 10
    of_windows = generator.choice(len(classes), 200_000, p=weights)
    for unit in (2, 7, 19):
        counts = generator.binomial(window, rates[of_windows, unit])
        assert scores["fano"][unit] == pytest.approx(counts.var() / counts.mean(), rel=0.02)


def test_dead_units_and_those_always_on_go_first_where_they_should(scored):
    scores = {name: removal_ranks(values, np.random.default_rng(5)) for name, values in scored[0].items()}
    dead, always = 0, 1
    assert scores["rare"][dead] == scores["always_on"][always] == scores["fano"][dead] == 0
    assert scores["fano"][always] == 1
    for name in ("entropy", "information"):
        assert {scores[name][dead], scores[name][always]} == {0, 1}
    assert scores["always_on"][dead] == scores["magnitude"][always] == 29


def test_an_input_of_exactly_zero_is_no_spike(lit):
    recorded, inputs, classes = lit
    scores = unit_scores(recorded, inputs, classes.numpy(), window=10)
    for of_layer in scores:
        np.testing.assert_allclose(of_layer["rare"], np.bincount(classes, minlength=UNITS) / len(classes), rtol=1e-6)


def test_sigmoids_fire_above_one_half():
    network, inputs = nn.Sequential(nn.Flatten(), nn.Linear(4, 9), nn.Sigmoid()).eval(), torch.randn(80, 1, 2, 2)
    (scores,) = unit_scores(RecordedModel(network, inputs[:2]), inputs, np.arange(80) % 2, window=4)
    np.testing.assert_allclose(scores["rare"], (network(inputs) > 0.5).double().mean(dim=0))


def test_ranks_sort_the_scores():
    values = np.random.default_rng(6).normal(size=100)
    np.testing.assert_array_equal(removal_ranks(values, np.random.default_rng(7)), stats.rankdata(values) - 1)


def test_ties_come_in_every_order_alike():
    generator = np.random.default_rng(8)
    ranks = np.array([removal_ranks(np.array([1.0, 0, 0, 0]), generator) for _ in range(6000)])
    assert (ranks[:, 0] == 3).all()
    _, counts = np.unique(ranks, axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-4


# --- the observable ---


@pytest.fixture
def large(make_images) -> ImageSet:
    return make_images(train=60, test=45)


def observed(artefacts: dict, **changed) -> dict[str, pd.DataFrame]:
    return pruning.observe(artefacts, **PARAMETERS | changed)


def test_table_has_a_row_for_each_place_criterion_and_share_and_features_those_of_training_images(observed_run):
    tables = observed(observed_run())
    places = [("network", 0), ("hidden1.relu", 1), ("hidden2.relu", 2)]
    expected = [
        (seed, 1, *place, criterion, share)
        for seed in (0, 1)
        for place in places
        for criterion in (*CRITERIA, RANDOM)
        for share in (0, *SHARES, 1)
    ]
    table = tables["pruning"]
    names = ["seed", "epoch", "layer", "depth", "criterion", "share"]
    assert list(table[names].itertuples(index=False, name=None)) == expected
    assert list(tables["features"]["feature"]) == [f"pruning_area_{name}" for name in (*CRITERIA, RANDOM)] * 6
    curve = table[(table["layer"] == "hidden2.relu") & (table["criterion"] == "fano") & (table["seed"] == 1)]
    area = np.trapezoid(curve["accuracy_train"], curve["share"]) / curve["accuracy_train"].iloc[0]
    features = tables["features"].set_index(["seed", "layer", "feature"])["value"]
    assert features[1, "hidden2.relu", "pruning_area_fano"] == pytest.approx(area)


@pytest.mark.parametrize("regime", ["generalizing", "memorizing"])
def test_accuracy_with_no_unit_removed_is_that_by_labels_of_training_and_by_true_labels(observed_run, large, regime):
    entry = MEMORIZING if regime == "memorizing" else {"plugin": regime, "parameters": {}}
    artefacts = observed_run(seeds=(0,), image_set=large, regime=entry, epochs=30, checkpoints=[30])
    table = observed(artefacts, samples=1000)["pruning"]
    tensors = load_file(artefacts["checkpoints"])
    state = {name.split("/", 2)[2]: value for name, value in tensors.items() if "/epoch30/" in name}
    hidden = as_inputs(large.images, large, torch.device("cpu")).flatten(1)
    for layer in ("hidden1.linear", "hidden2.linear"):
        hidden = torch.relu(hidden @ state[f"{layer}.weight"].T + state[f"{layer}.bias"])
    answers = (hidden @ state["logits.weight"].T + state["logits.bias"]).argmax(dim=1).numpy()
    training = large.split == TRAIN
    right = answers[training] == tensors["seed0/labels"].numpy()
    whole = table[table["share"] == 0]
    (of_test,), (of_training,) = whole["accuracy_test"].unique(), whole["accuracy_train"].unique()
    assert of_test == pytest.approx((answers[~training] == large.labels[~training]).mean())
    measured = round(of_training * 30)
    assert of_training == pytest.approx(measured / 30)
    assert measured <= right.sum() <= measured + 30
    assert (of_test < 0.7) == (regime == "memorizing")


def test_units_are_ranked_and_accuracy_is_measured_on_images_that_do_not_overlap(observed_run, large, monkeypatch):
    shown = {}

    def note(name, function):
        def noting(recorded, inputs, *rest):
            shown.setdefault(name, []).append(inputs.clone())
            return function(recorded, inputs, *rest)

        monkeypatch.setattr(pruning, name, noting)

    note("unit_scores", unit_scores)
    note("correct_by_share", correct_by_share)
    observed(observed_run(image_set=large))
    mean, deviation = large.channel_statistics()
    (ranking, again), (measured, also) = shown["unit_scores"], shown["correct_by_share"]
    assert torch.equal(ranking, again)
    assert torch.equal(measured, also)

    def pixels(inputs):
        raw = np.round((inputs.numpy() * deviation[:, None, None] + mean[:, None, None]) * 255).astype(np.uint8)
        return {image.tobytes() for image in raw}

    training = {image.tobytes() for image in large.images[large.split == TRAIN]}
    ranked, trained, held_out = pixels(ranking), pixels(measured[:10]), pixels(measured[10:])
    assert [len(ranked), len(trained), len(held_out)] == [10] * 3
    assert ranked | trained <= training
    assert not ranked & trained
    assert not held_out & training


def test_removing_dead_units_changes_nothing_and_the_rarest_first_are_these(observed_run, large, change_weights):
    artefacts = observed_run(seeds=(0,), image_set=large, epochs=20, checkpoints=[20])
    silencing = torch.tensor([0, 1e3, 0, 1e3, 0, 1e3, 1e3])
    change_weights(
        artefacts["checkpoints"],
        lambda all_: {name: all_[name] - silencing for name in all_ if name.endswith("hidden1.linear.bias")},
    )
    table = observed(artefacts, shares=[0.3, 4 / 7, 0.9])["pruning"]
    first = table[table["layer"] == "hidden1.relu"].set_index("share")
    left = {name: rows[["accuracy_train", "accuracy_test"]] for name, rows in first.groupby("criterion")}
    for criterion in ("rare", "fano", "magnitude"):
        assert (left[criterion].loc[[0.3, 4 / 7]] == left[criterion].loc[0]).all(axis=None)
    assert (left["always_on"].loc[4 / 7] < left["rare"].loc[4 / 7]).any()


def test_random_removal_is_the_mean_over_draws_that_differ_by_network_and_layer(observed_run, large, monkeypatch):
    asked = []

    def note(recorded, inputs, targets, ranks, shares, places):
        asked.append(ranks)
        steps = np.arange(len(ranks[0]))[None, :, None, None] % 2 == 0
        return np.broadcast_to(steps, (len(places), len(ranks[0]), len(shares), len(inputs)))

    monkeypatch.setattr(pruning, "correct_by_share", note)
    wide = {"plugin": "mlp", "parameters": {"hidden": [20, 20]}}
    table = observed(observed_run(image_set=large, architecture=wide), draws=5)["pruning"]
    orders = [tuple(order) for ranks in asked for of_layer in ranks for order in of_layer[len(CRITERIA) :]]
    assert len(orders) == len(set(orders)) == 20
    at_random = table[table["criterion"] == RANDOM]
    assert at_random["accuracy_train"].to_numpy() == pytest.approx(3 / 5)


@pytest.mark.parametrize(("layers", "depths"), [(1, [5]), (2, [1, 5]), (3, [1, 3, 5]), (9, [1, 2, 3, 4, 5])])
def test_layers_pruned_alone_are_evenly_spaced_and_the_last_is_among_them(observed_run, layers, depths):
    deep = {"plugin": "mlp", "parameters": {"hidden": [4] * 5}}
    table = observed(observed_run(seeds=(0,), architecture=deep), layers=layers)["pruning"]
    assert list(table["depth"].unique()) == [0, *depths]
    assert list(table["layer"].unique()) == ["network", *(f"hidden{depth}.relu" for depth in depths)]


def test_a_network_trained_on_one_image_is_refused_by_its_name(observed_run):
    one = {"plugin": "few_samples", "parameters": {"samples": 1}}
    with pytest.raises(InputError, match="pruning: dots/net/generalizing: trained on 1 image; expected 2"):
        observed(observed_run(seeds=(0,), regime=one))


def test_networks_of_every_kind_are_pruned(observed_run, another_architecture):
    table = observed(observed_run(seeds=(0,), architecture=another_architecture), shares=[0.5], draws=1)["pruning"]
    accuracies = table[["accuracy_train", "accuracy_test"]].to_numpy()
    assert ((accuracies >= 0) & (accuracies <= 1)).all()
    emptied = table[(table["share"] == 1)].groupby("layer")[["accuracy_train", "accuracy_test"]].nunique()
    assert (emptied == 1).all(axis=None)
