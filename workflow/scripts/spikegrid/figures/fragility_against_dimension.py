"""Fragility against feature-space reduction: flip distance against effective dimension, along training."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from spikegrid.figures import style
from spikegrid.figures.cells import last_layer
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts

DIMENSION = "effective_dimension_activations"
"""Feature along the horizontal axis, of the layer nearest the output."""

PANELS = {"flip_distance_l2": "L2", "flip_distance_linf": "L∞"}
"""Features along the vertical axes and the norms of their distances."""

_HEIGHT = 82.0
_PATH = {"linewidth": 0.6, "alpha": 0.6, "zorder": 2}
_FIRST = {"markerfacecolor": "white", "markersize": 4.5, "markeredgewidth": 0.9}
_BETWEEN = {"markersize": 2.6, "markeredgewidth": 0, "alpha": 0.6}
_LAST = {"markersize": 5.5, "markeredgecolor": style.INK, "markeredgewidth": 0.7}


@rc_context(style.RC)
def draw_fragility_against_dimension(features: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw a panel a norm: a point a network and checkpoint, those of a network joined along its training.

    features: the joined table of an observable of fragility and one of dimension, on one dataset and architecture, with
    ``reached_target``. Networks that missed their target are left out, and so are checkpoints where one of the two
    values is undefined. Open points are first checkpoints, framed points last ones.
    """
    features = features[features["regime"].isin(regimes)]
    looks, checkpoints = style.regime_looks(regimes), _checkpoints(features)
    names = [name for name in PANELS if name in checkpoints]
    if DIMENSION not in checkpoints or not names:
        return style.empty_figure("no effective dimension of activations,\nor no flip distance, was measured")
    figure = style.new_figure(style.FULL_WIDTH, _HEIGHT)
    panels = figure.subplots(1, len(names), sharex=True, squeeze=False)[0]
    layer = last_layer(features[features["feature"] == DIMENSION])["layer"].iloc[0]
    for name, axes, letter in zip(names, panels, style.panel_letters()):
        _draw_paths(axes, checkpoints.dropna(subset=[DIMENSION, name]), name, looks)
        style.name_panel(axes, letter, feature=name)
        axes.set_xlabel(f"effective dimension of activations, {style.shortened(layer, 24)}")
        axes.set_ylabel(f"median flip distance, {PANELS[name]} (brightness)")
    keys = style.regime_keys(looks, labels_with_counts(features, regimes), marker=True)
    style.legend_below(figure, [*keys, *_keys_of_ends()], style.FULL_WIDTH)
    return figure


def _checkpoints(features: pd.DataFrame) -> pd.DataFrame:
    """Return a row a checkpoint of the networks that reached their target, a column a feature that was measured."""
    dimension = last_layer(features[features["feature"] == DIMENSION])
    shown = pd.concat([dimension, features[features["feature"].isin(list(PANELS))]])
    shown = shown[shown["reached_target"]]
    return shown.pivot(index=["regime", "seed", "epoch"], columns="feature", values="value").reset_index()


def _draw_paths(axes: Axes, checkpoints: pd.DataFrame, name: str, looks: dict[str, style.Look]) -> None:
    if not len(checkpoints):
        style.say(axes, "undefined")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for (regime, _), path in checkpoints.groupby(["regime", "seed"]):
        look, path = looks[regime], path.sort_values("epoch").rename(columns={name: "value"})
        path = keep(axes, path[["regime", "seed", "epoch", DIMENSION, "value"]], drawn="network")
        x, y = path[DIMENSION].to_numpy(), path["value"].to_numpy()
        axes.plot(x, y, color=look.color, linestyle=look.dashes, **_PATH)
        for part, points in ((slice(1, -1), _BETWEEN), (slice(-1, None), _LAST), (slice(0, 1), _FIRST)):
            if part != slice(-1, None) or len(x) > 1:
                axes.plot(x[part], y[part], color=look.color, linestyle="", marker=look.marker, zorder=3, **points)


def _keys_of_ends() -> list[Line2D]:
    grey = {"color": style.PALE, "linestyle": "", "marker": "o"}
    return [
        Line2D([], [], **grey, **_FIRST, label="first checkpoint"),
        Line2D([], [], **grey, **_LAST, label="last checkpoint"),
    ]
