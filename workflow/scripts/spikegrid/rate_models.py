"""Models of the firing rates of a layer, over its units.

Every model is fitted to the active units, 0 < p < 1, so that their AIC compare; dead and always-on units, and units
whose rate is NaN, are counted in ``left_out``. Only the beta law ends at 1, as rates do. A rate seen on N images
scatters by p(1-p)/N about the unit's own: the laws describe the rates as measured. A rate does not depend on the order
of images, and so has no null under a random order.

Source: Lehmler et al., arXiv 2308.00858, for the laws of rates over units.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, gammainc, gammaln, ndtr, psi, zeta

from spikegrid.model_fit import ModelFit, log1p_curvature, step_between_poles

_RESOLUTION = 1e-6
_LOG_2PI = np.log(2 * np.pi)


def fit_rate_models(rates: np.ndarray) -> tuple[ModelFit, ...]:
    """Return the fits of the beta, gamma, lognormal and exponential laws to firing rates [U]."""
    return tuple(fit(rates) for fit in (fit_beta, fit_gamma, fit_lognormal, fit_exponential))


def fit_beta(rates: np.ndarray) -> ModelFit:
    """Fit Beta(α, β), ``alpha`` and ``beta``, as ``scipy.stats.beta(alpha, beta)``, to active firing rates.

    rates: spikes an image, float [U] in [0, 1]. The likelihood is concave in (α, β) and is maximized over α + β, and
    α/(α + β) for each. Undefined where it has no maximum: for fewer than two active units, or for rates that agree to
    one part in a million of their mean. Raises ValueError for rates outside [0, 1].
    """
    active, left_out = _active(rates)
    if _constant(active):
        return ModelFit.undefined("beta", ["alpha", "beta"], len(active), left_out)
    n, p, silent = len(active), active.mean(), (1 - active).mean()
    fires, rests = -_log_gap(active, p, active - p), -_log_gap(1 - active, silent, p - active)

    poles, tolerance = (-p, silent), 1e-13 * min(p, silent) * min(1, -fires - rests)

    def deviation(total: float) -> float:  # of the mean α/(α + β) from p, for α + β = total
        off, bracket = 0.0, poles
        for _ in range(60):
            alpha, beta = total * (p + off), total * (silent - off)
            value = _log_minus_psi(alpha) - _log_minus_psi(beta) + fires - rests
            value += np.log1p(-off / silent) - np.log1p(off / p)
            slope = -total * (zeta(2, alpha) + zeta(2, beta))
            last = off
            off, bracket = step_between_poles(off, value, slope, poles, bracket, tolerance)
            if abs(off - last) <= tolerance:
                break
        return off

    def parts(total: float) -> tuple[float, float, float]:  # α, β, and mean ln L a unit but for what is free of p
        off = deviation(total)
        mean, rest = p + off, silent - off
        return total * mean, total * rest, mean * (fires - np.log1p(off / p)) + rest * (rests - np.log1p(-off / silent))

    def score(log_total: float) -> float:
        total = np.exp(log_total)
        alpha, beta, fit = parts(total)
        gaps = alpha * _log_minus_psi(alpha) + beta * _log_minus_psi(beta)
        return float(fit + gaps / total - _log_minus_psi(total))

    low = high = np.log(silent / p / np.mean((active / p - 1) ** 2))
    while score(low) < 0:
        low -= 2
    while score(high) > 0:
        high += 2
    log_total, result = brentq(score, low, high, xtol=1e-13, full_output=True)
    total = np.exp(log_total)
    alpha, beta, fit = parts(total)
    log_likelihood = total * fit + (np.log(alpha) + np.log(beta) - log_total - _LOG_2PI) / 2
    log_likelihood += _stirling_error(total) - _stirling_error(alpha) - _stirling_error(beta)
    log_likelihood -= np.log(active).mean() + np.log1p(-active).mean()
    errors = np.sqrt(np.array([_beta_variance(alpha, beta), _beta_variance(beta, alpha)]) / n)
    cdf = betainc(alpha, beta, active)
    names = ("alpha", "beta")
    return _continuous("beta", names, (alpha, beta), errors, n * log_likelihood, cdf, left_out, result.converged)


def fit_gamma(rates: np.ndarray) -> ModelFit:
    """Fit a gamma law, ``shape`` k and ``scale`` θ, as ``scipy.stats.gamma(shape, scale=scale)``, to active rates.

    rates: spikes an image, float [U] in [0, 1]. ln k - ψ(k) = ln(mean p) - mean(ln p), θ = mean p / k. Undefined where
    there is no maximum, as for ``fit_beta``. Raises ValueError for rates outside [0, 1].
    """
    active, left_out = _active(rates)
    if _constant(active):
        return ModelFit.undefined("gamma", ["shape", "scale"], len(active), left_out)
    n, mean = len(active), active.mean()
    gap = _log_gap(active, mean, active - mean)
    # 1/(2k) < ln k - ψ(k) < 1/k: Alzer (1997), Math. Comp. 66, 373
    low, high = np.log(0.49 / gap), np.log(1.01 / gap)
    log_shape, result = brentq(
        lambda x: float(_log_minus_psi(np.exp(x)) - gap), low, high, xtol=1e-13, full_output=True
    )
    shape = np.exp(log_shape)
    scale = mean / shape
    fit = (log_shape - _LOG_2PI) / 2 - _stirling_error(shape) - shape * gap - np.log(active).mean()
    excess = shape * _trigamma_excess(shape)
    errors = np.sqrt(np.array([shape, scale**2 * zeta(2, shape)]) / (n * excess))
    cdf = gammainc(shape, active / scale)
    names = ("shape", "scale")
    return _continuous("gamma", names, (shape, scale), errors, n * fit, cdf, left_out, result.converged)


def fit_lognormal(rates: np.ndarray) -> ModelFit:
    """Fit a lognormal law, ``mu`` and ``sigma`` of ln p, as ``scipy.stats.lognorm(sigma, scale=exp(mu))``.

    rates: spikes an image, float [U] in [0, 1]; the active ones are fitted. μ and σ (ddof 0) are those of ln p, of
    standard errors σ/sqrt(n) and σ/sqrt(2n). Undefined where there is no maximum, as for ``fit_beta``. Raises
    ValueError for rates outside [0, 1].
    """
    active, left_out = _active(rates)
    if _constant(active):
        return ModelFit.undefined("lognormal", ["mu", "sigma"], len(active), left_out)
    n, log_rates = len(active), np.log(active)
    mu, sigma = log_rates.mean(), log_rates.std()
    log_likelihood = -n * (mu + np.log(sigma) + (_LOG_2PI + 1) / 2)
    errors = np.array([sigma / np.sqrt(n), sigma / np.sqrt(2 * n)])
    cdf = ndtr((log_rates - mu) / sigma)
    return _continuous("lognormal", ("mu", "sigma"), (mu, sigma), errors, log_likelihood, cdf, left_out)


def fit_exponential(rates: np.ndarray) -> ModelFit:
    """Fit an exponential law, ``scale`` θ, as ``scipy.stats.expon(scale=scale)``, to active firing rates.

    rates: spikes an image, float [U] in [0, 1]. θ is the mean active rate, of standard error θ/sqrt(n). Undefined
    without active units. Raises ValueError for rates outside [0, 1].
    """
    active, left_out = _active(rates)
    if len(active) == 0:
        return ModelFit.undefined("exponential", ["scale"], 0, left_out)
    n, scale = len(active), active.mean()
    cdf = -np.expm1(-active / scale)
    errors = [scale / np.sqrt(n)]
    return _continuous("exponential", ("scale",), (scale,), errors, -n * (np.log(scale) + 1), cdf, left_out)


def _active(rates: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the rates within (0, 1), in order, and the number of the others."""
    rates = np.asarray(rates, float)
    if ((rates < 0) | (rates > 1)).any():
        raise ValueError(f"firing rates lie in {np.nanmin(rates)}..{np.nanmax(rates)}; expected 0..1 spikes an image")
    active = np.sort(rates[(rates > 0) & (rates < 1)])
    return active, rates.size - active.size


