"""The networks of a run as observables take them, against its files."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikegrid import images, spikes
from spikegrid.capture import capture_spikes
from spikegrid.errors import InputError
from spikegrid.labels import NOT_SHOWN
from spikegrid.observed_networks import ObservedNetworks


def test_networks_have_the_weights_of_each_checkpoint_and_are_in_evaluation_mode(observed_run):
    artefacts = observed_run(seeds=(0, 3))
    observed, tensors = ObservedNetworks(artefacts), load_file(artefacts["checkpoints"])
    assert (observed.seeds, observed.epochs, observed.classes) == ([0, 3], [0, 1], 3)
    for seed in observed.seeds:
        found = []
        for epoch, network in observed.networks(seed):
            assert not network.training
            for name, tensor in network.state_dict().items():
                assert torch.equal(tensor, tensors[f"seed{seed}/epoch{epoch}/{name}"])
            found.append(epoch)
        assert found == [0, 1]


@pytest.mark.parametrize("kind", ["generalizing", "shuffled_pixels"])
def test_presented_images_make_the_networks_fire_as_the_spike_file_says(observed_run, kind):
    parameters = {"permutation": "per_image"} if kind == "shuffled_pixels" else {}
    artefacts = observed_run(regime={"plugin": kind, "parameters": parameters}, samples=10)
    observed, layer = ObservedNetworks(artefacts), "hidden1.relu"
    with spikes.load(artefacts["spikes"]) as file:
        trains = {(seed, epoch): trains.to_array() for seed, epoch, trains in file.trains(layer)}
        for seed in observed.seeds:
            for epoch, network in observed.networks(seed):
                fired = capture_spikes(network, observed.inputs(seed, file.index))[layer]
                np.testing.assert_array_equal(fired.numpy().T, trains[seed, epoch])


def test_images_trained_on_are_those_that_the_regime_chose_with_their_labels(observed_run, make_images):
    image_set = make_images(train=30, test=9)
    few = {"plugin": "few_samples", "parameters": {"samples": 12}}
    artefacts = observed_run(regime=few, image_set=image_set)
    observed = ObservedNetworks(artefacts)
    for seed in (0, 1):
        index, labels = observed.trained_on(seed)
        assert len(index) == 12
        assert set(image_set.split[index]) == {images.TRAIN}
        assert labels.tolist() == image_set.labels[index].tolist()
        assert NOT_SHOWN not in labels


def test_a_unit_of_brightness_changes_the_input_by_the_pixel_scale(observed_run, make_images):
    image_set = make_images()
    black, white = image_set.images.copy(), image_set.images.copy()
    black[0], white[0] = 0, 255
    observed = ObservedNetworks(observed_run(image_set=image_set))
    observed._pixels = lambda _: np.stack([black[0], white[0]])
    dark, light = observed.inputs(0, np.arange(2)).double().numpy()
    np.testing.assert_allclose(light - dark, np.broadcast_to(observed.pixel_scale()[:, None, None], dark.shape), 1e-5)


def test_a_file_that_is_not_whole_is_named(observed_run):
    artefacts = observed_run()
    artefacts["checkpoints"].write_bytes(b"")
    with pytest.raises(InputError, match=r"checkpoints\.safetensors: not a whole checkpoint file"):
        ObservedNetworks(artefacts)


def test_drawn_images_are_some_of_those_given_whatever_their_order(observed_run):
    observed, index = ObservedNetworks(observed_run()), np.array([30, 3, 11, 24, 17])
    drawn = observed.drawn(index, 3, "test")
    assert len(set(drawn)) == 3
    assert set(drawn) < set(index)
    assert drawn.tolist() == observed.drawn(index[::-1], 3, "test").tolist()
    assert sorted(observed.drawn(index, 9, "test")) == sorted(index)
    draws = {tuple(observed.drawn(index, 3, f"purpose {number}")) for number in range(8)}
    assert len(draws) > 1
