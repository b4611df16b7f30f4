"""Configurations: the shipped ones are complete, every mistake is one clear line, the schema is whole."""

import json
from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spikegrid.configuration import (
    SCHEMA_FILE,
    complete_configuration,
    compose_schema,
    read_schema,
    read_yaml,
    with_overrides,
)
from spikegrid.errors import InputError
from spikegrid.grid import Grid
from spikegrid.plugins import FUNCTIONS

REPOSITORY = Path(__file__).parents[2]
SHIPPED = sorted((REPOSITORY / "config").glob("*.yaml"))

VALID = {
    "datasets": {"digits": {"kind": "digits", "train_size": 200}},
    "architectures": {"mlp": {"kind": "mlp", "hidden": [32, 24]}, "cnn": {"kind": "cnn"}},
    "regimes": {
        "untrained": {"kind": "untrained"},
        "generalizing": {"kind": "generalizing"},
        "memorizing": {"kind": "memorizing", "fraction": 0.5, "training": {"epochs": 9}},
    },
    "seeds": 2,
    "only": [],
    "exclude": [{"architecture": "cnn", "regime": ["untrained"]}],
    "training": {"epochs": 4, "checkpoints": [0, 1, 4], "learning_rate": 0.1},
    "spikes": {"order": "class_blocked", "samples": None},
    "observables": {"firing": {"kind": "firing", "window": 10}},
    "indicators": {"resamples": 200, "confidence": 0.9},
}

ABSENT = "(taken away)"


def changed(path: str, value: object) -> dict:
    """The valid configuration with the value at a dotted path changed, or taken away."""
    config = deepcopy(VALID)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place.setdefault(key, {})
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return config


def refusal(config: dict) -> str:
    """The line that refuses a configuration."""
    with pytest.raises(InputError) as caught:
        Grid(*complete_configuration(config))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("config: ")
    return message


# --- configurations that are right ---


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configuration_is_complete(path):
    config, plugins = complete_configuration(read_yaml(path))
    assert Grid(config, plugins).cells


def test_every_default_of_schema_and_plugins_is_filled_in():
    config, _ = complete_configuration(VALID)
    schema = yaml.safe_load(SCHEMA_FILE.read_text())["$defs"]
    assert config["seeds_per_job"] == 5
    assert config["data_root"] == "data"
    assert config["architectures"]["cnn"] == {
        "kind": "cnn", "channels": [16, 32], "convolutions": 1, "hidden": [128], "batch_norm": False,
        "dropout": 0,
    }  # fmt: skip
    assert config["datasets"]["digits"] == {
        "kind": "digits",
        "turned": 0,
        "train_size": 200,
        "test_size": None,
        "test_share": 0.4,
    }
    defaults = {key: rule["default"] for key, rule in schema["training"]["properties"].items()}
    assert config["training"] == defaults | VALID["training"]
    assert config["observables"]["firing"] == {
        "kind": "firing", "images": None, "window": 10, "orders": ["random", "class_blocked", "given"]
    }  # fmt: skip
    assert config["indicators"] == {
        "memorizing": "memorizing", "generalizing": "generalizing", "confidence": 0.9, "resamples": 200,
        "false_discovery_rate": 0.05,
    }  # fmt: skip


def test_overrides_of_an_entry_get_no_defaults():
    config, _ = complete_configuration(VALID)
    assert config["regimes"]["memorizing"]["training"] == {"epochs": 9}
    assert "training" not in config["architectures"]["mlp"]


def test_smallest_configuration_is_completed():
    smallest = {"datasets": {"d": {"kind": "digits"}}, "architectures": {"m": {"kind": "mlp"}}}
    regimes = {"memorizing": {"kind": "memorizing"}, "generalizing": {"kind": "generalizing"}}
    config, _ = complete_configuration(smallest | {"regimes": regimes})
    orders = ["random", "class_blocked", "given"]
    assert config["observables"] == {"firing": {"kind": "firing", "images": None, "window": 20, "orders": orders}}
    assert config["regimes"]["memorizing"] == {"kind": "memorizing", "fraction": 1.0, "labels": "uniform"}


def test_completing_leaves_the_given_configuration_as_it_was():
    given_config = deepcopy(VALID)
    complete_configuration(given_config)
    assert given_config == VALID


def test_completing_twice_changes_nothing():
    once, _ = complete_configuration(VALID)
    assert complete_configuration(once)[0] == once


def test_completed_lists_are_not_shared_between_entries():
    config, _ = complete_configuration(changed("architectures.second", {"kind": "cnn"}))
    config["architectures"]["cnn"]["channels"].append(1)
    assert config["architectures"]["second"]["channels"] == [16, 32]


