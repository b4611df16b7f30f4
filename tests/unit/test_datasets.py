"""The dataset plug-ins, on made-up files and, where they lie beside the checkout, on real images."""

import io
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torchvision.datasets.mnist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spikegrid import downloads
from spikegrid.datasets import cifar10, digits, fashion_mnist, image_folder, mnist
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, prepare


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0)


# --- digits ---


def test_digits_are_those_of_scikit_learn_with_grey_levels_over_0_to_255():
    expected = sklearn.datasets.load_digits()
    images = digits.load("unused")
    np.testing.assert_array_equal(np.round(images.images[:, 0] * (16 / 255)), expected.images)
    np.testing.assert_array_equal(images.labels, expected.target)
    assert (images.images.min(), images.images.max()) == (0, 255)
    assert (images.images.dtype, images.labels.dtype) == (np.uint8, np.int16)
    assert images.split is None
    assert images.classes == list("0123456789")


# --- MNIST, Fashion-MNIST, CIFAR-10 ---


@pytest.mark.parametrize("plugin", [mnist, fashion_mnist])
def test_without_network_the_four_files_and_their_folder_are_named_in_one_line(plugin, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fail)
    with pytest.raises(InputError, match="could not download") as caught:
        plugin.load(str(tmp_path))
    message = str(caught.value)
    assert str(tmp_path / ("MNIST" if plugin is mnist else "FashionMNIST") / "raw") in message
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        assert name in message
    assert "\n" not in message


def test_fashion_mnist_is_fetched_over_https():
    assert fashion_mnist.FashionMNIST.mirrors
    assert all(mirror.startswith("https://") for mirror in fashion_mnist.FashionMNIST.mirrors)


def test_real_mnist_is_read_as_it_lies(shared_data):
    images = mnist.load(str(shared_data / "mnist"))
    assert images.images.shape == (70_000, 1, 28, 28)
    assert np.bincount(images.split).tolist() == [60_000, 10_000]
    train, _ = images.part(TRAIN)
    assert train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the value that every tutorial normalizes by
    assert train.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert images.part(TEST)[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch) -> Path:
    """CIFAR-10 in its binary version with 4 images a file; byte values spell file, channel and place."""
    monkeypatch.setattr(cifar10, "IMAGES_PER_FILE", 4)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number, name in enumerate(cifar10.FILES):
        pixels = 40 * number + 10 * np.arange(3)[:, None, None] + (np.arange(32)[:, None] + np.arange(32)) % 9
        pixels = np.tile(pixels, (4, 1, 1, 1))
        records = np.concatenate([np.arange(4)[:, None] + number, pixels.reshape(4, -1)], axis=1)
        records.astype(np.uint8).tofile(folder / name)
    return folder


def test_cifar10_is_read_from_its_binary_version(cifar_folder):
    images = cifar10.load(str(cifar_folder.parent))
    assert images.images.shape == (24, 3, 32, 32)
    assert images.images.dtype == np.uint8
    assert images.images[9, :, 7, 3].tolist() == [81, 91, 101]  # file 2: 80, channel: 0, 10, 20, place: (7 + 3) % 9
    assert images.images[9, :, 7, 4].tolist() == [82, 92, 102]
    assert images.labels.tolist() == [number + place for number in range(6) for place in range(4)]
    assert images.split.tolist() == [TRAIN] * 20 + [TEST] * 4


def test_cifar10_file_of_another_length_is_refused_by_name(cifar_folder):
    with open(cifar_folder / "data_batch_3.bin", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=r"data_batch_3.bin: 12293 bytes; expected 12292; delete it and run again"):
        cifar10.load(str(cifar_folder.parent))


