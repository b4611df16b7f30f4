"""Rasters: the spikes of the last thresholded layer of one network of each regime, after its training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spikegrid.figures import style
from spikegrid.figures.data import Figure, keep, name_data
from spikegrid.randomness import derived_seed
from spikegrid.spikes import Spikes
from spikegrid.trains import SpikeTrains

UNITS, IMAGES = 60, 150
"""How many units and images a raster shows at most."""

_UNIT_HEIGHT, _LEAST_HEIGHT, _REGIMES_IN_A_COLUMN = 0.7, 20.0, 4


@rc_context(style.RC)
def draw_raster(recordings: Sequence[Spikes], runs: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw a raster for each regime: units × the images presented first, and the firing rate of each unit beside it.

    recordings: spike files of one dataset and architecture, one a regime. runs: a row a network, with
    ``reached_target``. Of each recording the first seed that reached its target is shown, or the first seed, named as
    one that missed it. Units are a random sample, sorted by their rate over all images presented.

    The data behind it hold a row a spike, and none where there is none: ``place`` is the row of the raster, from 1,
    ``unit`` the number of the unit among those kept in the spike file, from 0, ``image`` the number of the image in the
    order of presentation, from 1.
    """
    looks = style.regime_looks(regimes)
    by_regime = {recording.meta["run"]["regime"]: recording for recording in recordings}
    shown = [regime for regime in regimes if regime in by_regime]
    columns = 1 if len(shown) <= _REGIMES_IN_A_COLUMN else 2
    rows = -(-len(shown) // columns)
    units = min(UNITS, max(recording.layers[-1].kept for recording in recordings))
    height = max(_LEAST_HEIGHT, units * _UNIT_HEIGHT)
    figure = style.new_figure(style.FULL_WIDTH, 8 + rows * (height + 9))
    panels = figure.subplots(rows, 2 * columns, squeeze=False, width_ratios=[11, columns] * columns).reshape(-1, 2)
    for number, (regime, pair, letter) in enumerate(zip(shown, panels, style.panel_letters())):
        recording = by_regime[regime]
        seed, note = _shown_seed(runs[runs["regime"] == regime], recording.seeds)
        _draw_recording(*pair, recording, seed, looks[regime], is_lowest=number >= len(shown) - columns)
        names = [style.shortened(name, 20) for name in (regime, recording.layers[-1].name)]
        epoch = recording.epochs[-1]
        style.name_panel(pair[0], letter, f"{', '.join(names)}, seed {seed}, epoch {epoch}{note}")
        for axes in pair:
            shows = {"regime": regime, "seed": seed, "epoch": epoch, "layer": recording.layers[-1].name}
            name_data(axes, panel=letter, **shows)
    for pair in panels[len(shown) :]:
        for axes in pair:
            axes.remove()
    return figure


def _shown_seed(networks: pd.DataFrame, seeds: Sequence[int]) -> tuple[int, str]:
    reached = networks.loc[networks["reached_target"], "seed"]
    chosen = [seed for seed in seeds if seed in set(reached)]
    return (chosen[0], "") if chosen else (seeds[0], " (missed target)")


def _draw_recording(raster: Axes, side: Axes, recording: Spikes, seed: int, look: style.Look, is_lowest: bool) -> None:
    layer = recording.layers[-1]
    trains = recording.trains_at(layer.name, seed, recording.epochs[-1])
    rates = trains.rates()
    generator = np.random.default_rng(derived_seed("raster", layer.name))
    sample = generator.choice(trains.units, min(UNITS, trains.units), replace=False)
    sample = sample[np.argsort(rates[sample], kind="stable")]
    spikes = SpikeTrains(trains.words[sample], trains.length).to_array()[:, :IMAGES]
    row, image = np.nonzero(spikes)
    fired = keep(raster, pd.DataFrame({"unit": sample[row], "place": row + 1, "image": image + 1}), drawn="spike")
    x, y = fired["image"].to_numpy(), fired["place"].to_numpy()
    strokes = np.stack([y - 0.45, y + 0.45, np.full(len(y), np.nan)], axis=1)  # one path, with gaps
    raster.plot(np.repeat(x, 3), strokes.ravel(), color=style.INK, linewidth=0.8, solid_capstyle="butt", snap=True)
    bars = pd.DataFrame({"unit": sample, "place": np.arange(len(sample)) + 1, "value": rates[sample]})
    bars = keep(side, bars, drawn="firing rate")
    side.barh(bars["place"], bars["value"], height=0.8, color=look.color)
    raster.set_xlim(0, spikes.shape[1] + 1)
    raster.xaxis.get_major_locator().set_params(integer=True)
    raster.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    side.set_xlim(0, 1)
    for axes in (raster, side):
        axes.set_ylim(0, len(sample) + 1)
        axes.tick_params(labelbottom=is_lowest)
    side.tick_params(labelleft=False, left=False)
    raster.set_ylabel(f"unit, by rate\n({len(sample)} of {layer.units})")
    if is_lowest:
        order = recording.meta["order"].replace("_", "-")
        shown = "bin" if "recording" in recording.meta else "image"
        raster.set_xlabel(f"{shown} ({order} order, first {spikes.shape[1]} of {trains.length})")
        side.set_xlabel(f"rate (spikes\nper {shown})")
