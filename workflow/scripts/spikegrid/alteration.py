"""The images of a dataset as a regime shows them to one network."""

from typing import Any

import numpy as np

from spikegrid.errors import InputError
from spikegrid.images import ImageSet
from spikegrid.plugins import load_further_function, plugin_path
from spikegrid.randomness import derived_seed


def altered_images(images: ImageSet, regime: dict[str, Any], run: dict[str, Any], seed: int) -> np.ndarray:
    """Return all images of a set, training and test, as the ``regime`` alters them for one seed of a ``run``.

    The array is that of the set itself where the regime alters none; otherwise its shape is the same, and its type
    uint8 or float32. It is the same in every job that asks for it. Raises InputError when a plug-in returns anything
    else.
    """
    alter = load_further_function("regimes", regime["plugin"])
    if alter is None:
        return images.images
    names = (run["dataset"], run["architecture"], run["regime"])
    generator = np.random.default_rng(derived_seed(*names, seed, "images"))
    altered = alter(images, generator, **regime["parameters"])
    expected = images.images.shape
    if not isinstance(altered, np.ndarray) or altered.shape != expected or altered.dtype not in (np.uint8, np.float32):
        raise InputError(
            f"{plugin_path('regimes', regime['plugin'])}: alter() returned {_in_words(altered)}; "
            f"expected an array of shape {list(expected)}, uint8 or float32"
        )
    return altered


def _in_words(value: Any) -> str:
    is_array = isinstance(value, np.ndarray)
    return f"an array of shape {list(value.shape)}, {value.dtype}" if is_array else f"a {type(value).__name__}"