def test_cifar10_without_network_is_one_line_with_the_missing_files(cifar_folder, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(cifar10, "download_and_extract_archive", fail)
    (cifar_folder / "test_batch.bin").unlink()
    with pytest.raises(InputError, match=f"put these files into {cifar_folder} .*: test_batch.bin$"):
        cifar10.load(str(cifar_folder.parent))


# --- folders of images ---


def write_image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes of three colour images, 8 × 8."""
    for number in range(6):
        write_image(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png", noise(8, 8, 3) // (number + 1))
    return tmp_path / "pets"


def load_folder(path: Path, size: int = 8, colour: bool = True):
    return image_folder.load("unused", path=str(path), size=size, colour=colour)


def test_colour_images_of_the_right_size_are_read_bit_by_bit(folder):
    images = load_folder(folder)
    expected = [noise(8, 8, 3) // (number + 1) for number in (0, 2, 4, 1, 3, 5)]
    np.testing.assert_array_equal(images.images, np.transpose(expected, (0, 3, 1, 2)))
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.classes == ["cat", "dog"]
    assert images.split is None


def test_grey_images_are_the_luma_of_colour_images(folder):
    images = load_folder(folder, colour=False)
    colour = load_folder(folder).images.astype(float)
    expected = np.tensordot([0.299, 0.587, 0.114], colour, axes=(0, 1))
    assert images.images.shape == (6, 1, 8, 8)
    np.testing.assert_allclose(images.images[:, 0], expected, atol=1)


def test_grey_files_have_three_equal_channels_in_colour_and_are_exact_in_grey(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / name / "1.png", noise(8, 8))
    np.testing.assert_array_equal(load_folder(tmp_path, colour=False).images[0, 0], noise(8, 8))
    np.testing.assert_array_equal(load_folder(tmp_path).images[0], np.stack([noise(8, 8)] * 3))


def test_grey_files_of_16_bits_keep_their_range(tmp_path):
    pixels = (np.arange(64).reshape(8, 8) * 1040).astype(np.uint16)
    for name in ("a", "b"):
        write_image(tmp_path / name / "1.png", pixels)
    for colour in (False, True):
        found = load_folder(tmp_path, colour=colour).images[0, 0]
        np.testing.assert_allclose(found, pixels / 257, atol=1)


def test_images_are_resized_to_the_size_asked_for(tmp_path):
    half = np.repeat(np.array([[0, 200]], np.uint8), 20, axis=0).repeat(30, axis=1)
    for name in ("a", "b"):
        write_image(tmp_path / name / "1.png", half)
    images = load_folder(tmp_path, size=10, colour=False).images
    assert images.shape == (2, 1, 10, 10)
    assert (images[0, 0, :, :3] == 0).all()
    assert (images[0, 0, :, 7:] == 200).all()
    assert images.mean() == pytest.approx(100, abs=1)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "jpg", "jpeg", "JPG", "pgm", "tif", "tiff", "webp"])
def test_every_usual_image_format_is_read(tmp_path, suffix):
    even = np.full((8, 8), 90, np.uint8)
    for name in ("a", "b"):
        write_image(tmp_path / name / f"1.{suffix}", even)
    np.testing.assert_allclose(load_folder(tmp_path, colour=False).images, 90, atol=2)


def test_train_and_test_folders_are_the_split(folder):
    for part, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                write_image(folder.parent / "split" / part / name / f"{number}.png", noise(8, 8, 3))
    images = load_folder(folder.parent / "split")
    assert images.split.tolist() == [TRAIN] * 6 + [TEST] * 4
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
    assert images.classes == ["cat", "dog"]


def test_train_and_test_of_different_classes_are_refused(folder):
    for part, name in (("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "fish")):
        write_image(folder.parent / "split" / part / name / "1.png", noise(8, 8, 3))
    with pytest.raises(InputError, match=r"test: classes cat, fish; expected cat, dog as in .*train"):
        load_folder(folder.parent / "split")


def test_files_of_another_kind_beside_images_and_classes_are_passed_over(folder):
    (folder / "README.txt").write_text("cats and dogs")
    (folder / "cat" / "labels.csv").write_text("1")
    assert len(load_folder(folder).images) == 6


def test_a_single_class_is_refused_with_the_folder(tmp_path):
    write_image(tmp_path / "pets" / "cat" / "1.png", noise(8, 8))
    with pytest.raises(InputError, match="found 1 class in image folder pets; expected at least 2"):
        prepare(load_folder(tmp_path / "pets"), "pets", None, None, 0.4)


def test_class_without_an_image_is_refused_with_its_folder(folder):
    (folder / "fish").mkdir()
    (folder / "fish" / "notes.txt").touch()
    with pytest.raises(InputError, match=r"fish: holds no image; expected files ending in .*\.png"):
        load_folder(folder)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_unreadable_image_is_one_line_with_its_file(folder, content):
    (folder / "cat" / "bad.png").write_bytes(content)
    with pytest.raises(InputError, match=r"cat/bad.png: not a readable image .* mend or remove it") as caught:
        load_folder(folder)
    assert "\n" not in str(caught.value)


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(12, 12, 3)).save(stream, kind)
    return stream.getvalue()


ENCODED = {kind: encoded(kind) for kind in ("png", "jpeg", "gif", "bmp", "tiff")}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(ENCODED)), data=st.data())
def test_damaged_image_is_read_or_refused_by_name(kind, data, folder):
    content = bytearray(ENCODED[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(len(content), 300) - 1))] = data.draw(st.integers(0, 255))
    (folder / "cat" / "0.png").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert load_folder(folder).images.shape == (6, 3, 8, 8)
    except InputError as error:
        assert "cat/0.png" in str(error)  # noqa: PT017


@pytest.mark.parametrize(("offset", "byte"), [(-1, 0), (0, 1), (12, 255)], ids=["length", "name", "pixels"])
def test_png_with_a_damaged_chunk_is_refused_by_name(folder, offset, byte):
    content = bytearray(ENCODED["png"])
    content[content.index(b"IDAT") + offset] = byte
    (folder / "cat" / "0.png").write_bytes(content)
    with pytest.raises(InputError, match=r"cat/0.png: not a readable image"):
        load_folder(folder)


def test_png_whose_pixels_do_not_fit_their_checksum_is_refused_by_name(folder):
    content = bytearray(ENCODED["png"])
    content[content.index(b"IEND") - 5] ^= 1
    (folder / "cat" / "0.png").write_bytes(content)
    with pytest.raises(InputError, match=r"cat/0.png: not a readable image"):
        load_folder(folder)


def test_real_photographs_are_read_with_their_split(shared_data, tmp_path):
    photographs = shared_data / "cifar10-images"
    for name in ("cat", "ship"):
        for part in ("train", "test"):
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / part / name).symlink_to(photographs / part / name)
    images = load_folder(tmp_path, size=32)
    assert images.images.shape == (2400, 3, 32, 32)
    assert [np.bincount(images.part(part)[1]).tolist() for part in (TRAIN, TEST)] == [[1000, 1000], [200, 200]]
    with Image.open(min((photographs / "train" / "cat").iterdir())) as image:
        np.testing.assert_array_equal(images.images[0], np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    prepared = prepare(images, "photographs", 500, 200, 0.4)
    assert [np.bincount(prepared.part(part)[1]).tolist() for part in (TRAIN, TEST)] == [[250, 250], [100, 100]]
