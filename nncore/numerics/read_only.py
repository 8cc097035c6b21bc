"""Arrays that are handed out and stay as they are: nobody can write into them, nor into the memory behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself, read-only from now on, as is every array that it is a view of.

    >>> whole = np.zeros(3)
    >>> part = read_only(whole[:2])
    >>> part.flags.writeable, whole.flags.writeable
    (False, False)
    """
    each: Any = array
    while isinstance(each, np.ndarray):
        each.flags.writeable = False
        each = each.base
    return array


def kept(array: np.ndarray) -> np.ndarray:
    """A read-only view of an array, or of a copy where somebody can still write into it.

    >>> theirs = np.zeros(2)
    >>> ours = kept(theirs)
    >>> theirs[0] = 1.0
    >>> ours, np.shares_memory(kept(ours), ours)
    (array([0., 0.]), True)
    """
    each: Any = array
    while isinstance(each, np.ndarray):
        if each.flags.writeable:
            return read_only(array.copy(order="K")).view()
        each = each.base
    return array.view()


class KeepsArrays:
    """A class whose arrays stay read-only where it is pickled or copied; NumPy lets go of that."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            vars(self)[name] = read_only(value) if isinstance(value, np.ndarray) else value
