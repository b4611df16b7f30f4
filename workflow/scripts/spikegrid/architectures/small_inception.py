"""Small Inception of Zhang et al.: eight modules of 1×1 beside 3×3 convolutions, two that halve the image, and a mean.

Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), Understanding deep learning requires rethinking generalization,
arXiv 1611.03530, figure 3, after Szegedy et al. (2015), Going deeper with convolutions, arXiv 1409.4842.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from spikegrid.layers import convolution, with_he_weights

PARAMETERS = {
    "batch_norm": {
        "type": "boolean",
        "default": True,
        "description": "Batch normalization between each convolution and its ReLU.",
    },
}

STAGES = [
    ([(32, 32), (32, 48)], 80),
    ([(112, 48), (96, 64), (80, 80), (48, 96)], 96),
    ([(176, 160), (176, 160)], None),
]
"""Channels of the 1×1 and 3×3 convolutions of each module, and of the convolution that halves what they give."""


def build(shape: tuple[int, int, int], classes: int, batch_norm: bool) -> nn.Module:
    """Return the network; its thresholded layers are in ``conv1``, ``inception1``, ..., ``downsample1``, ..."""
    layers = OrderedDict(conv1=convolution(shape[0], 96, 3, batch_norm))
    channels, module = 96, 0
    for stage, (modules, halving) in enumerate(STAGES, start=1):
        for ones, threes in modules:
            module += 1
            layers[f"inception{module}"] = _Beside(
                conv1x1=convolution(channels, ones, 1, batch_norm), conv3x3=convolution(channels, threes, 3, batch_norm)
            )
            channels = ones + threes
        if halving:
            layers[f"downsample{stage}"] = _Beside(
                conv3x3=convolution(channels, halving, 3, batch_norm, stride=2),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
            )
            channels += halving
    layers |= OrderedDict(mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), logits=nn.Linear(channels, classes))
    return with_he_weights(nn.Sequential(layers))


class _Beside(nn.Module):
    """Branches that see the same channels and stack what they make of them."""

    def __init__(self, **branches: nn.Module):
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([branch(images) for branch in self.children()], dim=1)
