"""Small AlexNet of Zhang et al.: twice 5×5 convolution, max pooling and local response normalization, then 384, 192.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), Understanding deep learning requires rethinking generalization,
arXiv 1611.03530, after Krizhevsky, Sutskever & Hinton (2012), ImageNet classification with deep convolutional neural
networks. They do not give the number of channels, nor the constants of the normalization: these are those of the
CIFAR-10 network in TensorFlow's tutorial, which is otherwise the same.
"""

from collections import OrderedDict

from torch import nn

from spikegrid.layers import convolution, fully_connected

PARAMETERS = {
    "channels": {
        "type": "integer",
        "minimum": 1,
        "default": 64,
        "description": "Channels of each of the two convolutions.",
    },
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0,
        "description": "Probability with which an output of a fully connected hidden layer is set to 0 in training.",
    },
}


def build(shape: tuple[int, int, int], classes: int, channels: int, dropout: float) -> nn.Module:
    """Return the network; its thresholded layers are named ``conv1``, ``conv2``, ``hidden1``, ``hidden2``."""
    inputs, height, width = shape
    layers = OrderedDict()
    for number in (1, 2):
        layers[f"conv{number}"] = convolution(inputs, channels, 5, batch_norm=False)
        layers[f"pool{number}"] = nn.MaxPool2d(3, stride=2, padding=1)
        layers[f"norm{number}"] = nn.LocalResponseNorm(9, alpha=1e-3, beta=0.75, k=1)
        inputs = channels
    layers["flatten"] = nn.Flatten()
    rows, columns = (-(-side // 4) for side in (height, width))
    return nn.Sequential(layers | fully_connected(channels * rows * columns, [384, 192], classes, dropout))
