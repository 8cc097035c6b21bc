"""Which charts and parts of a page are drawn, and which of them come first: the one place that decides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

KEY = "stage"

PARTS = {
    "headline": "What happened, in words",
    "findings": "What is wrong, and what mends it",
    "numbers": "Four numbers",
    "downloads": "Downloads",
}
"""Parts of the lab that are no charts, by key."""

HIDE_EMPTY = (
    "<style>:is(.stColumn, .stHorizontalBlock, [data-testid=stLayoutWrapper]):not(:has(.stElementContainer))"
    " { display: none; }</style>"
)
"""Rows and columns in which nothing is drawn take no room: where a chart has moved or is left out, its neighbours grow."""


@dataclass
class Stage:
    """What a lesson or an experiment has chosen for a page.

    `first` names the charts that stand at the top, `shown` all that are drawn (None: every one). `places` holds
    the containers of the first ones, `drawn` what has been drawn: key -> title.
    """

    first: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None
    places: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)


def clear() -> None:
    """Every chart where its page has it: what a page begins with."""
    st.session_state[KEY] = Stage()


def choose(first: Sequence[str], shown: Sequence[str] | None) -> None:
    """Choose a page's charts; `open_places` then makes room for the first ones."""
    st.session_state[KEY] = Stage(tuple(first), None if shown is None else tuple(shown))
    if first or shown is not None:
        st.html(HIDE_EMPTY)


def open_places() -> None:
    """Containers for the charts that come first, two a row; a fragment opens them anew in each of its runs."""
    stage = _stage()
    stage.places = {}
    for row in range(0, len(stage.first), 2):
        keys = stage.first[row : row + 2]
        for column, key in zip(st.columns(len(keys)), keys, strict=True):
            stage.places[key] = column


def shows(key: str) -> bool:
    """Is the chart or part under this key drawn?"""
    shown = _stage().shown
    return shown is None or key in shown


def place(key: str, title: str) -> AbstractContextManager[Any]:
    """Where the chart under this key is drawn: at the top, or where the page has it."""
    stage = _stage()
    stage.drawn[key] = title
    return stage.places.get(key, nullcontext())


def drawn() -> dict[str, str]:
    """The charts that the page has drawn so far: key -> title."""
    return _stage().drawn


def _stage() -> Stage:
    return st.session_state.setdefault(KEY, Stage())
