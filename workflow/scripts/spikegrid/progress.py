"""How far the work of a job is, in its log."""

import logging

from tqdm import tqdm

SECONDS_A_LINE = 10.0
"""Between the lines in which a log says how far the work is."""


def progress_in_log(total: int, unit: str) -> tqdm:
    """Return a bar of ``total`` units: a line in the log every SECONDS_A_LINE, and none where work is done in less."""
    return tqdm(
        total=total,
        unit=unit,
        file=_LogLines(),
        ascii=True,
        ncols=80,
        mininterval=SECONDS_A_LINE,
        delay=SECONDS_A_LINE,
        leave=False,
    )


class _LogLines:
    """Takes what tqdm writes to a terminal, and logs what of it can be seen."""

    def write(self, text: str) -> None:
        if line := text.strip():
            logging.getLogger("spikegrid").info(line)

    def flush(self) -> None:
        pass
