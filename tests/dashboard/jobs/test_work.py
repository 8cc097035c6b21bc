"""Work keeps what was measured on its result, and says how far it has come."""

import threading
import tracemalloc

import pytest

from dashboard.jobs import limits
from dashboard.jobs.registry import Runs
from dashboard.jobs.work import Abandoned, Opened, RunRequest, SeedRequest, Training, Work
from dashboard.state.address import FIRST_SIGHT
from nncore import Fork, RunConfig, run
from nncore.model.initializers import StoppedEarly
from tests.dashboard.jobs.conftest import LONG, SMALL, ask, finished
from tests.patience import PATIENCE, until


def test_measurement_is_computed_once_for_all_readers(shared: Runs) -> None:
    training = finished(ask(shared, "a", SMALL))
    calls = []

    def counted(history, record):
        calls.append(record)
        return record

    threads = [threading.Thread(target=training.measured, args=(counted, 3)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert calls == [3]
    assert training.measured(counted, 4) == 4


def test_kept_measurements_are_bounded_and_the_latest_stay(shared: Runs) -> None:
    training = finished(ask(shared, "a", SMALL))
    calls = []

    def counted(history, record):
        calls.append(record)
        return record

    for record in range(limits.MEASUREMENTS_KEPT + 1):
        training.measured(counted, record)
        training.measured(counted, 1)
    calls.clear()
    training.measured(counted, 1)
    training.measured(counted, limits.MEASUREMENTS_KEPT)
    assert calls == []
    training.measured(counted, 0)
    assert calls == [0]


# What is asked for ------------------------------------------------------------------------------------------


def test_history_of_the_parent_makes_no_other_request_and_is_let_go_of_with_the_end() -> None:
    parent, fork = Opened("a", run(SMALL), "x.csv"), Fork(SMALL, at=2, learning_rate=0.5)
    given = RunRequest(fork, parent)
    assert given == RunRequest(fork) and hash(given) == hash(RunRequest(fork))
    assert (given.sharing, RunRequest(fork).sharing) == ("none", "all")
    work = given.work()
    assert work.parent is parent.history and work.request.parent is None
    work.waiting.add("a")
    assert work().step[0] == 2
    assert work.parent is None


@pytest.mark.parametrize("kind", [RunRequest, lambda config: SeedRequest(config, 2)])
def test_progress_is_said_in_steps_of_the_whole_work(kind) -> None:
    work = kind(RunConfig(steps=0)).work()
    assert (work.steps, work.steps_done) == (1, 0)
    work = kind(RunConfig(steps=50)).work()
    work.report(work.steps // 2, 0.125)
    assert work.steps_done == work.steps // 2
    expected = "Training: step 25 of 50, loss 0.125" if isinstance(work, Training) else "Training 2 seeds: 1 are done"
    assert work.progress_text() == expected


def test_part_of_a_run_for_one_session_ends_where_the_shared_one_stood(shared: Runs) -> None:
    whole = ask(shared, "a", LONG)
    until(lambda: whole.step > 0)
    part = whole.up_to_here()
    assert type(part) is Training and part.request == whole.request and 0 < part.last_step <= whole.step


def test_work_that_is_left_while_its_first_weights_are_drawn_is_given_to_nobody() -> None:
    class Drawing(Work):
        def compute(self):
            self.waiting.clear()
            raise StoppedEarly("stopped by hand while the first weights were drawn")

    work = Drawing("a request")
    work.waiting.add("a reader")
    with pytest.raises(Abandoned):
        work()


def test_a_stop_at_step_0_waits_for_step_0() -> None:
    work = Training(RunRequest(RunConfig(steps=3)), last_step=0)
    work.waiting.add("a reader")
    assert not work.cancelled()
    work.report(0, 1.0)
    assert work.cancelled()


def test_the_run_that_the_page_opens_on_takes_less_than_50_megabytes() -> None:
    training = Training(RunRequest(FIRST_SIGHT))
    training.waiting.add("somebody")
    tracemalloc.start()
    try:
        history = training.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(history) == FIRST_SIGHT.steps + 1
    assert peak < 50_000_000
