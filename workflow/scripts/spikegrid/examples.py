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
    targets: int64 [S, n], labels trained on. true_targets: int64 [S, n], those of the dataset.
    """

    inputs: Tensor
    place: Tensor
    targets: Tensor
    true_targets: Tensor

    @classmethod
    def of_training(cls, shown: list[TrainingSet], images: ImageSet, device: torch.device) -> Self:
        """Return training sets of one size; images that several of them share are held once."""
        distinct = {id(own.images): own.images for own in shown}
        size = len(shown[0].labels)
        first = {key: number * size for number, key in enumerate(distinct)}
        truth = images.part(TRAIN)[1]
        return cls(
            as_inputs(np.concatenate(list(distinct.values())), images, device),
            torch.stack([torch.arange(size) + first[id(own.images)] for own in shown]).to(device),
            _as_targets([own.labels for own in shown], device),
            _as_targets([truth[own.index] for own in shown], device),
        )

    @classmethod
    def of_test(cls, count: int, images: ImageSet, device: torch.device) -> Self:
        """Return the test images for ``count`` networks."""
        shown, labels = images.part(TEST)
        place = torch.arange(len(labels), device=device).expand(count, -1)
        targets = _as_targets([labels], device).expand(count, -1)
        return cls(as_inputs(shown, images, device), place, targets, targets)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs [S, size, C, H, W] and targets [S, size], each network's in its ``order``, int64 [S, n]."""
        for chosen in order.split(size, dim=1):
            place = self.place.gather(1, chosen)
            inputs = self.inputs.index_select(0, place.flatten()).unflatten(0, place.shape)
            yield inputs, self.targets.gather(1, chosen)


def _as_targets(labels: list[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(labels).astype(np.int64)).to(device)
