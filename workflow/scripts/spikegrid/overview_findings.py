"""What was found, a part of the opening page at a time: sentences and tables with intervals and numbers of networks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spikegrid.detector_features import network_features
from spikegrid.detector_scores import IN_TURN
from spikegrid.dose_series import SERIES
from spikegrid.feature_names import in_words
from spikegrid.findings import LAST_LAYER, PLACES, written_number, written_share
from spikegrid.indicators import bootstrap_interval
from spikegrid.pages import table
from spikegrid.pruning_areas import RANDOM
from spikegrid.simulation import share_interval
from spikegrid.stability import final_rows
from spikegrid.tables import CELL, in_last_layer

CONTROL = "fano_ratio_mean_random"
"""F / (1 − p) in a random order of images, which no network can move."""

MOST_FEATURES = 4
"""How many of the features that tell regimes apart are shown with their differences."""

MOST_CELLS = 4
"""Of more cells than these a sentence says the range."""

_ORDERS = {
    "random": "In the random order, the control,",
    "class_blocked": "In class-blocked order",
    "given": "In the order of the dataset",
}
_LEFT_OUT = {
    "architecture": "each architecture left out",
    "dataset": "each dataset left out",
    "seed": "each seed left out: optimistic",
}
_STATISTICS = {
    "accuracy": "Share of networks whose regime is told right, by what was left out of the fit",
    "share_error": "Mean error of the share of wrong labels, by what was left out of the fit",
}
_PREDICTORS = {
    "label_free": "features that need no labels",
    "training_data_only": "features of training images",
    "all": "all features",
    "mean_firing_rate": "the mean firing rate alone",
    "training_loss": "the training loss alone",
    "constant": "the same answer for all",
    "accuracy_gap": "training − test accuracy, which needs true labels",
    "true_label_accuracy": "accuracy on true labels",
}


class Section(NamedTuple):
    """A part of the page: its title, sentences, and what follows them as HTML."""

    title: str
    sentences: list[str]
    further: str = ""


def best_features(stable: pd.DataFrame, kinds: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return observable, feature and place of the stable ones of best rank: one a kind, without labels or caveats."""
    usable = stable[_is_usable(stable)]
    first = usable.assign(kind=usable["observable"].map(kinds)).drop_duplicates("kind").head(MOST_FEATURES)
    return list(first[["observable", "feature", "place"]].itertuples(index=False, name=None))


def comparison(
    tables: dict[str, pd.DataFrame], chosen: Sequence[tuple[str, str, str]], settings: dict[str, Any]
) -> Section:
    """Count the stable features and say how far the ``chosen`` ones lie apart, and the control."""
    memorizing, generalizing = settings["memorizing"], settings["generalizing"]
    title = f"Which features tell {memorizing} from {generalizing} networks"
    if "stable_indicators" not in tables:
        return Section(title, [f"No dataset and architecture has both {memorizing} and {generalizing} networks."])
    stable, final = tables["stable_indicators"], final_rows(tables["indicators"])
    if stable.empty:
        missing = f"In no dataset and architecture did {memorizing} and {generalizing} networks reach their targets"
        return Section(title, [f"{missing}: nothing is compared."])
    cells = len(final[CELL].drop_duplicates())
    counts = " and ".join(f"{span(final[f'n_{role}'])} {settings[role]}" for role in ("memorizing", "generalizing"))
    said = [f"Compared in {counted(cells, 'cell')} (a dataset with an architecture), of {counts} networks each."]
    if final["low"].isna().all():
        said.append("There are too few networks for an interval of any difference, so no feature can be called stable.")
        return Section(title, said)
    rate = written_share(settings["false_discovery_rate"])
    for place, words in PLACES.items():
        of_place = stable[stable["place"] == place]
        if len(of_place):
            said.append(
                f"{of_place['stable'].sum()} of {len(of_place)} features of the {words} are stable: one sign in every "
                f"cell, at the end and over training, false discovery rate {rate}; {_is_usable(of_place).sum()} of "
                "them need no labels and have no caveat."
            )
    if chosen:
        said.append(
            "The best ranked of these, one of each kind of observable, as differences of means; they were chosen among "
            "many, so other networks would likely show smaller ones:"
        )
    for observable, feature, place in chosen:
        sign = stable.set_index(["observable", "feature", "place"])["sign"][observable, feature, place]
        said.append(
            f"The {in_words(feature)} ({observable}, {PLACES[place]}) is {sign} in {memorizing} networks: "
            f"{_differences(final, observable, feature, place)}."
        )
    for row in stable[(stable["feature"] == CONTROL) & (stable["place"] == LAST_LAYER)].itertuples():
        verdict = "is called stable: chance, or a fault of the measurement" if row.stable else "is not stable"
        said.append(
            f"The negative control, F / (1 − p) in a random order ({row.observable}), {verdict}: "
            f"{_differences(final, row.observable, CONTROL, LAST_LAYER)}."
        )
    return Section(title, said)


