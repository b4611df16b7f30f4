"""Extraction: which images are presented and what is kept, against plain matrix products on the saved weights."""

import json
import shutil
from collections import Counter, namedtuple

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.nn.functional import conv2d, max_pool2d

from spikegrid import extraction
from spikegrid.capture import Layer, presented_batch
from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes, kept_units, presentation
from spikegrid.images import TEST, TRAIN
from spikegrid.training import train_block

CPU = torch.device("cpu")


@pytest.fixture
def extract(tmp_path, make_images, run, mlp, generalizing, training, presented):
    """Trains a run and extracts its spikes; gives the paths of spikes and checkpoints."""

    def extracted(seeds=(0,), architecture=mlp, regime=generalizing, image_set=None, folder="run", **settings):
        images, named = image_set or make_images(train=24, test=150), run | {"seeds": list(seeds)}
        networks = train_block(named, images, architecture, regime, training | {"checkpoints": [0, 2]}, CPU)
        (tmp_path / folder).mkdir()
        checkpoints, path = tmp_path / folder / "checkpoints.safetensors", tmp_path / folder / "spikes.npz"
        save_checkpoints(checkpoints, named, architecture, regime, networks)
        extract_spikes(Checkpoints(checkpoints), images, presented | settings, CPU, path)
        return path, checkpoints

    return extracted


def inputs_of(images, index: np.ndarray) -> np.ndarray:
    """Presented images with the training set's mean and deviation taken out, float64."""
    pixels = images.images / 255
    train = pixels[images.split == TRAIN]
    mean, deviation = (statistic(axis=(0, 2, 3))[:, None, None] for statistic in (train.mean, train.std))
    return (pixels[index] - mean) / deviation


def assert_spikes(packed: np.ndarray, sums: np.ndarray, threshold: float = 0) -> None:
    """Compare packed spikes with weighted sums, but for sums too near the threshold for single precision."""
    sums = sums.reshape(len(sums), -1)
    spikes = np.unpackbits(packed, axis=-1, count=sums.shape[1], bitorder="little")
    clear = np.abs(sums - threshold) > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(spikes[clear], (sums > threshold)[clear])


@pytest.mark.parametrize("threshold", [0, 0.3])
def test_spikes_of_a_perceptron_are_weighted_sums_above_the_threshold(extract, make_images, threshold):
    path, checkpoints = extract(seeds=(0, 3), threshold=threshold)
    weights, images = load_file(checkpoints), make_images(train=24, test=150)
    with np.load(path) as file:
        assert file["seeds"].tolist() == [0, 3]
        assert file["epochs"].tolist() == [0, 2]
        x = inputs_of(images, file["index"]).reshape(150, -1)
        for s, seed in enumerate((0, 3)):
            for e, epoch in enumerate((0, 2)):
                state = f"seed{seed}/epoch{epoch}"
                first = x @ weights[f"{state}/hidden1.linear.weight"].T + weights[f"{state}/hidden1.linear.bias"]
                shown = np.maximum(first, 0)
                second = shown @ weights[f"{state}/hidden2.linear.weight"].T + weights[f"{state}/hidden2.linear.bias"]
                assert_spikes(file["hidden1.relu"][s, e], first, threshold)
                assert_spikes(file["hidden2.relu"][s, e], second, threshold)


def test_spikes_of_a_convolution_are_in_channel_row_column_order(extract, make_images):
    plain = {"plugin": "cnn", "parameters": {"channels": [3], "convolutions": 1, "hidden": [5], "batch_norm": False}}
    path, checkpoints = extract(architecture=plain)
    weights, images = load_file(checkpoints), make_images(train=24, test=150)
    kernels, bias = (
        torch.from_numpy(weights[f"seed0/epoch2/conv1.convolution.{name}"]).double() for name in ("weight", "bias")
    )
    with np.load(path) as file:
        sums = conv2d(torch.from_numpy(inputs_of(images, file["index"])), kernels, bias, padding=1)
        assert_spikes(file["conv1.relu"][0, 1], sums.numpy())
        units = file["conv1.relu:units"]
        np.testing.assert_array_equal(np.ravel_multi_index(units.T, (3, 4, 4)), np.arange(48))
        hidden = max_pool2d(sums.relu(), 2).flatten(1).numpy()
        linear = {name: weights[f"seed0/epoch2/hidden1.linear.{name}"] for name in ("weight", "bias")}
        assert_spikes(file["hidden1.relu"][0, 1], hidden @ linear["weight"].T + linear["bias"])


