"""Multilayer perceptron: fully connected layers with ReLU, a relative of it, tanh or sigmoid."""

from collections import OrderedDict
from math import prod

from torch import nn

from spikegrid.layers import fully_connected

PARAMETERS = {
    "hidden": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "default": [256, 256],
        "description": "Width of each hidden layer.",
    },
    "activation": {
        "enum": ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"],
        "default": "relu",
        "description": "Activation of the hidden layers. A `sigmoid` is above 0 everywhere; with "
        "`spikes: {threshold: 0.5}` it fires, as the others do, where its input is positive.",
    },
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0,
        "description": "Probability with which an output of a hidden layer is set to 0 in training.",
    },
}


def build(
    shape: tuple[int, int, int], classes: int, hidden: list[int], activation: str = "relu", dropout: float = 0
) -> nn.Module:
    """Return the perceptron; its hidden layers are named ``hidden1``, ``hidden2``, ..."""
    layers = fully_connected(prod(shape), hidden, classes, dropout, activation)
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), **layers))
