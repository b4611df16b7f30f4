"""The figures: what they show and leave out, one look a regime, files that repeat, layouts that survive other grids."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from scipy import stats
from scipy.stats import bootstrap

from spikegrid import spikes
from spikegrid.features import write_table
from spikegrid.figures import style
from spikegrid.figures.curves import bootstrap_of_mean
from spikegrid.figures.fano_against_rate import POINTS, draw_fano_against_rate
from spikegrid.figures.indicator_map import draw_indicator_map, read_indicators
from spikegrid.figures.networks import final_units, shown_layers
from spikegrid.figures.over_training import draw_over_training
from spikegrid.figures.raster import IMAGES, draw_raster
from spikegrid.figures.rates import BINS, draw_rates
from spikegrid.figures.training_curves import draw_training_curves
from spikegrid.indicators import COLUMNS as INDICATOR_COLUMNS

ROLES = ["untrained", "generalizing", "memorizing"]
LEVEL = {"untrained": 1.0, "generalizing": 2.0, "memorizing": 3.0}
LONG = "a-name-of-a-hundred-letters-" * 3 + "and-its-end"
MANY = ["untrained", "generalizing", *(f"noise{share}" for share in (10, 20, 40, 60, 80)), "memorizing"]
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deuteranopia": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "tritanopia": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}
"""Linear sRGB as the colour-blind see it: Machado, Oliveira & Fernandes (2009), IEEE TVCG 15, 1291, severity 1."""

Missed = set[tuple[str, str, int]]


def networks(architectures=("mlp",), regimes=ROLES, seeds=3, epochs=20, missed: Missed = frozenset()) -> pd.DataFrame:
    """A row a network, those in ``missed`` below their target."""
    rows = [
        ("dots", *network, 0 if network[1] == "untrained" else epochs, network not in missed)
        for network in product(architectures, regimes, range(seeds))
    ]
    return pd.DataFrame(rows, columns=["dataset", "architecture", "regime", "seed", "epoch", "reached_target"])


def histories(runs: pd.DataFrame) -> pd.DataFrame:
    """The loss is the level of the regime times one plus the seed at every epoch; accuracies are 1 / (1 + seed)."""
    rows = [
        (*run[1:5], epoch, LEVEL.get(run.regime, 4.0) * (1 + run.seed), *[1 / (1 + run.seed)] * 3)
        for run in runs.itertuples()
        for epoch in range(run.epoch + 1)
    ]
    measures = ["loss", "train_accuracy", "true_label_accuracy", "test_accuracy"]
    return pd.DataFrame(rows, columns=["dataset", "architecture", "regime", "seed", "epoch", *measures])


def features(runs: pd.DataFrame, layers=("hidden1", "hidden2"), names=("rate_mean",), undefined=()) -> pd.DataFrame:
    """Features of one architecture whose value is the seed, or NaN."""
    places = [*enumerate(layers, start=1), (0, "network")]
    rows = [
        (*run[1:5], epoch, layer, depth, name, np.nan if name in undefined else float(run.seed), run.reached_target)
        for run in runs.itertuples()
        for epoch in sorted({0, 1, run.epoch} if run.epoch else {0})
        for (depth, layer), name in product(places, names)
    ]
    names = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
    return pd.DataFrame(rows, columns=[*names, "reached_target"])


def units(runs: pd.DataFrame, layers=("hidden1", "hidden2"), count=40, rates=None) -> pd.DataFrame:
    """Units of one architecture: rates from 0 to 1, Fano factors of Bernoulli trains, 5 times that in classes."""
    rates = np.linspace(0, 1, count) if rates is None else np.asarray(rates)
    parts = []
    for run, (depth, layer) in product(runs.itertuples(), enumerate(layers, start=1)):
        fano = np.where(rates > 0, 1 - rates, np.nan)
        ratio = np.where(rates < 1, fano * 0 + 1, np.nan)
        values = {"firing_rate": rates, "fano_factor_random": fano, "fano_ratio_random": ratio}
        values |= {"fano_factor_class_blocked": 5 * fano, "fano_ratio_class_blocked": 5 * ratio}
        names = {"regime": run.regime, "seed": run.seed, "epoch": run.epoch, "reached_target": run.reached_target}
        parts.append(pd.DataFrame(values).assign(layer=layer, depth=depth, unit=np.arange(len(rates)), **names))
    return pd.concat(parts, ignore_index=True)


def indicators(effects: dict[tuple[str, str], tuple[float, float, float]], cells=(("dots", "mlp"),)) -> pd.DataFrame:
    """Final rows by feature and layer: Hedges' g and the bounds of the interval."""
    layers = list(dict.fromkeys(layer for _, layer in effects))
    table = pd.DataFrame(
        [
            {"dataset": dataset, "architecture": architecture, "feature": feature, "layer": layer}
            | {"depth": 0 if layer == "network" else layers.index(layer) + 1, "observable": "firing", "final": True}
            | {"hedges_g": g, "low": low, "high": high, "n_memorizing": 3, "n_generalizing": 2}
            for (dataset, architecture), ((feature, layer), (g, low, high)) in product(cells, effects.items())
        ]
    )
    return table.reindex(columns=INDICATOR_COLUMNS)


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., list[spikes.Spikes]]:
    """Builds recordings, one a regime, with random spikes of the last layer: bool [S, E, N, units]."""

    def build(runs: pd.DataFrame, layer="hidden2", count=9, images=40) -> list[spikes.Spikes]:
        recordings = []
        for number, (regime, rows) in enumerate(runs.groupby("regime", sort=False)):
            seeds, epochs = rows["seed"].to_numpy(np.int32), np.unique([0, rows["epoch"].max()]).astype(np.int32)
            shape = (len(seeds), len(epochs), images, -(-count // 8))
            packed = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
            packed &= np.packbits(np.arange(8 * shape[-1]) < count, bitorder="little")
            path, index = tmp_path / f"{number}.npz", np.arange(images, dtype=np.int32)
            arrays = {"seeds": seeds, "epochs": epochs, "index": index, "labels": np.zeros(images, np.int16)}
            run = {"dataset": "dots", "architecture": "mlp", "regime": regime, "seeds": seeds.tolist()}
            description = {"threshold": 0, "order": "random", "samples": images, "run": run}
            layers = [spikes.SpikeLayer(layer, 1, (count,), count, count)]
            with spikes.SpikeWriter(path, layers, [np.arange(count)[:, None]], arrays, description) as writer:
                for part in packed.reshape(-1, *shape[2:]):
                    writer.append(0, part)
            recordings.append(spikes.load(path))
        return recordings

    return build


@pytest.fixture
def figures(record) -> Callable[..., dict[str, Figure]]:
    """Draws every figure of one architecture of a grid."""

    def draw(runs: pd.DataFrame, regimes=ROLES, layers=("hidden1", "hidden2"), **options) -> dict[str, Figure]:
        one = runs[runs["architecture"] == runs["architecture"].iloc[0]]
        effects = {(name, layer): (5.0, 1.0, 2.0) for name in ("rate_mean", "dead") for layer in (*layers, "network")}
        cells = list(runs[["dataset", "architecture"]].drop_duplicates().itertuples(index=False, name=None))
        return {
            "training": draw_training_curves(histories(runs), runs, regimes),
            "over_training": draw_over_training(features(one, layers, **options), regimes),
            "rates": draw_rates(units(one, layers), regimes),
            "fano": draw_fano_against_rate(units(one, layers), regimes),
            "raster": draw_raster(record(one), one, regimes),
            "map": draw_indicator_map(indicators(effects, cells), regimes, regimes[-1], regimes[0]),
        }

    return draw


def lines(figure: Figure, panel: int, color: str, dotted: bool = False) -> list[np.ndarray]:
    """Heights of the lines of one colour in one panel."""
    found = [line for line in figure.axes[panel].lines if line.get_color() == color]
    return [np.asarray(line.get_ydata(), float) for line in found if (line.get_linestyle() == ":") == dotted]


def linear_rgb(color: str) -> np.ndarray:
    parts = np.array(to_rgb(color))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def cielab(linear: np.ndarray) -> np.ndarray:
    """L*, a*, b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    fx, fy, fz = (np.cbrt(part) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116 for part in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def legend_colors(figure: Figure) -> list[tuple[str, str]]:
    """Text and colour of every line in the legends."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    keys = [(text, key) for legend in legends for text, key in zip(legend.get_texts(), legend.legend_handles)]
    return [(text.get_text(), to_hex(key.get_color())) for text, key in keys]


@pytest.mark.parametrize("regimes", [ROLES, ROLES[::-1], MANY, ["memorizing"], ["noise", "memorizing"]])
def test_untrained_generalizing_and_memorizing_have_their_colours_in_any_order(regimes):
    looks, known = style.regime_looks(regimes), style.regime_looks(ROLES)
    assert list(looks) == regimes
    assert all(looks[role] == known[role] for role in ROLES if role in regimes)


@pytest.mark.parametrize("sight", SIGHT)
def test_eight_regimes_differ_for_the_colour_blind(sight):
    seen = [cielab(SIGHT[sight] @ linear_rgb(look.color)) for look in style.regime_looks(MANY).values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 20


def test_the_three_roles_differ_in_grey_print():
    shades = [cielab(linear_rgb(look.color))[0] for look in style.regime_looks(ROLES).values()]
    assert min(abs(a - b) for a, b in combinations(shades, 2)) > 10


@pytest.mark.parametrize("regimes", [MANY, [f"regime{number}" for number in range(20)]])
def test_no_two_regimes_look_alike(regimes):
    looks = list(style.regime_looks(regimes).values())
    assert len(set(looks)) == len(regimes)


def test_eight_regimes_have_eight_colours_and_eight_markers():
    looks = style.regime_looks(MANY).values()
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == 8


def test_a_regime_has_one_colour_in_every_figure(figures):
    drawn = figures(networks())
    for role, look in style.regime_looks(ROLES).items():
        for name in ("training", "over_training", "rates", "fano"):
            colors = [color for text, color in legend_colors(drawn[name]) if text.startswith(role)]
            assert colors, name
            assert set(colors) == {look.color.lower()}, name
    bars = {to_hex(axes.patches[0].get_facecolor()) for axes in drawn["raster"].axes if axes.patches}
    assert bars == {look.color.lower() for look in style.regime_looks(ROLES).values()}


def test_a_long_name_keeps_its_beginning_and_its_end():
    begin, end = style.shortened(LONG, 20).split("…")
    assert len(begin) + len(end) == 19
    assert LONG.startswith(begin)
    assert LONG.endswith(end)
    assert style.shortened("mlp", 3) == "mlp"


def test_the_same_data_give_the_same_bytes(figures, tmp_path):
    for folder in (tmp_path / "first", tmp_path / "second"):
        for name, figure in figures(networks()).items():
            style.save(figure, folder / f"{name}.pdf", folder / f"{name}.png")
    assert len(list((tmp_path / "first").iterdir())) == 12
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_another_process_with_another_hash_seed_gives_the_same_bytes(tmp_path):
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(style.__file__).parents[2])]}
import test_figures as t
runs = t.networks()
figure = t.draw_over_training(t.features(runs), t.ROLES)
t.style.save(figure, sys.argv[1] + ".pdf", sys.argv[1] + ".png")
"""
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed, "HOME": str(tmp_path)})
    for suffix in (".pdf", ".png"):
        assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


def test_files_embed_their_fonts_as_text_and_bear_no_date(figures, tmp_path):
    for name, figure in figures(networks()).items():
        style.save(figure, tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
        pdf, png = ((tmp_path / f"{name}{suffix}").read_bytes() for suffix in (".pdf", ".png"))
        assert b"/FontFile2" in pdf, name
        assert b"/Type3" not in pdf.replace(b" ", b""), name
        assert b"CreationDate" not in pdf
        assert b"tEXt" not in png
        assert b"tIME" not in png


def test_a_figure_is_at_most_as_wide_as_the_page(figures):
    for name, figure in figures(networks(architectures=[f"net{number}" for number in range(6)])).items():
        assert figure.get_figwidth() * 25.4 <= style.FULL_WIDTH + 1e-6, name


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path):
    figure = style.new_figure(50, 50)
    figure.subplots()
    figure.savefig = lambda *_, **__: (_ for _ in ()).throw(OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, tmp_path / "figure.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_missed_its_target_is_not_in_the_mean_but_a_dotted_line_of_its_own():
    runs = networks(missed={("mlp", "memorizing", 2)})
    figure = draw_training_curves(histories(runs), runs, ROLES)
    color = style.regime_looks(ROLES)["memorizing"].color
    (mean,) = lines(figure, panel=0, color=color)
    (alone,) = lines(figure, panel=0, color=color, dotted=True)
    np.testing.assert_allclose(mean, LEVEL["memorizing"] * np.mean([1, 2]))
    np.testing.assert_allclose(alone, LEVEL["memorizing"] * 3)
    (generalizing,) = lines(figure, panel=0, color=style.regime_looks(ROLES)["generalizing"].color)
    np.testing.assert_allclose(generalizing, LEVEL["generalizing"] * np.mean([1, 2, 3]))
    texts = [" ".join(text.split()) for text, _ in legend_colors(figure)]
    assert texts.count("memorizing, n = 2") == texts.count("memorizing, missed target, n = 1") == 1


def test_every_column_of_the_training_figure_leaves_the_missed_network_out():
    runs = networks(missed={("mlp", "memorizing", 0)})
    figure = draw_training_curves(histories(runs), runs, ROLES)
    for panel in (1, 2, 3):
        (mean,) = lines(figure, panel, style.regime_looks(ROLES)["memorizing"].color)
        np.testing.assert_allclose(mean, np.mean([1 / 2, 1 / 3]))


def test_features_over_training_average_only_networks_that_reached_their_target():
    runs = networks(missed={("mlp", "memorizing", 2)})
    figure = draw_over_training(features(runs), ROLES)
    for panel in range(3):
        (mean,) = lines(figure, panel, style.regime_looks(ROLES)["memorizing"].color)
        np.testing.assert_allclose(mean, np.mean([0, 1]))
    assert "memorizing, n = 2 (1 missed target)" in [text for text, _ in legend_colors(figure)]


def test_of_many_features_only_the_last_layer_is_shown_and_those_of_one_stem_stand_side_by_side():
    orders = ("random", "class_blocked", "given")
    names = [*(f"single{number}" for number in range(2)), *(f"fano_{order}" for order in orders[1:])]
    names += [f"{stem}_{order}" for order in orders[::-1] for stem in ("lv", "cv2")] + ["fano_random"]
    runs = networks(missed={("mlp", "memorizing", 2)})
    table = features(runs, names=names)
    table["value"] = 10 * table["feature"].map(names.index) + np.where(table["layer"] == "hidden2", table["value"], 99)
    figure = draw_over_training(table, ROLES)
    assert "hidden2" in figure.get_suptitle()
    assert figure.get_figwidth() * 25.4 == pytest.approx(style.FULL_WIDTH)
    shown = [axes for axes in figure.axes if axes.axison]
    titles = [" ".join(axes.get_title("left").split()[1:]) for axes in shown]
    assert titles == [
        *("Fano, random", "Fano, class-blocked", "Fano, given"),
        *("LV, random", "LV, class-blocked", "LV, given", "single0"),
        *("CV2, random", "CV2, class-blocked", "CV2, given", "single1"),
    ]
    places = [names.index(f"fano_{order}") for order in orders]
    for axes, place in zip(shown, places):
        (mean,) = lines(figure, figure.axes.index(axes), style.regime_looks(ROLES)["memorizing"].color)
        np.testing.assert_allclose(mean, 10 * place + np.mean([0, 1]))


@pytest.mark.parametrize(("count", "rows"), [(8, 8), (9, 3), (30, 8)])
def test_up_to_eight_features_have_a_row_each_and_more_are_folded_into_four_columns(count, rows):
    figure = draw_over_training(features(networks(), names=[f"f{number}" for number in range(count)]), ROLES)
    figure.draw_without_rendering()
    assert len({round(axes.get_position().y0, 3) for axes in figure.axes}) == rows
    assert figure.get_figheight() * 25.4 < 240


def with_whole(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Leave those features to the network as a whole alone."""
    return table[~table["feature"].isin(names) | (table["depth"] == 0)]


