"""The history of a run: one row an epoch and seed, as csv."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spikegrid.files import CSV_END, written_whole

COLUMNS = [
    "dataset",
    "architecture",
    "regime",
    "seed",
    "epoch",
    "loss",
    "train_accuracy",
    "true_label_accuracy",
    "test_accuracy",
    "training_images",
    "corrupted_share",
    "trained_epochs",
]
"""A recording has but its names and epoch.

Accuracies are shares in [0, 1] after the epoch, in evaluation mode; the loss is the mean cross-entropy in nats.
``training_images`` counts the images trained on; ``corrupted_share`` is the share of their labels that are not the true
ones. Both are those of the network, the same at every epoch. ``trained_epochs`` counts the epochs that the network of
the row was trained: as many as have passed, or fewer where early stopping has taken it back to an earlier one.
"""


def save_history(path: str | Path, run: dict[str, Any], rows: Iterable[dict[str, float]]) -> None:
    """Write the history of a run, numbers with 7 significant digits.

    ``rows`` have the columns that do not name the run, at least ``seed`` and ``epoch``; what a row lacks stays empty.
    """
    names = {axis: run[axis] for axis in ("dataset", "architecture", "regime")}
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        for row in rows:
            numbers = {key: value if isinstance(value, int) else f"{value:.7g}" for key, value in row.items()}
            table.writerow(names | numbers)
        stream.write(CSV_END)
