"""Convolutional network: blocks of 3×3 convolution, ReLU and 2×2 max pooling, then fully connected layers with ReLU."""

from collections import OrderedDict

from torch import nn

from spikegrid.errors import InputError
from spikegrid.layers import convolution, fully_connected

PARAMETERS = {
    "channels": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "default": [16, 32],
        "description": "Channels of each block; a block ends in a pooling that halves height and width.",
    },
    "convolutions": {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "description": "Convolutions in a row in each block.",
    },
    "hidden": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "default": [128],
        "description": "Width of each fully connected hidden layer.",
    },
    "batch_norm": {
        "type": "boolean",
        "default": False,
        "description": "Batch normalization between each convolution and its ReLU.",
    },
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0,
        "description": "Probability with which an output of a fully connected hidden layer is set to 0 in training.",
    },
}


def build(
    shape: tuple[int, int, int],
    classes: int,
    channels: list[int],
    convolutions: int,
    hidden: list[int],
    batch_norm: bool,
    dropout: float = 0,
) -> nn.Module:
    """Return the network; its thresholded layers are named ``conv1``, ``conv2``, ..., ``hidden1``, ...

    Raises InputError when the image is too small to be halved once for each entry of ``channels``.
    """
    inputs, height, width = shape
    if min(height, width) >> len(channels) == 0:
        raise InputError(f"cnn: images of {height}×{width} cannot be halved {len(channels)} times; shorten channels")
    layers = OrderedDict()
    for block, outputs in enumerate(channels):
        for position in range(convolutions):
            layers[f"conv{block * convolutions + position + 1}"] = convolution(inputs, outputs, 3, batch_norm)
            inputs = outputs
        layers[f"pool{block + 1}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    features = inputs * (height >> len(channels)) * (width >> len(channels))
    return nn.Sequential(layers | fully_connected(features, hidden, classes, dropout))
