"""A quick run is waited for; a long one shows its progress beside a Stop; and so does any new kind of work."""

import re
import time
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.jobs import progress, work
from dashboard.jobs.registry import Runs, runs, wait
from dashboard.jobs.work import Abandoned, RunRequest, Work
from nncore import RunConfig, run
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened
from tests.patience import PATIENCE, until

LONG = {**SMALL, "steps": "900000", "record_every": "1000", "learning_rate": "0.001"}


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch):
    """A long run is let go of soon, and none is left behind."""
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.6)
    yield
    for purpose in list(runs().by_session.get("test session id", {})):
        runs().stop("test session id", purpose)


def test_quick_run_is_there_at_once() -> None:
    app = opened(**SMALL)
    assert plots(app)
    assert not app.get("progress")


def test_a_run_that_is_waited_for_leaves_what_follows_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit builds anew what stands in another place than before, and a chart would be made anew."""
    app = opened(**SMALL)
    places = [element.key for element in app.main.children.values()]
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    said: list[object] = []
    monkeypatch.setattr(progress, "bar", lambda works, place: said.append(place.progress(0.5)))
    monkeypatch.setattr(work, "run", lambda *given, **more: time.sleep(0.1) or run(*given, **more))
    element(app, "seed").set_value(4711).run()  # with which no other test has trained this network
    assert said and not app.exception
    assert [element.key for element in app.main.children.values()] == places


@pytest.mark.usefixtures("in_a_hurry")
def test_long_run_shows_progress_and_stop_keeps_the_part_that_is_there() -> None:
    app = opened(**LONG)
    assert not app.exception
    assert not plots(app)
    (bar,) = app.get("progress")
    assert "of 900,000" in bar.proto.text
    element(app, "stop").click().run()
    until(lambda: plots(app) or app.exception, app.run)
    assert not app.exception
    headline = " ".join(text.value for text in app.markdown)
    assert "Stopped by hand at step" in headline
    assert app.slider(key="step").max < 900_000
    assert [button.label for button in app.button if button.key == "again"] == ["Run to the end"]


@pytest.mark.usefixtures("in_a_hurry")
def test_changing_a_setting_leaves_the_long_run() -> None:
    app = opened(**LONG)
    element(app, "steps").set_value(5).run()
    until(lambda: plots(app), app.run)
    assert app.slider(key="step").max == 5
    until(lambda: runs().active == 0)


# A kind of work of its own ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Countdown:
    """A new kind of request: it takes a hundredth of a second for each number."""

    start: int
    sharing = "all"

    def seconds(self) -> float:
        return 0.01 * self.start

    def history_bytes(self) -> int:
        return 8 * self.start

    def check_budget(self, seconds: float, size: int) -> None:
        if self.seconds() > seconds:
            raise ValueError(f"counting from {self.start} takes too long: begin at {seconds / 0.01:.0f} or below")

    def work(self) -> "Counting":
        return Counting(self)


class Counting(Work):
    """What was counted so far."""

    pause = 0.01
    """Seconds after each number."""

    @property
    def steps(self) -> int:
        return self.request.start

    def compute(self) -> list[int]:
        counted = []
        while self.step < self.steps and not self.cancelled():
            counted.append(self.steps - self.step)
            self.report(self.step + 1)
            time.sleep(self.pause)
        return counted

    def progress_text(self) -> str:
        return f"{self.steps - self.steps_done:,} to go"


def counting_page() -> None:
    """A page whose one sentence is what was counted from a number in its address."""
    import streamlit as st

    from dashboard.jobs.progress import finished, leave_others, session_id
    from dashboard.jobs.registry import runs
    from tests.dashboard.jobs.test_progress import Countdown

    if "left" in st.query_params:
        leave_others()
        return
    try:
        (work,) = runs().ask(session_id(), [Countdown(int(st.query_params["from"]))], "counting")
    except ValueError as problem:
        st.error(str(problem))
        return
    if finished([work], "counting"):
        st.markdown(f"Counted {len(work.result)} down to {work.result[-1]}")


def counted_on(app: AppTest) -> str:
    """The sentence of the page, once it is there."""
    until(lambda: app.markdown, app.run)
    return app.markdown[0].value


@pytest.mark.usefixtures("in_a_hurry")
def test_new_kind_of_work_is_asked_for_watched_and_stopped_without_touching_anything_else() -> None:
    app = opened(counting_page, **{"from": "9000"})
    assert not app.exception and not app.markdown
    (work,) = runs().by_session["test session id"]["counting"]
    until(lambda: work.step > 0)
    app.run()
    (bar,) = app.get("progress")
    left = int(re.fullmatch(r"([\d,]+) to go", bar.proto.text)[1].replace(",", ""))
    assert left < 9000 and bar.proto.value < 100
    element(app, "stop_counting").click().run()
    found = counted_on(app)
    assert re.fullmatch(r"Counted \d+ down to \d+", found)
    assert work.result[-1] > 1, "it was stopped and what there was is shown"
    assert counted_on(opened(counting_page, **{"from": "9000"})) == found, "the session is given what it stopped"
    runs().leave("test session id", "counting")
    assert not opened(counting_page, **{"from": "9000"}).markdown, "and begins anew when it has left that"
    (work,) = runs().by_session["test session id"]["counting"]
    opened(counting_page, left="")
    assert "counting" not in runs().by_session.get("test session id", {}), "another page gives it up"
    with pytest.raises(Abandoned):
        _ = work.result


def test_new_kind_of_work_is_shared_when_it_is_done_and_part_of_it_stays_with_who_stopped(
    shared: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "pause", 0.2)
    (one,), (two,) = (shared.ask(session, [Countdown(300)], "counting") for session in "ab")
    assert one is two
    until(lambda: one.step > 5)
    shared.stop("a", "counting")
    monkeypatch.setattr(Counting, "pause", 0.0)
    (part,) = shared.ask("a", [Countdown(300)], "counting")
    assert part is not one and wait([part, one], PATIENCE, lambda: None)
    assert part.result == one.result[: len(part.result)] and 5 < len(part.result) < 300
    assert shared.ask("c", [Countdown(300)], "counting") == [one]


def test_new_kind_of_work_is_refused_when_it_is_over_budget(shared: Runs) -> None:
    app = opened(counting_page, **{"from": "12001"})
    assert [each.value for each in app.error] == ["counting from 12001 takes too long: begin at 12000 or below"]
    together = [Countdown(7000), RunRequest(RunConfig(steps=1)), Countdown(6000)]
    with pytest.raises(ValueError, match=r"with the runs before it, it would take about 130 s and 120 s are allowed"):
        shared.ask("a", together, "counting")
    assert shared.active == 0
