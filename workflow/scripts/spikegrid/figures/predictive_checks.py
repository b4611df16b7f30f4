"""Map of predictive checks: which model reproduces which statistic, regime by regime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from spikegrid.figures import style
from spikegrid.figures.cells import last_layer, of_cell
from spikegrid.figures.data import Figure, keep
from spikegrid.simulation import COLUMNS
from spikegrid.tables import read_named

_SHARES = ScalarMappable(Normalize(0, 1), LinearSegmentedColormap.from_list("passing", ["#FFFFFF", "#004C8C"]))
"""Light where networks fail a check, dark where they pass it, in colour and in grey."""

_FITTED = {"facecolor": "0.94", "edgecolor": "0.65", "hatch": "//////", "linewidth": 0}
_PER_LINE, _ROW, _LABELS, _SCALE_HEIGHT = 3, 4.4, 42.0, 2.2


def read_checks(path: str | Path, observable: str, dataset: str, architecture: str) -> pd.DataFrame:
    """Return the rows of one observable, dataset and architecture of the csv table of predictive checks."""
    table = of_cell(read_named(path, COLUMNS), (dataset, architecture))
    return table[table["observable"] == observable]


@rc_context(style.RC)
def draw_predictive_checks(checks: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw a panel a regime: rows of statistics, columns of models, of the last layer.

    checks: the table of ``summarize_checks`` for one observable, dataset and architecture. Shade is the share of
    networks that pass, the number in a cell the mean of z. What a model is fitted to is hatched, and has no number
    where all surrogates are as the data.
    """
    checks = last_layer(checks[checks["regime"].isin(regimes)])
    shown = [regime for regime in regimes if (checks["regime"] == regime).any()]
    models, statistics = (checks[column].drop_duplicates().tolist() for column in ("model", "statistic"))
    lines = -(-len(shown) // _PER_LINE)
    columns = min(len(shown), _PER_LINE)
    width = _LABELS + (style.FULL_WIDTH - _LABELS) * columns / _PER_LINE
    figure = style.new_figure(width, 24 + lines * (16 + _ROW * len(statistics)))
    grid = figure.add_gridspec(lines + 1, columns, height_ratios=[_ROW * len(statistics)] * lines + [_SCALE_HEIGHT])
    letters = style.panel_letters()
    for place, regime in enumerate(shown):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        of_regime = checks[checks["regime"] == regime]
        _draw_panel(axes, of_regime, statistics, models, named=place % columns == 0)
        title = f"{style.shortened(regime, 22)}, n = {of_regime['networks'].max()}"
        style.name_panel(axes, next(letters), title, regime=regime)
    scale = figure.add_subplot(grid[-1, :])
    ticks, label = [0, 0.25, 0.5, 0.75, 1], "share of networks that pass"
    bar = figure.colorbar(_SHARES, cax=scale, orientation="horizontal", ticks=ticks, label=label)
    bar.outline.set_linewidth(0.4)
    keys = [Patch(**_FITTED, label="the model is fitted to it"), Patch(facecolor="none", label="–  z undefined")]
    layer = style.shortened(checks["layer"].iloc[0], 60)
    style.legend_below(figure, keys, width, f"layer {layer}; numbers: mean z of the data among surrogates")
    return figure


def _draw_panel(axes: Axes, checks: pd.DataFrame, statistics: list[str], models: list[str], named: bool) -> None:
    columns = ["layer", "model", "statistic", "by_construction", "passing", "z", "networks"]
    shown = keep(axes, checks[columns].rename(columns={"networks": "n"}), drawn="check")
    for check in shown.to_dict("records"):
        left, top = models.index(check["model"]), statistics.index(check["statistic"])
        passing, fitted = check["passing"], check["by_construction"]
        exact = fitted and np.isnan(check["z"])
        shade = "white" if np.isnan(passing) else _SHARES.to_rgba(passing)
        look = _FITTED if exact else {"facecolor": shade, "edgecolor": "0.65", "linewidth": 0.4}
        axes.add_patch(Rectangle((left, top), 1, 1, **look | ({"hatch": _FITTED["hatch"]} if fitted else {})))
        if not exact:
            ink, ground = ("white" if passing > 0.5 else style.INK), {"facecolor": shade, "lw": 0, "pad": 0.8}
            number = _number(check["z"])
            axes.text(left + 0.5, top + 0.53, number, ha="center", va="center", color=ink, fontsize=6, bbox=ground)
    axes.set_xlim(0, len(models))
    axes.set_ylim(len(statistics), 0)
    labels = [style.feature_label(model, 9).replace("gaussian", "Gaussian") for model in models]
    axes.set_xticks(np.arange(len(models)) + 0.5, labels)
    axes.set_yticks(np.arange(len(statistics)) + 0.5, map(style.feature_label, statistics))
    axes.tick_params(length=0, labelleft=named)
    axes.spines[:].set_visible(False)


def _number(z: float) -> str:
    if np.isnan(z):
        return "–"
    return (f"{z:+.1f}" if abs(z) < 10 else f"{z:+.0f}").replace("-", "−")
