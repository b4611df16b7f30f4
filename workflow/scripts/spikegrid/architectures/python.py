"""A network of one's own, from a function in any Python file.

The function is called as ``function(shape, classes, **parameters)``, with ``shape`` (channels, height, width), and
returns a torch module that maps float images [batch, *shape] to logits [batch, classes]. Weights are drawn from torch's
global generator, which is seeded before the call. An edit of the file, or of one that it imports, trains the networks
anew; installed packages are not followed.
"""

from typing import Any

from torch import nn

from spikegrid.errors import InputError, in_words
from spikegrid.factories import load_factory

PARAMETERS = {
    "factory": {
        "type": "string",
        "format": "factory",
        "description": "`path/to/file.py:function` or `package.module:function`, seen from the working directory. "
        "Called as `function(shape, classes, **parameters)`, with `shape` (channels, height, width), it returns a "
        "torch module that gives one logit for each class.",
    },
    "parameters": {"type": "object", "default": {}, "description": "Further arguments of the function, by name."},
}


def build(shape: tuple[int, int, int], classes: int, factory: str, parameters: dict[str, Any]) -> nn.Module:
    """Return what the factory returns. Raises InputError when it does not import or raises an exception."""
    function = load_factory(factory)
    try:
        return function(tuple(shape), classes, **parameters)
    except Exception as error:
        raise InputError(f"{factory}: {in_words(error)}") from None
