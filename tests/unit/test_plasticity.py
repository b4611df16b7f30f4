"""The plasticity observable: its targets, its images, dead units, and networks of every kind."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from spikegrid.features import COLUMNS
from spikegrid.images import TRAIN
from spikegrid.observables import plasticity
from spikegrid.relearning import Relearning

PARAMETERS = {"samples": 12, "learning_rate": 0.01, "accuracy": 1.0, "steps": 400}
FEATURES = ["steps_to_learn", "not_learned", "initial_loss", "dead_share"]


def observed(artefacts: dict, **changed) -> pd.DataFrame:
    return plasticity.observe(artefacts, **PARAMETERS | changed)


def of_network(table: pd.DataFrame, feature: str) -> pd.Series:
    chosen = table[(table["feature"] == feature) & (table["depth"] == 0)]
    return chosen.set_index(["seed", "epoch"])["value"]


@pytest.fixture
def relearnings(monkeypatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and targets that networks are to learn; none learns anything."""
    asked = []

    def note(networks, inputs, targets, *_):
        asked.append((inputs.clone(), targets.clone()))
        count = len(targets)
        return Relearning(np.zeros(count, int), np.ones(count, bool), np.zeros(count))

    monkeypatch.setattr(plasticity, "relearn", note)
    return asked


def test_table_is_tidy_with_features_of_the_network_and_dead_units_by_layer(observed_run):
    table = observed(observed_run())
    assert list(table) == COLUMNS
    places = [("network", 0, name) for name in FEATURES]
    places += [("hidden1.relu", 1, "dead_share"), ("hidden2.relu", 2, "dead_share")]
    assert list(zip(table["layer"], table["depth"], table["feature"])) == places * 4
    assert of_network(table, "steps_to_learn").between(1, 399).all()
    assert (of_network(table, "not_learned") == 0).all()


def test_a_network_that_does_not_learn_in_time_counts_with_the_most_steps(observed_run):
    table = observed(observed_run(), steps=1)
    assert (of_network(table, "steps_to_learn") == 1).all()
    assert (of_network(table, "not_learned") == 1).all()


def test_new_labels_are_uniform_other_in_every_network_and_the_same_at_all_its_checkpoints(
    observed_run, make_images, relearnings
):
    observed(observed_run(image_set=make_images(train=600)), samples=600)
    of_seeds = [targets.numpy() for _, targets in relearnings]
    assert len(of_seeds) == 2
    for targets in of_seeds:
        assert (targets == targets[0]).all()
        counts = np.bincount(targets[0], minlength=3)
        assert counts.sum() == 600
        assert (np.abs(counts - 200) < 4 * math.sqrt(600 * 2 / 9)).all()
    agreement = (of_seeds[0][0] == of_seeds[1][0]).mean()
    assert abs(agreement - 1 / 3) < 4 * math.sqrt(2 / 9 / 600)


def test_new_labels_do_not_depend_on_those_trained_on(observed_run, make_images, relearnings):
    image_set = make_images(train=600)
    artefacts = observed_run(image_set=image_set, seeds=(0,))
    observed(artefacts, samples=600)
    (inputs, targets) = relearnings[0]
    known = {image.tobytes(): label for image, label in zip(image_set.images, image_set.labels)}
    mean, deviation = image_set.channel_statistics()
    shown = np.round((inputs[0].numpy() * deviation + mean) * 255).astype(np.uint8)
    trained = np.array([known[image.tobytes()] for image in shown])
    assert abs((trained == targets[0].numpy()).mean() - 1 / 3) < 4 * math.sqrt(2 / 9 / 600)


