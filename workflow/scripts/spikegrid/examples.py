"""Images and targets that networks side by side are shown, on their device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from spikegrid.images import TEST, TRAIN, ImageSet, TrainingSet
from spikegrid.networks import as_inputs


@dataclass(frozen=True)
class Examples:
    """What S networks are shown, n images each.

    inputs: float32 [m, C, H, W], the images that any of them is shown. place: int64 [S, n], which of these it is.
    targets: int64 [S, n], labels trained on. true_targets: int64 [S, n], those of the dataset. black: float32
    [C, 1, 1], a black pixel as an input.
    """

    inputs: Tensor
    place: Tensor
    targets: Tensor
    true_targets: Tensor
    black: Tensor

    @classmethod
    def of_training(cls, shown: list[TrainingSet], images: ImageSet, device: torch.device) -> Self:
        """Return training sets of one size; images that several of them share are held once."""
        truth = images.part(TRAIN)[1]
        return cls(
            *_held_once([own.images for own in shown], images, device),
            _as_targets([own.labels for own in shown], device),
            _as_targets([truth[own.index] for own in shown], device),
            _black(images, device),
        )

    @classmethod
    def of_test(cls, shown: list[np.ndarray], images: ImageSet, device: torch.device) -> Self:
        """Return the test images as each network is shown them; what several of them share is held once."""
        targets = _as_targets([images.part(TEST)[1]], device).expand(len(shown), -1)
        return cls(*_held_once(shown, images, device), targets, targets, _black(images, device))

    def chosen(self, is_chosen: Tensor) -> Self:
        """Return some of the examples of each network: bool [S, n], as many in each row."""
        chosen = is_chosen.nonzero()[:, 1].unflatten(0, (len(is_chosen), -1))
        parts = (part.gather(1, chosen) for part in (self.place, self.targets, self.true_targets))
        return type(self)(self.inputs, *parts, self.black)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs [S, size, C, H, W] and targets [S, size], each network's in its ``order``, int64 [S, n]."""
        for chosen in order.split(size, dim=1):
            place = self.place.gather(1, chosen)
            inputs = self.inputs.index_select(0, place.flatten()).unflatten(0, place.shape)
            yield inputs, self.targets.gather(1, chosen)


def _held_once(shown: list[np.ndarray], images: ImageSet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the inputs of all arrays of one size, [m, C, H, W], and where those of each are, [S, n]."""
    distinct = {id(own): own for own in shown}
    size = len(shown[0])
    first = {key: number * size for number, key in enumerate(distinct)}
    place = torch.stack([torch.arange(size) + first[id(own)] for own in shown])
    return as_inputs(np.concatenate(list(distinct.values())), images, device), place.to(device)


def _black(images: ImageSet, device: torch.device) -> Tensor:
    return as_inputs(np.zeros((1, images.images.shape[1], 1, 1), np.uint8), images, device)[0]


def _as_targets(labels: list[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(labels).astype(np.int64)).to(device)
