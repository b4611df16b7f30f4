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


def in_words(feature: str) -> str:
    """Return a feature's name as words, the order of images behind a comma: "Fano ratio mean, class-blocked"."""
    stem, *order = ORDER_SUFFIX.split(feature)[:2]
    words = " ".join(_PROPER_NAMES.get(word, word) for word in stem.split("_"))
    return ", ".join([words, *(name.replace("_", "-") for name in order)])
