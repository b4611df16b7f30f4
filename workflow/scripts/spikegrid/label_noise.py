"""Label noise: labels drawn anew at random, once and for good."""

from dataclasses import replace

import numpy as np

from spikegrid.images import TrainingSet


def with_redrawn_labels(
    training_set: TrainingSet, classes: int, generator: np.random.Generator, fraction: float, labels: str
) -> TrainingSet:
    """Return the training set with ``round(fraction · m)`` of its m labels redrawn.

    ``labels`` says how: ``uniform`` draws each from all C classes, ``permuted`` shuffles them among their images, so
    that every class keeps its number of images. Either way a redrawn label may by chance be the true one, so the
    expected share of wrong labels is fraction · (1 - 1/C) where classes are balanced; it is less than 1/m below that
    where a part of the labels is permuted. Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), arXiv 1611.03530.
    """
    count = len(training_set.labels)
    redrawn = generator.permutation(count)[: round(fraction * count)]
    noisy = training_set.labels.copy()
    if labels == "permuted":
        noisy[redrawn] = generator.permutation(noisy[redrawn])
    else:
        noisy[redrawn] = generator.integers(0, classes, len(redrawn))
    return replace(training_set, labels=noisy)
