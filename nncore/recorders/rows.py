"""One record as it is put together: numbers by unit, blank until they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.recorders.columns import DISTRIBUTIONS, STORED


class RecordRows:
    """The numbers of one recorded step.

    >>> record = RecordRows(step=10, n_units=3)
    >>> record.put("delta_norm", [1, 2], [0.5, 0.25])
    >>> rows = record.rows()
    >>> rows["unit"].tolist(), rows["delta_norm"].tolist(), rows["loss"].tolist()
    ([1, 2], [0.5, 0.25], [None, None])
    """

    def __init__(self, step: int, n_units: int) -> None:
        self.step, self.n_units = step, n_units
        self._here = np.zeros(n_units, bool)
        self._columns: dict[str, np.ma.MaskedArray[Any, Any]] = {}

    def put(self, name: str, units: Sequence[int] | NDArray[np.int64], values: Any) -> None:
        """Set a column for these units: a number each, or a list each where the column holds lists."""
        if not len(units):
            return
        if name not in self._columns:
            self._columns[name] = _blank(name, self.n_units)
        self._columns[name][np.asarray(units)] = values
        self._here[np.asarray(units)] = True

    def rows(self) -> dict[str, np.ma.MaskedArray[Any, Any]]:
        """Every column of the file for the units that anything was set of, in the order of the units."""
        here = np.flatnonzero(self._here)
        found: dict[str, Any] = {"step": np.ma.array(np.full(len(here), self.step)), "unit": np.ma.array(here)}
        for name in ("passes", "size", *STORED, *DISTRIBUTIONS):
            column = self._columns.get(name)
            found[name] = (_blank(name, self.n_units) if column is None else column)[here]
        for name in ("passes", "size"):
            found[name] = found[name].filled(0)
        return found


def _blank(name: str, n_units: int) -> np.ma.MaskedArray[Any, Any]:
    if name in DISTRIBUTIONS:
        length = DISTRIBUTIONS[name][1]
        return np.ma.masked_all((n_units, length), np.float32 if name == "activation_quantiles" else np.uint16)
    return np.ma.masked_all(n_units, np.int64 if name in ("passes", "size") else np.float64)
