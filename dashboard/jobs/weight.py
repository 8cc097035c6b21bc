"""What a value takes in memory: its arrays, wherever in it they are."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from nncore import History


def weight(value: Any) -> int:
    """Bytes of a measurement, a figure's numbers, or any of Python's own containers of them; of a history none, its run has them.

    >>> weight((np.zeros(1000), {"a": np.zeros(1000)})) >= 16_000
    True
    """
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, History):
        return 0
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(weight(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return sys.getsizeof(value) + sum(weight(each) for each in value.values())
    if isinstance(value, (tuple, list, set, frozenset)):
        return sys.getsizeof(value) + sum(weight(each) for each in value)
    return sys.getsizeof(value)
