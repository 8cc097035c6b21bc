"""Undo and redo at the top of the sidebar: the set-ups of a session, back and forth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.state.session import session
from dashboard.words.labels import label

Settings = Mapping[str, Any]

KEPT = 50
"""Changes that can be undone."""

MERGED_SECONDS = 1.5
"""Changes of the same widget that follow each other this quickly count as one: a slider on its way.

Counted from the end of the page's work on the change before: keys that waited for a busy page are one change too.
"""


LATE_SECONDS = 1.0
"""Time after the page's answer to a change made here in which the browser's values of before are taken for late ones."""


@dataclass(frozen=True)
class Trail:
    """The set-up of now, those before it (oldest first) and those undone (next first).

    `moved` is the widget that the last change moved, "" when it was several or none, and `at` the time in seconds at
    which the page had answered it.

    >>> trail = Trail().changed({"depth": 2}, at=0).changed({"depth": 3}, at=10)
    >>> trail.undone().now, trail.undone().redone().now
    ({'depth': 2}, {'depth': 3})
    """

    now: Settings | None = None
    past: tuple[Settings, ...] = ()
    future: tuple[Settings, ...] = ()
    moved: str = ""
    at: float = 0.0

    def changed(self, settings: Settings, at: float) -> Trail:
        """The trail after the widgets were found at these settings; itself when nothing is new.

        What had been undone is given up, and what was moved quickly in one go is one change.
        """
        if self.now is None:
            return Trail(settings)
        names = [name for name in settings if name not in self.now or settings[name] != self.now[name]]
        if not names:
            return self
        moved = names[0] if len(names) == 1 else ""
        on_its_way = bool(moved) and moved == self.moved and at - self.at < MERGED_SECONDS
        if on_its_way and self.past[-1:] == (settings,):  # back where it came from
            return Trail(settings, self.past[:-1])
        past = self.past if on_its_way else (*self.past, self.now)[-KEPT:]
        return Trail(settings, past, (), moved, at)

    def undone(self) -> Trail:
        """One change back; itself at the beginning."""
        if not self.past or self.now is None:
            return self
        return replace(self, now=self.past[-1], past=self.past[:-1], future=(self.now, *self.future), moved="")

    def redone(self) -> Trail:
        """One change forth again; itself at the end."""
        if not self.future or self.now is None:
            return self
        return replace(self, now=self.future[0], past=(*self.past, self.now), future=self.future[1:], moved="")


def difference(before: Settings, after: Settings) -> tuple[str, ...]:
    """Names whose values differ."""
    return tuple(name for name in after if name not in before or before[name] != after[name])


# The buttons ------------------------------------------------------------------------------------------------


def trail() -> Trail:
    """The set-ups of this session, as the sidebar last found them."""
    return session().undo or Trail()


def buttons(place: st.delta_generator.DeltaGenerator, settings: Settings) -> None:
    """Note the widgets' settings, and draw two buttons that go back and forth through those before.

    Call it after the widgets are drawn.
    """
    now = trail().changed(settings, time.monotonic())
    session().undo = now
    for name, shortcut, steps, after in (
        ("Undo", "Alt+Z", now.past, now.undone()),
        ("Redo", "Alt+Y", now.future, now.redone()),
    ):
        help = f"{name} {_what(now, after)}." if steps else f"There is nothing to {name.lower()}."
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


def write(settings: Settings) -> None:
    """Set the sidebar's widgets. Call it from a callback, before they are drawn."""
    now = session()
    before = trail().now or {}
    now.written = {name: (before[name], settings[name]) for name in difference(before, settings) if name in before}
    now.undo = replace(trail(), at=time.monotonic())
    st.session_state.update(settings)


def hold() -> None:
    """Keep what was written here from what the browser sent before it heard of it. Call it before the widgets are drawn.

    A look at work in the background, on its way while a button wrote, brings the widgets' values of before.
    """
    written, late = session().written, time.monotonic() - trail().at < LATE_SECONDS
    if late and written and all(st.session_state.get(name) == old for name, (old, _) in written.items()):
        st.session_state.update({name: new for name, (_, new) in written.items()})


def rest() -> None:
    """The page has been drawn: from here on counts what is one change. Call it at the end of every run."""
    session().undo = replace(trail(), at=time.monotonic())


def _go(there: Trail) -> None:
    write(there.now or {})
    session().undo = replace(there, at=trail().at)


def _what(now: Trail, after: Trail) -> str:
    """What would change, in words."""
    names = difference(now.now or {}, after.now or {})
    if len(names) > 3:
        return f"the change of {len(names)} settings"
    return f"the change of {' and '.join(map(label, names))}"
