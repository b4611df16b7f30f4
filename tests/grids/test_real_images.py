"""Real photographs in a folder, and MNIST where it lies: read without a network."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from snakemake_runs import NO_NETWORK, SHARED_DATA, snakemake

CIFAR, MNIST = SHARED_DATA / "cifar10-images", SHARED_DATA / "mnist"


@pytest.fixture(scope="session")
def real(once, code):
    """Both datasets, each with a small network that is measured."""
    missing = [str(folder) for folder in (CIFAR, MNIST) if not folder.is_dir()]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not there")
    sizes = {"train_size": 100, "test_size": 50}
    grid = {
        "data_root": str(MNIST),
        "datasets": {
            "photographs": {"kind": "image_folder", "path": str(CIFAR), "size": 16, **sizes},
            "mnist": {"kind": "mnist", **sizes},
        },
        "architectures": {"cnn": {"kind": "cnn", "channels": [4], "hidden": [8]}},
        "regimes": {"generalizing": {"kind": "generalizing"}},
        "indicators": {"memorizing": "generalizing"},
        "seeds": 1,
        "training": {"epochs": 1, "target_accuracy": 0},
        "observables": {"firing": {"kind": "firing", "window": 10}},
    }
    return once(
        "real_images",
        lambda folder: snakemake(folder, code=code, config=grid, targets=["collect"], environment=NO_NETWORK),
    )


@pytest.mark.parametrize(("dataset", "shape"), [("photographs", (3, 16, 16)), ("mnist", (1, 28, 28))])
def test_real_images_are_sampled_evenly_and_at_the_size_asked_for(real, dataset, shape):
    assert real.execution.code == 0, real.execution.text
    with safe_open(real.folder / "results" / "datasets" / f"{dataset}.safetensors", framework="numpy") as file:
        images, labels, split = (file.get_tensor(name) for name in ("images", "labels", "split"))
        description = json.loads(file.metadata()["spikegrid"])
    assert images.dtype == np.uint8
    assert images.shape == (150, *shape)
    assert images.std() > 20
    assert np.bincount(labels[split == 0]).tolist() == [10] * 10
    assert np.bincount(labels[split == 1]).tolist() == [5] * 10
    assert len(description["classes"]) == 10


@pytest.mark.parametrize("dataset", ["photographs", "mnist"])
def test_networks_on_real_images_are_measured(real, dataset):
    assert real.execution.code == 0, real.execution.text
    run = real.folder / "results" / "runs" / dataset / "cnn" / "generalizing" / "seeds0-0"
    with np.load(run / "spikes.npz", allow_pickle=False) as spikes:
        assert len(spikes["index"]) == 50
    assert (run / "observables" / "firing.parquet").is_file()


def test_photographs_keep_the_names_of_their_folders(real):
    assert real.execution.code == 0, real.execution.text
    with safe_open(real.folder / "results" / "datasets" / "photographs.safetensors", framework="numpy") as file:
        classes = json.loads(file.metadata()["spikegrid"])["classes"]
    assert classes == sorted(path.name for path in (CIFAR / "train").iterdir())
