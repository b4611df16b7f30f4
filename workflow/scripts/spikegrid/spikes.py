"""The spikes of a run in one npz file, format version 1: written as the forward passes run, read a piece at a time.

===================  ===========================================================================================
``meta``             JSON as a 0-d unicode array: format version, threshold, layers, order, samples, epochs, run,
versions
``seeds``            int32 [S]
``epochs``           int32 [E]
``index``            int32 [N]: which image of the dataset file, in presentation order
``labels``           int16 [N]: true labels (-1 throughout: none are known)
``train_labels``     int16 [S, N]: labels trained on (-1: not shown), where training images are presented
``{layer}``          uint8 [S, E, N, ceil(U/8)]: bit u%8 of byte u//8 is 1 when unit u fires at the n-th image
``{layer}:units``    int32 [U, ndim]: where each kept unit sits in the layer, such as (channel, row, column)
===================  ===========================================================================================

``numpy.unpackbits(a, axis=-1, count=U, bitorder="little")`` gives images × units.
"""

import io
import json
import shutil
import struct
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryFile
from tokenize import TokenError
from types import TracebackType
from typing import Any, BinaryIO, Self
from zlib import error as ZlibError

import numpy as np
from isal import isal_zlib

from spikegrid.errors import InputError
from spikegrid.files import written_whole
from spikegrid.labels import NOT_SHOWN
from spikegrid.trains import Raster, SpikeTrains

FORMAT = 1

RESERVED_NAMES = {"meta", "seeds", "epochs", "index", "labels", "train_labels", "network"}
"""Names that no layer may bear: arrays of the file, and the name of the whole network in tables. None has a colon."""

_DAMAGE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, ZlibError, isal_zlib.error, struct.error, SyntaxError, TokenError),
)
"""What zipfile, zlib, isal, numpy and json raise for damaged files."""

_COMPRESSION_LEVEL = 2
_COPY_BYTES = 1 << 20
_HANDED_OVER = 1 << 18
"""Bytes that are handed to the deflating thread at once: to wake it for less takes longer than to deflate it."""

_WAITING = 4


@dataclass(frozen=True)
class SpikeLayer:
    """A layer as the file holds it: ``kept`` of its ``units`` are stored; ``depth`` is 1 for the first executed."""

    name: str
    depth: int
    shape: tuple[int, ...]
    units: int
    kept: int

    @property
    def bytes_per_image(self) -> int:
        """Bytes that the kept units of one image take."""
        return -(-self.kept // 8)


class SpikeWriter:
    """Context that writes a spike file layer by layer while the forward passes go on.

    Each layer is deflated into a temporary file of its own, in a thread beside the forward passes; at the end the files
    are joined into one npz. Memory does not grow with the number of checkpoints, and the same input gives the same
    bytes.

    layers and units: the layers and, for each, int32 [kept, ndim] positions. arrays: ``seeds``, ``epochs``, ``index``,
    ``labels`` and perhaps ``train_labels``. description: what goes into ``meta`` beside the layers.
    Raises InputError when the disk has no room for the spikes even before compression.
    """

    def __init__(
        self,
        path: str | Path,
        layers: Sequence[SpikeLayer],
        units: Sequence[np.ndarray],
        arrays: dict[str, np.ndarray],
        description: dict[str, Any],
    ):
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for layer in layers:
            if layer.name in RESERVED_NAMES or ":" in layer.name:
                raise InputError(f"{path}: a layer cannot be named {layer.name!r}; rename the module of the network")
        meta = {
            "format": FORMAT,
            **description,
            "train_labels": "train_labels" in arrays,
            "layers": [asdict(layer) for layer in layers],
        }
        positions = {f"{layer.name}:units": where.astype(np.int32) for layer, where in zip(layers, units, strict=True)}
        self._arrays = {"meta": np.array(json.dumps(meta)), **arrays, **positions}
        leading = (len(arrays["seeds"]), len(arrays["epochs"]), len(arrays["index"]))
        shapes = [(*leading, layer.bytes_per_image) for layer in layers]
        _check_disk(self._path.parent, sum(int(np.prod(shape)) for shape in shapes))
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future] = deque()
        self._gathered: list[tuple[_NpyStream, np.ndarray]] = []
        self._gathered_bytes = 0
        self._streams = [
            _NpyStream(TemporaryFile(dir=self._path.parent), layer.name, np.dtype(np.uint8), shape)  # noqa: SIM115
            for layer, shape in zip(layers, shapes)
        ]

    def append(self, layer: int, packed: np.ndarray) -> None:
        """Append packed spikes uint8 [batch, ceil(kept/8)] to a layer: seeds outermost, then epochs, then images.

        They are deflated later, so ``packed`` must stay as it is. Raises what went wrong with those appended before.
        """
        self._gathered.append((self._streams[layer], packed))
        self._gathered_bytes += packed.nbytes
        if self._gathered_bytes >= _HANDED_OVER:
            self._hand_over()

    def _hand_over(self) -> None:
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(_deflate, self._gathered))
        self._gathered, self._gathered_bytes = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._join()
        finally:
            self._thread.shutdown(cancel_futures=True)
            for stream in self._streams:
                stream.close()

    def _join(self) -> None:
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        with written_whole(self._path) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
            for name, array in self._arrays.items():
                stream = _NpyStream(io.BytesIO(), name, array.dtype, array.shape)
                stream.append(array)
                stream.move_into(archive)
            for stream in self._streams:
                stream.move_into(archive)


class _NpyStream:
    """One array, deflated into a file of its own as its parts come."""

    def __init__(self, file: BinaryIO, name: str, dtype: np.dtype, shape: tuple[int, ...]):
        self._name, self._file = name, file
        self._deflate = isal_zlib.compressobj(_COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        self._size = self._checksum = 0
        header = io.BytesIO()
        description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, description)
        self._expected = header.tell() + int(np.prod(shape)) * dtype.itemsize
        self._write(np.frombuffer(header.getvalue(), np.uint8))

    def append(self, part: np.ndarray) -> None:
        self._write(np.ascontiguousarray(part).view(np.uint8))

    def _write(self, content: np.ndarray) -> None:
        self._file.write(self._deflate.compress(content))
        self._checksum = isal_zlib.crc32(content, self._checksum)
        self._size += content.nbytes

    def move_into(self, archive: zipfile.ZipFile) -> None:
        """Copy the deflated array into ``archive`` as it is; zipfile writes the headers."""
        if self._size != self._expected:
            raise RuntimeError(f"layer {self._name}: {self._size} bytes written, {self._expected} announced")
        self._file.write(self._deflate.flush())
        member = _member(self._name)
        member.CRC, member.file_size, member.compress_size = self._checksum, self._size, self._file.tell()
        member.header_offset = archive.start_dir
        archive.fp.seek(archive.start_dir)
        archive.fp.write(member.FileHeader())
        self._file.seek(0)
        shutil.copyfileobj(self._file, archive.fp, _COPY_BYTES)
        archive.start_dir = archive.fp.tell()
        archive.filelist.append(member)
        archive.NameToInfo[member.filename] = member
        archive._didModify = True
        self.close()

    def close(self) -> None:
        with suppress(OSError):  # on a full disk, closing tries to write once more
            self._file.close()


def _deflate(parts: list[tuple[_NpyStream, np.ndarray]]) -> None:
    for stream, part in parts:
        stream.append(part)


def _member(name: str) -> zipfile.ZipInfo:
    """Return the zip entry of an array; it bears no time and no system, so that bytes repeat."""
    member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    return member


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder}: the planned spikes take up to {needed / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB free; "
            "make room, or lower spikes.samples, spikes.units_per_layer or the number of checkpoints"
        )


class Spikes:
    """A spike file, read lazily: opening it reads everything but the spikes.

    meta: description as written. layers: SpikeLayer in order of execution. seeds, epochs, index, labels: as in the
    file.
    train_labels: int16 [S, N], or None where test images were presented.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        with self._whole():
            self._archive = zipfile.ZipFile(self._path)
            self.meta: dict[str, Any] = json.loads(str(self._array("meta")))
            if self.meta["format"] != FORMAT:
                raise InputError(f"{path}: spike format {self.meta['format']}; expected {FORMAT}")
            self.seeds, self.epochs = self._array("seeds").tolist(), self._array("epochs").tolist()
            self.index, self.labels = self._array("index"), self._array("labels")
            self.train_labels = self._array("train_labels") if self.meta["train_labels"] else None
            self.layers = [SpikeLayer(**layer | {"shape": tuple(layer["shape"])}) for layer in self.meta["layers"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def units(self, layer: str) -> np.ndarray:
        """Return where each kept unit of a layer sits, int32 [kept, ndim], in channel-row-column order."""
        with self._whole():
            return self._array(f"{layer}:units")

    def packed(self, layer: str) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield seed, epoch and packed spikes uint8 [N, ceil(kept/8)] of a layer, two checkpoints in memory.

        The next one is inflated while the caller works on this one.
        The checksum of the layer is compared after the last one: trust what came before only once the iterator has
        ended. Raises InputError when the file is damaged.
        """
        shape = (len(self.index), self._layer(layer).bytes_per_image)
        expected = (len(self.seeds), len(self.epochs), *shape), False, np.uint8
        with self._whole(), self._archive.open(f"{layer}.npy") as member:
            member._decompressor = isal_zlib.decompressobj(-15)  # zlib's takes 1.6 times as long
            np.lib.format.read_magic(member)
            if np.lib.format.read_array_header_1_0(member) != expected:
                raise ValueError(f"layer {layer} is not uint8 of shape {list(expected[0])}")
            with ThreadPoolExecutor(1) as reader:
                following = reader.submit(member.read, shape[0] * shape[1])
                for seed, epoch in product(self.seeds, self.epochs):
                    content = following.result()
                    following = reader.submit(member.read, shape[0] * shape[1])
                    yield seed, epoch, np.frombuffer(content, np.uint8).reshape(shape)
                if following.result():
                    raise ValueError(f"layer {layer} goes on after its last checkpoint")

    def rasters(self, layer: str) -> Iterator[tuple[int, int, Raster]]:
        """Yield seed, epoch and spikes of a layer, from which trains are made in any order of images."""
        kept = self._layer(layer).kept
        for seed, epoch, packed in self.packed(layer):
            yield seed, epoch, Raster(packed, kept)

    def trains(self, layer: str) -> Iterator[tuple[int, int, SpikeTrains]]:
        """Yield seed, epoch and spike trains of a layer, in the order of the file, three checkpoints in memory."""
        for seed, epoch, raster in self.rasters(layer):
            yield seed, epoch, raster.trains()

    def trains_at(self, layer: str, seed: int, epoch: int) -> SpikeTrains:
        """Return the spike trains of a layer for one seed and epoch."""
        chosen = None
        for found_seed, found_epoch, raster in self.rasters(layer):
            if (found_seed, found_epoch) == (seed, epoch):
                chosen = raster
        if chosen is None:
            raise KeyError(f"{self._path}: no seed {seed} at epoch {epoch}")
        return chosen.trains()

    @property
    def labelled(self) -> bool:
        """Tell whether the images have labels; those of a recording without stimuli have none."""
        return bool((self.labels != NOT_SHOWN).any())

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Turn whatever a damaged file makes its readers raise into one line."""
        try:
            yield
        except _DAMAGE as error:
            raise InputError(f"{self._path}: not a whole spike file ({error}); delete it and run again") from None

    def _array(self, name: str) -> np.ndarray:
        content = self._archive.read(f"{name}.npy")  # all of it: zipfile compares the checksum at the end alone
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)

    def _layer(self, name: str) -> SpikeLayer:
        return next(layer for layer in self.layers if layer.name == name)


def load(path: str | Path) -> Spikes:
    """Open a spike file. Raises InputError when it is not whole or of another format."""
    return Spikes(path)
