"""What a user can get wrong in the config is said in one line before any job, and in a dataset before any training."""

import re
from copy import deepcopy

import pytest
from PIL import Image
from snakemake_runs import NO_NETWORK, half_written, result_files, snakemake, write_config

from tests.broken_configs import TEXTS

FRAME = re.compile(r"Using workflow specific profile|WorkflowError|  File \"|\s*$")
"""What Snakemake puts around a message."""


def message(execution):
    """The lines that are not Snakemake's frame."""
    return [line for line in execution.text.splitlines() if not FRAME.match(line)]


def assert_refused(execution, folder, *parts):
    assert execution.code != 0
    (line,) = message(execution)
    assert [part for part in parts if part not in line] == [], line
    assert "Traceback" not in execution.text
    assert "Building DAG" not in execution.text
    assert not (folder / "results").exists()


def replace_at(grid, path, value):
    """Return a grid with ``value`` at a dotted path."""
    copy = deepcopy(grid)
    *parents, last = path.split(".")
    part = copy
    for parent in parents:
        part = part.setdefault(parent, {})
    part[last] = value
    return copy


MNIST_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
MLP = {"kind": "mlp", "hidden": [8]}


WRONG = [
    ("sedes", 3, ["sedes", "did you mean 'seeds'"]),
    ("architectures.mlp.hiden", [8], ["architectures.mlp.hiden", "did you mean 'hidden'"]),
    ("training.learning_rte", 0.1, ["training.learning_rte", "did you mean 'learning_rate'"]),
    ("regimes.memorizing.training", {"epoch": 3}, ["regimes.memorizing.training.epoch", "did you mean 'epochs'"]),
    ("seeds", "two", ["seeds", "'two'", "integer"]),
    ("seeds", 0, ["seeds", "0", "≥ 1"]),
    ("seeds", 2.0, ["seeds", "2.0", "integer"]),
    ("training.epochs", 4.0, ["training.epochs", "4.0", "integer"]),
    ("training.learning_rate", float("nan"), ["training.learning_rate", "nan"]),
    ("training.learning_rate", "1e-3", ["training.learning_rate", "1e-3", "number"]),
    ("regimes.memorizing.fraction", 1.5, ["regimes.memorizing.fraction", "1.5", "≤ 1"]),
    ("architectures.mlp.kind", "mpl", ["architectures.mlp.kind", "did you mean 'mlp'"]),
    ("architectures.mlp", None, ["architectures.mlp"]),
    ("architectures.a/b", MLP, ["architectures", "'a/b'", "name"]),
    ("architectures.a b", MLP, ["architectures", "'a b'", "name"]),
    ("architectures", {"..": MLP}, ["architectures", "'..'", "name"]),
    ("architectures", {"": MLP}, ["architectures", "name"]),
    ("architectures", {"mlp\n": MLP}, ["architectures", "name"]),
    ("architectures", {1: MLP}, ["architectures.1", "quotes"]),
    ("exclude", [{"dataset": "digits"}], ["exclude", "no cell"]),
    ("only", [{"regime": "memorising"}], ["only.0.regime", "did you mean 'memorizing'"]),
    ("indicators.memorizing", "memorising", ["indicators.memorizing", "did you mean 'memorizing'"]),
    ("datasets.folder", {"kind": "image_folder", "path": "nowhere"}, ["datasets.folder.path", "nowhere"]),
    ("datasets.folder", {"kind": "image_folder"}, ["datasets.folder", "path"]),
    ("plugins", ["my_plugins"], ["plugins", "my_plugins"]),
    ("plugins", "my_plugins", ["plugins", "my_plugins", "list"]),
    ("architectures.MLP", MLP, ["architectures", "'mlp'", "'MLP'", "case"]),
    ("data_root", "data\n\x1b[2J", ["data_root", "one line"]),
]
"""Where a value is wrong, the value, and what the message must hold."""


@pytest.mark.parametrize(("path", "value", "parts"), WRONG, ids=[f"{path}: {value!r}" for path, value, _ in WRONG])
def test_a_wrong_value_is_named_in_one_line_before_any_job(tmp_path, code, smoke_grid, path, value, parts):
    grid = replace_at(smoke_grid, path, value)
    assert_refused(snakemake(tmp_path, "-n", code=code, config=grid), tmp_path, *parts)


def test_two_wrong_values_are_named_in_two_lines(tmp_path, code, smoke_grid):
    refused = snakemake(tmp_path, code=code, config=smoke_grid | {"seeds": 0, "sedes": 3})
    assert refused.code != 0
    assert [line.split(";")[0] for line in message(refused)] == ["config: unknown key sedes", "config: seeds is 0"]


def test_a_key_given_twice_is_named_with_its_line(tmp_path, code, smoke_grid):
    config = write_config(tmp_path / "twice.yaml", smoke_grid)
    line = len(config.read_text().splitlines()) + 1
    with config.open("a") as stream:
        stream.write("seeds: 3\n")
    refused = snakemake(tmp_path, code=code, config=config)
    assert_refused(refused, tmp_path, "twice.yaml", f"line {line}", "'seeds'")


def test_a_key_given_twice_in_the_config_of_the_folder_is_named(tmp_path, code, smoke_grid):
    config = write_config(tmp_path / "config.yaml", smoke_grid)
    with config.open("a") as stream:
        stream.write("seeds: 3\n")
    assert_refused(snakemake(tmp_path, code=code), tmp_path, "config.yaml", "'seeds'")