@pytest.mark.parametrize("path", ["seeds", "training.epochs", "observables.firing.window", "indicators.resamples"])
def test_whole_numbers_written_as_floats_become_integers_or_are_refused(path):
    try:
        config, _ = complete_configuration(changed(path, 100.0))
    except InputError:
        return
    value = config
    for key in path.split("."):
        value = value[key]
    assert type(value) is int


def test_whole_numbers_written_as_floats_in_lists_become_integers_or_are_refused():
    try:
        config, _ = complete_configuration(changed("architectures.mlp.hidden", [32.0, 8]))
    except InputError:
        return
    assert [type(width) for width in config["architectures"]["mlp"]["hidden"]] == [int, int]


# --- configurations that are wrong ---

MISTAKES = [
    # unknown keys
    ("sedds", 3, ["unknown key sedds", "did you mean 'seeds'"]),
    ("training.epoch", 3, ["unknown key training.epoch", "did you mean 'epochs'"]),
    ("spikes.ordr", "random", ["unknown key spikes.ordr", "did you mean 'order'"]),
    ("indicators.confidense", 0.9, ["unknown key indicators.confidense", "'confidence'"]),
    ("architectures.mlp.hiden", [3], ["unknown key architectures.mlp.hiden", "'hidden'"]),
    ("architectures.mlp.training", {"epoch": 3}, ["unknown key architectures.mlp.training.epoch", "'epochs'"]),
    ("architectures.mlp.channels", [3], ["unknown key architectures.mlp.channels"]),
    ("architectures.mlp.images", "train", ["unknown key architectures.mlp.images"]),
    ("observables.firing.image", "train", ["unknown key observables.firing.image", "did you mean 'images'"]),
    ("observables.firing.order", "random", ["unknown key observables.firing.order", "did you mean 'orders'"]),
    ("observables.firing.training", {}, ["unknown key observables.firing.training"]),
    ("only", [{"datasets": "digits"}], ["unknown key only.0.datasets", "'dataset'"]),
    # missing keys
    ("datasets", ABSENT, ["lacks the key 'datasets'"]),
    ("architectures", ABSENT, ["lacks the key 'architectures'"]),
    ("regimes", ABSENT, ["lacks the key 'regimes'"]),
    ("datasets.digits.kind", ABSENT, ["datasets.digits lacks the key 'kind'"]),
    ("datasets.photos", {"kind": "image_folder"}, ["datasets.photos lacks the key 'path'"]),
    ("regimes.noisy", {"kind": "corrupted_labels"}, ["regimes.noisy lacks the key 'fraction'"]),
    ("regimes.few", {"kind": "few_samples"}, ["regimes.few lacks the key 'samples'"]),
    # types
    ("seeds", "three", ["seeds is 'three'", "expected integer ≥ 1"]),
    ("seeds", True, ["seeds is True", "expected integer ≥ 1"]),
    ("seeds", 2.5, ["seeds is 2.5", "expected integer ≥ 1"]),
    ("seeds", None, ["seeds is None", "expected integer ≥ 1"]),
    ("training", None, ["training is None", "expected object"]),
    ("training", [1], ["training is [1]", "expected object"]),
    ("training.learning_rate", "1e-3", ["training.learning_rate is '1e-3'", "expected number > 0"]),
    ("training.checkpoints", 5, ["training.checkpoints is 5", "expected array of integer ≥ 0"]),
    ("training.checkpoints", [1, "2"], ["training.checkpoints.1 is '2'", "expected integer ≥ 0"]),
    ("architectures.cnn.batch_norm", "yes", ["architectures.cnn.batch_norm is 'yes'", "expected boolean"]),
    ("datasets", ["digits"], ["datasets is ['digits']", "expected object"]),
    ("datasets.digits", "digits", ["datasets.digits is 'digits'", "expected object"]),
    ("only", {"dataset": "digits"}, ["only is", "expected array of object"]),
    ("data_root", 3, ["data_root is 3", "expected string"]),
    ("plugins", "plugins", ["plugins is 'plugins'", "expected a list of folders"]),
    ("plugins", [3], ["plugins is [3]", "expected a list of folders"]),
    ("plugins", None, ["plugins is None", "expected a list of folders"]),
    # ranges
    ("seeds", 0, ["seeds is 0", "expected integer ≥ 1"]),
    ("training.epochs", -1, ["training.epochs is -1", "expected integer ≥ 0"]),
    ("training.learning_rate", 0, ["training.learning_rate is 0", "expected number > 0"]),
    ("training.momentum", 1, ["training.momentum is 1", "expected number ≥ 0 and < 1"]),
    ("training.target_accuracy", 95, ["training.target_accuracy is 95", "≥ 0 and ≤ 1"]),
    ("training.batch_size", 0, ["training.batch_size is 0", "expected integer or null ≥ 1"]),
    ("spikes.samples", 1, ["spikes.samples is 1", "expected integer or null ≥ 2"]),
    ("spikes.threshold", -0.1, ["spikes.threshold is -0.1", "expected number ≥ 0"]),
    ("indicators.confidence", 95, ["indicators.confidence is 95", "≥ 0.5 and ≤ 0.999"]),
    ("indicators.resamples", 10, ["indicators.resamples is 10", "≥ 100"]),
    ("regimes.memorizing.fraction", 1.5, ["regimes.memorizing.fraction is 1.5", "≥ 0 and ≤ 1"]),
    (
        "regimes.noisy",
        {"kind": "corrupted_labels", "fraction": -0.1},
        ["regimes.noisy.fraction is -0.1", "≥ 0 and ≤ 1"],
    ),
    ("regimes.few", {"kind": "few_samples", "samples": 0}, ["regimes.few.samples is 0", "expected integer ≥ 1"]),
    ("indicators.false_discovery_rate", 0, ["indicators.false_discovery_rate is 0", "> 0 and < 1"]),
    ("observables.p", {"kind": "process", "level": 1}, ["observables.p.level is 1", "expected number > 0 and < 1"]),
    ("observables.p", {"kind": "process", "lags": 0}, ["observables.p.lags is 0", "expected integer ≥ 1"]),
    ("observables.c", {"kind": "correlations", "pairs": 0}, ["observables.c.pairs is 0", "expected integer ≥ 1"]),
    ("datasets.digits.test_share", 1, ["datasets.digits.test_share is 1", "> 0 and < 1"]),
    ("architectures.mlp.hidden", [], ["architectures.mlp.hidden is []", "length ≥ 1"]),
    ("architectures.mlp.hidden", [0], ["architectures.mlp.hidden.0 is 0", "expected integer ≥ 1"]),
    ("data_root", "", ["data_root is ''", "length ≥ 1"]),
    # not finite
    ("training.learning_rate", float("nan"), ["training.learning_rate is nan", "finite"]),
    ("training.learning_rate", float("inf"), ["training.learning_rate is inf", "finite"]),
    ("training.checkpoints", [0, float("nan")], ["training.checkpoints.1 is nan", "finite"]),
    # choices
    ("training.optimizer", "adam", ["training.optimizer is 'adam'", "one of sgd, adamw", "did you mean 'adamw'"]),
    ("training.schedule", None, ["training.schedule is None", "one of constant, cosine"]),
    ("spikes.order", "randomly", ["spikes.order is 'randomly'", "did you mean 'random'"]),
    ("architectures.mlp.spikes", {"images": "tests"}, ["architectures.mlp.spikes.images is 'tests'", "test, train"]),
    ("observables.firing.images", "validation", ["observables.firing.images is 'validation'", "test, train, null"]),
    ("observables.firing.images", ["test"], ["observables.firing.images is ['test']", "one of test, train, null"]),
    # orders
    (
        "observables.firing.orders",
        ["given"],
        ["observables.firing.orders is ['given']", "expected 'random' among them"],
    ),
    ("observables.intervals", {"kind": "intervals", "orders": []}, ["observables.intervals.orders is []", "'random'"]),
    ("observables.process", {"kind": "process", "orders": ["given"]}, ["observables.process.orders", "'random' among"]),
    ("observables.firing.orders", ["random"] * 2, ["observables.firing.orders is", "expected each value once"]),
    (
        "observables.firing.orders",
        "random",
        ["observables.firing.orders is 'random'", "expected array of one of random"],
    ),
    (
        "observables.firing.orders",
        ["random", "blocked"],
        ["orders.1 is 'blocked'", "one of random, class_blocked, given"],
    ),
    ("observables.firing.orders", ["random", None], ["observables.firing.orders.1 is None", "random, class_blocked"]),
    # kinds
    ("datasets.digits.kind", "digit", ["datasets.digits.kind is 'digit'", "one of arrays, cifar10", "'digits'"]),
    (
        "regimes.untrained.kind",
        "x",
        ["regimes.untrained.kind is 'x'", "corrupted_labels, few_samples, gaussian_inputs, generalizing,"],
    ),
    ("observables.firing.kind", "fring", ["observables.firing.kind is 'fring'", "did you mean 'firing'"]),
    ("architectures.mlp.kind", None, ["architectures.mlp.kind is None", "one of cnn, lenet, mlp"]),
    ("architectures.mlp.kind", ["mlp"], ["architectures.mlp.kind is ['mlp']", "one of cnn, lenet, mlp"]),
    # empty
    ("datasets", {}, ["datasets is empty", "at least one"]),
    ("architectures", {}, ["architectures is empty", "at least one"]),
    ("observables", {}, ["observables is empty", "at least one"]),
    ("only", [{}], ["only.0 is empty", "at least one"]),
    ("only", [{"dataset": []}], ["only.0.dataset is []"]),
    ("exclude", [{"dataset": "digits"}], ["only and exclude leave no cell", "at least one"]),
    # names
    *(
        (f"{kind}s", {name: {"kind": plugin}}, [f"{kind}s", repr(name), "cannot be a name", "letters, digits"])
        for kind, plugin in (("dataset", "digits"), ("architecture", "mlp"), ("observable", "firing"))
        for name in ("../x", "a/b", "a b", "", ".", "-a", "_a", "é", "a.b", "a\n", "x" * 101)
    ),
    (
        "only",
        [{"dataset": "digit"}],
        ["only.0.dataset is 'digit'", "one of the datasets digits", "did you mean 'digits'"],
    ),
    ("exclude", [{"regime": ["untrained", "x"]}], ["exclude.0.regime is 'x'", "untrained, generalizing, memorizing"]),
    ("indicators.memorizing", "memorising", ["indicators.memorizing is 'memorising'", "did you mean 'memorizing'"]),
    ("indicators.generalizing", "x", ["indicators.generalizing is 'x'", "one of the regimes untrained"]),
    # keys that YAML reads as something else
    ("datasets", {7: {"kind": "digits"}}, ["the key datasets.7 is read as int", "quotes", '"7"']),
    ("regimes", {True: {"kind": "untrained"}}, ["the key regimes.True is read as bool", "quotes"]),
    ("datasets", {None: {"kind": "digits"}}, ["the key datasets.None is read as NoneType", "quotes"]),
    # entries based on one another
    (
        "regimes.x",
        {"base": "memorising"},
        [
            "regimes.x.base is 'memorising'",
            "one of the regimes untrained, generalizing, memorizing, x",
            "did you mean 'memorizing'",
        ],
    ),
    ("regimes.x", {"base": 3}, ["regimes.x.base is 3", "one of the regimes"]),
    ("regimes.x", {"base": ["memorizing"]}, ["regimes.x.base is ['memorizing']", "one of the regimes"]),
    ("regimes.x", {"base": "x"}, ["regimes.x.base leads back", "x → x;"]),
    ("regimes.memorizing", {"base": "untrained", "fraction": 0.5}, ["unknown key regimes.memorizing.fraction"]),
    ("architectures.deep", {"base": "mlp", "width": 3}, ["unknown key architectures.deep.width"]),
    ("architectures.deep", {"base": "wide"}, ["architectures.deep.base is 'wide'", "architectures mlp, cnn, deep"]),
    # training
    ("training.early_stopping", {"share": 0.1}, ["training.early_stopping lacks the key 'patience'"]),
    ("training.early_stopping", {"patience": 3}, ["training.early_stopping lacks the key 'share'"]),
    ("training.early_stopping", True, ["training.early_stopping is True", "expected object or null"]),
    ("training.early_stopping", {"share": 1, "patience": 3}, ["training.early_stopping.share is 1", "> 0 and < 1"]),
    ("training.early_stopping", {"share": 0.1, "patience": 0}, ["early_stopping.patience is 0", "integer ≥ 1"]),
    (
        "training.early_stopping",
        {"share": 0.1, "patience": 1, "on": "loss"},
        ["unknown key training.early_stopping.on"],
    ),
    ("training.crop_padding", -1, ["training.crop_padding is -1", "integer ≥ 0"]),
    ("training.horizontal_flip", 1, ["training.horizontal_flip is 1", "expected boolean"]),
    # regimes
    (
        "regimes.memorizing.labels",
        "permutated",
        ["memorizing.labels is 'permutated'", "uniform, permuted", "'permuted'"],
    ),
    ("regimes.memorizing.fraction", 1.1, ["regimes.memorizing.fraction is 1.1", "≥ 0 and ≤ 1"]),
    ("regimes.x", {"kind": "shuffled_pixels", "permutation": "each"}, ["regimes.x.permutation is 'each'", "per_image"]),
    # folders
    ("plugins", ["no/such/folder"], ["plugins", "no/such/folder"]),
    ("datasets.photos", {"kind": "image_folder", "path": "no/such"}, ["datasets.photos.path is 'no/such'", "folder"]),
    ("datasets.photos", {"kind": "image_folder", "path": 3}, ["datasets.photos.path is 3", "expected string"]),
]


