"""Layers that several architectures are made of, each ending in its thresholded nodes."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def convolution(inputs: int, outputs: int, kernel: int, batch_norm: bool, stride: int = 1) -> nn.Sequential:
    """Return a convolution, batch normalization where asked for, and a ReLU named ``relu``.

    The convolution pads its input so that it keeps height and width at stride 1. With batch normalization, which
    shifts each channel itself, it has no bias.
    """
    layers = OrderedDict(
        convolution=nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not batch_norm)
    )
    if batch_norm:
        layers["norm"] = nn.BatchNorm2d(outputs)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def fully_connected(
    features: int, hidden: Sequence[int], classes: int, dropout: float = 0, activation: str = "relu"
) -> OrderedDict[str, nn.Module]:
    """Return hidden layers ``hidden1``, ``hidden2``, ... of these widths and the linear layer ``logits``, by name.

    The activation of a hidden layer has its own name, such as ``relu``; where ``dropout`` is above 0 its outputs are
    set to 0 with this probability in training.
    """
    layers = OrderedDict()
    for depth, (inputs, outputs) in enumerate(pairwise([features, *hidden]), start=1):
        layer = OrderedDict(linear=nn.Linear(inputs, outputs))
        layer[activation] = _ACTIVATIONS[activation]()
        if dropout:
            layer["dropout"] = nn.Dropout(dropout)
        layers[f"hidden{depth}"] = nn.Sequential(layer)
    layers["logits"] = nn.Linear([features, *hidden][-1], classes)
    return layers


def with_he_weights(network: nn.Module) -> nn.Module:
    """Return the network with its weights drawn anew by the rule of He et al. (2015), arXiv 1502.01852; biases are 0.

    Weights have the variance 2 / inputs, by which signals keep their size through any number of rectified layers; with
    the smaller weights that torch draws deep networks without normalization do not learn. ``logits`` keeps its own.
    """
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and name != "logits":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
