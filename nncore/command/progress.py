"""A bar on standard error while something runs, and Ctrl-C that asks it to stop and keep what is done."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm


@contextmanager
def bar(unit: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """progress(finished, total) draws a bar; nothing is drawn when quiet or when nobody is looking."""
    disable = True if quiet or sys.stderr is None else None
    with tqdm(unit=unit, file=sys.stderr, disable=disable, dynamic_ncols=True) as drawn:

        def progress(finished: int, total: int) -> None:
            if drawn.total != total:
                drawn.reset(total)
                drawn.initial = finished
                drawn.n = finished
            drawn.update(finished - drawn.n)

        yield progress


class Interrupt:
    """Inside the block the first Ctrl-C, or a polite kill, makes `asked()` true; the second ends at once."""

    def __init__(self) -> None:
        self.happened = False

    def asked(self) -> bool:
        """Has somebody asked to stop?"""
        return self.happened

    def __enter__(self) -> Interrupt:
        self.before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *ignored: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True
