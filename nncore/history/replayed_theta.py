"""Every theta of a run from its gradients: each CHECKPOINT-th is kept, those between are computed again, with the same bits."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from nncore.model.layout import Array
from nncore.model.optimizers import Optimizer, State
from nncore.numerics.read_only import read_only

CHECKPOINT = 16
"""Records from one theta that is kept to the next."""


class Checkpoints:
    """theta and the optimizer's `state`, which training advances, before the update of every CHECKPOINT-th of n_records."""

    def __init__(self, n_records: int, n_params: int, dtype: np.dtype, state: State) -> None:
        self.state = state
        self.theta = np.empty((1 + (n_records - 1) // CHECKPOINT, n_params), dtype)
        self.states: list[State] = []

    def note(self, record: int, theta: Array) -> None:
        """Keep copies where it is this record's turn."""
        if record % CHECKPOINT == 0:
            self.theta[record // CHECKPOINT] = theta
            self.states.append(_copied(self.state))


class ReplayedTheta:
    """theta (n_records, n_params) of a run whose every step is recorded, read-only, in about a sixteenth of its memory.

    theta(t + 1) is the optimizer's step from theta(t) with the gradient that was recorded there, so the gradients and the
    checkpoints hold every theta. Indexed, iterated and handed to NumPy like an array; each makes an array of what was asked for.
    """

    ndim = 2

    def __init__(self, optimizer: Optimizer, first_step: int, grad: Array, checkpoints: Checkpoints) -> None:
        self.optimizer, self.first_step, self.grad, self.checkpoints = optimizer, first_step, grad, checkpoints
        read_only(checkpoints.theta)
        self.shape, self.dtype = grad.shape, grad.dtype

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        states = (value for state in self.checkpoints.states for value in state.values())
        return int(self.checkpoints.theta.nbytes + sum(getattr(value, "nbytes", 0) for value in states))

    def __len__(self) -> int:
        return len(self.grad)

    def __iter__(self) -> Iterator[Array]:
        """Row after row; the one before stays as it is."""
        return (row.copy() for row in self._rows(np.arange(len(self))))

    def __getitem__(self, key: Any) -> Any:
        """What an array would give for this key."""
        chosen, *rest = key if isinstance(key, tuple) else (key,)
        if not isinstance(chosen, (slice, list, np.ndarray)):
            record = operator.index(chosen)
            if not -len(self) <= record < len(self):
                raise IndexError(f"record {record} is not among {len(self):,}")
            (row,) = (each.copy() for each in self._rows(np.array([record % len(self)])))
            return row[tuple(rest)] if rest else row
        records = np.arange(len(self))[chosen]
        found, place = np.unique(records, return_inverse=True)
        theta = np.empty((len(found), self.shape[1]), self.dtype)
        for kept, row in zip(theta, self._rows(found), strict=True):
            kept[...] = row
        if rest:
            return theta[(place.reshape(records.shape), *rest)] if isinstance(chosen, np.ndarray) else theta[:, *rest]
        return theta if np.array_equal(records, found) else theta[place.reshape(records.shape)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("a theta that is computed again is always a copy")
        return np.asarray(self[:], dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Packed as the array that it stands for."""
        return np.asarray, (np.asarray(self),)

    def _rows(self, records: np.ndarray) -> Iterator[Array]:
        """theta of records in rising order, from the nearest checkpoint before each; the next one overwrites it."""
        at, state = -1, State()
        theta, out = (np.empty(self.shape[1], self.dtype) for _ in range(2))
        for record in records.tolist():
            checkpoint = record // CHECKPOINT
            if at < checkpoint * CHECKPOINT:
                at, state = checkpoint * CHECKPOINT, _copied(self.checkpoints.states[checkpoint])
                theta[...] = self.checkpoints.theta[checkpoint]
            while at < record:
                with np.errstate(all="ignore"):
                    factor = self.optimizer.schedule(self.first_step + at)
                    self.optimizer.step(theta, self.grad[at], state, factor, out)
                theta, out, at = out, theta, at + 1
            yield theta


def _copied(state: State) -> State:
    """An optimizer's state that the caller may advance."""
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in state.items()}
