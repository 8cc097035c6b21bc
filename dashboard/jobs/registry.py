"""Runs in the background: shared by config, cancelled when nobody waits any more, refused when over budget."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import streamlit as st
from streamlit import runtime

from dashboard.jobs import limits
from dashboard.jobs.map_request import MapRequest
from nncore import History, RunConfig, run
from nncore.config.cost import check_budget, estimate
from nncore.config.run_config import TABLE
from nncore.seeds import SeedRuns, Seeds, run_seeds
from nncore.sweep import Cells, Limits

T = TypeVar("T")

SECONDS_ALLOWED = float(os.environ.get("NNCORE_MAX_SECONDS", "120"))
BYTES_ALLOWED = int(float(os.environ.get("NNCORE_MAX_MB", "512")) * 2**20)
"""What one run may cost; an operator sets them by environment variable."""

AT_ONCE = 2
"""Trainings at the same time in this process: more would only share the same cores."""

KEPT_MEASUREMENTS = 100
"""Measurements kept with a run, the least recently used leave first: a page has about ten for each step shown."""

KEPT_BYTES = 2 * BYTES_ALLOWED
"""Histories kept for the next reader, the least recently used leave first; and as much again of opened files."""

KEPT_FILES = 4
"""Opened files that one session keeps."""

PAGE, PINS, SEEDS, FORK, MAP = "page", "pins", "seeds", "fork", "map"
"""What a session asks for: the sidebar's run, the pinned runs, the sidebar's run under many seeds, a fork, a map of it."""

Request = RunConfig | SeedRuns | MapRequest
"""Describes work completely, and is the key under which it is shared."""


class Work:
    """One request, being worked on or finished, and what was measured on its result.

    `waiting` holds the sessions that want it: when the last one leaves, unfinished work is cancelled.
    """

    def __init__(self, request: Any, last_step: int | None = None) -> None:
        self.config, self.last_step = request, last_step
        self.step, self.loss = 0, float("nan")
        self.waiting: set[str] = set()
        self.stop = False
        self.future: Future[Any] | None = None
        self._measured: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        """Do it. Runs in a worker thread and knows no screen."""
        if not self.waiting:
            raise Abandoned
        result = self.train()
        if not self.waiting:
            raise Abandoned
        return result

    def train(self) -> Any:
        """The result, with `_cancelled` asked at every step."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Is the result there?"""
        return self.future is not None and self.future.done()

    @property
    def result(self) -> Any:
        """What came of it; raises what the work raised."""
        assert self.future is not None
        return self.future.result()

    def measured(self, function: Callable[..., T], *arguments: Any) -> T:
        """function(result, *arguments), computed once for all readers."""
        key = (function.__module__, function.__qualname__, *arguments)
        with self._lock:
            if key not in self._measured:
                self._measured[key] = function(self.result, *arguments)
            self._measured.move_to_end(key)
            if len(self._measured) > KEPT_MEASUREMENTS:
                self._measured.popitem(last=False)
            return self._measured[key]

    def up_to_here(self) -> Work:
        """The same work for one session alone, to end where this one stands now."""
        return _new(self.config, self.step)

    def _cancelled(self) -> bool:
        return self.stop or not self.waiting or (self.last_step is not None and self.step >= self.last_step)

    def _progress(self, step: int, loss: float = float("nan")) -> None:
        self.step, self.loss = step, loss


class Training(Work):
    """One run and its history."""

    config: RunConfig

    def __init__(self, config: RunConfig, last_step: int | None = None, parent: History | None = None) -> None:
        super().__init__(config, last_step)
        self.parent = parent

    def train(self) -> History:
        history = run(
            self.config,
            parent=self.parent,
            cancelled=self._cancelled,
            progress=self._progress,
            memory_budget=BYTES_ALLOWED,
        )
        self.parent = None
        return history

    def up_to_here(self) -> Training:
        return Training(self.config, self.step, self.parent)

    @property
    def history(self) -> History:
        """The finished history; raises what the run raised."""
        return self.result


class Opened(Training):
    """A history that was read from a file: finished from the start, and its session's alone."""

    def __init__(self, session: str, history: History, name: str) -> None:
        super().__init__(history.config)
        self.name = name
        self.waiting.add(session)
        self.future = Future()
        self.future.set_result(history)


