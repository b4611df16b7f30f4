"""Downloads that fail, that succeed late, and that are not needed; files in the format of MNIST."""

import email.message
import gzip
import hashlib
import http.client
import io
import os
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import urllib.response
from pathlib import Path
from urllib.request import Request

import numpy as np
import pytest
from torchvision.datasets import MNIST

from spikegrid import downloads
from spikegrid.datasets.mnist import URL
from spikegrid.downloads import download_missing, fetch, load_mnist_like
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


# --- over https, by a checksum ---

CONTENT = np.random.default_rng(0).bytes(3 << 20)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch) -> dict[str, bytes | str]:
    """What is served over https and http, by URL: a content, or the URL that a request is sent on to."""
    served = {}

    def answer(_: object, request: Request) -> urllib.response.addinfourl:
        found = served[request.full_url]
        headers = email.message.Message()
        if isinstance(found, str):
            headers["Location"] = found
        response = urllib.response.addinfourl(
            io.BytesIO(found if isinstance(found, bytes) else b""),
            headers,
            request.full_url,
            302 if isinstance(found, str) else 200,
        )
        response.msg = "answer"
        return response

    monkeypatch.setattr(urllib.request.HTTPSHandler, "https_open", answer)
    monkeypatch.setattr(urllib.request.HTTPHandler, "http_open", answer)
    return served


def test_file_is_fetched_over_https_and_redirects_to_https(server, tmp_path):
    server |= {"https://a.org/file": "https://b.org/elsewhere", "https://b.org/elsewhere": CONTENT}
    fetch("https://a.org/file", tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("other", ["http://a.org/file", "HTTP://a.org/file", "ftp://a.org/file", "file:///etc/passwd"])
@pytest.mark.parametrize("is_redirect", [False, True])
def test_url_that_is_not_https_or_leads_to_one_is_refused(server, tmp_path, other, is_redirect):
    server |= {"https://a.org/first": other, other: CONTENT}
    with pytest.raises(urllib.error.URLError):
        fetch("https://a.org/first" if is_redirect else other, tmp_path / "file", MD5)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("content", [CONTENT[:-1], b"", CONTENT[:-1] + b"x", b"<html>"])
def test_file_of_another_checksum_is_not_kept(server, tmp_path, content):
    server["https://a.org/file"] = content
    with pytest.raises(urllib.error.URLError, match=f"has the checksum .* expected {MD5}"):
        fetch("https://a.org/file", tmp_path / "file", MD5)
    assert [*tmp_path.iterdir()] == []


CUT_OFF = """
import io, sys, time, urllib.request
from spikegrid.datasets import mnist

class Half(io.BytesIO):
    code, msg = 200, "OK"
    info = staticmethod(dict)
    def read(self, count):
        piece = super().read(count)
        if not piece:
            print("half", flush=True)
            time.sleep(600)
        return piece

urllib.request.HTTPSHandler.https_open = lambda self, request: Half(bytes(range(256)) * 99)
mnist.load(sys.argv[1])
"""


def test_download_that_is_killed_leaves_nothing_that_is_read(tmp_path, monkeypatch):
    environment = os.environ | {"PYTHONPATH": str(Path(downloads.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", CUT_OFF, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "half\n"
        process.kill()
    left = [*(tmp_path / "MNIST" / "raw").iterdir()]
    assert left
    assert all(path.name.startswith(".") for path in left)

    def fail(*_: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(downloads, "fetch", fail)
    with pytest.raises(InputError, match="could not download; put these files into"):
        load_mnist_like(MNIST, URL, str(tmp_path))


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

    monkeypatch.setattr(downloads, "fetch", fetch)
    images = load_mnist_like(MNIST, URL, str(tmp_path))
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
    with pytest.raises(InputError, match=rf"MNIST/raw/{name}: damaged.* delete it and run again") as caught:
        load_mnist_like(MNIST, URL, str(tmp_path))
    assert "\n" not in str(caught.value)


def test_mnist_labels_of_another_number_than_the_images_are_refused(tmp_path, mnist_parts):
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(4))
    with pytest.raises(InputError, match="MNIST/raw: 5 images but 4 labels"):
        load_mnist_like(MNIST, URL, str(tmp_path))


def test_mnist_labels_that_are_too_few_here_and_too_many_there_are_refused(tmp_path, mnist_parts):
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(4))
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.arange(13) % 10)
    with pytest.raises(InputError, match="12 images but 13 labels"):
        load_mnist_like(MNIST, URL, str(tmp_path))


def test_mnist_files_are_fetched_by_their_checksums_and_unpacked_and_none_that_lies_there_is_touched(
    tmp_path, mnist_parts, server, monkeypatch
):
    expected = load_mnist_like(MNIST, URL, str(tmp_path))
    folder, resources = tmp_path / "MNIST" / "raw", []
    for number, name in enumerate(mnist_parts):
        server[f"{URL}/{name}.gz"] = packed = gzip.compress((folder / name).read_bytes())
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
        if number:
            (folder / name).unlink()
        else:
            del server[f"{URL}/{name}.gz"]
    monkeypatch.setattr(MNIST, "resources", resources)
    found = load_mnist_like(MNIST, URL, str(tmp_path))
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert {path.name for path in folder.iterdir()} == {*mnist_parts}


@pytest.mark.parametrize(
    ("place", "byte"), [(0, 1), (2, 9), (3, 1), (3, 2), (4, 255), (7, 11), (7, 13), (11, 27), (-1, None)]
)
def test_mnist_file_whose_head_does_not_fit_is_one_line_with_its_name(tmp_path, mnist_parts, place, byte):
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[place:place] = [] if byte is not None else [0]
    if byte is not None:
        content[place] = byte
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte: damaged.* delete it and run again"):
        load_mnist_like(MNIST, URL, str(tmp_path))


def test_mnist_images_of_two_sizes_are_refused(tmp_path, mnist_parts):
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte", np.zeros((5, 20, 28)))
    with pytest.raises(InputError, match="training and test images differ in size"):
        load_mnist_like(MNIST, URL, str(tmp_path))
