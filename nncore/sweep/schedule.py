"""A sweep, block by block: rows as they are finished, whatever happens to the workers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager

from nncore.config.cost import estimate
from nncore.config.own import pack
from nncore.config.run_config import RunConfig
from nncore.display.progress import attended
from nncore.sweep.blocks import DEFAULT_LIMITS, Block, Limits, Result, plan, run_block, run_block_with
from nncore.sweep.grid import Runs, as_runs
from nncore.sweep.report import DEFAULT_REPORT, Report, failed
from nncore.sweep.workers import Here, Processes, cores, dask

TRIES = 3
"""A block whose worker dies is tried so often; then each of its runs by itself; then it is a row that failed."""

AHEAD = 2
"""Blocks that a worker is given at once, so that it never waits for the next."""

SMALL_SECONDS = 3.0
"""A sweep estimated below this is computed here: starting processes would take a good part of it."""

SAMPLE = 64
"""Runs that are looked at to estimate a sweep."""

ASK_SECONDS = 0.1
"""How often `cancelled` is asked while workers are at work."""


def results(
    runs: Runs | Sequence[RunConfig],
    report: Report = DEFAULT_REPORT,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    done: Collection[int] = frozenset(),
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int, int], None] = False,
) -> Iterator[Result]:
    """Yield the results of a sweep's blocks as they are finished, each run once, in any order.

    `executor`: any `concurrent.futures.Executor`, with `workers` (by default one a core) blocks at work at a
    time; it is left open. `scheduler`: the address of a Dask scheduler instead. With neither, processes on
    this machine, `workers` of them; one means here, in this thread, and so does a small sweep when `workers` is
    not given. `done`: run numbers to leave out. `cancelled()` is asked all the time, and ends the sweep:
    what is not finished by then is dropped. `progress(finished, total)` follows every block, and
    True draws a bar: Ctrl-C then ends the sweep with what is finished, too. A block whose
    worker dies is tried `TRIES` times, then run by run, and what still kills its worker is a row that
    failed. Raises ValueError for a way to run that does not exist, and ConnectionError where an executor gives
    its work up, such as a cluster that is gone. Functions of one's own that are registered go along to every worker.
    """
    runs = as_runs(runs)
    total, finished = len(runs), len(done)
    with attended(progress, "run", cancelled) as (bar, asked):
        told = (lambda done, of: bar(done, of, "")) if bar else progress if callable(progress) else _nobody
        told(finished, total)
        if finished == total:
            return
        with _executor(executor, workers, scheduler, runs, report, len(done)) as (pool, count, here):
            for result in _computed(pool, count, here, plan(runs, report, done, count), report, limits, asked):
                finished += len(result.rows)
                yield result
                told(finished, total)


def _nobody(finished: int, total: int) -> None:
    """Nobody wants to know."""


def estimated_seconds(runs: Runs, report: Report) -> float:
    """What the whole sweep would take one core, from a sample of its runs."""
    step = max(1, len(runs) // SAMPLE)
    seconds = []
    for run in range(0, len(runs), step):
        try:
            config = runs[run]
            seconds.append(estimate(config if report.training else config.replace(steps=0)).seconds)
        except ValueError:
            seconds.append(0.0)
    return sum(seconds) / len(seconds) * len(runs) if seconds else 0.0


@contextmanager
def _executor(
    executor: Executor | None, workers: int | None, scheduler: str | None, runs: Runs, report: Report, done: int
) -> Iterator[tuple[Executor, int, bool]]:
    """(executor, workers, whether it computes in this process, so that it can be stopped on the way)."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more; got {workers}")
    if executor is not None and scheduler is not None:
        raise ValueError("give an executor or a scheduler's address, not both")
    if executor is not None:
        yield executor, workers or cores(), _in_this_process(executor)
        return
    if scheduler is not None:
        with dask(scheduler) as (pool, count):
            yield pool, workers or count, False
        return
    if workers is None:
        share = (len(runs) - done) / max(len(runs), 1)
        workers = 1 if estimated_seconds(runs, report) * share < SMALL_SECONDS else cores()
    if workers == 1:
        yield Here(), 1, True
        return
    pool = Processes(workers)
    ended = False
    try:
        yield pool, workers, False
        ended = True
    finally:
        pool.shutdown(wait=True, cancel_futures=not ended)


def _in_this_process(executor: Executor) -> bool:
    from concurrent.futures import ThreadPoolExecutor

    return isinstance(executor, (Here, ThreadPoolExecutor))


def _computed(
    pool: Executor,
    workers: int,
    here: bool,
    planned: Iterator[Block | tuple[int, str]],
    report: Report,
    limits: Limits,
    cancelled: Callable[[], bool],
) -> Iterator[Result]:
    again: deque[tuple[Block, int]] = deque()
    at_work: dict[Future[Result], tuple[Block, int]] = {}
    stop = threading.Event()
    asked, own = (lambda: stop.is_set() or cancelled()), b"" if here else pack()
    room = 1 if isinstance(pool, Here) else workers * AHEAD
    exhausted = False
    try:
        while True:
            while not cancelled() and len(at_work) < room and (again or not exhausted):
                if again:
                    block, tries = again.popleft()
                else:
                    following = next(planned, None)
                    if following is None:
                        exhausted = True
                        break
                    if isinstance(following, tuple):
                        run, why = following
                        yield Result({run: failed(report, why)})
                        continue
                    block, tries = following, 0
                future = (
                    pool.submit(run_block, block, report, limits, asked)
                    if here
                    else pool.submit(run_block_with, block, report, limits, own)
                )
                at_work[future] = block, tries
            if cancelled() or not at_work:
                return
            finished, _ = wait(at_work, timeout=ASK_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                block, tries = at_work.pop(future)
                error = _error(future)
                if error is None:
                    yield future.result()
                elif isinstance(error, CancelledError):
                    raise ConnectionError("the executor gave its work up: it was shut down, or its cluster is gone")
                elif not _worker_died(error):
                    raise error
                elif tries + 1 < TRIES:
                    again.append((block, tries + 1))
                elif len(block.runs) > 1:
                    again.extend((one, 0) for one in block.alone())
                else:
                    reason = f"its worker died {TRIES} times: {type(error).__name__}"
                    yield Result({block.runs[0]: failed(report, reason)})
    finally:
        stop.set()
        for future in at_work:
            future.cancel()


def _error(future: Future[Result]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _worker_died(error: BaseException) -> bool:
    """Did the block's worker end, so that another may do it? Dask says KilledWorker after tries of its own."""
    named = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, BrokenExecutor) or "KilledWorker" in named
