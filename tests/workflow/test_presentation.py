"""Which images are presented, in which order, and which units are kept."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from snakemake_runs import snakemake

RUN = "results/runs/digits/mlp/memorizing/seeds0-1"
DATASET = "results/datasets/digits.safetensors"


@pytest.fixture(scope="session")
def blocked(once, copied_smoke, code, smoke_grid):
    """Spikes at 50 training images, class by class, of 8 units a layer."""
    settings = {"images": "train", "samples": 50, "order": "class_blocked", "units_per_layer": 8}
    return once("blocked", extraction(copied_smoke, code, smoke_grid | {"spikes": settings}))


@pytest.fixture(scope="session")
def given(once, copied_smoke, code, smoke_grid):
    """Spikes over a high threshold at all test images in the order of the dataset, for one regime only."""
    grid = smoke_grid | {"spikes": {"order": "random", "threshold": 0}}
    grid["regimes"] = grid["regimes"] | {"memorizing": {"kind": "memorizing", "spikes": GIVEN}}
    return once("given", extraction(copied_smoke, code, grid))


GIVEN = {"order": "given", "threshold": 0.5}


def extraction(copied_smoke, code, grid):
    return lambda folder: snakemake(copied_smoke(folder), code=code, config=grid, targets=[f"{RUN}/spikes.npz"])


def arrays_of(finished):
    with np.load(finished.folder / RUN / "spikes.npz", allow_pickle=False) as spikes:
        return {name: spikes[name] for name in spikes.files}


def layers_of(arrays):
    return json.loads(str(arrays["meta"]))["layers"]


@pytest.mark.parametrize("presented", ["blocked", "given"])
def test_another_presentation_extracts_the_spikes_alone(request, presented):
    execution = request.getfixturevalue(presented).execution
    assert execution.code == 0, execution.text
    assert execution.rules == {"extract_spikes"}


@pytest.mark.parametrize("presented", ["blocked", "given"])
def test_labels_are_those_of_the_images_presented(request, presented):
    finished = request.getfixturevalue(presented)
    spikes, dataset = arrays_of(finished), load_file(finished.folder / DATASET)
    np.testing.assert_array_equal(spikes["labels"], dataset["labels"][spikes["index"]])


def test_a_class_blocked_order_presents_one_class_after_the_other(blocked):
    spikes = arrays_of(blocked)
    assert spikes["labels"].tolist() == np.repeat(np.arange(10), 5).tolist()
    assert (np.diff(spikes["index"].reshape(10, 5)) < 0).any(), "images of a class stand in the order of the file"


def test_samples_of_the_training_images_are_training_images_each_once(blocked):
    index, split = arrays_of(blocked)["index"], load_file(blocked.folder / DATASET)["split"]
    assert (split[index] == 0).all()
    assert len(np.unique(index)) == 50


def test_training_images_come_with_the_labels_that_each_seed_was_trained_on(blocked):
    spikes, split = arrays_of(blocked), load_file(blocked.folder / DATASET)["split"]
    networks = load_file(blocked.folder / RUN / "checkpoints.safetensors")
    for seed in (0, 1):
        trained_on = dict(zip(np.flatnonzero(split == 0), networks[f"seed{seed}/labels"]))
        assert spikes["train_labels"][seed].tolist() == [trained_on[image] for image in spikes["index"]]
    assert (spikes["train_labels"] != spikes["labels"]).mean() > 0.5


def test_only_the_units_asked_for_are_kept_and_say_where_they_sit(blocked, smoke):
    spikes, all_units = arrays_of(blocked), arrays_of(smoke)
    for layer, whole in zip(layers_of(spikes), layers_of(all_units)):
        assert layer["kept"] == 8
        assert spikes[layer["name"]].shape[-1] == 1
        units = spikes[f"{layer['name']}:units"][:, 0]
        assert (np.diff(units) > 0).all()
        assert units[-1] < layer["units"] == whole["units"] == whole["kept"]


def test_the_given_order_presents_every_test_image_in_the_order_of_the_dataset(given):
    split = load_file(given.folder / DATASET)["split"]
    np.testing.assert_array_equal(arrays_of(given)["index"], np.flatnonzero(split == 1))


def test_test_images_come_without_labels_trained_on(given):
    assert "train_labels" not in arrays_of(given)


def test_a_higher_threshold_silences_spikes_and_wakes_none(given, smoke):
    strict, plain = arrays_of(given), arrays_of(smoke)
    by_image = np.argsort(plain["index"])
    np.testing.assert_array_equal(plain["index"][by_image], strict["index"])
    for layer in layers_of(strict):
        over_half, over_zero = strict[layer["name"]], plain[layer["name"]][:, :, by_image]
        assert not (over_half & ~over_zero).any()
        assert (over_half != over_zero).any()
