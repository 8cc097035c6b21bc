"""Runs in the background: shared by config, cancelled when nobody waits any more, refused when over budget."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import streamlit as st
from streamlit import runtime

from nncore import History, RunConfig, run
from nncore.config import TABLE
from nncore.cost import check_budget

T = TypeVar("T")

SECONDS_ALLOWED = float(os.environ.get("NNCORE_MAX_SECONDS", "120"))
BYTES_ALLOWED = int(float(os.environ.get("NNCORE_MAX_MB", "512")) * 2**20)
"""What one run may cost; an operator sets them by environment variable."""

AT_ONCE = 2
"""Trainings at the same time in this process: more would only share the same cores."""

KEPT_MEASUREMENTS = 100
"""Measurements kept with a run, the least recently used leave first: a page has about ten for each step shown."""

KEPT_BYTES = 2 * BYTES_ALLOWED
"""Histories kept for the next reader, the least recently used leave first."""


class Training:
    """One run, going on or finished, and what was measured on it.

    `waiting` holds the sessions that want it: when the last one leaves, an unfinished run is cancelled.
    """

    def __init__(
        self, config: RunConfig, parent: History | None = None, last_step: int | None = None
    ) -> None:
        self.config, self.parent, self.last_step = config, parent, last_step
        self.step, self.loss = 0, float("nan")
        self.waiting: set[str] = set()
        self.stop = False
        self.future: Future[History] | None = None
        self._measured: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self) -> History:
        """Train. Runs in a worker thread and knows no screen."""
        if not self.waiting:
            raise Abandoned
        history = run(
            self.config, parent=self.parent, cancelled=self._cancelled, progress=self._progress,
            memory_budget=BYTES_ALLOWED,
        )  # fmt: skip
        self.parent = None
        if not self.waiting:
            raise Abandoned
        return history

    @property
    def done(self) -> bool:
        """Is the history there?"""
        return self.future is not None and self.future.done()

    @property
    def history(self) -> History:
        """The finished history; raises what the run raised."""
        assert self.future is not None
        return self.future.result()

    def measured(self, function: Callable[..., T], *arguments: Any) -> T:
        """function(history, *arguments), computed once for all readers of this run."""
        key = (function.__name__, *arguments)
        with self._lock:
            if key not in self._measured:
                self._measured[key] = function(self.history, *arguments)
            self._measured.move_to_end(key)
            if len(self._measured) > KEPT_MEASUREMENTS:
                self._measured.popitem(last=False)
            return self._measured[key]

    def _cancelled(self) -> bool:
        return self.stop or not self.waiting or (self.last_step is not None and self.step >= self.last_step)

    def _progress(self, step: int, loss: float) -> None:
        self.step, self.loss = step, loss


class Abandoned(Exception):
    """The run ended because nobody waited for it any more."""


class Runs:
    """All runs of this process. One instance, shared between sessions.

    A run on an uploaded table belongs to its session: no other is given it, and it leaves with its reader.
    """

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="training")
        self.lock = threading.Lock()
        self.by_config: dict[Hashable, Training] = {}
        self.by_session: dict[str, Training] = {}

    def ask(self, session: str, config: RunConfig, parent: History | None = None) -> Training:
        """The run of this config for a session, which gives up whatever it asked for before.

        A page that needs two runs asks for the second as "session/role". A fork is given its parent's history. Raises ValueError, before anything starts, when the run is over budget.
        """
        with self.lock:
            before = self.by_session.get(session)
            if before is not None and before.config == config and not self._abandoned(before):
                return before
            check_budget(config, SECONDS_ALLOWED, BYTES_ALLOWED)
            self._leave(session)
            training = self.by_config.get(_key(session, config))
            if training is None or self._abandoned(training):
                training = Training(config, parent)
            self._join(session, training)
            return training

    def stop(self, session: str) -> None:
        """End this session's run and keep what it has. Others who wait for the same run are not disturbed."""
        with self.lock:
            training = self.by_session.get(session)
            if training is None or training.done:
                return
            if training.waiting == {session}:
                self.by_config.pop(_key(session, training.config), None)
                training.stop = True
                return
            self._leave(session)
            again = Training(training.config, training.parent, last_step=training.step)
            self._join(session, again, shared=False)

    def again(self, session: str) -> None:
        """Forget this session's stopped run, so that the next `ask` trains it from the start."""
        with self.lock:
            self._leave(session)

    @property
    def active(self) -> int:
        """Trainings that have not ended yet."""
        with self.lock:
            trainings = {id(t): t for t in (*self.by_config.values(), *self.by_session.values())}
            return sum(not training.done for training in trainings.values())

    def _join(self, session: str, training: Training, shared: bool = True) -> None:
        training.waiting.add(session)
        self.by_session[session] = training
        if shared:
            key = _key(session, training.config)
            self.by_config.pop(key, None)
            self.by_config[key] = training
            self._drop_old()
        if training.future is None:
            training.future = self.pool.submit(training)

    def _leave(self, session: str) -> None:
        training = self.by_session.pop(session, None)
        if training is not None:
            training.waiting.discard(session)

    def _abandoned(self, training: Training) -> bool:
        future = training.future
        if future is not None and future.done():
            return isinstance(future.exception(), Abandoned)
        return not training.waiting

    def _drop_old(self) -> None:
        """Forget readers who have gone, and the runs used longest ago until the rest fits."""
        for session in [session for session in self.by_session if not _present(session)]:
            self._leave(session)
        size = 0
        for key, training in reversed(list(self.by_config.items())):
            size += training.config.history_bytes()
            private = isinstance(key, tuple)
            if (private and not _present(key[0])) or (
                size > KEPT_BYTES and training.done and not training.waiting
            ):
                del self.by_config[key]


def _key(session: str, config: RunConfig) -> Hashable:
    """What a run is found by: its config, and on a table of somebody's own the session as well."""
    return (session, config) if config.dataset == TABLE else config


def _present(session: str) -> bool:
    """Is the reader's page still open?"""
    return not runtime.exists() or runtime.get_instance().is_active_session(session.partition("/")[0])


@st.cache_resource
def runs() -> Runs:
    """The process's runs."""
    return Runs()


def wait(training: Training, seconds: float, look: Callable[[], None]) -> bool:
    """Wait until the run is done or time is up, calling `look` now and then; True when it is done."""
    until = time.monotonic() + seconds
    while not training.done and time.monotonic() < until:
        time.sleep(0.02)
        look()
    return training.done
