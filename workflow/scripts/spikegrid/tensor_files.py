"""Sealed safetensors files with a description in JSON."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from spikegrid.errors import InputError
from spikegrid.files import written_whole
from spikegrid.seals import OPEN_SEAL, check_seal, close_seal


def write_tensors(
    path: str | Path, tensors: dict[str, Any], description: dict[str, Any], save_file: Callable[..., None]
) -> None:
    """Write tensors or arrays, by ``save_file`` of ``safetensors.torch`` or ``safetensors.numpy``."""
    sealed = {"seal": OPEN_SEAL, **description}
    with written_whole(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"spikegrid": json.dumps(sealed)})
        except SafetensorError as error:
            if of_system := re.search(r"\(os error (\d+)\)", str(error)):
                raise OSError(int(of_system[1]), os.strerror(int(of_system[1])), str(path)) from None
            raise
        close_seal(temporary)


class TensorFile:
    """A file of ``write_tensors``, read one tensor at a time.

    kind: what it is, in words, such as "checkpoint file". framework: "pt" for tensors, "numpy" for arrays.
    description: as written. checksum: eight hexadecimal digits. keys: names of the tensors.
    Raises InputError when the file is not as it was written.
    """

    def __init__(self, path: str | Path, kind: str, framework: Literal["pt", "numpy"]):
        try:
            self.checksum = check_seal(path)
            self._file = safe_open(path, framework=framework)
            self.description: dict[str, Any] = json.loads(self._file.metadata()["spikegrid"])
            self.keys: list[str] = list(self._file.keys())
        except (SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: not a whole {kind} of this workflow ({error}); delete it and run again"
            ) from None

    def __getitem__(self, key: str) -> Any:
        return self._file.get_tensor(key)
