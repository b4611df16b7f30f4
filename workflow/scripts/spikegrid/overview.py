"""What was run and what was found, in words with numbers: the opening page of the report."""

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spikegrid import detector_scores, doses, indicators, pruning_areas, simulation, stability, transfer_accuracies
from spikegrid.detector_features import network_features
from spikegrid.detector_scores import IN_TURN
from spikegrid.dose_series import SERIES
from spikegrid.elsewhere import RECORDING
from spikegrid.feature_names import in_words
from spikegrid.findings import LAST_LAYER, WHOLE_NETWORK, written_number, written_share
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.indicators import bootstrap_interval
from spikegrid.pages import table
from spikegrid.pruning_areas import RANDOM
from spikegrid.simulation import share_interval
from spikegrid.stability import final_rows
from spikegrid.tables import CELL, RUN, RUN_COLUMNS

COLUMNS = {
    "runs": RUN_COLUMNS,
    "indicators": indicators.COLUMNS,
    "stable_indicators": stability.COLUMNS,
    "doses": doses.COLUMNS,
    "simulation": simulation.COLUMNS,
    "detector": detector_scores.COLUMNS,
    "pruning": pruning_areas.COLUMNS,
    "transfer": transfer_accuracies.COLUMNS,
}
"""The csv tables that the page is made of, and their columns."""

CONTROL = "fano_ratio_mean_random"
"""F / (1 − p) in a random order of images, which no network can move."""

MOST_FEATURES = 4
"""How many of the features that tell regimes apart are shown with their differences."""

MOST_CELLS = 4
"""Of more cells than these a sentence says the range."""

STYLE = """\
.overview { font: 15px/1.5 sans-serif; color: #262626; max-width: 50em; }
.overview h2 { font-size: 1.2em; font-weight: 600; margin: 1.2em 0 .4em; }
.overview h3 { font-size: 1em; font-weight: 600; margin: 1em 0 .2em; }
.overview p, .overview li { margin: .3em 0; }
.overview ul { padding-left: 1.2em; list-style: disc; }
.overview table { border-collapse: collapse; font-size: .9em; }
.overview th, .overview td { padding: .2em .8em .2em 0; text-align: left; border-bottom: 1px solid #e6e6e6; }
.overview .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.overview th.number { white-space: normal; }
.overview .wide { overflow-x: auto; }
"""

_PLACES = {LAST_LAYER: "layer nearest the output", WHOLE_NETWORK: "whole network"}
_BERNOULLI_TESTS = re.compile(r"(?!poisson_dispersion)\w+?_passing_(random|class_blocked|given)")
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


def overview(
    images: dict[str, ImageSet],
    features: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    kinds: dict[str, str],
    settings: dict[str, Any],
) -> str:
    """Return the opening page: HTML to be put into a page, in a block of the class ``overview``.

    images: the sets that networks were trained on, by name. features: the joined table of all runs. tables: those of
    COLUMNS that the grid has, by name; there are always ``runs``. kinds: the kind of each observable. settings: those
    of ``indicators``.

    A number over networks has its interval and n beside it, as the tables have them. Of what is not in the tables
    nothing is said.
    """
    runs = tables["runs"]
    regimes = _shown_regimes(runs, settings)
    chosen = _best_features(tables["stable_indicators"], kinds) if "stable_indicators" in tables else []
    parts: dict[str, Callable[[pd.DataFrame], Section]] = {
        "doses": lambda rows: _doses(rows, chosen, settings),
        "simulation": lambda rows: _simulation(rows, regimes, settings),
        "detector": _detector,
        "pruning": lambda rows: _pruning(rows, regimes),
        "transfer": lambda rows: _transfer(rows, regimes),
    }
    found = [
        _comparison(tables, chosen, settings),
        _process(features, kinds, regimes, settings),
        *(part(tables[name]) for name, part in parts.items() if name in tables),
    ]
    intervals = (
        f"In brackets: {100 * settings['confidence']:.3g} % intervals over networks (seeds), never over units: exact "
        "ones for shares of networks, of all else percentile bootstrap ones, which of few networks are narrower than "
        "their name says. Networks that missed their target accuracy are left out."
    )
    sections = [
        Section("What was run", _run(runs, images, kinds), _networks(runs, settings)),
        Section("What was found", [], f"<p>{escape(intervals)}</p>\n"),
    ]
    below = [_written(section, "h3") for section in found if section.sentences or section.further]
    return (
        f'<meta charset="utf-8">\n<style>\n{STYLE}</style>\n<div class="overview">\n'
        f"{''.join(_written(section, 'h2') for section in sections)}{''.join(below)}</div>\n"
    )


