"""Images of the user's own, as arrays and as folders, and made-up clusters: prepared as the configuration asks."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from snakemake_runs import copy_folder, snakemake

GRID = {
    "datasets": {
        "drawings": {"kind": "arrays", "path": "my_drawings.npz", "classes": ["cat", "dog"], "train_size": 10},
        "photos": {"kind": "image_folder", "path": "my_photos", "size": None},
        "clusters": {"kind": "synthetic", "classes": 3, "dimension": 12, "height": 3, "train": 30, "test": 9},
        "wrong": {"kind": "arrays", "path": "wrong.npz"},
    },
    "architectures": {"mlp": {"kind": "mlp", "hidden": [8]}},
    "regimes": {"generalizing": {"kind": "generalizing"}, "memorizing": {"kind": "memorizing"}},
}
TARGETS = [f"results/datasets/{name}.safetensors" for name in GRID["datasets"]]


def write_drawings(folder, level):
    pixels = np.full((20, 6, 6), level, np.uint8)
    np.savez(folder / "my_drawings.npz", images=pixels, labels=np.arange(20) % 2)


@pytest.fixture(scope="session")
def prepared(once, code):
    """An attempt at preparing every dataset, of which one has labels below 0."""

    def execute(folder):
        folder.mkdir()
        write_drawings(folder, 10)
        np.savez(folder / "wrong.npz", images=np.zeros((4, 6, 6), np.uint8), labels=np.arange(4) - 1)
        for part, count in (("train", 3), ("val", 2)):
            for name in ("cat", "dog"):
                (folder / "my_photos" / part / name).mkdir(parents=True)
                for number in range(count):
                    Image.new("RGB", (9, 5), (number, 0, 0)).save(folder / "my_photos" / part / name / f"{number}.png")
        return snakemake(folder, code=code, config=GRID, targets=TARGETS)

    return once("own_images", execute)


@pytest.mark.parametrize(
    ("dataset", "shape", "train", "test", "classes"),
    [
        ("drawings", (1, 6, 6), 10, 8, ["cat", "dog"]),
        ("photos", (3, 5, 9), 6, 4, ["cat", "dog"]),
        ("clusters", (1, 3, 4), 30, 9, ["0", "1", "2"]),
    ],
)
def test_own_and_made_up_images_are_prepared(prepared, dataset, shape, train, test, classes):
    with safe_open(prepared.folder / "results" / "datasets" / f"{dataset}.safetensors", framework="numpy") as file:
        images, split = file.get_tensor("images"), file.get_tensor("split")
        description = json.loads(file.metadata()["spikegrid"])
    assert images.shape == (train + test, *shape)
    assert np.bincount(split).tolist() == [train, test]
    assert description["classes"] == classes


def test_labels_out_of_range_are_one_line_with_dataset_and_file(prepared):
    assert prepared.execution.code != 0
    (line,) = prepared.execution.lines("spikegrid: dataset wrong:")
    assert "wrong.npz: labels from -1 to 2; expected 0 to 2" in line
    assert "Traceback" not in prepared.execution.text
    assert not (prepared.folder / TARGETS[-1]).exists()


def test_newer_drawings_are_prepared_anew_and_nothing_else(prepared, code, tmp_path):
    work = copy_folder(prepared.folder, tmp_path / "work")
    assert snakemake(work, "-n", code=code, config=GRID, targets=TARGETS[:-1]).does_nothing
    write_drawings(work, 20)
    planned = snakemake(work, "-n", code=code, config=GRID, targets=TARGETS[:-1])
    assert planned.datasets == {"drawings"}