def test_all_networks_of_a_dataset_learn_on_the_same_training_images(observed_run, make_images, cnn, relearnings):
    image_set = make_images()
    few = {"plugin": "few_samples", "parameters": {"samples": 6}}
    observed(observed_run(image_set=image_set))
    observed(observed_run(seeds=(5,), image_set=image_set, architecture=cnn, regime=few))
    first = relearnings[0][0][0]
    assert all(torch.equal(own, first) for inputs, _ in relearnings for own in inputs)
    mean, deviation = image_set.channel_statistics()
    pixels = np.round((first.numpy() * deviation + mean) * 255).astype(np.uint8)
    training = {image.tobytes() for image in image_set.images[image_set.split == TRAIN]}
    assert len(pixels) == 12
    assert {image.tobytes() for image in pixels} <= training


def test_fewer_training_images_than_asked_for_are_all_taken(observed_run, relearnings):
    observed(observed_run(), samples=1000)
    assert {inputs.shape[1] for inputs, _ in relearnings} == {24}


def test_dead_shares_are_those_of_units_that_fire_on_none_of_the_images(
    observed_run, make_images, relearnings, change_weights
):
    image_set = make_images()
    artefacts = observed_run(seeds=(0,), image_set=image_set)
    silencing = torch.tensor([1e3] * 3 + [0] * 4)
    change_weights(
        artefacts["checkpoints"],
        lambda all_: {name: all_[name] - silencing for name in all_ if name.endswith("hidden1.linear.bias")},
    )
    tensors = load_file(artefacts["checkpoints"])
    table = observed(artefacts)
    inputs = relearnings[0][0][0].numpy().reshape(12, -1)
    for epoch in (0, 1):
        state = {name: tensors[f"seed0/epoch{epoch}/{name}"].numpy() for name in weights_of(tensors)}
        first = np.maximum(inputs @ state["hidden1.linear.weight"].T + state["hidden1.linear.bias"], 0)
        second = np.maximum(first @ state["hidden2.linear.weight"].T + state["hidden2.linear.bias"], 0)
        dead = [(layer <= 0).all(axis=0) for layer in (first, second)]
        found = table[(table["epoch"] == epoch) & (table["feature"] == "dead_share")].set_index("depth")["value"]
        expected = {0: np.concatenate(dead).mean(), 1: dead[0].mean(), 2: dead[1].mean()}
        assert found.to_dict() == pytest.approx(expected)
        assert found[1] >= 3 / 7


def weights_of(tensors: dict) -> set[str]:
    return {name.split("/")[2] for name in tensors if name.count("/") == 2}


def test_networks_are_taken_as_their_checkpoints_have_them_whatever_others_learned_before(observed_run, change_weights):
    artefacts = observed_run(seeds=(0,))
    both = observed(artefacts)
    change_weights(
        artefacts["checkpoints"],
        lambda all_: {name: all_[name.replace("/epoch0/", "/epoch1/")].clone() for name in all_ if "/epoch0/" in name},
    )
    same = observed(artefacts)
    for feature in FEATURES:
        assert of_network(same, feature)[0, 0] == of_network(same, feature)[0, 1] == of_network(both, feature)[0, 1]


def test_a_confident_network_has_a_large_initial_loss_and_an_even_one_that_of_chance(observed_run, change_weights):
    artefacts = observed_run(seeds=(0,))
    factors = {"epoch0": 0, "epoch1": 100}
    change_weights(
        artefacts["checkpoints"],
        lambda all_: {name: all_[name] * factors[name.split("/")[1]] for name in all_ if "/logits" in name},
    )
    losses = of_network(observed(artefacts, steps=1), "initial_loss")
    assert losses[0, 0] == pytest.approx(math.log(3))
    assert losses[0, 1] > 2 * math.log(3)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_seed_has_the_same_values_in_every_block_and_in_every_run(observed_run, kind, request):
    architecture = request.getfixturevalue(kind)
    together, alone = (observed(observed_run(seeds=seeds, architecture=architecture)) for seeds in ((0, 1), (1,)))
    of_seed = together[together["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_seed, alone, check_exact=True)


def test_networks_of_every_kind_are_measured(observed_run, another_architecture):
    table = observed(observed_run(seeds=(0,), architecture=another_architecture), steps=3)
    assert table["value"].notna().all()
    assert table.loc[table["feature"] == "dead_share", "value"].between(0, 1).all()
