"""The dataset plug-ins, on made-up files and, where they lie beside the checkout, on real images."""

import hashlib
import io
import tarfile
import urllib.error
from dataclasses import replace
from pathlib import Path
from urllib.request import HTTPSHandler, Request
from urllib.response import addinfourl

import numpy as np
import pytest
import scipy.io
import sklearn.datasets
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spikegrid import cifar, downloads
from spikegrid.datasets import cifar10, cifar100, digits, fashion_mnist, image_folder, kmnist, mnist, svhn
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, prepare


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0)


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    """A folder whose files are fetched in the place of those of the network, by their names, over https."""
    folder = tmp_path / "source"
    folder.mkdir()

    def answer(_: object, request: Request) -> addinfourl:
        response = addinfourl((folder / Path(request.full_url).name).open("rb"), {}, request.full_url, 200)
        response.msg = "OK"
        return response

    monkeypatch.setattr(HTTPSHandler, "https_open", answer)
    return folder


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


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_digits_are_the_same_images_turned_counterclockwise(degrees):
    upright, turned = digits.load("unused"), digits.load("unused", turned=degrees)
    expected = np.stack([np.rot90(image, degrees // 90) for image in upright.images[:, 0]])
    np.testing.assert_array_equal(turned.images[:, 0], expected)
    np.testing.assert_array_equal(turned.labels, upright.labels)
    assert turned.images.flags.c_contiguous


# --- MNIST, Fashion-MNIST, Kuzushiji-MNIST ---

FOLDERS = {mnist: "MNIST", fashion_mnist: "FashionMNIST", kmnist: "KMNIST"}


@pytest.mark.parametrize("plugin", FOLDERS)
def test_without_network_the_four_files_and_their_folder_are_named_in_one_line(plugin, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(downloads, "fetch", fail)
    with pytest.raises(InputError, match="could not download") as caught:
        plugin.load(str(tmp_path))
    message = str(caught.value)
    assert str(tmp_path / FOLDERS[plugin] / "raw") in message
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        assert name in message
    assert "\n" not in message


@pytest.mark.parametrize("plugin", FOLDERS)
def test_mnist_and_its_relatives_are_fetched_over_https(plugin):
    assert plugin.URL.startswith("https://")


def test_real_mnist_is_read_as_it_lies(shared_data):
    images = mnist.load(str(shared_data / "mnist"))
    assert images.images.shape == (70_000, 1, 28, 28)
    assert np.bincount(images.split).tolist() == [60_000, 10_000]
    train, _ = images.part(TRAIN)
    assert train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the value that every tutorial normalizes by
    assert train.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert images.part(TEST)[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


# --- CIFAR-10, CIFAR-100 ---


def write_cifar(folder: Path, version: cifar.BinaryVersion) -> tuple[np.ndarray, np.ndarray]:
    """Write records of random images; return images and classes. A byte before that of the class names no class."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    images, classes = [], []
    for name, count in (version.train | version.test).items():
        images.append(generator.integers(0, 256, (count, 3, 32, 32)).astype(np.uint8))
        classes.append(generator.integers(0, 10, count).astype(np.uint8))
        with (folder / name).open("wb") as stream:
            for image, label in zip(images[-1], classes[-1]):
                stream.write(bytes([*[255] * (version.labels - 1), label]))
                for channel in image:
                    for row in channel:
                        stream.write(row.tobytes())
    return np.concatenate(images), np.concatenate(classes)


@pytest.fixture(params=[cifar10, cifar100], ids=["cifar10", "cifar100"])
def small_cifar(request, monkeypatch):
    """A plug-in of CIFAR whose files hold 4 images each for training and 3 for tests."""
    plugin, version = request.param, request.param.VERSION
    few = replace(version, train=dict.fromkeys(version.train, 4), test=dict.fromkeys(version.test, 3))
    monkeypatch.setattr(plugin, "VERSION", few)
    return plugin


def test_cifar_is_read_from_its_binary_version(small_cifar, tmp_path):
    version = small_cifar.VERSION
    expected, classes = write_cifar(tmp_path / version.folder, version)
    images = small_cifar.load(str(tmp_path))
    np.testing.assert_array_equal(images.images, expected)
    np.testing.assert_array_equal(images.labels, classes)
    assert (images.images.dtype, images.labels.dtype) == (np.uint8, np.int16)
    assert images.split.tolist() == [TRAIN] * 4 * len(version.train) + [TEST] * 3


def write_archive(source: Path, version: cifar.BinaryVersion) -> tuple[np.ndarray, str]:
    """Write the archive of random images to where it is fetched from; return the images and its checksum."""
    images, _ = write_cifar(source / version.folder, version)
    archive = source / Path(version.url).name
    with tarfile.open(archive, "w:gz") as stream:
        stream.add(source / version.folder, version.folder)
    return images, md5_of(archive)


def md5_of(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def test_cifar_archive_is_fetched_checked_and_unpacked(small_cifar, source, tmp_path, monkeypatch):
    expected, md5 = write_archive(source, small_cifar.VERSION)
    monkeypatch.setattr(small_cifar, "VERSION", replace(small_cifar.VERSION, md5=md5))
    np.testing.assert_array_equal(small_cifar.load(str(tmp_path / "data")).images, expected)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_cifar_archive_writes_nothing_but_the_files_of_the_dataset(small_cifar, source, tmp_path, monkeypatch, kind):
    version, data = small_cifar.VERSION, tmp_path / "data"
    expected, _ = write_archive(source, version)
    with tarfile.open(source / "evil.tar.gz", "w:gz") as stream:
        for name in (
            "../evil",
            str(tmp_path / "evil"),
            f"{version.folder}/../../evil",
            f"{version.folder}/evil",
            "evil",
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "target")
            stream.addfile(member)
        stream.add(source / version.folder, version.folder)
    evil = replace(version, url="https://a.org/evil.tar.gz", md5=md5_of(source / "evil.tar.gz"))
    monkeypatch.setattr(small_cifar, "VERSION", evil)
    before = {*tmp_path.rglob("*")}
    np.testing.assert_array_equal(small_cifar.load(str(data)).images, expected)
    made = {path for path in tmp_path.rglob("*") if path not in before}
    files = {data / version.folder / name for name in version.train | version.test}
    assert made == {data, data / version.folder, *files}
    assert not any(path.is_symlink() for path in made)


def test_cifar_file_that_lies_there_is_not_written_again(small_cifar, source, tmp_path, monkeypatch):
    _, md5 = write_archive(source, small_cifar.VERSION)
    version = replace(small_cifar.VERSION, md5=md5)
    monkeypatch.setattr(small_cifar, "VERSION", version)
    own, _ = write_cifar(tmp_path / "data" / version.folder, version)
    (test,) = version.test
    (tmp_path / "data" / version.folder / next(iter(version.train))).write_bytes(b"\0" * 4 * (3072 + version.labels))
    (tmp_path / "data" / version.folder / test).unlink()
    images = small_cifar.load(str(tmp_path / "data")).images
    assert (images[:4] == 0).all()
    np.testing.assert_array_equal(images[4:], own[4:])


def test_cifar_archive_of_another_checksum_is_not_unpacked(small_cifar, source, tmp_path):
    write_archive(source, small_cifar.VERSION)
    with pytest.raises(InputError, match="could not download"):
        small_cifar.load(str(tmp_path / "data"))
    assert not (tmp_path / "data" / small_cifar.VERSION.folder).exists()


def test_cifar_file_of_another_length_is_refused_by_name(small_cifar, tmp_path):
    version = small_cifar.VERSION
    write_cifar(tmp_path / version.folder, version)
    with open(tmp_path / version.folder / [*version.train][-1], "ab") as stream:
        stream.write(b"x")
    length = 4 * (3072 + version.labels)
    with pytest.raises(InputError, match=rf"\.bin: {length + 1} bytes; expected {length}; delete it and run again"):
        small_cifar.load(str(tmp_path))


def test_cifar_without_network_is_one_line_with_the_missing_files(small_cifar, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    version = small_cifar.VERSION
    (test,) = version.test
    write_cifar(tmp_path / version.folder, version)
    monkeypatch.setattr(cifar, "fetch", fail)
    (tmp_path / version.folder / test).unlink()
    with pytest.raises(InputError, match=f"put these files into {tmp_path / version.folder} .*: {test}$"):
        small_cifar.load(str(tmp_path))


@pytest.mark.parametrize("plugin", [cifar10, cifar100])
def test_cifar_is_whole_as_declared_and_fetched_over_https(plugin):
    version = plugin.VERSION
    assert version.url.startswith("https://")
    assert len(version.md5) == 32
    declared = {
        "train": sum(version.train.values()),
        "test": sum(version.test.values()),
        "classes": len(plugin.CLASSES),
    }
    assert {"shape": [3, 32, 32], **declared} == plugin.IMAGES
    assert sorted(set(plugin.CLASSES)) == plugin.CLASSES  # both number their classes in alphabetical order


def test_cifar10_classes_are_the_folders_of_its_real_images(shared_data):
    assert sorted(path.name for path in (shared_data / "cifar10-images" / "train").iterdir()) == cifar10.CLASSES


# --- SVHN ---

SVHN_COUNTS = [("train", 10), ("test", 4)]


@pytest.fixture
def svhn_parts(source, monkeypatch) -> dict[str, np.ndarray]:
    """Small files of SVHN where they are fetched from, in MATLAB's format with images last and the digit 0 as 10."""
    generator = np.random.default_rng(0)
    pixels = {part: generator.integers(0, 256, (count, 3, 32, 32)).astype(np.uint8) for part, count in SVHN_COUNTS}
    for part, images in pixels.items():
        _, name, _ = torchvision.datasets.SVHN.split_list[part]
        labels = np.arange(1, len(images) + 1, dtype=np.uint8)[:, None]
        scipy.io.savemat(source / name, {"X": images.transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
        monkeypatch.setitem(torchvision.datasets.SVHN.split_list, part, ["elsewhere", name, md5_of(source / name)])
    return pixels


def test_svhn_is_fetched_checked_and_read_with_the_digit_0_as_class_0(svhn_parts, tmp_path):
    images = svhn.load(str(tmp_path / "data"))
    np.testing.assert_array_equal(images.images, np.concatenate([svhn_parts["train"], svhn_parts["test"]]))
    assert images.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    assert (images.images.dtype, images.labels.dtype) == (np.uint8, np.int16)
    assert images.split.tolist() == [TRAIN] * 10 + [TEST] * 4
    assert images.classes == list("0123456789")


def test_svhn_that_lies_there_is_never_fetched(svhn_parts, tmp_path, monkeypatch):
    svhn.load(str(tmp_path / "data"))
    monkeypatch.setattr(svhn, "fetch", lambda *_: pytest.fail("fetched"))
    assert len(svhn.load(str(tmp_path / "data")).images) == 14


def test_svhn_file_that_is_cut_off_on_its_way_is_not_kept(svhn_parts, source, tmp_path):
    file = source / "test_32x32.mat"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"put these files into .*SVHN .*: test_32x32.mat$"):
        svhn.load(str(tmp_path / "data"))
    assert [path.name for path in (tmp_path / "data" / "SVHN").iterdir()] == ["train_32x32.mat"]


def test_svhn_file_that_is_damaged_is_one_line_with_its_folder(svhn_parts, tmp_path):
    svhn.load(str(tmp_path / "data"))
    file = tmp_path / "data" / "SVHN" / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"SVHN: a file there is damaged .* delete it and run again"):
        svhn.load(str(tmp_path / "data"))


def test_svhn_is_fetched_over_https_from_where_torchvision_fetches_it():
    for part in svhn.PARTS:
        url, name, _ = torchvision.datasets.SVHN.split_list[part]
        assert f"{svhn.URL}/{name}" == url.replace("http://", "https://")


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


def load_folder(path: Path, size: int | None = 8, colour: bool = True):
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


def test_train_and_test_of_different_classes_are_refused(folder):
    for part, name in (("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "fish")):
        write_image(folder.parent / "split" / part / name / "1.png", noise(8, 8, 3))
    with pytest.raises(InputError, match=r"test: classes cat, fish; expected cat, dog as in .*train"):
        load_folder(folder.parent / "split")


@pytest.mark.parametrize("test", ["test", "val"])
def test_train_and_test_or_val_are_the_split_and_no_classes(tmp_path, test):
    for part, count in (("train", 3), (test, 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                write_image(tmp_path / part / name / f"{number}.png", np.full((8, 8, 3), 100 + number, np.uint8))
    images = load_folder(tmp_path)
    assert images.split.tolist() == [TRAIN] * 6 + [TEST] * 4
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
    assert images.classes == ["cat", "dog"]


def test_val_beside_test_is_left_out(tmp_path):
    for part, level in (("train", 1), ("val", 2), ("test", 3)):
        for name in ("cat", "dog"):
            write_image(tmp_path / part / name / "1.png", np.full((8, 8, 3), level, np.uint8))
    images = load_folder(tmp_path)
    assert images.images[:, 0, 0, 0].tolist() == [1, 1, 3, 3]


def test_class_named_train_among_others_is_a_class(tmp_path):
    for name in ("bus", "train"):
        write_image(tmp_path / name / "1.png", noise(8, 8, 3))
    images = load_folder(tmp_path)
    assert images.classes == ["bus", "train"]
    assert images.split is None


def test_hidden_folders_and_files_are_passed_over(folder):
    write_image(folder / ".thumbnails" / "1.png", noise(8, 8, 3))
    (folder / "cat" / "._0.png").write_text("what a file system left")
    images = load_folder(folder)
    assert images.classes == ["cat", "dog"]
    assert len(images.images) == 6


def test_images_that_are_not_resized_keep_height_and_width(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / name / "1.png", noise(6, 9, 3))
    images = load_folder(tmp_path, size=None)
    np.testing.assert_array_equal(images.images, np.stack([noise(6, 9, 3).transpose(2, 0, 1)] * 2))


def test_images_of_different_shapes_that_are_not_resized_are_refused_by_name(folder):
    write_image(folder / "dog" / "7.png", noise(8, 9, 3))
    with pytest.raises(InputError, match=r"dog/7.png: 8 × 9 pixels; expected 8 × 8 as in .*cat/0.png, or a `size`"):
        load_folder(folder, size=None)


def test_folder_without_a_class_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=rf"{tmp_path}: holds no folder; expected a folder of images for each class"):
        load_folder(tmp_path)


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
