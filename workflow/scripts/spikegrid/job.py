"""What every script of the workflow does around its work: logging, and errors that a user can read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from spikegrid.errors import InputError


@contextmanager
def logged(log: str, name: str) -> Iterator[logging.Logger]:
    """Send messages of level INFO and above to the file ``log`` and warnings to the terminal too.

    An InputError ends the process with exit code 1 and one line, in the log and on the terminal, without traceback. Of
    any other error the log gets the traceback and the terminal one line.
    """
    logger = logging.getLogger("spikegrid")
    logger.setLevel(logging.INFO)
    terminal, file = logging.StreamHandler(), logging.FileHandler(log, mode="w", encoding="utf-8")
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(_OneLine(f"spikegrid: {name}: %(message)s"))
    file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.handlers = [terminal, file]
    try:
        yield logger
    except InputError as error:
        logger.error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        logger.exception("%s: %s; the traceback is in %s", type(error).__name__, error, log)
        sys.exit(1)


class _OneLine(logging.Formatter):
    """Leaves the traceback of an error out."""

    def format(self, record: logging.LogRecord) -> str:
        return self.formatMessage(logging.makeLogRecord(record.__dict__ | {"message": record.getMessage()}))