def test_kept_units_of_a_layer_have_the_spikes_that_they_have_among_all(extract, cnn):
    everything, _ = extract(architecture=cnn, folder="all")
    some, _ = extract(architecture=cnn, folder="some", units_per_layer=4)
    with np.load(everything) as whole, np.load(some) as part:
        units = part["conv1.relu:units"]
        assert units.shape == (4, 3)
        flat = np.ravel_multi_index(units.T, (3, 4, 4))
        assert (np.diff(flat) > 0).all()
        expected = np.unpackbits(whole["conv1.relu"], axis=-1, count=48, bitorder="little")[..., flat]
        np.testing.assert_array_equal(np.unpackbits(part["conv1.relu"], axis=-1, count=4, bitorder="little"), expected)
        assert part["hidden1.relu:units"].shape == (4, 1)
        layers = json.loads(str(part["meta"]))["layers"]
        assert [(layer["units"], layer["kept"]) for layer in layers] == [(48, 4), (5, 4)]


def test_meta_says_what_was_presented_to_which_run(extract):
    path, _ = extract(seeds=(2, 5), order="class_blocked", samples=20, threshold=0.25)
    with np.load(path) as file:
        meta = json.loads(str(file["meta"]))
    assert meta["format"] == 1
    assert meta["threshold"] == 0.25
    assert (meta["images"], meta["order"], meta["samples"]) == ("test", "class_blocked", 20)
    assert meta["epochs"] == [0, 2]
    assert meta["run"] == {"dataset": "dots", "architecture": "net", "regime": "generalizing", "seeds": [2, 5]}
    assert meta["classes"] == ["class0", "class1", "class2"]
    assert set(meta["versions"]) >= {"spikegrid", "torch", "numpy"}
    assert [layer["name"] for layer in meta["layers"]] == ["hidden1.relu", "hidden2.relu"]


def test_extracting_twice_gives_the_same_bytes(extract):
    first, second = (extract(folder=folder, seeds=(0, 1))[0] for folder in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_spikes_of_a_seed_do_not_depend_on_its_block(extract, cnn):
    block, alone = (
        extract(seeds=(0, 1, 2), architecture=cnn, folder="block")[0],
        extract(seeds=(1,), architecture=cnn)[0],
    )
    with np.load(block) as together, np.load(alone) as apart:
        for name in ("conv1.relu", "hidden1.relu"):
            np.testing.assert_array_equal(together[name][1], apart[name][0])
        for name in ("index", "labels", "conv1.relu:units"):
            np.testing.assert_array_equal(together[name], apart[name])


def test_labels_are_the_true_labels_of_the_presented_images(extract, make_images):
    with np.load(extract(samples=30)[0]) as file:
        assert file["labels"].tolist() == make_images(train=24, test=150).labels[file["index"]].tolist()
        assert "train_labels" not in file.files


def scattered(make_images):
    """An image set whose training and test images are mixed."""
    images = make_images(train=24, test=24)
    images.split[:] = np.random.default_rng(5).permutation(images.split)
    return images


@pytest.mark.parametrize("order", ["random", "class_blocked", "given"])
def test_training_images_come_with_the_labels_trained_on(extract, make_images, order):
    memorizing = {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "uniform"}}
    images = scattered(make_images)
    shown = {"images": "train", "samples": 12, "order": order}
    path, checkpoints = extract(seeds=(0, 1), regime=memorizing, image_set=images, **shown)
    place_of = {image: place for place, image in enumerate(np.flatnonzero(images.split == TRAIN).tolist())}
    weights = load_file(checkpoints)
    with np.load(path) as file:
        assert len(file["index"]) == 12
        for s in (0, 1):
            expected = [weights[f"seed{s}/labels"][place_of[image]] for image in file["index"].tolist()]
            assert file["train_labels"][s].tolist() == expected
        assert file["train_labels"].dtype == np.int16
        assert (file["train_labels"] != file["labels"]).any()


