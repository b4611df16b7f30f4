"""VGG: 3×3 convolutions in five stages, each of which ends in a pooling that halves the image, then two hidden layers.

Source: Simonyan & Zisserman (2015), Very deep convolutional networks for large-scale image recognition, arXiv
1409.1556, configurations A, B, D, E. For images of 32×32 five poolings leave one pixel; they round up, so that 28×28
end there too. The hidden layers, 4096 units for ImageNet, are narrower.
"""

from collections import OrderedDict

from torch import nn

from spikegrid.layers import convolution, fully_connected, with_he_weights

PARAMETERS = {
    "depth": {"enum": [11, 13, 16, 19], "default": 11, "description": "Layers with weights, of convolutions most."},
    "batch_norm": {
        "type": "boolean",
        "default": False,
        "description": "Batch normalization between each convolution and its ReLU.",
    },
    "width": {
        "type": "integer",
        "minimum": 1,
        "default": 64,
        "description": "Channels of the first stage; the others have 2, 4, 8 and 8 times as many.",
    },
    "hidden": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "default": [512, 512],
        "description": "Width of each fully connected hidden layer; the depth counts two.",
    },
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0,
        "description": "Probability with which an output of a fully connected hidden layer is set to 0 in training.",
    },
}

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by depth."""


def build(
    shape: tuple[int, int, int],
    classes: int,
    depth: int,
    batch_norm: bool,
    width: int,
    hidden: list[int],
    dropout: float,
) -> nn.Module:
    """Return the network; its thresholded layers are named ``conv1``, ``conv2``, ..., ``hidden1``, ..."""
    channels, rows, columns = shape
    layers, number = OrderedDict(), 0
    for stage, (convolutions, factor) in enumerate(zip(CONVOLUTIONS[depth], (1, 2, 4, 8, 8)), start=1):
        for _ in range(convolutions):
            number += 1
            layers[f"conv{number}"] = convolution(channels, width * factor, 3, batch_norm)
            channels = width * factor
        layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
        rows, columns = -(-rows // 2), -(-columns // 2)
    layers["flatten"] = nn.Flatten()
    layers |= fully_connected(channels * rows * columns, hidden, classes, dropout)
    return with_he_weights(nn.Sequential(layers))
