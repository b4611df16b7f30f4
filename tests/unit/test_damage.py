"""Artefacts that are cut short or have a bit flipped: the next step refuses them, or reads what was written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikegrid import images, spikes
from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.dynamics import COLUMNS as DYNAMICS
from spikegrid.errors import InputError
from spikegrid.features import tidy, write_observed, write_table
from spikegrid.figures.networks import final_units
from spikegrid.history import save_history
from spikegrid.spikes import SpikeLayer, SpikeWriter
from spikegrid.tables import join_features, join_histories, read_named

RUN = {"dataset": "dots", "architecture": "net", "regime": "memorizing", "seeds": [0, 1]}
NETWORKS = pd.DataFrame([RUN | {"seed": seed, "epoch": 20, "reached_target": seed == 0} for seed in (0, 1)])
SEALED = ["dataset.safetensors", "checkpoints.safetensors", "spikes.npz", "features.parquet", "units.parquet"]
TABLES = ["history.csv", "dynamics.csv"]


@dataclass
class Artefact:
    """A file as it was written, what the next step reads from it, and how."""

    path: Path
    read: Callable[[Path], Any]

    def __post_init__(self):
        self.whole = self.path.read_bytes()
        self.content = self.read(self.path)

    def read_damaged(self, damaged: bytes) -> Any:
        """Return what the next step reads, or None where it refuses the file in one line that names it."""
        self.path.write_bytes(damaged)
        try:
            return self.read(self.path)
        except InputError as error:
            said = str(error)
        assert [part for part in (str(self.path), "delete it and run again") if part not in said] == [], said
        assert "\n" not in said


def write_dataset(path: Path) -> None:
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (12, 1, 3, 3), np.uint8), np.arange(12, dtype=np.int16) % 3
    images.save(path, images.ImageSet(pixels, labels, (labels == 0).astype(np.uint8), ["a", "b", "c"], "made up"))


def read_dataset(path: Path) -> list:
    image_set = images.load(path)
    arrays = [image_set.images, image_set.labels, image_set.split]
    return [*map(np.ndarray.tolist, arrays), image_set.classes, image_set.source]


def write_checkpoints(path: Path) -> None:
    def state(seed: int, epoch: int) -> dict[str, torch.Tensor]:
        return {"weight": torch.arange(12.0).reshape(4, 3) / 7 + seed, "bias": torch.full((4,), epoch / 3)}

    networks = [
        TrainedNetwork(seed, np.arange(5, dtype=np.int16), {epoch: state(seed, epoch) for epoch in (0, 20)}, [])
        for seed in RUN["seeds"]
    ]
    save_checkpoints(path, RUN, {"plugin": "mlp", "parameters": {}}, {"plugin": "memorizing"}, networks)


def read_checkpoints(path: Path) -> list:
    file = Checkpoints(path)
    states = [file.state(seed, epoch) for seed in file.run["seeds"] for epoch in file.epochs]
    tensors = [{name: tensor.tolist() for name, tensor in state.items()} for state in states]
    labels = [file.labels(seed).tolist() for seed in file.run["seeds"]]
    return [file.run, file.architecture, file.regime, file.epochs, tensors, labels]


def write_spikes(path: Path) -> None:
    generator, count = np.random.default_rng(0), 40
    arrays = {
        "seeds": np.array(RUN["seeds"], np.int32),
        "epochs": np.array([0, 20], np.int32),
        "index": generator.permutation(count).astype(np.int32),
        "labels": (np.arange(count) % 3).astype(np.int16),
        "train_labels": generator.integers(0, 3, (2, count)).astype(np.int16),
    }
    layers = [SpikeLayer("hidden", 1, (11,), 11, 11), SpikeLayer("conv", 2, (2, 3, 2), 12, 12)]
    units = [np.arange(11)[:, None], np.stack(np.unravel_index(np.arange(12), (2, 3, 2)), axis=1)]
    with SpikeWriter(path, layers, units, arrays, {"threshold": 0, "run": RUN}) as writer:
        for number, layer in enumerate(layers):
            for _ in range(4):
                fires = generator.random((count, layer.kept)) < 0.3
                writer.append(number, np.packbits(fires, axis=1, bitorder="little"))


def read_spikes(path: Path) -> list:
    with spikes.load(path) as file:
        arrays = [file.index.tolist(), file.labels.tolist(), file.train_labels.tolist()]
        content = [file.meta, file.seeds, file.epochs, file.layers, arrays]
        for layer in file.layers:
            content.append(file.units(layer.name).tolist())
            content.append([(seed, epoch, packed.tolist()) for seed, epoch, packed in file.packed(layer.name)])
            content.append(file.trains_at(layer.name, 0, 0).words.tolist())
    return content


def write_features(path: Path) -> None:
    records = [
        {"seed": seed, "epoch": epoch, "layer": "relu", "depth": 1, "feature": f"feature{number}", "value": number / 7}
        for seed in RUN["seeds"]
        for epoch in (0, 20)
        for number in range(9)
    ]
    write_observed({"features": path}, tidy(records, RUN))


def write_units(path: Path) -> None:
    table = pd.DataFrame({"seed": np.int32([0, 1] * 30), "epoch": np.int32([20, 20, 0, 0] * 15), "unit": np.arange(60)})
    write_table(path, table.assign(layer="relu", firing_rate=np.linspace(0, 1, 60)))


def write_history(path: Path) -> None:
    rows = [
        {"seed": seed, "epoch": epoch, "loss": 2 / (epoch + 3), "train_accuracy": 1 / 3}
        for seed in RUN["seeds"]
        for epoch in range(5)
    ]
    save_history(path, RUN, rows)


def write_dynamics(path: Path) -> None:
    words = {"law": "power", "reason": 'of "few", or undefined', "power_law": True}
    names = {"dataset": "NA", "architecture": "1", "regime": "memorizing", "observable": "firing", "feature": "rate"}
    rows = [names | words | {"layer": f"relu{depth}", "depth": depth, "a": depth / 7} for depth in range(1, 5)]
    write_table(path, pd.DataFrame(rows).reindex(columns=DYNAMICS))


WAYS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "dataset.safetensors": (write_dataset, read_dataset),
    "checkpoints.safetensors": (write_checkpoints, read_checkpoints),
    "spikes.npz": (write_spikes, read_spikes),
    "features.parquet": (write_features, lambda path: join_features([path], NETWORKS).to_dict("list")),
    "units.parquet": (write_units, lambda path: final_units([path], NETWORKS).to_dict("list")),
    "history.csv": (write_history, lambda path: join_histories([path])),
    "dynamics.csv": (write_dynamics, lambda path: read_named(path, DYNAMICS)),
}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory) -> dict[str, Artefact]:
    folder = tmp_path_factory.mktemp("dots") / "net" / "memorizing" / "seeds0-1" / "units"
    folder.mkdir(parents=True)
    for name, (write, _) in WAYS.items():
        write(folder / name)
    return {name: Artefact(folder / name, read) for name, (_, read) in WAYS.items()}


@pytest.mark.parametrize("name", WAYS)
@given(data=st.data())
def test_an_artefact_that_is_cut_short_anywhere_is_refused(artefacts, name, data):
    artefact = artefacts[name]
    length = data.draw(st.integers(0, len(artefact.whole) - 1))
    assert artefact.read_damaged(artefact.whole[:length]) is None


@pytest.mark.parametrize("name", SEALED)
@settings(max_examples=200)
@given(data=st.data())
def test_an_artefact_with_any_bit_flipped_is_refused_or_read_as_it_was_written(artefacts, name, data):
    artefact = artefacts[name]
    assert artefact.read_damaged(with_a_bit_flipped(artefact.whole, data)) in (None, artefact.content)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=200)
@given(data=st.data())
def test_a_csv_table_with_any_bit_flipped_is_refused_or_differs_in_one_cell(artefacts, name, data):
    """No csv can tell that a digit or a letter of a name is another one."""
    artefact = artefacts[name]
    found = artefact.read_damaged(with_a_bit_flipped(artefact.whole, data))
    if found is not None:
        assert found.columns.tolist() == artefact.content.columns.tolist()
        assert len(found) == len(artefact.content)
        same = (found == artefact.content) | (found.isna() & artefact.content.isna())
        assert np.count_nonzero(~same) <= 1


@pytest.mark.parametrize("name", ["dataset.safetensors", "checkpoints.safetensors", "features.parquet"])
def test_an_artefact_without_a_checksum_is_refused(artefacts, name):
    artefact = artefacts[name]
    assert artefact.whole.count(b"spikegrid crc32 ") == 1
    assert artefact.read_damaged(artefact.whole.replace(b"spikegrid crc32 ", b"spikegrid crc64 ")) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b",1,4,", b",1,5,"),
        (b",1,4,", b",1,3,"),
        (b",1,2,", b",3,2,"),
        (b"memorizing,0,3", b"generalizing,0,3"),
        (b",loss,", b",cost,"),
        (b",0.3333333,", b",0.3333333 %,"),
        (b"dots,net,memorizing,1,4,0.2857143,0.3333333,,,,,\n", b""),
    ],
)
def test_a_history_whose_seeds_have_other_epochs_names_or_columns_is_refused(artefacts, old, new):
    artefact = artefacts["history.csv"]
    assert old in artefact.whole
    assert artefact.read_damaged(artefact.whole.replace(old, new, 1)) is None


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize(
    "content", [b"", b"text", b"\n\n", b"\x93NUMPY\x01\x00", b"PAR1halfPAR1", bytes(range(256)) * 4]
)
def test_a_file_of_something_else_is_refused(artefacts, name, content):
    assert artefacts[name].read_damaged(content) is None


@pytest.mark.parametrize("name", WAYS)
def test_a_missing_file_is_refused_by_name(artefacts, name, tmp_path):
    with pytest.raises(InputError, match=f"{name}: not a"):
        artefacts[name].read(tmp_path / "regime" / "seeds0-1" / "units" / name)


def with_a_bit_flipped(whole: bytes, data: st.DataObject) -> bytes:
    position, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    return whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :]
