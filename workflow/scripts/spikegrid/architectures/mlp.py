"""Multilayer perceptron: fully connected layers with ReLU."""

from collections import OrderedDict
from math import prod

from torch import nn

PARAMETERS = {
    "hidden": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "default": [256, 256],
        "description": "Width of each hidden layer.",
    },
}


def build(shape: tuple[int, int, int], classes: int, hidden: list[int]) -> nn.Module:
    """Return the perceptron; its hidden layers are named ``hidden1``, ``hidden2``, ..."""
    widths = [prod(shape), *hidden]
    layers = OrderedDict(flatten=nn.Flatten())
    for depth, (inputs, outputs) in enumerate(zip(widths, hidden), start=1):
        layers[f"hidden{depth}"] = nn.Sequential(OrderedDict(linear=nn.Linear(inputs, outputs), relu=nn.ReLU()))
    layers["logits"] = nn.Linear(widths[-1], classes)
    return nn.Sequential(layers)
