"""What trainings that have not ended need to go on, in a folder that no step declares as its output.

``seed{s}.safetensors`` is how far the networks that train beside seed s, the first of them, have come;
``seed{s}-epoch{e}.safetensors`` are their states after a checkpoint epoch, each written once.
"""

import json
import logging
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from spikegrid.errors import InputError
from spikegrid.tensor_files import TensorFile, write_tensors

_log = logging.getLogger("spikegrid")


def settings_key(*settings: Any) -> str:
    """Return a hash of what a result depends on, given as JSON can hold it."""
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class Unfinished:
    """The trainings of one job: saved to ``folder`` under a ``key``, every so many ``seconds`` at least.

    A file that is damaged, or of another key, is taken to be missing.
    """

    def __init__(self, folder: str | Path, key: str, seconds: float):
        self._folder, self._key, self._seconds = Path(folder), key, seconds
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Tell whether as many seconds have passed since something was saved."""
        return time.monotonic() - self._saved_at >= self._seconds

    def save(self, name: str, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Write a description, which JSON can hold, and tensors under a name."""
        own = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        write_tensors(self._path(name), own, {"key": self._key, **description}, save_file)
        self._saved_at = time.monotonic()

    def load(self, name: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Return the description and tensors that were saved under a name, if there are any."""
        if not self._path(name).exists():
            return None
        try:
            file = TensorFile(self._path(name), "unfinished training", "pt")
        except InputError as error:
            _log.warning("%s; this training begins anew", str(error).removesuffix("; delete it and run again"))
            return None
        if file.description["key"] != self._key:
            _log.info("%s is of other settings, code or versions, and is not used", self._path(name))
            return None
        return file.description, {key: file[key] for key in file.keys}

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"
