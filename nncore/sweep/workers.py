"""Where blocks are computed: here, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import io
import os
import re
import reprlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any

ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.]+\]|[\w.-]+):[0-9]{1,5}/?")
"""How Dask writes where a scheduler is, the protocol tcp unless it is said; `inproc` has no place outside this process."""

POLL_SECONDS = 0.5
"""How often a worker process asks whether the one that started it is still there."""

STARTS = 3
"""Processes that may fail to start one after the other."""


def cores() -> int:
    """Cores that this process may use."""
    from joblib.externals.loky import cpu_count

    return int(cpu_count())


class Here(Executor):
    """Computes in the calling thread, at once."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The future is done when it is returned."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """`count` processes of this machine, each a pool of its own: one that dies takes nobody else's work along.

    They start without importing the caller's main module, ignore Ctrl-C, which is the caller's business, and
    end when the caller is gone. A call whose process dies raises BrokenExecutor; the next call has a new one,
    but where STARTS processes in a row could not even start, ConnectionError.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"workers must be 1 or more; got {count}")
        self.pools: list[Any] = [None] * count
        self.starts: list[list[Future[None]]] = [[] for _ in range(count)]
        self.busy = [0] * count
        self.lock = threading.Lock()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """To the process that has least to do."""
        with self.lock:
            place = self.busy.index(min(self.busy))
            self.busy[place] += 1
            with _something_to_write_to():
                try:
                    if self.pools[place] is None:
                        self._start(place)
                    future: Future[Any] = self.pools[place].submit(function, *arguments, **named)
                except BrokenExecutor:
                    self._start(place)
                    future = self.pools[place].submit(function, *arguments, **named)
        future.add_done_callback(lambda _: self._finished(place))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; with `cancel_futures` also those that are at work."""
        for pool in self.pools:
            if pool is not None:
                pool.shutdown(wait=wait, kill_workers=cancel_futures)

    def _start(self, place: int) -> None:
        """A new process at this place, which says when it has started."""
        failed = [each.done() and each.exception() is not None for each in self.starts[place][-STARTS:]]
        if len(failed) == STARTS and all(failed):
            raise ConnectionError("worker processes do not start: see what they wrote on standard error")
        self.pools[place] = _one_process()
        self.starts[place].append(self.pools[place].submit(_started))

    def _finished(self, place: int) -> None:
        with self.lock:
            self.busy[place] -= 1


@contextmanager
def _something_to_write_to() -> Iterator[None]:
    """loky flushes standard output and error before it starts a process; where they are closed, to nowhere."""
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        setattr(sys, name, io.StringIO())
    try:
        yield
    finally:
        for name in closed:
            setattr(sys, name, None)


def _one_process() -> Any:
    from joblib.externals.loky import ProcessPoolExecutor

    return ProcessPoolExecutor(max_workers=1, initializer=_begin_worker, initargs=(os.getpid(),))


def _started() -> None:
    """The first call of a process."""


def _begin_worker(parent: int) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A process whose parent was killed would otherwise wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


@contextmanager
def dask(address: str) -> Iterator[tuple[Executor, int]]:
    """(executor, cores) of the Dask scheduler at this address, such as tcp://10.0.0.1:8786.

    Needs `pip install nncore[dask]`, and nncore of the same version on every worker. Raises ValueError where
    there is no scheduler, or it has no workers, or where the address is none.
    """
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"a scheduler's address must be such as tcp://10.0.0.1:8786; got {reprlib.repr(address)}")
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("a Dask scheduler needs the package distributed: pip install 'nncore[dask]'") from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        count = sum(client.ncores().values())
        if not count:
            raise ValueError(f"the Dask scheduler at {address} has no workers: start some with 'dask worker {address}'")
        yield client.get_executor(), count
