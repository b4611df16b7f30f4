"""Vision transformer for small images: patches as tokens, blocks of self-attention and a perceptron with GELU.

Source: Dosovitskiy et al. (2021), An image is worth 16x16 words, arXiv 2010.11929. The thresholded nodes are the hidden
units of the perceptrons, each at every token: GELU is positive where its input is.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from spikegrid.errors import InputError

PARAMETERS = {
    "patch_size": {
        "type": "integer",
        "minimum": 1,
        "default": 4,
        "description": "Height and width of a patch in pixels; divides those of the image.",
    },
    "width": {
        "type": "integer",
        "minimum": 1,
        "default": 128,
        "description": "Numbers in a token; a multiple of `heads`.",
    },
    "depth": {"type": "integer", "minimum": 1, "default": 6, "description": "Blocks."},
    "heads": {"type": "integer", "minimum": 1, "default": 4, "description": "Heads of self-attention in each block."},
    "mlp_ratio": {
        "type": "integer",
        "minimum": 1,
        "default": 2,
        "description": "Hidden units of the perceptron of a block, as a multiple of `width`.",
    },
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0,
        "description": "Probability with which a number in a token is set to 0 in training, after the embedding and "
        "each part of a block.",
    },
}


def build(
    shape: tuple[int, int, int],
    classes: int,
    patch_size: int,
    width: int,
    depth: int,
    heads: int,
    mlp_ratio: int,
    dropout: float,
) -> nn.Module:
    """Return the transformer; its thresholded layers are ``block1.mlp.gelu``, ``block2.mlp.gelu``, ...

    Raises InputError when the patches do not fill the image, and when the heads do not share the width evenly.
    """
    channels, height, columns = shape
    if height % patch_size or columns % patch_size:
        raise InputError(f"vit: images of {height}×{columns} are no multiple of patch_size {patch_size}")
    if width % heads:
        raise InputError(f"vit: width {width} is no multiple of heads {heads}")
    patches = (height // patch_size) * (columns // patch_size)
    layers = OrderedDict(tokens=_Tokens(channels, patch_size, patches, width, dropout))
    for number in range(1, depth + 1):
        layers[f"block{number}"] = _Block(width, heads, mlp_ratio * width, dropout)
    layers |= OrderedDict(norm=nn.LayerNorm(width), first=_First(), logits=nn.Linear(width, classes))
    return nn.Sequential(layers)


class _Tokens(nn.Module):
    """A token for the class and one for each patch, with what is learned of their places added."""

    def __init__(self, channels: int, patch_size: int, patches: int, width: int, dropout: float):
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.empty(1, 1 + patches, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).mT
        return self.dropout(torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1) + self.places)


class _Block(nn.Module):
    """Self-attention and a perceptron, each behind a normalization and around a shortcut."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            OrderedDict(linear1=nn.Linear(width, hidden), gelu=nn.GELU(), linear2=nn.Linear(hidden, width))
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.dropout(self.attention(normed, normed, normed, need_weights=False)[0])
        return tokens + self.dropout(self.mlp(self.norm2(tokens)))


class _First(nn.Module):
    """The token of the class."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]
