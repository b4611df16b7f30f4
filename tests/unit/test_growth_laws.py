"""Laws of growth against exact courses, scipy's optimizers, and AICs of statsmodels."""

import math
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit, least_squares
from scipy.stats import linregress

from spikegrid.growth_laws import (
    FEWEST_CHECKPOINTS,
    LAWS,
    corrected_aic,
    curve,
    fit_law,
    is_constant,
    log_log_slope,
    range_of_t0,
)

TIMES = np.array([0.0, 1, 2, 5, 10, 20, 50, 100])
CURVED = ["power", "logarithmic", "saturating"]
COURSES = {
    "power": lambda t, a, b, t0: a * (1 + t / t0) ** b,
    "exponential": lambda t, a, b, t0: a * np.exp(b * t),
    "logarithmic": lambda t, a, b, t0: a + b * np.log(1 + t / t0),
    "saturating": lambda t, a, b, t0: a + b * (1 - np.exp(-t / t0)),
    "constant": lambda t, a, b, t0: a + 0 * t,
}
PARAMETERS = {
    "power": (3.0, -0.7, 2.5),
    "exponential": (0.2, 0.03, np.nan),
    "logarithmic": (5.0, -0.6, 0.3),
    "saturating": (0.1, 0.8, 7.0),
    "constant": (4.0, np.nan, np.nan),
}


