"""A few whole numbers spread evenly over a range."""

from __future__ import annotations

import numpy as np


def evenly_spaced(first: int, last: int, at_most: int) -> np.ndarray:
    """At most so many whole numbers from `first` to `last`, evenly spaced, both ends among them; all where they fit.

    With `at_most` below 2 it is `first` alone; with last = first - 1, an empty range, there are none.

    >>> evenly_spaced(0, 2, 64).tolist(), evenly_spaced(0, 4, 3).tolist(), evenly_spaced(1, 10, 4).tolist()
    ([0, 1, 2], [0, 2, 4], [1, 4, 7, 10])
    """
    count = min(last - first + 1, max(at_most, 1))
    return np.unique(np.linspace(first, last, count).round().astype(np.int64))
