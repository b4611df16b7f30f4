"""The spike file, format version 1, read with numpy and zipfile alone, whole and damaged."""

import json
import resource
import shutil
import threading
import time
import tracemalloc
import zipfile
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.spikes import SpikeLayer, SpikeWriter


def random_spikes(*shape: int, rate: float = 0.3) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape) < rate


@pytest.fixture
def two_layers() -> dict[str, np.ndarray]:
    """Spikes of 2 seeds, 3 epochs, 20 images in a layer of 11 units and one of 2 × 3 × 2."""
    return {"hidden.relu": random_spikes(2, 3, 20, 11), "conv": random_spikes(2, 3, 20, 2, 3, 2, rate=0.6)}


def read_everything(path) -> dict:
    """Everything that the library gives from a spike file, as plain lists."""
    with spikes.load(path) as file:
        content = {
            "meta": file.meta,
            "seeds": file.seeds,
            "epochs": file.epochs,
            "index": file.index.tolist(),
            "labels": file.labels.tolist(),
            "train_labels": None if file.train_labels is None else file.train_labels.tolist(),
        }
        for layer in file.layers:
            content[layer.name] = [(seed, epoch, packed.tolist()) for seed, epoch, packed in file.packed(layer.name)]
            content[f"{layer.name}:units"] = file.units(layer.name).tolist()
    return content


# --- the format ---


def test_numpy_opens_the_file_without_pickle_and_unpackbits_gives_the_spikes(write_spikes, two_layers):
    with np.load(write_spikes(two_layers), allow_pickle=False) as file:
        for name, array in two_layers.items():
            units = array[0, 0, 0].size
            unpacked = np.unpackbits(file[name], axis=-1, count=units, bitorder="little")
            np.testing.assert_array_equal(unpacked, array.reshape(2, 3, 20, units))


def test_arrays_have_the_types_and_shapes_of_format_version_1(write_spikes, two_layers):
    train_labels = np.ones((2, 20), np.int16)
    with np.load(write_spikes(two_layers, train_labels=train_labels), allow_pickle=False) as file:
        found = {name: (file[name].dtype, file[name].shape) for name in file.files if name != "meta"}
    assert found == {
        "seeds": (np.int32, (2,)),
        "epochs": (np.int32, (3,)),
        "index": (np.int32, (20,)),
        "labels": (np.int16, (20,)),
        "train_labels": (np.int16, (2, 20)),
        "hidden.relu": (np.uint8, (2, 3, 20, 2)),
        "hidden.relu:units": (np.int32, (11, 1)),
        "conv": (np.uint8, (2, 3, 20, 2)),
        "conv:units": (np.int32, (12, 3)),
    }


def test_meta_is_json_in_a_0d_unicode_array(write_spikes, two_layers):
    with np.load(write_spikes(two_layers), allow_pickle=False) as file:
        assert file["meta"].shape == ()
        assert file["meta"].dtype.kind == "U"
        meta = json.loads(str(file["meta"]))
    assert meta["format"] == 1
    assert meta["threshold"] == 0
    assert meta["order"] == "random"
    assert meta["samples"] == 20
    assert meta["run"]["architecture"] == "net"
    assert meta["layers"] == [
        {"name": "hidden.relu", "depth": 1, "shape": [11], "units": 11, "kept": 11},
        {"name": "conv", "depth": 2, "shape": [2, 3, 2], "units": 12, "kept": 12},
    ]


def test_bits_past_the_last_unit_are_zero(write_spikes):
    with np.load(write_spikes({"always_on": np.ones((1, 1, 9, 13), bool)})) as file:
        np.testing.assert_array_equal(file["always_on"], np.tile(np.array([255, 31], np.uint8), (1, 1, 9, 1)))


def test_units_say_where_each_kept_unit_sits_in_channel_row_column_order(write_spikes):
    kept = [0, 5, 7, 11]
    path = write_spikes({"conv": random_spikes(1, 1, 5, 2, 2, 3)}, kept={"conv": kept})
    with np.load(path) as file:
        np.testing.assert_array_equal(file["conv:units"], [[0, 0, 0], [0, 1, 2], [1, 0, 1], [1, 1, 2]])


