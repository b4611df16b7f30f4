"""Laws of growth and decay over training time, fitted to many series at once on a logarithmic scale.

Time t is the epoch, counted from 0. Every law is fitted to ln y by least squares, so errors are multiplicative, and the
information criteria of all laws compare on the same data.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LAWS = {"power": 4, "exponential": 3, "logarithmic": 4, "saturating": 4, "constant": 2}
"""Names of the laws, and how many parameters each has, the variance of the errors among them."""

FEWEST_CHECKPOINTS = max(LAWS.values()) + 2
"""The corrected AIC of every law is defined from so many checkpoints on."""

_ROUNDING = 1e-9
"""Residuals of ln y below this are rounding: single precision and seven digits in a table are coarser."""

_POINTS_PER_DECADE, _ZOOMS, _ZOOM = 8, 3, 6
_GAUSS_NEWTON_STEPS, _LONGEST_STEP = 10, 1.0


class Fit(NamedTuple):
    """Parameters of one law for each series, and its sum of squared residuals of ln y; each float64 [series]."""

    a: np.ndarray
    b: np.ndarray
    t0: np.ndarray
    squares: np.ndarray


def fit_law(law: str, log_values: np.ndarray, times: np.ndarray) -> Fit:
    """Return the least-squares fit of one of LAWS to each of many series.

    log_values: ln y, float [series, n], all finite. times: epochs [n], n ≥ 2, rising, from 0 on.

    ========================================  ===========================================
    power         y = a (1 + t/t0)^b          ageing a (1 + t/t0)^-α is this law, α = -b
    exponential   y = a exp(b t)
    logarithmic   y = a + b ln(1 + t/t0)      positive at all checkpoints
    saturating    y = a + b (1 - exp(-t/t0))  positive at all checkpoints
    constant      y = a                       the null
    ========================================  ===========================================

    ``a`` is the value at epoch 0; ``b`` and ``t0`` are NaN where a law has none. t0 > 0 is sought within
    ``range_of_t0``, on a geometric grid that is then refined by parabolas; where it is found at an end of that range it
    is not determined by the data. All else is in closed form, but for the amplitude b of the logarithmic and the
    saturating law, which is found by Gauss and Newton's method for each t0.
    """
    if law == "power":
        return _power(log_values, times)
    if law == "exponential":
        return _exponential(log_values, times)
    if law in _CLOCKS:
        return _linear(_CLOCKS[law], log_values, times, range_of_t0(law, times))
    centred = _centred(log_values)
    undefined = np.full(len(log_values), np.nan)
    return Fit(np.exp(log_values.mean(axis=1)), undefined, undefined, _sum_of_squares(centred))


def range_of_t0(law: str, times: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest t0 of a law that is sought for checkpoints at ``times``.

    The least is a hundredth of the first epoch after 0: up to that epoch the law is a jump then, whose size alone t0
    decides. Of the saturating law it is a tenth, a jump too. The largest is ten times the last epoch: there the power
    law is nearly an exponential one, and the two others are nearly straight lines.
    """
    after_start = times[times > 0]
    return after_start[0] / (10 if law == "saturating" else 100), 10 * after_start[-1]


def curve(law: str, a: float, b: float, t0: float, times: np.ndarray) -> np.ndarray:
    """Return y of one of LAWS at ``times``, float64 [n]; parameters as ``fit_law`` returns them."""
    times = np.asarray(times, float)
    if law == "power":
        return a * (1 + times / t0) ** b
    if law == "exponential":
        return a * np.exp(b * times)
    if law in _CLOCKS:
        return a + b * _CLOCKS[law](times, t0)
    return np.full(times.shape, a)


def corrected_aic(law: str, squares: np.ndarray, n: int) -> np.ndarray:
    """Return AICc = n ln(S/n) + 2K + 2K(K+1)/(n-K-1) of sums of squares S over n checkpoints; NaN for n < K + 2.

    K are the parameters in LAWS. Constants that all laws share are left out, so only differences mean something.
    Residuals of different checkpoints count as independent, which those of one training are not quite. Residuals below
    rounding count as rounding. Source: Hurvich & Tsai (1989), Biometrika 76, 297.
    """
    parameters = LAWS[law]
    if n < parameters + 2:
        return np.full(len(squares), np.nan)
    variance = np.maximum(squares / n, _ROUNDING**2)
    return n * np.log(variance) + 2 * parameters + 2 * parameters * (parameters + 1) / (n - parameters - 1)


def is_constant(log_values: np.ndarray) -> np.ndarray:
    """Tell for each series [series, n] whether it varies by rounding alone."""
    return np.ptp(log_values, axis=1) <= _ROUNDING * np.maximum(np.abs(log_values).max(axis=1), 1)


