"""Networks and what they are shown."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikegrid.capture import RecordedModel
from spikegrid.errors import InputError, in_words
from spikegrid.images import TRAIN, ImageSet
from spikegrid.plugins import load_plugin

_TRIED = 16
"""Training images on which a network is tried."""


def network_builder(architecture: dict[str, Any], images: ImageSet) -> Callable[[], nn.Module]:
    """Return a function that builds the network of an ``architecture`` entry for ``images``, its weights drawn anew.

    It raises InputError when the plug-in returns something else than a module whose parameters are there.
    """
    build = load_plugin("architectures", architecture["plugin"])
    shape, classes = images.images.shape[1:], len(images.classes)

    def built() -> nn.Module:
        network = build(shape, classes, **architecture["parameters"])
        if not isinstance(network, nn.Module):
            raise InputError(f"the architecture gives a {type(network).__name__}; expected a torch module")
        if any(map(nn.parameter.is_lazy, network.parameters())):
            raise InputError(f"{type(network).__name__} has lazy layers; expected layers that know their inputs' size")
        return network

    return built


def load_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors of a state dict into ``network``.

    Files do not keep the versions of modules, which some modules ask for: they are taken to be those of ``network``.
    """
    state = OrderedDict(tensors)
    state._metadata = network.state_dict()._metadata
    network.load_state_dict(state)


def record_network(network: nn.Module, images: ImageSet, device: torch.device) -> RecordedModel:
    """Try a network that is on ``device`` on some training images and return it with its thresholded layers found.

    Raises InputError when it cannot take the images, when its outputs are not one logit for each class, and when it has
    no thresholded layers or other ones from one batch to the next.
    """
    name, shape = type(network).__name__, tuple(images.images.shape[1:])
    shown = as_inputs(images.images[np.flatnonzero(images.split == TRAIN)[:_TRIED]], images, device)
    first, expected = shown[:2], (len(shown[:2]), len(images.classes))
    try:
        with torch.inference_mode():
            logits = network.eval()(first)
    except Exception as error:
        raise InputError(f"{name} cannot take images of shape {shape}: {in_words(error)}") from None
    found = tuple(logits.shape) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
    if found != expected:
        raise InputError(f"{name} maps {len(first)} images to {found}; expected logits {expected}, one for each class")
    recorded = RecordedModel(network, first)
    for batch in shown.split(_TRIED // 2):
        recorded.show(batch, lambda *_: None)
    return recorded


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
