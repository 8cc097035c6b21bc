"""A lesson of the lab, taken away as pages that need no server."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.registry import Runs
from dashboard.site.lesson_site import LessonSiteRequest
from tests.dashboard.lab import SMALL, opened
from tests.dashboard.state.test_lessons import open_dialog
from tests.patience import until


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bytes]]:
    """What the page offers to download, by the button's key."""
    found: dict[str, Callable[[], bytes]] = {}
    real = st.download_button

    def button(label: str, data: Any, *arguments: object, key: str, **options: object) -> bool:
        found[key] = data
        return real(label, data, *arguments, key=key, **options)

    monkeypatch.setattr(st, "download_button", button)
    return found


def test_dialog_offers_the_lesson_as_a_site(offered: dict[str, Callable[[], bytes]]) -> None:
    app = opened(open_dialog, **SMALL, step="3")
    assert "lesson_site" not in offered
    app.text_input(key="lesson_title").set_value("Two layers").run()
    assert not app.exception
    archive = zipfile.ZipFile(io.BytesIO(offered["lesson_site"]()))
    assert set(archive.namelist()) == {
        f"site/{name}"
        for name in (
            "index.html",
            "site.js",
            "site.css",
            "catalogue.js",
            "lessons.js",
            "plotly.min.js",
            "runs/lesson-1-1.js",
        )
    }
    assert archive.read("site/runs/lesson-1-1.js").startswith(b'nncoreSite.take("runs/lesson-1-1", ')


def test_dialog_says_why_there_is_no_site(
    monkeypatch: pytest.MonkeyPatch, offered: dict[str, Callable[[], bytes]]
) -> None:
    monkeypatch.setenv(limits.MAX_SECONDS, "0.000001")
    app = opened(open_dialog, **SMALL)
    app.text_input(key="lesson_title").set_value("Two layers").run()
    assert "lesson_site" not in offered
    assert any("No site: " in caption.value for caption in app.caption)


def test_all_parts_together_are_within_what_one_run_may_take() -> None:
    part = "depth%3D2%26steps%3D4000"
    one, two = LessonSiteRequest(f"?lesson=A&parts={part}"), LessonSiteRequest(f"?lesson=A&parts={part}%0A{part}")
    assert two.seconds() == 2 * one.seconds() and two.history_bytes() == one.history_bytes()
    one.check_budget(1.5 * one.seconds(), one.history_bytes())
    with pytest.raises(ValueError, match="leave some parts out"):
        two.check_budget(1.5 * one.seconds(), one.history_bytes())


def test_what_nobody_waits_for_ends() -> None:
    runs = Runs()
    (work,) = runs.ask(
        "reader", [LessonSiteRequest("?lesson=A&depth=8&width=64&steps=40000&record_every=1000")], "site"
    )
    until(lambda: work.step > 0)
    runs.leave("reader", "site")
    until(lambda: work.done)
    assert work.error is not None
