"""Grids for unit tests, from configurations with some keys changed."""

from copy import deepcopy
from typing import Any

from spikegrid.configuration import complete_configuration
from spikegrid.grid import Grid


def changed_grid(config: dict[str, Any], **changes: Any) -> Grid:
    """Grid of a configuration with the keys at dotted paths, written with __, changed."""
    config = deepcopy(config)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = config
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return Grid(*complete_configuration(config))
