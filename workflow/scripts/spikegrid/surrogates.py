"""Surrogate spikes: what a layer would do if a stochastic process made its spikes, drawn from the fitted process.

Every model takes the spikes of M units, bool [M, N], and the class of each of the N images, int [N], and gives a
function that draws surrogates of the same shape from a generator. What is drawn:

``bernoulli``
    Every unit fires at a rate of its own, independently of other units and of the image.
``beta_binomial``
    The same, but with rates drawn anew for each surrogate from one beta law, fitted by maximum likelihood to the
    spike counts of the units: the units are exchangeable, and counts over all images are beta-binomial.
``class_rates``
    Every unit has a rate for each class, and fires independently of other units and of the image given its class.
``latent_gaussian``
    Every unit is a thresholded Gaussian variable (see ``dichotomized_gaussian``) whose correlations with the others
    give the rates and pair correlations of the layer; images are independent.

All but ``beta_binomial`` are drawn given what they were fitted to: each unit has as many spikes as were observed, over
all images or in each class. For ``bernoulli`` and ``class_rates`` these counts are sufficient, so surrogates are random
orders of each train, over all images or within classes, and no estimate is left in them: p-values against them are
exact. Surrogates of plug-in rates would not be: they add the sampling noise of the rates a second time, and measures
quadratic in rates, such as the variance explained by the class, would reject a true model.

Source: Besag & Clifford (1989), Biometrika 76, 633, on tests given sufficient statistics.
"""

from collections.abc import Callable

import numpy as np

from spikegrid.correlations import pair_correlations
from spikegrid.count_models import count_histogram, fit_beta_binomial
from spikegrid.dichotomized_gaussian import latent_correlations, nearest_correlation_matrix
from spikegrid.trains import SpikeTrains

Surrogates = Callable[[np.random.Generator], np.ndarray]
"""Draws one surrogate, bool [M, N]."""

_RATES = ["firing_rate_mean", "firing_rate_variance", "dead_share"]

BY_CONSTRUCTION = {
    "bernoulli": _RATES,
    "beta_binomial": ["firing_rate_mean", "firing_rate_variance"],
    "class_rates": [*_RATES, "intraclass_correlation", "hamming_ratio"],
    "latent_gaussian": [*_RATES, "population_fano", "pair_correlation"],
}
"""Statistics that each model is fitted to, of those of ``surrogate_checks``: that it reproduces them says nothing.

Those of ``bernoulli`` and ``class_rates``, and the rates of ``latent_gaussian``, are the same in every surrogate. The
others are as near as the best law, or the best Gaussian, comes: that a layer fails even these says much.
"""


def bernoulli(spikes: np.ndarray, labels: np.ndarray) -> Surrogates:
    """Return a function that orders each train anew, by itself."""
    return lambda generator: generator.permuted(spikes, axis=1)


def beta_binomial(spikes: np.ndarray, labels: np.ndarray) -> Surrogates:
    """Return a function that draws a rate for each unit from the fitted beta law, and spikes of that rate.

    At the limits of the law, see ``fit_beta_binomial``, all units have one rate or are either dead or always on.
    """
    units, images = spikes.shape
    fit = fit_beta_binomial(count_histogram(spikes.sum(axis=1), images)).parameters
    alpha, beta, mean = fit["alpha"], fit["beta"], spikes.mean()

    def draw(generator: np.random.Generator) -> np.ndarray:
        if alpha == np.inf:
            rates = np.full(units, mean)
        else:
            rates = generator.beta(alpha, beta, units) if alpha > 0 else generator.random(units) < mean
        return generator.random((units, images), np.float32) < rates[:, None]

    return draw


def class_rates(spikes: np.ndarray, labels: np.ndarray) -> Surrogates:
    """Return a function that orders each train anew within the images of each class, by itself."""
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def draw(generator: np.random.Generator) -> np.ndarray:
        drawn = np.empty_like(spikes)
        for members in classes:
            drawn[:, members] = generator.permuted(spikes[:, members], axis=1)
        return drawn

    return draw


def latent_gaussian(spikes: np.ndarray, labels: np.ndarray) -> Surrogates:
    """Return a function that draws Gaussian variables and lets each unit fire where its own are lowest.

    A unit fires at as many images as it did, which is at its threshold up to sampling. Latent correlations are those
    that give the units their pair correlations, times ``noise_shrinkage``, and then the nearest that a Gaussian can
    have. A joint count at the edge of what the two rates allow is taken half an image inside; units that never or
    always fire are independent of all.
    """
    units, images = spikes.shape
    counts = spikes.sum(axis=1)
    varying = np.flatnonzero((counts > 0) & (counts < images))
    pairs = varying[np.stack(np.triu_indices(len(varying), 1), axis=1)]
    rates, others = (counts / images)[pairs.T]
    observed = pair_correlations(SpikeTrains.from_array(spikes), pairs)
    deviation = np.sqrt(rates * (1 - rates) * others * (1 - others))
    joint = rates * others + noise_shrinkage(observed, images) * observed * deviation
    least, most = np.maximum(0, rates + others - 1), np.minimum(rates, others)
    latent = np.eye(units)
    latent[tuple(pairs.T)] = latent_correlations(rates, others, joint.clip(least + 0.5 / images, most - 0.5 / images))
    values, vectors = np.linalg.eigh(nearest_correlation_matrix(latent + np.triu(latent, 1).T))
    factor = vectors * np.sqrt(values.clip(0))

    def draw(generator: np.random.Generator) -> np.ndarray:
        drawn = np.zeros_like(spikes)
        for unit, variable in enumerate(factor @ generator.standard_normal((units, images))):
            drawn[unit, np.argpartition(variable, counts[unit] - 1)[: counts[unit]]] = True
        return drawn

    return draw


def noise_shrinkage(correlations: np.ndarray, images: int) -> float:
    """Return the factor in [0, 1] by which pair correlations are shrunk before surrogates are drawn of them.

    correlations: r of each pair, [P]. sqrt(1 - P / ((N - 1) Σ r²)), 0 below: r² of N images lies 1/(N - 1) above its
    square for independent units, and surrogates of N images add that once more. With the factor, surrogates have the
    mean r² of the data.
    """
    squares = np.square(correlations).sum()
    noise = len(correlations) / (images - 1)
    return float(np.sqrt(1 - noise / squares)) if squares > noise else 0.0


MODELS: dict[str, Callable[[np.ndarray, np.ndarray], Surrogates]] = {
    "bernoulli": bernoulli,
    "beta_binomial": beta_binomial,
    "class_rates": class_rates,
    "latent_gaussian": latent_gaussian,
}
