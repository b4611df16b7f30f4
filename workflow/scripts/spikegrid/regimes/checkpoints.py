"""Trained elsewhere: networks come from files of state dicts, and nothing is trained.

Files are safetensors, or what ``torch.save`` wrote of a state dict. Other pickled objects are never loaded.
"""

import numpy as np

from spikegrid.images import TrainingSet

PARAMETERS = {
    "files": {
        "type": "string",
        "minLength": 1,
        "description": "Path of each state dict, safetensors or of `torch.save`; `{seed}`, `{epoch}`, `{dataset}`, "
        "`{architecture}` and `{regime}` stand for those of the network, `{epoch:03d}` for three digits. Networks are "
        "shown images whose channels have mean 0 and standard deviation 1 over the training images; an architecture "
        "for one that was trained on others begins by scaling them.",
    },
    "epochs": {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "minItems": 1,
        "uniqueItems": True,
        "description": "Epochs at which the networks were saved, the same for every seed.",
    },
    "labels": {
        "type": ["string", "null"],
        "minLength": 1,
        "default": None,
        "description": "Path of the labels that each network was trained on: npy of one integer for each training "
        "image of the dataset, -1 for those left out. It may hold what `files` may, but `{epoch}`. `null`: the true "
        "ones.",
    },
}
TRAINING = {"epochs": 0, "target_accuracy": 0}


def prepare(
    training_set: TrainingSet,
    classes: int,
    generator: np.random.Generator,
    files: str,
    epochs: list[int],
    labels: str | None,
) -> TrainingSet:
    """Return the training set as it is: the networks are only evaluated on it."""
    return training_set
