"""Networks and what they are shown."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikegrid.images import ImageSet
from spikegrid.plugins import load_plugin


def network_builder(architecture: dict[str, Any], images: ImageSet) -> Callable[[], nn.Module]:
    """Return a function that builds the network of an ``architecture`` entry for ``images``, its weights drawn anew."""
    build = load_plugin("architectures", architecture["plugin"])
    shape, classes = images.images.shape[1:], len(images.classes)
    return lambda: build(shape, classes, **architecture["parameters"])


def as_inputs(images: np.ndarray, image_set: ImageSet, device: torch.device) -> Tensor:
    """Return images as float32 [n, C, H, W] on ``device``; over the training set, channels have mean 0, deviation 1.

    ``images`` are some of ``image_set``, or altered ones: uint8, or float32 in the same unit.
    """
    mean, deviation = (torch.from_numpy(value)[:, None, None] for value in image_set.channel_statistics())
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return pixels.to(torch.float32, copy=True).div_(255).sub_(mean.to(device)).div_(deviation.to(device))


def set_layout(network: nn.Module, example: Tensor) -> torch.memory_format:
    """Lay out the weights of a network as its device computes fastest, and return that layout, for its inputs.

    On a CPU convolutions and poolings are faster where the channels of a pixel lie side by side. A network that cannot
    have them so, because of ``Tensor.view`` say, keeps them apart. ``example`` is a batch of inputs [batch, C, H, W].
    """
    if example.device.type == "cpu":
        try:
            network.to(memory_format=torch.channels_last)
            with torch.inference_mode():
                network.eval()(example.contiguous(memory_format=torch.channels_last))
            return torch.channels_last
        except RuntimeError:
            network.to(memory_format=torch.contiguous_format)
    return torch.contiguous_format
