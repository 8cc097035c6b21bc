"""Records spread evenly over a run, and the caveat that says so."""

from __future__ import annotations

import numpy as np

from nncore.history.history import History

OVER_TIME = 200
"""Records that a chart over time uses at most, spread evenly over the run."""


def caveats(history: History, records: np.ndarray) -> tuple[str, ...]:
    """The caveat of a measurement at these records; none when they are all."""
    if len(records) == len(history):
        return ()
    return (f"{len(records)} of {len(history):,} records, evenly spread.",)
