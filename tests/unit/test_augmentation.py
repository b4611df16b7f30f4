"""Augmentation: the crops and mirror images of torchvision, drawn for each network, epoch and image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torchvision.transforms import functional

from spikegrid.augmentation import Augmentation, crop
from spikegrid.errors import InputError
from spikegrid.examples import Examples
from spikegrid.images import TRAIN
from spikegrid.networks import as_inputs
from spikegrid.training import train_block

CPU = torch.device("cpu")
NAMES = [("dots", "net", "generalizing", seed) for seed in (0, 1)]


@pytest.fixture
def draw(training):
    """Draws the augmentation of one epoch for two networks."""

    def drawn(size=50, epoch=1, names=NAMES, **settings) -> Augmentation:
        settings = {"crop_padding": 3, "horizontal_flip": True} | settings
        return Augmentation.of_epoch(training | settings, names, epoch, size, CPU)

    return drawn


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 6, 4)])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_crops_are_those_of_torchvision(make_images, shape, padding):
    images, generator = make_images(train=60, shape=shape), np.random.default_rng(1)
    pixels = images.part(TRAIN)[0]
    places, mirrored = generator.integers(0, 2 * padding + 1, (60, 2)), generator.random(60) < 0.5
    expected = []
    for image, (top, left), flip in zip(torch.from_numpy(pixels), places.tolist(), mirrored):
        cut = functional.crop(functional.pad(image, [padding] * 4), top, left, *shape[1:])
        expected.append(functional.hflip(cut) if flip else cut)
    down, right = torch.from_numpy(places.T - padding)
    black = as_inputs(np.zeros((1, *shape), np.uint8), images, CPU)[0, :, :1, :1]
    moved = crop(as_inputs(pixels, images, CPU), down, right, torch.from_numpy(mirrored), black)
    torch.testing.assert_close(moved, as_inputs(torch.stack(expected).numpy(), images, CPU), rtol=0, atol=0)


def test_moves_are_uniform_and_every_second_image_is_mirrored(draw):
    drawn = draw(size=20_000)
    assert drawn.moves.shape == (2, 2, 20_000)
    for moves in drawn.moves.flatten(0, 1):
        assert chisquare(np.bincount(moves, minlength=7)).pvalue > 1e-4
    together = np.bincount((14 * drawn.moves[0] + 2 * drawn.moves[1] + drawn.mirrored).flatten(), minlength=98)
    assert len(together) == 98
    assert chisquare(together).pvalue > 1e-4


def test_draws_belong_to_a_network_and_an_epoch(draw):
    first = draw()
    for other in (draw(epoch=2), draw(names=NAMES[::-1])):
        assert (other.moves != first.moves).any()
        assert (other.mirrored != first.mirrored).any()
    alone = draw(names=NAMES[1:])
    assert torch.equal(alone.moves[:, 0], first.moves[:, 1])
    assert torch.equal(alone.mirrored[0], first.mirrored[1])


def test_what_is_not_asked_for_does_not_happen(draw):
    assert not draw(horizontal_flip=False).mirrored.any()
    still = draw(crop_padding=0)
    assert not still.moves.any()
    assert still.mirrored.any()


@pytest.mark.parametrize("batch", [7, 24, 100])
def test_every_image_of_a_batch_is_moved_by_its_own_draw(make_images, draw, batch):
    images = make_images(train=24, shape=(2, 5, 4))
    train = Examples.of_training([images.training_set()] * 2, images, CPU)
    order = torch.stack([torch.randperm(24) for _ in range(2)])
    drawn = draw(size=24)
    batches = list(drawn.applied(train.batches(order, batch), train.black))
    assert [targets.shape[1] for _, targets in batches] == [len(part) for part in torch.arange(24).split(batch)]
    inputs, targets = (torch.cat(parts, dim=1) for parts in zip(*batches))
    for place in range(2):
        pixels, labels = images.part(TRAIN)
        assert targets[place].tolist() == labels[order[place]].tolist()
        for number, image in enumerate(order[place].tolist()):
            top, left = drawn.moves[:, place, number].tolist()
            cut = functional.crop(functional.pad(torch.from_numpy(pixels[image]), [3] * 4), top, left, 5, 4)
            expected = functional.hflip(cut) if drawn.mirrored[place, number] else cut
            assert torch.equal(inputs[place, number], as_inputs(expected.numpy()[None], images, CPU)[0])


# --- in training ---


def trained(run, images, architecture, settings, seeds=(0,)):
    regime = {"plugin": "generalizing", "parameters": {}}
    return train_block(run | {"seeds": list(seeds)}, images, architecture, regime, settings, CPU)


def weights(network) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.states[1].values()]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_seed_sees_the_same_augmented_images_whichever_block_it_is_in(run, make_images, training, request, kind):
    settings, architecture = training | {"crop_padding": 1, "horizontal_flip": True}, request.getfixturevalue(kind)
    block = trained(run, make_images(), architecture, settings, (3, 1, 4))
    for network in block:
        (alone,) = trained(run, make_images(), architecture, settings, (network.seed,))
        assert weights(alone) == weights(network)
        assert alone.history == network.history


@pytest.mark.parametrize("changes", [{"crop_padding": 1}, {"horizontal_flip": True}])
def test_augmentation_changes_the_training_but_not_what_is_drawn_beside_it(run, make_images, mlp, training, changes):
    images = make_images()
    (plain,), (augmented,) = (trained(run, images, mlp, training | part) for part in ({}, changes))
    assert plain.history[0] == augmented.history[0]
    assert weights(plain) != weights(augmented)
    # Mirrored or moved by a pixel, images of one brightness in a black frame stay as they are.
    still = replace(images, images=np.zeros_like(images.images))
    still.images[:, :, 1:3, 1:3] = images.labels[:, None, None, None] if "horizontal_flip" in changes else 0
    (plain,), (augmented,) = (trained(run, still, mlp, training | part) for part in ({}, changes))
    assert weights(plain) == weights(augmented)


def test_padding_that_may_leave_nothing_of_an_image_is_refused(run, make_images, mlp, training):
    message = r"^training.crop_padding is 4, but the images of dataset dots have 4×6 pixels; expected fewer than 4$"
    with pytest.raises(InputError, match=message):
        trained(run, make_images(shape=(1, 4, 6)), mlp, training | {"crop_padding": 4})