def _constant(active: np.ndarray) -> bool:
    return len(active) < 2 or active[-1] - active[0] <= _RESOLUTION * active.mean()


def _log_gap(values: np.ndarray, mean: float, deviation: np.ndarray) -> float:
    """Return ln(mean) - mean(ln values) > 0, from values and values - mean, without cancellation."""
    relative = deviation / mean
    near = relative.clip(-0.5, 0.5)
    gaps = np.where(near == relative, near**2 * log1p_curvature(near), relative - np.log(values) + np.log(mean))
    return float(gaps.mean())


def _beta_variance(own: float, other: float) -> float:
    """Return n times the variance of one parameter of a beta law, from the inverse of its information."""
    both = own + other
    a, b, c = (_trigamma_excess(x) for x in (own, other, both))
    determinant = a * b + a * own / (other * both) + b * other / (own * both) - c * (both / (own * other) + a + b)
    return (own / (other * both) + b - c) / determinant


def _stirling_error(x: float) -> float:
    """Return ln Γ(x) - [(x - 1/2) ln x - x + ln(2π)/2]."""
    if x < 20:
        return gammaln(x) - (x - 0.5) * np.log(x) + x - _LOG_2PI / 2
    r = 1 / x**2
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / x


def _log_minus_psi(x: float) -> float:
    """Return ln x - ψ(x)."""
    if x < 20:
        return np.log(x) - psi(x)
    r = 1 / x**2
    return 1 / (2 * x) + r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))


def _trigamma_excess(x: float) -> float:
    """Return ψ'(x) - 1/x."""
    if x < 20:
        return zeta(2, x) - 1 / x
    r = 1 / x**2
    return r * (1 / 2 + (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66)))) / x)


def _continuous(
    model: str,
    names: tuple[str, ...],
    estimates: tuple[float, ...],
    errors: np.ndarray | list[float],
    log_likelihood: float,
    cdf: np.ndarray,
    left_out: int,
    converged: bool = True,
) -> ModelFit:
    """Return the fit whose distribution function is ``cdf`` at the active rates in order."""
    n = len(cdf)
    below = np.arange(n) / n
    distance = float(np.maximum(cdf - below, below + 1 / n - cdf).max())
    parameters, standard_errors = (dict(zip(names, map(float, values))) for values in (estimates, errors))
    return ModelFit(model, parameters, standard_errors, float(log_likelihood), n, distance, converged, left_out)