def answers_to_doses(
    correlated: pd.DataFrame, chosen: Sequence[tuple[str, str, str]], settings: dict[str, Any]
) -> Section:
    """Count the features that go with each series of doses, and give the correlations of the ``chosen`` ones."""
    said = []
    for series, rows in correlated.groupby("series", sort=False):
        words, defined = SERIES[series].words, rows[rows["rho"].notna()]
        if defined.empty:
            said.append(f"The {words}: no correlation is defined; it takes three doses, and values that differ.")
            continue
        moved = np.count_nonzero(defined["p_adjusted"] <= settings["false_discovery_rate"])
        said.append(
            f"The {words} ({span(defined['doses'])} doses, {span(defined['networks'])} networks a cell): {moved} of "
            f"{len(defined)} features by layer and cell go with it, false discovery rate "
            f"{written_share(settings['false_discovery_rate'])}."
        )
        for observable, feature, place in chosen:
            at_place = in_last_layer(rows) if place == LAST_LAYER else rows["depth"] == 0
            of_feature = rows[at_place & (rows["observable"] == observable) & (rows["feature"] == feature)]
            if len(of_feature):
                ranks = _by_cell(of_feature, lambda row: _share(row.rho, row.low, row.high), "rho")
                said.append(f"The {in_words(feature)} ({observable}): Spearman's ρ with it: {ranks}.")
    return Section("What answers to doses", said)


def process(features: pd.DataFrame, kinds: dict[str, str], regimes: Sequence[str], settings: dict[str, Any]) -> Section:
    """Say which share of units passes the test of a process that the fewest pass, for each regime and order."""
    title, reached = "Which process the trains follow", features[features["reached_target"]]
    if reached.empty:
        return Section(title, [])
    said, values = [], network_features(reached)
    for observable in (name for name, kind in kinds.items() if kind == "process"):
        for order, words in _ORDERS.items():
            tests = [name for name in values if name[::2] == (observable, LAST_LAYER) and _tests_in(order, name[1])]
            least = values[tests].min(axis=1).dropna().rename("share").reset_index()
            for regime, networks in least.groupby("regime"):
                if regime in regimes:
                    cells = networks.groupby(CELL, sort=False)["share"]
                    rows = [(*cell, own.mean(), f"{mean_share(own, settings)}, n = {len(own)}") for cell, own in cells]
                    passed = pd.DataFrame(rows, columns=[*CELL, "share", "written"])
                    said.append(
                        f"{words} the test of a Bernoulli process that the fewest units pass is passed, in the layer "
                        f"nearest the output of {regime} networks ({observable}), by a share of: "
                        f"{_by_cell(passed, lambda row: row.written, 'share')}."
                    )
    return Section(title, said)


def _tests_in(order: str, feature: str) -> bool:
    """Tell whether a feature is the share of units that pass a test of a Bernoulli process in an order of images."""
    return feature.endswith(f"_passing_{order}") and not feature.startswith("poisson")


def reproduced(checks: pd.DataFrame, regimes: Sequence[str], settings: dict[str, Any]) -> Section:
    """Count for each model the statistics that all networks of a regime reproduce."""
    said = []
    tested = checks[in_last_layer(checks) & ~checks["by_construction"] & (checks["networks"] > 0)]
    for (observable, regime), rows in tested[tested["regime"].isin(regimes)].groupby(["observable", "regime"]):
        models = []
        for model, of_model in rows.groupby("model", sort=False):
            passed = of_model.groupby("statistic")["passing"].min() == 1
            models.append(f"{model.replace('_', ' ')} {passed.sum()} of {len(passed)}")
        least = int(rows["networks"].min())
        low, _ = share_interval(least, least, settings["confidence"])
        said.append(
            f"Statistics of {regime} networks that simulated trains reproduce in every network and cell, without those "
            f"that the model is fitted to ({observable}, layer nearest the output): {listed(models)}. All of "
            f"n = {least} networks is a share of 1 [{written_share(low)}, 1]."
        )
    return Section("Which fitted model reproduces the trains", said)


