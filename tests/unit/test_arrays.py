"""Images of one's own in npz and safetensors files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from spikegrid.datasets import arrays
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, prepare

Write = Callable[..., str]


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)


LABELS = np.arange(12) % 3


@pytest.fixture(params=[".npz", ".safetensors"])
def write(request, tmp_path) -> Write:
    """Function that writes arrays to a file of one's own and returns its path."""

    def written(**named: np.ndarray) -> str:
        path = tmp_path / f"mine{request.param}"
        if request.param == ".npz":
            np.savez_compressed(path, **named)
        else:
            safetensors.numpy.save_file({name: np.ascontiguousarray(array) for name, array in named.items()}, path)
        return str(path)

    return written


def load(path: str | Path, classes: list[str] | None = None):
    return arrays.load("unused", path=str(path), classes=classes or [])


def refusal(path: str | Path, classes: list[str] | None = None) -> str:
    """The line that refuses a file, which names it or the dataset."""
    with pytest.raises(InputError) as caught:
        prepare(load(path, classes), "mine", None, None, 0.4)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(path).name in message or message.startswith("dataset mine: ")
    return message


# --- files that are right ---


@pytest.mark.parametrize("shape", [(12, 3, 6, 5), (12, 1, 6, 5), (12, 7, 6, 5)])
def test_images_with_channels_first_are_read_as_they_are(write, shape):
    images = load(write(images=random_images(*shape), labels=LABELS))
    np.testing.assert_array_equal(images.images, random_images(*shape))
    np.testing.assert_array_equal(images.labels, LABELS)
    assert images.split is None
    assert images.classes == ["0", "1", "2"]


def test_images_without_channels_have_one(write):
    images = load(write(images=random_images(12, 6, 5), labels=LABELS))
    np.testing.assert_array_equal(images.images, random_images(12, 6, 5)[:, None])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_is_rounded_to_the_nearest_of_256_levels(write, dtype):
    values = np.linspace(0, 1, 12 * 30).reshape(12, 6, 5).astype(dtype)
    images = load(write(images=values, labels=LABELS)).images[:, 0]
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert np.abs(images / 255 - values).max() <= 0.5 / 255 + np.finfo(dtype).eps


def test_bytes_divided_by_255_come_back(write):
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    images = load(write(images=(pixels / 255).astype(np.float32), labels=np.arange(4)))
    np.testing.assert_array_equal(images.images[:, 0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_split_of_the_file_is_that_of_the_set(write, dtype):
    split = (np.arange(12) >= 9).astype(dtype)
    path = write(images=random_images(12, 4, 4), labels=LABELS.astype(dtype), split=split)
    prepared = prepare(load(path), "mine", None, None, 0.4)
    assert prepared.split.tolist() == split.tolist()
    assert prepared.labels.tolist() == LABELS.tolist()


def test_arrays_of_training_and_test_images_are_the_split(write):
    train, test = random_images(9, 4, 4), random_images(6, 4, 4)
    path = write(
        train_images=train,
        train_labels=np.arange(9, dtype=np.int32) % 3,
        test_images=test,
        test_labels=np.arange(6, dtype=np.uint8) % 3,
        val_images=test,
    )
    images = load(path)
    np.testing.assert_array_equal(images.images[:, 0], np.concatenate([train, test]))
    assert images.labels.tolist() == [0, 1, 2] * 5
    assert images.split.tolist() == [TRAIN] * 9 + [TEST] * 6


def test_classes_get_the_names_of_the_configuration(write):
    path = write(images=random_images(12, 4, 4), labels=LABELS)
    assert load(path, ["cat", "dog", "fox"]).classes == ["cat", "dog", "fox"]


# --- files that are wrong ---


def test_channels_last_are_refused_with_the_way_to_put_them_first(write):
    path = write(images=random_images(12, 8, 8, 3), labels=LABELS)
    assert "images of shape [12, 8, 8, 3] have their channels last; expected them first" in refusal(path)


@pytest.mark.parametrize("shape", [(12,), (12, 4), (12, 2, 3, 4, 5)])
def test_images_of_another_number_of_axes_are_refused(write, shape):
    path = write(images=random_images(*shape), labels=LABELS)
    assert "expected [n, height, width] or [n, channels, height, width]" in refusal(path)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, bool])
def test_images_of_another_type_are_refused(write, dtype):
    path = write(images=np.ones((12, 4, 4), dtype), labels=LABELS)
    assert f"images are {np.dtype(dtype)}; expected uint8, or floating point from 0 to 1" in refusal(path)


@pytest.mark.parametrize(("lowest", "highest"), [(0, 255), (-1, 1), (0, np.nan), (0, np.inf)])
def test_floating_point_beyond_0_to_1_is_refused_with_its_range(write, lowest, highest):
    values = np.full((12, 4, 4), 0.5)
    values[0, 0, :2] = lowest, highest
    path = write(images=values, labels=LABELS)
    assert "expected floating point from 0 to 1, or uint8" in refusal(path)