def test_writing_twice_gives_the_same_bytes(write_spikes, two_layers, tmp_path):
    first = write_spikes(two_layers, path=tmp_path / "first.npz")
    second = write_spikes(two_layers, path=tmp_path / "folder" / "second.npz")
    assert first.read_bytes() == second.read_bytes()


def test_size_of_the_parts_handed_in_does_not_change_what_is_read(write_spikes, two_layers, tmp_path):
    first = write_spikes(two_layers, batch=1, path=tmp_path / "first.npz")
    second = write_spikes(two_layers, batch=20, path=tmp_path / "second.npz")
    assert read_everything(first) == read_everything(second)


def test_zipfile_finds_the_archive_sound_and_without_times(write_spikes, two_layers):
    with zipfile.ZipFile(write_spikes(two_layers)) as archive:
        assert archive.testzip() is None
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_sparse_spikes_are_compressed(write_spikes):
    silent = write_spikes({"silent": np.zeros((1, 10, 200, 800), bool)})
    assert silent.stat().st_size < 10 * 200 * 100 / 20


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_spikes_come_back_as_written(data, write_spikes):
    seeds, epochs, images = (data.draw(st.integers(1, largest)) for largest in (3, 3, 20))
    layers = {}
    for name in data.draw(st.lists(st.sampled_from(["a", "b.relu@2", "c.0", "größe", "x/y"]), min_size=1, unique=True)):
        shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
        fill = data.draw(st.sampled_from([None, False, True]))
        full = (seeds, epochs, images, *shape)
        layers[name] = data.draw(arrays(bool, full)) if fill is None else np.full(full, fill)
    path = write_spikes(layers, batch=data.draw(st.integers(1, 25)))
    with np.load(path, allow_pickle=False) as plain, spikes.load(path) as file:
        assert [layer.name for layer in file.layers] == list(layers)
        for layer in file.layers:
            expected = layers[layer.name].reshape(seeds, epochs, images, -1)
            units = expected.shape[-1]
            np.testing.assert_array_equal(
                np.unpackbits(plain[layer.name], axis=-1, count=units, bitorder="little"), expected
            )
            for (seed, epoch, trains), written in zip(
                file.trains(layer.name), expected.reshape(-1, images, units), strict=True
            ):
                np.testing.assert_array_equal(trains.to_array(), written.T)
                assert (seed, epoch) in {(s, 10 * e) for s in range(seeds) for e in range(epochs)}


# --- reading ---


def test_reader_gives_the_arrays_as_written(write_spikes, two_layers):
    train_labels = np.arange(40, dtype=np.int16).reshape(2, 20)
    with spikes.load(write_spikes(two_layers, train_labels=train_labels)) as file:
        assert file.seeds == [0, 1]
        assert file.epochs == [0, 10, 20]
        np.testing.assert_array_equal(file.index, np.arange(20)[::-1])
        np.testing.assert_array_equal(file.labels, np.arange(20) % 3)
        np.testing.assert_array_equal(file.train_labels, train_labels)
        assert file.layers == [
            SpikeLayer("hidden.relu", 1, (11,), 11, 11),
            SpikeLayer("conv", 2, (2, 3, 2), 12, 12),
        ]


def test_labels_trained_on_are_none_where_test_images_were_presented(write_spikes, two_layers):
    with spikes.load(write_spikes(two_layers)) as file:
        assert file.train_labels is None


def test_trains_at_gives_one_seed_and_epoch(write_spikes, two_layers):
    with spikes.load(write_spikes(two_layers)) as file:
        for seed in (0, 1):
            for position, epoch in enumerate((0, 10, 20)):
                expected = two_layers["conv"][seed, position].reshape(20, 12).T
                np.testing.assert_array_equal(file.trains_at("conv", seed, epoch).to_array(), expected)


@pytest.mark.parametrize(("seed", "epoch"), [(2, 0), (0, 1), (-1, 0)])
def test_trains_at_an_absent_seed_or_epoch_raise_a_key_error(write_spikes, two_layers, seed, epoch):
    with spikes.load(write_spikes(two_layers)) as file, pytest.raises(KeyError, match=f"no seed {seed} at epoch"):
        file.trains_at("conv", seed, epoch)


