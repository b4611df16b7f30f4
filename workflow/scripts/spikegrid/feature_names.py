"""Names of features, in words."""

import re

ORDER_SUFFIX = re.compile("_(random|class_blocked|given)$")
"""How names of features end that depend on the order of images."""

_PROPER_NAMES = {
    name.lower(): name
    for name in (
        *("Fano", "Poisson", "Bernoulli", "Hamming", "ISI", "CV", "CV2", "LV", "ICC", "PCA", "CUSUM", "TwoNN", "L2"),
        *("Kolmogorov", "Smirnov", "Wald", "Wolfowitz", "Ljung", "Box", "Cochran", "Armitage"),
    )
} | {"linf": "L∞"}

_UNITS = [
    ("firing_rate_mean", "spikes per image"),
    ("firing_rate_variance", "spikes² per image²"),
    ("mutual_information.*|node_complexity|joint_entropy_.*|total_correlation_.*", "bits"),
    ("flip_distance_.*", "brightness"),
    ("initial_loss", "nats"),
    ("steps_to_learn", "steps"),
]
"""Features that have a unit; the others are shares, ratios, correlations, dimensions and the like."""


def unit_of(feature: str) -> str | None:
    """Return the unit of a feature; None where it has none or is not one of this library."""
    return next((unit for pattern, unit in _UNITS if re.fullmatch(pattern, feature)), None)


def in_words(feature: str) -> str:
    """Return a feature's name as words, the order of images behind a comma: "Fano ratio mean, class-blocked"."""
    stem, *order = ORDER_SUFFIX.split(feature)[:2]
    words = " ".join(_PROPER_NAMES.get(word, word) for word in stem.split("_"))
    return ", ".join([words, *(name.replace("_", "-") for name in order)])
