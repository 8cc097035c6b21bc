"""A history file from whoever wrote it: recognised by its content, held within a budget, checked for sense."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO

import numpy as np

from nncore.data.read_csv import MAX_BYTES, other_file
from nncore.data.table import shortened
from nncore.history.compressed import DAMAGED, GZIP, ZIP, decompressing
from nncore.history.csv import CSV_COLUMNS, read_csv
from nncore.history.excerpt import COLUMNS
from nncore.history.history import History
from nncore.history.parquet import read_parquet

PARQUET = b"PAR1"

LONGEST_REASON = 1000
"""Characters that may say why a run ended early."""

QUANTITIES = ("theta", "z", "a", "loss", "delta", "gradient")
"""What may stop being finite first."""

_HEAD = 10_000


def reading_seconds(size: int, is_parquet: bool) -> float:
    """What reading a history of so many bytes, decompressed, takes, to a factor of about three."""
    return 2e-3 + size * (2e-9 if is_parquet else 3e-9)


def read_history(source: IO[bytes], memory_budget: int | None = None) -> History:
    """The history in a binary file, Parquet or CSV, compressed or not, whatever its name: every bit as it was written.

    It is checked as far as a stranger's file needs to be: steps, shapes and types are those of its settings, so that
    whatever takes a history can take it. Its numbers are taken as they are. `memory_budget`: bytes that the history,
    and one pass over the training rows, may take.

    Raises ValueError, one sentence, when there is no such history or a part of one; TableNotHere, which is one, where the run's own
    table is not at hand.

    >>> import io
    >>> from nncore import RunConfig, run
    >>> history, file = run(RunConfig(hidden=(4,), steps=3)), io.BytesIO()
    >>> history.to_parquet(file)
    >>> bool((read_history(file).theta == history.theta).all())
    True
    """
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    head = source.read(_HEAD)
    source.seek(0)
    if size > MAX_BYTES:
        raise ValueError(f"it has {size / 2**20:,.0f} MB and {MAX_BYTES / 2**20:,.0f} MB are read")
    if not head.strip():
        raise ValueError("it is empty")
    history = _read(source, head, memory_budget)
    _check_steps(history)
    _check_probe(history)
    _check_end(history)
    working = history.config.pass_bytes()
    if memory_budget is not None and working > memory_budget:
        raise ValueError(
            f"one pass over its {history.config.n_train:,} training rows would take {working / 2**20:,.0f} MB and "
            f"{memory_budget / 2**20:,.0f} MB are allowed"
        )
    return history


def _read(source: IO[bytes], head: bytes, memory_budget: int | None) -> History:
    if head.startswith(PARQUET):
        return read_parquet(source, memory_budget)
    other = other_file(head)
    if other and head.startswith((GZIP, ZIP)):
        with suppress(ValueError, *DAMAGED), decompressing(source) as content:
            head, other = content.read(_HEAD), ""
        source.seek(0)
    if other:
        raise ValueError(f"it is {other}, not a history in Parquet or CSV")
    first = head.splitlines()[0].decode("utf-8-sig", errors="replace").replace('"', "")
    names = [name.strip() for name in first.split(",")]
    if set(CSV_COLUMNS) - set(COLUMNS) - set(names):
        raise ValueError(
            f"its first line is {shortened(first)}, and that of a history is {', '.join(CSV_COLUMNS)}: a summary or the "
            "numbers of one chart do not hold θ"
        )
    return read_csv(source, memory_budget)


def _check_steps(history: History) -> None:
    """Raise ValueError when the steps are not those that a run of these settings records."""
    config, steps = history.config, history.step
    first, last, every = config.first_step, config.steps, config.record_every
    if not len(steps):
        raise ValueError("it has no records")
    inside = steps[0] == first and steps[-1] <= last and bool((np.diff(steps) > 0).all())
    if not history.stopped:
        between = np.arange(first // every + 1, -(-last // every)) * every
        inside = inside and np.array_equal(steps, np.unique(np.concatenate([[first], between, [last]])))
    if not inside:
        raise ValueError(
            f"its {len(steps):,} recorded steps, {steps[0]} to {steps[-1]}, are not those of its settings, which go "
            f"from {first} to {last:,}" + (f" by {every:,}" if every > 1 else "")
        )


def _check_probe(history: History) -> None:
    """Raise ValueError when the probe rows do not fit the network and its loss."""
    config, layout = history.config, history.layout
    x, y, outputs = history.probe_x, history.probe_y, layout.widths[-1]
    dtype = np.dtype(config.dtype)
    fits = x.ndim == 2 and len(x) > 0 and x.shape[1] == layout.widths[0] and x.dtype == dtype
    fits = fits and bool(np.isfinite(x).all())
    if config.loss_function().targets == "classes":
        fits = fits and y.shape == (len(x),) and y.dtype.kind == "i"
        fits = fits and bool(((y >= 0) & (y < outputs)).all())
    else:
        fits = fits and y.shape == (len(x), outputs) and y.dtype == dtype and bool(np.isfinite(y).all())
    if not fits:
        raise ValueError("its probe rows do not fit its network")


def _check_end(history: History) -> None:
    """Raise ValueError when what it says of its end cannot be."""
    stopped, where = history.stopped, history.divergence
    if not isinstance(stopped, str) or len(stopped) > LONGEST_REASON:
        raise ValueError(f"why it ended must be a text of at most {LONGEST_REASON:,} characters")
    if where is None:
        return
    layers = history.layout.widths[1:]
    numbers = all(type(each) is int for each in (where.step, where.layer, where.unit))
    if not (
        stopped
        and numbers
        and where.step in history.step[-1:]
        and 1 <= where.layer <= len(layers)
        and 0 <= where.unit < layers[where.layer - 1]
        and where.quantity in QUANTITIES
    ):
        raise ValueError("it names a divergence that is none of its network's")
