"""Records spread evenly over a run, and the caveat that says so."""

from __future__ import annotations

import numpy as np

from nncore.history.history import History
from nncore.measures.passes import seconds_per_record

OVER_TIME = 200
"""Records that a chart over time uses at most, spread evenly over the run."""


SECONDS = 1.0
"""Estimated time that a chart over time may take where it needs all rows at every record."""

FEWEST, LONGEST_SECONDS = 20, 3.5
"""Records that it has even where they take longer, up to so long; two where one record takes that."""


def affordable(history: History, measure: str, at_most: int = OVER_TIME, seconds: float = SECONDS) -> np.ndarray:
    """Evenly spread records, so many that a measure of `nncore.measures.passes` takes about these seconds, and more up to FEWEST."""
    each = seconds_per_record(history, measure)
    fewest = min(FEWEST, max(int(LONGEST_SECONDS / each), 2))
    return history.even_records(min(max(int(min(seconds / each, at_most)), fewest), at_most))


def caveats(history: History, records: np.ndarray) -> tuple[str, ...]:
    """The caveat of a measurement at these records; none when they are all."""
    if len(records) == len(history):
        return ()
    return (f"{len(records)} of {len(history):,} records, evenly spread.",)
