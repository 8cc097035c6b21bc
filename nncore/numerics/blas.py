"""How many threads BLAS may use, so that a result's bits never depend on what else is running."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from threadpoolctl import LibController, ThreadpoolController

SEVERAL = 2
"""Threads for large products: a fixed number, because OpenBLAS rounds differently for each."""

_changed = threading.Condition()
_holders = 0
_threads = 0
_before: list[int] = []
_mine = threading.local()


@cache
def _libraries() -> tuple[LibController, ...]:
    """The BLAS that are loaded when first asked for, NumPy's among them; finding them takes milliseconds."""
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(counts: Sequence[int]) -> None:
    """Set each library; threadpoolctl's own setter obeys one Python thread only, silently, from 3.8 on."""
    for library, count in zip(_libraries(), counts, strict=True):
        getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Hold BLAS at `count` threads inside the block, in whichever Python threads.

    The setting belongs to the whole process, so blocks that agree run side by side and a block that wants
    another number waits for them to end. A block inside another of the same Python thread changes nothing:
    what a run's own callback computes is computed at the run's number.
    """
    global _holders, _threads, _before
    if getattr(_mine, "holds", False):
        yield
        return
    with _changed:
        _changed.wait_for(lambda: _holders == 0 or _threads == count)
        if _holders == 0:
            _before, _threads = [library.num_threads for library in _libraries()], count
            _set_threads([count] * len(_before))
        _holders += 1
    _mine.holds = True
    try:
        yield
    finally:
        _mine.holds = False
        with _changed:
            _holders -= 1
            if _holders == 0:
                _set_threads(_before)
                _changed.notify_all()
