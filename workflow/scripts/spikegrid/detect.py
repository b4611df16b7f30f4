"""Say of a network that no grid has seen whether it memorizes, and how many of the labels it was trained on were wrong.

It is built by a factory, as architectures of the kind python are, shown images as the networks of the grid were, and
measured by the same observables. It is taken to have learned its training labels, as those networks had: of a network
that is not trained, or not to the end, the verdict says nothing.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikegrid import images
from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.detector import SHARE, VERDICT
from spikegrid.detector_features import LABEL_FREE, NAME, SETS, in_words, needs_labels, network_features
from spikegrid.detector_file import DetectorFile, read_detectors
from spikegrid.device import prepare_device
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes
from spikegrid.features import observed_tables
from spikegrid.history import save_history
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.networks import network_builder, record_network
from spikegrid.packed_bits import set_threads
from spikegrid.plugins import load_plugin, read_plugin
from spikegrid.state_dicts import import_block

_OWN = {"dataset": "own", "architecture": "own", "regime": "own"}
_EPOCH = 1

_IMAGES = """\
images:
  A folder with the folders train and test, each with a folder of images for each class; or a file of arrays, npz or
  safetensors: images, labels and split, or train_images, train_labels, test_images and test_labels. Classes are the
  true ones, whatever labels the network was trained on. A set of features that needs no labels asks for none: then the
  images may lie in one folder below train and one below test, or have the label 0, and --classes says how many classes
  the network has. The network is shown images whose channels have mean 0 and standard deviation 1 over the training
  images; one that was trained on others begins by scaling them.

example:
  python -m spikegrid.detect --model my_models.py:wide --weights wide.safetensors --images my_photos --size 32
