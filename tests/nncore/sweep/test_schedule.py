"""Blocks are of one shape, failures are rows, dead workers are replaced, and a sweep can be stopped."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from nncore import RunConfig
from nncore.sweep import DEFAULT_LIMITS, Grid, Here, Limits, Processes, Report, estimated_seconds, results, schedule
from nncore.sweep.blocks import MOST_TOGETHER, Block, plan
from nncore.sweep.report import DEFAULT_REPORT
from nncore.sweep.schedule import TRIES
from tests.nncore.sweep.tables import exhaust
from tests.patience import PATIENCE

BASE = RunConfig(n_samples=20, hidden=(3,), steps=2)
GRID = Grid(BASE, {"depth": (1, 2), "gain": (0.5, 1.0)}, seeds=range(6))


def planned(grid: Grid, **how: Any) -> list[Block]:
    return [block for block in plan(grid, DEFAULT_REPORT, **how) if isinstance(block, Block)]


# Blocks -----------------------------------------------------------------------------------------------------


def test_blocks_hold_runs_of_one_shape_and_each_run_once() -> None:
    blocks = planned(GRID)
    assert [len({config.hidden for config in block.configs}) for block in blocks] == [1, 1]
    assert sorted(run for block in blocks for run in block.runs) == list(range(len(GRID)))
    assert all(GRID[run] == config for block in blocks for run, config in zip(block.runs, block.configs, strict=True))


def test_runs_that_are_done_are_left_out() -> None:
    assert sorted(run for block in planned(GRID, done={0, 5, 9}) for run in block.runs) == sorted(
        set(range(len(GRID))) - {0, 5, 9}
    )


def test_blocks_are_small_enough_for_every_worker_to_have_several() -> None:
    assert max(len(block.runs) for block in planned(GRID, workers=3)) == 2


def test_large_networks_come_in_small_blocks_and_tiny_ones_in_large() -> None:
    large = planned(Grid(RunConfig(steps=10), {}, seeds=range(40)))
    assert max(len(block.runs) for block in large) == 6
    tiny = planned(Grid(BASE.replace(n_samples=10), {}, seeds=range(2 * MOST_TOGETHER)))
    assert [len(block.runs) for block in tiny] == [MOST_TOGETHER, MOST_TOGETHER]


def test_histories_of_a_block_stay_within_its_memory() -> None:
    long = RunConfig(n_samples=20, hidden=(3,), steps=100_000)
    assert {len(block.runs) for block in planned(Grid(long, {}, seeds=range(30)))} == {12, 6}
    assert 12 * long.history_bytes() < 2**28 < 13 * long.history_bytes()


# Failures are rows ------------------------------------------------------------------------------------------


def test_a_run_over_its_limits_is_a_row_that_says_so() -> None:
    grid = Grid(BASE, {"steps": (2, 5000)})
    (first, second) = _rows(grid, limits=Limits(bytes=2**16))
    assert first["ending"] == "finished"
    assert second["ending"] == "failed" and "64 KB" not in second["reason"]
    assert "the history would take" in second["reason"]
    (_, second) = _rows(grid, limits=Limits(seconds=0.01))
    assert "0 s are allowed" in second["reason"]
    assert [row["ending"] for row in _rows(grid, limits=DEFAULT_LIMITS)] == ["finished"] * 2


def test_a_run_that_breaks_is_a_row_and_disturbs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    initial = RunConfig.initial_theta

    def broken(config: RunConfig) -> Any:
        if config.seed == 3:
            raise MemoryError("no room")
        return initial(config)

    monkeypatch.setattr(RunConfig, "initial_theta", broken)
    rows = _rows(Grid(BASE, {}, seeds=range(6)))
    assert [row["ending"] for row in rows] == ["finished"] * 3 + ["failed"] + ["finished"] * 2
    assert rows[3]["reason"] == "MemoryError: no room"


def _rows(grid: Grid, **how: Any) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for result in results(grid, workers=1, **how):
        found |= result.rows
    return [found[run] for run in range(len(grid))]


# Workers die ------------------------------------------------------------------------------------------------


class Dying(Executor):
    """Computes here, but its worker dies over some runs; it notes what it was given."""

    def __init__(self, dies: Callable[[Block], bool]) -> None:
        self.dies = dies
        self.given: list[tuple[int, ...]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        block = arguments[0]
        self.given.append(block.runs)
        if not self.dies(block):
            return Here().submit(function, *arguments, **named)
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor("gone"))
        return future


def test_a_block_whose_worker_dies_is_tried_again() -> None:
    times = iter([True, False])
    executor = Dying(lambda block: 0 in block.runs and next(times))
    assert exhaust(results(GRID, executor=executor, workers=1)) == len(GRID)
    assert [0 in runs for runs in executor.given].count(True) == 2


def test_a_run_that_kills_every_worker_is_a_row_and_its_block_is_saved() -> None:
    executor = Dying(lambda block: 7 in block.runs)
    rows: dict[int, Any] = {}
    for result in results(GRID, executor=executor, workers=1):
        rows |= result.rows
    assert {run for run, row in rows.items() if row["ending"] == "failed"} == {7}
    assert rows[7]["reason"] == f"its worker died {TRIES} times: BrokenExecutor"
    assert executor.given.count((7,)) == TRIES


def test_an_error_in_the_program_is_no_dead_worker() -> None:
    class Wrong(Executor):
        def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(ModuleNotFoundError("No module named 'nncore'"))
            return future

    with pytest.raises(ModuleNotFoundError, match="nncore"):
        exhaust(results(GRID, executor=Wrong()))


def test_an_executor_that_gives_up_ends_the_sweep_and_no_run_is_called_failed() -> None:
    class Gone(Executor):
        def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ConnectionError, match="its cluster is gone"):
        exhaust(results(GRID, executor=Gone()))


def test_processes_replace_one_that_died() -> None:
    import os

    with Processes(1) as pool:
        first = pool.submit(os.getpid).result()
        assert isinstance(pool.submit(os._exit, 3).exception(timeout=PATIENCE), BrokenExecutor)
        assert pool.submit(os.getpid).result() != first


def test_processes_that_cannot_start_are_an_error_and_no_run_is_called_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    import nncore.sweep.workers as workers

    class Stillborn:
        def submit(self, function: Any, *arguments: Any) -> Future[Any]:
            if function is not workers._started:
                raise BrokenExecutor("no interpreter")
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("no interpreter"))
            return future

        def shutdown(self, **how: Any) -> None:
            pass

    monkeypatch.setattr(workers, "_one_process", Stillborn)
    pool = Processes(1)
    for _ in range(workers.STARTS - 1):
        with pytest.raises(BrokenExecutor):
            pool.submit(print)
    with pytest.raises(ConnectionError, match="worker processes do not start"):
        exhaust(results(GRID, executor=pool))


# Stopping and choosing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [Here(), ThreadPoolExecutor(2)], ids=["here", "threads"])
def test_a_sweep_that_is_stopped_yields_only_whole_runs(executor: Executor) -> None:
    asked = iter(range(10_000))
    found = list(
        results(
            Grid(BASE.replace(steps=50), {"depth": range(1, 9)}, seeds=range(3)),
            executor=executor,
            workers=2,
            cancelled=lambda: next(asked) > 150,
        )
    )
    rows = [row for result in found for row in result.rows.values()]
    assert 0 < len(rows) < 24
    assert {(row["ending"], row["last_step"]) for row in rows} == {("finished", 50)}


def test_progress_follows_every_block_to_the_end() -> None:
    seen: list[tuple[int, int]] = []
    exhaust(results(GRID, workers=1, progress=lambda *counted: seen.append(counted)))
    assert seen[0] == (0, 24) and seen[-1] == (24, 24)
    assert seen == sorted(seen) and len(seen) == 3


def test_a_small_sweep_is_computed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "Processes", None)
    assert exhaust(results(GRID)) == len(GRID)
    assert estimated_seconds(GRID, DEFAULT_REPORT) < schedule.SMALL_SECONDS
    assert estimated_seconds(Grid(RunConfig(), {}, seeds=range(100)), DEFAULT_REPORT) > schedule.SMALL_SECONDS


def test_an_empty_sweep_has_no_results() -> None:
    assert list(results([])) == []
    assert exhaust(results(GRID, done=frozenset(range(24)))) == 0


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"workers": 0}, "workers must be 1 or more; got 0"),
        ({"executor": Here(), "scheduler": "tcp://localhost:1"}, "an executor or a scheduler's address, not both"),
    ],
)
def test_a_way_to_run_that_does_not_exist_is_refused(how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        exhaust(results(GRID, Report(), **how))


def test_an_address_that_is_none_is_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="a scheduler's address must be such as tcp://"):
        exhaust(results(GRID, scheduler="nowhere://here"))
