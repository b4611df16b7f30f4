"""How the training response ages, and each of its factors, for one dataset and architecture."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context

from spikegrid.figures import style
from spikegrid.figures.curves import bootstrap_of_mean, draw_curve, epoch_axis, logarithmic_axis
from spikegrid.figures.data import Figure
from spikegrid.figures.networks import labels_with_counts

PANELS = {
    "response_error": "error  |e|",
    "response_kernel": "kernel  |K e| / |e|",
    "response_amplitude": "response of logits  |R|",
    "response_slope": "slope  |S R₁| / |R₁|",
    "response_probability_amplitude": "slope × kernel × error",
    "finite_step_deviation": "|R − R₁| / |R₁|",
}
"""What each panel shows: the factors, their products, and whether a step is small."""

_COLUMNS, _ROW = 3, 41.0


@rc_context(style.RC)
def draw_response_decay(
    features: pd.DataFrame, regimes: Sequence[str], confidence: float = 0.95, resamples: int = 10_000
) -> Figure:
    """Draw a panel for each of PANELS: geometric mean over networks against the epoch, both logarithmic.

    features: the tidy table of one observable on one dataset and architecture, with ``reached_target``. Lines are
    geometric means over the networks that reached their target, so that those of factors multiply; bands are bootstrap
    intervals of them, and a regime without training is a level line. The epoch axis is linear up to 1.
    """
    looks, interval = style.regime_looks(regimes), bootstrap_of_mean(confidence, resamples)
    reached = features[features["reached_target"]]
    figure = style.new_figure(style.FULL_WIDTH, 14 + _ROW * len(PANELS) / _COLUMNS)
    panels = figure.subplots(len(PANELS) // _COLUMNS, _COLUMNS, sharex=True).ravel()
    for axes, letter, (feature, title) in zip(panels, style.panel_letters(), PANELS.items()):
        of_feature = reached[reached["feature"] == feature]
        for regime, look in looks.items():
            of_regime = of_feature[of_feature["regime"] == regime]
            values = of_regime.pivot(index="epoch", columns="seed", values="value")
            if len(values):
                draw_curve(axes, values, regime, look, interval, markers=True, geometric=True)
        epoch_axis(axes, int(features["epoch"].max()))
        axes.label_outer(remove_inner_ticks=False)
        axes.tick_params(labelleft=True)
        if (of_feature["value"] > 0).any():
            logarithmic_axis(axes)
        else:
            style.say(axes, "undefined")
            axes.set_yticks([])
        style.name_panel(axes, letter, title, feature=feature)
    keys = style.regime_keys(looks, labels_with_counts(features, regimes), marker=True)
    note = f"geometric mean and {100 * confidence:.3g} % bootstrap interval over n networks"
    style.legend_below(figure, keys, style.FULL_WIDTH, note)
    return figure