class SeedTraining(Work):
    """One set-up under many seeds, and what was measured on them; its steps are counted over all seeds."""

    config: SeedRuns

    def train(self) -> Seeds:
        return run_seeds(self.config, cancelled=self._cancelled, progress=self._progress, memory_budget=BYTES_ALLOWED)

    @property
    def seeds(self) -> Seeds:
        """What was measured; raises what the work raised."""
        return self.result


class MapTraining(Work):
    """A map whose `cells` fill in while it is worked on; its steps are runs.

    Computed on this machine, or on the operator's Dask scheduler.
    """

    config: MapRequest

    def __init__(self, request: MapRequest, cells: Cells | None = None) -> None:
        super().__init__(request)
        self.given = cells is not None
        self.cells = cells or request.cells()

    def train(self) -> Cells:
        if self.given:
            return self.cells
        scheduler = limits.scheduler()
        try:
            for result in self.config.results(self._cancelled, scheduler, Limits(BYTES_ALLOWED, SECONDS_ALLOWED)):
                self.cells.add(result)
                self._progress(self.cells.finished)
        except (ValueError, ConnectionError):
            if scheduler is None:
                raise
            logging.getLogger(__name__).exception("the map could not be computed at %s", scheduler)
            raise ConnectionError(
                "the Dask scheduler that computes the maps of this site does not answer, or has no workers"
            ) from None
        return self.cells

    def up_to_here(self) -> MapTraining:
        return MapTraining(self.config, self.cells.copy())


class Abandoned(Exception):
    """The run ended because nobody waited for it any more."""


