"""Detectors of a grid: fitted to all of its networks, and scored on those that were left out of a fit."""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from spikegrid.detector import can_be_fitted, fit_detector
from spikegrid.detector_evaluation import baselines, evaluate
from spikegrid.detector_features import feature_sets, network_features, usable_features
from spikegrid.detector_file import DetectorFile
from spikegrid.detector_scores import COLUMNS, IN_TURN
from spikegrid.elsewhere import RECORDING
from spikegrid.tables import RUN

NOISE = "label_noise"
"""The series of doses whose shares are estimated."""

_log = logging.getLogger("spikegrid")


def train_detectors(
    features: pd.DataFrame,
    runs: pd.DataFrame,
    series: dict[str, list[str]],
    indicators: dict[str, Any],
    traits: dict[str, dict[str, Any]],
    observables: dict[str, dict[str, Any]],
    spikes: dict[str, Any],
    penalties: Sequence[float],
) -> tuple[pd.DataFrame, DetectorFile, dict[str, str]]:
    """Return the scores of all predictors, the detectors of each set of features, and why features were left out.

    features, runs: the joined tables of all runs. series: names of regimes by the name of their series of doses.
    indicators: the names of the two regimes, ``confidence`` and ``resamples``. traits, observables: for each observable
    the ``images`` and which features need ``labels`` or have ``caveats``; its ``plugin`` and ``parameters``. spikes:
    the settings of extraction.

    Networks that missed their target accuracy are left out, and so are recordings, which are trained on nothing, and
    features of other observables than these. Where the rest is of one regime alone there are no scores and no
    detectors.
    """
    regimes = [indicators[role] for role in ("memorizing", "generalizing")]
    noisy = series.get(NOISE, [])
    chosen = features[
        features["reached_target"]
        & features["regime"].isin([*regimes, *noisy])
        & features["observable"].isin(observables)
        & (features["architecture"] != RECORDING)
    ]
    whole = network_features(chosen)
    table, left_out = usable_features(whole, traits)
    for name, reason in left_out.items():
        _log.info("left out: %s: %s", name, reason)
    compared = table.index[table.index.isin(regimes, level="regime")]
    memorizing = pd.Series(compared.get_level_values("regime") == regimes[0], compared)
    held = DetectorFile(
        *regimes,
        *(list(dict.fromkeys(compared.get_level_values(axis))) for axis in ("dataset", "architecture")),
        spikes,
        {name: entry | {key: traits[name][key] for key in ("images", "labels")} for name, entry in observables.items()},
        {},
        {},
    )
    if not can_be_fitted(memorizing.to_numpy()):
        _log.warning("no networks of both %s and %s reached their target: there is no detector", *regimes)
        return pd.DataFrame(columns=COLUMNS), held, left_out
    dosed = table.index[table.index.isin(noisy, level="regime")]
    shares = runs.set_index(RUN)["corrupted_share"].loc[dosed]
    if not can_be_fitted(shares.to_numpy()):
        shares = None
    sets = feature_sets(table, traits)
    predictors = {name: table[columns] for name, columns in sets.items()} | baselines(whole, runs)
    scores = evaluate(predictors, memorizing, shares, penalties, indicators)
    in_turn = scores[scores["held_out"] == IN_TURN]
    for name, columns in sets.items():
        held.detectors[name] = fit_detector(table[columns], memorizing, shares, penalties)
        of_set = in_turn[in_turn["predictor"] == name].drop(columns=["held_out", "predictor", "features"])
        held.scores[name] = of_set.astype(object).where(of_set.notna(), None).to_dict("records")
        _log.info("%s: %d features, fitted to %d networks", name, len(columns), len(memorizing))
    return scores, held, left_out