def test_features_of_whole_networks_stand_side_by_side_above_those_of_layers():
    table = with_whole(features(networks(), names=["share", "steps", "loss"]), ["steps", "loss"])
    figure = draw_over_training(table, ROLES)
    titles = [axes.get_title("left") for axes in figure.axes if axes.axison]
    assert [" ".join(title.split()[1:]) for title in titles] == ["steps", "loss", "hidden1", "hidden2", "whole network"]
    assert [axes.axison for axes in figure.axes] == [True, True, False, True, True, True]
    for panel in (0, 1):
        (mean,) = lines(figure, panel, style.regime_looks(ROLES)["memorizing"].color)
        np.testing.assert_allclose(mean, 1)
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "", "epoch", "epoch", "epoch"]


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (6, 2), (11, 3)])
def test_features_of_whole_networks_alone_fill_rows_of_four(count, rows):
    names = [f"f{number}" for number in range(count)]
    figure = draw_over_training(with_whole(features(networks(), names=names), names), ROLES)
    figure.draw_without_rendering()
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left").split()[-1] for axes in drawn] == names
    assert len({round(axes.get_position().y0, 3) for axes in drawn}) == rows
    assert sum(axes.get_xlabel() == "epoch" for axes in drawn) == min(count, 4)
    assert not figure.get_suptitle()


