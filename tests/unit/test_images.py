"""Image sets: splitting, balanced sampling, statistics and the file format."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet, balanced_sample, load, prepare, save

labels_and_size = st.lists(st.integers(0, 5), min_size=1, max_size=60).flatmap(
    lambda labels: st.tuples(st.just(np.array(labels)), st.integers(0, len(labels)))
)


def numbered(labels: list[int], split: list[int] | None = None, classes: int = 3) -> ImageSet:
    """Images of two pixels that spell their place in the set."""
    places = np.arange(len(labels))
    pixels = np.stack([places // 256, places % 256], axis=1).astype(np.uint8).reshape(-1, 1, 1, 2)
    names = [f"class{number}" for number in range(classes)]
    return ImageSet(
        pixels, np.array(labels, np.int16), None if split is None else np.array(split, np.uint8), names, "numbers"
    )


def places(images: ImageSet, part: int | None = None) -> list[int]:
    """Places in the original set, of all images or of one part of the split."""
    chosen = images.images if part is None else images.part(part)[0]
    return (chosen[:, 0, 0, 0].astype(int) * 256 + chosen[:, 0, 0, 1]).tolist()


# --- balanced_sample ---


@given(labels_and_size, st.integers(0, 2**40))
@example((np.array([0, 0, 0, 5]), 4), 0)
@example((np.array([0] * 50 + [1]), 20), 0)
def test_sample_is_balanced_up_to_one_and_short_classes_are_filled_by_others(labels_and_size, seed):
    labels, size = labels_and_size
    chosen = balanced_sample(labels, size, seed)
    assert len(chosen) == size
    assert (np.diff(chosen) > 0).all()
    assert set(chosen.tolist()) <= set(range(len(labels)))
    available, taken = Counter(labels.tolist()), Counter(labels[chosen].tolist())
    not_exhausted = [taken[label] for label in available if taken[label] < available[label]]
    if not_exhausted:
        assert max(taken.values(), default=0) - min(not_exhausted) <= 1


@given(labels_and_size, st.integers(0, 2**40))
def test_sample_depends_on_the_seed_alone(labels_and_size, seed):
    np.testing.assert_array_equal(balanced_sample(*labels_and_size, seed), balanced_sample(*labels_and_size, seed))


def test_samples_of_different_seeds_differ():
    labels = np.arange(1000) % 10
    samples = {tuple(balanced_sample(labels, 100, seed)) for seed in range(20)}
    assert len(samples) == 20


def test_every_image_is_sampled_equally_often():
    labels = np.repeat([0, 1], [10, 30])
    counts = np.sum([np.isin(np.arange(40), balanced_sample(labels, 10, seed)) for seed in range(2000)], axis=0)
    np.testing.assert_allclose(counts[:10], 2000 * 5 / 10, atol=5 * np.sqrt(2000 * 0.25))
    np.testing.assert_allclose(counts[10:], 2000 * 5 / 30, atol=5 * np.sqrt(2000 * 5 / 36))


# --- prepare ---


def test_set_without_a_split_is_split_class_by_class_into_disjoint_parts():
    images = numbered([0] * 50 + [1] * 30 + [2] * 20)
    prepared = prepare(images, "name", None, None, 0.4)
    train, test = places(prepared, TRAIN), places(prepared, TEST)
    assert sorted(train + test) == list(range(100))
    assert np.bincount(prepared.part(TEST)[1]).tolist() == [20, 12, 8]
    assert np.bincount(prepared.part(TRAIN)[1]).tolist() == [30, 18, 12]


def test_split_of_the_source_is_kept():
    split = [0, 1, 1, 0, 0, 1, 0]
    prepared = prepare(numbered([0, 0, 1, 1, 2, 2, 1], split), "name", None, None, 0.9)
    assert prepared.split.tolist() == split


def test_images_keep_their_order_labels_and_part():
    images = numbered([number * 7 % 3 for number in range(90)])
    prepared = prepare(images, "name", 30, 12, 0.4)
    kept = places(prepared)
    assert kept == sorted(kept)
    assert prepared.labels.tolist() == [number * 7 % 3 for number in kept]


def test_parts_have_the_sizes_asked_for_and_are_balanced():
    prepared = prepare(numbered([0] * 70 + [1] * 60 + [2] * 50), "name", 31, 20, 0.4)
    assert sorted(np.bincount(prepared.part(TRAIN)[1])) == [10, 10, 11]
    assert sorted(np.bincount(prepared.part(TEST)[1])) == [6, 7, 7]
    assert not set(places(prepared, TRAIN)) & set(places(prepared, TEST))


@pytest.mark.parametrize("size", [None, 20])
def test_parts_depend_on_the_name_of_the_dataset_alone(size):
    images = numbered([0, 1, 2] * 40)
    first, again, other = (places(prepare(images, name, size, size, 0.5), TEST) for name in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_size_of_one_part_does_not_change_the_other():
    images = numbered([0, 1, 2] * 40)
    few, many = prepare(images, "a", 12, 20, 0.5), prepare(images, "a", 45, 20, 0.5)
    assert places(few, TEST) == places(many, TEST)


@pytest.mark.parametrize(("train_size", "test_size", "key"), [(67, None, "train_size"), (None, 55, "test_size")])
def test_part_larger_than_the_source_is_refused_with_its_key(train_size, test_size, key):
    images = numbered([0, 1, 2] * 40, [0] * 66 + [1] * 54)
    available = 66 if key == "train_size" else 54
    with pytest.raises(InputError, match=rf"dataset dots: {key} is \d+, but numbers has {available} such images"):
        prepare(images, "dots", train_size, test_size, 0.4)


@pytest.mark.parametrize(("part", "words"), [(TRAIN, "training"), (TEST, "test")])
def test_part_without_an_image_of_some_class_is_refused_with_the_class(part, words):
    labels = np.array([0, 1, 2] * 10)
    split = np.arange(30) % 2
    split[labels == 1] = 1 - part
    with pytest.raises(InputError, match=f"dataset dots: the {words} images hold none of class class1"):
        prepare(numbered(labels, split), "dots", None, None, 0.4)


def test_class_without_any_image_is_refused():
    with pytest.raises(InputError, match="hold none of class class2, class3"):
        prepare(numbered([0, 1] * 10, classes=4), "dots", None, None, 0.4)


def test_sample_too_small_for_the_classes_is_refused():
    with pytest.raises(InputError, match="the training images hold none of class"):
        prepare(numbered([0, 1, 2] * 10), "dots", 2, None, 0.4)


@pytest.mark.parametrize("labels", [[0] * 10, []])
def test_a_single_class_is_refused(labels):
    with pytest.raises(InputError, match="dataset dots: found 1 class in numbers; expected at least 2"):
        prepare(numbered(labels, classes=1), "dots", None, None, 0.4)


WRONG = {
    "floating pixels": ("images", np.zeros((6, 1, 2, 2)), "images are float64 of shape .*; expected uint8"),
    "no channels": ("images", np.zeros((6, 2, 2), np.uint8), r"images are uint8 of shape \[6, 2, 2\]; expected"),
    "no pixels": ("images", np.zeros((6, 1, 0, 2), np.uint8), r"images are uint8 of shape \[6, 1, 0, 2\]; expected"),
    "negative": ("labels", np.array([0, 1, 2, 0, 1, -1]), "labels from -1 to 2; expected 0 to 2 for 3 classes"),
    "beyond": ("labels", np.array([0, 1, 3, 0, 1, 2]), "labels from 0 to 3; expected 0 to 2 for 3 classes"),
    "far beyond": ("labels", np.array([0, 1, 65536, 0, 1, 2]), "labels from 0 to 65536; expected 0 to 2"),
    "not whole": ("labels", np.array([0, 1, 2, 0, 1, 1.5]), "labels are float64 of shape .*; expected 6 whole numbers"),
    "too few": ("labels", np.array([0, 1, 2]), r"labels are int64 of shape \[3\]; expected 6 whole numbers"),
    "a column": ("labels", np.zeros((6, 1), int), r"labels are int64 of shape \[6, 1\]; expected 6 whole numbers"),
    "third part": ("split", np.array([0, 1, 2, 0, 1, 0]), "split is not one of 0 .* for each of 6 images"),
    "short split": ("split", np.array([0, 1]), "split is not one of 0 .* for each of 6 images"),
}


@pytest.mark.parametrize(("field", "value", "message"), WRONG.values(), ids=WRONG)
def test_source_that_gives_something_else_is_refused_in_one_line(field, value, message):
    images = replace(numbered([0, 1, 2] * 2, [0, 0, 0, 1, 1, 1]), **{field: value})
    with pytest.raises(InputError, match=f"dataset mine: numbers: {message}") as caught:
        prepare(images, "mine", None, None, 0.4)
    assert "\n" not in str(caught.value)


def test_source_that_gives_no_image_set_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"dataset mine: load\(\) returned a tuple; expected an ImageSet"):
        prepare((np.zeros((6, 1, 2, 2)), np.zeros(6)), "mine", None, None, 0.4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64])
def test_labels_and_split_of_any_whole_type_are_kept_in_that_of_the_set(dtype):
    images = numbered([0, 1, 2] * 2, [0, 0, 0, 1, 1, 1])
    other = replace(images, labels=images.labels.astype(dtype), split=images.split.astype(dtype))
    prepared = prepare(other, "mine", None, None, 0.4)
    assert (prepared.labels.dtype, prepared.split.dtype) == (np.int16, np.uint8)
    assert prepared.labels.tolist() == images.labels.tolist()
    assert prepared.split.tolist() == images.split.tolist()


def test_channel_statistics_of_a_prepared_set_do_not_depend_on_its_test_images():
    images = numbered([0, 1, 2] * 20)
    prepared = prepare(images, "mine", None, None, 0.4)
    other = prepared.images.copy()
    other[prepared.split == TEST] = 255
    for found, expected in zip(replace(prepared, images=other).channel_statistics(), prepared.channel_statistics()):
        np.testing.assert_array_equal(found, expected)


def test_training_set_holds_the_training_images_in_order_with_their_true_labels():
    images = numbered([0, 1, 2, 0, 1], [0, 1, 0, 1, 0])
    training_set = images.training_set()
    assert training_set.images[:, 0, 0, 1].tolist() == [0, 2, 4]
    assert training_set.labels.tolist() == [0, 2, 1]
    assert training_set.index.tolist() == [0, 1, 2]


# --- statistics ---


@pytest.mark.parametrize("spread", [1, 3, 256])
def test_channel_statistics_are_those_of_numpy_over_training_images(spread):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, spread, (30, 3, 5, 7)).astype(np.uint8)
    pixels[:, 1] //= 2
    split = (np.arange(30) % 3 == 0).astype(np.uint8)
    images = ImageSet(pixels, np.zeros(30, np.int16), split, ["a"], "random")
    mean, deviation = images.channel_statistics()
    train = pixels[split == 0].astype(np.float64) / 255
    expected = train.std(axis=(0, 2, 3))
    np.testing.assert_allclose(mean, train.mean(axis=(0, 2, 3)), rtol=0, atol=1e-6)
    np.testing.assert_allclose(deviation, np.where(expected == 0, 1, expected), rtol=0, atol=1e-6)
    assert mean.dtype == deviation.dtype == np.float32


@pytest.mark.parametrize("level", [0, 1, 200, 255])
def test_channel_that_never_varies_has_deviation_one(level):
    pixels = np.full((10, 1, 4, 4), level, np.uint8)
    images = ImageSet(pixels, np.zeros(10, np.int16), np.zeros(10, np.uint8), ["a"], "even")
    mean, deviation = images.channel_statistics()
    np.testing.assert_allclose(mean, [level / 255], rtol=1e-6)
    assert deviation.tolist() == [1]


def test_one_odd_pixel_among_many_is_not_taken_for_an_even_channel():
    pixels = np.full((200, 1, 10, 10), 100, np.uint8)
    pixels[0, 0, 0, 0] = 101
    images = ImageSet(pixels, np.zeros(200, np.int16), np.zeros(200, np.uint8), ["a"], "almost even")
    np.testing.assert_allclose(images.channel_statistics()[1], (pixels / 255).std(), rtol=1e-3)


# --- the file ---


def test_saved_images_are_loaded_as_they_were(tmp_path, make_images):
    images = make_images(shape=(3, 5, 4))
    save(tmp_path / "dots.safetensors", images)
    loaded = load(tmp_path / "dots.safetensors")
    for key in ("images", "labels", "split"):
        found, expected = getattr(loaded, key), getattr(images, key)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert (loaded.classes, loaded.source) == (images.classes, images.source)


def test_images_in_another_memory_order_are_saved_as_they_read(tmp_path, make_images):
    images = make_images(shape=(3, 5, 4))
    save(tmp_path / "dots.safetensors", replace(images, images=np.asfortranarray(images.images)[:, ::-1]))
    np.testing.assert_array_equal(load(tmp_path / "dots.safetensors").images, images.images[:, ::-1])


def test_file_describes_itself(tmp_path, make_images):
    images = make_images()
    save(tmp_path / "dots.safetensors", images)
    with safe_open(tmp_path / "dots.safetensors", framework="numpy") as file:
        description = json.loads(file.metadata()["spikegrid"])
        assert set(file.keys()) == {"images", "labels", "split"}
    assert re.fullmatch("spikegrid crc32 [0-9a-f]{8}", description.pop("seal"))
    assert description == {"classes": ["class0", "class1", "class2"], "source": "made up"}


def test_saving_twice_gives_the_same_bytes(tmp_path, make_images):
    for name in ("first", "second"):
        save(tmp_path / name, make_images())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("content", [b"", b"text", bytes(range(256)) * 4])
def test_other_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "dots.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"dots.safetensors: not a whole image set"):
        load(tmp_path / "dots.safetensors")


def test_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.safetensors"):
        load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("metadata", [None, {"other": "x"}, {"spikegrid": "{}"}, {"spikegrid": "no json"}])
@pytest.mark.parametrize("names", [["weights"], ["images", "labels", "split"]])
def test_safetensors_file_of_something_else_is_refused(tmp_path, names, metadata):
    save_file({name: np.zeros(3) for name in names}, tmp_path / "dots.safetensors", metadata=metadata)
    with pytest.raises(InputError, match=r"dots.safetensors: not a whole image set"):
        load(tmp_path / "dots.safetensors")
