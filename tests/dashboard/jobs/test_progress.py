"""A quick run is waited for; a long one shows its progress beside a Stop."""

import time

import pytest

from dashboard.jobs import progress
from dashboard.jobs.registry import runs
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened

LONG = {**SMALL, "steps": "900000", "record_every": "1000", "learning_rate": "0.001"}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch):
    """A long run is let go of soon, and none is left behind."""
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.6)
    yield
    runs().stop("test session id")


def test_quick_run_is_there_at_once() -> None:
    app = opened(**SMALL)
    assert plots(app)
    assert not app.get("progress")


def test_long_run_shows_progress_and_stop_keeps_the_part_that_is_there() -> None:
    app = opened(**LONG)
    assert not app.exception
    assert not plots(app)
    (bar,) = app.get("progress")
    assert "of 900,000" in bar.proto.text
    element(app, "stop").click().run()
    give_up = time.monotonic() + 20
    while not plots(app) and time.monotonic() < give_up:
        app.run()
    assert not app.exception
    assert plots(app)
    headline = " ".join(text.value for text in app.markdown)
    assert "Stopped by hand at step" in headline
    assert app.slider(key="step").max < 900_000
    assert [button.label for button in app.button if button.key == "again"] == ["Run to the end"]


def test_changing_a_setting_leaves_the_long_run() -> None:
    app = opened(**LONG)
    element(app, "steps").set_value(5).run()
    assert plots(app)
    assert app.slider(key="step").max == 5
    give_up = time.monotonic() + 20
    while runs().active and time.monotonic() < give_up:
        time.sleep(0.02)
    assert runs().active == 0