def detection(scores: pd.DataFrame) -> Section:
    """Give the scores of detectors beside those of baselines, a table a statistic."""
    title = "Can a network be told to memorize"
    overall = scores[scores["held_out"] == IN_TURN]
    if overall.empty:
        return Section(title, ["There were too few networks of both regimes to fit and test a detector."])
    tables = []
    for statistic, words in _STATISTICS.items():
        rows = overall[overall["statistic"] == statistic]
        levels = [level for level in _LEFT_OUT if (rows["left_out"] == level).any()]
        if levels:
            networks = rows.groupby("left_out")["networks"].max()
            answers = {(row.left_out, row.predictor): _share(row.value, row.low, row.high) for row in rows.itertuples()}
            header = [f"{_LEFT_OUT[level]}, n = {networks[level]}" for level in levels]
            lines = [
                [words, *(answers.get((level, name), "–") for level in levels)]
                for name, words in _PREDICTORS.items()
                if (rows["predictor"] == name).any()
            ]
            tables.append(f"<p>{words}:</p>\n{table(['told by', *header], lines, header)}")
    return Section(title, [], "".join(tables))


def accuracy_kept(areas: pd.DataFrame, regimes: Sequence[str]) -> Section:
    """Say which share of their accuracy networks keep as units are removed at random."""
    said = []
    at_random = areas[(areas["criterion"] == RANDOM) & (areas["images"] == "train") & (areas["depth"] == 0)]
    for (observable, regime), rows in at_random[at_random["regime"].isin(regimes)].groupby(["observable", "regime"]):
        kept = _by_cell(rows, _kept, "relative_area")
        said.append(
            f"As units of all layers are removed at random, {regime} networks ({observable}) keep a mean "
            f"share of their accuracy on training images: {kept}."
        )
    return Section("What is left when units are removed", said)


def transferred(accuracies: pd.DataFrame, regimes: Sequence[str]) -> Section:
    """Say what a linear probe reads off the layer nearest the output, for another dataset."""
    said = []
    last = accuracies[in_last_layer(accuracies) & accuracies["regime"].isin(regimes)]
    for (observable, target, regime), rows in last.groupby(["observable", "target", "regime"]):
        read = _by_cell(rows, _probed, "accuracy")
        said.append(
            f"A linear probe reads {target} off the layer nearest the output of {regime} networks ({observable}) with "
            f"an accuracy of: {read}."
        )
    return Section("What the layers are worth for other images", said)


def mean_share(values: pd.Series, settings: dict[str, Any]) -> str:
    """Write the mean over networks of what lies in [0, 1], with its bootstrap interval."""
    if values.empty:
        return "–"
    numbers = values.to_numpy(float)[None]
    bounds = bootstrap_interval(numbers, np.zeros((1, 2)), settings["confidence"], settings["resamples"])
    return _share(numbers.mean(), *(bound.item() for bound in bounds))


def span(numbers: pd.Series) -> str:
    """Write the least and the greatest of whole numbers, or the one that there is."""
    return " to ".join(dict.fromkeys(f"{number:,.0f}" for number in (numbers.min(), numbers.max())))


def counted(number: int, noun: str, plural: str = "s") -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else plural}"


def listed(names: Iterable[str]) -> str:
    """Write names in a row, of which there is one at least."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _is_usable(stable: pd.DataFrame) -> pd.Series:
    return stable["stable"] & ~stable["needs_labels"] & (stable["caveat"].fillna("") == "")


def _differences(final: pd.DataFrame, observable: str, feature: str, place: str) -> str:
    rows = final[(final["observable"] == observable) & (final["feature"] == feature) & (final["place"] == place)]
    return _by_cell(rows, _difference, "difference")


def _difference(row: Any) -> str:
    difference = _bracketed(row.difference, row.low, row.high, written_number)
    return f"{difference}, n = {row.n_memorizing} and {row.n_generalizing}"


def _kept(row: Any) -> str:
    return f"{_share(row.relative_area, row.relative_area_low, row.relative_area_high)}, n = {row.networks}"


def _probed(row: Any) -> str:
    gain = _share(row.gain, row.gain_low, row.gain_high)
    return (
        f"{_share(row.accuracy, row.low, row.high)}, a gain of {gain} over the layer before "
        f"training, {written_share(row.pixels)} from pixels, n = {row.networks}"
    )


def _by_cell(rows: pd.DataFrame, written: Callable[[Any], str], value: str) -> str:
    """Say a row a cell, or of many cells those of the least and the greatest ``value``."""
    if len(rows) > MOST_CELLS:
        ranked = rows.sort_values(value, kind="stable").iloc[[0, -1]]
        return f"{' to '.join(_of_cells(ranked, written))}, over {len(rows)} cells"
    return "; ".join(_of_cells(rows, written))


def _of_cells(rows: pd.DataFrame, written: Callable[[Any], str]) -> list[str]:
    return [f"{row.dataset}/{row.architecture} {written(row)}" for row in rows.itertuples()]


def _share(value: float, low: float, high: float) -> str:
    return _bracketed(value, low, high, written_share)


def _bracketed(value: float, low: float, high: float, written: Callable[[float], str]) -> str:
    if np.isnan(value):
        return "undefined"
    return written(value) + (f" [{written(low)}, {written(high)}]" if not np.isnan(low) else "")