class Runs:
    """All runs of this process. One instance, shared between sessions.

    `by_session` holds what each session waits for, by purpose: a page's own run, the pinned ones, many seeds. A run
    on an uploaded table belongs to its session: no other is given it, and it leaves with its reader. So does a
    history that was read from a file: `opened` finds it under (session, the settings it is shown for).
    """

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="training")
        self.lock = threading.Lock()
        self.by_config: dict[Hashable, Work] = {}
        self.by_session: dict[str, dict[str, list[Work]]] = {}
        self.opened: OrderedDict[tuple[str, RunConfig], Opened] = OrderedDict()

    def ask(self, session: str, config: RunConfig, purpose: str = PAGE, parent: History | None = None) -> Training:
        """The run of this config for a session, which gives up whatever it asked for before, for this purpose.

        A page's own run is the history that the session has opened for this config, if there is one. A fork may be
        given its parent's history. Raises ValueError, before anything starts, when the run is over budget.
        """
        with self.lock:
            opened = self.opened.get((session, config)) if purpose == PAGE else None
            if opened is not None:
                self.opened.move_to_end((session, config))
                self._leave(session, PAGE)
                return opened
        (work,) = self._ask(session, [config], purpose, parent)
        assert isinstance(work, Training)
        return work

    def adopt(self, session: str, config: RunConfig, history: History, name: str) -> Opened:
        """Take in a history from a file, which this session is then given whenever its page asks for `config`.

        It replaces one that was opened for the same config. A session keeps KEPT_FILES of them, all together take
        KEPT_BYTES, and those looked at longest ago leave first.
        """
        opened = Opened(session, history, name)
        with self.lock:
            self._close(session, config)
            self.opened[session, config] = opened
            mine = [key for key in self.opened if key[0] == session]
            for _, old in mine[:-KEPT_FILES]:
                self._close(session, old)
            self._drop_old()
        return opened

    def files(self, session: str) -> dict[RunConfig, Opened]:
        """The histories that this session has opened, each under the settings it is shown for, the last one first."""
        with self.lock:
            return {config: each for (who, config), each in reversed(self.opened.items()) if who == session}

    def close(self, session: str, config: RunConfig) -> None:
        """Give up the history that this session opened for a config, and what was made of it."""
        with self.lock:
            self._close(session, config)

    def ask_seeds(self, session: str, request: SeedRuns) -> SeedTraining:
        """The same for many seeds of a config."""
        (work,) = self._ask(session, [request], SEEDS)
        assert isinstance(work, SeedTraining)
        return work

    def ask_map(self, session: str, request: MapRequest) -> MapTraining:
        """The same for a map."""
        (work,) = self._ask(session, [request], MAP)
        assert isinstance(work, MapTraining)
        return work

    def ask_all(self, session: str, configs: Sequence[RunConfig], purpose: str = PINS) -> list[Training]:
        """The runs of these configs, in their order; those asked for before and not among them are given up.

        Raises ValueError, before anything starts, when one of them or all together are over budget: use
        `affordable` to find out which are not.
        """
        problems = self.affordable(configs)
        if problems:
            raise ValueError(next(iter(problems.values())))
        return [work for work in self._ask(session, configs, purpose) if isinstance(work, Training)]

    def affordable(self, configs: Sequence[RunConfig]) -> dict[RunConfig, str]:
        """The configs that are over budget, by themselves or after those before them, each with its sentence.

        All histories together may take KEPT_BYTES, and the runs that are not there yet SECONDS_ALLOWED.
        """
        problems, seconds, size = {}, 0.0, 0
        for config in dict.fromkeys(configs):
            try:
                check_budget(config, SECONDS_ALLOWED, BYTES_ALLOWED)
            except ValueError as problem:
                problems[config] = str(problem)
                continue
            work = self.by_config.get(config)
            more = 0.0 if work is not None and work.done else estimate(config).seconds
            if seconds + more > SECONDS_ALLOWED:
                problems[config] = (
                    f"with the runs before it, it would take about {seconds + more:,.0f} s and "
                    f"{SECONDS_ALLOWED:,.0f} s are allowed for all"
                )
            elif size + config.history_bytes() > KEPT_BYTES:
                problems[config] = (
                    f"with the runs before it, it would take {(size + config.history_bytes()) / 2**20:,.0f} MB and "
                    f"{KEPT_BYTES / 2**20:,.0f} MB are allowed for all"
                )
            else:
                seconds, size = seconds + more, size + config.history_bytes()
        return problems

    def stop(self, session: str, purpose: str = PAGE) -> None:
        """End what this session waits for and keep what there is. Others who wait for it are not disturbed."""
        with self.lock:
            for work in list(self._held(session, purpose)):
                if work.done:
                    continue
                if work.waiting == {session}:
                    if self.by_config.get(_key(session, work.config)) is work:
                        del self.by_config[_key(session, work.config)]
                    work.stop = True
                else:
                    self._replace(session, work, work.up_to_here())

    def again(self, session: str, purpose: str = PAGE) -> None:
        """Forget this session's stopped runs, and what broke off, so that the next `ask` begins from the start."""
        with self.lock:
            for work in self._held(session, purpose):
                if work.done and work.future is not None and work.future.exception() is not None:
                    self.by_config.pop(_key(session, work.config), None)
            self._leave(session, purpose)

    leave = again
    """A session needs what it asked for no more: unfinished work that nobody else waits for ends."""

    @property
    def active(self) -> int:
        """Requests that have not been met yet."""
        with self.lock:
            held = (work for session in self.by_session for work in self._held(session))
            every = {id(work): work for work in (*self.by_config.values(), *held)}
            return sum(not work.done for work in every.values())

    def _ask(
        self, session: str, requests: Sequence[Request], purpose: str, parent: History | None = None
    ) -> list[Work]:
        with self.lock:
            before = {work.config: work for work in self._held(session, purpose) if not self._abandoned(work)}
            if list(before) == list(dict.fromkeys(requests)):
                return [before[request] for request in requests]
            for request in requests:
                if request not in before:
                    _check(request)
            after = {request: before.get(request) or self._find(session, request, parent) for request in requests}
            left = self._held(session, purpose)
            self.by_session.setdefault(session, {})[purpose] = list(after.values())
            for work in after.values():
                work.waiting.add(session)
            self._let_go(session, left)
            for request, work in after.items():
                if request not in before and not self._is_from_a_file(session, parent):
                    self._share(session, work)
                if work.future is None:
                    work.future = self.pool.submit(work)
            return [after[request] for request in requests]

    def _find(self, session: str, request: Request, parent: History | None) -> Work:
        work = None if self._is_from_a_file(session, parent) else self.by_config.get(_key(session, request))
        return _new(request, parent=parent) if work is None or self._abandoned(work) else work

    def _is_from_a_file(self, session: str, history: History | None) -> bool:
        """Is this a history that the session has opened? What is made of it is nobody else's."""
        mine = (opened for (who, _), opened in self.opened.items() if who == session)
        return history is not None and any(history is opened.history for opened in mine)

    def _close(self, session: str, config: RunConfig) -> None:
        closed = self.opened.pop((session, config), None)
        if closed is not None:
            closed.waiting.clear()
        for purpose in (PAGE, FORK):
            self._leave(session, purpose)

    def _share(self, session: str, work: Work) -> None:
        key = _key(session, work.config)
        self.by_config.pop(key, None)
        self.by_config[key] = work
        self._drop_old()

    def _replace(self, session: str, old: Work, new: Work) -> None:
        """Give a session work of its own in place of what it shares with others."""
        old.waiting.discard(session)
        new.waiting.add(session)
        for held in self.by_session[session].values():
            held[:] = [new if work is old else work for work in held]
        new.future = self.pool.submit(new)

    def _held(self, session: str, purpose: str | None = None) -> list[Work]:
        """What a session waits for, for one purpose or for all."""
        held = self.by_session.get(session, {})
        return [work for name, works in held.items() if purpose in (None, name) for work in works]

    def _leave(self, session: str, purpose: str | None = None) -> None:
        """Give up what a session waits for, for one purpose or for all, and for no other one."""
        left = self._held(session, purpose)
        kept = self.by_session.get(session, {})
        for name in [name for name in kept if purpose in (None, name)]:
            del kept[name]
        if not kept:
            self.by_session.pop(session, None)
        self._let_go(session, left)

    def _let_go(self, session: str, works: list[Work]) -> None:
        """Take a session off the work that it waits for no more."""
        still = {id(work) for work in self._held(session)}
        for work in works:
            if id(work) not in still:
                work.waiting.discard(session)

    def _abandoned(self, work: Work) -> bool:
        future = work.future
        if future is not None and future.done():
            return isinstance(future.exception(), Abandoned)
        return not work.waiting

    def _drop_old(self) -> None:
        """Forget readers who have gone, and the runs used longest ago until the rest fits."""
        for session in [session for session in self.by_session if not _present(session)]:
            self._leave(session)
        size = 0
        for key, work in reversed(list(self.by_config.items())):
            size += work.config.history_bytes()
            private = isinstance(key, tuple)
            if (private and not _present(key[0])) or (size > KEPT_BYTES and work.done and not work.waiting):
                del self.by_config[key]
        size = 0
        for session, config in reversed(list(self.opened)):
            size += self.opened[session, config].history.nbytes
            if not _present(session) or size > KEPT_BYTES:
                self._close(session, config)


