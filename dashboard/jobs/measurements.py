"""Measurements that take seconds: made in the background, drawn as they grow, ended when nobody watches them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.progress import follow, session_id
from dashboard.jobs.work import Training

T = TypeVar("T")


class BackgroundMeasurement(Generic[T]):
    """One measurement on a run: `found` grows by what `begin(cancelled)` yields, to its end or until nobody waits for it.

    `waiting` holds the sessions that watch it. `cancelled()` is true once they have left.
    """

    def __init__(self, session: str, training: Training, begin: Callable[[Callable[[], bool]], Iterator[T]]) -> None:
        self.found: list[T] = []
        self.waiting = {session}
        self.complete = False
        self._future: Future[None] = pool().submit(self._measure, training, begin)

    @property
    def done(self) -> bool:
        """Has it ended, of itself or cancelled? Raises what the measurement raised."""
        if not self._future.done():
            return False
        self._future.result()
        return True

    @property
    def cancelled(self) -> bool:
        """Was it left by all who watched it, or has it ended with its run, before its end?"""
        return not self.complete and (not self.waiting or self.done)

    def wait(self, seconds: float) -> None:
        """Give a quick measurement the time to end before anything is said about it."""
        try:
            self._future.result(seconds)
        except TimeoutError:
            return

    def _measure(self, training: Training, begin: Callable[[Callable[[], bool]], Iterator[T]]) -> None:
        """Runs in a worker thread: no Streamlit calls here. Only the thread holds the run, so that it can leave memory."""

        def cancelled() -> bool:
            return not (self.waiting and training.waiting)

        results = begin(cancelled)
        while not cancelled():
            try:
                self.found.append(next(results))
            except StopIteration:
                self.complete = not cancelled()
                return


Places = MutableMapping[str, BackgroundMeasurement[Any]]


class BackgroundMeasurements:
    """All background measurements of this process by run, and the one that each session watches in each place."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_training: weakref.WeakKeyDictionary[Training, dict[Hashable, BackgroundMeasurement[Any]]] = (
            weakref.WeakKeyDictionary()
        )

    def ask(
        self, watched: Places, place: str, training: Training, function: Callable[..., Iterator[T]], *arguments: Any
    ) -> BackgroundMeasurement[T]:
        """The measurement function(history, *arguments, cancelled=...) on a run, begun now if nobody did before.

        A session watches one measurement in each `place` of its page: `watched`, which the session remembers, holds them by place.
        It leaves the one that it watched there.
        """
        key = (function.__name__, *arguments)
        with self.lock:
            of_run = self.by_training.setdefault(training, {})
            measurement = of_run.get(key)
            if measurement is None or measurement.cancelled:
                self._leave(watched, place)
                measurement = of_run[key] = BackgroundMeasurement(
                    session_id(),
                    training,
                    lambda cancelled: function(training.history, *arguments, cancelled=cancelled),
                )
                while len(of_run) > limits.BACKGROUND_MEASUREMENTS_KEPT:
                    of_run.pop(next(iter(of_run))).waiting.clear()
            if watched.get(place) is not measurement:
                self._leave(watched, place)
                measurement.waiting.add(session_id())
                watched[place] = measurement
            return measurement

    def leave(self, watched: Places, place: str) -> None:
        """Watch nothing in a place of this session's page any more."""
        with self.lock:
            self._leave(watched, place)

    def _leave(self, watched: Places, place: str) -> None:
        measurement = watched.pop(place, None)
        if measurement is not None:
            measurement.waiting.discard(session_id())


@st.cache_resource
def pool() -> ThreadPoolExecutor:
    """The worker threads."""
    return ThreadPoolExecutor(limits.AT_ONCE, thread_name_prefix="measurement")


@st.cache_resource
def measurements() -> BackgroundMeasurements:
    """The process's background measurements."""
    return BackgroundMeasurements()


def watched(measurement: BackgroundMeasurement[T], draw: Callable[[BackgroundMeasurement[T]], None]) -> None:
    """Draw a measurement now and, while it goes on, again and again; at its end the page."""
    if measurement.done:
        draw(measurement)
    else:
        follow([measurement], partial(draw, measurement))
