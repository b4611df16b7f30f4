"""Spectra of principal components of the last layer: how the variance of its patterns falls off, by regime."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from spikegrid.figures import style
from spikegrid.figures.curves import mean_over_networks, value_range
from spikegrid.figures.data import Figure, keep
from spikegrid.figures.networks import labels_with_counts, shown_layers

_COLUMN, _HEIGHT = 58.0, 74.0
_LEAST_RATIO = 1e-5
_MARKED = (1, 2, 5, 10, 20, 50)
_BAND = 0.2


@rc_context(style.RC)
def draw_spectra(spectra: pd.DataFrame, features: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw the explained variance ratio of each leading component against its rank, one panel a representation.

    spectra: a row for each network, layer, representation and component, as the observable ``dimension`` gives them,
    with ``regime`` and ``reached_target``. features: its tidy table with ``reached_target``. Both are of the last
    epoch, and only the layer nearest the output is shown. Lines are means over the networks that reached their target
    and whose layer varies, bands their range; the marker at the foot is the mean effective dimension of the same.
    Ratios below 0.00001 are off the axis.
    """
    labels = labels_with_counts(spectra, regimes)
    looks = {regime: look for regime, look in style.regime_looks(regimes).items() if regime in labels}
    layer = shown_layers(spectra)[-1]
    spectra, features = (table[table["layer"] == layer] for table in (spectra, features))
    representations = list(dict.fromkeys(spectra["representation"]))
    sizes = ", ".join(f"{_range(spectra[column])} {column}" for column in ("units", "images"))
    spectra, features = (table[table["reached_target"]] for table in (spectra, features))
    width = min(style.FULL_WIDTH, max(style.HALF_WIDTH, _COLUMN * len(representations) + 6))
    figure = style.new_figure(width, _HEIGHT)
    panels = figure.subplots(1, len(representations), sharex=True, sharey=True, squeeze=False)[0]
    for representation, axes, letter in zip(representations, panels, style.panel_letters()):
        of_panel = spectra[spectra["representation"] == representation]
        dimensions = features[features["feature"] == f"effective_dimension_{representation}"]
        for regime, look in looks.items():
            of_regime = (table[table["regime"] == regime] for table in (of_panel, dimensions))
            _draw_regime(axes, *of_regime, regime, look)
        if not axes.lines:
            style.say(axes, "no layer that varies")
        style.name_panel(axes, letter, representation, layer=layer, representation=representation)
        axes.set_xlabel("principal component")
    panels[0].set(xscale="log", yscale="log", ylabel="share of variance explained")
    _limit(panels[0], spectra)
    note = f"{layer}, {sizes}; mean and range over n networks; markers at the foot, effective dimension"
    style.legend_below(figure, style.regime_keys(looks, labels, marker=True), width, note)
    return figure


def _draw_regime(axes: Axes, spectra: pd.DataFrame, dimensions: pd.DataFrame, regime: str, look: style.Look) -> None:
    ratios = spectra.pivot(index="component", columns="seed", values="explained_variance_ratio").dropna(axis=1)
    if ratios.empty:
        return
    course = keep(axes, mean_over_networks(ratios, value_range), regime=regime)
    marked = [place for place, component in enumerate(course["component"]) if component in _MARKED]
    line = {"linestyle": look.dashes, "marker": look.marker, "markevery": marked}
    axes.plot(course["component"], course["value"], color=look.color, **line)
    axes.fill_between(course["component"], course["low"], course["high"], color=look.color, alpha=_BAND, linewidth=0)
    foot = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 3}
    dimension = pd.DataFrame({"component": [dimensions["value"].mean()], "n": dimensions["value"].count()})
    dimension = keep(axes, dimension, drawn="mean effective dimension", regime=regime)
    axes.plot(dimension["component"], [0.0], look.marker, color=look.color, mec="white", mew=0.5, ms=5, **foot)


def _limit(axes: Axes, spectra: pd.DataFrame) -> None:
    """Show ratios from the least one, or _LEAST_RATIO, to 1, and ranks as plain numbers."""
    ratios = spectra.loc[spectra["explained_variance_ratio"] > _LEAST_RATIO, "explained_variance_ratio"]
    axes.set_ylim(0.7 * ratios.min() if len(ratios) else _LEAST_RATIO, 1.2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _range(sizes: pd.Series) -> str:
    return "–".join(map(str, dict.fromkeys([sizes.min(), sizes.max()])))
