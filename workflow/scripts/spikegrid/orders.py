"""Orders of presentation: the same spikes, seen as trains of different times.

A network in evaluation mode fires as a fixed function of the image, so trains can be put into any order after they were
recorded. Only measures of time change with it: Fano factors, intervals, tests of a process; rates do not.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from spikegrid.randomness import derived_seed
from spikegrid.spikes import Spikes

Order = Literal["random", "class_blocked", "given"]


def presentation_order(order: Order, index: np.ndarray, labels: np.ndarray, *network: str | int) -> np.ndarray:
    """Return the places of the presented images in an order of their own, int64 [N], each of 0..N-1 once.

    ``random``: shuffled, the negative control. Every network has a shuffle of its own, drawn for the names in
    ``network``: were one order shown to all, what chance has put into it would be common to all seeds, and intervals
    over seeds would not know of it. ``class_blocked``: the same shuffle, then sorted by class. ``given``: by ``index``,
    as the images stand in the dataset.

    index: int [N], which image of the dataset each presented one is. labels: int [N], its class. Raises ValueError for
    another order.
    """
    if order == "given":
        return np.argsort(index, kind="stable")
    if order not in ("random", "class_blocked"):
        raise ValueError(f"order is {order!r}; expected random, class_blocked or given")
    by_image = np.argsort(index, kind="stable")  # the shuffle must not depend on how the file is ordered
    shuffled = by_image[np.random.default_rng(derived_seed(*network, "presentation order")).permutation(len(index))]
    return shuffled if order == "random" else shuffled[np.argsort(labels[shuffled], kind="stable")]


def orders_by_seed(run_spikes: Spikes, orders: Iterable[Order]) -> dict[int, dict[Order, np.ndarray]]:
    """Return for each seed of a spike file the places of its images in each of ``orders``, int64 [N].

    Images without labels, which a recording may have, have no ``class_blocked`` order: it is left out.
    """
    run, orders = run_spikes.meta["run"], [order for order in orders if order != "class_blocked" or run_spikes.labelled]
    names = (run["dataset"], run["architecture"], run["regime"])
    return {
        seed: {order: presentation_order(order, run_spikes.index, run_spikes.labels, *names, seed) for order in orders}
        for seed in run_spikes.seeds
    }
