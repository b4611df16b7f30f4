"""Data augmentation: images moved and mirrored at random, anew in every epoch, a batch at a time on its device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from spikegrid.randomness import derived_seed


@dataclass(frozen=True)
class Augmentation:
    """What happens to each of the n images that S networks are shown in one epoch.

    moves: int64 [2, S, n], down and to the right, in [0, 2 · padding]: where in the padded image its crop begins.
    mirrored: bool [S, n], whether the crop is mirrored left to right.
    """

    padding: int
    moves: Tensor
    mirrored: Tensor

    @classmethod
    def of_epoch(
        cls, training: dict[str, Any], names: list[tuple[str | int, ...]], epoch: int, size: int, device: torch.device
    ) -> Self:
        """Draw the augmentation that the ``training`` settings ask for, for networks of these ``names``."""
        padding, moves, mirrored = training["crop_padding"], [], []
        for name in names:
            generator = torch.Generator().manual_seed(derived_seed(*name, "augmentation", epoch))
            moves.append(torch.randint(0, 2 * padding + 1, (2, size), generator=generator))
            mirrored.append(torch.rand(size, generator=generator) < training["horizontal_flip"] / 2)
        return cls(padding, torch.stack(moves, dim=1).to(device), torch.stack(mirrored).to(device))

    def applied(self, batches: Iterator[tuple[Tensor, Tensor]], black: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of one epoch, inputs [S, batch, C, H, W] and targets, with their images augmented.

        ``black`` is what a black pixel is as an input, [C, 1, 1]: that is what the padding consists of.
        """
        first = 0
        for inputs, targets in batches:
            shown = slice(first, first + targets.shape[1])
            moves, mirrored = self.moves[:, :, shown].flatten(1), self.mirrored[:, shown].flatten()
            moved = crop(inputs.flatten(0, 1), *(moves - self.padding), mirrored, black)
            yield moved.unflatten(0, targets.shape), targets
            first = shown.stop


def crop(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor, black: Tensor) -> Tensor:
    """Return images [n, C, H, W] cut out ``down`` and to the ``right`` of where they are, and mirrored where asked for.

    down, right: int64 [n], pixels; what lies beyond an image is ``black`` [C, 1, 1]. mirrored: bool [n]. Pixels are
    copied, never computed with. Source: He, Zhang, Ren & Sun (2016), arXiv 1512.03385, section 4.2.
    """
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) + down[:, None]
    columns = torch.arange(width, device=images.device).expand(len(images), -1)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns) + right[:, None]
    is_inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None]
    moved = images.gather(2, rows.clamp(0, height - 1)[:, None, :, None].expand_as(images))
    moved = moved.gather(3, columns.clamp(0, width - 1)[:, None, None].expand_as(images))
    return torch.where(is_inside, moved, black)