def peak_memory(work) -> int:
    """Most bytes that numpy and Python held at a time while ``work`` ran."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def write_checkpoints(path, checkpoints: int) -> None:
    """Write a layer whose checkpoints take 40,000 bytes each, made one at a time."""
    arrays = {
        "seeds": np.zeros(1, np.int32),
        "epochs": np.arange(checkpoints, dtype=np.int32),
        "index": np.arange(400, dtype=np.int32),
        "labels": np.zeros(400, np.int16),
    }
    layer = SpikeLayer("layer", 1, (800,), 800, 800)
    generator = np.random.default_rng(0)
    with SpikeWriter(path, [layer], [np.arange(800)[:, None]], arrays, {"run": {}}) as writer:
        for _ in range(checkpoints):
            writer.append(0, generator.integers(0, 256, (400, 100), np.uint8))


def test_memory_of_writing_does_not_grow_with_the_number_of_checkpoints(tmp_path):
    few = peak_memory(lambda: write_checkpoints(tmp_path / "few.npz", 60))
    many = peak_memory(lambda: write_checkpoints(tmp_path / "many.npz", 300))
    assert (tmp_path / "many.npz").stat().st_size > 300 * 40_000 * 0.9
    assert many < few + 10 * 40_000


def test_reading_holds_one_checkpoint_at_a_time(tmp_path):
    write_checkpoints(tmp_path / "many.npz", 100)

    def read():
        with spikes.load(tmp_path / "many.npz") as file:
            for _ in file.packed("layer"):
                pass

    read()
    assert peak_memory(read) < 10 * 40_000


# --- files that are not whole ---


def overwrite(path, position: int, byte: int) -> None:
    with open(path, "r+b") as stream:
        stream.seek(position)
        stream.write(bytes([byte]))


def test_no_flipped_bit_in_a_large_layer_gives_wrong_trains_at_one_checkpoint(tmp_path):
    path = tmp_path / "spikes.npz"
    write_checkpoints(path, 4)
    with spikes.load(path) as file:
        original = file.trains_at("layer", 0, 0).words
    whole = path.read_bytes()
    for position in np.random.default_rng(0).integers(2000, len(whole) - 2000, 40).tolist():
        overwrite(path, position, whole[position] ^ 1)
        try:
            with spikes.load(path) as file:
                np.testing.assert_array_equal(file.trains_at("layer", 0, 0).words, original, f"byte {position}")
        except InputError:
            pass
        overwrite(path, position, whole[position])


@pytest.mark.parametrize(("old", "new"), [(b"{'", b";'"), (b"{'descr'", b"\n  1\n 0\n"), (b"u1", b"O8")])
def test_layer_with_a_damaged_header_is_refused(write_spikes, two_layers, old, new):
    path = write_spikes(two_layers)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(old, new, 1) if name == "conv.npy" else content)
    with spikes.load(path) as file, pytest.raises(InputError, match=r"spikes.npz"):
        list(file.packed("conv"))


@pytest.mark.parametrize("epochs", [1, 3])
def test_layer_of_more_or_fewer_checkpoints_than_the_file_has_is_refused(write_spikes, two_layers, epochs):
    path = write_spikes(two_layers)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["conv"] = np.repeat(arrays["conv"][:, :1], epochs, axis=1)
    arrays["epochs"] = arrays["epochs"][:2]
    np.savez(path, **arrays)
    with spikes.load(path) as file, pytest.raises(InputError, match=r"spikes.npz"):
        list(file.packed("conv"))


def test_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.npz"):
        spikes.load(tmp_path / "nowhere.npz")


def test_file_of_another_format_version_is_refused(tmp_path):
    np.savez(tmp_path / "spikes.npz", meta=np.array(json.dumps({"format": 2, "layers": []})))
    with pytest.raises(InputError, match="format 2; expected 1"):
        spikes.load(tmp_path / "spikes.npz")


@pytest.mark.parametrize("meta", [np.array("no json"), np.array("{}"), np.array("[]"), np.arange(3)])
def test_file_with_another_meta_is_refused(tmp_path, meta):
    np.savez(tmp_path / "spikes.npz", meta=meta)
    with pytest.raises(InputError, match=r"spikes.npz"):
        spikes.load(tmp_path / "spikes.npz")


def test_pickled_content_is_refused_and_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.savez(tmp_path / "spikes.npz", meta=np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match=r"spikes.npz"):
        spikes.load(tmp_path / "spikes.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00garbage"])
def test_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "spikes.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"spikes.npz"):
        spikes.load(tmp_path / "spikes.npz")


def test_plain_array_is_refused(tmp_path):
    with open(tmp_path / "spikes.npz", "wb") as stream:
        np.save(stream, np.arange(3))
    with pytest.raises(InputError, match=r"spikes.npz"):
        spikes.load(tmp_path / "spikes.npz")


# --- writing that fails ---

ARRAYS = {
    "seeds": np.zeros(1, np.int32),
    "epochs": np.zeros(1, np.int32),
    "index": np.arange(4, dtype=np.int32),
    "labels": np.zeros(4, np.int16),
}
LAYER = SpikeLayer("layer", 1, (9,), 9, 9)
UNITS = np.arange(9)[:, None]


def test_nothing_is_left_behind_when_the_context_raises(tmp_path):
    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="the network broke"),
        SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}) as writer,
    ):
        writer.append(0, np.zeros((4, 2), np.uint8))
        raise RuntimeError("the network broke")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_as_it_was_when_the_context_raises(tmp_path):
    (tmp_path / "spikes.npz").write_bytes(b"older")
    with (
        pytest.raises(KeyboardInterrupt),
        SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}),
    ):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["spikes.npz"]
    assert (tmp_path / "spikes.npz").read_bytes() == b"older"


@pytest.mark.parametrize("images", [3, 5])
def test_spikes_of_too_few_or_too_many_images_are_refused_and_nothing_is_left(tmp_path, images):
    with (
        pytest.raises(RuntimeError, match=r"layer layer: .* bytes written, .* announced"),
        SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}) as writer,
    ):
        writer.append(0, np.zeros((images, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_the_file_is_left_when_writing_ends_well(tmp_path):
    with SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}) as writer:
        writer.append(0, np.zeros((4, 2), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["spikes.npz"]


def test_too_little_disk_is_one_line_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 7, 7)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"GB free; make room, or lower spikes.samples") as caught:
        SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {})
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["meta", "seeds", "epochs", "index", "labels", "train_labels", "network"])
def test_layer_with_the_name_of_another_array_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"a layer cannot be named '{name}'; rename the module"):
        SpikeWriter(tmp_path / "spikes.npz", [SpikeLayer(name, 1, (9,), 9, 9)], [UNITS], ARRAYS, {})
    assert list(tmp_path.iterdir()) == []


def test_layer_with_the_name_of_the_units_of_another_is_refused(tmp_path):
    layers = [SpikeLayer("a", 1, (9,), 9, 9), SpikeLayer("a:units", 2, (9,), 9, 9)]
    with pytest.raises(InputError, match="a:units"):
        SpikeWriter(tmp_path / "spikes.npz", layers, [UNITS, UNITS], ARRAYS, {})


@pytest.fixture
def small_files():
    """Let no file of this process grow beyond 100,000 bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("checkpoints", [3, 100])
