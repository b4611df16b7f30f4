"""Files that carry a checksum of all their bytes, so that no damaged one is read as whole.

A sealed file holds the text ``spikegrid crc32 `` and eight hexadecimal digits where its format keeps metadata: the
CRC-32 of the file with zeros in place of these digits. Other software reads it as any file of its format.
"""

import mmap
import zlib
from pathlib import Path

_MARK = b"spikegrid crc32 "
_DIGITS = 8

OPEN_SEAL = (_MARK + b"0" * _DIGITS).decode()
"""What goes into the metadata of a file before ``close_seal`` fills in its checksum."""


def close_seal(path: str | Path) -> None:
    """Fill in the checksum of a file that holds ``OPEN_SEAL``.

    Raises ValueError when the file holds such a text twice: which one is the seal would be a guess.
    """
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = _place(content)
        if content.find(_MARK, place) >= 0:
            raise ValueError(f"{path}: what it holds has the words of a checksum, {_MARK.decode()!r}")
        content[place : place + _DIGITS] = _checksum(content, place)


def check_seal(path: str | Path) -> str:
    """Return the checksum of a sealed file, eight hexadecimal digits.

    Raises ValueError when the file is not as it was sealed.
    """
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = _place(content)
        found, expected = _checksum(content, place), content[place : place + _DIGITS]
    if found != expected:
        raise ValueError(f"its checksum is {found.decode()}, {expected.decode('ascii', 'replace')} was written")
    return found.decode()


def _place(content: mmap.mmap) -> int:
    """Return where the digits are."""
    place = content.find(_MARK) + len(_MARK)
    if place < len(_MARK) or place + _DIGITS > len(content):
        raise ValueError("it has no checksum")
    return place


def _checksum(content: mmap.mmap, place: int) -> bytes:
    with memoryview(content) as whole, whole[:place] as before, whole[place + _DIGITS :] as after:
        return b"%08x" % zlib.crc32(after, zlib.crc32(b"0" * _DIGITS, zlib.crc32(before)))