def _written(section: Section, heading: str) -> str:
    points = "".join(f"<li>{escape(sentence)}\n" for sentence in section.sentences)
    points = f"<ul>\n{points}</ul>\n" if points else ""
    return f"<{heading}>{escape(section.title)}</{heading}>\n{points}{section.further}"


def _run(runs: pd.DataFrame, images: dict[str, ImageSet], kinds: dict[str, str]) -> list[str]:
    recorded = runs[runs["architecture"] == RECORDING]
    networks = runs[runs["architecture"] != RECORDING]
    said = []
    if len(networks):
        trained = np.count_nonzero(networks["trained_epochs"] > 0)
        datasets, architectures, regimes = (networks[axis].drop_duplicates() for axis in RUN[:-1])
        seeds = networks.groupby(RUN[:-1])["seed"].size()
        said.append(
            f"{_count(len(networks), 'network')}, {trained} of them trained: {_listed(architectures)} on "
            f"{_listed(datasets)}, {'regime' if len(regimes) == 1 else 'regimes'} {_listed(regimes)}; "
            f"{_span(seeds)} {'network' if seeds.max() == 1 else 'networks'} (seeds) of each combination."
        )
    for name, image_set in images.items():
        parts = [np.count_nonzero(image_set.split == part) for part in (TRAIN, TEST)]
        said.append(
            f"{name}: {parts[0]:,} images for training and {parts[1]:,} for testing, of "
            f"{_count(len(image_set.classes), 'class', 'es')}."
        )
    for (name, condition), sessions in recorded.groupby(["dataset", "regime"], sort=False):
        said.append(f"{name}, recorded: {_count(len(sessions), 'session')} under {condition}.")
    with_target = networks[networks["target_accuracy"] > 0]
    missed = networks[~networks["reached_target"]]
    if len(missed):
        counts = missed.groupby(RUN[:-1], sort=False).size().items()
        cells = _listed(f"{count} of " + "/".join(cell) for cell, count in counts)
        said.append(
            f"{len(missed)} of {len(networks)} networks missed the accuracy that they had to reach on their own "
            f"labels, and are in no comparison: {cells}."
        )
    elif len(with_target):
        said.append(f"All {_count(len(with_target), 'network')} with a target accuracy on their own labels reached it.")
    elif len(networks):
        said.append("No network had a target accuracy to reach.")
    return [*said, f"Measured on each: {_listed(kinds)}."]


def _networks(runs: pd.DataFrame, settings: dict[str, Any]) -> str:
    """Return a table of accuracies, a row a regime of a cell."""
    rows = []
    for names, group in runs[runs["architecture"] != RECORDING].groupby(RUN[:-1], sort=False):
        reached = group[group["reached_target"]]
        accuracies = [_mean(reached[name], settings) for name in ("train_accuracy", "test_accuracy")]
        epochs, shown = _span(group["trained_epochs"]), _span(group["training_images"])
        rows.append([*names, f"{len(reached)} of {len(group)}", epochs, shown, *accuracies])
    header = [
        *RUN[:-1],
        "reached target",
        "epochs",
        "training images",
        "accuracy on labels trained on",
        "on test images",
    ]
    return table(header, rows, header[4:]) if rows else ""


def _shown_regimes(runs: pd.DataFrame, settings: dict[str, Any]) -> list[str]:
    """Return the compared regimes that are there, or else all."""
    regimes = runs["regime"].drop_duplicates().tolist()
    compared = [settings[role] for role in ("generalizing", "memorizing")]
    return [regime for regime in compared if regime in regimes] or regimes


