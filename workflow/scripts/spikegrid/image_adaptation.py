"""Images of one shape brought to another, so that a network can be shown images that it was not built for."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import interpolate

from spikegrid.images import ImageSet


def adapted(images: ImageSet, shape: tuple[int, int, int]) -> ImageSet:
    """Return an image set with images of ``shape`` (channels, height, width), uint8.

    Where numbers of channels differ, each channel is the mean of those that are there: grey of coloured images, copies
    of a grey one. Where sizes differ, images are stretched or shrunk by bilinear interpolation, with antialiasing as
    Pillow does it; the ratio of the sides is not kept. Grey levels are rounded once, at the end.
    """
    channels, *size = shape
    if images.images.shape[1:] == tuple(shape):
        return images
    pixels = torch.from_numpy(images.images).to(torch.float32)
    if pixels.shape[1] != channels:
        pixels = pixels.mean(dim=1, keepdim=True)
    if list(pixels.shape[2:]) != size:
        pixels = interpolate(pixels, size, mode="bilinear", antialias=True)
    pixels = pixels.round().clamp(0, 255).to(torch.uint8).expand(-1, channels, -1, -1)
    return replace(images, images=np.ascontiguousarray(pixels))
