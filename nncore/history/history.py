"""A history is every recorded theta, gradient and loss of a run; everything else is replayed from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import IO, Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.display.shown import Shown, plotted
from nncore.model.layout import Array, Layout
from nncore.model.network import MLP, Tape
from nncore.numerics.read_only import KeepsArrays, kept
from nncore.numerics.safe_norm import norm
from nncore.numerics.spacing import evenly_spaced

BLOCK_BYTES = 16 * 2**20
"""Largest block that replay computes at once."""

UPDATES_BYTES = 2 * 2**20
"""Largest block of theta whose updates are measured at once: a run ends with them, so their room is on top of its history."""

TAIL = 8
"""Steps kept before an early end, the last one included, whatever record_every is."""

Target = str | os.PathLike[str] | IO[bytes]


@dataclass(frozen=True)
class Divergence:
    """Where the first non-finite number arose: a step, a layer 1 ... L, a unit counted from 0.

    `quantity` says in what: "theta", "z", "a", "loss", "delta" or "gradient".
    """

    step: int
    layer: int
    unit: int
    quantity: str

    @property
    def title(self) -> str:
        """When it happened, in words."""
        return f"Diverged at step {self.step}"

    @property
    def cause(self) -> str:
        """What stopped being finite, and where, in words."""
        named = {"theta": "θ", "a": "the activation", "loss": "the loss", "delta": "δ", "gradient": "the gradient"}
        quantity = named.get(self.quantity, self.quantity)
        return f"{quantity} stopped being finite, first in layer {self.layer}, unit {self.unit}."

    def sentence(self) -> str:
        """The finding in words."""
        return f"{self.title}: {self.cause}"


@dataclass(frozen=True, eq=False, repr=False)
class History(KeepsArrays, Shown):
    """The complete record of a run; arrays are read-only, also in a copy and through `.base`: what was writable is copied.

    step (n_records,): step numbers. loss (n_records,): float64, the training rows' or batch's, penalties
    included. theta, grad (n_records, n_params): grad is raw, taken at theta, before any clipping.
    update_norm (n_records, n_layers): ||W(t+1) - W(t)|| of the update that follows each record, NaN where
    none does. probe_x, probe_y: the training rows on which measurements are taken. stopped: "" or why and
    at which step the run ended early. divergence: where it became non-finite, if it did.
    """

    config: RunConfig
    step: np.ndarray
    loss: np.ndarray
    theta: Array
    grad: Array
    update_norm: Array
    probe_x: np.ndarray
    probe_y: np.ndarray
    stopped: str = ""
    divergence: Divergence | None = None

    def __post_init__(self) -> None:
        for name in ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, kept(value))

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        """The run, how much of it is recorded, how it ended, and its loss, in three lines."""
        last = int(self.step[-1]) if len(self) else 0
        ended = self.stopped or f"Finished at step {last:,}."
        return (
            f"History of {self.config!r}\n{len(self):,} records to step {last:,} of {self.theta.shape[-1]:,} parameters. "
            f"{ended}\nloss {self.loss[0]:.4g} -> {self.loss[self.last_finite]:.4g} at step {self.step[self.last_finite]:,}"
        )

    def plot(self, name: str = "gradient flow", step: int | None = None, *, dark: bool = False) -> Any:
        """The dashboard's chart of this name at the record nearest to a step, as a plotly.graph_objects.Figure.

        By default at the last finite record, in the light theme. Needs `pip install nncore[plot]`. Raises ValueError, one
        sentence with the choices, on a name that there is not, and where Plotly is not there.

        >>> from nncore import RunConfig, run
        >>> figure = run(RunConfig(hidden=(4,) * 3, steps=5)).plot("gradient flow", step=2)
        >>> [trace.name for trace in figure.data]
        ['theory band', 'δ, theory at step 0', 'δ at step 2', 'δ at step 0', '∂E/∂W at step 2', '∂E/∂W at step 0']
        """
        return plotted(self, name, step, dark)

    @cached_property
    def layout(self) -> Layout:
        """Where each layer stands in theta."""
        return self.config.layout()

    @cached_property
    def network(self) -> MLP:
        """The network that was trained."""
        return self.config.network()

    @property
    def nbytes(self) -> int:
        """Memory of theta and gradients."""
        return int(self.theta.nbytes + self.grad.nbytes)

    @property
    def last_finite(self) -> int:
        """Index of the last record whose theta, gradient and loss are all finite; 0 if there is none."""
        for index in range(len(self) - 1, 0, -1):
            values = (self.loss[index], self.theta[index], self.grad[index])
            if all(np.isfinite(each).all() for each in values):
                return index
        return 0

    @property
    def was_stopped(self) -> bool:
        """Did somebody end the run before its last step? A divergence ends it too, but is not that."""
        return bool(self.stopped) and self.divergence is None

    def nearest(self, step: int) -> int:
        """Index of the record whose step is nearest to this one."""
        return int(np.argmin(np.abs(self.step - step)))

    def even_records(self, at_most: int) -> np.ndarray:
        """Indices of at most so many records, spread evenly, the first and the last among them."""
        return evenly_spaced(0, len(self) - 1, at_most)

    # Files ------------------------------------------------------------------------------------------------

    def to_parquet(self, target: Target, *, every: int = 1) -> None:
        """Write a Parquet file that `from_parquet` reads back bit for bit; of every k-th step, as in `to_csv`."""
        from nncore.history.excerpt import Excerpt
        from nncore.history.parquet import write_parquet

        write_parquet(self, target, Excerpt(every))

    @staticmethod
    def from_parquet(source: Target) -> History:
        """The history in a Parquet file; raises ValueError when it is not one."""
        from nncore.history.parquet import read_parquet

        return read_parquet(source)

    def to_csv(
        self,
        target: Target,
        *,
        every: int = 1,
        steps: Iterable[int] | None = None,
        layers: Iterable[int] | None = None,
        columns: str | Iterable[str] = ("theta", "gradient"),
    ) -> None:
        """Write the tidy CSV: one row per step and parameter, every float in full, block by block.

        A path that ends in .gz is written with gzip, one that ends in .zip as a zip archive of the one file. `every`
        leaves every k-th step, the first and the last among them: the history of a run with a k times as large
        `record_every`, which `from_csv` opens again as that. `steps` chooses recorded steps, `layers` numbers 1 ... L,
        `columns` theta, gradient or both: such a part says what it is, and is no history. `nncore.history.csv_size`
        says beforehand how large the file becomes.

        Raises ValueError, one sentence, on a step, a layer or a column that there is not.

        >>> import io
        >>> from nncore import RunConfig, run
        >>> history, file = run(RunConfig(hidden=(4,), steps=100)), io.BytesIO()
        >>> history.to_csv(file, every=10)
        >>> _ = file.seek(0)
        >>> thinned = History.from_csv(file)
        >>> thinned.step.tolist(), thinned.config.record_every
        ([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 10)
        """
        from nncore.history.csv import write_csv
        from nncore.history.excerpt import Excerpt

        write_csv(self, target, Excerpt(every, steps, layers, columns))

    @staticmethod
    def from_csv(source: Target) -> History:
        """The history in a CSV file written by `to_csv`, compressed or not.

        Raises ValueError, one sentence, when it is not one, and when it is a part of one.
        """
        from nncore.history.csv import read_csv

        return read_csv(source)

    def to_dict(self) -> dict[str, Any]:
        """What is not an array: config, early end, divergence."""
        divergence = asdict(self.divergence) if self.divergence else None
        return {"config": self.config.to_dict(), "stopped": self.stopped, "divergence": divergence}


@dataclass(frozen=True)
class Replay:
    """One block of a history's records sent through the network again, all of them at once.

    `records` are indices into the history; theta (n_block, n_params); tape and deltas with leading axis
    n_block, on the probe rows, the penalty excluded; grad (n_block, n_params).
    """

    records: np.ndarray
    network: MLP
    theta: Array
    tape: Tape
    deltas: list[Array]
    grad: Array


def replay(history: History, records: np.ndarray | None = None) -> Iterator[Replay]:
    """Forward and backward on the probe rows for the given records, in blocks bounded to 16 MB.

    Every record's numbers are independent of the block it falls into. A Replay's arrays are overwritten
    by the next one.
    """
    network, loss = history.network, history.config.loss_function()
    records = np.arange(len(history)) if records is None else np.asarray(records)
    x, y = history.probe_x, history.probe_y
    tape: Tape | None = None
    size = block_length(network.layout, len(x), history.theta.dtype)
    for start in range(0, len(records), size):
        chosen = records[start : start + size]
        theta = history.theta[chosen]
        with np.errstate(all="ignore"):
            if tape is None or len(tape.z[0]) != len(chosen):
                tape = network.tape(theta, x)
            network.forward(theta, x, tape)
            grad, deltas = network.backward(theta, tape, loss.delta(tape.z[-1], y))
        yield Replay(chosen, network, theta, tape, deltas, grad)


def block_length(layout: Layout, n_samples: int, dtype: np.dtype) -> int:
    """Records that fit into one block: theta, gradient, and z, a, delta and slope on the probe rows."""
    per_record = (4 * sum(layout.widths) * n_samples + 2 * layout.n_params) * np.dtype(dtype).itemsize
    return max(1, BLOCK_BYTES // per_record)


def weight_change_norms(before: Array, after: Array, layout: Layout) -> Array:
    """||W_after - W_before|| per layer, (..., n_layers), weights only."""
    with np.errstate(all="ignore"):
        change = after - before
    changes = [weight.reshape(*weight.shape[:-2], -1) for weight, _ in layout.split(change)]
    return np.stack([norm(each) for each in changes], axis=-1)


def update_norms(theta: Array, layout: Layout) -> Array:
    """||W(t+1) - W(t)|| per record and layer of consecutive steps, NaN for the last; in blocks of 2 MB."""
    norms = np.full((len(theta), layout.n_layers), np.nan)
    size = max(1, UPDATES_BYTES // max(theta[:1].nbytes, 1))
    for start in range(0, len(theta) - 1, size):
        stop = min(start + size, len(theta) - 1)
        block = theta[start : stop + 1]
        norms[start:stop] = weight_change_norms(block[:-1], block[1:], layout)
    return norms