@pytest.mark.parametrize(
    ("path", "value", "fragments"), MISTAKES, ids=[f"{path}={str(value)[:30]!r}" for path, value, _ in MISTAKES]
)
def test_mistake_is_one_line_that_names_the_key_and_what_was_expected(path, value, fragments):
    message = refusal(changed(path, value))
    for fragment in fragments:
        assert fragment in message


def test_bases_that_lead_back_are_refused_with_the_way():
    config = deepcopy(VALID)
    config["regimes"] |= {"a": {"base": "b"}, "b": {"base": "c"}, "c": {"base": "b"}}
    assert "regimes.a.base leads back to where it has been: a → b → c → b;" in refusal(config)


# --- entries based on one another ---


def test_an_entry_has_what_its_base_has_and_its_own_keys_in_their_place():
    config = deepcopy(VALID)
    config["regimes"]["decayed"] = {"base": "memorizing", "training": {"weight_decay": 0.1}, "spikes": {"threshold": 1}}
    config["regimes"] = dict(reversed(config["regimes"].items()))  # a base may stand after what is based on it
    config["regimes"]["longer"] = {"base": "decayed", "fraction": 0.7, "training": {"epochs": 20}}
    completed, _ = complete_configuration(config)
    decayed = {"kind": "memorizing", "fraction": 0.5, "labels": "uniform"}
    decayed |= {"training": {"epochs": 9, "weight_decay": 0.1}, "spikes": {"threshold": 1}}
    assert completed["regimes"]["decayed"] == decayed | {"base": "memorizing"}
    training = {"epochs": 20, "weight_decay": 0.1}
    assert completed["regimes"]["longer"] == decayed | {"base": "decayed", "fraction": 0.7, "training": training}
    assert completed["regimes"]["memorizing"] == complete_configuration(VALID)[0]["regimes"]["memorizing"]
    assert config["regimes"]["decayed"] == {
        "base": "memorizing",
        "training": {"weight_decay": 0.1},
        "spikes": {"threshold": 1},
    }


def test_entries_of_every_kind_may_have_a_base():
    config = deepcopy(VALID)
    config["datasets"]["fewer"] = {"base": "digits", "train_size": 50}
    config["architectures"]["tuned"] = {"base": "mlp", "training": {"learning_rate": 0.3}}
    config["observables"]["wide"] = {"base": "firing", "images": "train"}
    completed, _ = complete_configuration(config)
    assert completed["datasets"]["fewer"]["train_size"] == 50
    assert completed["datasets"]["fewer"]["kind"] == "digits"
    assert completed["architectures"]["tuned"]["hidden"] == [32, 24]
    assert (completed["observables"]["wide"]["window"], completed["observables"]["wide"]["images"]) == (10, "train")


def test_an_override_of_null_takes_early_stopping_away_from_its_base():
    config = deepcopy(VALID)
    stopped = {"kind": "generalizing", "training": {"early_stopping": {"share": 0.1, "patience": 5}}}
    config["regimes"] |= {
        "stopped": stopped,
        "patient": {"base": "stopped", "training": {"early_stopping": {"patience": 9}}},
        "free": {"base": "stopped", "training": {"early_stopping": None}},
    }
    regimes = complete_configuration(config)[0]["regimes"]
    assert regimes["patient"]["training"] == {"early_stopping": {"share": 0.1, "patience": 9}}
    assert regimes["free"]["training"] == {"early_stopping": None}


