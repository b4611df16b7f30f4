"""Figures of the stochastic process: Fano factors by order, laws of intervals, shares of units that pass the tests."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pages import assert_within_page
from scipy import stats

from spikegrid.figures import style
from spikegrid.figures.assumptions import draw_assumptions
from spikegrid.figures.fano_distributions import draw_fano_distributions
from spikegrid.figures.interval_laws import TAIL, draw_interval_laws
from spikegrid.interval_laws import interval_histogram
from spikegrid.trains import SpikeTrains

ROLES = ["untrained", "generalizing", "memorizing"]
MANY = [*ROLES, "noise20", "noise40", "few100", "few300"]
ORDERS = ["random", "class_blocked", "given"]
TESTS = ["poisson_dispersion", "binomial_dispersion", "ljung_box", "interval_kolmogorov_smirnov", "cusum"]
WINDOWS = 40
LOOKS = style.regime_looks(ROLES)

Missed = set[tuple[str, int]]


def networks(regimes=ROLES, seeds=3, missed: Missed = frozenset()) -> pd.DataFrame:
    """A row a network, those in ``missed`` below their target."""
    rows = [(*network, 0 if network[0] == "untrained" else 20, network not in missed)
            for network in product(regimes, range(seeds))]  # fmt: skip
    return pd.DataFrame(rows, columns=["regime", "seed", "epoch", "reached_target"])


def units(runs: pd.DataFrame, orders=ORDERS, layers=("hidden1", "hidden2"), count=50) -> pd.DataFrame:
    """Units with χ² ratios in the random order, larger ones in the others; the first is dead, the last always on."""
    generator, parts = np.random.default_rng(3), []
    for run, (depth, layer) in product(runs.to_dict("records"), enumerate(layers, start=1)):
        values = {"firing_rate": np.linspace(0, 1, count)}
        for place, order in enumerate(orders):
            ratio = (1 + 2 * place) * generator.chisquare(WINDOWS - 1, count) / WINDOWS
            values[f"fano_ratio_{order}"] = np.where(values["firing_rate"] % 1 > 0, ratio, np.nan)
        parts.append(pd.DataFrame(values).assign(layer=layer, depth=depth, **run))
    return pd.concat(parts, ignore_index=True)


def histograms(runs: pd.DataFrame, orders=("random", "class_blocked"), layer="hidden1", images=400) -> pd.DataFrame:
    """Histograms of Bernoulli trains in random order, and of the same trains with their spikes last."""
    parts = []
    for place, run in enumerate(runs.to_dict("records")):
        generator = np.random.default_rng(place)
        spikes = generator.random((30, images)) < generator.uniform(0.05, 0.9, (30, 1))
        for order in orders:
            ordered = spikes if order == "random" else np.sort(spikes, axis=1)
            counted = interval_histogram(SpikeTrains.from_array(ordered))
            columns = {name: getattr(counted, name) for name in ("observed", "geometric", "exponential")}
            where = {"order": order, "layer": layer, "depth": 1, **run}
            parts.append(pd.DataFrame({"interval": np.arange(1, len(counted.observed) + 1), **columns, **where}))
    return pd.concat(parts, ignore_index=True)


def followed(runs: pd.DataFrame, rate=0.2, number=10_000_000, order="random") -> pd.DataFrame:
    """Histograms whose counts are those of a geometric law, to the whole number."""
    interval = np.arange(1, 80)
    geometric = number * stats.geom(rate).pmf(interval)
    exponential = number * (np.exp(-rate * (interval - 1)) - np.exp(-rate * interval))
    table = {"interval": interval, "geometric": geometric, "exponential": exponential}
    table |= {"observed": geometric.round(), "order": order, "layer": "hidden1", "depth": 1}
    return pd.concat([pd.DataFrame({**table, **run}) for run in runs.to_dict("records")], ignore_index=True)


def features(runs: pd.DataFrame, tests=TESTS, orders=ORDERS, layers=("hidden1", "hidden2")) -> pd.DataFrame:
    """Shares of units that pass: different for every test, order, layer, epoch and seed."""
    rows = []
    for run, (depth, layer) in product(runs.to_dict("records"), enumerate(layers, start=1)):
        for epoch, (i, test), (j, order) in product(sorted({0, run["epoch"]}), enumerate(tests), enumerate(orders)):
            value = 0.1 * i + 0.2 * j + 0.01 * run["seed"] + 0.05 * (depth == 2) + 0.03 * (epoch == run["epoch"])
            rows.append({**run, "epoch": epoch, "layer": layer, "depth": depth, "feature": f"{test}_passing_{order}",
                         "value": value})  # fmt: skip
        rows.append({**run, "layer": layer, "depth": depth, "feature": "rate_beta_alpha", "value": 7.0})
    return pd.DataFrame(rows).assign(dataset="digits", architecture="mlp")


def drawn(axes: Axes, color: str, marker: str | None = None) -> list[np.ndarray]:
    """Points of the lines of one colour, [n, 2]: those with a marker, or those without."""
    found = [line for line in axes.lines if line.get_color() == color]
    return [line.get_xydata() for line in found if line.get_marker() == (marker or "None")]


def shares_at(axes: Axes, place: int) -> np.ndarray:
    return [patch for patch in axes.patches if not patch.get_fill()][place].get_data()


def said(figure: Figure) -> str:
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    for legend in figure.legends:
        texts += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    return " ".join(" ".join(texts).split())


def test_a_fano_panel_stands_for_every_layer_and_order():
    figure = draw_fano_distributions(units(networks(), layers=[f"layer{n}" for n in range(5)]), ROLES, WINDOWS)
    assert len(figure.axes) == 3 * 3
    titles = [axes.get_title("left").split("   ")[-1] for axes in figure.axes[:3]]
    assert titles == ["random order", "class-blocked order", "given order"]
    assert len(draw_fano_distributions(units(networks(), orders=["random"]), ROLES, WINDOWS).axes) == 2


def test_fano_ratios_are_shares_of_active_units_of_networks_that_reached_their_target():
    table = units(networks(missed={("memorizing", 2)}))
    table.loc[~table["reached_target"], [f"fano_ratio_{order}" for order in ORDERS]] = 0.2
    figure = draw_fano_distributions(table, ROLES, WINDOWS)
    of_layer = table[(table["layer"] == "hidden2") & (table["regime"] == "memorizing") & table["reached_target"]]
    for axes, order in zip(figure.axes[3:], ORDERS):
        shares, edges, _ = shares_at(axes, 2)
        active = of_layer[f"fano_ratio_{order}"].dropna()
        assert len(active) == 2 * 48
        assert shares.sum() == pytest.approx(1)
        middle = edges[len(edges) // 2]
        assert shares[edges[:-1] >= middle * (1 - 1e-9)].sum() == pytest.approx((active >= middle).mean())
        ((median,),) = drawn(axes, LOOKS["memorizing"].color, "^")
        assert median[0] == pytest.approx(active.median())


def test_the_line_of_a_regime_is_the_gamma_law_that_scipy_fits():
    table = units(networks(["memorizing"]))
    figure = draw_fano_distributions(table, ROLES, WINDOWS)
    for axes, order in zip(figure.axes, ORDERS):
        ratios = table.loc[table["layer"] == "hidden1", f"fano_ratio_{order}"].dropna()
        law = stats.gamma(*stats.gamma.fit(ratios, floc=0))
        _, edges, _ = shares_at(axes, 0)
        ((x, y),) = [line.T for line in drawn(axes, LOOKS["memorizing"].color)]
        middles = np.sqrt(edges[1:] * edges[:-1])
        np.testing.assert_allclose(np.interp(middles, x, y), np.diff(law.cdf(edges)), atol=2e-4)


def test_the_null_of_the_fano_factor_is_chi_squared_over_the_number_of_windows():
    figure = draw_fano_distributions(units(networks()), ROLES, WINDOWS)
    _, edges, _ = shares_at(figure.axes[0], 0)
    expected = np.diff(stats.chi2(WINDOWS - 1).cdf(edges * WINDOWS))
    assert expected.sum() > 0.99
    for axes in figure.axes:
        ((x, y),) = [line.T for line in drawn(axes, style.INK)]
        np.testing.assert_allclose(np.interp(np.sqrt(edges[1:] * edges[:-1]), x, y), expected, atol=2e-3)


def test_no_gamma_law_is_drawn_for_equal_ratios_or_for_more_than_four_regimes():
    table = units(networks(["memorizing"]))
    ratios = [f"fano_ratio_{order}" for order in ORDERS]
    constant = table.assign(**{ratio: table[ratio] * 0 + 2.0 for ratio in ratios})
    assert not drawn(draw_fano_distributions(constant, ROLES, WINDOWS).axes[0], LOOKS["memorizing"].color)
    assert drawn(draw_fano_distributions(table, MANY, WINDOWS).axes[0], LOOKS["memorizing"].color)
    many = draw_fano_distributions(units(networks(MANY)), MANY, WINDOWS)
    assert not drawn(many.axes[0], LOOKS["memorizing"].color)
    assert "no laws" in said(many)


def test_lines_and_markers_of_intervals_are_shares_of_all_networks_summed():
    table = histograms(networks(missed={("memorizing", 2)}))
    axes = draw_interval_laws(table, ROLES).axes[2]
    of_regime = table[(table["regime"] == "memorizing") & table["reached_target"]]
    random = of_regime[of_regime["order"] == "random"]
    total = random["observed"].sum()
    ((x, y),) = [points.T for points in drawn(axes, LOOKS["memorizing"].color, "^")]
    geometric = next(line for line in axes.lines if line.get_linestyle() == "-")
    assert list(x[:4]) == [1, 2, 3, 4]
    for interval in (1, 2, 3, 4):  # bins of one image
        at = random[random["interval"] == interval]
        assert y[interval - 1] == pytest.approx(at["observed"].sum() / total)
        assert geometric.get_ydata()[interval - 1] == pytest.approx(at["geometric"].sum() / total)


def test_laws_are_drawn_as_far_as_the_longest_interval_of_any_order():
    short = followed(networks(["memorizing"], 1), order="class_blocked").query("interval <= 5")
    table = pd.concat([followed(networks(["memorizing"], 1)), short], ignore_index=True)
    axes, _ = draw_interval_laws(table, ROLES).axes
    geometric = next(line for line in axes.lines if line.get_linestyle() == "-")
    x, y = geometric.get_data()
    np.testing.assert_allclose(y[:3], stats.geom(0.2).pmf([1, 2, 3]), rtol=1e-3)
    assert x.max() > 60


def test_quantiles_of_intervals_that_follow_the_law_lie_on_the_diagonal():
    _, axes = draw_interval_laws(followed(networks(["memorizing"])), ROLES).axes
    ((x, y),) = [points.T for points in drawn(axes, LOOKS["memorizing"].color, "^")]
    assert y.max() > 40
    np.testing.assert_allclose(x, y, rtol=3e-2)  # counts are whole numbers
    ((expected, observed),) = [line.get_data() for line in axes.lines if line.get_linestyle() == "--"]
    longer = stats.geom(0.2).sf(observed)
    np.testing.assert_allclose(expected, stats.expon(scale=5).isf(longer), rtol=3e-2)


def test_quantiles_are_those_of_numpy_in_both_orders():
    table = histograms(networks(["memorizing"], seeds=1), layer="hidden1")
    _, axes = draw_interval_laws(table, ROLES).axes
    for order, marker, color in (("random", "^", LOOKS["memorizing"].color), ("class_blocked", "o", style.INK)):
        counted = table[table["order"] == order].set_index("interval")["observed"]
        sample = np.repeat(counted.index, counted)
        ((_, y),) = [points.T for points in drawn(axes, color, marker)]
        for length in y:
            assert (sample > length).sum() >= TAIL
            assert np.quantile(sample, (sample <= length).mean(), method="inverted_cdf") == length


def test_random_trains_follow_the_geometric_law_and_sorted_ones_do_not():
    _, axes = draw_interval_laws(histograms(networks(["memorizing"]), images=2000), ROLES).axes
    ((x, y),) = [points.T for points in drawn(axes, LOOKS["memorizing"].color, "^")]
    np.testing.assert_allclose(np.log(y / x), 0, atol=0.1)
    ((x, y),) = [points.T for points in drawn(axes, style.INK, "o")] or [(np.array([]), np.array([]))]
    assert len(y) == 0  # no interval is longer than 1


def test_at_most_four_regimes_have_intervals_and_the_others_are_named():
    figure = draw_interval_laws(followed(networks(MANY)), MANY)
    assert len(figure.axes) == 8
    assert "not shown: noise40, few100, few300" in said(figure)


def test_points_of_assumptions_are_means_and_bars_ranges_over_networks_at_the_last_epoch_of_the_last_layer():
    figure = draw_assumptions(features(networks(missed={("memorizing", 2)})), ROLES)
    bernoulli, poisson = figure.axes[:3], figure.axes[3:]
    rows = [test for test in TESTS if test != "poisson_dispersion"]
    for panels, tests in ((bernoulli, rows), (poisson, ["poisson_dispersion"])):
        for axes, order in zip(panels, ORDERS):
            points = np.vstack(drawn(axes, LOOKS["memorizing"].color, "^"))
            bars = drawn(axes, LOOKS["memorizing"].color)
            for test, (mean, place), bar in zip(tests, points, bars, strict=True):
                value = 0.1 * TESTS.index(test) + 0.2 * ORDERS.index(order) + 0.08
                np.testing.assert_allclose([mean, *bar[:, 0]], [value + 0.005, value, value + 0.01])
                assert round(place) == tests.index(test)
    assert [axes.get_title("left").split("   ")[-1] for axes in bernoulli] == [
        f"{order.replace('_', '-')} order" for order in ORDERS
    ]


def test_names_of_two_authors_are_joined_by_a_dash():
    axes = draw_assumptions(features(networks()), ROLES).axes[0]
    names = [" ".join(label.get_text().split()) for label in axes.get_yticklabels()]
    assert names == ["binomial dispersion", "Ljung–Box", "interval Kolmogorov–Smirnov", "CUSUM"]


def test_a_test_without_a_tested_unit_says_so():
    table = features(networks())
    nowhere = table["feature"] == "ljung_box_passing_random"
    table.loc[nowhere, "value"] = np.nan
    table.loc[(table["feature"] == "cusum_passing_random") & (table["regime"] == "memorizing"), "value"] = np.nan
    axes = draw_assumptions(table, ROLES).axes[0]
    assert [text.get_text() for text in axes.texts] == ["no unit tested"] * 2
    assert [round(text.get_position()[1]) for text in axes.texts] == [1, 3]
    assert axes.texts[1].get_color() == LOOKS["memorizing"].color


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("runs", "regimes"),
    [
        (networks(["memorizing"], seeds=1), ["memorizing"]),
        (networks(missed={(regime, seed) for regime in ROLES for seed in range(3)}), ROLES),
        (networks(missed={("memorizing", seed) for seed in range(3)}), ROLES),
        (networks(MANY, seeds=2), MANY),
        (
            networks(["a-name-of-a-hundred-letters-" * 4, "memorizing"]),
            ["a-name-of-a-hundred-letters-" * 4, "memorizing"],
        ),
    ],
    ids=["one network", "all missed", "one regime missed", "seven regimes", "long names"],
)
def test_figures_of_the_process_are_laid_out_without_a_warning_and_inside_the_page(runs, regimes):
    nowhere = features(runs)
    nowhere["value"] = np.nan
    never = units(runs)
    never[[f"fano_ratio_{order}" for order in ORDERS]] = np.nan
    figures = [
        draw_fano_distributions(units(runs), regimes, WINDOWS),
        draw_fano_distributions(never, regimes, WINDOWS),
        draw_interval_laws(histograms(runs), regimes),
        draw_interval_laws(followed(runs).query("interval == 1"), regimes),
        draw_assumptions(features(runs), regimes),
        draw_assumptions(nowhere, regimes),
    ]
    for figure in figures:
        assert_within_page(figure)


def test_figures_of_the_process_give_the_same_bytes_from_the_same_data(tmp_path):
    runs = networks(["memorizing"], seeds=2)
    for folder in (tmp_path / "first", tmp_path / "second"):
        figures = {
            "fano": draw_fano_distributions(units(runs, ["random"]), ROLES, WINDOWS),
            "intervals": draw_interval_laws(histograms(runs), ROLES),
            "assumptions": draw_assumptions(features(runs, orders=["random"]), ROLES),
        }
        for name, figure in figures.items():
            style.save(figure, folder / f"{name}.pdf", folder / f"{name}.png")
    assert len(list((tmp_path / "first").iterdir())) == 6
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
