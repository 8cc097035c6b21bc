"""A set of runs of a test's own, and what to ask it for."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from dashboard.jobs.registry import MAP, PAGE, PINS, SEEDS, Runs, wait
from dashboard.jobs.work import Request, RunRequest, SeedRequest, SeedTraining, Training, Work
from nncore import RunConfig

SMALL = RunConfig(hidden=(4, 4), steps=20, n_samples=40)
LONG = RunConfig(hidden=(4,), steps=400_000, n_samples=20, record_every=1000)


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


def finished(work: Work, seconds: float = 30) -> Work:
    assert wait(work, seconds, lambda: None), "the run did not end in time"
    return work


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "did not happen in time"
        time.sleep(0.005)
