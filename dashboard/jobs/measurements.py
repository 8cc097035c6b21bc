"""Measurements that take seconds: made beside the page, shown as they grow, ended when nobody waits any more."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import streamlit as st

from dashboard.jobs.registry import Training

T = TypeVar("T")

AT_ONCE = 2
"""Errands at the same time in this process."""

LOOK_EVERY = 0.4
"""Seconds between two looks at an errand."""

KEPT = 30
"""Errands kept with a run for the next reader; the oldest leave first."""


class Errand(Generic[T]):
    """One measurement on its way: `found` grows by what `results` yields, until its end or until `stop`."""

    def __init__(self, training: Training, results: Iterator[T]) -> None:
        self.found: list[T] = []
        self.stop = False
        self.complete = False
        self._training, self._results = training, results
        self._future: Future[None] = pool().submit(self._go)

    @property
    def done(self) -> bool:
        """Has it ended, of itself or stopped? Raises what the measurement raised."""
        if not self._future.done():
            return False
        self._future.result()
        return True

    @property
    def broken_off(self) -> bool:
        """Has it been stopped, or ended because nobody waited, before its end?"""
        return not self.complete and (self.stop or self.done)

    def wait(self, seconds: float) -> None:
        """Give a quick errand the time to end before anything is said about it."""
        try:
            self._future.result(seconds)
        except TimeoutError:
            return

    def _go(self) -> None:
        """Runs in a worker thread and knows no screen."""
        while not self.stop and self._training.waiting:
            try:
                self.found.append(next(self._results))
            except StopIteration:
                self.complete = True
                return


class Errands:
    """All errands of this process by run, and the one that each session watches in each place of its page."""

    def __init__(self) -> None:
        self.by_training: weakref.WeakKeyDictionary[Training, dict[Hashable, Errand[Any]]] = weakref.WeakKeyDictionary()

    def ask(self, place: str, training: Training, function: Callable[..., Iterator[T]], *arguments: Any) -> Errand[T]:
        """The errand function(history, *arguments) on a run, begun now if nobody did before.

        A session watches one errand in each `place`: whatever it watched there is stopped.
        """
        kept = self.by_training.setdefault(training, {})
        key = (function.__name__, *arguments)
        errand = kept.get(key)
        if errand is None or errand.broken_off:
            self.leave(place)
            errand = kept[key] = Errand(training, function(training.history, *arguments))
            while len(kept) > KEPT:
                kept.pop(next(iter(kept))).stop = True
        if st.session_state.get(place) is not errand:
            self.leave(place)
            st.session_state[place] = errand
        return errand

    def leave(self, place: str) -> None:
        """Stop what this session watches in a place."""
        errand = st.session_state.pop(place, None)
        if errand is not None:
            errand.stop = True


@st.cache_resource
def pool() -> ThreadPoolExecutor:
    """The workers."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="errand")


@st.cache_resource
def errands() -> Errands:
    """The process's errands."""
    return Errands()


def watched(errand: Errand[T], draw: Callable[[Errand[T]], None]) -> None:
    """Draw an errand now and, while it goes on, again and again; at its end the page."""
    if errand.done:
        draw(errand)
    else:
        _watch(errand, draw)


@st.fragment(run_every=LOOK_EVERY)
def _watch(errand: Errand[T], draw: Callable[[Errand[T]], None]) -> None:
    if errand.stop:  # a look that was on its way when the page turned to something else
        return
    if errand.done:
        st.rerun()
    draw(errand)