def test_each_of_several_mistakes_gets_a_line():
    config = changed("seeds", 0)
    config["sedds"] = 1
    config["training"]["epochs"] = "many"
    with pytest.raises(InputError) as caught:
        complete_configuration(config)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for fragment in ("seeds is 0", "unknown key sedds", "training.epochs is 'many'"):
        assert sum(fragment in line for line in lines) == 1


def test_image_folder_with_a_single_class_is_refused_before_any_job(tmp_path):
    (tmp_path / "cat").mkdir()
    message = refusal(changed("datasets.photos", {"kind": "image_folder", "path": str(tmp_path)}))
    assert "datasets.photos.path" in message
    assert "at least 2 classes" in message


@pytest.mark.parametrize("parts", [[""], ["train", "test"], ["train", "val"]])
def test_image_folder_with_two_classes_is_accepted(tmp_path, parts):
    for part in parts:
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
    config, _ = complete_configuration(changed("datasets.photos", {"kind": "image_folder", "path": str(tmp_path)}))
    assert config["datasets"]["photos"]["size"] == 32


@pytest.mark.parametrize("test", ["test", "val"])
def test_image_folder_whose_parts_hold_no_classes_is_refused_before_any_job(tmp_path, test):
    for part in ("train", test):
        (tmp_path / part).mkdir()
    message = refusal(changed("datasets.photos", {"kind": "image_folder", "path": str(tmp_path)}))
    assert "datasets.photos.path" in message


@pytest.mark.parametrize("name", ["images.npz", "images.safetensors"])
def test_array_file_is_accepted_and_a_file_of_another_kind_or_none_is_refused_before_any_job(tmp_path, name):
    entry = {"kind": "arrays", "path": str(tmp_path / name)}
    assert "datasets.mine.path" in refusal(changed("datasets.mine", entry))
    (tmp_path / name).touch()
    config, _ = complete_configuration(changed("datasets.mine", entry))
    assert config["datasets"]["mine"]["classes"] == []
    (tmp_path / "images.npy").touch()
    message = refusal(changed("datasets.mine", entry | {"path": str(tmp_path / "images.npy")}))
    assert "a name ending in .npz or .safetensors" in message


