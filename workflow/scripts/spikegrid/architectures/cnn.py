"""Convolutional network: blocks of 3×3 convolution, ReLU and 2×2 max pooling, then fully connected layers with ReLU."""

from collections import OrderedDict

from torch import nn

from spikegrid.errors import InputError

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
}


def build(
    shape: tuple[int, int, int],
    classes: int,
    channels: list[int],
    convolutions: int,
    hidden: list[int],
    batch_norm: bool,
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
            layers[f"conv{block * convolutions + position + 1}"] = _convolution(inputs, outputs, batch_norm)
            inputs = outputs
        layers[f"pool{block + 1}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    widths = [inputs * (height >> len(channels)) * (width >> len(channels)), *hidden]
    for depth, (features, outputs) in enumerate(zip(widths, hidden), start=1):
        layers[f"hidden{depth}"] = nn.Sequential(OrderedDict(linear=nn.Linear(features, outputs), relu=nn.ReLU()))
    layers["logits"] = nn.Linear(widths[-1], classes)
    return nn.Sequential(layers)


def _convolution(inputs: int, outputs: int, batch_norm: bool) -> nn.Module:
    layers = OrderedDict(convolution=nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm))
    if batch_norm:
        layers["norm"] = nn.BatchNorm2d(outputs)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)
