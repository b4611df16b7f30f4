"""Fragility against dimension: which grids have the figure, what it shows and leaves out, and that it repeats."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from grids import changed_grid
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spikegrid.figures import style
from spikegrid.figures.fragility_against_dimension import DIMENSION, draw_fragility_against_dimension

ROLES = ["untrained", "generalizing", "memorizing"]
CONFIG = {
    "datasets": {"digits": {"kind": "digits"}},
    "architectures": {"mlp": {"kind": "mlp"}, "cnn": {"kind": "cnn"}},
    "regimes": {name: {"kind": name} for name in ROLES},
}


def checkpoints(
    regimes=ROLES, seeds=3, epochs=(0, 1, 20), missed=frozenset(), distances=("l2", "linf"), layer="hidden2"
) -> pd.DataFrame:
    """Features of both observables: dimension 10 + seed + epoch of the last layer, half of that of the first."""
    rows = []
    for regime, seed in product(regimes, range(seeds)):
        for epoch in epochs if regime != "untrained" else epochs[:1]:
            place, reached = ("dots", "mlp", regime, seed, epoch), (regime, seed) not in missed
            dimension = 10.0 + seed + epoch
            rows += [
                (*place, "hidden1", 1, DIMENSION, dimension / 2, "dimension", reached),
                (*place, layer, 2, DIMENSION, dimension, "dimension", reached),
                (*place, layer, 2, "participation_ratio", 99.0, "dimension", reached),
            ]
            rows += [
                (*place, "network", 0, f"flip_distance_{norm}", seed + ROLES.index(regime) + 1.0, "fragility", reached)
                for norm in distances
            ]
    columns = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
    return pd.DataFrame(rows, columns=[*columns, "observable", "reached_target"])


def paths(figure: Figure, panel: int, regime: str) -> list[tuple[list[float], list[float]]]:
    """Points of the lines that join the checkpoints of a network, of one regime."""
    color = style.regime_looks(ROLES)[regime].color
    drawn = [line for line in figure.axes[panel].lines if line.get_linestyle() != "None"]
    return [
        (list(line.get_xdata()), list(line.get_ydata())) for line in drawn if to_hex(line.get_color()) == color.lower()
    ]


def figures_against(**observables: dict) -> list[str]:
    found = changed_grid(CONFIG, observables=observables).figures()
    return [path.removeprefix("results/figures/") for path in found if "fragility_against" in path and "pdf" in path]


def test_grids_with_both_observables_have_the_figure_of_each_dataset_and_architecture():
    assert figures_against(size={"kind": "dimension"}, flips={"kind": "fragility"}) == [
        "flips/fragility_against_dimension/digits/mlp.pdf",
        "flips/fragility_against_dimension/digits/cnn.pdf",
    ]


def test_an_observable_is_drawn_against_its_counterpart_of_the_same_images():
    grid = changed_grid(
        CONFIG,
        observables={
            "size_train": {"kind": "dimension", "images": "train"},
            "size": {"kind": "dimension"},
            "flips": {"kind": "fragility", "images": "test"},
            "flips_train": {"kind": "fragility", "images": "train"},
        },
    )
    assert grid.counterpart("flips", "dimension") == "size"
    assert grid.counterpart("flips_train", "dimension") == "size_train"


def test_a_grid_without_a_counterpart_of_the_same_images_has_no_such_figure():
    assert figures_against(size={"kind": "dimension", "images": "train"}, flips={"kind": "fragility"}) == []
    assert figures_against(flips={"kind": "fragility"}) == []


def test_plasticity_is_measured_on_training_images_whatever_is_presented():
    grid = changed_grid(CONFIG, observables={"plasticity": {"kind": "plasticity"}, "firing": {"kind": "firing"}})
    assert {name: traits["images"] for name, traits in grid.traits().items()} == {
        "plasticity": "train",
        "firing": "test",
    }


def test_points_are_checkpoints_of_the_last_layer_joined_along_training():
    figure = draw_fragility_against_dimension(checkpoints(), ROLES)
    assert len(figure.axes) == 2
    for panel in (0, 1):
        for regime in ROLES[1:]:
            level = ROLES.index(regime) + 1.0
            expected = [([10.0 + seed, 11.0 + seed, 30.0 + seed], [seed + level] * 3) for seed in range(3)]
            assert paths(figure, panel, regime) == expected
    assert "hidden2" in figure.axes[0].get_xlabel()


def test_networks_that_missed_their_target_are_counted_and_left_out():
    figure = draw_fragility_against_dimension(checkpoints(missed={("memorizing", 1)}), ROLES)
    assert [x[0] for x, _ in paths(figure, 0, "memorizing")] == [10.0, 12.0]
    assert "memorizing, n = 2 (1 missed target)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_checkpoint_without_a_distance_is_left_out_of_that_panel_alone():
    table = checkpoints(seeds=1)
    at = (table["regime"] == "memorizing") & (table["epoch"] == 1) & (table["feature"] == "flip_distance_l2")
    table.loc[at, "value"] = np.nan
    figure = draw_fragility_against_dimension(table, ROLES)
    assert paths(figure, 0, "memorizing")[0][0] == [10.0, 30.0]
    assert paths(figure, 1, "memorizing")[0][0] == [10.0, 11.0, 30.0]


def test_regimes_that_are_not_listed_are_not_shown():
    figure = draw_fragility_against_dimension(checkpoints(), ROLES[1:])
    assert not any("untrained" in text.get_text() for text in figure.legends[0].get_texts())


@pytest.mark.parametrize("without", [DIMENSION, "flip_distance"])
def test_a_figure_without_one_of_the_two_says_why(without):
    table = checkpoints()
    figure = draw_fragility_against_dimension(table[~table["feature"].str.startswith(without)], ROLES)
    assert figure.axes[0].texts[0].get_text().startswith("no effective dimension")


@pytest.mark.parametrize(
    "options",
    [
        {"missed": set(product(ROLES, range(3)))},
        {"seeds": 1, "epochs": (0,)},
        {"layer": "a-layer-of-a-hundred-letters-" * 4},
        {"distances": ("linf",)},
    ],
    ids=["all missed", "one checkpoint", "long name", "one norm"],
)
def test_other_grids_are_laid_out_inside_the_figure(options):
    figure = draw_fragility_against_dimension(checkpoints(**options), ROLES)
    figure.draw_without_rendering()
    page = figure.bbox.padded(2)
    for part in [*figure.legends, *figure.axes]:
        box = part.get_tightbbox()
        assert page.containsx(box.x0)
        assert page.containsx(box.x1)
        assert page.containsy(box.y0)


def test_the_same_data_give_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        figure = draw_fragility_against_dimension(checkpoints(), ROLES)
        style.save(figure, tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
