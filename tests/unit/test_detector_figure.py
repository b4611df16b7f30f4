"""The figure of detectors: its points, its rows, and what it says without any."""

import numpy as np
import pandas as pd
import pytest

from spikegrid.detector_scores import COLUMNS, IN_TURN
from spikegrid.figures import style
from spikegrid.figures.detector import draw_detector

PREDICTORS = ["label_free", "all", "constant", "training_loss", "accuracy_gap"]


def scores(held=("mlp", "cnn"), statistics=("accuracy", "auroc", "out_of_range", "share_error")) -> pd.DataFrame:
    """The value is .9 for the first predictor and less for each further one; single ones lie .2 lower."""
    rows = [
        (left_out, name, predictor, 12, statistic, 20, value - 0.2 * (name != IN_TURN), value - 0.1, value + 0.05)
        for left_out, names in {"architecture": [IN_TURN, *held], "seed": [IN_TURN]}.items()
        for place, predictor in enumerate(PREDICTORS)
        for value in [0.9 - 0.1 * place]
        for name in names
        for statistic in statistics
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_points_are_the_values_and_bars_the_intervals_of_all_left_out_in_turn():
    axes, *_ = draw_detector(scores(), "memorizing", "generalizing").axes
    large = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in large] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    bars = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    np.testing.assert_allclose(bars, [[value - 0.1, value + 0.05] for value in (0.9, 0.8, 0.7, 0.6, 0.5)])
    small = [line for line in axes.lines if line.get_marker() in "s^"]
    assert len(small) == 10
    assert small[0].get_xdata()[0] == pytest.approx(0.7)


def test_a_row_a_statistic_a_column_a_thing_left_out_a_line_a_predictor():
    figure = draw_detector(scores(), "memorizing", "generalizing")
    assert len(figure.axes) == 6
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["no labels (12)", "all features (12)", "constant", "training loss", "train − test accuracy"]
    assert [axes.get_xlabel() for axes in figure.axes[::2]][2].startswith("error of the share")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert all("n = 20" in title for title in titles)
    assert "optimistic" in titles[1]


def test_missing_intervals_have_no_bar():
    table = scores().assign(low=np.nan, high=np.nan)
    assert not draw_detector(table, "memorizing", "generalizing").axes[0].collections


def test_without_scores_the_figure_says_why():
    figure = draw_detector(scores().iloc[:0], "memorizing", "generalizing")
    assert "reached their target" in figure.axes[0].texts[0].get_text()


def test_the_same_scores_give_the_same_files(tmp_path):
    for name in ("first", "second"):
        style.save(draw_detector(scores(["x" * 90]), "memorizing", "generalizing"), tmp_path / f"{name}.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
