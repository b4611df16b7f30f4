"""The detector file: plain JSON, and one line for whatever is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikegrid.detector import Detector, Line
from spikegrid.detector_file import DetectorFile, read_detectors, write_detectors
from spikegrid.errors import InputError


@pytest.fixture
def file(tmp_path) -> Path:
    line = Line(np.zeros(2), np.array([1.0, np.inf]), np.array([2.0, 0.0]), 0.5, 10.0, 4)
    names = [("firing", "firing_rate_mean", "last layer"), ("firing", "dead_share", "network")]
    score = {"left_out": "seed", "statistic": "auroc", "networks": 4, "value": 1.0, "low": None, "high": None}
    firing = {"plugin": "firing", "parameters": {"window": 5, "orders": ["random"]}, "images": "test", "labels": []}
    spikes = {"images": "test", "samples": None, "order": "random", "threshold": 0, "units_per_layer": None}
    described = "memorizing", "generalizing", ["digits"], ["mlp"], spikes, {"firing": firing}
    held = DetectorFile(*described, {"all": Detector(names, line, None, 1.5)}, {"all": [score]})
    path = tmp_path / "detector.json"
    write_detectors(path, held, {}, {"python": "3"}, "abc")
    return path


def test_a_feature_without_spread_stays_one(file):
    detector = read_detectors(file).detectors["all"]
    assert detector.verdict.at(np.array([[3.0, 99.0]])).tolist() == [6.5]
    assert detector.share is None
    assert detector.features[1] == ("firing", "dead_share", "network")
    assert json.loads(file.read_text())["sets"]["all"]["verdict"]["scales"] == [1.0, None]


def at(*path: str | int) -> Callable:
    """Returns a change of the value at a path of keys."""

    def put(content: dict, value: object) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return put


VERDICT = ("sets", "all", "verdict")
WRONG = [
    (at("format"), 2, "format: 1 was expected"),
    (at("more"), 1, "'more' was unexpected"),
    (at("sets"), [], "sets: [] is not of type 'object'"),
    (at(*VERDICT, "means"), [0.0], "the set all has 2 features, but 1 means"),
    (at(*VERDICT, "scales"), [1.0, 0.0], "less than or equal to the minimum of 0"),
    (at(*VERDICT, "weights"), [1.0, "2"], "sets.all.verdict.weights.1: '2' is not of type 'number'"),
    (at(*VERDICT, "intercept"), True, "sets.all.verdict.intercept: True is not of type 'number'"),
    (at("sets", "all", "features", 0), ["firing", "rate"], "sets.all.features.0"),
    (at("sets", "all", "features", 0), ["gone", "rate", "network"], "rate of gone, which is no observable of the file"),
    (at("observables", "firing", "plugin"), "magic", "plug-in magic, which is not there"),
    (at("observables", "firing", "plugin"), "../regimes/untrained", "does not match"),
    (at("observables", "firing", "parameters"), {"window": 0, "orders": ["random"]}, "window: 0 is less than"),
    (at("observables", "firing", "parameters"), {"orders": ["random"]}, "'window' is a required property"),
    (at("spikes", "threshold"), -1, "spikes.threshold: -1 is less than the minimum of 0"),
]


@pytest.mark.parametrize(("put", "value", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line(file, put, value, said):
    content = json.loads(file.read_text())
    put(content, value)
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as raised:
        read_detectors(file)
    assert str(raised.value).startswith(f"{file}: not a detector of this workflow (")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "line"),
        (lambda text: text.replace("0.5", "NaN"), "NaN is no number of JSON"),
        (lambda text: text.replace("0.5", "1e999"), "a number is not finite"),
        (lambda text: "[" * 100_000, "recursion"),
        (lambda text: "", "Expecting value"),
        (lambda text: "[]", "[] is not of type 'object'"),
    ],
    ids=["cut short", "NaN", "infinite", "deep", "empty", "list"],
)
def test_damaged_text_is_refused_in_one_line(file, damage, said):
    file.write_text(damage(file.read_text()))
    with pytest.raises(InputError, match="not a detector of this workflow") as raised:
        read_detectors(file)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_pickle_or_a_missing_file_is_refused(tmp_path, file):
    file.write_bytes(b"\x80\x04\x95cposix\nsystem\n")
    for path in (file, tmp_path / "gone.json", tmp_path):
        with pytest.raises(InputError, match="not a detector of this workflow"):
            read_detectors(path)
