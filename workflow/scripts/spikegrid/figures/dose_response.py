"""Dose and response of one dataset: features against the share of wrong labels and the number of training images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from spikegrid.dose_series import SERIES
from spikegrid.figures import style
from spikegrid.figures.cells import labels_with_counts_per_point, last_layer, stem_of
from spikegrid.figures.curves import Interval, bootstrap_of_mean, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.findings import LAST_LAYER, written_share
from spikegrid.tables import RUN, at_last_epoch

ROWS = 6
_RATES = ["firing_rate_mean", "firing_rate_variance"]
_ROW, _LEAST_ROW, _LINE, _MARGINS, _ROOM = 25.0, 16.0, 3.1, 28.0, 200.0
_SHADES = [style.INK, "#7F7F7F", "#595959", "#A6A6A6"]
_DASHES = [(0, ()), (0, (4, 1.5)), (0, (5, 1, 1, 1)), (0, (2, 1))]
_MARKERS = ["o", "s", "^", "D", "v", "P", "X"]


@rc_context(style.RC)
def draw_dose_response(
    features: pd.DataFrame,
    runs: pd.DataFrame,
    series: dict[str, list[str]],
    doses: pd.DataFrame,
    stable: pd.DataFrame,
    memorizing: str,
    generalizing: str,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Figure:
    """Draw rows of features at the last layer and epoch; columns of series; lines of architectures.

    features: the joined table of all observables on one dataset, with ``reached_target``. runs: a row a network of it,
    with the columns of SERIES. series: names of regimes by the name of their series. doses: the table of
    ``dose_response``, for Spearman's ρ and its interval. stable: the ranking of ``stable_indicators``, for
    ``shown_features``. Points are means over the networks of a regime that reached their target, at their mean dose,
    bars bootstrap intervals; there is none where the value of a network is undefined.
    """
    shown_series = {name: series[name] for name in SERIES if series.get(name)}
    rows = shown_features(features, stable)
    if not shown_series or not rows:
        return style.empty_figure("no series of doses was measured")
    reached = at_last_epoch(last_layer(features)).merge(
        runs[[*RUN, *(dose.column for dose in SERIES.values())]], on=RUN
    )
    shown = reached[reached["regime"].isin([regime for regimes in shown_series.values() for regime in regimes])]
    architectures = list(dict.fromkeys(shown["architecture"]))
    doses = last_layer(doses)
    width = style.HALF_WIDTH if len(shown_series) == 1 else style.FULL_WIDTH * 0.8
    lines = _LINE * len(architectures)
    row_height = min(_ROW + lines, max(_LEAST_ROW + lines, _ROOM / len(rows)))
    figure = style.new_figure(width, _MARGINS + row_height * len(rows))
    panels = figure.subplots(len(rows), len(shown_series), sharex="col", sharey="row", squeeze=False)
    interval, letters = bootstrap_of_mean(confidence, resamples), style.panel_letters()
    for (observable, feature), row in zip(rows, panels):
        of_feature = shown[(shown["observable"] == observable) & (shown["feature"] == feature)]
        correlated = doses[(doses["observable"] == observable) & (doses["feature"] == feature)]
        for axes, (name, regimes) in zip(row, shown_series.items()):
            of_series = of_feature[of_feature["regime"].isin(regimes)]
            _draw_panel(axes, of_series, SERIES[name].column, architectures, interval)
            style.name_panel(axes, next(letters), observable=observable, feature=feature, series=name)
            _write_correlations(axes, correlated[correlated["series"] == name], architectures)
        row[0].set_ylabel(f"{style.shortened(observable, 24)}:\n{style.axis_label(feature, 22)}")
    for column, (name, regimes) in zip(panels.T, shown_series.items()):
        ends = _ends(runs[runs["regime"].isin(regimes)], SERIES[name].column, memorizing, generalizing)
        _dose_axis(column, name, ends)
    keys = _keys(architectures, labels_with_counts_per_point(shown, "architecture", architectures))
    title = f"mean and {100 * confidence:.3g} % bootstrap interval over n networks at a dose"
    style.legend_below(figure, keys, width, title)
    figure.align_ylabels()
    return figure


def shown_features(features: pd.DataFrame, stable: pd.DataFrame) -> list[tuple[str, str]]:
    """Return observable and feature of at most ROWS rows.

    First mean and variance of the firing rate, of the first observable that has them; then the indicators of best rank
    in the last layer: the best one of each kind of observable, then more of any. Observables that share a feature are
    of one kind; of features that differ only in the order of images, in the labels or in the observable, one is shown.
    """
    has_rates = features.loc[features["feature"] == _RATES[0], "observable"]
    rows = [(has_rates.iloc[0], name) for name in _RATES] if len(has_rates) else []
    ranked = stable[stable["place"] == LAST_LAYER].sort_values("rank")
    best = list(ranked[["observable", "feature"]].itertuples(index=False, name=None))
    kinds = _kinds(features)
    for only_new_kinds in (True, False):
        for observable, feature in best:
            new_kind = kinds.get(observable) not in {kinds[shown] for shown, _ in rows}
            new_stem = _stem(feature) not in {_stem(shown) for _, shown in rows}
            if observable in kinds and new_stem and (new_kind or not only_new_kinds) and len(rows) < ROWS:
                rows.append((observable, feature))
    return rows


def _stem(feature: str) -> str:
    return stem_of(feature).removesuffix("_trained_labels")


def _kinds(features: pd.DataFrame) -> dict[str, str]:
    """Name for each observable the first one that shares a feature with it."""
    measured = features[["observable", "feature"]].drop_duplicates()
    names = {name: set(rows["feature"]) for name, rows in measured.groupby("observable", sort=False)}
    return {name: next(other for other in names if names[name] & names[other]) for name in names}


def _draw_panel(axes: Axes, values: pd.DataFrame, dose: str, architectures: Sequence[str], interval: Interval) -> None:
    values = values[values["reached_target"]]
    for number, architecture in enumerate(architectures):
        points = []
        for _, networks in values[values["architecture"] == architecture].groupby("regime", sort=False):
            of_networks = networks.pivot(index="regime", columns="seed", values="value")
            points.append(mean_over_networks(of_networks, interval).assign(dose=networks[dose].mean()))
        if points:
            course = pd.concat(points).sort_values("dose", kind="stable")
            course, look = keep(axes, course, architecture=architecture), _look(number)
            axes.vlines(course["dose"], course["low"], course["high"], color=look["color"], linewidth=0.9)
            axes.plot(course["dose"], course["value"], **look)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if not values["value"].notna().any():
        style.say(axes, "undefined")


def _write_correlations(axes: Axes, correlated: pd.DataFrame, architectures: Sequence[str]) -> None:
    """Write Spearman's ρ and its interval above a panel, a line an architecture."""
    lines = []
    for architecture in architectures:
        of_architecture = correlated[correlated["architecture"] == architecture]
        written = of_architecture.rename(columns={"rho": "value", "networks": "n"})[["value", "low", "high", "n"]]
        written = keep(axes, written, drawn="Spearman's rho", architecture=architecture)
        for row in written.itertuples():
            text = (
                "undefined"
                if np.isnan(row.value)
                else f"{written_share(row.value)} [{written_share(row.low)}, {written_share(row.high)}]"
            )
            lines.append(f"{style.shortened(architecture, 16)}  ρ = {text}".replace("= undefined", "undefined"))
    axes.set_title("\n".join(lines), loc="right", fontsize=6, linespacing=1.15)


