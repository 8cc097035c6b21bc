"""Is a recorded run still being written? How long its file has been silent tells, beside the pauses between its records."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from nncore.recorders.logs import event_files
from nncore.recorders.recorded import Recorded

LEAST_SILENCE = 300.0
"""Seconds of silence of which nothing is concluded, however quickly records came before: an evaluation may take as long."""

TIMES = 10
"""A silence so many times the longest pause between two records so far is taken for the end."""


@dataclass(frozen=True)
class Pulse:
    """How a run that was not closed is doing.

    `silence`: seconds since its file last changed, never below 0. `pause`: the longest that two records lay apart so far, and
    the first from the beginning, in seconds; NaN where that was not recorded. `stopped`: it is a stream, whose last bytes
    would say that it was closed, and the silence is longer than a pause can explain. A log never says that it is over.
    """

    records: int
    silence: float
    pause: float
    stopped: bool

    def sentence(self) -> str:
        """What a reader has to know: when the last record came, or that no more is to be expected, and by what that is told."""
        if not self.stopped and not self.records:
            return f"no record so far, the file changed {duration(self.silence)} ago"
        if not self.stopped:
            return f"{_records(self.records)} so far, the last one {duration(self.silence)} ago"
        known = f", and no pause so far was longer than {duration(self.pause)}" if np.isfinite(self.pause) else ""
        are = "is" if self.records == 1 else "are"
        return (
            f"The run stopped without an end, {_records(self.records)} {are} here: nothing has been written for "
            f"{duration(self.silence)}{known}."
        )


def pulse(recorded: Recorded, now: float | None = None) -> Pulse | None:
    """How a run at a path is doing; None where it was closed, or was not read from a path, or its file is gone.

    `now`: seconds since 1970, the present by default.

    >>> import os, tempfile
    >>> from nncore.recorders.example import example
    >>> path = example(tempfile.mkdtemp() + "/run.arrows", finished=False)
    >>> os.utime(path, (1000, 1000))
    >>> recorded = Recorded.open(path)
    >>> pulse(recorded, 1004.0).sentence()
    '3 records so far, the last one 4 s ago'
    >>> pulse(recorded, 8200.0).sentence()
    'The run stopped without an end, 3 records are here: nothing has been written for 2 h, and no pause so far was longer than 1 s.'
    """
    path = recorded.path
    if path is None or not recorded.may_grow:
        return None
    try:
        changed = max((file.stat().st_mtime for file in (event_files(path) if path.is_dir() else [path])), default=0.0)
    except OSError:
        return None
    silence = max((time.time() if now is None else now) - changed, 0.0)
    seconds = recorded.quantity("seconds")
    pauses = np.diff(seconds[np.isfinite(seconds)], prepend=0.0)
    pause = float(pauses.max()) if len(pauses) else np.nan
    limit = np.fmax(LEAST_SILENCE, TIMES * pause)
    return Pulse(len(recorded.steps), silence, pause, bool(not recorded.header.is_log and silence > limit))


def duration(seconds: float) -> str:
    """A time in the largest unit that it has one of, in whole numbers.

    >>> duration(0.4), duration(59), duration(150), duration(7300), duration(200_000)
    ('0 s', '59 s', '2 min', '2 h', '2 days')
    """
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        count = int(seconds // length)
        if count:
            return f"{count:,} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{int(seconds)} s"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
