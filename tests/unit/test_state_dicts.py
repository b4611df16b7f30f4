"""Networks from files of state dicts, against torch's own reading and a plain forward pass."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from spikegrid.errors import InputError
from spikegrid.history import COLUMNS
from spikegrid.images import TEST, TRAIN
from spikegrid.networks import as_inputs, network_builder
from spikegrid.state_dicts import import_block, read_state_dict

CPU = torch.device("cpu")


@pytest.fixture
def images(make_images):
    return make_images()


@pytest.fixture(params=["mlp", "cnn"])
def architecture(request) -> dict:
    return request.getfixturevalue(request.param)


@pytest.fixture
def build(architecture, images):
    """Builds a network of the architecture, its weights drawn anew."""
    return network_builder(architecture, images)


@pytest.fixture
def import_files(run, images, architecture):
    """Imports state dicts of seeds 0 and 2 at epochs 3 and 10, or of those given."""

    def imported(paths, labels=(), seeds=(0, 2), epochs=(3, 10)):
        return import_block(run | {"seeds": list(seeds)}, images, architecture, epochs, paths, labels, CPU)

    return imported


def reads_back(path: Path, state: dict) -> bool:
    found = read_state_dict(path)
    return found.keys() == state.keys() and all(torch.equal(found[key], state[key]) for key in state)


def test_states_of_every_seed_and_epoch_are_those_of_their_files(tmp_path, build, import_files):
    states = [build().state_dict() for _ in range(4)]
    paths = [str(tmp_path / f"{number}.pt") for number in range(4)]
    for path, state in zip(paths, states):
        torch.save(state, path)
    first, second = import_files(paths)
    assert (first.seed, second.seed) == (0, 2)
    found = [first.states[3], first.states[10], second.states[3], second.states[10]]
    for state, expected in zip(found, states):
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key], expected[key]) for key in expected)


@pytest.mark.parametrize("corrupted", [False, True])
def test_history_holds_what_a_plain_forward_pass_gives(tmp_path, build, images, import_files, corrupted):
    network = build().eval()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    (pixels, truth), (tested, test_truth) = images.part(TRAIN), images.part(TEST)
    labels = truth.copy()
    if corrupted:
        labels[::3], labels[1::4] = (labels[::3] + 1) % 3, -1
        np.save(tmp_path / "labels.npy", labels)
    shown = labels >= 0
    with torch.no_grad():
        logits = network(as_inputs(pixels[shown], images, CPU))
        test_logits = network(as_inputs(tested, images, CPU))
    predicted = logits.argmax(1).numpy()
    files = [str(tmp_path / "labels.npy")] if corrupted else []
    (imported,) = import_files([str(tmp_path / "net.pt")], files, seeds=(0,), epochs=(7,))
    (row,) = imported.history
    assert list(row) == COLUMNS[3:]
    assert (row["seed"], row["epoch"], row["training_images"]) == (0, 7, shown.sum())
    loss = cross_entropy(logits, torch.from_numpy(labels[shown].astype(np.int64))).item()
    assert row["loss"] == pytest.approx(loss, rel=1e-5)
    assert row["train_accuracy"] == pytest.approx((predicted == labels[shown]).mean())
    assert row["true_label_accuracy"] == pytest.approx((predicted == truth[shown]).mean())
    assert row["test_accuracy"] == pytest.approx((test_logits.argmax(1).numpy() == test_truth).mean())
    assert row["corrupted_share"] == pytest.approx((labels != truth)[shown].mean())
    np.testing.assert_array_equal(imported.labels, labels)


@pytest.mark.parametrize("wrapping", ["state_dict", "model_state_dict", "model"])
def test_state_dict_is_taken_out_of_what_trainers_save(tmp_path, mlp, images, wrapping):
    state = network_builder(mlp, images)().state_dict()
    parallel = OrderedDict((f"module.{key}", value) for key, value in state.items())
    torch.save({wrapping: parallel, "epoch": 3, "best": 0.9}, tmp_path / "net.pth")
    assert reads_back(tmp_path / "net.pth", state)


def test_safetensors_are_read(tmp_path, mlp, images):
    state = network_builder(mlp, images)().state_dict()
    save_file(dict(state), tmp_path / "net.safetensors")
    assert reads_back(tmp_path / "net.safetensors", state)


class Executes:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("by_torch", [True, False])
def test_pickle_of_other_objects_is_refused_in_one_line_and_never_run(tmp_path, by_torch):
    content = {"state_dict": {}, "extra": Executes(tmp_path / "ran")}
    if by_torch:
        torch.save(content, tmp_path / "net.pt")
    else:
        (tmp_path / "net.pt").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match=r"net\.pt: holds more than tensors.*state_dict\(\)") as caught:
        read_state_dict(tmp_path / "net.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"no network", b"PK\x03\x04 torn"])
def test_damaged_file_is_refused_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(way=st.sampled_from(["zip", "stream", "safetensors"]), data=st.data())
def test_file_with_changed_bytes_is_read_or_refused_in_one_line(tmp_path, way, data):
    path = tmp_path / ("net.safetensors" if way == "safetensors" else "net.pt")
    state = {"weight": torch.ones(3, 2), "bias": torch.zeros(2)}
    if way == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=way == "zip")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 1200) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read_state_dict(path)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)  # noqa: PT017, PT018


@pytest.mark.parametrize(
    ("content", "found"),
    [(torch.zeros(3), "Tensor"), ({}, "nothing"), ({"epoch": 3, "loss": 0.5}, "epoch, loss"), ([1, 2], "list")],
)
def test_file_without_a_state_dict_is_refused(tmp_path, content, found):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"net\.pt: holds {found}; expected a state dict"):
        read_state_dict(tmp_path / "net.pt")


def test_keys_and_shapes_that_differ_are_named(tmp_path, images, mlp, run):
    state = network_builder(mlp, images)().state_dict()
    del state["hidden1.linear.bias"]
    state |= {f"extra{number}": torch.zeros(1) for number in range(5)}
    state["logits.weight"] = torch.zeros(10, 5)
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError) as caught:
        import_block(run, images, mlp, [3], [str(tmp_path / "net.pt")], [], CPU)
    assert str(caught.value) == (
        f"{tmp_path / 'net.pt'}: expected the 6 tensors of architecture net on this dataset; "
        "it lacks hidden1.linear.bias; has besides extra0, extra1, extra2 and 2 more; "
        "has other shapes: logits.weight [10, 5] for [3, 5]"
    )


def test_weights_that_are_not_finite_are_refused(tmp_path, images, mlp, run):
    state = network_builder(mlp, images)().state_dict()
    state["logits.bias"][0] = torch.nan
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"net\.pt: the loss on the training images is nan"):
        import_block(run, images, mlp, [3], [str(tmp_path / "net.pt")], [], CPU)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(5, np.int64), r"holds int64 \[5\]; expected 24 integers"),
        (np.zeros(24), r"holds float64 \[24\]; expected 24 integers"),
        (np.full(24, 3), "expected labels from 0 to 2"),
        (np.full(24, -2), "expected labels from 0 to 2"),
        (np.full(24, -1), "expected labels from 0 to 2"),
        (np.array([None] * 24), "not an npy file of labels"),
    ],
)
def test_labels_that_are_none_of_the_dataset_are_refused(tmp_path, images, mlp, run, labels, message):
    torch.save(network_builder(mlp, images)().state_dict(), tmp_path / "net.pt")
    np.save(tmp_path / "labels.npy", labels, allow_pickle=True)
    with pytest.raises(InputError, match=rf"labels\.npy: {message}"):
        import_block(run, images, mlp, [3], [str(tmp_path / "net.pt")], [str(tmp_path / "labels.npy")], CPU)
