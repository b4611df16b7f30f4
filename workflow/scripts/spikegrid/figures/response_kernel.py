"""Tangent kernel and training response against the distance of images, by stage of training, regime by regime."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D

from spikegrid.figures import style
from spikegrid.figures.curves import Interval, bootstrap_of_mean, mean_over_networks
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts

REGIMES = 4
"""How many regimes are shown at most."""

STAGES = 4
"""How many epochs are shown at most, the first and the last among them."""

_COLUMN, _ROW = 43.0, 41.0
_MARKERS = ["o", "s", "^", "D"]
_PALEST, _BAND = 0.35, 0.15


@rc_context(style.RC)
def draw_response_kernel(
    pairs: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw for at most REGIMES regimes κ against the distance of images, and below it the response |R|.

    pairs: a row for each network, epoch and bin of distance, as the observable ``response`` gives them in its table
    ``kernel``, with ``regime`` and ``reached_target``. Points are means over the networks that reached their target,
    geometric ones of |R|; bands bootstrap intervals; the later the epoch, the fuller the colour.
    """
    looks, labels = style.regime_looks(regimes), labels_with_counts(pairs, regimes)
    shown, left_out = list(labels)[:REGIMES], list(labels)[REGIMES:]
    reached = pairs[pairs["reached_target"] & pairs["regime"].isin(shown)]
    epochs = np.sort(pairs["epoch"].unique())
    stages = epochs[np.linspace(0, len(epochs) - 1, min(STAGES, len(epochs))).round().astype(int)].tolist()
    interval = bootstrap_of_mean(confidence, resamples)
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, 14 + _COLUMN * len(shown)))
    figure = style.new_figure(width, 22 + 2 * _ROW)
    above, below = figure.subplots(2, len(shown), sharex=True, sharey="row", squeeze=False)
    letters = style.panel_letters()
    for row, column in ((above, "kernel"), (below, "response")):
        row[0].set_yscale("linear" if column == "kernel" else "log")
        for regime, axes in zip(shown, row):
            of_regime = reached[reached["regime"] == regime]
            for place, stage in enumerate(stages):
                at_stage = of_regime[of_regime["epoch"] == stage]
                look = style.Look(_shade(looks[regime].color, place, len(stages)), (0, ()), _MARKERS[place])
                _draw_stage(axes, at_stage, column, look, interval)
            if of_regime[column].notna().sum() == 0:
                style.say(axes, "undefined in every\nnetwork that\nreached its target")
            title = style.shortened(regime, 24) if row is above else ""
            style.name_panel(axes, next(letters), title, regime=regime, feature=column)
    above[0].set_ylabel("kernel κ")
    below[0].set_ylabel("response of logits |R|")
    for axes in below:
        axes.set_xlabel("distance of images")
    keys = style.regime_keys({regime: looks[regime] for regime in shown}, labels)
    for key in keys:
        key.set_linestyle("-")
    keys += [
        Line2D([], [], color=_shade(style.INK, place, len(stages)), marker=_MARKERS[place], label=f"epoch {stage}")
        for place, stage in enumerate(stages)
    ]
    note = f"; not shown: {', '.join(style.shortened(regime, 20) for regime in left_out)}" if left_out else ""
    title = f"mean and {100 * confidence:.3g} % bootstrap interval over n networks{note}"
    style.legend_below(figure, keys, width, title)
    return figure


def _shade(color: str, place: int, stages: int) -> str:
    """Return a colour, mixed with white the more the earlier the stage."""
    strength = _PALEST + (1 - _PALEST) * (place + 1) / stages
    return to_hex(1 - strength * (1 - np.array(to_rgb(color))))


def _draw_stage(axes: Axes, pairs: pd.DataFrame, column: str, look: style.Look, interval: Interval) -> None:
    if pairs.empty:
        return
    values = pairs.pivot(index="bin", columns="seed", values=column)
    course = mean_over_networks(values, interval, geometric=column == "response")
    distances = pairs.groupby("bin")["distance"].mean().to_numpy()
    course = keep(axes, course.assign(distance=distances), epoch=pairs["epoch"].iloc[0])
    axes.plot(course["distance"], course["value"], color=look.color, marker=look.marker)
    axes.fill_between(course["distance"], course["low"], course["high"], color=look.color, alpha=_BAND, linewidth=0)
