"""Residual networks for images of 32 × 32 (He et al., arXiv 1512.03385): ResNet-20, or ResNet-18 by its widths."""

from collections.abc import Sequence

from torch import Tensor, nn

PARAMETERS = {}


class Block(nn.Module):
    """Two convolutions and a shortcut; where the width changes the shortcut is a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1, self.relu1 = nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.norm2(self.conv2(inner)) + self.shortcut(x))


def build(
    shape: tuple[int, int, int], classes: int, widths: Sequence[int] = (16, 32, 64), blocks: int = 3
) -> nn.Module:
    """Return the network for images of ``shape`` (channels, rows, columns): a stage of ``blocks`` for each width.

    ResNet-20 has three stages of three blocks, ResNet-18 four of two, 64 to 512 channels wide.
    """
    channels = widths[0]
    layers = [nn.Conv2d(shape[0], channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    for width in widths:
        for _ in range(blocks):
            layers.append(Block(channels, width, stride=1 if width == channels else 2))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
