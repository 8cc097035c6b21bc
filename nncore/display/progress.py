"""A bar on standard error while something runs, and Ctrl-C that asks it to stop and keep what is done."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Told = Callable[[int, int, str], None]
"""(finished, total, words behind the bar)."""

Asked = Callable[[], bool]


@contextmanager
def bar(unit: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """progress(finished, total) draws a bar; nothing is drawn when quiet or when nobody is looking."""
    with _drawn(unit, True if quiet or sys.stderr is None else None) as told:
        yield lambda finished, total: told(finished, total, "")


@contextmanager
def attended(progress: object, unit: str, cancelled: Asked) -> Iterator[tuple[Told | None, Asked]]:
    """(what draws the bar, what asks whether to stop) while something runs that was given progress=True.

    Inside, Ctrl-C asks it to stop as `cancelled` does, once; the second ends it at once. With anything but True there is
    no bar (None), and Ctrl-C ends at once. Raises ValueError where progress is neither True, False nor a function.
    """
    if not (isinstance(progress, bool) or callable(progress)):
        raise ValueError(f"progress must be True, False or a function; got {progress!r}")
    if progress is not True:
        yield None, cancelled
        return
    with Interrupt() as interrupt, _drawn(unit, sys.stderr is None) as told:
        yield told, lambda: interrupt.happened or cancelled()


@contextmanager
def _drawn(unit: str, disable: bool | None) -> Iterator[Told]:
    from tqdm import tqdm

    with tqdm(unit=unit, file=sys.stderr, disable=disable, dynamic_ncols=True) as drawn:
        lock = threading.Lock()

        def told(finished: int, total: int, words: str) -> None:
            with lock:
                if drawn.total != total:
                    drawn.reset(total)
                    drawn.initial = finished
                    drawn.n = finished
                if words:
                    drawn.set_postfix_str(words, refresh=False)
                drawn.update(finished - drawn.n)

        yield told


class Interrupt:
    """Inside the block the first Ctrl-C, or a polite kill, makes `asked()` true; the second ends at once.

    Only the main thread hears of them: in another one nothing changes.
    """

    def __init__(self) -> None:
        self.happened = False

    def asked(self) -> bool:
        """Has somebody asked to stop?"""
        return self.happened

    def __enter__(self) -> Interrupt:
        hears = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if hears else ()
        self.before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *ignored: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True