def _ends(runs: pd.DataFrame, dose: str, memorizing: str, generalizing: str) -> dict[str, float]:
    """Return the mean dose of the two compared regimes where they are of the series."""
    means = runs.groupby("regime")[dose].mean()
    return {name: means[name] for name in (generalizing, memorizing) if name in means.index}


def _dose_axis(column: Sequence[Axes], name: str, ends: dict[str, float]) -> None:
    column[-1].set_xlabel(SERIES[name].words, labelpad=10)
    if name == "training_size":
        column[0].set_xscale("log")
        column[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        column[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        column[0].xaxis.set_minor_locator(NullLocator())
    column[0].margins(x=0.06)
    for regime, dose in ends.items():
        for axes in column:
            axes.axvline(dose, color="0.85", linewidth=0.6, zorder=0)
        name = style.shortened(regime, 20)
        below = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center", "va": "top"}
        column[-1].annotate(name, (dose, 0), (0, -12), style="italic", fontsize=6, **below)


def _look(number: int) -> dict:
    color = _SHADES[number % len(_SHADES)]
    return {
        "color": color,
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markerfacecolor": "white" if number % 2 else color,
        "markeredgewidth": 0.8,
    }


def _keys(architectures: Sequence[str], labels: dict[str, str]) -> list[Line2D]:
    return [Line2D([], [], label=labels[name], **_look(number)) for number, name in enumerate(architectures)]
