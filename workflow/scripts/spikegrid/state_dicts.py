"""Networks that were trained elsewhere, read from files of state dicts."""

import math
import struct
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from spikegrid.checkpoints import TrainedNetwork
from spikegrid.errors import InputError
from spikegrid.examples import Examples
from spikegrid.images import TEST, ImageSet, TrainingSet
from spikegrid.joint_training import evaluate
from spikegrid.labels import NOT_SHOWN
from spikegrid.networks import load_tensors, network_builder
from spikegrid.side_by_side import side_by_side

_DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(struct.error, SafetensorError),
)
"""What torch and safetensors raise for damaged files."""

_WRAPPINGS = ("state_dict", "model_state_dict", "model")
"""Keys under which files commonly hold the state dict, beside the optimizer's or the epoch."""

_NAMED = 3


def import_block(
    run: dict[str, Any],
    images: ImageSet,
    architecture: dict[str, Any],
    epochs: Sequence[int],
    states: Sequence[str],
    labels: Sequence[str],
    device: torch.device,
) -> list[TrainedNetwork]:
    """Return the networks of a run from files, with a row of history for each epoch, as ``train_block`` gives them.

    states: paths of state dicts, all ``epochs`` of a seed together. labels: for each seed the path of the labels that
    it was trained on, see ``read_labels``; without any, these are the true ones. Accuracies are those of this library
    on the images of the dataset. Raises InputError when a file cannot be read or does not fit the architecture.
    """
    build = network_builder(architecture, images)
    everything = images.training_set()
    test = Examples.of_test([images.part(TEST)[0]], images, device)
    imported, shown = [], everything
    paths = dict(zip(product(run["seeds"], epochs), states, strict=True))
    for place, seed in enumerate(run["seeds"]):
        if labels:
            shown = read_labels(labels[place], everything, len(images.classes))
        train = Examples.of_training([shown], images, device)
        trained_on = np.full(len(everything.labels), NOT_SHOWN, np.int16)
        trained_on[shown.index] = shown.labels
        imported.append(TrainedNetwork(seed, trained_on, {}, []))
        for epoch in epochs:
            path, network = paths[seed, epoch], build()
            load_state(network, path, run["architecture"])
            networks = side_by_side([network.to(device)], test.inputs[:2])
            (scores,) = evaluate(networks, train, test)
            if not math.isfinite(scores["loss"]):
                raise InputError(f"{path}: the loss on the training images is {scores['loss']}; expected a finite one")
            imported[-1].history.append({"seed": seed, "epoch": epoch, **scores, "trained_epochs": epoch})
            (imported[-1].states[epoch],) = networks.states()
    return imported


def load_state(network: nn.Module, path: str | Path, architecture: str) -> None:
    """Put the state dict of a file into ``network``. Raises InputError when keys or shapes differ from its own.

    ``architecture`` is its name, for the message.
    """
    state, expected = read_state_dict(path), network.state_dict()
    mistakes = [
        ("lacks", [key for key in expected if key not in state]),
        ("has besides", [key for key in state if key not in expected]),
        (
            "has other shapes:",
            [
                f"{key} {list(state[key].shape)} for {list(tensor.shape)}"
                for key, tensor in expected.items()
                if key in state and state[key].shape != tensor.shape
            ],
        ),
    ]
    found = "; ".join(f"{mistake} {_some(keys)}" for mistake, keys in mistakes if keys)
    if found:
        raise InputError(
            f"{path}: expected the {len(expected)} tensors of architecture {architecture} on this dataset; it {found}"
        )
    load_tensors(network, state)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file, or from one of ``torch.save`` that holds no other objects.

    One that lies under a key such as ``state_dict`` is taken out, and so is the prefix ``module.`` of a network trained
    on several devices. Raises InputError when the file is damaged, holds other objects or no state dict.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(
            f"{path}: holds more than tensors, which could run code, or is damaged; "
            "save the state dict alone: torch.save(network.state_dict(), path)"
        ) from None
    except _DAMAGE as error:
        raise InputError(f"{path}: cannot be read as a state dict: {' '.join(str(error).split())[:200]}") from None
    if isinstance(content, dict):
        content = next((content[key] for key in _WRAPPINGS if isinstance(content.get(key), dict)), content)
    if not (isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values())):
        kinds = _some(content) if isinstance(content, dict) else type(content).__name__
        raise InputError(f"{path}: holds {kinds or 'nothing'}; expected a state dict, tensors by name")
    state = dict(content)
    consume_prefix_in_state_dict_if_present(state, "module.")
    return state


def read_labels(path: str | Path, everything: TrainingSet, classes: int) -> TrainingSet:
    """Return the training images that a network was trained on, with the labels of an npy file, [n] integers.

    ``everything`` are the n training images of the dataset, in whose order the labels stand; images with the label
    ``NOT_SHOWN`` are left out. Raises InputError when there are not n labels from -1 to ``classes`` - 1.
    """
    count = len(everything.labels)
    try:
        labels = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: not an npy file of labels ({error})") from None
    if not isinstance(labels, np.ndarray) or labels.shape != (count,) or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, np.ndarray) else "several arrays"
        raise InputError(f"{path}: holds {found}; expected {count} integers, one for each training image")
    shown = np.flatnonzero(labels != NOT_SHOWN)
    if not len(shown) or labels[shown].min() < 0 or labels[shown].max() >= classes:
        raise InputError(f"{path}: expected labels from 0 to {classes - 1}, and {NOT_SHOWN} for images left out")
    return TrainingSet(everything.images[shown], labels[shown].astype(np.int16), shown)


def _some(names: Sequence[str]) -> str:
    """Return the first few of ``names``, and how many there are beyond."""
    beyond = len(names) - _NAMED
    return ", ".join(map(str, list(names)[:_NAMED])) + (f" and {beyond} more" if beyond > 0 else "")