@pytest.mark.parametrize(
    "labels",
    [LABELS[:-1], LABELS[:, None], LABELS.astype(float), np.eye(3)[LABELS]],
    ids=["few", "column", "float", "one-hot"],
)
def test_labels_that_are_no_whole_number_for_each_image_are_refused(write, labels):
    path = write(images=random_images(12, 4, 4), labels=labels)
    assert "expected a whole number for each of 12 images" in refusal(path)


@pytest.mark.parametrize(
    ("label", "classes", "expected"),
    [
        (-1, [], "labels from -1 to 2; expected 0 to 2"),
        (100_000, [], "labels from 0 to 100000; expected 0 to 32767"),
        (3, ["cat", "dog", "fox"], "labels from 0 to 3; expected 0 to 2 for 3 classes"),
    ],
)
def test_labels_out_of_range_are_refused_with_their_range(write, label, classes, expected):
    path = write(images=random_images(12, 4, 4), labels=np.array([*LABELS[:-1], label]))
    assert expected in refusal(path, classes)


def test_class_without_an_image_is_refused_by_its_name(write):
    path = write(images=random_images(12, 4, 4), labels=LABELS)
    assert "hold none of class wolf" in refusal(path, ["cat", "dog", "fox", "wolf"])


def test_class_that_only_the_test_images_have_is_refused_by_its_name(write):
    path = write(images=random_images(12, 4, 4), labels=LABELS, split=(LABELS == 2).astype(np.uint8))
    assert "the training images hold none of class fox" in refusal(path, ["cat", "dog", "fox"])


@pytest.mark.parametrize("labels", [np.zeros(12, int), np.zeros(0, int)], ids=["one class", "no image"])
def test_fewer_than_two_classes_are_refused(write, labels):
    path = write(images=random_images(len(labels), 4, 4), labels=labels)
    assert "expected at least 2" in refusal(path)


def test_training_and_test_images_of_different_shapes_are_refused(write):
    parts = {"train_images": random_images(12, 4, 4), "test_images": random_images(12, 1, 4, 5)}
    path = write(**parts, train_labels=LABELS, test_labels=LABELS)
    assert "train_images are [1, 4, 4] each, but test_images are [1, 4, 5]" in refusal(path)


def test_labels_that_are_too_few_here_and_too_many_there_are_refused(write):
    parts = {"train_images": random_images(12, 4, 4), "test_images": random_images(9, 4, 4)}
    path = write(**parts, train_labels=LABELS[:9], test_labels=LABELS)
    assert "train_labels are int64 of shape [9]; expected a whole number for each of 12 images" in refusal(path)


@pytest.mark.parametrize("absent", ["images", "labels"])
def test_missing_array_is_named_with_what_was_expected(write, absent):
    whole = {"images": random_images(12, 4, 4), "labels": LABELS}
    message = refusal(write(**{name: array for name, array in whole.items() if name != absent}))
    assert (
        f"lacks the array {'labels' if absent == 'labels' else 'train_images'}; expected images and labels" in message
    )


@pytest.mark.parametrize("absent", ["train_images", "train_labels", "test_images", "test_labels"])
def test_missing_array_of_one_part_is_named(write, absent):
    whole = {
        f"{part}_{kind}": random_images(12, 4, 4) if kind == "images" else LABELS
        for part in ("train", "test")
        for kind in ("images", "labels")
    }
    assert f"lacks the array {absent}" in refusal(write(**{name: whole[name] for name in whole if name != absent}))


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.99])
def test_truncated_file_is_refused_by_name(write, share):
    path = Path(write(images=random_images(12, 40, 40), labels=LABELS))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "not a readable file of arrays" in refusal(path)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no arrays", bytes(range(256)) * 4])
def test_other_file_is_refused_by_name(tmp_path, suffix, content):
    (tmp_path / f"mine{suffix}").write_bytes(content)
    assert "not a readable file of arrays" in refusal(tmp_path / f"mine{suffix}")


def test_npy_array_under_the_name_of_an_npz_file_is_refused(tmp_path):
    with (tmp_path / "mine.npz").open("wb") as stream:
        np.save(stream, random_images(12, 4, 4))
    assert "not a readable file of arrays" in refusal(tmp_path / "mine.npz")


def test_ragged_images_are_refused_without_reading_a_pickle(tmp_path):
    ragged = np.empty(2, object)
    ragged[:] = [random_images(4, 4), random_images(5, 5)]
    np.savez(tmp_path / "mine.npz", images=ragged, labels=np.arange(2))
    assert "Object arrays cannot be loaded" in refusal(tmp_path / "mine.npz")


def test_numbers_that_numpy_does_not_know_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(
        {"images": torch.zeros(12, 4, 4, dtype=torch.bfloat16), "labels": torch.arange(12)}, path
    )
    assert "not a readable file of arrays" in refusal(path)
