"""Background measurements end when nobody watches them, and are shared between sessions until then."""

import threading
from collections.abc import Callable, Iterator

import pytest

from dashboard.jobs import limits
from dashboard.jobs import measurements as module
from dashboard.jobs.measurements import BackgroundMeasurement, BackgroundMeasurements
from dashboard.jobs.work import Opened, RunRequest, Training
from dashboard.state.sidebar import FIRST_SIGHT
from nncore import History, run
from tests.dashboard.jobs.conftest import SMALL
from tests.patience import PATIENCE, until


def counted(gate: threading.Event) -> Iterator[int]:
    for number in range(1000):
        gate.wait()
        yield number


def begun(results: Iterator) -> tuple[Training, BackgroundMeasurement]:
    """A run that somebody looks at, and a measurement on it."""
    training = Training(RunRequest(FIRST_SIGHT))
    training.waiting.add("somebody")
    return training, BackgroundMeasurement("somebody", training, lambda cancelled: results)


def finished(measurement: BackgroundMeasurement) -> None:
    until(lambda: measurement.done)


@pytest.mark.parametrize("how", ["stop", "leave"])
def test_a_measurement_ends_when_nobody_watches_it_or_waits_for_its_run(how: str) -> None:
    gate = threading.Event()
    training, measurement = begun(counted(gate))
    assert not measurement.done and not measurement.cancelled
    if how == "stop":
        measurement.waiting.clear()
    else:
        training.waiting.clear()
    gate.set()
    finished(measurement)
    assert measurement.cancelled and not measurement.complete
    assert len(measurement.found) <= 1


def test_a_measurement_keeps_what_it_found_in_order() -> None:
    _, measurement = begun(iter("abc"))
    measurement.wait(PATIENCE)
    assert measurement.done and measurement.complete and not measurement.cancelled
    assert measurement.found == ["a", "b", "c"]


def test_what_goes_wrong_in_a_measurement_is_not_swallowed() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise RuntimeError("lost")

    _, measurement = begun(broken())
    with pytest.raises(RuntimeError, match="lost"):
        finished(measurement)


def test_one_that_ends_because_it_was_left_is_not_complete() -> None:
    def until_left(cancelled: Callable[[], bool]) -> Iterator[int]:
        yield 1
        until(cancelled)

    training = Training(RunRequest(FIRST_SIGHT))
    training.waiting.add("somebody")
    measurement = BackgroundMeasurement("somebody", training, until_left)
    until(lambda: measurement.found == [1])
    measurement.waiting.clear()
    finished(measurement)
    assert measurement.cancelled and not measurement.complete


# Sessions ---------------------------------------------------------------------------------------------------


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch):
    """Run what follows in a session of this name; returns what it watches."""
    watched: dict[str, dict[str, object]] = {}

    def enter(session: str) -> dict[str, object]:
        monkeypatch.setattr(module, "session_id", lambda: session)
        return watched.setdefault(session, {})

    return enter


def gated(history: History, gate: threading.Event, *_: object, cancelled: Callable[[], bool]) -> Iterator[int]:
    return counted(gate)


def test_sessions_share_a_measurement_and_one_that_leaves_does_not_disturb_the_other(visit) -> None:
    training, gate, all_of_them = Opened("a", run(SMALL), "x.csv"), threading.Event(), BackgroundMeasurements()
    here = visit("a")
    one = all_of_them.ask(here, "place", training, gated, gate)
    here = visit("b")
    assert all_of_them.ask(here, "place", training, gated, gate) is one
    here = visit("a")
    all_of_them.leave(here, "place")
    assert one.waiting == {"b"} and not one.cancelled
    here = visit("b")
    assert all_of_them.ask(here, "place", training, gated, gate) is one
    other = all_of_them.ask(here, "place", training, gated, gate, "another")
    assert one.cancelled and other.waiting == {"b"}
    here = visit("a")
    again = all_of_them.ask(here, "place", training, gated, gate)
    assert again is not one, "what was cancelled begins anew"
    gate.set()
    finished(one)
    assert len(one.found) <= 1
    for measurement in (other, again):
        finished(measurement)
        assert measurement.complete and len(measurement.found) == 1000
    assert all_of_them.ask(here, "place", training, gated, gate) is again, "a complete one is not made twice"


def test_measurements_of_a_run_are_bounded_and_leave_memory_with_it(visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BACKGROUND_MEASUREMENTS_KEPT", 2)
    training, gate, all_of_them = Opened("a", run(SMALL), "x.csv"), threading.Event(), BackgroundMeasurements()
    here = visit("a")
    made = [all_of_them.ask(here, f"place {number}", training, gated, gate, number) for number in range(3)]
    assert made[0].cancelled and not made[1].cancelled and not made[2].cancelled
    assert list(all_of_them.by_training[training].values()) == made[1:]
    gate.set()
    for measurement in made:
        finished(measurement)
    del training, made, measurement
    until(lambda: not all_of_them.by_training)
