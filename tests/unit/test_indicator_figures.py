"""Figures of a whole grid: Fano factors by order, firing over training, stable indicators, dose and response."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pages import assert_within_page
from scipy.stats import bootstrap

from spikegrid.doses import dose_response
from spikegrid.figures import style
from spikegrid.figures.dose_response import ROWS, draw_dose_response, shown_features
from spikegrid.figures.fano_by_order import draw_fano_by_order
from spikegrid.figures.firing_over_training import PANELS, draw_firing_over_training
from spikegrid.figures.stable_indicators import BEST, draw_stable_indicators
from spikegrid.indicators import COLUMNS as INDICATOR_COLUMNS
from spikegrid.indicators import compare_regimes

ROLES = ["untrained", "generalizing", "memorizing"]
SERIES = {
    "label_noise": ["generalizing", "corrupted", "memorizing"],
    "training_size": ["generalizing", "few_10", "few_50"],
}
DOSE = {"corrupted": 0.4, "memorizing": 0.9}, {"few_10": 10, "few_50": 50}
ORDERS = ["random", "class_blocked", "given"]
FIRING = ["firing_rate_mean", "firing_rate_variance", "fano_factor_mean_random", "fano_factor_variance_random"]
FIRING += [f"fano_ratio_mean_{order}" for order in ORDERS]
ONE_CELL = [("dots", "mlp")]
CELLS = [("dots", "mlp"), ("dots", "cnn")]
FOURTEEN = [(f"images{number}", architecture) for number in range(7) for architecture in ("mlp", "cnn")]
LONG = "a-name-of-a-hundred-letters-" * 3 + "and-its-end"


def features(
    cells=ONE_CELL, regimes=ROLES, names=FIRING, seeds=3, observable="firing", missed=frozenset(), epochs=(0, 1, 20)
) -> pd.DataFrame:
    """Tidy features with random values; the regimes differ, layers and epochs too."""
    generator = np.random.default_rng(len(names))
    rows = [
        (*cell, regime, seed, epoch, layer, depth, name, observable, (*cell, regime, seed) not in missed)
        for cell, regime, seed in product(cells, regimes, range(seeds))
        for epoch in (epochs if regime != "untrained" else epochs[:1])
        for (layer, depth), name in product([("network", 0), ("first", 1), ("last", 2)], names)
    ]
    columns = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "observable"]
    table = pd.DataFrame(rows, columns=[*columns, "reached_target"])
    return table.assign(value=generator.uniform(0.5, 1.5, len(table)) + table["regime"].map(regimes.index))


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    runs = table.drop_duplicates(["dataset", "architecture", "regime", "seed"])
    shares, images = DOSE
    runs = runs.assign(
        corrupted_share=runs["regime"].map(shares).fillna(0) + 0.01 * runs["seed"] * runs["regime"].isin(shares),
        training_images=runs["regime"].map(images).fillna(1000),
    )
    return runs[["dataset", "architecture", "regime", "seed", "corrupted_share", "training_images"]]


def indicators(effects: dict[str, tuple[float, ...]], cells=ONE_CELL, observable="firing") -> pd.DataFrame:
    """Final rows of two layers by feature: g, difference, low and high in the last one."""
    rows = [
        {"dataset": dataset, "architecture": architecture, "observable": observable, "feature": feature}
        | {"layer": layer, "depth": depth, "final": True, "n_memorizing": 3, "n_generalizing": 2}
        | dict(zip(("hedges_g", "difference", "low", "high"), effect if depth == 2 else (99, 99, 98, 100)))
        for (dataset, architecture), (feature, effect) in product(cells, effects.items())
        for layer, depth in (("network", 0), ("first", 1), ("last", 2))
    ]
    return pd.DataFrame(rows).reindex(columns=INDICATOR_COLUMNS)


def ranking(names, stable=(), observable="firing", place="last layer", images="test", first_rank=1) -> pd.DataFrame:
    rows = [
        {"rank": rank, "observable": observable, "feature": name, "place": place, "images": images}
        | {
            "needs_labels": name.endswith("_class_blocked"),
            "caveat": "bound to rates" if name == "lv_random" else np.nan,
            "stable": name in stable,
        }
        for rank, name in enumerate(names, start=first_rank)
    ]
    columns = ["rank", "observable", "feature", "place", "images", "needs_labels", "caveat", "stable"]
    return pd.DataFrame(rows, columns=columns)


def dose_figure(table: pd.DataFrame, stable: pd.DataFrame, series=SERIES, **options) -> Figure:
    runs = runs_of(table)
    doses = dose_response(table, runs, series, {"confidence": 0.95, "resamples": 200})
    return draw_dose_response(table, runs, series, doses, stable, "memorizing", "generalizing", **options)


def points(axes: Axes, marker: str, size: float | None = None) -> np.ndarray:
    """Places of all points of one marker, [points, 2]."""
    found = [line for line in axes.lines if line.get_marker() == marker and size in (None, line.get_markersize())]
    return np.concatenate([line.get_xydata() for line in found])


def bars(axes: Axes, direction: int) -> list[tuple[float, float]]:
    """Ends of the interval bars: of those that run along x (0) or y (1)."""
    segments = [segment for collection in axes.collections for segment in getattr(collection, "get_segments", list)()]
    return [tuple(segment[:, direction]) for segment in segments if segment.size and np.ptp(segment[:, direction]) > 0]


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def final(table: pd.DataFrame, regime: str, feature: str, cell=("dots", "mlp")) -> np.ndarray:
    """Values of the networks at the last epoch in the last layer, those that missed their target left out."""
    last = (table["epoch"] == (0 if regime == "untrained" else 20)) & (table["layer"] == "last")
    named = (table["regime"] == regime) & (table["feature"] == feature) & table["reached_target"]
    chosen = table[last & named & (table["dataset"] == cell[0]) & (table["architecture"] == cell[1])]
    return chosen.sort_values("seed")["value"].to_numpy()


def test_points_by_order_are_the_networks_that_reached_their_target_and_their_mean():
    table = features(missed={("dots", "mlp", "memorizing", 1)})
    (axes,) = draw_fano_by_order(table, ROLES).axes
    assert [label.get_text().split("\n")[0] for label in axes.get_xticklabels()] == ["random", "class-", "given"]
    assert "control" in axes.get_xticklabels()[0].get_text()
    for regime, look in style.regime_looks(ROLES).items():
        drawn = points(axes, look.marker)
        for place, order in enumerate(ORDERS):
            values = final(table, regime, f"fano_ratio_mean_{order}")
            assert len(values) == (2 if regime == "memorizing" else 3)
            there = np.sort(drawn[np.abs(drawn[:, 0] - place) < 0.5, 1])
            np.testing.assert_allclose(there, np.sort([*values, values.mean()]))


def test_bars_by_order_are_the_percentile_bootstrap_interval_of_the_mean():
    table = features(regimes=["memorizing"], names=["fano_ratio_mean_random"], seeds=8)
    (axes,) = draw_fano_by_order(table, ["memorizing"], confidence=0.8).axes
    values = final(table, "memorizing", "fano_ratio_mean_random")
    expected = bootstrap(
        (values,), np.mean, method="percentile", confidence_level=0.8, n_resamples=20_000, rng=1
    ).confidence_interval
    np.testing.assert_allclose(bars(axes, 1), [tuple(expected)], atol=0.02)


def test_the_value_of_a_bernoulli_train_is_a_line_at_1():
    (axes,) = draw_fano_by_order(features(), ROLES).axes
    assert [1, 1] in [list(line.get_ydata()) for line in axes.lines]
    assert any("Bernoulli" in text for text in legend_texts(draw_fano_by_order(features(), ROLES)))


@pytest.mark.parametrize(("largest", "scale"), [(2.0, "linear"), (40.0, "log")])
def test_the_axis_of_ratios_is_logarithmic_where_they_lie_far_apart(largest, scale):
    table = features(regimes=["memorizing"])
    table["value"] = np.where(table["feature"] == "fano_ratio_mean_class_blocked", largest, 1.0)
    (axes,) = draw_fano_by_order(table, ["memorizing"]).axes
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low < 1 < largest < high


def test_only_orders_that_were_measured_are_shown():
    (axes,) = draw_fano_by_order(features(names=["fano_ratio_mean_random"]), ROLES).axes
    assert len(axes.get_xticks()) == 1


def test_panels_by_order_wrap_at_four_and_are_named_by_cell_and_layer():
    figure = draw_fano_by_order(features(FOURTEEN), ROLES)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 14
    assert len({round(axes.get_position().x0, 3) for axes in shown}) == 4
    assert all("images" in axes.get_title("left") and axes.get_title("left").endswith("last") for axes in shown)


def test_lines_of_the_firing_grid_are_means_in_the_last_layer_of_each_cell():
    table = features(CELLS, missed={("dots", "cnn", "memorizing", 2)})
    figure = draw_firing_over_training(table, ROLES)
    color = style.regime_looks(ROLES)["memorizing"].color
    panels = np.array(figure.axes).reshape(2, 5)
    for row, cell in zip(panels, CELLS):
        for axes, name in zip(row, PANELS):
            (line,) = [line for line in axes.lines if line.get_color() == color]
            assert list(line.get_xdata()) == [0, 1, 20]
            assert line.get_ydata()[-1] == pytest.approx(final(table, "memorizing", name, cell).mean())
    assert "memorizing, n = 2–3 (1 missed target)" in legend_texts(figure)
    assert "generalizing, n = 3" in legend_texts(figure)


def test_the_firing_grid_has_only_columns_that_were_measured():
    figure = draw_firing_over_training(features(names=FIRING[:2]), ROLES)
    assert [axes.get_title("left").split("   ")[1].split("\n")[0] for axes in figure.axes] == [
        "mean firing rate",
        "variance of rates",
    ]


def test_regimes_that_are_not_listed_are_not_drawn():
    table = features(regimes=[*ROLES, "few"])
    for draw in (draw_fano_by_order, draw_firing_over_training):
        assert not any("few" in text for text in legend_texts(draw(table, ROLES)))


@pytest.mark.parametrize("cells", [1, 14])
def test_up_to_fourteen_rows_of_the_firing_grid_fit_a_page(cells):
    figure = draw_firing_over_training(features(FOURTEEN[:cells], names=FIRING[:2]), ROLES, resamples=50)
    assert figure.get_figheight() * 25.4 <= 230.1
    figure.draw_without_rendering()
    heights = [axes.get_window_extent().height for axes in figure.axes]
    assert min(heights) > 7 / 25.4 * figure.dpi


def test_bars_of_the_forest_are_the_interval_in_units_of_the_pooled_deviation():
    values = features(regimes=["memorizing", "generalizing"], names=["firing_rate_mean", "dead_share"], seeds=5)
    compared = compare_regimes(
        values, {"memorizing": "memorizing", "generalizing": "generalizing", "confidence": 0.95, "resamples": 500}
    )
    axes, *_ = draw_stable_indicators(
        ranking(["firing_rate_mean", "dead_share"]), compared, "memorizing", "generalizing"
    ).axes
    for place, name in enumerate(["firing_rate_mean", "dead_share"]):
        a, b = (final(values, regime, name) for regime in ("memorizing", "generalizing"))
        deviation = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
        correction = 1 - 3 / (4 * 8 - 1)
        row = compared[(compared["feature"] == name) & (compared["layer"] == "last") & compared["final"]].iloc[0]
        assert points(axes, "o")[place, 0] == pytest.approx(correction * (a.mean() - b.mean()) / deviation, rel=0.01)
        expected = np.array([row["low"], row["high"]]) * correction / deviation
        np.testing.assert_allclose(bars(axes, 0)[place], expected, rtol=0.01)


def test_bars_keep_their_sides_where_the_difference_is_negative():
    effects = {"up": (2.0, 4.0, 2.0, 6.0), "down": (-2.0, -4.0, -6.0, -2.0), "none": (0.0, 0.0, -1.0, 1.0)}
    axes, *_ = draw_stable_indicators(ranking(effects), indicators(effects), "memorizing", "generalizing").axes
    assert bars(axes, 0) == [(1.0, 3.0), (-3.0, -1.0)]
    assert points(axes, "o")[:, 0].tolist() == [2, -2, 0]


def test_rows_are_the_best_ranked_of_the_last_layer_and_the_controls_below_them():
    names = [f"feature{number}" for number in range(BEST + 5)]
    controls = ["fano_ratio_mean_random", "fano_ratio_variance_random"]
    stable = pd.concat(
        [ranking([names[3]], place="network"), ranking([controls[0], *names, controls[1]], first_rank=2)]
    )
    effects = dict.fromkeys([*names, *controls, "fano_factor_mean_random"], (2.0, 4.0, 2.0, 6.0))
    axes, *_ = draw_stable_indicators(stable.iloc[::-1], indicators(effects), "memorizing", "generalizing").axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [*names[:BEST], "Fano ratio mean, random", "Fano ratio variance, random"]
    (heading,) = [text for text in axes.texts if "negative control" in text.get_text()]
    assert axes.get_yticks()[BEST - 1] < heading.get_position()[1] < axes.get_yticks()[BEST]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_feature_that_no_layer_has_stands_with_that_of_the_network():
    stable = pd.concat([ranking(["whole"], place="network"), ranking(["layered"], first_rank=2)])
    table = indicators(dict.fromkeys(["whole", "layered"], (2.0, 4.0, 2.0, 6.0)))
    table = table[(table["feature"] == "layered") | (table["depth"] == 0)]
    axes, *_ = draw_stable_indicators(stable, table, "memorizing", "generalizing").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["whole", "layered"]
    np.testing.assert_allclose(np.sort(points(axes, "o")[:, 0]), [2, 99])


def test_stable_indicators_are_filled_and_others_hollow_and_grey():
    effects = {"good": (2.0, 4.0, 2.0, 6.0), "bad": (1.0, 2.0, -1.0, 5.0)}
    axes, *_ = draw_stable_indicators(
        ranking(effects, stable=["good"]), indicators(effects), "memorizing", "generalizing"
    ).axes
    good, bad = [line for line in axes.lines if line.get_marker() == "o"]
    assert good.get_markerfacecolor() == good.get_color() == style.INK
    assert bad.get_markerfacecolor() == "white"
    assert bad.get_color() != style.INK
    assert [to_hex(label.get_color()) for label in axes.get_yticklabels()] == [
        good.get_color().lower(),
        bad.get_color().lower(),
    ]


def test_rows_say_which_images_and_whether_labels_are_needed():
    effects = {"lv_class_blocked": (2.0, 4.0, 2.0, 6.0)}
    stable = pd.concat([ranking(effects), ranking(effects, observable="own", images="train", first_rank=2)])
    table = pd.concat([indicators(effects), indicators(effects, observable="own")])
    axes, *_ = draw_stable_indicators(stable, table, "memorizing", "generalizing").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["LV, class-blocked"] * 2
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("needed") == 2
    assert texts.count("test") == texts.count("train") == 1


def test_rows_say_which_features_have_a_caveat():
    effects = {"lv_random": (2.0, 4.0, 2.0, 6.0), "lv_given": (2.0, 4.0, 2.0, 6.0)}
    axes, *_ = draw_stable_indicators(ranking(effects), indicators(effects), "memorizing", "generalizing").axes
    repeated = [text.xy[1] for text in axes.texts if text.get_text() == "bound to rates"]
    assert repeated == [0]


def test_the_observable_is_named_where_nothing_else_tells_two_rows_apart():
    effects = {"firing_rate_mean": (2.0, 4.0, 2.0, 6.0)}
    stable = pd.concat([ranking(effects), ranking(effects, observable="own", first_rank=2)])
    table = pd.concat([indicators(effects), indicators(effects, observable="own")])
    axes, *_ = draw_stable_indicators(stable, table, "memorizing", "generalizing").axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["firing rate mean (firing)", "firing rate mean (own)"]


def test_every_cell_has_a_marker_of_its_own_and_its_counts_in_the_legend():
    effects = {"firing_rate_mean": (2.0, 4.0, 2.0, 6.0)}
    figure = draw_stable_indicators(ranking(effects), indicators(effects, FOURTEEN), "memorizing", "generalizing")
    markers = [line.get_marker() for line in figure.axes[0].lines if line.get_marker() not in ("None", "")]
    assert len(markers) == len(set(markers)) == 14
    assert "images6, cnn, n = 3 / 2" in legend_texts(figure)


def test_the_forest_fits_a_page_however_many_cells():
    names = [f"feature{number}" for number in range(60)] + ["fano_ratio_mean_random"]
    effects = dict.fromkeys(names, (2.0, 4.0, 2.0, 6.0))
    for cells in (ONE_CELL, FOURTEEN):
        table = indicators(effects, cells)
        figure = draw_stable_indicators(ranking(names), table, "memorizing", "generalizing")
        assert figure.get_figheight() * 25.4 <= 230


def test_points_of_doses_are_means_over_networks_that_reached_their_target_at_their_mean_dose():
    regimes = ["generalizing", "corrupted", "memorizing", "few_10", "few_50"]
    table = features(CELLS, regimes, FIRING, missed={("dots", "cnn", "corrupted", 0)})
    figure = dose_figure(table, ranking(FIRING))
    noise, size = figure.axes[:2]
    (line,) = [line for line in noise.lines if line.get_marker() == "s"]
    doses = [0, np.mean([0.41, 0.42]), np.mean([0.9, 0.91, 0.92])]
    means = [final(table, regime, "firing_rate_mean", ("dots", "cnn")).mean() for regime in SERIES["label_noise"]]
    np.testing.assert_allclose(line.get_xydata(), np.transpose([doses, means]))
    (line,) = [line for line in size.lines if line.get_marker() == "o"]
    means = [final(table, regime, "firing_rate_mean").mean() for regime in ("few_10", "few_50", "generalizing")]
    np.testing.assert_allclose(line.get_xydata(), np.transpose([[10, 50, 1000], means]))
    assert size.get_xscale() == "log"
    assert legend_texts(figure) == ["mlp, n = 3", "cnn, n = 2–3 (1 missed target)"]


def test_panels_of_doses_say_rho_and_its_interval_for_each_architecture():
    regimes = ["generalizing", "corrupted", "memorizing"]
    table = features(CELLS, regimes, FIRING[:2], seeds=2)
    runs, series = runs_of(table), {"label_noise": regimes}
    doses = dose_response(table, runs, series, {"confidence": 0.95, "resamples": 200})
    doses[["rho", "low", "high"]] = 0.5, 0.25, 1.0
    doses.loc[doses["architecture"] == "cnn", ["rho", "low", "high"]] = -0.934, -0.97, -0.04
    doses.loc[doses["feature"] == FIRING[1], ["rho", "low", "high"]] = np.nan
    doses.loc[doses["layer"] == "first", ["rho", "low", "high"]] = 0.11
    figure = draw_dose_response(table, runs, series, doses, ranking([]), "memorizing", "generalizing")
    above, below = figure.axes
    assert above.get_title("right").split("\n") == ["mlp  ρ = .50 [.25, 1.00]", "cnn  ρ = −.93 [−.97, −.04]"]
    assert below.get_title("right").split("\n") == ["mlp  ρ undefined", "cnn  ρ undefined"]


def test_the_ends_of_the_doses_are_named():
    regimes = ["generalizing", "corrupted", "memorizing", "few_10", "few_50"]
    figure = dose_figure(features(ONE_CELL, regimes, FIRING[:2]), ranking([]))
    *_, noise, size = figure.axes
    assert {text.get_text(): text.xy[0] for text in noise.texts} == pytest.approx(
        {"generalizing": 0, "memorizing": 0.91}
    )
    assert {text.get_text(): text.xy[0] for text in size.texts} == {"generalizing": 1000}


def test_rows_of_doses_are_the_rates_and_the_best_of_each_kind():
    kinds = {
        "firing": FIRING,
        "firing_train": [*FIRING, "extra_of_firing"],
        "intervals": ["lv_random", "lv_given", "cv2_given", "cv2_random"],
        "classes": ["information", "information_trained_labels", "selectivity"],
        "pairs": ["pair_correlation"],
    }
    measured = pd.concat([features(names=names, observable=name) for name, names in kinds.items()])
    ranks = [
        ("firing_train", "extra_of_firing"),
        ("classes", "information_trained_labels"),
        ("classes", "information"),
        ("classes", "selectivity"),
        ("intervals", "lv_given"),
        ("unknown", "not_measured"),
        ("pairs", "pair_correlation"),
        ("intervals", "lv_random"),
    ]
    rows = [ranking([name], observable=observable, first_rank=rank) for rank, (observable, name) in enumerate(ranks)]
    stable = pd.concat([*rows, ranking(["elsewhere"], place="network", observable="pairs", first_rank=-1)])
    assert shown_features(measured, stable) == [
        ("firing", "firing_rate_mean"),
        ("firing", "firing_rate_variance"),
        ("classes", "information_trained_labels"),
        ("intervals", "lv_given"),
        ("pairs", "pair_correlation"),
        ("firing_train", "extra_of_firing"),
    ]


def test_there_are_at_most_six_rows_of_doses_and_one_for_each_stem():
    names = [f"feature{number}_{order}" for number in range(9) for order in ORDERS]
    rows = shown_features(features(names=[*FIRING, *names]), ranking(names))
    assert len(rows) == ROWS
    assert [name for _, name in rows[2:]] == [f"feature{number}_random" for number in range(4)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (ONE_CELL, {"regimes": ["memorizing"], "seeds": 1}),
        (CELLS, {"missed": {("dots", net, role, seed) for net in ("mlp", "cnn") for role in ROLES for seed in (0, 1)}}),
        (
            CELLS,
            {"missed": {("dots", net, role, seed) for net in ("mlp", "cnn") for role in ROLES for seed in range(3)}},
        ),
        (FOURTEEN, {"seeds": 2}),
        ([(LONG, "b" + LONG), ("b" + LONG, LONG)], {}),
        (CELLS, {"undefined": True}),
    ],
    ids=["one of all", "one network left", "all missed", "14 cells", "long names", "undefined"],
)
def test_other_grids_are_laid_out_without_a_warning_and_inside_the_figure(cells, options):
    undefined = options.get("undefined", False)
    table = features(cells, **{name: value for name, value in options.items() if name != "undefined"})
    if undefined:
        table.loc[table["feature"].isin(FIRING[1:5]), "value"] = np.nan
    effects = dict.fromkeys([*FIRING, LONG], (np.nan,) * 4 if undefined else (3.0, 1.0, 0.5, 1.5))
    compared = indicators(effects, cells)
    one_dataset = table[table["dataset"] == cells[0][0]]
    drawn = [
        draw_fano_by_order(table, ROLES, resamples=50),
        draw_firing_over_training(table, ROLES, resamples=50),
        draw_stable_indicators(ranking(effects), compared, LONG, "generalizing"),
        dose_figure(one_dataset, ranking(FIRING), {"label_noise": ROLES[1:], "training_size": ROLES[1:]}, resamples=50),
    ]
    for figure in drawn:
        assert_within_page(figure)


def test_a_figure_without_anything_to_show_says_why():
    nothing = features(names=["other"])
    drawn = [
        draw_fano_by_order(nothing, ROLES),
        draw_firing_over_training(nothing, ROLES),
        draw_stable_indicators(ranking([]), indicators({"a": (1, 1, 1, 1)}).iloc[:0], "memorizing", "generalizing"),
        dose_figure(nothing, ranking([]), {}),
    ]
    assert all(figure.axes[0].texts[0].get_text().startswith("no ") for figure in drawn)


def test_the_same_data_give_the_same_bytes(tmp_path):
    table = features(regimes=["generalizing", "corrupted", "memorizing", "few_10", "few_50"], seeds=2)
    effects = dict.fromkeys(FIRING, (2.0, 4.0, 2.0, 6.0))
    for folder in (tmp_path / "first", tmp_path / "second"):
        for number, figure in enumerate(
            [
                draw_fano_by_order(table, ROLES),
                draw_firing_over_training(table, ROLES),
                draw_stable_indicators(ranking(FIRING), indicators(effects, CELLS), "memorizing", "generalizing"),
                dose_figure(table, ranking([])),
            ]
        ):
            style.save(figure, folder / f"{number}.pdf", folder / f"{number}.png")
    assert len(list((tmp_path / "first").iterdir())) == 8
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
