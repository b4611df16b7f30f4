"""The one exception that users see, and others in one line."""

import sys
import traceback
from pathlib import Path

_NOT_OWN = ("<", sys.prefix, sys.base_prefix, str(Path(__file__).parent))


class InputError(Exception):
    """Something that the user can mend: the message names the key, file or run, and says what was expected."""


def in_words(error: Exception) -> str:
    """Return kind and message of an exception in one line, with the innermost place in the user's own code, if any."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_NOT_OWN)]
    return f"{words} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else words
