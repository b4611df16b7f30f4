"""One live line for a whole grid, ``snakemake --logger live``: jobs done, jobs running, and time left.

What Snakemake says besides stands above the line, but for what it says of jobs that start and end well; all of it is in
the log file under .snakemake/log as ever. Where the output is no terminal, or nothing runs, nothing changes.
"""

import sys
import time
from collections import Counter, defaultdict
from logging import LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from tqdm import tqdm

_SAID_BY_THE_LINE = {
    LogEvent.RUN_INFO,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.GROUP_INFO,
    LogEvent.PROGRESS,
    LogEvent.RESOURCES_INFO,
}
_OF_THE_SCHEDULER = ("Select jobs to execute", "Execute ")


class TimeLeft:
    """How long the jobs of a grid will go on, from how long those of the same rules took."""

    def __init__(self, jobs: dict[str, int]):
        """jobs: number of jobs to do, by rule."""
        self._left = Counter(jobs)
        self._taken: dict[str, list[float]] = defaultdict(list)
        self._running: dict[int, tuple[str, float]] = {}

    @property
    def running(self) -> int:
        """Number of jobs that have begun and not ended."""
        return len(self._running)

    def begin(self, job: int, rule: str, now: float) -> None:
        """Note that a job begins at the time ``now``, in seconds."""
        self._running[job] = rule, now

    def end(self, job: int, now: float, well: bool) -> None:
        """Note that a job ends, and whether it ends well; one that does not is not done."""
        rule, begun = self._running.pop(job)
        if well:
            self._left[rule] -= 1
            self._taken[rule].append(now - begun)

    def seconds(self, now: float) -> float | None:
        """Return the time left, as if as many jobs went on side by side as now; None before a job has ended.

        Each job that is left takes the mean of those of its rule, or of all where none has ended, and one that runs
        what is left of that.
        """
        everything = [taken for times in self._taken.values() for taken in times]
        if not everything:
            return None
        mean = sum(everything) / len(everything)
        means = {rule: sum(times) / len(times) for rule, times in self._taken.items()}
        work = sum(number * means.get(rule, mean) for rule, number in self._left.items())
        begun = sum(min(now - start, means.get(rule, mean)) for rule, start in self._running.values())
        return (work - begun) / max(1, len(self._running))


class LogHandler(LogHandlerBase):
    """What Snakemake's plugin interface asks for."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self._stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self._line: tqdm | None = None
        self._time_left = TimeLeft({})

    def emit(self, record: LogRecord) -> None:
        """Take what a record says into the line, or write it above."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and self._stream.isatty() and not self.common_settings.dryrun:
            self._begin(dict(record.stats))
        if self._line is None:
            self._write(record)
            return
        if event == LogEvent.JOB_INFO:
            self._time_left.begin(record.jobid, record.rule_name, time.monotonic())
        elif event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            well = event == LogEvent.JOB_FINISHED
            self._time_left.end(record.job_id if well else record.jobid, time.monotonic(), well)
            self._line.update(well)
        if not (event in _SAID_BY_THE_LINE or record.getMessage().startswith(_OF_THE_SCHEDULER)):
            self._write(record)
        self._tell()
        if self._line.n == self._line.total:
            self._end()

    def close(self) -> None:
        """Take the line away."""
        self._end()
        super().close()

    def _begin(self, jobs: dict[str, int]) -> None:
        total = jobs.pop("total")
        self._time_left = TimeLeft(jobs)
        layout = "{percentage:3.0f}% |{bar:24}| {n_fmt} of {total_fmt} jobs done{postfix}"
        self._line = tqdm(total=total, file=self._stream, bar_format=layout, leave=False, dynamic_ncols=True)

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _tell(self) -> None:
        left = self._time_left.seconds(time.monotonic())
        said = [f"{self._time_left.running} running"]
        said += [f"{_in_words(left)} left"] if left else []
        self._line.set_postfix_str(", ".join(said))

    def _write(self, record: LogRecord) -> None:
        message = self.format(record)
        if message and message != "None":
            tqdm.write(message, file=self._stream)


def _in_words(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
