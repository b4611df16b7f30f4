"""Models of the spike counts of a layer, pooled over units and windows, and of each unit.

The pooled counts are fitted from their histogram over 0..T, T images in a window, so that a fit costs the same for any
number of them. Null: under a random order of images the counts of a unit of rate p are Binomial(T, p), so pooled counts
are a mixture of binomials over the rates: what exceeds a binomial repeats the spread of the rates, and says nothing of
time. When rates are Beta(α, β), pooled counts are beta-binomial with the same α and β.

The counts of the units in one window answer to the same images. Where units are correlated, the pooled counts are not
independent, and standard errors and differences of AIC overstate what is known.

Source: Poisson, binomial and negative binomial counts as models of activations, Lehmler et al., arXiv 2308.00858.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, xlog1py, xlogy

from spikegrid.beta_binomial import Profile
from spikegrid.model_fit import ModelFit, log1p_curvature

_ROUNDING = 1e-12


def count_histogram(counts: np.ndarray, window: int) -> np.ndarray:
    """Return how often each count 0..T occurs, int64 [T + 1], for integer counts of any shape in windows of T images.

    Raises ValueError when ``window`` is below 1, or a count lies outside 0..T.
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected at least 1 image")
    counts = np.asarray(counts).ravel()
    if counts.size and (counts.min() < 0 or counts.max() > window):
        raise ValueError(f"counts lie in {counts.min()}..{counts.max()}; expected 0..{window}, the images in a window")
    return np.bincount(counts, minlength=window + 1)


def fit_count_models(histogram: np.ndarray) -> tuple[ModelFit, ...]:
    """Return the fits of Poisson, binomial, negative binomial and beta-binomial to a histogram of counts [T + 1]."""
    fitters = (fit_poisson, fit_binomial, fit_negative_binomial, fit_beta_binomial)
    return tuple(fit(histogram) for fit in fitters)


def fit_poisson(histogram: np.ndarray) -> ModelFit:
    """Fit Poisson(λ), ``rate`` = λ in spikes a window, as ``scipy.stats.poisson(rate)``.

    histogram: number of windows with 0, 1, .. T spikes, int [T + 1]. λ is the mean count, its standard error sqrt(λ/n);
    λ = 0 is on the boundary. Undefined without counts. The model puts mass above T, where no count can be.
    """
    n, total = int(histogram.sum()), _total(histogram)
    if n == 0:
        return ModelFit.undefined("poisson", ["rate"], 0)
    rate = total / n
    error = np.sqrt(rate / n) if total else np.nan
    return _discrete("poisson", histogram, {"rate": rate}, {"rate": error}, _log_poisson(len(histogram), rate))


def fit_binomial(histogram: np.ndarray) -> ModelFit:
    """Fit Binomial(T, p), ``probability`` = p in [0, 1], as ``scipy.stats.binom(T, probability)``.

    histogram: number of windows with 0, 1, .. T spikes, int [T + 1]. p is the mean count over T, its standard error
    sqrt(p(1-p)/(nT)); 0 and 1 are on the boundary. Undefined without counts.
    """
    n, images = int(histogram.sum()), len(histogram) - 1
    if n == 0:
        return ModelFit.undefined("binomial", ["probability"], 0)
    p = _total(histogram) / (n * images)
    error = np.sqrt(p * (1 - p) / (n * images)) if 0 < p < 1 else np.nan
    return _discrete("binomial", histogram, {"probability": p}, {"probability": error}, _log_binomial(images, p))