def log_log_slope(log_values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of ln y over ln t at the checkpoints after epoch 0, float64 [series].

    NaN for fewer than 2 of them. It is the exponent of y = a t^b, a power law without t0; of any other course it is a
    mean slope that depends on where the checkpoints lie. log_values, times: as for ``fit_law``.
    """
    after_start = times > 0
    if np.count_nonzero(after_start) < 2:
        return np.full(len(log_values), np.nan)
    log_times = np.log(times[after_start])
    log_times -= log_times.mean()
    return log_values[:, after_start] @ log_times / (log_times @ log_times)


def _power(log_values: np.ndarray, times: np.ndarray) -> Fit:
    centred = _centred(log_values)

    def less_explained(log_t0: np.ndarray) -> np.ndarray:
        course = _centred(np.log1p(times / np.exp(log_t0)[..., None]))
        projected = (course @ centred[:, :, None])[..., 0]
        return -(projected**2) / _sum_of_squares(course)

    t0 = np.exp(_minimum(less_explained, *range_of_t0("power", times)))
    return _straight(log_values, np.log1p(times / t0[:, None]))._replace(t0=t0)


def _exponential(log_values: np.ndarray, times: np.ndarray) -> Fit:
    return _straight(log_values, np.asarray(times, float)[None])


def _straight(log_values: np.ndarray, course: np.ndarray) -> Fit:
    """Fit ln y = ln a + b x with x [1 or series, n]."""
    centred, centred_course = _centred(log_values), _centred(course)
    b = (centred * centred_course).sum(axis=1) / _sum_of_squares(centred_course)
    a = np.exp(log_values.mean(axis=1) - b * course.mean(axis=1))
    squares = _sum_of_squares(centred - b[:, None] * centred_course)
    return Fit(a, b, np.full(len(b), np.nan), squares)


def _logarithmic_clock(times: np.ndarray, t0: np.ndarray | float) -> np.ndarray:
    return np.log1p(times / t0)


def _saturating_clock(times: np.ndarray, t0: np.ndarray | float) -> np.ndarray:
    return -np.expm1(-times / t0)


_CLOCKS = {"logarithmic": _logarithmic_clock, "saturating": _saturating_clock}
"""What y is linear in."""


def _linear(
    clock: Callable[[np.ndarray, np.ndarray], np.ndarray], log_values: np.ndarray, times: np.ndarray, span: tuple
) -> Fit:
    """Fit y = a + b x(t; t0), which is s (1 + (e^d - 1) ξ) with ξ from 0 at the first checkpoint to 1 at the last.

    d, the change of ln y from the first to the last checkpoint, may be any number: y is positive in between.
    """

    def progress(log_t0: np.ndarray) -> np.ndarray:
        elapsed = clock(times, np.exp(log_t0)[..., None])
        return (elapsed - elapsed[..., :1]) / (elapsed[..., -1:] - elapsed[..., :1])

    def squares(log_t0: np.ndarray) -> np.ndarray:
        course = progress(log_t0)
        return _sum_of_squares(_centred(log_values[:, None] - _log_line(_change(log_values, course), course)))

    log_t0 = _minimum(squares, *span)[:, None]
    course, t0 = progress(log_t0), np.exp(log_t0)
    change = _change(log_values, course)
    residuals = (log_values[:, None] - _log_line(change, course))[:, 0]
    first, elapsed = np.exp(residuals.mean(axis=1)), clock(times, t0)
    b = first * np.expm1(change[:, 0]) / (elapsed[:, -1] - elapsed[:, 0])
    return Fit(first - b * elapsed[:, 0], b, t0[:, 0], _sum_of_squares(_centred(residuals)))


def _change(log_values: np.ndarray, course: np.ndarray) -> np.ndarray:
    """Return d that fits best for each series and t0, [series, k]; course: [k, n] or [series, k, n]."""
    change = np.repeat(log_values[:, -1:] - log_values[:, :1], course.shape[-2], axis=1)
    for _ in range(_GAUSS_NEWTON_STEPS):
        gain = np.expm1(change)[..., None]
        residuals = _centred(log_values[:, None] - _log_line(change, course))
        gradient = _centred((1 + gain) * course / (1 + gain * course))
        step = (residuals * gradient).sum(axis=-1) / _sum_of_squares(gradient)
        change += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    return change


def _log_line(change: np.ndarray, course: np.ndarray) -> np.ndarray:
    return np.log1p(np.expm1(change)[..., None] * course)


def _minimum(function: Callable[[np.ndarray], np.ndarray], least: float, largest: float) -> np.ndarray:
    """Return for each series ln t0 between the logarithms of two bounds where a function is least, float64 [series].

    function: of ln t0, [k] for all series or [series, k], to values [series, k]. NaN where these are.
    """
    points = int(np.ceil(_POINTS_PER_DECADE * np.log10(largest / least))) + 1
    grid = np.linspace(np.log(least), np.log(largest), points)
    place, step = grid[function(grid).argmin(axis=1)], grid[1] - grid[0]
    for _ in range(_ZOOMS):
        before, here, after = function(place[:, None] + step * np.array([-1, 0, 1])).T
        curvature = before - 2 * here + after
        vertex = np.divide(before - after, 2 * curvature, out=np.zeros(len(place)), where=curvature > 0)
        place = np.clip(place + step * np.clip(vertex, -1, 1), grid[0], grid[-1])
        step /= _ZOOM
    return np.where(np.isnan(here), np.nan, place)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)


def _sum_of_squares(values: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", values, values)
