"""Who comes next: short work before long, each visitor in turn, and a lane that long work never blocks."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

from dashboard.jobs.work import Work

SHORT_SECONDS = 3.0
"""Work estimated below this may take the lane that is kept free of long work."""

PATIENCE = 3.0
"""Seconds by which work moves forward for each second that it waits: long work is passed, but not for ever."""


class Queue:
    """Threads that do work: `at_once` of them, and one more for short work while all of them do long work.

    The next is the work whose visitors have the least of theirs being done, then the shortest by estimate, less what
    it has waited.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[float, Work, Future[Any]]] = []
        self.running: list[Work] = []
        self.changed = threading.Condition()
        self.ended = False
        self.threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"training_{lane}", daemon=True)
            for lane in range(at_once + 1)
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, work: Work) -> Future[Any]:
        """Have the work done; the future is done when it is."""
        future: Future[Any] = Future()
        with self.changed:
            if self.ended:
                raise RuntimeError("the queue has ended")
            self.waiting.append((time.monotonic(), work, future))
            self.changed.notify_all()
        return future

    def before(self, work: Work) -> int | None:
        """How many wait to be done before this work; None where it has begun or does not wait here."""
        with self.changed:
            order = [each for _, each, _ in sorted(self.waiting, key=self._turn) if each.waiting]
            return order.index(work) if work in order else None

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work, and end when what waits is done."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        for thread in self.threads if wait else ():
            thread.join()

    def _serve(self, lane: int) -> None:
        while True:
            with self.changed:
                chosen = self._next(lane)
                while chosen is None:
                    if self.ended and not self.waiting:
                        return
                    self.changed.wait()
                    chosen = self._next(lane)
                self.waiting.remove(chosen)
                _, work, future = chosen
                self.running.append(work)
            future.set_running_or_notify_cancel()
            try:
                result = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
            with self.changed:
                self.running.remove(work)
                self.changed.notify_all()
            del chosen, work, future  # a thread that waits holds nobody's history

    def _next(self, lane: int) -> tuple[float, Work, Future[Any]] | None:
        """What a lane does now: the last one only what is short, and only where all others do long work."""
        found = sorted(self.waiting, key=self._turn)
        if lane < self.at_once or not found:
            return found[0] if found else None
        blocked = sum(not _is_short(work) for work in self.running) >= self.at_once
        return next((each for each in found if blocked and _is_short(each[1])), None)

    def _turn(self, entry: tuple[float, Work, Future[Any]]) -> tuple[int, float]:
        since, work, _ = entry
        if not work.waiting:
            return -1, 0.0  # left by all: it ends at once
        theirs = sum(bool(each.waiting & work.waiting) for each in self.running)
        return theirs, work.seconds - PATIENCE * (time.monotonic() - since)


def _is_short(work: Work) -> bool:
    return work.seconds < SHORT_SECONDS
