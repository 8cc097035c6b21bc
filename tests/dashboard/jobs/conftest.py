"""A set of runs of a test's own, and what to ask it for."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from dashboard.jobs.registry import MAP, PAGE, PINS, SEEDS, Runs, wait
from dashboard.jobs.work import Request, RunRequest, SeedRequest, SeedTraining, Training, Work
from nncore import History, RunConfig, run
from tests.patience import PATIENCE

SMALL = RunConfig(hidden=(4, 4), steps=20, n_samples=40)
LONG = RunConfig(hidden=(4,), steps=400_000, n_samples=20, record_every=1000)
HELD_AT = 60
"""Step at which `held` holds a run."""


@pytest.fixture
def shared() -> Iterator[Runs]:
    """A fresh set of runs that leaves nothing behind."""
    made = Runs()
    yield made
    for session, held in list(made.by_session.items()):
        for purpose in list(held):
            made.stop(session, purpose)
            made.leave(session, purpose)
    made.pool.shutdown(wait=True)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every run of more than HELD_AT steps waits there until the event is set."""
    go_on = threading.Event()

    def holding(config: RunConfig, *, progress: Callable[[int, float], None], **options: Any) -> History:
        def held_progress(step: int, loss: float) -> None:
            progress(step, loss)
            if step == HELD_AT:
                go_on.wait(PATIENCE)

        return run(config, progress=held_progress, **options)

    monkeypatch.setattr("dashboard.jobs.work.run", holding)
    return go_on


def ask(shared: Runs, session: str, config: RunConfig, purpose: str = PAGE, parent: Training | None = None) -> Training:
    """The run of a config."""
    (work,) = shared.ask(session, [RunRequest(config, parent)], purpose)
    return work


def ask_all(shared: Runs, session: str, configs: Sequence[RunConfig]) -> list[Training]:
    """The runs of several configs."""
    return shared.ask(session, [RunRequest(config) for config in configs], PINS)


def ask_seeds(shared: Runs, session: str, request: SeedRequest) -> SeedTraining:
    """The runs of a config with many seeds."""
    (work,) = shared.ask(session, [request], SEEDS)
    return work


def ask_map(shared: Runs, session: str, request: Request) -> Work:
    """A map."""
    (work,) = shared.ask(session, [request], MAP)
    return work


def finished(work: Work) -> Work:
    assert wait(work, PATIENCE, lambda: None), "the run did not end in time"
    return work