def test_features_without_order_open_the_rows_where_there_are_enough():
    names = [f"{stem}_{order}" for stem in ("lv", "memory") for order in ("random", "class_blocked", "given")]
    table = features(networks(), names=["rate", "share", "dead", *names])
    shown = [axes for axes in draw_over_training(table, ROLES).axes if axes.axison]
    titles = [" ".join(axes.get_title("left").split()[1:]) for axes in shown]
    assert titles == [
        "rate",
        *("share", "LV, random", "LV, class-blocked", "LV, given"),
        *("dead", "memory, random", "memory, class-blocked", "memory, given"),
    ]


def test_a_constant_feature_is_drawn_flat_and_its_last_digits_are_not_a_course():
    runs = networks()
    figure = draw_over_training(features(runs).assign(value=lambda table: 1 + 1e-6 * table["value"]), ROLES)
    low, high = figure.axes[0].get_ylim()
    assert low < 1 < high
    assert high - low > 0.04


def test_regimes_that_are_not_listed_are_not_shown_over_training():
    figure = draw_over_training(features(networks(regimes=[*ROLES, "few"])), ROLES)
    assert not any("few" in text for text, _ in legend_colors(figure))


def test_a_gap_stands_where_a_network_has_no_value():
    runs = networks()
    table = features(runs)
    table.loc[(table["regime"] == "memorizing") & (table["seed"] == 1) & (table["epoch"] == 1), "value"] = np.nan
    (mean,) = lines(draw_over_training(table, ROLES), 0, style.regime_looks(ROLES)["memorizing"].color)
    np.testing.assert_array_equal(mean, [1, np.nan, 1])


