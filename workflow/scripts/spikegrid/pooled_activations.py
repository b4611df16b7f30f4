"""Activations of whole layers as features of bounded number: what is put in front of linear probes."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d

from spikegrid.capture import Layer, RecordedModel

_BATCH = 250


def pooled_activations(network: nn.Module, inputs: Tensor, width: int) -> list[tuple[Layer, Tensor]]:
    """Return each thresholded layer of a network with its activations, ``pooled`` to a ``width``, float32 [n, d].

    inputs: float32 [n, C, H, W].
    """
    recorded = RecordedModel(network, inputs[:2])
    parts: list[list[Tensor]] = [[] for _ in recorded.layers]
    for batch in inputs.split(_BATCH):
        recorded.show(batch, lambda place, output: parts[place].append(pooled(output, width)))
    return [(layer, torch.cat(part)) for layer, part in zip(recorded.layers, parts)]


def pooled(activations: Tensor, width: int) -> Tensor:
    """Return activations [n, *shape] of a layer as features [n, d], d at most ``width`` where pooling can do that.

    Layers of so many units or fewer are taken as they are. Larger maps [channels, rows, columns] are averaged over
    patches of their places, as many along rows as along columns, and at least one: with more than ``width`` channels d
    is their number. So are tokens [tokens, units], over neighbours in their order. Larger layers of one axis have no
    places to average over and stay as they are. Source: adaptive average pooling, as is usual in front of probes.
    """
    shape = activations.shape[1:]
    if shape.numel() <= width or len(shape) == 1:
        return activations.flatten(1).clone()
    if len(shape) == 3:
        channels, *places = shape
        side = max(int((width // channels) ** 0.5), 1)
        return adaptive_avg_pool2d(activations, [min(side, size) for size in places]).flatten(1)
    tokens = activations.movedim(-1, 1).flatten(2)
    return adaptive_avg_pool1d(tokens, max(width // shape[-1], 1)).flatten(1)
