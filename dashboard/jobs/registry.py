"""All background work of the process: shared by request, cancelled when nobody waits, refused when over budget."""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import streamlit as st
from streamlit import runtime

from dashboard.jobs import limits
from dashboard.jobs.queue import Queue
from dashboard.jobs.work import Abandoned, Opened, Request, RunRequest, Work
from nncore import History, RunConfig

W = TypeVar("W", bound=Work)
R = TypeVar("R", bound=Request[Any])

PAGE, PINS, SEEDS, FORK, MAP, SITE = "page", "pins", "seeds", "fork", "map", "site"
"""Purposes of what a session asks for: the sidebar's run, the pinned runs, the sidebar's run under many seeds, a fork of
it, a map of it, a lesson's site."""


class Runs:
    """All background work of this process. One instance, shared between sessions.

    `by_request` holds what others may be given, by (session that owns it or "", request); `by_session` what each session
    waits for, by purpose. Work on an uploaded table belongs to its session: no other is given it, and it leaves with its
    reader. So does a history that was read from a file: `opened` holds it by (session, request that it stands for).
    """

    def __init__(self) -> None:
        self.pool = Queue(limits.AT_ONCE)
        self.lock = threading.Lock()
        self.by_request: dict[tuple[str, Request[Any]], Work] = {}
        self.by_session: dict[str, dict[str, list[Work]]] = {}
        self.opened: OrderedDict[tuple[str, RunRequest], Opened] = OrderedDict()
        self.absent: dict[str, float] = {}
        self.held: dict[str, Callable[[], None]] = {}

    def hold(self, session: str, empty: Callable[[], None]) -> None:
        """Have what a session holds besides emptied once its reader has left for good.

        Streamlit lets go of a closed page only when another one opens or closes, and of the last one not even then.
        """
        with self.lock:
            self.held[session] = empty

    def ask(self, session: str, requests: Sequence[Request[W]], purpose: str = PAGE) -> list[W]:
        """The work on these requests, in their order, for a session; what it asked for before for this purpose is given up.

        A page's own run is the history that the session has opened for this request, if there is one. Raises
        ValueError, before anything starts, when one of them or all together are over budget (use `over_budget` to find
        out which are), or what others look at leaves too little memory.
        """
        with self.lock:
            opened = self.opened.get((session, *requests)) if purpose == PAGE else None
            if opened is not None:
                self.opened.move_to_end((session, *requests))
                self._leave(session, PAGE)
                return [opened]
            before = {work.request: work for work in self._held(session, purpose) if not self._abandoned(work)}
            if list(before) == list(dict.fromkeys(requests)):
                return [before[request] for request in requests]
            for problem in self.over_budget(requests).values():
                raise ValueError(problem)
            self._check_room(session, purpose, requests)
            after = {request: before.get(request) or self._find(session, request) for request in requests}
            left = self._held(session, purpose)
            self.by_session.setdefault(session, {})[purpose] = list(after.values())
            for work in after.values():
                work.waiting.add(session)
                work.readers.add(session)
            self._let_go(session, left)
            for request, work in after.items():
                if request not in before and request.sharing != "none":
                    self._share(session, work)
                if work.future is None:
                    work.future = self.pool.submit(work)
            return [after[request] for request in requests]

    def over_budget(self, requests: Sequence[R]) -> dict[R, str]:
        """The requests that are over budget, by themselves or after those before them, each with its sentence.

        All results together may take `limits.bytes_together`, and the work that is not done yet
        `limits.seconds_allowed`.
        """
        seconds_allowed, bytes_kept = limits.seconds_allowed(), limits.bytes_together()
        problems: dict[R, str] = {}
        seconds, size = 0.0, 0
        for request in dict.fromkeys(requests):
            try:
                request.check_budget(seconds_allowed, limits.bytes_allowed())
            except ValueError as problem:
                problems[request] = str(problem)
                continue
            work = self.by_request.get(("", request))
            more_seconds = 0.0 if work is not None and work.done else request.seconds()
            more_bytes = request.history_bytes()
            if seconds and seconds + more_seconds > seconds_allowed:
                problems[request] = (
                    f"with the runs before it, it would take about {seconds + more_seconds:,.0f} s and "
                    f"{seconds_allowed:,.0f} s are allowed for all"
                )
            elif size and size + more_bytes > bytes_kept:
                problems[request] = (
                    f"with the runs before it, it would take {(size + more_bytes) / 2**20:,.0f} MB and "
                    f"{bytes_kept / 2**20:,.0f} MB are allowed for all"
                )
            else:
                seconds, size = seconds + more_seconds, size + more_bytes
        return problems

    def stop(self, session: str, purpose: str = PAGE) -> None:
        """End what this session waits for and show what there is. Others who wait for it are not disturbed."""
        with self.lock:
            for work in list(self._held(session, purpose)):
                if work.done:
                    continue
                if work.waiting == {session}:
                    if self.by_request.get(_key(session, work.request)) is work:
                        del self.by_request[_key(session, work.request)]
                    work.stop = True
                else:
                    self._replace(session, work, work.up_to_here())

    def leave(self, session: str, purpose: str = PAGE) -> None:
        """Give up what this session asked for, so that the next `ask` begins stopped or failed work from the start.

        Unfinished work that nobody else waits for ends.
        """
        with self.lock:
            self._forget(session, purpose)

    def leave_others(self, session: str) -> None:
        """Give up what this session asked for, its page's own run apart."""
        with self.lock:
            for purpose in self.by_session.get(session, {}).keys() - {PAGE}:
                self._forget(session, purpose)

    @property
    def active(self) -> int:
        """Requests that have not been met yet."""
        with self.lock:
            held = (work for session in self.by_session for work in self._held(session))
            every = {id(work): work for work in (*self.by_request.values(), *held)}
            return sum(not work.done for work in every.values())

    # Histories from files

    def adopt(self, session: str, config: RunConfig, history: History, name: str) -> Opened:
        """Take in a history from a file, which this session is then given whenever its page asks for `config`.

        It replaces one that was opened for the same config. A session has `limits.FILES_KEPT` of them, all together
        take `limits.bytes_kept`, and those looked at longest ago leave first.
        """
        opened = Opened(session, history, name)
        with self.lock:
            self._close(session, RunRequest(config))
            self.opened[session, RunRequest(config)] = opened
            mine = [key for key in self.opened if key[0] == session]
            for key in mine[: -limits.FILES_KEPT]:
                self._close(*key)
            self._drop_old()
        return opened

    def files(self, session: str) -> dict[RunConfig, Opened]:
        """The histories that this session has opened, each under the settings it is shown for, the last one first."""
        with self.lock:
            return {request.config: each for (who, request), each in reversed(self.opened.items()) if who == session}

    def close(self, session: str, config: RunConfig) -> None:
        """Give up the history that this session opened for a config, and what was made of it."""
        with self.lock:
            self._close(session, RunRequest(config))

    def _close(self, session: str, request: RunRequest) -> None:
        closed = self.opened.pop((session, request), None)
        if closed is not None:
            closed.waiting.clear()
        for purpose in (PAGE, FORK):
            self._leave(session, purpose)

    # With the lock held

    def _find(self, session: str, request: Request[W]) -> W:
        """The work that is there already, else new work."""
        work = None if request.sharing == "none" else self.by_request.get(_key(session, request))
        return request.work() if work is None or self._abandoned(work) else work

    def _share(self, session: str, work: Work) -> None:
        key = _key(session, work.request)
        self.by_request.pop(key, None)
        self.by_request[key] = work
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

    def _forget(self, session: str, purpose: str) -> None:
        """Leave, and have failed work be found by nobody."""
        for work in self._held(session, purpose):
            if work.done and work.future is not None and work.future.exception() is not None:
                self.by_request.pop(_key(session, work.request), None)
        self._leave(session, purpose)

    def _leave(self, session: str, purpose: str | None = None) -> None:
        """Give up what a session waits for, for one purpose or for all, and for no other one."""
        left = self._held(session, purpose)
        held = self.by_session.get(session, {})
        for name in [name for name in held if purpose in (None, name)]:
            del held[name]
        if not held:
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

    def _check_room(self, session: str, purpose: str, requests: Sequence[Request[Any]]) -> None:
        """Raise ValueError where what is looked at, here and by others, leaves too little memory for these."""
        mine = {id(work) for work in self._held(session, purpose)}
        in_use = {id(work): work for held in self.by_session.values() for works in held.values() for work in works}
        in_use |= {id(each): each for each in self.opened.values()}
        others = [work for work in in_use.values() if id(work) not in mine or work.waiting - {session}]
        known = {work.request for work in others}
        used = sum(work.nbytes for work in others)
        needed = sum(request.history_bytes() for request in dict.fromkeys(requests) if request not in known)
        if used and used + needed > limits.bytes_kept():
            raise ValueError(
                f"it needs {needed / 2**20:,.0f} MB, and of this site's {limits.bytes_kept() / 2**20:,.0f} MB {used / 2**20:,.0f} are "
                "in use: try again in a minute, or take fewer records or a smaller network"
            )

    def _drop_old(self) -> None:
        """Forget sessions that have ended, and what was used longest ago until all the rest fits."""
        for session in [session for session in self.by_session if not _present(session)]:
            self._leave(session)
        bytes_kept, size = limits.bytes_kept(), 0
        for key in reversed(list(self.opened)):
            size += self.opened[key].history.nbytes
            if not _present(key[0]) or size > bytes_kept:
                self._close(*key)
        size = sum(each.nbytes for each in self.opened.values())
        size += sum(work.nbytes for work in self.by_request.values() if work.waiting or not work.done)
        for key, work in reversed(list(self.by_request.items())):
            idle = work.done and not work.waiting
            size += work.nbytes if idle else 0
            if (key[0] and not _present(key[0])) or (idle and size > bytes_kept):
                del self.by_request[key]

    def tidy(self) -> bool:
        """End what nobody waits for any more and forget what nobody has looked at for a while; was there anything?"""
        now = time.monotonic()
        with self.lock:
            before = len(self.by_session) + len(self.by_request) + len(self.opened) + len(self.held)
            known = {*self.by_session, *self.held, *(key[0] for key in (*self.by_request, *self.opened) if key[0])}
            self.absent = {session: self.absent.get(session, now) for session in known if not _present(session)}
            for session in [each for each, since in self.absent.items() if now - since >= limits.GRACE_SECONDS]:
                self._leave(session)
                for key in [key for key in self.opened if key[0] == session]:
                    self._close(*key)
            for key, work in list(self.by_request.items()):
                work.readers = {reader for reader in work.readers if _present(reader)}
                if work.waiting or work.readers or not work.done:
                    work.left = None
                elif work.left is None:
                    work.left = now
                elif now - work.left >= limits.KEPT_SECONDS:
                    del self.by_request[key]
            for session in [each for each, since in self.absent.items() if now - since >= limits.KEPT_SECONDS]:
                if empty := self.held.pop(session, None):
                    empty()
            return len(self.by_session) + len(self.by_request) + len(self.opened) + len(self.held) < before


def _key(session: str, request: Request[Any]) -> tuple[str, Request[Any]]:
    """What work is found by: its request, and the session that owns it, where one does."""
    return ("" if request.sharing == "all" else session, request)


def _present(session: str) -> bool:
    """Is the reader's page still open?"""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@st.cache_resource
def runs() -> Runs:
    """The process's background work, and a thread that tidies up behind its readers."""
    made = Runs()
    threading.Thread(target=_tidy_up, args=(weakref.ref(made),), name="tidy", daemon=True).start()
    return made


def _tidy_up(shared: weakref.ref[Runs]) -> None:
    while (found := shared()) is not None:
        if found.tidy():
            _give_back()
        del found
        time.sleep(limits.TIDY_SECONDS)


def _give_back() -> None:
    """Have the C library hand freed memory to the system, where it is one that otherwise keeps it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def wait(works: Work | Sequence[Work], seconds: float, look: Callable[[], None]) -> bool:
    """Wait until the work is done, all of it, or time is up, calling `look` now and then; True when it is done."""
    works = [works] if isinstance(works, Work) else works
    until = time.monotonic() + seconds
    while not all(work.done for work in works) and time.monotonic() < until:
        time.sleep(0.02)
        look()
    return all(work.done for work in works)