FACTORIES = """
import torch
from elsewhere import imported as renamed
from functools import *

def function(shape, classes): ...

class Network: ...

assigned = Network

if torch.cuda.is_available():
    def conditional(shape, classes): ...
"""


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    """Folder, the working directory, in which ``nets.py`` and ``package/nets.py`` have factories."""
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "nets.py", tmp_path / "package" / "nets.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(FACTORIES.replace("from functools import *\n", ""))
    return tmp_path


def own(factory: str | int) -> dict:
    return changed("architectures.own", {"kind": "python", "factory": factory})


@pytest.mark.parametrize("name", ["function", "Network", "assigned", "conditional", "renamed"])
@pytest.mark.parametrize("source", ["nets.py", "package/nets.py", "package.nets", "nets"])
def test_factory_that_its_file_defines_is_accepted_without_running_it(own_model, source, name):
    config, _ = complete_configuration(own(f"{source}:{name}"))
    assert config["architectures"]["own"]["parameters"] == {}


def test_factory_that_may_come_with_all_names_of_another_module_is_accepted(own_model):
    (own_model / "nets.py").write_text(FACTORIES)
    complete_configuration(own("nets.py:anything"))


@pytest.mark.parametrize(
    "factory",
    [
        *("nets.py:missing", "nets.py:imported", "nets.py", "nets.py:", ":function", "function", ""),
        *(
            "package:function",
            "other.py:function",
            "package.other:function",
            "package/nets:function",
            "no.such:function",
            "package:nets",
        ),
    ],
)
def test_factory_that_is_not_there_is_refused_before_any_job(own_model, factory):
    message = refusal(own(factory))
    assert f"architectures.own.factory is {factory!r}" in message
    assert "path/to/file.py:function or package.module:function" in message


def test_file_of_a_factory_that_is_no_python_is_refused_with_the_line(own_model):
    (own_model / "nets.py").write_text("x = 1\ndef function(:\n")
    with pytest.raises(InputError, match=r"^nets\.py, line 2: "):
        complete_configuration(own("nets.py:function"))


def test_factory_that_is_no_text_is_refused(own_model):
    assert "architectures.own.factory is 3; expected string" in refusal(own(3))


def test_configuration_of_one_regime_is_accepted():
    config = changed("regimes", {"generalizing": {"kind": "generalizing"}})
    config["exclude"] = []
    del config["indicators"]
    assert not Grid(*complete_configuration(config)).is_compared


# --- plug-ins of the user ---


def with_plugin(tmp_path: Path, folder: str, content: str) -> dict:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "mine.py").write_text(content)
    return changed(f"{folder}.own", {"kind": "mine"}) | {"plugins": [str(tmp_path)]}


def test_parameters_of_a_plugin_of_the_user_are_checked_and_completed(tmp_path):
    content = """
PARAMETERS = {"width": {"type": "integer", "default": 4, "description": "Width."}}
def build(shape, classes, width): ...
"""
    config = with_plugin(tmp_path, "architectures", content)
    completed, _ = complete_configuration(config)
    assert completed["architectures"]["own"]["width"] == 4
    config["architectures"]["own"]["width"] = "wide"
    assert "architectures.own.width is 'wide'; expected integer" in refusal(config)


@pytest.mark.parametrize(
    "parameters",
    [
        '["width"]',
        '"width"',
        "3",
        '{"width": 3}',
        '{3: {"type": "integer"}}',
        '{"width": {"type": "whole"}}',
        '{"width": {"type": "string", "pattern": "("}}',
        '{"width": {"minimum": "1"}}',
    ],
)
def test_parameters_that_are_no_schema_are_refused_with_the_file(tmp_path, parameters):
    config = with_plugin(tmp_path, "architectures", f"PARAMETERS = {parameters}\ndef build(shape, classes): ...\n")
    with pytest.raises(InputError, match=r"mine\.py: ") as caught:
        complete_configuration(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("architectures", "training"), ("regimes", "kind"), ("datasets", "test_size"), ("observables", "images")],
)
def test_parameter_with_the_name_of_a_common_key_is_refused_with_the_file(tmp_path, folder, name):
    content = f'PARAMETERS = {{"{name}": {{"type": "integer", "default": 1}}}}\ndef {FUNCTIONS[folder]}(): ...\n'
    with pytest.raises(InputError, match=rf"mine\.py: .*'{name}'"):
        complete_configuration(with_plugin(tmp_path, folder, content))


@pytest.mark.parametrize(
    "reads", ["", "READS = []", 'READS = ["spike"]', 'READS = "spikes"', "READS = 3", "READS = [[1]]"]
)
def test_observable_that_reads_no_artefact_is_refused_with_the_file(tmp_path, reads):
    content = f"{reads}\nPARAMETERS = {{}}\ndef observe(artefacts): ...\n"
    config = with_plugin(tmp_path, "observables", content)
    with pytest.raises(InputError, match=r"mine\.py: READS .* checkpoints, history, spikes"):
        Grid(*complete_configuration(config))