def test_untrained_networks_are_a_level_line_over_the_whole_axis():
    runs = networks()
    figure = draw_over_training(features(runs), ROLES)
    (line,) = [
        line for line in figure.axes[0].lines if line.get_color() == style.regime_looks(ROLES)["untrained"].color
    ]
    assert list(line.get_xdata()) == [0, 1]
    assert set(line.get_ydata()) == {1.0}


def test_pooled_rates_leave_out_networks_that_missed_their_target():
    table = units(networks(regimes=["memorizing"], missed={("mlp", "memorizing", 2)}), rates=[0.1, 0.3, 0.5])
    table.loc[~table["reached_target"], "firing_rate"] = 0.97
    _, steps = draw_rates(table, ["memorizing"]).axes[0].patches
    shares, edges, _ = steps.get_data()
    assert shares[edges[:-1] > 0.9].sum() == 0
    assert shares.sum() == pytest.approx(1)


def test_dead_and_always_on_units_are_shown_as_shares_and_not_among_the_rates():
    table = units(networks(regimes=["memorizing"]), layers=["hidden1"], rates=[0, 0, 1, 0.25, 0.75, 0.75, 0.75, 0.75])
    above, below = draw_rates(table, ["memorizing"]).axes
    shares, edges, _ = above.patches[1].get_data()
    assert dict(zip(edges[:-1].round(2), shares))[0.24] == pytest.approx(1 / 5)
    points = np.concatenate([line.get_xydata() for line in below.lines if line.get_marker() == "^"])
    np.testing.assert_allclose(points, [[2 / 8, 0], [1 / 8, 1]])