def _key(session: str, request: Request) -> Hashable:
    """What work is found by: its request, and on a table of somebody's own the session as well."""
    config = request.config if isinstance(request, SeedRuns | MapRequest) else request
    return (session, request) if config.dataset == TABLE else request


def _new(request: Request, last_step: int | None = None, parent: History | None = None) -> Work:
    if isinstance(request, SeedRuns):
        return SeedTraining(request, last_step)
    if isinstance(request, MapRequest):
        return MapTraining(request)
    return Training(request, last_step, parent)


def _check(request: Request) -> None:
    """Raise ValueError when a request by itself is over budget."""
    if isinstance(request, SeedRuns):
        request.check_budget(SECONDS_ALLOWED, BYTES_ALLOWED)
    elif isinstance(request, MapRequest):
        request.check_budget(SECONDS_ALLOWED)
    else:
        check_budget(request, SECONDS_ALLOWED, BYTES_ALLOWED)


def _present(session: str) -> bool:
    """Is the reader's page still open?"""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@st.cache_resource
def runs() -> Runs:
    """The process's runs."""
    return Runs()


def wait(works: Work | Sequence[Work], seconds: float, look: Callable[[], None]) -> bool:
    """Wait until the work is done, all of it, or time is up, calling `look` now and then; True when it is done."""
    works = [works] if isinstance(works, Work) else works
    until = time.monotonic() + seconds
    while not all(work.done for work in works) and time.monotonic() < until:
        time.sleep(0.02)
        look()
    return all(work.done for work in works)
