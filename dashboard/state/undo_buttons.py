"""Undo and redo at the top of the sidebar."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from dashboard.state.undo import Settings, Trail, difference

TRAIL = "undo_trail"


def trail() -> Trail:
    """The set-ups of this session, as the sidebar last found them."""
    return st.session_state.get(TRAIL, Trail())


def show(place: st.delta_generator.DeltaGenerator, settings: Settings, label: Callable[[str], str]) -> None:
    """Note the widgets' settings, and draw two buttons that go back and forth through those before.

    `label` says what the widget under a key is called. Call it after the widgets are drawn.
    """
    now = trail().changed(settings, time.monotonic())
    st.session_state[TRAIL] = now
    for name, shortcut, steps, after in (
        ("Undo", "Alt+Z", now.past, now.undone()),
        ("Redo", "Alt+Y", now.future, now.redone()),
    ):
        help = f"{name} {_what(now, after, label)}." if steps else f"There is nothing to {name.lower()}."
        place.button(
            name,
            key=f"sidebar_{name.lower()}",
            icon=f":material/{name.lower()}:",
            type="tertiary",
            disabled=not steps,
            help=help,
            shortcut=shortcut,
            on_click=_go,
            args=(after,),
        )


def _go(there: Trail) -> None:
    st.session_state[TRAIL] = there
    st.session_state.update(there.now or {})


def _what(now: Trail, after: Trail, label: Callable[[str], str]) -> str:
    """What would change, in words."""
    names = difference(now.now or {}, after.now or {})
    if len(names) > 3:
        return f"the change of {len(names)} settings"
    return f"the change of {' and '.join(map(label, names))}"
