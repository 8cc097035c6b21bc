"""Which steps of training become history, and where they are written."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import cast

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import TAIL, Divergence, History, update_norms, weight_change_norms
from nncore.history.replayed_theta import Checkpoints, ReplayedTheta
from nncore.model.layout import Array, Layout
from nncore.model.optimizers import State
from nncore.numerics.read_only import read_only
from nncore.training.start import update_rule
from nncore.training.steps import Storage


class Recorder:
    """Rows for training to write into, and of these the ones that become history; of one run, or of several.

    When every step is recorded, training writes straight into the history. Otherwise it writes into a ring of
    the last `TAIL` steps, from which every record_every-th row is copied. With `state`, the optimizer's, which training
    advances, a run whose every step is recorded keeps checkpoints of theta and of the state in place of every theta.
    """

    def __init__(
        self, layout: Layout, config: RunConfig, lead: tuple[int, ...] = (), state: State | None = None
    ) -> None:
        dtype, whole = np.dtype(config.dtype), config.record_every == 1
        n_rows = config.n_records if whole else config.n_records + TAIL
        self.lead = lead
        self.layout, self.every, self.whole = layout, config.record_every, whole
        self.first, self.last = config.first_step, config.steps
        self.checkpoints = Checkpoints(n_rows, layout.n_params, dtype, state) if whole and state is not None else None

        def rows(n: int) -> Array:
            return np.empty((*lead, n, layout.n_params), dtype)

        self.ring_theta = rows(n_rows if whole and self.checkpoints is None else TAIL)
        self.theta = self.ring_theta if whole else rows(n_rows)
        self.grad = rows(n_rows)
        self.ring_grad = self.grad if whole else rows(TAIL)
        self.steps: list[int] = []
        self.losses: list[float | Array] = []
        self.update_norm: list[Array] = []
        self.recent: deque[tuple[int, float | Array]] = deque(maxlen=TAIL)

    @property
    def storage(self) -> Storage:
        """The rows that train() writes theta and gradient into."""
        return self.ring_theta, self.ring_grad

    def _written(self, index: int) -> tuple[Array, Array]:
        """Where train() has put theta and gradient of a step."""
        rows = ((rows, (index - self.first) % rows.shape[-2]) for rows in self.storage)
        theta, grad = (rows[..., row, :] for rows, row in rows)
        return theta, grad

    def record(self, index: int, loss: float | Array) -> None:
        """Note a step that has just been taken, and keep it if its turn has come."""
        if self.checkpoints is not None:
            self.checkpoints.note(index - self.first, self._written(index)[0])
        if self.whole:
            self.steps.append(index)
            self.losses.append(loss)
            return
        self.recent.append((index, loss))
        self._note_update(index)
        if index % self.every == 0 or index in (self.first, self.last):
            self._keep(index, loss)

    def finish(self, stopped: str) -> None:
        """After an early end, keep each of the last steps before it."""
        if stopped and not self.whole:
            self._keep_all_recent()

    def history(
        self, config: RunConfig, stopped: str, divergence: Divergence | None, run: tuple[int, ...] = ()
    ) -> History:
        """The recorded rows of one run as a History."""
        n_records = len(self.steps)
        grad = read_only(self.grad[run][:n_records])
        theta = read_only(self.theta[run][:n_records])
        if self.checkpoints is not None:
            theta = cast(Array, ReplayedTheta(update_rule(config), self.first, grad, self.checkpoints))
        probe_x, probe_y = config.probe()
        return History(
            config=config,
            step=np.array(self.steps, np.int64),
            loss=np.array([np.asarray(loss)[run] for loss in self.losses], np.float64),
            theta=theta,
            grad=grad,
            update_norm=update_norms(theta, self.layout)
            if self.whole
            else np.array([norms[run] for norms in self.update_norm]),
            probe_x=probe_x,
            probe_y=probe_y,
            stopped=stopped,
            divergence=divergence,
        )

    def _keep(self, index: int, loss: float | Array) -> None:
        position = len(self.steps)
        self.theta[..., position, :], self.grad[..., position, :] = self._written(index)
        self.steps.append(index)
        self.losses.append(loss)
        self.update_norm.append(np.full((*self.lead, self.layout.n_layers), np.nan))

    def _keep_all_recent(self) -> None:
        kept = bisect_left(self.steps, self.recent[0][0])
        del self.steps[kept:], self.losses[kept:], self.update_norm[kept:]
        for position, (index, loss) in enumerate(self.recent):
            if position > 0:
                self._note_update(index)
            self._keep(index, loss)

    def _note_update(self, index: int) -> None:
        """The update that led to this step, if the step before it was kept."""
        if self.steps and self.steps[-1] == index - 1:
            before, after = self._written(index - 1)[0], self._written(index)[0]
            self.update_norm[-1] = weight_change_norms(before, after, self.layout)
