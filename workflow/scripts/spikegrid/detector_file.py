"""Detectors as a JSON file of plain numbers, with all that is needed to measure another network as those were."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from spikegrid.detector import Detector, Line
from spikegrid.errors import InputError
from spikegrid.files import written_whole
from spikegrid.plugins import plugin_path, read_plugin

FORMAT = 1

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_PART = {"enum": ["test", "train"]}


def _closed(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_LINE = _closed(
    means=_NUMBERS,
    scales={"type": "array", "items": {"type": ["number", "null"], "exclusiveMinimum": 0}},
    weights=_NUMBERS,
    intercept={"type": "number"},
    penalty={"type": "number", "exclusiveMinimum": 0},
    networks={"type": "integer", "minimum": 2},
)
_SCORE = _closed(
    left_out={"enum": ["architecture", "dataset", "seed"]},
    statistic={"enum": ["accuracy", "auroc", "out_of_range", "share_error"]},
    networks={"type": "integer", "minimum": 1},
    **{name: {"type": ["number", "null"]} for name in ("value", "low", "high")},
)
_SET = _closed(
    features={"type": "array", "items": _TEXTS | {"minItems": 3, "maxItems": 3}, "minItems": 1},
    verdict=_LINE,
    share={"anyOf": [_LINE, {"type": "null"}]},
    farthest={"type": "number", "minimum": 0},
    scores={"type": "array", "items": _SCORE},
)
_SCHEMA = _closed(
    format={"const": FORMAT},
    memorizing=_TEXT,
    generalizing=_TEXT,
    datasets=_TEXTS,
    architectures=_TEXTS,
    spikes=_closed(
        images=_PART,
        samples={"type": ["integer", "null"], "minimum": 2},
        order={"enum": ["random", "class_blocked", "given"]},
        threshold={"type": "number", "minimum": 0},
        units_per_layer={"type": ["integer", "null"], "minimum": 1},
    ),
    observables={
        "type": "object",
        "additionalProperties": _closed(
            plugin=_TEXT | {"pattern": r"^(\w+|.+\.py)$"}, parameters={"type": "object"}, images=_PART, labels=_TEXTS
        ),
    },
    left_out_features={"type": "object", "additionalProperties": _TEXT},
    sets={"type": "object", "additionalProperties": _SET},
    versions={"type": "object", "additionalProperties": _TEXT},
    code=_TEXT,
)


@dataclass(frozen=True)
class DetectorFile:
    """What a detector file holds.

    memorizing, generalizing: names of the two regimes. datasets, architectures: names of those that all networks were
    of. spikes: the settings of the top level under which images were presented. observables: for each the ``plugin``,
    its ``parameters``, the ``images`` that it presents, and patterns of the features that need ``labels``. detectors:
    by the name of their set. scores: for each set the rows of ``detector_evaluation.evaluate`` of all that were left
    out in turn.
    """

    memorizing: str
    generalizing: str
    datasets: list[str]
    architectures: list[str]
    spikes: dict[str, Any]
    observables: dict[str, dict[str, Any]]
    detectors: dict[str, Detector]
    scores: dict[str, list[dict[str, Any]]]


def write_detectors(
    path: str | Path, held: DetectorFile, left_out_features: dict[str, str], versions: dict[str, str], code: str
) -> None:
    """Write detectors as JSON.

    left_out_features: the reason for each feature of the grid that no detector takes. versions: of the packages that
    fitted them. code: hash of the code that did.
    """
    sets = {
        name: {
            "features": [list(feature) for feature in detector.features],
            "verdict": _line_as_json(detector.verdict),
            "share": None if detector.share is None else _line_as_json(detector.share),
            "farthest": detector.farthest,
            "scores": held.scores[name],
        }
        for name, detector in held.detectors.items()
    }
    content = {
        "format": FORMAT,
        **{name: getattr(held, name) for name in ("memorizing", "generalizing", "datasets", "architectures")},
        "spikes": held.spikes,
        "observables": held.observables,
        "left_out_features": left_out_features,
        "sets": sets,
        "versions": versions,
        "code": code,
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_detectors(path: str | Path) -> DetectorFile:
    """Read a detector file. Raises InputError when it is not as ``write_detectors`` makes it."""
    try:
        content = json.loads(Path(path).read_text("utf-8"), parse_constant=_refuse)
        _check(content)
    except (OSError, ValueError, RecursionError, jsonschema.ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else _in_one_line(error)
        raise InputError(f"{path}: not a detector of this workflow ({reason})") from None
    return DetectorFile(
        *(content[name] for name in ("memorizing", "generalizing", "datasets", "architectures")),
        content["spikes"],
        content["observables"],
        {name: _detector(entry) for name, entry in content["sets"].items()},
        {name: entry["scores"] for name, entry in content["sets"].items()},
    )


def _line_as_json(line: Line) -> dict[str, Any]:
    """Features without spread have an infinite scale, which JSON does not know."""
    return {
        "means": line.means.tolist(),
        "scales": [scale if np.isfinite(scale) else None for scale in line.scales.tolist()],
        "weights": line.weights.tolist(),
        "intercept": line.intercept,
        "penalty": line.penalty,
        "networks": line.networks,
    }


def _detector(entry: dict[str, Any]) -> Detector:
    share = None if entry["share"] is None else _line(entry["share"])
    return Detector(list(map(tuple, entry["features"])), _line(entry["verdict"]), share, entry["farthest"])


def _line(entry: dict[str, Any]) -> Line:
    scales = [np.inf if scale is None else scale for scale in entry["scales"]]
    arrays = (np.array(numbers, float) for numbers in (entry["means"], scales, entry["weights"]))
    return Line(*arrays, *(entry[name] for name in ("intercept", "penalty", "networks")))


def _check(content: Any) -> None:
    """Check form and numbers, and that the plug-ins are there. Raises what ``read_detectors`` puts in words."""
    jsonschema.validate(content, _SCHEMA)
    _check_finite(content)
    for name, entry in content["sets"].items():
        for line in filter(None, (entry["verdict"], entry["share"])):
            for numbers in ("means", "scales", "weights"):
                if len(line[numbers]) != len(entry["features"]):
                    raise ValueError(
                        f"the set {name} has {len(entry['features'])} features, but {len(line[numbers])} {numbers}"
                    )
        for observable, feature, _ in entry["features"]:
            if observable not in content["observables"]:
                raise ValueError(f"the set {name} has {feature} of {observable}, which is no observable of the file")
    for name, entry in content["observables"].items():
        if not plugin_path("observables", entry["plugin"]).is_file():
            raise ValueError(f"the observable {name} is of the plug-in {entry['plugin']}, which is not there")
        jsonschema.validate(entry["parameters"], _closed(**read_plugin("observables", entry["plugin"]).parameters))


def _check_finite(value: Any) -> None:
    """Numbers such as 1e999 are read as infinite."""
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(part, float) and not np.isfinite(part):
            raise ValueError("a number is not finite")
        _check_finite(part)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _in_one_line(error: Exception) -> str:
    if isinstance(error, jsonschema.ValidationError):
        where = ".".join(map(str, error.absolute_path))
        return f"{where or 'it'}: {' '.join(error.message.split())[:200]}"
    return " ".join(str(error).split())[:200]