@pytest.mark.parametrize("flatten", ["flatten(1)", "view(len(x), -1)"])
def test_convolution_followed_by_a_flattening_or_a_view_is_extracted(extract, make_images, tmp_path, flatten):
    (tmp_path / "mine.py").write_text(f"""
from torch import nn
PARAMETERS = {{}}
class Mine(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.convolution, self.linear = nn.Conv2d(1, 3, 3), nn.Linear(12, classes)
    def forward(self, x):
        x = self.convolution(x).relu()
        return self.linear(x.{flatten})
def build(shape, classes):
    return Mine(classes)
""")
    path, checkpoints = extract(architecture={"plugin": str(tmp_path / "mine.py"), "parameters": {}})
    weights, images = load_file(checkpoints), make_images(train=24, test=150)
    kernels, bias = (
        torch.from_numpy(weights[f"seed0/epoch2/convolution.{name}"]).double() for name in ("weight", "bias")
    )
    with np.load(path) as file:
        sums = conv2d(torch.from_numpy(inputs_of(images, file["index"])), kernels, bias)
        assert_spikes(file["relu"][0, 1], sums.numpy())


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_number_of_images_presented_at_a_time_does_not_change_the_spikes(extract, request, monkeypatch, architecture):
    named = request.getfixturevalue(architecture)
    together, _ = extract(architecture=named, folder="together")
    monkeypatch.setattr(extraction, "presented_batch", lambda layers: 16)
    apart, _ = extract(architecture=named, folder="apart")
    with np.load(together) as one, np.load(apart) as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(("units", "expected"), [(10, 512), (16 * 32 * 32, 128), (10**6, 16)])
def test_as_many_images_are_presented_at_a_time_as_keep_outputs_small(units, expected):
    assert presented_batch([Layer("a", 1, (units,)), Layer("b", 2, (5,))]) == expected


# --- presentation ---


@pytest.mark.parametrize(("part", "split"), [("train", TRAIN), ("test", TEST)])
@pytest.mark.parametrize("order", ["random", "class_blocked", "given"])
def test_every_image_of_the_part_is_presented_once(make_images, presented, part, split, order):
    images = scattered(make_images)
    index = presentation(images, "dots", presented | {"images": part, "order": order})
    assert index.dtype == np.int32
    assert sorted(index.tolist()) == np.flatnonzero(images.split == split).tolist()


def test_given_order_is_that_of_the_dataset(make_images, presented):
    index = presentation(make_images(), "dots", presented | {"order": "given"})
    assert (np.diff(index) > 0).all()


def test_class_blocked_order_presents_one_class_after_the_other_at_random_within(make_images, presented):
    images = make_images(test=300)
    index = presentation(images, "dots", presented | {"order": "class_blocked"})
    labels = images.labels[index]
    assert (np.diff(labels) >= 0).all()
    for label in range(3):
        assert (np.diff(index[labels == label]) < 0).any()


def test_random_order_mixes_classes_and_places(make_images, presented):
    images = make_images(test=3000)
    index = presentation(images, "dots", presented)
    places = np.arange(3000)
    assert abs(np.corrcoef(places, index)[0, 1]) < 0.1
    changes = (np.diff(images.labels[index]) != 0).mean()
    assert changes == pytest.approx(2 / 3, abs=0.05)


def test_order_depends_on_the_name_of_the_dataset_alone(make_images, presented):
    first, again, other = (presentation(make_images(), name, presented).tolist() for name in ("a", "a", "b"))
    assert first == again
    assert first != other


@pytest.mark.parametrize("order", ["random", "class_blocked", "given"])
def test_samples_are_balanced_and_the_same_images_in_every_order(make_images, presented, order):
    images = make_images(test=90)
    index = presentation(images, "dots", presented | {"samples": 31, "order": order})
    assert sorted(Counter(images.labels[index].tolist()).values()) == [10, 10, 11]
    given_order = presentation(images, "dots", presented | {"samples": 31, "order": "given"})
    assert set(index.tolist()) == set(given_order.tolist())


def test_more_samples_than_images_are_refused_with_the_key(make_images, presented):
    with pytest.raises(InputError, match=r"spikes.samples is 17, but dataset dots has 16 test images"):
        presentation(make_images(), "dots", presented | {"samples": 17})


# --- kept units ---

WIDE = Layer("conv1.relu", 1, (10, 8, 8))


@pytest.mark.parametrize("limit", [None, 640, 1000])
def test_all_units_are_kept_without_a_limit_or_below_it(limit):
    assert kept_units(WIDE, ("a", "b"), limit).tolist() == list(range(640))


def test_units_are_drawn_without_repetition_in_order():
    kept = kept_units(WIDE, ("a", "b"), 100)
    assert len(set(kept.tolist())) == 100
    assert (np.diff(kept) > 0).all()
    assert 0 <= kept.min() <= kept.max() < 640


def test_drawn_units_depend_on_dataset_architecture_and_layer_alone():
    first = kept_units(WIDE, ("a", "b"), 50).tolist()
    assert kept_units(Layer("conv1.relu", 7, (640,)), ("a", "b"), 50).tolist() == first
    others = [kept_units(WIDE, ("a", "c"), 50), kept_units(Layer("conv2.relu", 1, (640,)), ("a", "b"), 50)]
    assert all(other.tolist() != first for other in others)


# --- errors ---