def test_a_folder_without_a_config_is_told_which_file_is_missing(tmp_path, code):
    assert_refused(snakemake(tmp_path, code=code), tmp_path, "config.yaml", "No such file")


def test_a_missing_config_file_is_named_and_nothing_is_made(tmp_path, code):
    # Snakemake reads the file before it reads the workflow, and shows a traceback of its own.
    refused = snakemake(tmp_path, code=code, config=tmp_path / "nowhere.yaml")
    assert refused.code != 0
    assert "nowhere.yaml" in refused.text.strip().splitlines()[-1]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("content", ["", "- 1\n- 2\n", "seeds: [1\n"], ids=["empty", "a list", "malformed"])
def test_a_config_file_that_is_no_mapping_is_refused_in_one_line(tmp_path, code, content):
    config = tmp_path / "broken.yaml"
    config.write_text(content)
    assert_refused(snakemake(tmp_path, code=code, config=config), tmp_path, "onfig file", "YAML")


ODD = ["no characters", "no truth", "python called", "a value in itself", "anchors that multiply"]


@pytest.mark.parametrize("text", ODD)
def test_a_config_in_the_folder_that_is_no_yaml_is_refused_in_one_line_and_runs_nothing(tmp_path, code, text):
    content = TEXTS[text]
    (tmp_path / "config.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(snakemake(tmp_path, code=code), tmp_path, "config.yaml")
    assert not (tmp_path / "EVIL").exists()


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("def build(shape, classes):\n    return None\n", ["tall.py", "PARAMETERS"]),
        ("PARAMETERS = {}\n", ["tall.py", "build()"]),
        ("PARAMETERS = {}\ndef build(shape, classes:\n", ["tall.py", "line 2"]),
    ],
    ids=["no parameters", "no function", "no Python"],
)
def test_an_own_plugin_that_does_not_declare_itself_is_named(tmp_path, code, smoke_grid, source, parts):
    plugin = tmp_path / "mine" / "architectures" / "tall.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(source)
    assert_refused(snakemake(tmp_path, code=code, config=smoke_grid | {"plugins": ["mine"]}), tmp_path, *parts)


def test_an_own_plugin_named_as_one_of_the_library_is_refused(tmp_path, code, smoke_grid):
    plugin = tmp_path / "mine" / "architectures" / "mlp.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("PARAMETERS = {}\ndef build(shape, classes):\n    return None\n")
    refused = snakemake(tmp_path, code=code, config=smoke_grid | {"plugins": ["mine"]})
    assert_refused(refused, tmp_path, "mine/architectures/mlp.py", "'mlp'")


@pytest.mark.parametrize("classes", [[], ["cat"]], ids=["no class", "one class"])
def test_an_image_folder_without_two_classes_is_refused_before_any_job(tmp_path, code, smoke_grid, classes):
    write_images(tmp_path / "photos", classes)
    (tmp_path / "photos" / "notes.txt").write_text("no class")
    grid = replace_at(smoke_grid, "datasets.photos", {"kind": "image_folder", "path": "photos"})
    refused = snakemake(tmp_path, code=code, config=grid)
    assert_refused(refused, tmp_path, "datasets.photos.path", "'photos'", "at least 2 classes")


def write_images(folder, classes):
    folder.mkdir(parents=True)
    for label in classes:
        (folder / label).mkdir()
        for number in range(4):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / label / f"{number}.png")


@pytest.fixture(scope="session")
def datasets(once, code, smoke_grid):
    """An attempt at preparing datasets that cannot be read, all in one execution without a network."""

    def execute(folder):
        for name in ("unreadable", "hollow", "uneven/train"):
            write_images(folder / name, ["cat", "dog"])
        write_images(folder / "uneven" / "test", ["cat", "fox"])
        (folder / "unreadable" / "dog" / "text.png").write_text("no picture")
        for file in (folder / "hollow" / "dog").iterdir():
            file.unlink()
        entries = {name: {"kind": "image_folder", "path": name} for name in ("unreadable", "hollow", "uneven")}
        entries |= {"greedy": {"kind": "digits", "train_size": 5000}, "mnist": {"kind": "mnist"}}
        targets = [f"results/datasets/{name}.safetensors" for name in entries]
        grid = smoke_grid | {"datasets": entries}
        return snakemake(folder, code=code, config=grid, targets=targets, environment=NO_NETWORK)

    return once("bad_datasets", execute)


@pytest.mark.parametrize(
    ("dataset", "parts"),
    [
        ("unreadable", ["unreadable/dog/text.png", "not a readable image"]),
        ("hollow", ["hollow/dog", "no image", ".png"]),
        ("uneven", ["uneven/test", "fox", "dog"]),
        ("greedy", ["train_size", "5000"]),
        ("mnist", ["data/MNIST/raw", "data_root", *MNIST_FILES]),
    ],
)
def test_a_dataset_that_cannot_be_read_is_explained_in_one_line(datasets, dataset, parts):
    assert datasets.execution.code != 0
    (line,) = datasets.execution.lines(f"spikegrid: dataset {dataset}:")
    assert [part for part in parts if part not in line] == [], line


def test_datasets_that_cannot_be_read_show_no_traceback_and_leave_nothing(datasets):
    assert len(datasets.execution.lines("spikegrid: dataset")) == 5
    assert "Traceback" not in datasets.execution.text
    assert result_files(datasets.folder) == []
    assert half_written(datasets.folder) == []