def noisy(seed: int, rows: int = 12, times: np.ndarray = TIMES) -> np.ndarray:
    """ln y of courses that no law fits well: noise, random walks, and noise about a logarithmic course."""
    generator = np.random.default_rng(seed)
    noise = 0.4 * generator.normal(size=(3, rows // 3, len(times)))
    growth = np.log(1 + np.log1p(times / np.geomspace(0.1, 20, rows // 3)[:, None]))
    return np.concatenate([noise[0], noise[1].cumsum(axis=1), growth + noise[2] / 4])


def squares_of(law: str, parameters, log_values: np.ndarray, times: np.ndarray) -> float:
    return float(np.sum((log_values - np.log(COURSES[law](times, *parameters))) ** 2))


# --- fits ---


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("times", [TIMES, TIMES[1:], np.array([3.0, 4, 8, 30, 31, 90, 400])])
def test_parameters_of_an_exact_course_are_found(law, times):
    expected = PARAMETERS[law]
    fit = fit_law(law, np.log(COURSES[law](times, *expected))[None], times)
    np.testing.assert_allclose([fit.a[0], fit.b[0], fit.t0[0]], expected, rtol=1e-3)
    assert fit.squares[0] < 1e-9


@pytest.mark.parametrize("law", LAWS)
def test_squares_are_those_of_the_curve(law):
    log_values = noisy(1)
    fit = fit_law(law, log_values, TIMES)
    for row, values in enumerate(log_values):
        drawn = curve(law, fit.a[row], fit.b[row], fit.t0[row], TIMES)
        np.testing.assert_allclose(drawn, COURSES[law](TIMES, fit.a[row], fit.b[row], fit.t0[row]))
        assert fit.squares[row] == pytest.approx(np.sum((values - np.log(drawn)) ** 2), rel=1e-9)


@pytest.mark.parametrize("law", CURVED)
def test_no_start_of_scipys_optimizer_fits_better(law):
    log_values = noisy(2, rows=6)
    fit = fit_law(law, log_values, TIMES)
    least, largest = np.log(range_of_t0(law, TIMES))
    for row, values in enumerate(log_values):

        def residuals(parameters, values=values):
            level, change, log_t0 = parameters
            if law == "power":
                return values - level - change * np.log1p(TIMES / np.exp(log_t0))
            elapsed = COURSES[law](TIMES, 0, 1, np.exp(log_t0))
            return values - level - np.log1p(np.expm1(change) * elapsed / elapsed[-1])

        bounds = ([-np.inf, -np.inf, least], [np.inf, np.inf, largest])
        starts = [(values.mean(), change, t0) for change in (-1, 1) for t0 in np.linspace(least, largest, 5)[1:-1]]
        best = min(2 * least_squares(residuals, start, bounds=bounds, xtol=1e-9).cost for start in starts)
        assert fit.squares[row] <= best * (1 + 1e-6)


@pytest.mark.parametrize(("law", "start"), [("logarithmic", (1.0, 0.1, 1.0)), ("saturating", (1.0, 0.5, 10.0))])
def test_linear_laws_have_the_parameters_that_curve_fit_finds_on_the_logarithmic_scale(law, start):
    generator = np.random.default_rng(3)
    values = COURSES[law](TIMES, 1.0, 0.4, 3.0) * np.exp(0.02 * generator.normal(size=(5, len(TIMES))))
    fit = fit_law(law, np.log(values), TIMES)
    for row, course in enumerate(values):
        expected, _ = curve_fit(
            lambda t, a, b, t0: np.log(COURSES[law](t, a, b, t0)), TIMES, np.log(course), start, bounds=(1e-3, 1e3)
        )
        np.testing.assert_allclose([fit.a[row], fit.b[row], fit.t0[row]], expected, rtol=1e-3)


@pytest.mark.parametrize("law", ["exponential", "constant"])
def test_straight_laws_are_those_of_statsmodels(law):
    log_values = noisy(4)
    fit = fit_law(law, log_values, TIMES)
    design = sm.add_constant(TIMES[:, None]) if law == "exponential" else np.ones((len(TIMES), 1))
    for row, values in enumerate(log_values):
        expected = sm.OLS(values, design).fit()
        assert fit.squares[row] == pytest.approx(expected.ssr)
        assert fit.a[row] == pytest.approx(np.exp(expected.params[0]))
        assert fit.b[row] == pytest.approx(expected.params[1] if law == "exponential" else np.nan, nan_ok=True)


def test_the_power_law_at_its_t0_is_the_regression_of_statsmodels():
    log_values = noisy(5)
    fit = fit_law("power", log_values, TIMES)
    for row, values in enumerate(log_values):
        expected = sm.OLS(values, sm.add_constant(np.log1p(TIMES / fit.t0[row]))).fit()
        assert fit.squares[row] == pytest.approx(expected.ssr)
        assert [np.log(fit.a[row]), fit.b[row]] == pytest.approx(list(expected.params), abs=1e-9)


def test_t0_stays_in_its_range_where_the_course_would_have_it_beyond():
    jump, straight = np.log([1.0, *[2.0] * 7]), 0.05 * TIMES
    for law in CURVED:
        least, largest = range_of_t0(law, TIMES)
        assert (least, largest) == ((0.1 if law == "saturating" else 0.01), 1000)
    np.testing.assert_allclose(fit_law("power", np.stack([jump, straight]), TIMES).t0, [0.01, 1000])


def test_a_fit_does_not_depend_on_the_other_series():
    log_values = noisy(6)
    for law in LAWS:
        whole = np.stack(fit_law(law, log_values, TIMES), axis=1)
        alone = np.concatenate([np.stack(fit_law(law, row[None], TIMES), axis=1) for row in log_values])
        np.testing.assert_allclose(alone, whole, rtol=1e-6)


@pytest.mark.parametrize("law", LAWS)
def test_undefined_series_have_undefined_fits_without_a_warning(law):
    log_values = noisy(7)
    log_values[3, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        squares = fit_law(law, log_values, TIMES).squares
    assert np.flatnonzero(np.isnan(squares)).tolist() == [3]


@settings(max_examples=15)
@given(st.floats(-5, 5), st.floats(0.01, 100), st.sampled_from(list(LAWS)))
def test_units_of_the_feature_change_the_amplitudes_and_nothing_else(log_unit, scale, law):
    log_values = noisy(8, rows=3)
    one, other = (fit_law(law, values, TIMES) for values in (log_values, log_values + log_unit))
    np.testing.assert_allclose(other.a, one.a * np.exp(log_unit), rtol=1e-4)
    np.testing.assert_allclose(other.squares, one.squares, rtol=1e-6)
    np.testing.assert_allclose(other.t0, one.t0, rtol=1e-4)
    rescaled = fit_law(law, log_values, TIMES * scale)
    np.testing.assert_allclose(rescaled.squares, one.squares, rtol=1e-6)
    np.testing.assert_allclose(rescaled.t0, one.t0 * scale, rtol=1e-4)


# --- information criteria ---


def test_differences_of_aicc_are_those_of_statsmodels():
    log_values = noisy(9)
    t0 = fit_law("power", log_values, TIMES).t0
    criteria = {law: corrected_aic(law, fit_law(law, log_values, TIMES).squares, 8) for law in LAWS}
    for row, values in enumerate(log_values):
        ones = np.ones((8, 1))
        null = sm.OLS(values, ones).fit()
        exponential = sm.OLS(values, np.column_stack([ones, TIMES])).fit()
        power = sm.OLS(values, np.column_stack([ones, np.log1p(TIMES / t0[row])])).fit()
        # aic of statsmodels counts regressors; each law has a variance beside them, the power law a t0 too.
        counted = {"constant": (null, 2), "exponential": (exponential, 3), "power": (power, 4)}
        expected = {law: -2 * model.llf + 2 * k + 2 * k * (k + 1) / (8 - k - 1) for law, (model, k) in counted.items()}
        assert -2 * exponential.llf + 4 == pytest.approx(exponential.aic)
        for law in ("exponential", "power"):
            difference = criteria[law][row] - criteria["constant"][row]
            assert difference == pytest.approx(expected[law] - expected["constant"], abs=1e-9)


def test_aicc_needs_two_checkpoints_more_than_parameters():
    for law, parameters in LAWS.items():
        assert np.isnan(corrected_aic(law, np.ones(1), parameters + 1)).all()
        assert np.isfinite(corrected_aic(law, np.ones(1), parameters + 2)).all()
        assert np.isfinite(corrected_aic(law, np.ones(1), FEWEST_CHECKPOINTS)).all()


def test_of_laws_that_fit_to_rounding_the_one_of_fewest_parameters_has_the_lowest_aicc():
    squares = {"power": 0.0, "exponential": 1e-25, "constant": 1e-20}
    criteria = [corrected_aic(law, np.array([value]), 8)[0] for law, value in squares.items()]
    assert criteria[2] < criteria[1] < criteria[0]
    assert np.isfinite(criteria).all()


def test_courses_that_vary_by_rounding_alone_are_constant():
    log_values = np.array([[0.3, 0.3 + 1e-12], [0.3, 0.3001], [-50, -50 + 1e-8], [np.nan, 1]])
    assert is_constant(log_values).tolist() == [True, False, True, False]


# --- plain slope ---


def test_slope_is_the_regression_of_logarithms_after_epoch_0():
    log_values = noisy(10)
    expected = [linregress(np.log(TIMES[1:]), row[1:]).slope for row in log_values]
    np.testing.assert_allclose(log_log_slope(log_values, TIMES), expected, atol=1e-12)


def test_slope_of_a_plain_power_law_is_its_exponent_whatever_epoch_0_holds():
    log_values = np.log([7.0, *(3 * TIMES[1:] ** -0.4)])[None]
    assert log_log_slope(log_values, TIMES)[0] == pytest.approx(-0.4)
    assert log_log_slope(log_values[:, :3], TIMES[:3])[0] == pytest.approx(-0.4)


def test_slope_needs_two_epochs_after_0():
    assert math.isnan(log_log_slope(np.zeros((1, 2)), TIMES[:2])[0])