@pytest.mark.parametrize(
    "tables", ['"units"', "3", "[3]", '["features"]', '["observables"]', '["logs"]', '["a/b"]', "[[]]"]
)
def test_observable_whose_tables_are_no_names_of_tables_is_refused_with_the_file(tmp_path, tables):
    content = f'READS = ["spikes"]\nTABLES = {tables}\nPARAMETERS = {{}}\ndef observe(artefacts): ...\n'
    config = with_plugin(tmp_path, "observables", content)
    with pytest.raises(InputError, match=r"mine\.py: TABLES .* a list of names such as units"):
        Grid(*complete_configuration(config))


@pytest.mark.parametrize("series", ['"noise"', "3", '["label_noise"]', "{}"])
def test_regime_that_is_a_dose_of_something_else_is_refused_with_the_file(tmp_path, series):
    content = f"SERIES = {series}\nPARAMETERS = {{}}\ndef prepare(training_set, classes, generator): ...\n"
    with pytest.raises(InputError, match=r"mine\.py: SERIES .* one of label_noise, training_size"):
        Grid(*complete_configuration(with_plugin(tmp_path, "regimes", content)))


def test_list_of_a_plugin_of_the_user_that_lacks_what_it_must_contain_is_refused_in_words(tmp_path):
    rule = {"type": "array", "contains": {"enum": [1, 2]}, "default": [1], "description": "Sizes."}
    content = f"PARAMETERS = {{'sizes': {rule}}}\ndef build(shape, classes, sizes): ...\n"
    config = with_plugin(tmp_path, "architectures", content)
    config["architectures"]["own"]["sizes"] = [3]
    assert "architectures.own.sizes is [3]; expected one of 1, 2 among them" in refusal(config)


@pytest.mark.parametrize("training", ['{"epoch": 0}', '{"epochs": "none"}', "[0]"])
def test_regime_that_fixes_settings_that_do_not_exist_is_refused_with_the_file(tmp_path, training):
    content = f"TRAINING = {training}\nPARAMETERS = {{}}\ndef prepare(training_set, classes, generator): ...\n"
    with pytest.raises(InputError, match=r"mine\.py: TRAINING"):
        Grid(*complete_configuration(with_plugin(tmp_path, "regimes", content)))


# --- any mistake ---

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 30)
    | st.floats()
    | st.sampled_from([0.0, 1.0, 3.0, 200.0])
    | st.text(max_size=4)
    | st.sampled_from(["digits", "mlp", "memorizing", "training", "../x", ".", "test", "kind", "random"]),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), values, max_size=3)
    ),
    max_leaves=5,
)


def places_of(config: object) -> list[tuple]:
    """Paths of every value of a configuration."""
    parts = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    return [(key, *deeper) for key, part in parts for deeper in [(), *places_of(part)]]


@settings(max_examples=80)
@given(data=st.data())
def test_any_change_of_a_configuration_is_complete_or_refused(data):
    config = deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(places_of(config) or [("seeds",)]))
        place = config
        for key in parents:
            place = place[key]
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "add" and isinstance(place, dict):
            known = st.sampled_from(["kind", "training", "window", "hidden", "path", "plugins", "regime"])
            last = data.draw(st.text(max_size=5) | known)
        if change == "remove" and isinstance(place, dict):
            place.pop(last, None)
        else:
            place[last] = data.draw(junk)
    try:
        grid = Grid(*complete_configuration(config))
    except InputError:
        pass
    else:
        assert grid.cells
        assert grid.blocks
        for cell in grid.cells:
            assert grid.training(cell)["checkpoints"][0] in range(grid.training(cell)["epochs"] + 1)
        assert json.loads(json.dumps(grid.config)) == grid.config


# --- YAML ---


@pytest.fixture
def read(tmp_path):
    """Reads a text as a YAML file."""

    def read_text(text: str | bytes) -> dict:
        path = tmp_path / "grid.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path)

    return read_text


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_yaml_is_read_as_pyyaml_reads_it(path):
    assert read_yaml(path) == yaml.safe_load(path.read_text())


def test_empty_file_is_an_empty_configuration(read):
    assert read("# nothing\n") == {}


