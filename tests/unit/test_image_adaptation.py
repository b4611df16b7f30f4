"""Images brought to another shape: means and copies of channels, and sizes against Pillow."""

import numpy as np
import pytest
from PIL import Image

from spikegrid.image_adaptation import adapted
from spikegrid.images import ImageSet


def image_set(pixels: np.ndarray) -> ImageSet:
    labels = np.arange(len(pixels), dtype=np.int16) % 2
    return ImageSet(pixels.astype(np.uint8), labels, np.zeros(len(pixels), np.uint8), ["a", "b"], "made up")


@pytest.fixture
def photographs() -> np.ndarray:
    """Coarse patches with noise, uint8 [5, 3, 24, 20]: edges and texture."""
    generator = np.random.default_rng(0)
    patches = generator.integers(0, 256, (5, 3, 6, 5)).repeat(4, axis=2).repeat(4, axis=3)
    return np.clip(patches + generator.integers(-20, 21, patches.shape), 0, 255).astype(np.uint8)


def test_images_of_the_shape_asked_for_stay_as_they_are(photographs):
    images = image_set(photographs)
    assert adapted(images, (3, 24, 20)) is images


def test_grey_of_coloured_images_is_the_mean_of_their_channels():
    found = adapted(image_set(np.array([[[[10]], [[20]], [[31]]], [[[0]], [[255]], [[255]]]])), (1, 1, 1))
    assert found.images.ravel().tolist() == [20, 170]


def test_every_channel_of_a_grey_image_is_a_copy_of_it(photographs):
    grey = photographs[:, :1]
    found = adapted(image_set(grey), (3, 24, 20)).images
    assert found.shape == (5, 3, 24, 20)
    assert (found == grey).all()


@pytest.mark.parametrize("size", [(8, 8), (12, 10), (23, 21), (32, 32), (5, 40)])
def test_sizes_are_those_of_pillow(photographs, size):
    found = adapted(image_set(photographs), (3, *size)).images
    resized = [Image.fromarray(image.transpose(1, 2, 0)).resize(size[::-1], Image.BILINEAR) for image in photographs]
    expected = np.stack([np.asarray(image).transpose(2, 0, 1) for image in resized])
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found == expected).mean() > 0.75  # Pillow rounds between the two axes, too


def test_half_the_size_of_uniform_patches_is_half_of_them():
    values = np.arange(16).reshape(1, 1, 4, 4) * 16
    large = values.repeat(8, axis=2).repeat(8, axis=3)
    found = adapted(image_set(large), (1, 16, 16)).images[:, :, 2::4, 2::4]
    assert np.abs(found.astype(int) - values).max() <= 2


def test_another_shape_changes_neither_labels_nor_split_nor_names(photographs):
    images = image_set(photographs)
    found = adapted(images, (1, 8, 8))
    assert found.labels is images.labels
    assert found.split is images.split
    assert (found.classes, found.source) == (images.classes, images.source)


def test_brightness_is_computed_anew():
    images = image_set(np.full((2, 3, 2, 2), [[[0]], [[0]], [[255]]]))
    assert images.channel_statistics()[0].tolist() == [0, 0, 1]
    assert adapted(images, (1, 2, 2)).channel_statistics()[0] == pytest.approx([1 / 3])