@pytest.mark.parametrize("law", ["beta", "gamma", "lognormal", "exponential"])
def test_a_line_shows_what_the_law_of_lowest_aic_expects_in_each_bin_and_the_panel_names_it(law):
    samples = {
        "beta": stats.beta(2, 1.2),
        "gamma": stats.gamma(6, scale=0.03),
        "lognormal": stats.lognorm(0.6, scale=0.08),
        "exponential": stats.expon(scale=0.1),
    }
    rates = samples[law].ppf((np.arange(2000) + 0.5) / 2000)
    table = units(networks(regimes=["memorizing"], seeds=1), ["hidden1"], rates=np.concatenate([rates[rates < 1], [0]]))
    above, _ = draw_rates(table, ["memorizing"]).axes
    active = rates[rates < 1]
    fits = {
        "beta": lambda: stats.beta(*stats.beta.fit(active, floc=0, fscale=1)),
        "gamma": lambda: stats.gamma(*stats.gamma.fit(active, floc=0)),
        "lognormal": lambda: stats.lognorm(*stats.lognorm.fit(active, floc=0)),
        "exponential": lambda: stats.expon(*stats.expon.fit(active, floc=0)),
    }
    (line,) = above.lines
    middles = BINS[:-1] + np.diff(BINS) / 2
    np.testing.assert_allclose(np.interp(middles, *line.get_data()), np.diff(fits[law]().cdf(BINS)), atol=2e-5)
    assert [text.get_text() for text in above.get_legend().get_texts()] == [law]


