"""Training response: how outputs answer to one step of training on another image, and the tangent kernel behind it."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spikegrid.features import NETWORK, tidy
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.randomness import derived_seed
from spikegrid.response_factors import geometric_mean, kernel_dimension, normalized_kernel, response_factors
from spikegrid.separability import separability, shape_separability
from spikegrid.training_response import TrainingResponse, orthonormal_directions, training_response

READS = ["checkpoints", "dataset"]
SHOWN = "train"
TABLES = ["kernel"]
LABELS = ["response_*", "finite_step_deviation", "kernel_class_contrast"]
CAVEATS = {"not learned": ["kernel_class_contrast"]}
PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 2,
        "default": 16,
        "description": "Images trained on that a step is taken on, and outputs are read at; time goes with the square. "
        "The same in every network of a dataset, as far as it was shown them.",
    },
    "step": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.001,
        "description": "Length η of the step: the gradient of the loss is taken so many times.",
    },
    "directions": {
        "type": "integer",
        "minimum": 1,
        "default": 2,
        "description": "Random directions of the outputs that the tangent kernel is averaged over; as many as classes "
        "give its trace.",
    },
}

BINS = 6
"""Groups of pairs of images by their distance, each of as many pairs, up to one."""


def observe(artefacts: dict[str, Path], samples: int, step: float, directions: int) -> dict[str, pd.DataFrame]:
    """Return features of the whole network by epoch, and its kernel against the distance of images.

    x and x' are training images with the labels that the network was trained on. R(x'|x) is the change of the logits at
    x' after one step of η = ``step`` on x, over η; R1 its limit for small steps, -K(x', x) e with the tangent kernel K
    and the error e at x; S the slope of the probabilities at x' (see ``spikegrid.training_response``,
    ``spikegrid.response_factors``). Means are geometric and over ordered pairs of two images, if nothing else is said.

    ==================================  ================================================================================
    ``response_amplitude``              mean |R(x'|x)|
    ``response_error``                  mean |e|
    ``response_kernel``                 mean |K e| / |e|
    ``response_slope``                  mean |S R1| / |R1|
    ``response_probability_amplitude``  mean |S R1|, exactly the product of the last three
    ``response_self_amplitude``         mean |R(x|x)| over images
    ``finite_step_deviation``           median |R - R1| / |R1|: of the order of η, or R is not a first-order object
    ``kernel_amplitude``                arithmetic mean of K_v(x, x) over images; K_v(x', x) = ∇(v·f(x'))·∇(v·f(x)),
                                        averaged over ``directions`` unit vectors v
    ``kernel_distance_correlation``     Spearman's ρ of κ and |x' - x| over pairs, κ = K_v / √(K_v(x, x) K_v(x', x'))
    ``kernel_class_contrast``           mean κ of pairs of one training label, less that of pairs of two
    ``kernel_effective_dimension``      exp of the entropy of the eigenvalues of K_v over the images, in [1, samples]
    ``response_separability``           s1² / Σ s² of R1 over checkpoints × (pairs and outputs), up to this epoch
    ``response_shape_separability``     the same, each checkpoint scaled to norm 1
    ``kernel_separability``             s1² / Σ s² of K_v over checkpoints × pairs, up to this epoch
    ``kernel_shape_separability``       the same, each checkpoint scaled to norm 1
    ==================================  ================================================================================

    Separabilities are NaN before the third checkpoint; 1 means R = A(t)·k(x', x). Their nulls are in
    ``spikegrid.separability``: patterns that share nothing have a shape separability near 1/t, but a separability near
    1 where the amplitude changes much, as it does with the error. Kernels whose entries are all positive share their
    mean, and so are near 1 in both.

    What has no pair or a zero to divide by is NaN. Images and directions are drawn from the name of the dataset, so no
    interval over networks holds the chance of that draw.

    Kernel table: seed, epoch, bin (0 holds the nearest pairs), pairs (their number), distance (mean of
    |x' - x| / √d over the d inputs of an image), kernel (mean κ), response (geometric mean of |R|, both ways).
    """
    observed = ObservedNetworks(artefacts)
    dataset = observed.run["dataset"]
    vectors = orthonormal_directions(observed.classes, directions, derived_seed(dataset, "response", "directions"))
    places = np.random.default_rng(derived_seed(dataset, "response", "images")).permutation(len(observed.labels))
    records, tables = [], []
    for seed in observed.seeds:
        index, labels = observed.trained_on(seed)
        chosen = np.argsort(places[index])[:samples]
        inputs, labels = observed.inputs(seed, index[chosen]), labels[chosen]
        pairs = np.triu_indices(len(chosen), k=1)
        distances = _distances(inputs)[pairs]
        values, responses, kernels = [], [], []
        for epoch, network in observed.networks(seed):
            measured = training_response(network, inputs, labels, vectors, step)
            values.append(_response_features(measured) | _kernel_features(measured.kernel, distances, labels, pairs))
            tables.append(_by_distance(measured, distances, pairs).assign(seed=np.int32(seed), epoch=np.int32(epoch)))
            responses.append(measured.first_order[_others(len(chosen))].ravel())
            kernels.append(measured.kernel[pairs])
        courses = _separabilities(responses, kernels)
        for place, epoch in enumerate(observed.epochs):
            where = {"seed": seed, "epoch": epoch, "layer": NETWORK, "depth": 0}
            found = values[place] | {name: course[place] for name, course in courses.items()}
            records += [where | {"feature": name, "value": float(value)} for name, value in found.items()]
    columns = ["seed", "epoch", "bin", "pairs", "distance", "kernel", "response"]
    return {"features": tidy(records, observed.run), "kernel": pd.concat(tables, ignore_index=True)[columns]}


def _others(images: int) -> np.ndarray:
    """Return the places of ordered pairs of two images, bool [n, n]."""
    return ~np.eye(images, dtype=bool)


def _distances(inputs: torch.Tensor) -> np.ndarray:
    """Return the root mean square difference of the inputs of each pair of images, float64 [n, n]."""
    flat = inputs.flatten(1).cpu().double()
    apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")  # products would round the near ones
    return apart.numpy() / np.sqrt(flat.shape[1])


def _response_features(measured: TrainingResponse) -> dict[str, float]:
    others = _others(len(measured.errors))
    factors = response_factors(measured.probabilities, measured.errors, measured.kernel_on_error)
    means = {name: geometric_mean(factor[others]) for name, factor in factors.items()}
    sizes = np.linalg.norm(measured.response, axis=2)
    small = factors["kernel"] * factors["error"]
    deviations = np.linalg.norm(measured.response - measured.first_order, axis=2)
    shares = np.divide(deviations, small, out=np.full(small.shape, np.nan), where=small > 0)[others]
    return {
        "response_amplitude": geometric_mean(sizes[others]),
        "response_error": means["error"],
        "response_kernel": means["kernel"],
        "response_slope": means["slope"],
        "response_probability_amplitude": geometric_mean((factors["slope"] * small)[others]),
        "response_self_amplitude": geometric_mean(np.diag(sizes)),
        "finite_step_deviation": np.median(shares) if shares.size else np.nan,
    }


def _kernel_features(
    kernel: np.ndarray, distances: np.ndarray, labels: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    cosines = normalized_kernel(kernel)[pairs]
    alike = labels[pairs[0]] == labels[pairs[1]]
    ranked = pd.DataFrame({"kernel": cosines, "distance": distances}).corr(method="spearman")
    return {
        "kernel_amplitude": np.trace(kernel) / len(kernel),
        "kernel_distance_correlation": ranked.loc["kernel", "distance"],
        "kernel_class_contrast": _mean(cosines[alike]) - _mean(cosines[~alike]),
        "kernel_effective_dimension": kernel_dimension(kernel),
    }


def _separabilities(responses: list[np.ndarray], kernels: list[np.ndarray]) -> dict[str, np.ndarray]:
    courses = {}
    for name, series in (("response", np.stack(responses)), ("kernel", np.stack(kernels))):
        courses[f"{name}_separability"] = separability(series)
        courses[f"{name}_shape_separability"] = shape_separability(series)
    return courses


def _by_distance(
    measured: TrainingResponse, distances: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
) -> pd.DataFrame:
    sizes = np.linalg.norm(measured.response, axis=2)
    cosines, both_ways = normalized_kernel(measured.kernel)[pairs], np.stack([sizes[pairs], sizes.T[pairs]])
    groups = np.array_split(np.argsort(distances, kind="stable"), min(BINS, len(distances)) or 1)
    rows = [(len(g), _mean(distances[g]), _mean(cosines[g]), geometric_mean(both_ways[:, g])) for g in groups]
    table = pd.DataFrame(rows, columns=["pairs", "distance", "kernel", "response"])
    return table.assign(bin=np.arange(len(table), dtype=np.int32))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan
