"""Recordings: spike times of biological neurons, binned by trial into binary trains, in the spike file of a run.

A table of spike times, csv or parquet, has a row a spike. A unit or a trial without a spike has a row without a time.

============  ========================================================================================================
``unit``      name or number of the neuron
``trial``     number of the trial; trials follow one another in increasing order
``time``      seconds since the start of the trial; empty where the row only says that unit and trial were there
``stimulus``  name or number of the stimulus of the trial; the column may be missing
============  ========================================================================================================

What an image is to a network, a bin is to a recording: bin b of trial k, of B bins each, is the presented image
k·B + b, and its label is the stimulus of the trial. A unit fires in a bin when it has at least one spike there; how
many is dropped.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import spikegrid
from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.labels import NOT_SHOWN
from spikegrid.spikes import SpikeLayer, SpikeWriter

LAYER = "units"
"""Name of the one layer of a recording."""

EPOCH = 1
"""Epoch of a recording in tables: at 0 networks are untrained, and left out of what is compared over training."""

TOLERANCE = 1e-6
"""A spike that lies less than this share of a bin before an edge is taken to lie on it: times are rounded."""

_COLUMNS = ["unit", "trial", "time"]

_log = logging.getLogger("spikegrid")


def spike_table(trials: Iterable[Sequence[Any]], stimuli: Sequence[Any] | None = None) -> pd.DataFrame:
    """Return the table of spike times of ``trials``, to be written with ``to_csv(path, index=False)``.

    trials: for each trial the spike times of every unit, [units] sequences of seconds since its start.
    stimuli: for each trial its stimulus. Raises ValueError when there is no trial, when trials differ in their number
    of units, or when there are not as many stimuli as trials.
    """
    trials = [[np.asarray(times, float) for times in trial] for trial in trials]
    units = {len(trial) for trial in trials}
    if len(units) != 1:
        raise ValueError(f"trials have {sorted(units)} units; expected the same number in each, and some trial")
    if stimuli is not None and len(stimuli) != len(trials):
        raise ValueError(f"there are {len(stimuli)} stimuli for {len(trials)} trials; expected one for each")
    trains = [times if len(times) else np.array([np.nan]) for trial in trials for times in trial]
    trial, unit = np.divmod(np.repeat(np.arange(len(trains)), [len(times) for times in trains]), *units)
    table = pd.DataFrame({"unit": unit, "trial": trial, "time": np.concatenate(trains)})
    return table if stimuli is None else table.assign(stimulus=np.asarray(stimuli)[trial])


def import_session(
    source: str | Path, path: str | Path, run: dict[str, Any], span: list[float] | None, bin: float | None
) -> list[int]:
    """Write the spikes of one session to ``path`` as ``spikegrid.spikes`` has it, and return their epochs.

    source: a table of spike times, of which the seconds in ``span`` of each trial are put into bins of ``bin`` seconds;
    or a spike file of one network, of which nothing changes but the names, to those of ``run``. Raises InputError when
    it is neither.
    """
    if Path(source).suffix == ".npz":
        return _copy(source, path, run)
    session = read_session(source)
    binned = session.binned(*span, bin)
    trials, bins, units = binned.shape
    layer = SpikeLayer(LAYER, 1, (units,), units, units)
    arrays = {
        "seeds": np.array(run["seeds"], np.int32),
        "epochs": np.array([EPOCH], np.int32),
        "index": np.arange(trials * bins, dtype=np.int32),
        "labels": np.repeat(session.labels, bins),
    }
    description = {
        "threshold": None,
        "images": None,
        "order": "given",
        "samples": trials * bins,
        "epochs": [EPOCH],
        "run": run,
        "classes": session.stimuli,
        "recording": {"units": session.units, "trials": trials, "bins": bins, "span": span, "bin": bin},
        "versions": {package.__name__: package.__version__ for package in (spikegrid, np)},
    }
    with SpikeWriter(path, [layer], [np.arange(units)[:, None]], arrays, description) as writer:
        writer.append(0, np.packbits(binned.reshape(-1, units), axis=1, bitorder="little"))
    _log.info("%d units, %d trials of %d bins, %d stimuli", units, trials, bins, len(session.stimuli))
    return [EPOCH]


@dataclass(frozen=True)
class Session:
    """The spike times of one session.

    units: names. stimuli: names, empty where none are known. unit, trial, times: of each spike, int [n] in [0, units),
    int [n] in [0, trials), seconds since the start of the trial. labels: int16 [trials], in [0, stimuli) or NOT_SHOWN.
    """

    units: list[str]
    stimuli: list[str]
    unit: np.ndarray
    trial: np.ndarray
    times: np.ndarray
    labels: np.ndarray

    def binned(self, start: float, stop: float, bin: float) -> np.ndarray:
        """Return which units fire in which bins, bool [trials, bins, units].

        Bin b holds the spikes at times from start + b · bin to before start + (b + 1) · bin, up to TOLERANCE. Spikes
        before ``start``, at ``stop`` and after it are left out.
        """
        fired = np.zeros((len(self.labels), round((stop - start) / bin), len(self.units)), bool)
        place = np.floor((self.times - start) / bin + TOLERANCE)
        inside = (place >= 0) & (place < fired.shape[1])
        fired[self.trial[inside], place[inside].astype(int), self.unit[inside]] = True
        return fired


def read_session(path: str | Path) -> Session:
    """Read a table of spike times. Raises InputError when it is not one."""
    table = _read_table(Path(path))
    missing = [column for column in _COLUMNS if column not in table]
    if missing or table.empty:
        found = f"lacks the columns {', '.join(missing)}" if missing else "is empty"
        raise InputError(f"{path}: {found}; expected a row a spike with unit, trial, time and perhaps stimulus")
    for column in ("unit", "trial"):
        if table[column].isna().any():
            raise InputError(f"{path}: the column {column} is empty in {table[column].isna().sum()} rows; fill it")
    for column, kinds in (("trial", "iu"), ("time", "iuf")):
        if table[column].dtype.kind not in kinds and table[column].notna().any():
            wanted = "integers" if column == "trial" else "seconds"
            raise InputError(f"{path}: the column {column} holds {table[column].dtype}; expected {wanted}")
    unit, units = pd.factorize(table["unit"], sort=True)
    trial, trials = pd.factorize(table["trial"], sort=True)
    labels, stimuli = np.full(len(trials), NOT_SHOWN, np.int16), []
    if "stimulus" in table and table["stimulus"].notna().any():
        labels, stimuli = _stimuli_of_trials(path, table["stimulus"], trial)
    times = table["time"].to_numpy(float)
    spiked = ~np.isnan(times)
    return Session([str(name) for name in units], stimuli, unit[spiked], trial[spiked], times[spiked], labels)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, low_memory=False) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: not a table of spike times ({' '.join(str(error).split())})") from None


def _stimuli_of_trials(path: str | Path, stimulus: pd.Series, trial: np.ndarray) -> tuple[np.ndarray, list[str]]:
    code, names = pd.factorize(stimulus, sort=True)
    if (code < 0).any():
        raise InputError(f"{path}: the column stimulus is empty in {(code < 0).sum()} rows; fill all of it or none")
    labels = np.zeros(trial.max() + 1, np.int16)
    labels[trial] = code
    if (labels[trial] != code).any():
        raise InputError(f"{path}: a trial has several stimuli; expected one, in all of its rows")
    return labels, [str(name) for name in names]


def _copy(source: str | Path, path: str | Path, run: dict[str, Any]) -> list[int]:
    with spikes.load(source) as recorded:
        if len(recorded.seeds) != 1:
            raise InputError(f"{source}: holds {len(recorded.seeds)} networks; expected one, as a session")
        arrays = {
            "seeds": np.array(run["seeds"], np.int32),
            "epochs": np.array(recorded.epochs, np.int32),
            "index": recorded.index,
            "labels": recorded.labels,
        }
        if recorded.train_labels is not None:
            arrays["train_labels"] = recorded.train_labels
        written = ("format", "layers", "train_labels")
        description = {"order": "given"} | {key: value for key, value in recorded.meta.items() if key not in written}
        positions = [recorded.units(layer.name) for layer in recorded.layers]
        with SpikeWriter(path, recorded.layers, positions, arrays, description | {"run": run}) as writer:
            for number, layer in enumerate(recorded.layers):
                for _, _, packed in recorded.packed(layer.name):
                    writer.append(number, packed)
        return recorded.epochs
