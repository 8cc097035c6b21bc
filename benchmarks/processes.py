"""Do processes serve more people than threads? Sessions that train and measure again and again, on two workers of each kind."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context, shared_memory
from typing import Any

import numpy as np

from dashboard.jobs.limits import AT_ONCE
from dashboard.state.address import FIRST_SIGHT
from nncore import History, RunConfig, run
from nncore.diagnosis import verdict
from nncore.measures import gradient_flow

CONFIGS = {
    "small runs": RunConfig(dataset="circles", hidden=(8,) * 4, steps=60, n_samples=80),
    "the first sight": FIRST_SIGHT,
}
ARRAYS = ("theta", "grad")


def compact(config: RunConfig) -> History:
    """The run as the dashboard makes it."""
    return run(config, compact=True)


def in_shared_memory(config: RunConfig) -> tuple[History, str]:
    """The run in a worker process: a history without theta and gradients, and the name of the memory that holds them."""
    history = run(config)
    size = sum(getattr(history, name).nbytes for name in ARRAYS)
    memory = shared_memory.SharedMemory(create=True, size=size)
    rows = np.ndarray((2, *history.theta.shape), history.theta.dtype, memory.buf)
    for place, name in enumerate(ARRAYS):
        rows[place] = getattr(history, name)
    del rows
    memory.close()
    return replace(history, theta=history.theta[:1], grad=history.grad[:1]), memory.name


def from_shared_memory(found: tuple[History, str]) -> tuple[History, shared_memory.SharedMemory]:
    """The history on that memory, which is the caller's to give back."""
    history, name = found
    memory = shared_memory.SharedMemory(name)
    shape = (2, len(history.step), history.theta.shape[1])
    theta, grad = np.ndarray(shape, history.theta.dtype, memory.buf)
    return replace(history, theta=theta, grad=grad), memory


def served(
    pool: Executor, config: RunConfig, sessions: int, seconds: float, is_shared: bool, is_thread: bool
) -> list[float]:
    """Seconds that each request of so many sessions waited: for its run, its verdict and its gradient flow."""
    waits: list[float] = []
    until = time.monotonic() + seconds

    def one(session: int) -> None:
        seed = session
        while time.monotonic() < until:
            begun, seed = time.monotonic(), seed + sessions
            asked = config.replace(seed=seed)
            work: Callable[[RunConfig], Any] = in_shared_memory if is_shared else compact if is_thread else run
            found, memory = pool.submit(work, asked).result(), None
            if is_shared:
                found, memory = from_shared_memory(found)
            verdict(found)
            gradient_flow(found, found.last_finite)
            waits.append(time.monotonic() - begun)
            del found
            if memory is not None:
                memory.unlink()

    threads = [threading.Thread(target=one, args=(session,)) for session in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def compare(sessions: int, seconds: float) -> Iterator[str]:
    """A sentence for each kind of worker and of run."""
    for name, config in CONFIGS.items():
        for kind in ("threads", "processes that pickle histories", "processes that share their memory"):
            pool: Executor = (
                ThreadPoolExecutor(AT_ONCE) if kind == "threads" else ProcessPoolExecutor(AT_ONCE, get_context("spawn"))
            )
            with pool:
                is_shared = kind.endswith("memory")
                warm = [pool.submit(run, config.replace(steps=1)) for _ in range(2 * AT_ONCE)]
                for each in warm:
                    each.result()
                begun = time.monotonic()
                waits = served(pool, config, sessions, seconds, is_shared, kind == "threads")
                rate = len(waits) / (time.monotonic() - begun)
            yield (
                f"{name}, {kind}: {rate:.1f} a second, {statistics.median(waits):.2f} s to wait (median of "
                f"{len(waits):,}) for one of {sessions} sessions"
            )
