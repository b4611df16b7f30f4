"""How well detectors do on networks of an architecture, or of a dataset, that they were not fitted to."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.detector import SHARE, VERDICT, Task, can_be_fitted, farthest_of, fit_line, groups
from spikegrid.detector_scores import COLUMNS, IN_TURN, area_of, mean_of, share_of
from spikegrid.findings import LAST_LAYER
from spikegrid.tables import RUN

LEVELS = ("architecture", "dataset", "seed")
"""What networks have in common that are left out together."""


def evaluate(
    predictors: dict[str, pd.DataFrame],
    memorizing: pd.Series,
    shares: pd.Series | None,
    penalties: Sequence[float],
    settings: dict[str, Any],
) -> pd.DataFrame:
    """Return how well each predictor tells networks of which none like them was there to fit it, in COLUMNS.

    predictors: by name the features that a detector is fitted to, a row a network named by RUN. memorizing, shares: as
    ``detector.fit_detector`` takes them. settings: ``confidence`` and ``resamples``.

    ``left_out`` is what all networks share that were kept from a fit: an ``architecture``; a ``dataset``; or a
    ``seed``, while the others of each cell were there: an optimistic reference. ``held_out`` is its name, or IN_TURN.
    Means, scales and penalty come from the networks fitted to alone. ``features`` is their number.

    ================  ==================================================================================================
    ``accuracy``      share of the networks of the two regimes that are told right, at a probability of 1/2; .5 by
                      chance where there are as many of each
    ``auroc``         share of pairs, of a memorizing and a generalizing network held out together, in which the first
                      has the higher probability, ties half; .5 by chance
    ``out_of_range``  share of these networks that lie farther than any that was fitted to
    ``share_error``   mean absolute error of the share of corrupted labels, over the networks of all doses
    ================  ==================================================================================================

    ``networks`` is how many a value rests on. ``low`` and ``high`` bound its interval over them: of the first and third
    the exact binomial one of Clopper and Pearson, which has a width where all are right; of the others that of a
    percentile bootstrap, resampled within each regime of a cell, NaN where no resample differs. Predictions are not
    fitted anew, and architectures and datasets are those at hand: no interval speaks of further ones.
    """
    rows = [
        {"left_out": level, "predictor": name, "features": table.shape[1]} | row
        for level in LEVELS
        for name, table in predictors.items()
        for row in _scores(level, table, memorizing, shares, penalties, settings)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def baselines(table: pd.DataFrame, runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return what a detector must beat, and what it is not expected to: each a table of one column, a row a network.

    table: of ``detector_features.network_features``. runs: a row a network. ``constant`` says the same of every
    network. ``mean_firing_rate`` is that of the last layer, of the first observable that has it; ``training_loss`` the
    cross-entropy of the labels trained on, nats. The others need true labels, and no spikes: ``accuracy_gap`` is the
    accuracy on training images, of the labels trained on, less that on test images; ``true_label_accuracy`` that on
    training images of their true labels. One that some network lacks is left out.
    """
    of_runs = runs.set_index(RUN).loc[table.index]
    rates = [name for name in table if name[1:] == ("firing_rate_mean", LAST_LAYER)]
    columns = {
        "constant": pd.Series(0.0, table.index),
        **({"mean_firing_rate": table[rates[0]]} if rates else {}),
        "training_loss": of_runs["loss"],
        "accuracy_gap": of_runs["train_accuracy"] - of_runs["test_accuracy"],
        "true_label_accuracy": of_runs["true_label_accuracy"],
    }
    return {name: column.to_frame(name) for name, column in columns.items() if np.isfinite(column).all()}


def predict_left_out(
    task: Task, level: str, table: pd.DataFrame, truth: pd.Series, penalties: Sequence[float]
) -> pd.DataFrame:
    """Return what is said of each network by a line fitted to those of other values of ``level``.

    Columns: ``held_out``, that value; ``predicted``; ``truth``; ``far``, whether the network lies farther from those
    fitted to than any of these lies from the others. Without the networks for which no others are there to fit to.
    """
    parts = []
    for (name,), held in groups(table.index, [level]).items():
        fitted, known = table[~held], truth[~held]
        if can_be_fitted(known.to_numpy()):
            line = fit_line(task, fitted, known, penalties)
            shown = table[held].to_numpy()
            said = {
                "held_out": str(name),
                "predicted": task.predicted(line.at(shown)),
                "truth": truth[held].to_numpy(),
                "far": line.distance(shown) > farthest_of(fitted.to_numpy()),
            }
            parts.append(pd.DataFrame(said, index=table.index[held]))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["held_out", "predicted", "truth", "far"])


def _scores(
    level: str,
    table: pd.DataFrame,
    memorizing: pd.Series,
    shares: pd.Series | None,
    penalties: Sequence[float],
    settings: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    confidence = settings["confidence"]
    verdicts = predict_left_out(VERDICT, level, table.loc[memorizing.index], memorizing, penalties)
    for held_out, said in _held_out(level, verdicts):
        truth, probability = said["truth"].to_numpy(bool), said["predicted"].to_numpy(float)
        scores = {
            "accuracy": share_of((probability >= 0.5) == truth, confidence),
            "auroc": area_of(said.index, probability, truth, said["held_out"].to_numpy(), settings),
            "out_of_range": share_of(said["far"].to_numpy(bool), confidence),
        }
        for statistic, score in scores.items():
            yield {"held_out": held_out, "statistic": statistic, "networks": len(said)} | score
    if shares is not None:
        estimates = predict_left_out(SHARE, level, table.loc[shares.index], shares, penalties)
        for held_out, said in _held_out(level, estimates):
            errors = np.abs(said["predicted"] - said["truth"]).to_numpy(float)
            score = mean_of(said.index, errors, settings)
            yield {"held_out": held_out, "statistic": "share_error", "networks": len(said)} | score


def _held_out(level: str, predictions: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield all predictions, then those of each architecture or dataset; none where there are none."""
    if len(predictions):
        yield IN_TURN, predictions
        if level != "seed":
            yield from predictions.groupby("held_out", sort=False)