def _best_features(stable: pd.DataFrame, kinds: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return observable, feature and place of the stable ones of best rank: one a kind, without labels or caveats."""
    usable = stable[_is_usable(stable)]
    first = usable.assign(kind=usable["observable"].map(kinds)).drop_duplicates("kind").head(MOST_FEATURES)
    return list(first[["observable", "feature", "place"]].itertuples(index=False, name=None))


def _is_usable(stable: pd.DataFrame) -> pd.Series:
    return stable["stable"] & ~stable["needs_labels"] & (stable["caveat"].fillna("") == "")


def _comparison(
    tables: dict[str, pd.DataFrame], chosen: Iterable[tuple[str, str, str]], settings: dict[str, Any]
) -> Section:
    memorizing, generalizing = settings["memorizing"], settings["generalizing"]
    title = f"Which features tell {memorizing} from {generalizing} networks"
    if "stable_indicators" not in tables:
        return Section(title, [f"No dataset and architecture has both {memorizing} and {generalizing} networks."])
    stable, final = tables["stable_indicators"], final_rows(tables["indicators"])
    if stable.empty:
        missing = f"In no dataset and architecture did {memorizing} and {generalizing} networks reach their targets"
        return Section(title, [f"{missing}: nothing is compared."])
    cells = len(final[CELL].drop_duplicates())
    counts = " and ".join(f"{_span(final[f'n_{role}'])} {settings[role]}" for role in ("memorizing", "generalizing"))
    said = [f"Compared in {_count(cells, 'cell')} (a dataset with an architecture), of {counts} networks each."]
    if final["low"].isna().all():
        said.append("There are too few networks for an interval of any difference, so no feature can be called stable.")
        return Section(title, said)
    rate = written_share(settings["false_discovery_rate"])
    for place, words in _PLACES.items():
        of_place = stable[stable["place"] == place]
        if len(of_place):
            said.append(
                f"{of_place['stable'].sum()} of {len(of_place)} features of the {words} are stable: one sign in every "
                f"cell, at the end and over training, false discovery rate {rate}; {_is_usable(of_place).sum()} of "
                "them need no labels and have no caveat."
            )
    for observable, feature, place in chosen:
        sign = stable.set_index(["observable", "feature", "place"])["sign"][observable, feature, place]
        said.append(
            f"The {in_words(feature)} ({observable}, {_PLACES[place]}) is {sign} in {memorizing} networks, by "
            f"{_differences(final, observable, feature, place)}."
        )
    for row in stable[(stable["feature"] == CONTROL) & (stable["place"] == LAST_LAYER)].itertuples():
        verdict = "is called stable: chance, or a fault of the measurement" if row.stable else "is not stable"
        said.append(
            f"The negative control, F / (1 − p) in a random order ({row.observable}), {verdict}; it differs by "
            f"{_differences(final, row.observable, CONTROL, LAST_LAYER)}."
        )
    return Section(title, said)


def _differences(final: pd.DataFrame, observable: str, feature: str, place: str) -> str:
    rows = final[(final["observable"] == observable) & (final["feature"] == feature) & (final["place"] == place)]
    return _by_cell(rows, _difference, "difference")


def _difference(row: Any) -> str:
    difference = _bracketed(row.difference, row.low, row.high, written_number)
    return f"{difference}, n = {row.n_memorizing} and {row.n_generalizing}"


def _doses(correlated: pd.DataFrame, chosen: Sequence[tuple[str, str, str]], settings: dict[str, Any]) -> Section:
    said = []
    for series, rows in correlated.groupby("series", sort=False):
        words, defined = SERIES[series].words, rows[rows["rho"].notna()]
        if defined.empty:
            said.append(f"The {words}: no correlation is defined; it takes three doses, and values that differ.")
            continue
        moved = np.count_nonzero(defined["p_adjusted"] <= settings["false_discovery_rate"])
        said.append(
            f"The {words} ({_span(defined['doses'])} doses, {_span(defined['networks'])} networks a cell): {moved} of "
            f"{len(defined)} features by layer and cell go with it, false discovery rate "
            f"{written_share(settings['false_discovery_rate'])}."
        )
        deepest = rows.groupby([*CELL, "observable"])["depth"].transform("max")
        for observable, feature, place in chosen:
            at_place = rows["depth"] == (deepest if place == LAST_LAYER else 0)
            of_feature = rows[at_place & (rows["observable"] == observable) & (rows["feature"] == feature)]
            if len(of_feature):
                ranks = _by_cell(of_feature, lambda row: _share(row.rho, row.low, row.high), "rho")
                said.append(f"The {in_words(feature)} ({observable}): Spearman's ρ with it is {ranks}.")
    return Section("What answers to doses", said)


def _process(
    features: pd.DataFrame, kinds: dict[str, str], regimes: Sequence[str], settings: dict[str, Any]
) -> Section:
    """Say of the compared regimes which share of units passes the test that the fewest pass, order by order."""
    said = []
    values = network_features(features[features["reached_target"]]) if features["reached_target"].any() else None
    for observable in (name for name, kind in kinds.items() if kind == "process" and values is not None):
        for order, words in _ORDERS.items():
            tests = [
                name
                for name in values
                if name[0] == observable
                and name[2] == LAST_LAYER
                and (test := _BERNOULLI_TESTS.fullmatch(name[1]))
                and test[1] == order
            ]
            if not tests:
                continue
            least = values[tests].min(axis=1).dropna()
            means = [
                f"{_mean(networks, settings)} ({'/'.join(cell)} {regime}, n = {len(networks)})"
                for regime in regimes
                for cell, networks in least[least.index.get_level_values("regime") == regime].groupby(CELL, sort=False)
            ]
            if means:
                said.append(
                    f"{words} the test of a Bernoulli process that the fewest units pass is passed, in the layer "
                    f"nearest the output ({observable}), by a share of {_listed(means[: 2 * MOST_CELLS])}."
                )
    return Section("Which process the trains follow", said)


def _simulation(checks: pd.DataFrame, regimes: Sequence[str], settings: dict[str, Any]) -> Section:
    """Count for each model the statistics that all networks of a regime reproduce."""
    said = []
    deepest = checks.groupby([*CELL, "observable"])["depth"].transform("max")
    tested = checks[(checks["depth"] == deepest) & ~checks["by_construction"] & (checks["networks"] > 0)]
    for (observable, regime), rows in tested[tested["regime"].isin(regimes)].groupby(["observable", "regime"]):
        models = []
        for model, of_model in rows.groupby("model", sort=False):
            passed = of_model.groupby("statistic")["passing"].min() == 1
            models.append(f"{model.replace('_', ' ')} {passed.sum()} of {len(passed)}")
        least = int(rows["networks"].min())
        low, _ = share_interval(least, least, settings["confidence"])
        said.append(
            f"Statistics of {regime} networks that simulated trains reproduce in every network and cell, without those "
            f"that the model is fitted to ({observable}, layer nearest the output): {_listed(models)}. All of "
            f"n = {least} networks is a share of 1 [{written_share(low)}, 1]."
        )
    return Section("Which fitted model reproduces the trains", said)


def _detector(scores: pd.DataFrame) -> Section:
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


def _pruning(areas: pd.DataFrame, regimes: Sequence[str]) -> Section:
    said = []
    at_random = areas[(areas["criterion"] == RANDOM) & (areas["images"] == "train") & (areas["depth"] == 0)]
    for (observable, regime), rows in at_random[at_random["regime"].isin(regimes)].groupby(["observable", "regime"]):
        kept = _by_cell(rows, _kept, "relative_area")
        said.append(
            f"As units of all layers are removed at random, {regime} networks keep a mean share of their accuracy on "
            f"training images of {kept} ({observable})."
        )
    return Section("What is left when units are removed", said)


def _kept(row: Any) -> str:
    return f"{_share(row.relative_area, row.relative_area_low, row.relative_area_high)}, n = {row.networks}"


def _transfer(accuracies: pd.DataFrame, regimes: Sequence[str]) -> Section:
    said = []
    deepest = accuracies.groupby([*CELL, "observable"])["depth"].transform("max")
    last = accuracies[(accuracies["depth"] == deepest) & accuracies["regime"].isin(regimes)]
    for (observable, target, regime), rows in last.groupby(["observable", "target", "regime"]):
        read = _by_cell(rows, _probed, "accuracy")
        said.append(
            f"A linear probe reads {target} off the layer nearest the output of {regime} networks with an accuracy of "
            f"{read} ({observable})."
        )
    return Section("What the layers are worth for other images", said)


def _probed(row: Any) -> str:
    gain = _share(row.gain, row.gain_low, row.gain_high)
    return (
        f"{_share(row.accuracy, row.low, row.high)}, {gain} more than before training, beside "
        f"{written_share(row.pixels)} from pixels, n = {row.networks}"
    )


def _by_cell(rows: pd.DataFrame, written: Callable[[Any], str], value: str) -> str:
    """Say a row a cell, or of many cells those of the least and the greatest ``value``."""
    if len(rows) > MOST_CELLS:
        ranked = rows.sort_values(value, kind="stable")
        least, greatest = (
            f"{written(row)} ({row.dataset}/{row.architecture})" for row in ranked.iloc[[0, -1]].itertuples()
        )
        return f"{least} to {greatest}, over {len(rows)} cells"
    return _listed(f"{written(row)} ({row.dataset}/{row.architecture})" for row in rows.itertuples())


def _mean(values: pd.Series, settings: dict[str, Any]) -> str:
    """Write the mean over networks of what lies in [0, 1], with its bootstrap interval."""
    if values.empty:
        return "–"
    numbers = values.to_numpy(float)[None]
    bounds = bootstrap_interval(numbers, np.zeros((1, 2)), settings["confidence"], settings["resamples"])
    return _share(numbers.mean(), *(bound.item() for bound in bounds))


def _share(value: float, low: float, high: float) -> str:
    return _bracketed(value, low, high, written_share)


def _bracketed(value: float, low: float, high: float, written: Callable[[float], str]) -> str:
    if np.isnan(value):
        return "undefined"
    return written(value) + (f" [{written(low)}, {written(high)}]" if not np.isnan(low) else "")


def _span(numbers: pd.Series) -> str:
    """Write the least and the greatest of whole numbers, or the one that there is."""
    return " to ".join(dict.fromkeys(f"{number:,.0f}" for number in (numbers.min(), numbers.max())))


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