def fit_negative_binomial(histogram: np.ndarray) -> ModelFit:
    """Fit a negative binomial of ``mean`` μ and ``size`` k, of variance μ + μ²/k: ``scipy.stats.nbinom(k, k/(k + μ))``.

    histogram: number of windows with 0, 1, .. T spikes, int [T + 1]. μ is the mean count, for every k. The likelihood
    has one maximum in k, finite where the variance (ddof 0) exceeds the mean. Elsewhere, with all counts equal too, it
    is the Poisson limit: k = inf, whose standard error is NaN. Undefined without counts.

    Source: Levin & Reeds (1977), Ann. Stat. 5, 79, for the one maximum.
    """
    n = int(histogram.sum())
    if n == 0:
        return ModelFit.undefined("negative_binomial", ["mean", "size"], 0)
    mean, j, above = _total(histogram) / n, np.arange(len(histogram) - 1.0), _exceeding(histogram)

    def score(dispersion: float) -> float:  # of φ = 1/k, so that 0 is the Poisson limit
        return float((above * j / (1 + j * dispersion)).sum() - n * mean**2 * log1p_curvature(mean * dispersion))

    if score(0) <= _ROUNDING * n * mean**2:
        parameters, error = {"mean": mean, "size": np.inf}, np.sqrt(mean / n) if mean else np.nan
        log_pmf = _log_poisson(len(histogram), mean)
        return _discrete("negative_binomial", histogram, parameters, {"mean": error, "size": np.nan}, log_pmf)
    high = 1 / mean
    while score(high) > 0:
        high *= 4
    dispersion, result = brentq(score, 0, high, xtol=1e-300, rtol=1e-14, full_output=True)
    x = mean * dispersion
    curvature = (2 * log1p_curvature(x) - 1 / (1 + x)) / x if x > 1e-6 else 1 / 3 - x / 2
    information = (above * (j / (1 + j * dispersion)) ** 2).sum() - n * mean**3 * curvature
    errors = {
        "mean": np.sqrt(mean * (1 + x) / n),
        "size": 1 / np.sqrt(information) / dispersion**2 if information > 0 else np.nan,
    }
    rising = np.concatenate([[0], np.log1p(j * dispersion).cumsum()])
    c = np.arange(len(histogram))
    log_pmf = rising + c * (np.log(mean) - np.log1p(x)) - mean * (1 - x * log1p_curvature(x)) - gammaln(c + 1)
    parameters = {"mean": mean, "size": 1 / dispersion}
    return _discrete("negative_binomial", histogram, parameters, errors, log_pmf, result.converged)


def fit_beta_binomial(histogram: np.ndarray) -> ModelFit:
    """Fit a beta-binomial, a binomial whose p is Beta(α, β): ``scipy.stats.betabinom(T, alpha, beta)``.

    histogram: number of windows with 0, 1, .. T spikes, int [T + 1]. Searched over π = α/(α + β) and γ = 1/(α + β): for
    each γ the likelihood is concave in π; γ is the best of a grid, refined. Limits, with standard errors NaN: counts no
    wider than a binomial, all equal, or of windows of one image give α = β = inf, the binomial of the mean (its p is
    that of ``fit_binomial``); counts of 0 and T alone give α = β = 0, a window all silent or all firing. Undefined
    without counts.

    Source: Griffiths (1973), Biometrics 29, 637, for the likelihood as sums over exceeding counts.
    """
    n, images = int(histogram.sum()), len(histogram) - 1
    if n == 0:
        return ModelFit.undefined("beta_binomial", ["alpha", "beta"], 0)
    p = _total(histogram) / (n * images)

    def limit(value: float, log_pmf: np.ndarray) -> ModelFit:
        undefined = dict.fromkeys(("alpha", "beta"), np.nan)
        return _discrete("beta_binomial", histogram, dict.fromkeys(undefined, value), undefined, log_pmf)

    if not 0 < p < 1 or images == 1:
        return limit(np.inf, _log_binomial(images, p))
    if not histogram[1:-1].any():
        ends = np.full(images + 1, -np.inf)
        ends[[0, -1]] = np.log1p(-p), np.log(p)
        return limit(0.0, ends)
    profile = Profile(_exceeding(histogram), _exceeding(histogram[::-1]), n, p)
    # d ln L / dγ < (n H - mγ)/γ², m windows neither silent nor full, H = Σ_{j<T} 1/j: beyond nH/m there is no maximum
    narrowest, widest = 0.01 * min(p, 1 - p) / images, n * (1 + np.log(images)) / int(histogram[1:-1].sum())
    grid = np.concatenate([[0], np.geomspace(narrowest, widest, 2 + int(3 * np.log10(widest / narrowest)))])
    best = int(np.argmax([profile.log_likelihood(dispersion) for dispersion in grid]))
    if best == 0 and profile.score(0) <= _ROUNDING * n * images**2:
        return limit(np.inf, _log_binomial(images, p))
    dispersion, converged = _maximum(profile.score, grid, best)
    mean = profile.mean(dispersion)
    alpha, beta = mean / dispersion, (1 - mean) / dispersion
    errors = dict(zip(("alpha", "beta"), profile.standard_errors(mean, dispersion)))
    log_pmf = _log_beta_binomial(images, mean, dispersion)
    return _discrete("beta_binomial", histogram, {"alpha": alpha, "beta": beta}, errors, log_pmf, converged)


