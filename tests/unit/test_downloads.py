"""Downloads that fail, that succeed late, and that are not needed; files in the format of MNIST."""

import http.client
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets.mnist
from torchvision.datasets import MNIST

from spikegrid import downloads
from spikegrid.downloads import download_missing, load_mnist_like
from spikegrid.errors import InputError


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0)


class Source:
    """A download that fails ``failures`` times with ``error`` and then writes ``files``."""

    def __init__(self, files: list[Path], failures: int, error: Exception | None = None):
        self.files, self.failures, self.error = files, failures, error
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        for file in self.files:
            file.write_text("content")


ERRORS = [
    urllib.error.URLError("no network"),
    urllib.error.HTTPError("https://example.org", 503, "Service Unavailable", None, None),
    TimeoutError("timed out"),
    ConnectionResetError("reset"),
    http.client.IncompleteRead(b"half"),
    RuntimeError("File not found or corrupted."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_download_that_fails_three_times_is_one_line_with_the_files_and_their_folder(tmp_path, error):
    files = [tmp_path / "a.bin", tmp_path / "b.bin"]
    source = Source(files, failures=99, error=error)
    with pytest.raises(
        InputError, match=r"could not download; put these files into .* and run again: a.bin, b.bin"
    ) as caught:
        download_missing(files, source)
    assert source.calls == 3
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_download_that_succeeds_within_three_attempts_is_enough(tmp_path, failures):
    files = [tmp_path / "a.bin"]
    source = Source(files, failures, urllib.error.URLError("no network"))
    download_missing(files, source)
    assert source.calls == failures + 1
    assert files[0].is_file()


def test_files_that_are_there_are_never_fetched(tmp_path):
    file = tmp_path / "a.bin"
    file.write_text("mine")
    source = Source([file], failures=0)
    download_missing([file], source)
    assert source.calls == 0
    assert file.read_text() == "mine"


def test_only_the_files_that_are_missing_are_named(tmp_path):
    (tmp_path / "a.bin").touch()
    with pytest.raises(InputError, match=r"run again: b.bin$"):
        download_missing([tmp_path / "a.bin", tmp_path / "b.bin"], Source([], 99, OSError("no")))


def test_download_that_ends_without_its_files_is_refused(tmp_path):
    source = Source([tmp_path / "other.bin"], failures=0)
    with pytest.raises(InputError, match=r"run again: a.bin$"):
        download_missing([tmp_path / "a.bin"], source)


def test_pause_grows_with_the_attempts_and_there_is_none_after_the_last(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 2.0)
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    with pytest.raises(InputError):
        download_missing([tmp_path / "a.bin"], Source([], 99, OSError("no")))
    assert pauses == [2.0, 4.0]


# --- the format of MNIST ---


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write unsigned bytes in the IDX format: http://yann.lecun.com/exdb/mnist."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist_parts(tmp_path) -> dict[str, np.ndarray]:
    """Four small files as MNIST has them, written to ``tmp_path/MNIST/raw``."""
    generator = np.random.default_rng(0)
    parts = {
        "train-images-idx3-ubyte": generator.integers(0, 256, (12, 28, 28)),
        "train-labels-idx1-ubyte": np.arange(12) % 10,
        "t10k-images-idx3-ubyte": generator.integers(0, 256, (5, 28, 28)),
        "t10k-labels-idx1-ubyte": np.arange(5),
    }
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, array in parts.items():
        write_idx(folder / name, array)
    return parts


def test_existing_mnist_files_are_read_as_they_lie_and_never_fetched(tmp_path, mnist_parts, monkeypatch):
    def fetch(*_, **__):
        pytest.fail("fetched")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fetch)
    images = load_mnist_like(MNIST, str(tmp_path))
    expected = np.concatenate([mnist_parts["train-images-idx3-ubyte"], mnist_parts["t10k-images-idx3-ubyte"]])
    np.testing.assert_array_equal(images.images, expected[:, None])
    assert images.images.dtype == np.uint8
    assert images.labels.tolist() == [*(number % 10 for number in range(12)), *range(5)]
    assert images.labels.dtype == np.int16
    assert images.split.tolist() == [0] * 12 + [1] * 5
    assert len(images.classes) == 10


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("length", [0, 3, 10, -1])
def test_truncated_mnist_file_is_one_line_with_its_folder(tmp_path, mnist_parts, name, length):
    file = tmp_path / "MNIST" / "raw" / name
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(InputError, match=r"MNIST/raw: .* delete .* and run again") as caught:
        load_mnist_like(MNIST, str(tmp_path))
    assert "\n" not in str(caught.value)


def test_mnist_labels_of_another_number_than_the_images_are_refused(tmp_path, mnist_parts):
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(4))
    with pytest.raises(InputError, match="MNIST/raw: 5 images but 4 labels"):
        load_mnist_like(MNIST, str(tmp_path))


def test_mnist_labels_that_are_too_few_here_and_too_many_there_are_refused(tmp_path, mnist_parts):
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(4))
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.arange(13) % 10)
    with pytest.raises(InputError, match="12 images but 13 labels"):
        load_mnist_like(MNIST, str(tmp_path))
