"""What every script of the workflow does around its work: logging, and errors that a user can read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from spikegrid.errors import InputError


@contextmanager
def logged(log: str, name: str) -> Iterator[logging.Logger]:
    """Send messages of level INFO and above to the file ``log`` and warnings to the terminal too.

    An InputError ends the process with exit code 1 and one line, in the log and on the terminal, without a traceback.
    """
    logger = logging.getLogger("spikegrid")
    logger.setLevel(logging.INFO)
    terminal, file = logging.StreamHandler(), logging.FileHandler(log, mode="w", encoding="utf-8")
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter(f"spikegrid: {name}: %(message)s"))
    file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.handlers = [terminal, file]
    try:
        yield logger
    except InputError as error:
        logger.error(error)
        sys.exit(1)
    except Exception:
        file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.exception("failed")
        raise