def test_anchors_and_merged_keys_are_read_as_pyyaml_reads_them(read):
    text = "base: &base {epochs: 3, batch_size: 8}\ntraining:\n  <<: *base\n  epochs: 5\n"
    assert read(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("seeds: 1\nseeds: 2\n", "seeds", 2),
        ("training:\n  epochs: 1\n  batch_size: 8\n  epochs: 2\n", "epochs", 4),
        ("only:\n- {dataset: a, dataset: b}\n", "dataset", 2),
        ("a: 1\n'a': 2\n", "a", 2),
    ],
)
def test_key_that_stands_twice_is_refused_with_its_line(read, text, key, line):
    with pytest.raises(InputError, match=rf"grid.yaml, line {line}: the key '{key}' stands here a second time"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "seeds: [1\n",
        "\tseeds: 1\n",
        "seeds: *nowhere\n",
        "a: b: c\n",
        "seeds: !!python/object/apply:os.getcwd []\n",
        "[a, b]: 1\n",
        "{a: 1}: 2\n",
        "seeds: 2020-13-45\n",
        "seeds: !!int x\n",
        b"seeds: \xff\xfe\n",
        b"seeds: \x00\n",
        "- seeds\n",
        "seeds\n",
        "7\n",
    ],
)
def test_file_that_is_no_yaml_mapping_is_one_line_with_its_name(read, text):
    with pytest.raises(InputError, match=r"grid\.yaml") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused_by_name(tmp_path):
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(InputError, match=path.name):
            read_yaml(path)


# --- the schema ---


def composed_schemas() -> list[dict]:
    """The schema as it checks each shipped configuration, parameters of plug-ins included."""
    found = []
    for path in SHIPPED:
        config, plugins = complete_configuration(read_yaml(path))
        found.append(compose_schema(read_schema(), config, plugins))
    return found


def objects_of(node: object, where: str = "") -> list[tuple[str, dict]]:
    """Every object of a schema that has properties, with its place."""
    if isinstance(node, list):
        return [found for number, part in enumerate(node) for found in objects_of(part, f"{where}[{number}]")]
    if not isinstance(node, dict):
        return []
    found = [(where, node)] if isinstance(node.get("properties"), dict) else []
    return found + [deeper for key, part in node.items() for deeper in objects_of(part, f"{where}.{key}")]


def test_schema_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(yaml.safe_load(SCHEMA_FILE.read_text()))
    for schema in composed_schemas():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_object_of_the_schema_is_closed():
    for schema in composed_schemas():
        objects = [(where, rule) for where, rule in objects_of(schema) if not where.startswith(".$defs.dataset")]
        assert len(objects) > 8
        for where, rule in objects:
            is_closed = rule.get("additionalProperties") is False
            names_are_entries = "propertyNames" in rule and rule["additionalProperties"]["required"][0] in (
                "kind",
                "conditions",
            )
            assert is_closed or names_are_entries, where


def test_every_key_has_type_default_and_description():
    schema = read_schema()
    groups = [schema, schema["$defs"]["recording"]]
    groups += [schema["properties"][key] for key in ("training", "spikes", "indicators")]
    keys = [
        (key, rule, group.get("required", []) + group.get("then", {}).get("required", []))
        for group in groups
        for key, rule in group["properties"].items()
    ]
    keys += [(key, rule, []) for kind in ("dataset", "observable") for key, rule in schema["$defs"][kind].items()]
    assert len(keys) > 30
    for key, rule, required in keys:
        assert {"type", "enum", "anyOf"} & set(rule), key
        assert rule["description"].strip().endswith("."), key
        assert "properties" in rule or key in required or "default" in rule, key


def test_every_default_is_a_value_that_its_schema_takes():
    schema = read_schema()
    groups = [*(schema["$defs"][kind] for kind in ("dataset", "observable"))]
    groups += [schema["properties"][section]["properties"] for section in ("training", "spikes", "indicators")]
    for key, rule in (item for group in groups for item in group.items()):
        jsonschema.validate(rule["default"], rule), key


def test_every_selector_of_cells_has_a_description():
    for key in ("only", "exclude"):
        for rule in read_schema()["properties"][key]["items"]["properties"].values():
            assert rule["description"].endswith(".")


def test_number_that_yaml_reads_as_text_is_told_how_to_be_written():
    config = read_yaml(REPOSITORY / "config.yaml")
    config["training"]["learning_rate"] = "1e-3"
    with pytest.raises(InputError, match=r"training.learning_rate is '1e-3'; .* write 1.0e-03"):
        complete_configuration(config)


def test_overrides_of_the_command_line_are_read_as_yaml_inside_braces_and_as_they_are_outside():
    config = {"data_root": "data", "training": {"epochs": 9, "batch_size": 4}, "seeds": 5}
    read_by_snakemake = {
        "data_root": "1",
        "seeds": 2,
        "training": {"epochs": "5", "schedule": "cosine", "early_stopping": "null"},
        "only": [{"dataset": "digits", "regime": ["a", "b"]}],
        "spikes": {"threshold": "0.5", "order": "{"},
    }
    assert with_overrides(config, read_by_snakemake) == {
        "data_root": "1",
        "seeds": 2,
        "training": {"epochs": 5, "batch_size": 4, "schedule": "cosine", "early_stopping": None},
        "only": [{"dataset": "digits", "regime": ["a", "b"]}],
        "spikes": {"threshold": 0.5, "order": "{"},
    }
