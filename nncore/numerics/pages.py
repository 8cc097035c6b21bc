"""Memory that will be written to soon, asked of the system on a thread of its own: training waits for fresh pages otherwise."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import cast

import numpy as np

BLOCK_BYTES = 8 * 2**20
"""Memory that is asked for at once; none is for arrays that are smaller."""

PIECE_BYTES = 2**20
"""Memory in one call of the system, during which other threads wait for new memory."""

MADV_POPULATE_WRITE = 23
"""Linux 5.14: back these pages with memory, as writing to them does, and leave alone what they hold."""


def blocks_ahead(rows: np.ndarray) -> Iterator[slice]:
    """The rows (n_rows, ..., n) in blocks, first to last; when one begins, memory is asked for the next one.

    Nothing is written. Where the system cannot do it, training gets its memory page by page, as it writes.

    >>> list(blocks_ahead(np.empty((3, 2))))
    [slice(0, 3, None)]
    """
    n_rows = len(rows)
    size = max(1, BLOCK_BYTES // max(1, rows[:1].nbytes))
    for start in range(0, n_rows, size):
        if start + size < n_rows:
            ask_for(rows[start + size : start + 2 * size])
        yield slice(start, min(start + size, n_rows))


def ask_for(rows: np.ndarray) -> None:
    """Have rows (n_rows, ..., n) backed with memory on another thread, and return at once; without one where it cannot be."""
    if _madvise() is None:
        return
    with suppress(RuntimeError):  # no thread can be started, or the interpreter is about to end
        _submit()(_populate, rows)


@cache
def _submit() -> Callable[..., object]:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "pages").submit


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_submit.cache_clear)  # a child has none of its parent's threads


def _populate(rows: np.ndarray) -> bool:
    """Did the system back all of them with memory?"""
    madvise = _madvise()
    if madvise is None:
        return False
    for run in np.ndindex(rows.shape[1:-1]):
        start, stop = np.lib.array_utils.byte_bounds(rows[(slice(None), *run)])
        for place in range(start // mmap.PAGESIZE * mmap.PAGESIZE, stop, PIECE_BYTES):
            if madvise(place, min(PIECE_BYTES, stop - place), MADV_POPULATE_WRITE):
                return False
    return True


@cache
def _madvise() -> Callable[[int, int, int], int] | None:
    """The system's call, during which other Python threads run; None where there is none of this meaning."""
    if sys.platform != "linux":
        return None
    import ctypes

    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return None
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if madvise(None, 0, MADV_POPULATE_WRITE):  # an older Linux refuses it, of no bytes too
        return None
    return cast(Callable[[int, int, int], int], madvise)