def test_full_disk_is_told_to_the_caller_and_nothing_is_left(tmp_path, small_files, checkpoints):
    with pytest.raises(OSError, match="File too large"):
        write_checkpoints(tmp_path / "spikes.npz", checkpoints)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_ends_the_appending_soon(tmp_path, small_files):
    appended = 0
    with (  # noqa: PT012
        pytest.raises(OSError, match="File too large"),
        SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}) as writer,
    ):
        for _ in range(1000):
            writer.append(0, np.random.default_rng(0).integers(0, 256, (100_000, 2), np.uint8))
            appended += 1
    assert appended < 100


def test_parts_that_wait_for_a_slow_disk_are_few(tmp_path, monkeypatch):
    monkeypatch.setattr(spikes._NpyStream, "append", lambda *_: time.sleep(0.01))

    def write():
        with (  # noqa: PT012
            pytest.raises(RuntimeError, match="announced"),
            SpikeWriter(tmp_path / "spikes.npz", [LAYER], [UNITS], ARRAYS, {}) as writer,
        ):
            for _ in range(200):
                writer.append(0, np.zeros((20_000, 2), np.uint8))

    assert peak_memory(write) < 60 * 40_000


def test_no_thread_is_left_behind(tmp_path):
    before = threading.active_count()
    write_checkpoints(tmp_path / "spikes.npz", 2)
    assert threading.active_count() == before
