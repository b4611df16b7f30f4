"""Any image classifier of torchvision by its name, without downloaded weights, adapted to the size of the images.

The first convolution takes as many channels as the images have. At the start of a ResNet, ResNeXt or Wide ResNet
images below 64 pixels keep their size, as is usual for CIFAR-10: a 3×3 convolution of stride 1 and no pooling stand for
the 7×7 one of stride 2 and its pooling. Vision transformers get the size of the images. Auxiliary classifiers are left
out.
"""

import difflib
from typing import Any

from torch import nn
from torchvision import models

from spikegrid.errors import InputError, in_words

PARAMETERS = {
    "name": {
        "type": "string",
        "minLength": 1,
        "description": "Name of the function in `torchvision.models`, such as `resnet18`. Many of these networks need "
        "images of 64 pixels or more.",
    },
    "options": {
        "type": "object",
        "default": {},
        "description": "Further arguments of that function, by name, such as `dropout: 0.0`.",
    },
}

SMALL = 64
"""Height or width, in pixels, below which the start of a ResNet keeps the size of images."""

WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": False}


def build(shape: tuple[int, int, int], classes: int, name: str, options: dict[str, Any]) -> nn.Module:
    """Return the network. Raises InputError when there is none of that name or it refuses its arguments."""
    known = models.list_models(module=models)
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise InputError(f"torchvision: there is no classifier {name!r} in torchvision.models{hint}")
    channels, height, width = shape
    fitting: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        fitting = WITHOUT_AUXILIARY
    elif name.startswith("vit_"):
        fitting = {"image_size": height}
    elif name.startswith("maxvit_"):
        fitting = {"input_size": (height, width)}
    try:
        network = models.get_model(name, weights=None, num_classes=classes, **fitting | options)
    except Exception as error:
        raise InputError(f"torchvision: {name} for images of {height}×{width}: {in_words(error)}") from None
    first, convolution = next(
        (path, module) for path, module in network.named_modules() if isinstance(module, nn.Conv2d)
    )
    if isinstance(network, models.ResNet) and min(height, width) < SMALL:
        network.conv1 = nn.Conv2d(channels, convolution.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()
    elif channels != convolution.in_channels:
        network.set_submodule(first, _with_inputs(convolution, channels))
    return network


def _with_inputs(convolution: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Return a convolution as this one, its weights drawn anew, for another number of input channels."""
    return nn.Conv2d(
        channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        bias=convolution.bias is not None,
    )
