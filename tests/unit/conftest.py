"""What several files of unit tests share: small image sets, small runs, spike files, and the real images."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # networks this small are slower on several threads, and sums repeat on one
os.environ["MKL_CBWR"] = "AUTO,STRICT"  # as prepare_device has it, before the first product of any test

import numpy as np
import pytest
from hypothesis import settings

from spikegrid import packed_bits
from spikegrid.images import ImageSet
from spikegrid.spikes import SpikeLayer, SpikeWriter

settings.register_profile("spikegrid", deadline=None, max_examples=60)
settings.load_profile("spikegrid")

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"

TRAINING = {
    "epochs": 2,
    "checkpoints": [0, 1],
    "batch_size": 8,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 0,
    "precision": "float32",
    "crop_padding": 0,
    "horizontal_flip": False,
    "early_stopping": None,
    "schedule": "constant",
    "target_accuracy": 0.99,
}

PRESENTED = {"images": "test", "samples": None, "order": "random", "threshold": 0, "units_per_layer": None}


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Function that sets the number of threads of loops over packed bits, for one test."""
    yield packed_bits.set_threads
    packed_bits.set_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """Folder of real images beside the checkout; the test is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real images are not here: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def make_images() -> Callable[..., ImageSet]:
    """Builds images whose classes lie far apart: class c lights the pixels p with p % classes == c."""

    def make(train: int = 24, test: int = 16, classes: int = 3, shape: tuple[int, int, int] = (1, 4, 4)) -> ImageSet:
        generator = np.random.default_rng(0)
        labels = np.concatenate([np.arange(train) % classes, np.arange(test) % classes]).astype(np.int16)
        lit = np.arange(np.prod(shape)) % classes == labels[:, None]
        pixels = np.where(lit, 200, 30) + generator.integers(-20, 21, lit.shape)
        split = np.repeat(np.array([0, 1], np.uint8), [train, test])
        names = [f"class{number}" for number in range(classes)]
        return ImageSet(pixels.astype(np.uint8).reshape(-1, *shape), labels, split, names, "made up")

    return make


@pytest.fixture
def run() -> dict:
    """Names and seeds of a run of one seed."""
    return {"dataset": "dots", "architecture": "net", "regime": "generalizing", "seeds": [0]}


@pytest.fixture
def training() -> dict:
    """Settings of a short training."""
    return dict(TRAINING)


@pytest.fixture
def presented() -> dict:
    """Settings that present every test image in random order."""
    return dict(PRESENTED)


@pytest.fixture
def mlp() -> dict:
    """A small perceptron as the grid names it."""
    return {"plugin": "mlp", "parameters": {"hidden": [7, 5]}}


@pytest.fixture
def cnn() -> dict:
    """A small convolutional network with batch normalization, as the grid names it."""
    return {
        "plugin": "cnn",
        "parameters": {"channels": [3], "convolutions": 1, "hidden": [5], "batch_norm": True},
    }


@pytest.fixture
def generalizing() -> dict:
    """The generalizing regime as the grid names it."""
    return {"plugin": "generalizing", "parameters": {}}


@pytest.fixture
def observed_run(tmp_path: Path, make_images, run, mlp, generalizing, training, presented) -> Callable[..., dict]:
    """Trains a run, presents it test images, and gives the paths of its artefacts as an observable gets them."""
    import torch

    from spikegrid import images
    from spikegrid.checkpoints import Checkpoints, save_checkpoints
    from spikegrid.extraction import extract_spikes
    from spikegrid.training import train_block

    def observe_run(
        seeds: tuple[int, ...] = (0, 1), architecture=mlp, regime=generalizing, image_set=None, samples=None, **settings
    ) -> dict[str, Path]:
        folder = tmp_path / "-".join(map(str, seeds))
        folder.mkdir()
        artefacts = {name: folder / f"{name}.safetensors" for name in ("dataset", "checkpoints")}
        artefacts["spikes"] = folder / "spikes.npz"
        image_set, named, cpu = image_set or make_images(), run | {"seeds": list(seeds)}, torch.device("cpu")
        images.save(artefacts["dataset"], image_set)
        networks = train_block(named, image_set, architecture, regime, training | settings, cpu)
        save_checkpoints(artefacts["checkpoints"], named, architecture, regime, networks)
        checkpoints = Checkpoints(artefacts["checkpoints"])
        extract_spikes(checkpoints, image_set, presented | {"samples": samples}, cpu, artefacts["spikes"])
        return artefacts

    return observe_run


@pytest.fixture
def change_weights() -> Callable[..., None]:
    """Rewrites a checkpoint file: ``change`` takes all tensors by name, and gives others of these names."""
    from safetensors.torch import save_file

    from spikegrid.tensor_files import TensorFile, write_tensors

    def rewrite(path: Path, change: Callable[[dict], dict]) -> None:
        file = TensorFile(path, "checkpoint file", "pt")
        tensors = {name: file[name] for name in file.keys}
        description = {key: value for key, value in file.description.items() if key != "seal"}
        write_tensors(path, tensors | change(tensors), description, save_file)

    return rewrite


@pytest.fixture
def write_spikes(tmp_path: Path) -> Callable[..., Path]:
    """Builds a spike file from bool arrays [S, E, N, *shape] by layer; ``kept`` chooses flat units of a layer."""

    def write(
        spikes: dict[str, np.ndarray],
        kept: dict[str, np.ndarray] | None = None,
        batch: int = 7,
        path: Path = tmp_path / "spikes.npz",
        **arrays: np.ndarray,
    ) -> Path:
        seeds, epochs, images = next(iter(spikes.values())).shape[:3]
        layers, positions, flattened = [], [], []
        for depth, (name, array) in enumerate(spikes.items(), start=1):
            shape, flat = array.shape[3:], array.reshape(seeds, epochs, images, -1)
            units = np.arange(flat.shape[-1]) if kept is None or name not in kept else np.asarray(kept[name])
            layers.append(SpikeLayer(name, depth, shape, flat.shape[-1], len(units)))
            positions.append(np.stack(np.unravel_index(units, shape), axis=1))
            flattened.append(flat[..., units])
        arrays = {
            "seeds": np.arange(seeds, dtype=np.int32),
            "epochs": (10 * np.arange(epochs)).astype(np.int32),
            "index": np.arange(images, dtype=np.int32)[::-1].copy(),
            "labels": (np.arange(images) % 3).astype(np.int16),
            **arrays,
        }
        names = {"dataset": "dots", "architecture": "net", "regime": "generalizing", "seeds": list(range(seeds))}
        description = {"threshold": 0, "order": "random", "samples": images, "run": names}
        with SpikeWriter(path, layers, positions, arrays, description) as writer:
            for seed in range(seeds):
                for epoch in range(epochs):
                    for first in range(0, images, batch):
                        for number, flat in enumerate(flattened):
                            shown = flat[seed, epoch, first : first + batch]
                            writer.append(number, np.packbits(shown, axis=1, bitorder="little"))
        return path

    return write


@pytest.fixture(
    params=[
        {"plugin": "resnet", "parameters": {"depth": 20, "width": 2}},
        {
            "plugin": "vit",
            "parameters": {"patch_size": 2, "width": 8, "depth": 1, "heads": 2, "mlp_ratio": 1, "dropout": 0.1},
        },
    ],
    ids=["residual", "transformer"],
)
def another_architecture(request: pytest.FixtureRequest) -> dict:
    """An architecture that is more than a chain of layers, one after the other."""
    return request.param