"""


def measure(
    image_set: ImageSet,
    architecture: dict[str, Any],
    weights: str,
    labels: str | None,
    held: DetectorFile,
    names: Sequence[NAME],
    samples: int | None,
    threads: int,
) -> pd.Series:
    """Return features of a network as the steps of the grid would have measured them, float64 by name.

    architecture: as the grid names it. weights: path of its state dict. labels: path of the labels that it was trained
    on, None for the true ones. held: says how to measure the features ``names``. samples: number of images presented,
    None for as many as the grid presented. Undefined features are NaN. Raises InputError when something does not fit.
    """
    device = prepare_device(1, threads)
    set_threads(threads)
    record_network(network_builder(architecture, image_set)().to(device), image_set, device)
    run, regime = _OWN | {"seeds": [0]}, {"plugin": "checkpoints", "parameters": {}}
    observables = {name: held.observables[name] for name in dict.fromkeys(name for name, _, _ in names)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        artefacts = {name: folder / f"{name}.safetensors" for name in ("dataset", "checkpoints")}
        artefacts["history"] = folder / "history.csv"
        files = [] if labels is None else [labels]
        networks = import_block(run, image_set, architecture, [_EPOCH], [weights], files, device)
        images.save(artefacts["dataset"], image_set)
        save_checkpoints(artefacts["checkpoints"], run, architecture, regime, networks)
        save_history(artefacts["history"], run, networks[0].history)
        presented = held.spikes if samples is None else held.spikes | {"samples": samples}
        tables = []
        for name, entry in observables.items():
            reads, spikes = _reads(entry), folder / f"spikes_{entry['images']}.npz"
            if "spikes" in reads and not spikes.exists():
                settings = presented | {"images": entry["images"]}
                extract_spikes(Checkpoints(artefacts["checkpoints"]), image_set, settings, device, spikes)
            observe = load_plugin("observables", entry["plugin"])
            paths = artefacts | {"spikes": spikes}
            observed = observe({artefact: paths[artefact] for artefact in reads}, **entry["parameters"])
            tables.append(observed_tables(observed)["features"].assign(observable=name))
    (found,) = network_features(pd.concat(tables, ignore_index=True)).to_dict("records")
    return pd.Series({name: found.get(name, np.nan) for name in names})


def load_images(path: str, size: int | None, grey: bool, classes: int | None) -> ImageSet:
    """Return the training and test images of a folder or of a file of arrays.

    size: height and width to which the images of a folder are resized, None to keep them. grey: take them with one
    channel. classes: of images without labels the number of classes of the network, else None. Raises InputError when
    the images cannot be read, or no training and test images are told apart.
    """
    if Path(path).is_dir():
        loaded = load_plugin("datasets", "image_folder")("", path, size, not grey)
    elif Path(path).is_file():
        loaded = load_plugin("datasets", "arrays")("", path, [])
    else:
        raise InputError(f"{path}: is not there; expected a folder of images or a file of arrays")
    if loaded.split is None:
        raise InputError(
            f"{path}: does not tell training from test images; expected folders train and test, or such arrays"
        )
    if classes is None:
        return images.prepare(loaded, _OWN["dataset"], None, None, 0.5)
    if not {TRAIN, TEST} <= set(loaded.split.tolist()):
        raise InputError(f"{path}: has no training or no test images; expected both")
    unlabelled = np.zeros(len(loaded.labels), np.int16)
    return replace(loaded, labels=unlabelled, classes=[str(number) for number in range(classes)])


def in_sentences(held: DetectorFile, name: str, values: pd.Series) -> str:
    """Return what the detector of the set ``name`` says of a network with these features, as text of a screen or more.

    Features that are undefined for the network are taken to be the mean of those that the detector was trained on. The
    last line is a warning where there are such, or the network is out of range.
    """
    detector, measured = held.detectors[name], values.to_numpy(float)
    verdict, undefined = detector.verdict, ~np.isfinite(measured)
    found = np.where(undefined, verdict.means, measured)[None]
    (probability,) = VERDICT.predicted(verdict.at(found))
    (distance,), (out_of_range,) = verdict.distance(found), detector.is_out_of_range(found)
    z = verdict.standardised(found)[0]
    said = held.memorizing if probability >= 0.5 else held.generalizing
    width = max(len(in_words(feature)) for feature in detector.features)
    lines = [
        f"{'feature':<{width}} {'value':>10} {'mean':>10} {'sd':>9} {'z':>7}",
        *(
            f"{in_words(feature):<{width}} {value:>10.4g} {mean:>10.4g} {scale:>9.3g} {deviations:>7.1f}"
            for feature, value, mean, scale, deviations in zip(
                detector.features, measured, verdict.means, verdict.scales, z
            )
        ),
        "",
        f"Trained on  {verdict.networks} networks, {held.memorizing} and {held.generalizing}, of "
        f"{', '.join(held.architectures)} on {', '.join(held.datasets)}; {len(values)} features, {name}",
        *(f"Told right  {score}" for score in _scores(held.scores[name])),
        f"Verdict     {said}; the probability of {held.memorizing} is {probability:.3f}",
    ]
    if detector.share is not None:
        (share,) = SHARE.predicted(detector.share.at(found))
        lines.append(f"Labels      {share:.0%} of those trained on estimated to be wrong")
    lines.append(
        f"Distance    {distance:.2f} standard deviations, the root mean square of z; "
        f"{detector.farthest:.2f} in the farthest of the networks trained on"
    )
    if undefined.any():
        lines.append(f"Undefined   {undefined.sum()} features of this network, nan above, are taken to be the mean")
    if out_of_range or undefined.any():
        why = "lies farther than any" if out_of_range else "lacks features of all"
        lines.append(
            f"Warning: out of range: this network {why} that the detector was trained on; what is said of it is worth "
            "what it was for an architecture or dataset that was left out, or less"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the features of a network, the verdict on it, and how far it lies from those that are known."""
    given = _parser().parse_args(arguments)
    try:
        held = read_detectors(given.detector)
        if given.features not in held.detectors:
            known = ", ".join(held.detectors) or "none, because too few networks reached their target accuracy"
            raise InputError(f"{given.detector}: has no detector on {given.features}; it has {known}")
        names = held.detectors[given.features].features
        if given.classes is not None and any(needs_labels(name, held.observables) for name in names):
            raise InputError(
                f"--classes is for images without labels, but features of {given.features} need labels; "
                "expected a folder or a label for each class"
            )
        architecture = {
            "plugin": "python",
            "parameters": {"factory": given.model, "parameters": given.parameters},
        }
        image_set = load_images(given.images, given.size, given.grey, given.classes)
        described = given.weights, given.labels, held, names, given.samples, given.threads
        print(in_sentences(held, given.features, measure(image_set, architecture, *described)))
    except InputError as error:
        sys.exit(f"spikegrid.detect: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spikegrid.detect",
        description=__doc__,
        epilog=_IMAGES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    required = parser.add_argument_group("the network")
    required.add_argument(
        "--model",
        required=True,
        metavar="FACTORY",
        help="path/to/file.py:function or package.module:function, called as function(shape, classes), which gives a "
        "torch module; its code is run",
    )
    required.add_argument(
        "--parameters", type=_parameters, default={}, metavar="JSON", help="further arguments of the function, by name"
    )
    required.add_argument(
        "--weights",
        required=True,
        metavar="FILE",
        help="its state dict, safetensors or of torch.save; a pickle of anything else is refused",
    )
    shown = parser.add_argument_group("what it is shown")
    shown.add_argument("--images", required=True, metavar="PATH", help="folder or file of arrays, see below")
    shown.add_argument(
        "--size", type=_count, metavar="PIXELS", help="height and width to which images of a folder are resized"
    )
    shown.add_argument("--grey", action="store_true", help="take the images of a folder with one channel, not three")
    shown.add_argument("--classes", type=_count, metavar="N", help="classes of the network, for images without labels")
    shown.add_argument(
        "--labels",
        metavar="FILE",
        help="the labels that it was trained on, npy: one integer for each training image, in the order of their "
        "names, -1 for those left out; only features of training responses read them; the true ones if not given",
    )
    shown.add_argument(
        "--samples",
        type=_count,
        metavar="N",
        help="images presented, of each part; as many as in the grid if not given",
    )
    detector = parser.add_argument_group("the detector")
    detector.add_argument(
        "--detector", default="results/detector.json", metavar="FILE", help="default: results/detector.json"
    )
    detector.add_argument(
        "--features",
        choices=SETS,
        default=LABEL_FREE,
        help="label_free needs no labels (default); training_data_only is measured on training images alone, with "
        "their true labels; all is whatever the grid measures",
    )
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="threads to compute with; default: 1")
    return parser


def _parameters(text: str) -> dict[str, Any]:
    try:
        parameters = json.loads(text)
    except (ValueError, RecursionError):
        parameters = None
    if not isinstance(parameters, dict):
        raise argparse.ArgumentTypeError(f'is {text!r}; expected JSON such as {{"width": 8}}')
    return parameters


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"is {text!r}; expected a whole number ≥ 1")
    return int(text)


def _reads(entry: dict[str, Any]) -> list[str]:
    return read_plugin("observables", entry["plugin"]).constants["READS"]


def _scores(scores: Sequence[dict[str, Any]]) -> list[str]:
    """Say for each thing that was left out in turn how well the rest did on it."""
    lines = []
    for level in dict.fromkeys(score["left_out"] for score in scores):
        found = {score["statistic"]: score for score in scores if score["left_out"] == level}
        told = (
            f"each {level} left out in turn: {_interval(found['accuracy'])} of {found['accuracy']['networks']} networks"
        )
        if "share_error" in found:
            told += f"; share of wrong labels off by {_interval(found['share_error'])}"
        lines.append(told)
    return lines


def _interval(score: dict[str, Any]) -> str:
    value, low, high = (score[name] for name in ("value", "low", "high"))
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
