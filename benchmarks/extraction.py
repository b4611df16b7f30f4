"""Extraction against the bare forward pass, which is its limit, and against hooks that researchers write today.

Networks trained for a few steps look at patches of the two photographs that scikit-learn holds. The peers, whose cost
is the same at every checkpoint, are timed at one checkpoint, extraction and the bare pass at several.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_sample_images
from torch import nn

from benchmarks.peers import extraction as peers
from benchmarks.timing import Line, Ratio, in_words, seconds
from spikegrid import spikes
from spikegrid.capture import Capture, find_layers, presented_batch
from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.cost import processes_with
from spikegrid.device import prepare_device
from spikegrid.extraction import extract_spikes
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.networks import as_inputs, network_builder
from spikegrid.packing import pack

_CPU = torch.device("cpu")
_PRESENTED = {"images": "test", "samples": None, "order": "given", "threshold": 0, "units_per_layer": None}
_REGIME = {"plugin": "generalizing", "parameters": {}}
_RESNET = str(Path(peers.__file__).with_name("resnet.py"))
_ZOOM = 4
_FLIPPED = 1e-5  # share of nodes so near zero that another layout of memory turns their sign; none in a perceptron


@dataclass(frozen=True)
class Case:
    """A network, how many digits it is shown at how many checkpoints, and its goals.

    batch: that of the bare forward pass, where it is fastest. memory_images: number of images for peaks of memory.
    """

    name: str
    architecture: dict[str, Any]
    shape: tuple[int, int, int]
    images: int
    checkpoints: int
    batch: int
    memory_images: int
    faster_than_bool: float
    size_of_bool: float
    flipped: float


_MLP = {"plugin": "mlp", "parameters": {"hidden": [512, 512]}}
_CNN = {"plugin": "cnn", "parameters": {"channels": [32, 64], "convolutions": 1, "hidden": [256], "batch_norm": True}}
_WIDE = {"widths": [64, 128, 256, 512], "blocks": 2}
CASES = (
    Case("MLP", _MLP, (1, 28, 28), 1600, 10, 128, 32000, 6, 0.62, 0),
    Case("CNN", _CNN, (3, 32, 32), 256, 6, 64, 1024, 12, 0.77, _FLIPPED),
    Case("ResNet-20", {"plugin": _RESNET, "parameters": {}}, (3, 32, 32), 128, 4, 64, 512, 12, 0.77, _FLIPPED),
)


class Bench:
    """One case, ready to run in ``folder``: its images, its checkpoints in a file, and one network for the peers."""

    def __init__(self, case: Case, folder: Path):
        self.case, self.folder = case, folder
        self.images = patches(case.images, case.shape)
        self.inputs = as_inputs(self.images.part(TEST)[0], self.images, _CPU)
        torch.manual_seed(0)
        self.network = network_builder(case.architecture, self.images)()
        run = {"dataset": "digits", "architecture": "net", "regime": "generalizing", "seeds": [0]}
        labels = np.zeros(np.count_nonzero(self.images.split == TRAIN), np.int16)
        states = dict(enumerate(self._trained_states()))
        networks = [TrainedNetwork(0, labels, states, [])]
        save_checkpoints(folder / "checkpoints.safetensors", run, case.architecture, _REGIME, networks)
        self._states = Checkpoints(folder / "checkpoints.safetensors")

    def _trained_states(self) -> Iterator[dict[str, torch.Tensor]]:
        targets = torch.from_numpy(self.images.part(TEST)[1]).long()
        optimizer = torch.optim.AdamW(self.network.parameters(), 2e-3)
        for _ in range(self.case.checkpoints):
            for batch in torch.randperm(len(targets)).split(64)[:4]:
                loss = nn.functional.cross_entropy(self.network(self.inputs[batch]), targets[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            yield {name: value.clone() for name, value in self.network.state_dict().items()}

    def extract(self) -> None:
        """Extract with this project, at every checkpoint."""
        checkpoints = Checkpoints(self.folder / "checkpoints.safetensors")
        path = self.folder / "spikes.npz"
        extract_spikes(checkpoints, self.images, _PRESENTED, _CPU, path)

    def forward(self) -> None:
        """Run the bare forward passes of every checkpoint, convolutions with channels last."""
        self.network.to(memory_format=torch.channels_last).eval()
        for epoch in self._states.epochs:
            self.network.load_state_dict(self._states.state(0, epoch))
            with torch.inference_mode():
                for batch in self.inputs.split(self.case.batch):
                    self.network(batch)

    def capture(self) -> None:
        """Run the forward passes of every checkpoint as extraction does, and drop the packed spikes."""
        self.network.to(memory_format=torch.channels_last).eval()
        batch = presented_batch(find_layers(self.network, self.inputs[:2]))
        for epoch in self._states.epochs:
            self.network.load_state_dict(self._states.state(0, epoch))
            with torch.inference_mode(), Capture(lambda outputs, _: pack(outputs, 0)):
                for inputs in self.inputs.split(batch):
                    self.network(inputs)

    def save_bool(self) -> None:
        """Extract with hooks to bool arrays, at the first checkpoint."""
        self._save(peers.save_bool_spikes, "bool.npz")

    def save_packed(self) -> None:
        """Extract with hooks and ``np.packbits``, at the first checkpoint."""
        self._save(peers.save_packed_spikes, "packed.npz")

    def _save(self, save: Callable[[nn.Module, torch.Tensor, Path], None], name: str) -> None:
        self.network.to(memory_format=torch.contiguous_format).load_state_dict(self._states.state(0, 0))
        save(self.network, self.inputs, self.folder / name)

    def check(self) -> None:
        """Raise where the spikes of the three ways are not the same."""
        self.extract()
        self.save_bool()
        self.save_packed()
        with (
            spikes.load(self.folder / "spikes.npz") as file,
            np.load(self.folder / "bool.npz") as plain,
            np.load(self.folder / "packed.npz") as packed,
        ):
            for layer in file.layers:
                _, _, ours = next(file.packed(layer.name))
                theirs = plain[layer.name].reshape(len(ours), -1)
                if not np.array_equal(np.packbits(theirs, axis=1), packed[layer.name]):
                    raise AssertionError(f"{self.case.name}, {layer.name}: the peers differ")
                flipped = (np.unpackbits(ours, axis=1, count=layer.kept, bitorder="little") != theirs).mean()
                if flipped > self.case.flipped:
                    raise AssertionError(f"{self.case.name}, {layer.name}: {flipped:.2g} of the spikes differ")


def patches(count: int, shape: tuple[int, int, int]) -> ImageSet:
    """Return ``count`` test and 100 training images: patches of photographs, at a quarter of their size.

    The class of a patch is the photograph that it is from, and how far down it lies there.
    """
    generator, wide = np.random.default_rng(0), _ZOOM * shape[1]
    photographs = [_blurred(photograph, shape[0]) for photograph in load_sample_images().images]
    images, labels = np.empty((count + 100, *shape), np.uint8), np.empty(count + 100, np.int16)
    for number in range(len(images)):
        photograph = photographs[number % 2]
        rows, columns = (length + _ZOOM - 1 - wide for length in photograph.shape[1:])
        top, left = generator.integers(rows), generator.integers(columns)
        images[number] = photograph[:, top : top + wide : _ZOOM, left : left + wide : _ZOOM]
        labels[number] = number % 2 * 5 + top * 5 // rows
    split = np.repeat(np.array([TEST, TRAIN], np.uint8), [count, 100])
    return ImageSet(images, labels, split, [str(number) for number in range(10)], "photographs")


def _blurred(photograph: np.ndarray, channels: int) -> np.ndarray:
    """Return channels × rows × columns: the mean over the square of _ZOOM pixels that begins at each, or its grey."""
    means = sliding_window_view(photograph, (_ZOOM, _ZOOM), axis=(0, 1)).mean(axis=(-2, -1))
    return (means if channels == 3 else means.mean(axis=2, keepdims=True)).transpose(2, 0, 1)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those it begins, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def peak_memory(case: Case, way: str) -> int:
    """Return by how many bytes one way to extract raises the memory of this process above that of the forward pass.

    The libraries have been loaded by then: both ways have run on a few images.
    """
    prepare_device(0, 1)
    for images in (2, case.memory_images):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(replace(case, images=images, checkpoints=1), Path(folder))
            bench.forward()
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
            before = _memory("VmRSS")
            getattr(bench, way)()
            peak = _memory("VmHWM") - before
    return peak


def _memory(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def lines() -> Iterator[Line]:
    """Measure every case: seconds against the bare pass and both peers, sizes of the files, and peaks of memory."""
    prepare_device(0, 1)
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(case, Path(folder))
            bench.check()
            yield from _times(bench)
        yield _size(case)
        yield _memories(case)


def _times(bench: Bench) -> Iterator[Line]:
    def pinned(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with one_core():
                work()

        return run

    taken = seconds(
        {
            "ours": bench.extract,
            "limit": bench.forward,
            "ours, one core": pinned(bench.extract),
            "limit, one core": pinned(bench.forward),
            "bool": bench.save_bool,
            "packed": bench.save_packed,
        }
    )
    case = bench.case
    for key in ("ours", "limit", "ours, one core", "limit, one core"):
        taken[key] /= case.checkpoints
    median = {key: in_words(float(np.median(values))) for key, values in taken.items()}
    captured = in_words(float(np.median(seconds({"captured": bench.capture}, rounds=3)["captured"])) / case.checkpoints)
    for cores, goal in (("", 1.08), (", one core", 1.20)):
        ours, limit = f"ours{cores}", f"limit{cores}"
        ratio = Ratio.over(taken[ours], taken[limit])
        against = f"bare forward pass, batch {case.batch}"
        why = f"the pass with its outputs captured and packed, nothing kept, takes {captured}"
        words = median[ours], median[limit], why
        yield Line("extraction", f"{case.name}{cores}", against, ratio, goal, "at most", "×", *words)
    for key, peer, goal in (
        ("bool", "hooks, bool, savez_compressed", case.faster_than_bool),
        ("packed", "hooks, packbits, savez_compressed", 2.5),
    ):
        ratio = Ratio.over(taken[key], taken["ours"])
        most = float(np.median(taken[key] / taken["limit"]))
        why = f"this script takes {most:.3g} times the bare forward pass: no extraction can be faster by more"
        words = median["ours"], median[key], why
        yield Line("extraction", case.name, peer, ratio, goal, "at least", "×", *words)


def _size(case: Case) -> Line:
    """Compare what one checkpoint takes; where the units sit, which is stored once for all, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(replace(case, checkpoints=1), Path(folder))
        bench.extract()
        bench.save_bool()
        theirs = (bench.folder / "bool.npz").stat().st_size
        with zipfile.ZipFile(bench.folder / "spikes.npz") as archive:
            sizes = {member.filename: member.compress_size for member in archive.infolist()}
    ours = sum(size for name, size in sizes.items() if name.replace(".npy", ":units.npy") in sizes)
    words = [f"{size / 1e6:.3g} MB" for size in (ours, theirs)]
    ratio, peer = Ratio.exact(ours / theirs), "hooks, bool, savez_compressed"
    return Line("file size", case.name, peer, ratio, case.size_of_bool, "at most", "×", *words)


def _memories(case: Case) -> Line:
    peaks = []
    for way in ("extract", "save_bool"):
        with ProcessPoolExecutor(1, mp_context=processes_with(__name__)) as process:
            peaks.append(process.submit(peak_memory, case, way).result())
    words = [f"{peak / 1e6:.3g} MB" for peak in peaks]
    ratio = Ratio.exact(peaks[0] / peaks[1])
    return Line("peak memory", case.name, "hooks, bool, savez_compressed", ratio, 0.33, "at most", "×", *words)
