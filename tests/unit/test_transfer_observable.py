"""The transfer observable: which images, layers and epochs it probes, against networks computed by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from spikegrid import images
from spikegrid.features import COLUMNS
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.linear_probe import Probe, ProbeTask, probe
from spikegrid.observables import transfer
from spikegrid.probes import COLUMNS as PROBE_COLUMNS
from spikegrid.probes import PIXELS

LAYERS = [("hidden1.relu", 1), ("hidden2.relu", 2)]


@pytest.fixture
def target() -> ImageSet:
    """Images of 3 classes that overlap, in the shape of those that networks of these tests are trained on."""
    generator = np.random.default_rng(7)
    labels = (np.arange(150) % 3).astype(np.int16)
    centres = generator.integers(80, 176, (3, 1, 4, 4))
    pixels = np.clip(centres[labels] + generator.normal(0, 40, (150, 1, 4, 4)), 0, 255)
    split = np.repeat(np.array([TRAIN, TEST], np.uint8), [90, 60])
    return ImageSet(pixels.astype(np.uint8), labels, split, ["a", "b", "c"], "made up")


@pytest.fixture
def run_of(observed_run, target, tmp_path):
    """Trains a run and gives its artefacts with the image set of a target, ``target`` unless another one is given."""

    def run(shown: ImageSet = target, **arguments) -> dict:
        images.save(tmp_path / "target.safetensors", shown)
        return observed_run(**arguments) | {"target": tmp_path / "target.safetensors"}

    return run


@pytest.fixture
def probed(monkeypatch) -> list[tuple[np.ndarray, np.ndarray, ProbeTask]]:
    """Features of training and test images, and the task, of every probe that is asked for; none learns anything."""
    asked = []

    def note(features: torch.Tensor, test_features: torch.Tensor, task: ProbeTask) -> Probe:
        asked.append((features.numpy(), test_features.numpy(), task))
        return Probe(0.5, 0.1)

    monkeypatch.setattr(transfer, "probe", note)
    return asked


def observed(artefacts: dict, samples: int = 60, target: str = "other") -> dict[str, pd.DataFrame]:
    return transfer.observe(artefacts, target, samples)


def normalized(shown: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Images in units of the mean and deviation of ``known``, channel by channel."""
    mean, deviation = known.mean(axis=(0, 2, 3), keepdims=True), known.std(axis=(0, 2, 3), keepdims=True)
    return (shown - mean) / deviation


def test_layers_are_probed_before_training_and_at_the_last_epoch(run_of):
    tables = observed(run_of(checkpoints=[0, 1, 2]))
    features, probes = tables["features"], tables["probes"]
    assert list(features) == COLUMNS
    assert list(probes) == PROBE_COLUMNS
    places = list(features[["seed", "epoch", "layer", "depth"]].itertuples(index=False, name=None))
    assert places == [(seed, epoch, *layer) for seed in (0, 1) for epoch in (0, 2) for layer in LAYERS]
    assert set(features["feature"]) == {"probe_accuracy"}
    assert probes["layer"].tolist() == [PIXELS, "hidden1.relu", "hidden2.relu"] * 4
    of_layers = probes[probes["depth"] > 0].reset_index(drop=True)
    assert (of_layers["accuracy"] == features["value"]).all()
    assert of_layers["width"].tolist() == [7, 5] * 4
    assert (probes[["target", "samples", "chance"]] == ["other", 60, 1 / 3]).all(axis=None)


def test_networks_without_training_are_probed_once(run_of):
    table = observed(run_of(epochs=0, checkpoints=[0]))["features"]
    assert table["epoch"].tolist() == [0] * 4


def test_accuracy_is_that_of_a_probe_of_activations_computed_by_hand(run_of, target):
    artefacts = run_of(seeds=(0,))
    table = observed(artefacts, samples=1000)["features"].set_index(["epoch", "layer"])["value"]
    known, tested = (target.part(part) for part in (TRAIN, TEST))
    task = ProbeTask.drawn(known[1], tested[1], 3, "other", torch.device("cpu"))
    tensors = load_file(artefacts["checkpoints"])
    for epoch in (0, 1):
        parts = [normalized(part[0].astype(float), known[0]).reshape(len(part[0]), -1) for part in (known, tested)]
        for layer in ("hidden1", "hidden2"):
            weight, bias = (tensors[f"seed0/epoch{epoch}/{layer}.linear.{name}"].numpy() for name in ("weight", "bias"))
            parts = [np.maximum(part @ weight.T + bias, 0) for part in parts]
            expected = probe(*map(torch.from_numpy, parts), task).accuracy
            assert table[epoch, f"{layer}.relu"] == pytest.approx(expected, abs=1 / 60 + 1e-9)
    assert table.between(1 / 3 + 0.05, 0.99).any()