@pytest.mark.parametrize(
    ("rates", "regimes"), [([0.5] * 8, ["memorizing"]), ([0, 1], ["memorizing"]), (np.linspace(0.1, 0.9), MANY)]
)
def test_no_law_is_drawn_where_none_is_defined_or_of_many_regimes(rates, regimes):
    above, _ = draw_rates(units(networks(regimes=regimes), ["hidden1"], rates=rates), regimes).axes
    assert not above.lines
    assert above.get_legend() is None


def test_laws_are_drawn_when_few_regimes_of_a_large_grid_are_shown():
    above, _ = draw_rates(units(networks(), ["hidden1"]), MANY).axes
    assert len(above.lines) == len(ROLES)


def test_names_of_laws_stand_above_the_highest_bin():
    figure = draw_rates(units(networks(), rates=np.append(np.linspace(0.001, 0.03, 200), 0.9)), ROLES)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    bottom = axes.transData.inverted().transform(axes.get_legend().get_window_extent())[0, 1]
    assert max(patch.get_data()[0].max() for patch in axes.patches) < bottom


def test_the_class_blocked_order_is_a_third_row_of_the_fano_figure_where_it_is_measured():
    table = units(networks(regimes=["memorizing"]), ["hidden1"])
    *_, below = draw_fano_against_rate(table, ["memorizing"]).axes
    assert below.get_yscale() == "log"
    (means,) = [line for line in below.lines if line.get_color() == style.regime_looks(ROLES)["memorizing"].color]
    np.testing.assert_allclose(means.get_ydata(), 5)
    alone = table.drop(columns=["fano_factor_class_blocked", "fano_ratio_class_blocked"])
    assert len(draw_fano_against_rate(alone, ["memorizing"]).axes) == 2


