"""Early stopping: training ends where the loss on held-out images no longer falls.

Source: Prechelt (1998), Early stopping - but when?, in Neural Networks: Tricks of the Trade, Springer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spikegrid.errors import InputError

Scores = dict[str, float]
"""What the history of a network says of one epoch."""

State = dict[str, Tensor]


def held_out(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which of m images with these ``labels`` are held out: bool [m], with ``round(share · m)`` of them true.

    Of n images with one label share · n are held out, up to one. Raises InputError when a label would be missing among
    those held out or among the others.
    """
    count, held = len(labels), round(share * len(labels))
    shuffled = np.random.default_rng(seed).permutation(count)
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    is_held = np.zeros(count, bool)
    is_held[by_label[((np.arange(held) + 0.5) * count / max(held, 1)).astype(int)]] = True
    for part, words in ((is_held, "held out"), (~is_held, "trained on")):
        missing = np.setdiff1d(labels, labels[part])
        if len(missing):
            raise InputError(
                f"training.early_stopping.share is {share}: of {count} training images {held} are held out, "
                f"and none of label {missing[0]} is {words}; expected one at least"
            )
    return is_held


@dataclass(frozen=True)
class _Best:
    """A network at the epoch of its lowest loss on held-out images."""

    epoch: int
    loss: float
    scores: Scores
    state: State


class EarlyStopping:
    """Follows networks side by side, each by its loss on images that were held out.

    The training of a network ends when this loss has not fallen below its lowest for ``patience`` epochs, and at the
    last epoch at the latest. From then on the network is that of the epoch of its lowest loss, the first of these.
    """

    def __init__(self, count: int, training: dict[str, Any]):
        self._patience, self._last = training["early_stopping"]["patience"], training["epochs"]
        self._best: list[_Best | None] = [None] * count
        self._ended = [False] * count

    @property
    def has_ended(self) -> bool:
        """Tell whether the training of all networks has ended."""
        return all(self._ended)

    def follow(
        self, epoch: int, losses: list[float], scores: list[Scores], states: Callable[[], list[State]]
    ) -> list[Scores]:
        """Take in the loss of each network after an epoch; return the scores of each as it counts from now on."""
        falls = [
            not ended and (best is None or loss < best.loss)
            for ended, best, loss in zip(self._ended, self._best, losses)
        ]
        if any(falls):
            for place, state in enumerate(states()):
                if falls[place]:
                    loss = losses[place] if math.isfinite(losses[place]) else math.inf
                    self._best[place] = _Best(epoch, loss, scores[place], state)
        for place, best in enumerate(self._best):
            self._ended[place] |= epoch in (best.epoch + self._patience, self._last)
        return [best.scores if ended else own for ended, best, own in zip(self._ended, self._best, scores)]

    @property
    def best_scores(self) -> list[Scores]:
        """What the history says of each network at the epoch of its lowest loss."""
        return [best.scores for best in self._best]

    def position(self) -> tuple[dict[str, Any], list[State]]:
        """Return all that ``follow`` has changed: what JSON can hold, and states."""
        best = [[best.epoch, best.loss, best.scores] for best in self._best]
        return {"ended": self._ended, "best": best}, [best.state for best in self._best]

    def resume(self, position: dict[str, Any], states: list[State]) -> None:
        """Take up a ``position``."""
        self._ended = list(position["ended"])
        self._best = [_Best(*best, state) for best, state in zip(position["best"], states)]

    def states(self, current: list[State]) -> list[State]:
        """Return the state of each network as it counts, given the ``current`` ones; no two share memory."""
        return [
            {name: tensor.clone() for name, tensor in best.state.items()} if ended else own
            for ended, best, own in zip(self._ended, self._best, current)
        ]
