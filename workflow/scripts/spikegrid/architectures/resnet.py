"""Residual network for small images: a 3×3 convolution, then stages of blocks of two 3×3 convolutions and a shortcut.

Source: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, arXiv 1512.03385. Depths 20, 32, 44,
56 and 110 are the 6n + 2 layers of their section 4.2 for CIFAR-10: three stages of n blocks with 16, 32, 64 channels,
and shortcuts without parameters. Depths 18 and 34 have the blocks of their ImageNet networks, four stages with 64 to
512 channels and shortcuts that are projections; as usual for small images, the first convolution keeps the size.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn.functional import pad

from spikegrid.layers import convolution, with_he_weights

PARAMETERS = {
    "depth": {
        "enum": [18, 34, 20, 32, 44, 56, 110],
        "default": 20,
        "description": "Layers with weights: 18 and 34 as for ImageNet, the others as for CIFAR-10.",
    },
    "width": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Channels of the first stage, doubled from each to the next; `null` is 64 for depths 18 and 34, "
        "and 16 for the others.",
    },
}

IMAGENET = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks of each stage of the networks for ImageNet, by depth."""


def build(shape: tuple[int, int, int], classes: int, depth: int, width: int | None) -> nn.Module:
    """Return the network; its thresholded layers are ``conv1.relu``, ``stage1.block1.relu1``, ``....relu2``, ..."""
    projected = depth in IMAGENET
    channels = width or (64 if projected else 16)
    layers = OrderedDict(conv1=convolution(shape[0], channels, 3, batch_norm=True))
    for stage, blocks in enumerate(IMAGENET.get(depth, [(depth - 2) // 6] * 3), start=1):
        outputs = channels if stage == 1 else 2 * channels
        stack = OrderedDict()
        for block in range(1, blocks + 1):
            stack[f"block{block}"] = _Block(channels, outputs, projected)
            channels = outputs
        layers[f"stage{stage}"] = nn.Sequential(stack)
    layers |= OrderedDict(mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), logits=nn.Linear(channels, classes))
    return with_he_weights(nn.Sequential(layers))


class _Block(nn.Module):
    """Two convolutions with a shortcut around them; one that doubles the channels halves height and width."""

    def __init__(self, inputs: int, outputs: int, projected: bool):
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        if inputs == outputs:
            self.shortcut = nn.Identity()
        elif projected:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        else:
            self.shortcut = _Subsampling(outputs - inputs)

    def forward(self, images: Tensor) -> Tensor:
        signals = self.relu1(self.norm1(self.conv1(images)))
        return self.relu2(self.norm2(self.conv2(signals)) + self.shortcut(images))


class _Subsampling(nn.Module):
    """Every second pixel, with channels of zeros behind: option A of He et al."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        return pad(images[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.channels))
