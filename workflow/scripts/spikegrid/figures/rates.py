"""Distribution of firing rates over units, for one dataset and architecture."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from scipy.special import betainc, gammainc, ndtr

from spikegrid.figures import style
from spikegrid.figures.curves import mean_over_networks, value_range
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers
from spikegrid.model_fit import ModelFit, best_model
from spikegrid.rate_models import fit_rate_models

BINS = np.linspace(0, 1, 26)

FITTED = 4
"""Number of regimes up to which areas are filled and laws are drawn: more would hide each other."""

_COLUMN, _ROW, _NAME = 52.0, 40.0, 3.8


@rc_context(style.RC)
def draw_rates(units: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw for at most 4 layers the rates of the units that fire sometimes, and below it the shares of the others.

    units: a row a unit and network, at the last epoch, with ``regime`` and ``reached_target``. Units of all networks
    that reached their target are pooled; shares of dead and always-on units are means and ranges over networks. Of at
    most FITTED regimes a line shows the law of rates of lowest AIC, fitted to the pooled units, and its name.
    """
    labels = labels_with_counts(units, regimes)
    looks = {regime: look for regime, look in style.regime_looks(regimes).items() if regime in labels}
    layers = shown_layers(units)
    shares = _silent_shares(units[units["reached_target"]])
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 20 + _COLUMN * len(layers)))
    strip = 10 + 3.0 * len(labels)
    names = _NAME * len(labels) if len(looks) <= FITTED else 0
    row = _ROW + names
    figure = style.new_figure(width, row + strip + 22)
    panels = figure.subplots(2, len(layers), sharex="row", sharey="row", squeeze=False, height_ratios=[row, strip])
    highest = 0.0
    letters = list(islice(style.panel_letters(), panels.size))
    for place, (layer, (above, below)) in enumerate(zip(layers, panels.T)):
        of_layer = units[(units["layer"] == layer) & units["reached_target"]]
        highest = max(highest, _draw_distribution(above, of_layer, looks))
        _draw_shares(below, shares[shares["layer"] == layer], looks, list(labels))
        style.name_panel(above, letters[place], style.shortened(layer, 26), layer=layer)
        style.name_panel(below, letters[len(layers) + place], layer=layer)
    panels[0, 0].set_ylim(0, 1.05 * (highest or 1) * row / (row - names))  # room for the names of laws
    widest = max(0.05, shares["share"].max())
    panels[1, 0].set_xlim(-0.04 * widest, 1.04 * widest)
    panels[0, 0].set_ylabel("share of units\nwith 0 < rate < 1")
    lines = "lines, law of lowest AIC" if len(looks) <= FITTED else f"no laws: over {FITTED} regimes"
    style.legend_below(
        figure,
        style.regime_keys(looks, labels, marker=True),
        width,
        f"units of n networks pooled; {lines}; below, mean and range over networks",
    )
    return figure


def _silent_shares(units: pd.DataFrame) -> pd.DataFrame:
    """Return the share of dead and of always-on units in each layer of each network."""
    silent = pd.DataFrame({"dead": units["firing_rate"] == 0, "always on": units["firing_rate"] == 1})
    keys = [units[key] for key in ("layer", "regime", "seed")]
    return silent.groupby(keys).mean().melt(ignore_index=False, var_name="state", value_name="share").reset_index()


def _draw_distribution(axes: Axes, units: pd.DataFrame, looks: dict[str, style.Look]) -> float:
    """Draw the rates of active units and return the height of the highest bin."""
    highest, laws = 0.0, []
    for regime, look in looks.items():
        of_regime = units[(units["regime"] == regime) & (units["firing_rate"] > 0) & (units["firing_rate"] < 1)]
        firing = of_regime["firing_rate"].to_numpy()
        if len(firing) == 0:
            continue
        pooled = {"regime": regime, "units": len(firing), "n": of_regime["seed"].nunique()}
        shares = pd.DataFrame({"from": BINS[:-1], "to": BINS[1:], "value": np.histogram(firing, BINS)[0] / len(firing)})
        shares = keep(axes, shares, drawn="share of units", **pooled)["value"]
        highest = max(highest, shares.max())
        if len(looks) > FITTED:
            axes.stairs(shares, BINS, color=look.color, linestyle=look.dashes, linewidth=1)
            continue
        axes.stairs(shares, BINS, fill=True, color=look.color, alpha=0.15)
        axes.stairs(shares, BINS, color=look.color, linewidth=0.5, alpha=0.7)
        if law := best_model(fit_rate_models(firing)):
            line = pd.DataFrame({"firing_rate": _PLACES, "value": _share_per_bin(law)})
            line = keep(axes, line, drawn="law", law=law.model, **pooled)
            axes.plot(line["firing_rate"], line["value"], color=look.color, linestyle=look.dashes, linewidth=1.2)
            laws.append(style.regime_key(look, law.model))
    if laws:
        axes.legend(handles=laws, loc="upper left", borderaxespad=0.2, labelspacing=0.25, labelcolor="linecolor")
    axes.set_xlim(0, 1)
    axes.set_xlabel("firing rate (spikes per image)")
    return highest


_WIDTH = BINS[1] - BINS[0]
_PLACES = np.linspace(_WIDTH / 2, 1 - _WIDTH / 2, 481)
"""Middles of bins, those of BINS among them, that lie wholly in 0..1: there the share of a bin is finite where the
density is not."""


def _share_per_bin(law: ModelFit) -> np.ndarray:
    """Return the share that a law expects in a bin of the histogram's width around each of _PLACES."""
    values = law.parameters
    distribution = {
        "beta": lambda x: betainc(values["alpha"], values["beta"], x),
        "gamma": lambda x: gammainc(values["shape"], x / values["scale"]),
        "lognormal": lambda x: ndtr((np.log(x) - values["mu"]) / values["sigma"]),
        "exponential": lambda x: -np.expm1(-x / values["scale"]),
    }[law.model]
    with np.errstate(divide="ignore"):  # log 0, of which the share is 0
        return distribution(_PLACES + _WIDTH / 2) - distribution(_PLACES - _WIDTH / 2)


def _draw_shares(axes: Axes, shares: pd.DataFrame, looks: dict[str, style.Look], regimes: list[str]) -> None:
    states = ["dead", "always on"]
    for regime, offset in zip(regimes, _offsets(len(regimes))):
        of_regime = shares[shares["regime"] == regime].pivot(index="state", columns="seed", values="share")
        if of_regime.empty:
            continue
        mean = keep(axes, mean_over_networks(of_regime.reindex(states), value_range), regime=regime)
        look, places = looks[regime], np.arange(len(states)) + offset
        axes.plot([mean["low"], mean["high"]], [places, places], color=look.color, linewidth=0.8)
        axes.plot(mean["value"], places, look.marker, color=look.color, mew=0)
    axes.set_yticks(range(len(states)), states)
    axes.set_ylim(len(states) - 0.5, -0.5)
    axes.set_xlabel("share of units")


def _offsets(regimes: int) -> np.ndarray:
    return np.linspace(-0.3, 0.3, regimes) if regimes > 1 else np.zeros(1)
