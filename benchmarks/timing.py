"""Timing in interleaved rounds, and the line of the table that comes of it.

Machines drift: what is compared runs in turn, round after round, and the ratio is taken within each round.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

ROUNDS = 7


@dataclass(frozen=True)
class Ratio:
    """A ratio over rounds: median, least and greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def over(cls, numerator: np.ndarray, denominator: np.ndarray) -> Self:
        """Return the ratio of two series of seconds, or bytes, of the same rounds."""
        ratios = np.asarray(numerator, float) / np.asarray(denominator, float)
        return cls(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))

    @classmethod
    def exact(cls, value: float) -> Self:
        """Return a ratio that has no spread, such as that of two file sizes."""
        return cls(value, value, value)


@dataclass(frozen=True)
class Line:
    """One line of the table.

    step, case: what is measured and on what. against: the peer, or the physical limit. ratio: peer over ours where more
    is better (``goal`` is ``at least``), ours over the limit where less is better (``at most``). unit: ``×`` or that of
    an absolute figure. ours, theirs: medians in words, with their units. why: where the goal is missed, why no more
    can be had.
    """

    step: str
    case: str
    against: str
    ratio: Ratio
    goal: float | None
    better: str = "at least"
    unit: str = "×"
    ours: str = ""
    theirs: str = ""
    why: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether the median meets the goal; None where there is no goal."""
        if self.goal is None:
            return None
        return self.ratio.median >= self.goal if self.better == "at least" else self.ratio.median <= self.goal


def seconds(
    competitors: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, warm_up: bool = True
) -> dict[str, np.ndarray]:
    """Return the seconds that each competitor takes in each of ``rounds`` rounds.

    One round before is not counted, unless ``warm_up`` says that processes of their own need none. All run once in
    every round, in turn; a round begins with the next one, so that none is always first.
    """
    names = list(competitors)
    taken: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()  # what the libraries hold, of which a collection takes a quarter of a second
    for number in range(-1 if warm_up else 0, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            started = time.perf_counter()
            competitors[name]()
            elapsed = time.perf_counter() - started
            if number >= 0:
                taken[name].append(elapsed)
    gc.unfreeze()
    return {name: np.array(values) for name, values in taken.items()}


def in_words(value: float) -> str:
    """Return seconds as people read them."""
    for scale, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