def test_pixels_are_the_inputs_of_the_network(run_of, target, probed):
    observed(run_of(), samples=1000)
    features, test_features, task = probed[0]
    known, tested = (target.part(part) for part in (TRAIN, TEST))
    np.testing.assert_allclose(features, normalized(known[0], known[0]).reshape(90, 16), atol=1e-5)
    np.testing.assert_allclose(test_features, normalized(tested[0], known[0]).reshape(60, 16), atol=1e-5)
    assert task.labels.tolist() == known[1].tolist()
    assert task.test_labels.tolist() == tested[1].tolist()


def test_training_images_are_a_balanced_sample_and_test_images_are_all(run_of, target, probed):
    artefacts = run_of()
    observed(artefacts, samples=30)
    for features, test_features, task in probed:
        assert (len(features), len(test_features)) == (30, 60)
        assert np.bincount(task.labels).tolist() == [10, 10, 10]
    (first, _, _), count = probed[0], len(probed)
    observed(artefacts, samples=30, target="another")
    assert len(probed) == 2 * count
    assert not np.array_equal(np.sort(probed[count][0], axis=0), np.sort(first, axis=0))


def test_all_networks_are_shown_the_same_images(run_of, cnn, probed):
    observed(run_of(seeds=(0, 1)))
    observed(
        run_of(
            seeds=(3,), architecture=cnn, regime={"plugin": "shuffled_pixels", "parameters": {"permutation": "fixed"}}
        )
    )
    of_pixels = [features for features, _, _ in probed if features.shape[1] == 16]
    assert len(of_pixels) == 2
    assert np.array_equal(*of_pixels)


@pytest.mark.parametrize(("shape", "own"), [((3, 9, 7), (1, 4, 4)), ((1, 2, 2), (3, 5, 4))])
def test_images_of_any_shape_are_shown_in_that_of_the_network(run_of, make_images, cnn, probed, shape, own):
    observed(run_of(make_images(train=60, test=30, shape=shape), architecture=cnn, image_set=make_images(shape=own)))
    pixels, of_layer = probed[0][0], probed[1][0]
    assert pixels.shape == (60, math.prod(own))
    assert of_layer.shape == (60, 3 * own[1] * own[2])
    assert pixels.mean() == pytest.approx(0, abs=1e-5)
    assert pixels.std() == pytest.approx(1, abs=1e-5)


def test_brightness_and_contrast_of_the_target_do_not_matter(run_of, make_images, probed):
    light = make_images(train=60, test=30)
    dark, bright = (replace(light, images=(light.images // 4 * factor + 5).astype(np.uint8)) for factor in (1, 3))
    artefacts = run_of(dark)
    observed(artefacts)
    images.save(artefacts["target"], bright)
    observed(artefacts)
    half = len(probed) // 2
    for (features, _, _), (others, _, _) in zip(probed[:half], probed[half:], strict=True):
        np.testing.assert_allclose(features, others, atol=1e-4)


def test_a_dead_layer_gives_chance(run_of, change_weights):
    artefacts = run_of(seeds=(0,))
    change_weights(
        artefacts["checkpoints"],
        lambda all_: {name: torch.full_like(all_[name], -1e6) for name in all_ if name.endswith("hidden2.linear.bias")},
    )
    table = observed(artefacts)["features"].set_index(["epoch", "layer"])["value"]
    assert (table[:, "hidden2.relu"] == 1 / 3).all()
    assert (table[:, "hidden1.relu"] > 1 / 3 + 0.05).all()


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_seed_has_the_same_values_in_every_block_and_in_every_run(run_of, kind, request):
    architecture = request.getfixturevalue(kind)
    together, alone = (observed(run_of(seeds=seeds, architecture=architecture)) for seeds in ((0, 1), (1,)))
    for name in ("features", "probes"):
        of_seed = together[name][together[name]["seed"] == 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_seed, alone[name], check_exact=True)
