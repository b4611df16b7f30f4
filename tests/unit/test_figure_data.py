"""The data behind figures: for every kind, what its csv holds is what is drawn, in the panel of that letter."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import test_against_loss as against_loss
import test_by_depth_figure as by_depth
import test_detector_figure as detector
import test_figures as common
import test_fragility_figure as fragility
import test_growth_figure as growth
import test_indicator_figures as of_grid
import test_process_figures as process
import test_pruning_figures as pruning
import test_response_figures as response
import test_simulation_figure as simulation
import test_spectra_figure as spectra
import test_transfer_figures as transfer
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.ticker import FixedFormatter

from spikegrid.figures import style
from spikegrid.figures.data import Figure, data_of, keep
from spikegrid.findings import written_share

ROLES = ["untrained", "generalizing", "memorizing"]
COMPARED = "memorizing", "generalizing"
MISSED = common.networks(missed={("mlp", "memorizing", 2)})
EFFECTS = {"up": (2.0, 4.0, 2.0, 6.0), "fano_ratio_mean_random": (-2.0, -4.0, -6.0, -2.0)}
HISTORY = against_loss.histories()


class Kind(NamedTuple):
    """How a kind of figure is drawn from what its own tests make up, and how its panels show values.

    x: the column along the horizontal axis. Panels without it have places of their own there, and values along
    ``across``: 1, upwards, or 0, to the right.
    """

    draw: Callable[[], Figure]
    x: str | None = None
    across: int = 1


KINDS = {
    "training_curves": Kind(lambda: common.draw_training_curves(common.histories(MISSED), MISSED, ROLES), "epoch"),
    "over_training": Kind(lambda: common.draw_over_training(common.features(MISSED), ROLES), "epoch"),
    "over_training, folded": Kind(
        lambda: common.draw_over_training(common.features(MISSED, names=[f"f{n}" for n in range(9)]), ROLES), "epoch"
    ),
    "rates": Kind(lambda: common.draw_rates(common.units(MISSED), ROLES), "firing_rate", 0),
    "rates of many": Kind(
        lambda: common.draw_rates(common.units(common.networks(regimes=common.MANY)), common.MANY), "firing_rate", 0
    ),
    "fano_against_rate": Kind(lambda: common.draw_fano_against_rate(common.units(MISSED), ROLES), "firing_rate"),
    "fano_distributions": Kind(
        lambda: process.draw_fano_distributions(process.units(process.networks()), ROLES, process.WINDOWS), "fano_ratio"
    ),
    "interval_laws": Kind(
        lambda: process.draw_interval_laws(process.histograms(process.networks()), ROLES), "interval or quantile"
    ),
    "assumptions": Kind(lambda: process.draw_assumptions(process.features(process.networks()), ROLES), None, 0),
    "against_loss": Kind(
        lambda: against_loss.draw_against_loss(
            against_loss.features(HISTORY, against_loss.logarithmic), HISTORY, against_loss.REGIMES
        ),
        "loss",
    ),
    "by_depth": Kind(lambda: by_depth.draw_by_depth(by_depth.features(), ROLES)),
    "growth": Kind(lambda: growth.drawn(growth.features())[0], "epoch"),
    "fano_by_order": Kind(lambda: of_grid.draw_fano_by_order(of_grid.features(of_grid.CELLS), ROLES)),
    "firing_over_training": Kind(
        lambda: of_grid.draw_firing_over_training(of_grid.features(of_grid.CELLS), ROLES), "epoch"
    ),
    "stable_indicators": Kind(
        lambda: of_grid.draw_stable_indicators(of_grid.ranking(EFFECTS), of_grid.indicators(EFFECTS), *COMPARED),
        None,
        0,
    ),
    "dose_response": Kind(
        lambda: of_grid.dose_figure(
            of_grid.features(of_grid.CELLS, [*ROLES, "corrupted", "few_10", "few_50"]), of_grid.ranking(of_grid.FIRING)
        ),
        "dose",
    ),
    "detector": Kind(lambda: detector.draw_detector(detector.scores(), *COMPARED), None, 0),
    "pruning_curves": Kind(lambda: pruning.draw_pruning_curves(pruning.curves(), ROLES, resamples=100), "share", 0),
    "random_ablation": Kind(lambda: pruning.draw_random_ablation(pruning.curves(), ROLES, resamples=100), "share", 0),
    "response_decay": Kind(
        lambda: response.draw_response_decay(response.features(response.networks()), ROLES), "epoch"
    ),
    "response_kernel": Kind(
        lambda: response.draw_response_kernel(response.pairs(response.networks()), ROLES), "distance"
    ),
    "spectra": Kind(lambda: spectra.draw_spectra(*spectra.tables(), ROLES), "component"),
    "fragility_against_dimension": Kind(
        lambda: fragility.draw_fragility_against_dimension(fragility.checkpoints(), ROLES), fragility.DIMENSION
    ),
    "transfer_accuracy": Kind(lambda: transfer.draw_transfer_accuracy(transfer.accuracies(), ROLES)),
    "transfer_predictors": Kind(lambda: transfer.draw_transfer_predictors(transfer.predictors()), None, 0),
    "indicator_map": Kind(
        lambda: common.draw_indicator_map(
            common.indicators({("rate", "a"): (5.0, 1.0, 2.0), ("dead", "a"): (np.nan,) * 3}), ROLES, *COMPARED
        )
    ),
    "predictive_checks": Kind(lambda: simulation.draw_predictive_checks(simulation.table(), simulation.REGIMES)),
}
"""Every kind of figure but rasters, which have a test of their own."""

MAPS = ["indicator_map", "predictive_checks"]
WRITTEN = ["exponent", "log-log slope", "Spearman's rho", "guessing"]
"""What stands in a figure as words."""

MARKED = ["median", "mean effective dimension"]
"""What is marked at the edge of a panel, at a place along the horizontal axis."""

BERNOULLI = [[0, 1], [1, 0]]
"""The line F = 1 − p, no data."""


@cache
def figure_of(kind: str) -> Figure:
    return KINDS[kind].draw()


def panels_of(figure: Figure) -> Iterator[tuple[list[Axes], pd.DataFrame]]:
    """Yield the axes of each panel and the rows of the csv that are of it."""
    data = data_of(figure, {})
    letters = data["panel"].fillna("")
    for letter in letters.unique():
        shown = [axes for axes in figure.axes if figure.names.get(axes, {}).get("panel", "") == letter]
        yield shown, data[letters == letter].reset_index(drop=True)


def rounded(numbers) -> np.ndarray:
    """Return numbers of 9 digits: the height of a band is drawn as a difference."""
    return np.array([float(f"{number:.9g}") for number in np.ravel(numbers)]).reshape(np.shape(numbers))


def points_of(panel: list[Axes]) -> np.ndarray:
    """Return all that is drawn in data coordinates, [points, 2]: lines, markers, ends of bars, corners of bands."""
    found = []
    for axes in panel:
        found += [line.get_xydata() for line in axes.lines if line.get_transform() == axes.transData]
        for drawn in axes.collections:
            if isinstance(drawn, LineCollection):
                found += [segment for segment in drawn.get_segments() if len(segment)]
            elif isinstance(drawn, PathCollection):
                found.append(np.ma.getdata(drawn.get_offsets()))
            elif isinstance(drawn, PolyCollection):
                found += [path.vertices for path in drawn.get_paths()]
    found = [points for points in found if points.tolist() != BERNOULLI] or [np.empty((0, 2))]
    points = np.concatenate([np.asarray(points, float) for points in found])
    return rounded(points[np.isfinite(points).all(axis=1)])


def levels_of(panel: list[Axes]) -> set[float]:
    """Return heights of lines and bands, and places of markers, that span an axis or stand at its edge."""
    levels = []
    for axes in panel:
        for line in axes.lines:
            if line.get_transform() == axes.get_yaxis_transform(which="grid"):
                levels += list(line.get_ydata())
            elif line.get_transform() == axes.get_xaxis_transform():
                levels += list(line.get_xdata())
        for patch in axes.patches:
            if isinstance(patch, Rectangle) and patch.get_transform() != axes.transData:
                levels += [patch.get_y(), patch.get_y() + patch.get_height()]
    return set(rounded(levels))


def x_of(rows: pd.DataFrame, kind: Kind) -> pd.Series:
    """Return the place of each row along the horizontal axis, NaN where the panel has no such column."""
    if kind.x == "interval or quantile":
        return rows["interval"].fillna(rows["quantile_of_law"])
    return rows[kind.x] if kind.x in rows else pd.Series(np.nan, rows.index)


CURVES = [name for name in KINDS if name not in MAPS]


@pytest.mark.parametrize("name", CURVES)
def test_every_number_of_the_csv_is_drawn_in_its_panel(name):
    kind, figure = KINDS[name], figure_of(name)
    panels = list(panels_of(figure))
    assert panels
    for panel, rows in panels:
        rows = rows[~rows["drawn"].isin([*WRITTEN, "share of units"])]
        points, levels = points_of(panel), levels_of(panel)
        pairs, alone = set(map(tuple, points)), {axis: set(points[:, axis]) | levels for axis in (0, 1)}
        for x, row in zip(rounded(x_of(rows, kind)), rows.to_dict("records")):
            values = [row[column] for column in ("value", "low", "high") if np.isfinite(row.get(column, np.nan))]
            for value in rounded(values):
                across = 1 if np.isfinite(x) else kind.across
                assert (x, value) in pairs or value in (levels if np.isfinite(x) else alone[across]), row
            if row["drawn"] in MARKED:
                assert x in levels, row


@pytest.mark.parametrize("name", CURVES)
def test_every_point_that_is_drawn_is_in_the_csv(name):
    kind, figure = KINDS[name], figure_of(name)
    for panel, rows in panels_of(figure):
        x = rounded(x_of(rows, kind))
        values = {column: rounded(rows[column]) for column in ("value", "low", "high") if column in rows}
        pairs = {pair for column in values.values() for pair in zip(x, column)}
        alone = {number for column in values.values() for number in column[np.isnan(x)]}
        across = kind.across if np.isnan(x).all() else 1
        points = points_of(panel)
        assert len(points) or set(rows["drawn"]) == {"share of units"}
        assert [tuple(point) for point in points if tuple(point) not in pairs and point[across] not in alone] == []


@pytest.mark.parametrize("name", ["rates", "rates of many", "fano_distributions"])
def test_steps_are_the_shares_of_units_of_the_csv(name):
    for panel, rows in panels_of(figure_of(name)):
        shares = rows[rows["drawn"] == "share of units"]
        drawn = [patch.get_data() for axes in panel for patch in axes.patches if isinstance(patch, StepPatch)]
        by_regime = [of_regime for _, of_regime in shares.groupby("regime")]
        assert {tuple(steps.values) for steps in drawn} == {tuple(rows["value"]) for rows in by_regime}
        for rows_of_regime in by_regime:
            edges = [*rows_of_regime["from"], rows_of_regime["to"].iloc[-1]]
            assert all(steps.edges.tolist() == edges for steps in drawn)
            assert rows_of_regime["to"].tolist() == edges[1:]


@pytest.mark.parametrize("name", ["growth", "dose_response"])
def test_what_stands_above_a_panel_is_in_the_csv(name):
    for panel, rows in panels_of(figure_of(name)):
        written = rows[rows["drawn"].isin(WRITTEN)]
        words = [text.get_text() for axes in panel for text in [*axes.texts, axes.title, axes._right_title]]
        assert len(written)
        for row in written.itertuples():
            said = f"{written_share(row.value)} [{written_share(row.low)}, {written_share(row.high)}]"
            assert any(said in text for text in words), said


def test_cells_of_the_map_of_indicators_are_those_of_the_csv():
    figure = figure_of("indicator_map")
    data = data_of(figure, {}).set_index("feature")
    mesh, *marks = figure.axes[0].collections
    assert isinstance(mesh, QuadMesh)
    labels = ["dead", "rate"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == labels[::-1]
    np.testing.assert_array_equal(
        np.ma.filled(mesh.get_array().astype(float), np.nan).ravel(), data.loc[labels[::-1], "value"]
    )
    assert data["sign"].to_dict() == {"rate": 1, "dead": 0}
    assert [len(mark.get_offsets()) for mark in marks] == [1, 0]
    assert set(data["panel"]) == {"a"}
    assert r"$\bf{a}$" in figure.axes[0].texts[0].get_text()


def test_cells_of_the_map_of_checks_are_those_of_the_csv():
    for (axes,), rows in panels_of(figure_of("predictive_checks")):
        assert len(rows) == len(axes.patches)
        models, statistics = (list(dict.fromkeys(rows[name])) for name in ("model", "statistic"))
        cells = {(cell.get_x(), cell.get_y()): cell for cell in axes.patches}
        darkness = []
        for row, text in zip(rows.itertuples(), axes.texts, strict=True):
            cell = cells[models.index(row.model), statistics.index(row.statistic)]
            darkness.append((row.passing, -sum(cell.get_facecolor()[:3])))
            assert bool(cell.get_hatch()) == row.by_construction
            assert float(text.get_text().replace("−", "-")) == pytest.approx(row.z, abs=0.5)
        assert sorted(darkness) == sorted(darkness, key=lambda pair: pair[1])


def test_spikes_and_bars_of_a_raster_are_those_of_the_csv(record):
    runs = common.networks()
    figure = common.draw_raster(record(runs), runs, ROLES)
    for (raster, side), rows in panels_of(figure):
        spikes, rates = (rows[rows["drawn"] == drawn] for drawn in ("spike", "firing rate"))
        strokes = raster.lines[0].get_xydata().reshape(-1, 3, 2)[:, :2].mean(axis=1)
        np.testing.assert_allclose(strokes, spikes[["image", "place"]])
        np.testing.assert_array_equal([bar.get_width() for bar in side.patches], rates["value"])
        np.testing.assert_allclose([bar.get_y() + bar.get_height() / 2 for bar in side.patches], rates["place"])
        assert set(zip(spikes["place"], spikes["unit"])) <= set(zip(rates["place"], rates["unit"]))
        assert rows[["regime", "seed", "epoch", "layer"]].drop_duplicates().shape == (1, 4)


record = common.record


@pytest.mark.parametrize("name", KINDS)
def test_rows_say_what_they_are_and_of_which_panel(name):
    data = data_of(figure_of(name), {})
    assert data["drawn"].notna().all()
    alone = name in ("stable_indicators", "transfer_predictors")
    letters = style.panel_letters()
    assert alone or data["panel"].unique().tolist() == [next(letters) for _ in data["panel"].unique()]
    for axes, names in figure_of(name).names.items():
        title = axes.get_title("left")
        assert title.startswith(rf"$\bf{{{names['panel']}}}$") or "$" not in title
    means = data[data["drawn"].isin(["mean", "geometric mean"])]
    assert len(means) == 0 or means["n"].notna().all()


@pytest.mark.parametrize("name", KINDS)
def test_every_axis_has_a_name_or_names_at_its_ticks(name):
    figure = figure_of(name)
    for axes in figure.names:
        alike = [other for other in figure.axes if other.get_gridspec() is axes.get_gridspec()]
        assert any(other.get_xlabel() for other in alike) or names_at_ticks(axes.xaxis)
        is_titled = bool(axes.get_title("left").split("$   ")[-1].strip("$"))
        in_row = [other for other in alike if other in axes.get_shared_y_axes().get_siblings(axes)]
        assert any(other.get_ylabel() for other in in_row) or names_at_ticks(axes.yaxis) or is_titled


def names_at_ticks(axis: Axis) -> bool:
    return isinstance(axis.get_major_formatter(), FixedFormatter)


def test_the_csv_has_the_names_of_the_whole_figure_first_and_seven_digits(tmp_path):
    figure = style.new_figure(50, 40)
    axes = figure.subplots()
    shown = keep(axes, pd.DataFrame({"n": [3, 2], "value": [1 / 3, np.nan], "epoch": [0, 10]}), drawn="mean")
    axes.plot(shown["epoch"], shown["value"])
    style.name_panel(axes, "a", feature="rate, mean")
    style.save(figure, tmp_path / "figure.csv", names={"dataset": "NA", "architecture": "mlp"})
    lines = (tmp_path / "figure.csv").read_text().splitlines()
    assert lines == [
        "dataset,architecture,panel,drawn,epoch,feature,value,n",
        'NA,mlp,a,mean,0,"rate, mean",0.3333333,3',
        'NA,mlp,a,mean,10,"rate, mean",,2',
        "",
    ]


def test_a_figure_without_data_has_a_csv_of_a_header(tmp_path):
    style.save(style.empty_figure("nothing"), tmp_path / "figure.csv", names={"dataset": "digits"})
    assert (tmp_path / "figure.csv").read_text().split() == ["panel"]


def test_the_same_data_give_the_same_csv(tmp_path):
    for number in (1, 2):
        style.save(KINDS["by_depth"].draw(), tmp_path / f"{number}.csv")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
