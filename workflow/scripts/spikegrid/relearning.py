"""How many steps networks take to learn targets that are new to them."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from spikegrid.optimizers import make_optimizer
from spikegrid.side_by_side import Networks


@dataclass(frozen=True)
class Relearning:
    """What networks needed to learn their targets; each is an array [S].

    steps: int64, steps until the target was learned, or the most that were allowed. learned: bool. initial_loss:
    float64, mean cross-entropy of the targets before the first step, nats.
    """

    steps: np.ndarray
    learned: np.ndarray
    initial_loss: np.ndarray


def relearn(
    networks: Networks, inputs: Tensor, targets: Tensor, learning_rate: float, steps: int, accuracy: float = 1.0
) -> Relearning:
    """Train networks side by side on new targets until each has learned its own.

    networks: they are changed. inputs: [S, n, C, H, W]. targets: int64 [S, n], classes. A step of Adam is one of all n
    images, on their mean cross-entropy; there are at most ``steps``. accuracy: the share of targets, in (0, 1], that
    the largest logits must hit for the target to count as learned; the first time counts.

    The networks are in evaluation mode: they learn as the function that they are when they are observed. Dropout is
    off, and batch normalization keeps the means and variances that training left it with, though its weights learn.
    Source of Adam: Kingma & Ba (2015), arXiv 1412.6980.
    """
    networks.train(False)
    optimizer = make_optimizer(networks.parameters, {"optimizer": "adamw", "weight_decay": 0.0})
    count, images = targets.shape
    taken, learned = np.full(count, steps), np.zeros(count, bool)
    initial_loss = np.empty(0)
    for step in range(steps + 1):
        logits = networks(inputs)
        hits = (logits.detach().argmax(dim=2) == targets).sum(dim=1).cpu().numpy()
        has_learned = hits / images >= accuracy
        taken[has_learned & ~learned] = step
        learned |= has_learned
        losses = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").unflatten(0, targets.shape)
        if step == 0:
            initial_loss = losses.detach().double().mean(dim=1).cpu().numpy()
        if learned.all() or step == steps:
            break
        # Networks share no parameter: the gradient of the sum over them is that of each one's mean.
        (losses.sum() / images).backward()
        optimizer.step(learning_rate)
    return Relearning(taken, learned, initial_loss)
