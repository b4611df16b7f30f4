"""LeNet-5 with ReLU: two 5×5 convolutions, each followed by pooling, then fully connected layers of 120 and 84.

Source: LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition. As there,
digits of 28×28 lie in the middle of 32×32 pixels, 6 and 16 channels are halved by averages, and 120 and 84 units
follow. ReLU stands where they had a hyperbolic tangent, whose nodes have no threshold, and every channel of the second
convolution sees all six of the first.
"""

from collections import OrderedDict

from torch import nn

from spikegrid.layers import fully_connected

PARAMETERS = {}

SIDE = 32
"""Height and width to which smaller images are padded."""


def build(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return the network; its thresholded layers are named ``conv1``, ``conv2``, ``hidden1``, ``hidden2``."""
    channels, height, width = shape
    missing = [max(SIDE - side, 0) for side in (width, height)]
    padding = [part for gap in missing for part in (gap // 2, gap - gap // 2)]
    layers = OrderedDict(pad=nn.ZeroPad2d(padding)) if any(padding) else OrderedDict()
    for number, (inputs, outputs) in enumerate([(channels, 6), (6, 16)], start=1):
        layers[f"conv{number}"] = nn.Sequential(OrderedDict(convolution=nn.Conv2d(inputs, outputs, 5), relu=nn.ReLU()))
        layers[f"pool{number}"] = nn.AvgPool2d(2)
    layers["flatten"] = nn.Flatten()
    rows, columns = (((max(side, SIDE) - 4) // 2 - 4) // 2 for side in (height, width))
    return nn.Sequential(layers | fully_connected(16 * rows * columns, [120, 84], classes))
