"""What every script of the workflow does around its work: logging, and errors that a user can read."""

import errno
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from spikegrid.errors import InputError
from spikegrid.machine import loaded_versions, machine

_OVER_LIVE_LINE = "\r\x1b[K"
"""Begins a message on a terminal in place of the live line of Snakemake's process, which draws it anew below."""


@contextmanager
def logged(log: str, name: str) -> Iterator[logging.Logger]:
    """Send messages of level INFO and above to the file ``log`` and warnings to the terminal too.

    The log begins with the versions of the packages that are loaded, and the machine; it names those loaded later too.
    Work that ends well leaves the time that it took as the last line.

    An InputError, or a full disk, ends the process with exit code 1 and one line, in the log and on the terminal,
    without traceback. Of any other error the log gets the traceback and the terminal one line.
    """
    logger = logging.getLogger("spikegrid")
    logger.setLevel(logging.INFO)
    terminal, file = logging.StreamHandler(), logging.FileHandler(log, mode="w", encoding="utf-8")
    terminal.setLevel(logging.WARNING)
    begin = _OVER_LIVE_LINE if sys.stderr.isatty() else ""
    terminal.setFormatter(_OneLine(f"{begin}spikegrid: {name}: %(message)s"))
    file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.handlers = [terminal, file]
    started, versions = time.perf_counter(), loaded_versions()
    _log_versions(logger, versions)
    logger.info("machine: %s", machine())
    try:
        try:
            yield logger
        finally:
            later = {name: version for name, version in loaded_versions().items() if name not in versions}
            _log_versions(logger, later)
        logger.info("took %.2f s", time.perf_counter() - started)
    except InputError as error:
        logger.error(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            _end_with_traceback(logger, error, log)
        logger.error("%s: the disk is full; make room and run again", error.filename or "results")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _end_with_traceback(logger, error, log)


def _log_versions(logger: logging.Logger, versions: dict[str, str]) -> None:
    if versions:
        logger.info("versions: %s", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _end_with_traceback(logger: logging.Logger, error: Exception, log: str) -> NoReturn:
    logger.error("%s: %s; the traceback is in %s", type(error).__name__, error, log, exc_info=error)
    sys.exit(1)


class _OneLine(logging.Formatter):
    """Leaves the traceback of an error out."""

    def format(self, record: logging.LogRecord) -> str:
        message = " ".join(record.getMessage().split()) if record.exc_info else record.getMessage()
        return self.formatMessage(logging.makeLogRecord(record.__dict__ | {"message": message}))