def test_points_of_the_fano_figure_leave_out_networks_that_missed_their_target():
    table = units(networks(regimes=["memorizing"], missed={("mlp", "memorizing", 2)}), rates=[0.1, 0.3, 0.5])
    table.loc[~table["reached_target"], "firing_rate"] = 0.97
    (points,) = draw_fano_against_rate(table, ["memorizing"]).axes[0].collections
    assert len(points.get_offsets()) == 2 * 3
    assert points.get_offsets()[:, 0].max() == 0.5


def test_too_many_points_are_sampled_and_the_panel_says_so():
    table = units(networks(regimes=["memorizing"], seeds=2), layers=["hidden1"], count=POINTS)
    above, *_ = draw_fano_against_rate(table, ["memorizing"]).axes
    (points,) = above.collections
    assert len(points.get_offsets()) == POINTS
    assert [text.get_text() for text in above.texts] == [f"{POINTS:,} of {2 * (POINTS - 1):,} units"]
    assert points.get_rasterized()


def test_a_raster_has_a_tick_for_every_spike_of_the_first_images(record):
    runs = networks(regimes=["memorizing"], seeds=1)
    (recording,) = record(runs, count=9, images=IMAGES + 30)
    raster, side = draw_raster([recording], runs, ["memorizing"]).axes
    trains = recording.trains_at("hidden2", 0, 20)
    by_rate = np.argsort(trains.rates(), kind="stable")
    drawn = np.zeros((9, IMAGES), int)
    (spikes,) = raster.lines
    strokes = spikes.get_xydata().reshape(-1, 3, 2)
    assert np.isnan(strokes[:, 2, 1]).all(), "strokes are apart"
    for image, unit in strokes[:, :2].mean(axis=1):
        drawn[round(unit) - 1, round(image) - 1] += 1
    spikes_by_rate = trains.to_array()[by_rate, :IMAGES]
    np.testing.assert_array_equal(drawn.sum(axis=0), spikes_by_rate.sum(axis=0))
    np.testing.assert_array_equal(np.sort(drawn.sum(axis=1)), np.sort(spikes_by_rate.sum(axis=1)))
    np.testing.assert_allclose([bar.get_width() for bar in side.patches], trains.rates()[by_rate])


@pytest.mark.parametrize(
    ("missed", "title"), [([0], "seed 1, epoch 20"), ([0, 1, 2], "seed 0, epoch 20 (missed target)")]
)
def test_a_raster_shows_a_network_that_reached_its_target_or_says_that_none_did(record, missed, title):
    runs = networks(regimes=["memorizing"], missed={("mlp", "memorizing", seed) for seed in missed})
    figure = draw_raster(record(runs), runs, ["memorizing"])
    assert figure.axes[0].get_title("left").endswith(title)


def test_triangles_point_to_the_sign_of_intervals_that_exclude_0():
    effects = {
        ("up", "hidden1"): (5.0, 1.0, 2.0),
        ("down", "hidden1"): (-5.0, -2.0, -1.0),
        ("neither", "hidden1"): (0.5, -1.0, 2.0),
        ("undefined", "hidden1"): (np.nan, np.nan, np.nan),
    }
    axes, _ = draw_indicator_map(indicators(effects), ROLES, "memorizing", "generalizing").axes
    mesh, up, down = axes.collections
    np.testing.assert_allclose(up.get_offsets(), [[0.5, 0.5]])
    np.testing.assert_allclose(down.get_offsets(), [[0.5, 1.5]])
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()).ravel(), [False, False, False, True])
    assert "n = 3 / 2" in axes.texts[0].get_text()


def test_layers_of_the_map_go_by_depth_and_end_with_the_whole_network():
    effects = {("rate", layer): (1.0, 0.5, 2.0) for layer in ("network", "z_first", "a_second")}
    axes, _ = draw_indicator_map(indicators(effects), ROLES, "memorizing", "generalizing").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["z_first", "a_second", "whole network"]


def test_a_map_without_a_comparison_says_why():
    figure = draw_indicator_map(indicators({("rate", "a"): (1, 1, 1)}).iloc[:0], ROLES, "memorizing", "generalizing")
    assert "reached their target" in figure.axes[0].texts[0].get_text()


