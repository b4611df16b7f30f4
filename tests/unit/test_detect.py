"""The command on a network that no grid has seen: what it measures, says, warns of and refuses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from spikegrid.checkpoints import Checkpoints
from spikegrid.detect import load_images, main, measure
from spikegrid.detector import Detector, Line
from spikegrid.detector_features import network_features
from spikegrid.detector_file import DetectorFile, write_detectors
from spikegrid.plugins import load_plugin

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
NETS = """
from torch import nn


def small(shape, classes, width=7):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], width), nn.ReLU(), nn.Linear(width, classes)
    )


def wrong(shape, classes):
    return nn.Linear(3, classes)


def raising(shape, classes):
    raise ValueError("no such network")
"""
RATE, ICC = ("firing", "firing_rate_mean", "last layer"), ("classes", "intraclass_correlation", "last layer")
TRAINED = ("firing_train", "firing_rate_mean", "network")
SPIKES = {"images": "test", "samples": None, "order": "random", "threshold": 0, "units_per_layer": None}
FIRING = {"plugin": "firing", "parameters": {"window": 4, "orders": ["random", "class_blocked"]}}
OBSERVABLES = {
    "firing": FIRING | {"images": "test", "labels": ["*_class_blocked"]},
    "firing_train": FIRING | {"images": "train", "labels": ["*_class_blocked"]},
    "classes": {"plugin": "class_information", "parameters": {}, "images": "test", "labels": ["*"]},
}


def detector_on(names: list, share: bool = True, mean: float = 0.5) -> Detector:
    """The more it fires, the more it memorizes: a probability of 1/2 at ``mean``."""
    size = len(names)
    line = Line(np.full(size, mean), np.full(size, 0.1), np.array([1.0, *[0.0] * (size - 1)]), 0.0, 1.0, 8)
    return Detector(names, line, line if share else None, 9.0)


def held(**detectors: Detector) -> DetectorFile:
    scores = [
        {"left_out": "seed", "statistic": "accuracy", "networks": 8, "value": 0.75, "low": 0.35, "high": 0.97},
        {"left_out": "seed", "statistic": "share_error", "networks": 8, "value": 0.05, "low": None, "high": None},
    ]
    named = "memorizing", "generalizing", ["digits"], ["mlp"]
    return DetectorFile(*named, SPIKES, OBSERVABLES, detectors, dict.fromkeys(detectors, scores))


@pytest.fixture
def own(tmp_path, monkeypatch, make_images) -> Path:
    """A folder with a factory, weights, arrays of images, and detectors."""
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETS)
    images = make_images()
    np.savez("dots.npz", images=images.images, labels=images.labels, split=images.split)
    torch.manual_seed(1)
    save_file(network().state_dict(), "w.safetensors")
    detectors = held(label_free=detector_on([RATE, TRAINED]), all=detector_on([RATE, ICC], share=False))
    write_detectors("detector.json", detectors, {}, {}, "abc")
    return tmp_path


def network() -> torch.nn.Module:
    flat = torch.nn.Flatten()
    return torch.nn.Sequential(flat, torch.nn.Linear(16, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))


def command(**changed: str | None) -> list[str]:
    options = {"model": "nets.py:small", "weights": "w.safetensors", "images": "dots.npz", "detector": "detector.json"}
    chosen = {name: value for name, value in (options | changed).items() if value is not None}
    return [part for name, value in chosen.items() for part in (f"--{name}", value)]


def said_of(capsys, **changed: str | None) -> str:
    main(command(**changed))
    return capsys.readouterr().out


def refusal_of(capsys, *extra: str, **changed: str | None) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command(**changed), *extra])
    return str(ended.value.code) if isinstance(ended.value.code, str) else capsys.readouterr().err


# --- what it measures ---


def test_features_are_those_that_the_steps_of_a_grid_give_for_the_same_weights(
    own, observed_run, make_images, generalizing
):
    architecture = {"plugin": "python", "parameters": {"factory": "nets.py:small", "parameters": {}}}
    artefacts = observed_run((0,), architecture, generalizing)
    checkpoints = Checkpoints(artefacts["checkpoints"])
    save_file(checkpoints.state(0, checkpoints.epochs[-1]), "trained.safetensors")
    tables = []
    for name in ("firing", "classes"):
        entry = OBSERVABLES[name]
        observed = load_plugin("observables", entry["plugin"])({"spikes": artefacts["spikes"]}, **entry["parameters"])
        tables.append(observed["features"].assign(observable=name))
    expected = network_features(pd.concat(tables)).iloc[0]
    names = [name for name in expected.index if "random" not in name[1] and "class_blocked" not in name[1]]
    assert len(names) > 10
    described = "trained.safetensors", None, held(), names, None, 1
    found = measure(load_images("dots.npz", None, False, None), architecture, *described)
    pd.testing.assert_series_equal(found, expected[names], check_names=False, check_index_type=False)


def test_label_free_features_are_the_same_without_labels(own, capsys, make_images):
    images = make_images()
    with_labels = said_of(capsys)
    np.savez("dots.npz", images=images.images, labels=images.labels * 0, split=images.split)
    assert said_of(capsys, classes="3") == with_labels


def test_a_folder_of_pictures_without_labels_is_taken(own, capsys, make_images):
    images = make_images()
    expected = said_of(capsys)
    for part, name in enumerate(("train", "test")):
        (own / "photos" / name / "any").mkdir(parents=True)
        for number, pixels in enumerate(images.images[images.split == part]):
            Image.fromarray(pixels[0]).save(own / "photos" / name / "any" / f"{number:03d}.png")
    main([*command(images="photos", classes="3"), "--grey"])
    assert capsys.readouterr().out == expected


# --- what it says ---


def test_verdict_probability_share_and_features_are_printed(own, capsys):
    lines = said_of(capsys).splitlines()
    rate = float(next(line for line in lines if line.startswith("firing/firing_rate_mean, last layer")).split()[-4])
    z = (rate - 0.5) / 0.1
    probability = 1 / (1 + np.exp(-z))
    verdict = next(line for line in lines if line.startswith("Verdict"))
    assert verdict.split()[1] == ("memorizing;" if probability >= 0.5 else "generalizing;")
    assert float(verdict.split()[-1]) == pytest.approx(probability, abs=0.005)
    assert f"{min(max(z, 0), 1):.0%} of those trained on" in next(line for line in lines if line.startswith("Labels"))
    assert "each seed left out in turn: 0.75 [0.35, 0.97] of 8 networks; share of wrong labels off by 0.05" in lines[5]
    assert not lines[-1].startswith("Warning")


def test_a_network_far_from_all_that_are_known_is_warned_of(own, capsys):
    write_detectors("detector.json", held(label_free=detector_on([RATE], mean=5.0)), {}, {}, "abc")
    lines = said_of(capsys).splitlines()
    assert lines[-1].startswith(
        "Warning: out of range: this network lies farther than any that the detector was trained on"
    )


def test_a_set_without_share_says_nothing_of_labels(own, capsys):
    said = said_of(capsys, features="all")
    assert "intraclass_correlation" in said
    assert "Labels" not in said


def test_weights_of_torch_save_give_the_same(own, capsys):
    expected = said_of(capsys)
    torch.manual_seed(1)
    torch.save(network().state_dict(), "w.pt")
    assert said_of(capsys, weights="w.pt") == expected


def test_the_command_runs_as_a_module_and_explains_itself(own):
    process = subprocess.run(
        [sys.executable, "-m", "spikegrid.detect", "--help"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 0, process.stderr
    for option in ("--model", "--weights", "--images", "--detector", "--features", "--labels", "--classes"):
        assert option in process.stdout


# --- what it refuses ---

REFUSALS = {
    "no detector": ({"detector": "gone.json"}, "gone.json: not a detector of this workflow (No such file"),
    "no such set": (
        {"features": "training_data_only"},
        "has no detector on training_data_only; it has label_free, all",
    ),
    "no factory": ({"model": "nets.py:gone"}, "nets.py:gone: nets.py has no function gone"),
    "factory raises": ({"model": "nets.py:raising"}, "ValueError: no such network (nets.py, line 16)"),
    "other images": ({"model": "nets.py:wrong"}, "Linear cannot take images of shape (1, 4, 4)"),
    "no weights": ({"weights": "gone.safetensors"}, "gone.safetensors: cannot be read as a state dict"),
    "weights of another": ({"parameters": '{"width": 8}'}, "expected the 4 tensors of architecture own"),
    "pickle": ({"weights": "p.pt"}, "p.pt: holds more than tensors"),
    "no images": ({"images": "gone"}, "gone: is not there; expected a folder of images or a file of arrays"),
    "labels are needed": ({"features": "all", "classes": "3"}, "features of all need labels"),
    "no split": ({"images": "whole.npz"}, "does not tell training from test images"),
    "no labels": ({"images": "unlabelled.npz"}, "found 1 class"),
    "too many": ({"samples": "99"}, "spikes.samples is 99, but dataset own has 16 test images"),
    "too few": ({"samples": "6"}, "window is 4; expected at most half of the 6 images"),
    "parameters": ({"parameters": "[1]"}, "expected JSON such as"),
    "threads": ({"threads": "0"}, "expected a whole number"),
}


@pytest.mark.parametrize(("changed", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_wrong_is_said_in_one_line(own, capsys, make_images, changed, said):
    images = make_images()
    np.savez("whole.npz", images=images.images, labels=images.labels)
    np.savez("unlabelled.npz", images=images.images, labels=images.labels * 0, split=images.split)
    torch.save({"network": network()}, "p.pt")
    refusal = refusal_of(capsys, **changed)
    assert said in refusal
    assert "Traceback" not in refusal


def test_undefined_features_are_taken_to_be_the_mean_and_warned_of(own, capsys):
    state = {name: tensor * 0 for name, tensor in network().state_dict().items()}
    save_file(state, "dead.safetensors")
    rate_alone = detector_on([RATE], share=False)
    write_detectors(
        "detector.json", held(all=detector_on([RATE, ICC], share=False), label_free=rate_alone), {}, {}, "abc"
    )
    both, one = (
        said_of(capsys, weights="dead.safetensors", features=name).splitlines() for name in ("all", "label_free")
    )
    assert next(line for line in both if line.startswith("classes/intraclass_correlation")).split()[-4] == "nan"
    assert "Undefined   1 features" in "\n".join(both)
    assert both[-1].startswith("Warning: out of range")
    assert not any(line.startswith("Undefined") for line in one)