def user_architecture(tmp_path, forward: str) -> dict:
    (tmp_path / "mine.py").write_text(f"""
import torch
from torch import nn
PARAMETERS = {{}}
class Mine(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear = nn.Linear(16, classes)
    def forward(self, x):
        x = x.flatten(1)
        {forward}
def build(shape, classes):
    return Mine(classes)
""")
    return {"plugin": str(tmp_path / "mine.py"), "parameters": {}}


def test_network_without_thresholded_nodes_is_refused(extract, tmp_path):
    with pytest.raises(InputError, match="Mine: no thresholded node found"):
        extract(architecture=user_architecture(tmp_path, "return self.linear(x)"))
    assert not (tmp_path / "run" / "spikes.npz").exists()


def test_sigmoids_at_threshold_zero_are_refused_with_the_key_and_leave_nothing(extract, tmp_path):
    sigmoids = {"plugin": "mlp", "parameters": {"hidden": [7], "activation": "sigmoid"}}
    with pytest.raises(InputError, match=r"spikes.threshold is 0, but layer hidden1.sigmoid is above 0 .* 0.5"):
        extract(architecture=sigmoids)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints.safetensors"]


def test_network_whose_layers_change_is_refused_and_leaves_nothing(extract, tmp_path):
    changing = user_architecture(tmp_path, "return self.linear(x.relu() if len(x) < 100 else x.relu().relu())")
    with pytest.raises(
        InputError, match="the thresholded layers of the network change from one forward pass to the next"
    ):
        extract(architecture=changing)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints.safetensors"]


def test_network_with_fewer_layers_in_a_later_pass_is_refused(extract, tmp_path):
    changing = user_architecture(tmp_path, "return self.linear(x.relu().relu() if len(x) < 100 else x.relu())")
    with pytest.raises(InputError, match="change from one forward pass to the next"):
        extract(architecture=changing)


@pytest.mark.parametrize("rows", [3, 5, 150])
def test_rectified_weights_fire_on_no_image_and_are_no_layer(extract, make_images, tmp_path, rows):
    (tmp_path / "mine.py").write_text(f"""
from torch import nn
PARAMETERS = {{}}
class Positive(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(16, {rows}), nn.Linear(4, {rows}), nn.Linear(4, classes)
    def forward(self, x):
        return self.last((self.first(x.flatten(1)) @ (self.second.weight + 0.2).relu()).relu())
def build(shape, classes):
    return Positive(classes)
""")
    path, checkpoints = extract(architecture={"plugin": str(tmp_path / "mine.py"), "parameters": {}})
    weights = {name.removeprefix("seed0/epoch2/"): array for name, array in load_file(checkpoints).items()}
    with np.load(path) as file:
        assert [layer["name"] for layer in json.loads(str(file["meta"]))["layers"]] == ["relu"]
        x = inputs_of(make_images(train=24, test=150), file["index"]).reshape(150, -1)
        first = x @ weights["first.weight"].T + weights["first.bias"]
        assert_spikes(file["relu"][0, 1], first @ np.maximum(weights["second.weight"] + 0.2, 0))


def test_network_whose_modules_ask_for_the_version_of_a_state_is_extracted(extract, tmp_path):
    (tmp_path / "mine.py").write_text("""
from torch import nn
PARAMETERS = {}
class Versioned(nn.Linear):
    _version = 2
    def _load_from_state_dict(self, state, prefix, metadata, *rest):
        if metadata.get("version") != 2:
            raise ValueError("which version?")
        super()._load_from_state_dict(state, prefix, metadata, *rest)
def build(shape, classes):
    return nn.Sequential(nn.Flatten(), Versioned(16, 5), nn.ReLU(), nn.Linear(5, classes))
""")
    path, _ = extract(architecture={"plugin": str(tmp_path / "mine.py"), "parameters": {}})
    assert path.exists()


def test_layer_with_a_reserved_name_is_refused_before_anything_is_written(extract, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from torch import nn\nPARAMETERS = {}\n"
        "def build(shape, classes):\n"
        "    network = nn.Sequential(nn.Flatten())\n"
        "    network.add_module('labels', nn.ReLU())\n"
        "    network.add_module('out', nn.Linear(16, classes))\n"
        "    return network\n"
    )
    with pytest.raises(InputError, match="a layer cannot be named 'labels'"):
        extract(architecture={"plugin": str(path), "parameters": {}})
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints.safetensors"]


def test_too_little_disk_is_one_line_and_leaves_nothing(extract, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(100, 90, 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match=r"make room, or lower spikes.samples"):
        extract()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints.safetensors"]