def poisson_by_unit(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return λ, spikes a window, and ln L of a Poisson model of each unit, two float64 [U].

    counts: spikes of each unit in each window, int [U, K]. λ = Σ_k c_k / K, of standard error sqrt(λ/K);
    ln L = Σ_k (c_k ln λ - λ - ln c_k!). NaN without windows. Null: a random order of images gives binomial counts,
    whose variance is that of the model times 1 - p.
    """
    units, windows = counts.shape
    if windows == 0:
        return np.full(units, np.nan), np.full(units, np.nan)
    rates = counts.mean(axis=1)
    log_factorials = gammaln(np.arange(1.0, counts.max(initial=0) + 2))
    return rates, xlogy(windows * rates, rates) - windows * rates - log_factorials[counts].sum(axis=1)


def binomial_by_unit(counts: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return p, spikes an image, and ln L of a binomial model of each unit, two float64 [U].

    counts: spikes of each unit in each window of T = ``window`` images, int [U, K]. p = Σ_k c_k / (KT), of standard
    error sqrt(p(1-p)/(KT)); ln L = Σ_k ln C(T, c_k) + KT (p ln p + (1-p) ln(1-p)). Windows of one image give the
    Bernoulli model. NaN without windows. Null: a random order of images fulfils the model, whatever the network does.
    """
    units, windows = counts.shape
    if windows == 0:
        return np.full(units, np.nan), np.full(units, np.nan)
    p = counts.mean(axis=1) / window
    choices = _log_choices(window)[counts].sum(axis=1)
    return p, choices + windows * window * (xlogy(p, p) + xlog1py(1 - p, -p))


def _maximum(score: Callable[[float], float], grid: np.ndarray, best: int) -> tuple[float, bool]:
    """Return the zero of ``score`` beside the best point of a grid, and whether it lies between the neighbours."""
    rising = score(grid[best]) > 0
    low, high = (best, min(best + 1, len(grid) - 1)) if rising else (max(best - 1, 0), best)
    if not score(grid[low]) > 0 >= score(grid[high]):
        return float(grid[best]), False
    root, result = brentq(score, grid[low], grid[high], xtol=1e-300, rtol=1e-12, full_output=True)
    return root, result.converged


def _total(histogram: np.ndarray) -> int:
    return int((np.arange(len(histogram)) * histogram).sum())


def _exceeding(histogram: np.ndarray) -> np.ndarray:
    """Return the number of counts above 0, 1, .. T - 1."""
    return (histogram.sum() - histogram.cumsum())[:-1]


def _log_choices(images: int) -> np.ndarray:
    c = np.arange(images + 1)
    return gammaln(images + 1) - gammaln(c + 1) - gammaln(images - c + 1)


def _log_poisson(size: int, rate: float) -> np.ndarray:
    c = np.arange(size)
    return xlogy(c, rate) - rate - gammaln(c + 1)


def _log_binomial(images: int, p: float) -> np.ndarray:
    c = np.arange(images + 1)
    return _log_choices(images) + xlogy(c, p) + xlog1py(images - c, -p)


def _log_beta_binomial(images: int, mean: float, dispersion: float) -> np.ndarray:
    spread = np.arange(images) * dispersion
    firing, silent = (np.concatenate([[0], np.log(m + spread).cumsum()]) for m in (mean, 1 - mean))
    return _log_choices(images) + firing + silent[::-1] - np.log1p(spread).sum()


def _discrete(
    model: str,
    histogram: np.ndarray,
    parameters: dict[str, float],
    standard_errors: dict[str, float],
    log_pmf: np.ndarray,
    converged: bool = True,
) -> ModelFit:
    """Return the fit whose log probabilities of 0..T are ``log_pmf``."""
    n, seen = int(histogram.sum()), histogram > 0
    log_likelihood = float((histogram[seen] * log_pmf[seen]).sum())
    distance = float(np.abs(histogram.cumsum() / n - np.exp(log_pmf).cumsum()).max())
    values = ({name: float(value) for name, value in mapping.items()} for mapping in (parameters, standard_errors))
    return ModelFit(model, *values, log_likelihood, n, distance, converged)
