"""The two series of doses: what a feature may answer to between and beside the compared regimes."""

from typing import NamedTuple


class Dose(NamedTuple):
    """What is the dose of a series: a column of the table of runs, and its name in words."""

    column: str
    words: str


SERIES = {
    "label_noise": Dose("corrupted_share", "share of corrupted labels"),
    "training_size": Dose("training_images", "number of training images"),
}
