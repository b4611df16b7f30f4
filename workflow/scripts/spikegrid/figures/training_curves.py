"""Training curves of one dataset: loss and accuracies of every architecture under every regime."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.figures import style
from spikegrid.figures.curves import draw_curve, epoch_axis, value_range
from spikegrid.figures.data import Figure, keep

PANELS = {
    "loss": "loss",
    "train_accuracy": "labels trained on",
    "true_label_accuracy": "true training labels",
    "test_accuracy": "test images",
}
"""Columns of a history and the titles of their panels."""

_ROW, _KEY_LINE, _KEY_WIDTH = 36.0, 3.5, 22


@rc_context(style.RC)
def draw_training_curves(history: pd.DataFrame, runs: pd.DataFrame, regimes: Sequence[str]) -> Figure:
    """Draw rows of architectures; columns loss and accuracy on labels trained on, true labels and test images.

    history: a row a network and epoch, of one dataset. runs: a row a network, with ``reached_target``. regimes: all
    names, in the order of the configuration. Lines are means over networks and bands their range; a network that missed
    its target is in no mean and has a dotted line of its own.
    """
    looks = style.regime_looks(regimes)
    network = ["architecture", "regime", "seed"]
    history = history.merge(runs[[*network, "reached_target"]], on=network, validate="many_to_one")
    architectures = list(dict.fromkeys(history["architecture"]))
    keys = [_keys(history[history["architecture"] == name], looks) for name in architectures]
    heights = [max(_ROW, 8 + _KEY_LINE * _lines(row_keys)) for row_keys in keys]
    figure = style.new_figure(style.FULL_WIDTH, 12 + sum(heights))
    rows = figure.subplots(len(architectures), len(PANELS), sharex=True, squeeze=False, height_ratios=heights)
    letters = style.panel_letters()
    for name, row, row_keys in zip(architectures, rows, keys):
        of_architecture = history[history["architecture"] == name]
        for axes, (column, title) in zip(row, PANELS.items()):
            _draw_panel(axes, of_architecture, column, looks)
            epoch_axis(axes, int(history["epoch"].max()))
            axes.label_outer(remove_inner_ticks=False)
            axes.tick_params(labelleft=axes in row[:2])
            style.name_panel(axes, next(letters), title if axes in rows[0] else "", architecture=name, feature=column)
        row[0].set_ylabel(f"{style.shortened(name, 30)}\ncross-entropy (nats)")
        row[1].set_ylabel("accuracy (share correct)")
        row[-1].legend(
            handles=row_keys, loc="upper left", bbox_to_anchor=(1.02, 1.1), borderaxespad=0, alignment="left"
        )
    rows[0, -1].get_legend().set_title("mean and range\nover n networks")
    return figure


def _draw_panel(axes: Axes, history: pd.DataFrame, column: str, looks: dict[str, style.Look]) -> None:
    for regime, look in looks.items():
        of_regime = history[history["regime"] == regime].pivot(index="epoch", columns="seed", values=column)
        missed = history[(history["regime"] == regime) & ~history["reached_target"]]["seed"].unique()
        for seed in missed:
            course = of_regime[seed].rename("value").reset_index()
            course = keep(axes, course, drawn="network that missed its target", regime=regime, seed=seed)
            axes.plot(course["epoch"], course["value"], color=look.color, linestyle=":", linewidth=0.7)
        averaged = of_regime.drop(columns=missed)
        if len(averaged.columns):
            draw_curve(axes, averaged, regime, look, value_range)
    if column == "loss":
        axes.set_yscale("log", nonpositive="mask")
    else:
        axes.set_ylim(-0.03, 1.03)


def _keys(history: pd.DataFrame, looks: dict[str, style.Look]) -> list[Line2D]:
    networks = history.drop_duplicates(["regime", "seed"])
    keys = []
    for regime, look in looks.items():
        reached = networks.loc[networks["regime"] == regime, "reached_target"]
        name = style.shortened(regime, _KEY_WIDTH)
        if reached.any():
            keys.append(style.regime_key(look, _folded(name, f"n = {reached.sum()}")))
        if not reached.all():
            label = _folded(name, f"missed target, n = {(~reached).sum()}")
            keys.append(Line2D([], [], color=look.color, linestyle=":", linewidth=0.7, label=label))
    return keys


def _folded(name: str, note: str) -> str:
    line = f"{name}, {note}"
    return line if len(line) <= _KEY_WIDTH else f"{name},\n{note}"


def _lines(keys: list[Line2D]) -> int:
    return sum(str(key.get_label()).count("\n") + 1 for key in keys)