def test_names_like_NA_and_numbers_survive_the_table_of_indicators(tmp_path):
    table = indicators({("rate", "1"): (np.nan, 0.5, 2.0)}, cells=[("NA", "007")])
    write_table(tmp_path / "indicators.csv", table)
    read = read_indicators(tmp_path / "indicators.csv", "firing")
    assert read[["dataset", "architecture", "layer"]].to_numpy().tolist() == [["NA", "007", "1"]]
    assert read["hedges_g"].isna().all()
    assert read_indicators(tmp_path / "indicators.csv", "other").empty


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (4, [0, 1, 2, 3]), (20, [0, 6, 13, 19])])
def test_shown_layers_are_evenly_spaced_with_the_first_and_the_last(count, expected):
    table = pd.DataFrame({"layer": [f"layer{place}" for place in range(count)], "depth": np.arange(count) + 1})
    assert shown_layers(table.sample(frac=1, random_state=1)) == [f"layer{place}" for place in expected]


def test_final_units_are_those_of_the_last_epoch_of_each_regime(tmp_path):
    runs = networks(regimes=["untrained", "memorizing"], seeds=2, missed={("mlp", "memorizing", 1)})
    paths = []
    for regime, seed in product(["untrained", "memorizing"], range(2)):
        epochs = [0] if regime == "untrained" else [0, 20]
        path = tmp_path / regime / f"seeds{seed}-{seed}" / "units" / "firing.parquet"
        write_table(path, pd.DataFrame({"seed": np.int32(seed), "epoch": np.array(epochs, np.int32), "unit": 0}))
        paths.append(path)
    found = final_units(paths, runs)[["regime", "seed", "epoch", "reached_target"]]
    assert found.to_numpy().tolist() == [
        ["untrained", 0, 0, True],
        ["untrained", 1, 0, True],
        ["memorizing", 0, 20, True],
        ["memorizing", 1, 20, False],
    ]


@pytest.mark.parametrize(("shape", "confidence"), [((4, 5), 0.95), ((3, 10), 0.8)])
def test_interval_over_networks_is_the_percentile_bootstrap_of_scipy(shape, confidence):
    values = np.random.default_rng(3).normal(size=shape)
    low, high = bootstrap_of_mean(confidence, 20_000)(values)
    expected = bootstrap(
        (values,), np.mean, axis=1, method="percentile", confidence_level=confidence, n_resamples=20_000, rng=4
    ).confidence_interval
    np.testing.assert_allclose(low, expected.low, atol=0.06)
    np.testing.assert_allclose(high, expected.high, atol=0.06)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("runs", "options"),
    [
        (networks(regimes=["memorizing"], seeds=1, epochs=1), {"regimes": ["memorizing"], "layers": ["a"]}),
        (networks([f"net{number}" for number in range(6)], MANY, seeds=1), {"regimes": MANY}),
        (networks(seeds=2, epochs=2000), {"layers": [f"layer{number}" for number in range(20)]}),
        (networks(regimes=ROLES[1:]), {"names": ["rate_mean", "never_defined"], "undefined": ["never_defined"]}),
        (networks(missed={("mlp", regime, seed) for regime in ROLES for seed in range(3)}), {}),
        (networks([LONG], [LONG, "b" + LONG]), {"regimes": [LONG, "b" + LONG], "layers": [LONG], "names": [LONG]}),
    ],
    ids=["one of all", "6 nets, 8 regimes, 1 seed", "20 layers", "undefined, absent", "all missed", "long names"],
)
def test_other_grids_are_laid_out_without_a_warning_and_inside_the_figure(figures, runs, options):
    for name, figure in figures(runs, **options).items():
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for part in [*figure.legends, *figure.axes]:
            box = part.get_tightbbox()
            assert page.containsx(box.x0), name
            assert page.containsx(box.x1), name


def test_a_layer_without_a_unit_that_fires_is_drawn():
    table = units(networks(), rates=[0.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (draw_rates, draw_fano_against_rate):
            draw(table, ROLES).draw_without_rendering()
