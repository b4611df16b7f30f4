"""Files that are whole or not there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CSV_END = "\n"
"""What follows the last row of every csv of the workflow: an empty line, which readers pass over. One cut short has
none."""


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to, and move it into place once the block has ended well.

    If the block raises, the temporary file is removed and ``path`` is left as it was.
    The temporary name keeps the suffix of ``path``, because many writers choose their format by it. What was written is
    on the disk before the file has its name: else a machine that dies could leave it empty under that name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        _put_on_disk(temporary)
        os.replace(temporary, path)
        _put_on_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def can_be_written_to(folder: Path) -> bool:
    """Tell whether files can be made in a folder, or the folder itself where it is not there yet."""
    while not folder.exists():
        folder = folder.absolute().parent
    return os.access(folder, os.W_OK | os.X_OK)


def date_no_later_than_now(folder: Path) -> None:
    """Give the files below a folder that a wrong clock has dated in the future the time of now.

    Snakemake refuses to make a file that would be older than what it is made from.
    """
    now = time.time()
    for path, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # another process may have removed it
                if os.stat(os.path.join(path, file)).st_mtime > now:
                    os.utime(os.path.join(path, file), (now, now))


def _put_on_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
