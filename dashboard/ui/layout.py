"""Which charts and parts of a page are drawn, and which of them come first: the one place that decides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import streamlit as st

from dashboard.state.session import PageLayout, session

PARTS = {
    "headline": "What happened, in words",
    "findings": "What is wrong, and what mends it",
    "numbers": "Four numbers",
    "downloads": "Downloads",
}
"""Parts of the lab that are no charts, by key."""

HIDE_EMPTY = (
    "<style>:is(.stColumn, .stHorizontalBlock, [data-testid=stLayoutWrapper]):not(:has(.stElementContainer, .stExpander))"
    " { display: none; }</style>"
)
"""Rows and columns in which nothing is drawn take no room: where a chart has moved or is left out, its neighbours grow."""


def choose(first: Sequence[str], shown: Sequence[str] | None) -> None:
    """Choose a page's charts; `open_places` then makes room for the first ones."""
    session().layout = PageLayout(tuple(first), None if shown is None else tuple(shown))
    if first or shown is not None:
        st.html(HIDE_EMPTY)


def open_places() -> None:
    """Containers for the charts that come first, two a row; a fragment opens them anew in each of its runs."""
    layout = session().layout
    layout.places = {}
    for row in range(0, len(layout.first), 2):
        keys = layout.first[row : row + 2]
        for column, key in zip(st.columns(len(keys)), keys, strict=True):
            layout.places[key] = column


def shows(key: str) -> bool:
    """Is the chart or part under this key drawn?"""
    shown = session().layout.shown
    return shown is None or key in shown


def place(key: str, title: str) -> AbstractContextManager[Any]:
    """Where the chart under this key is drawn: at the top, or where the page has it."""
    layout = session().layout
    layout.drawn[key] = title
    return layout.places.get(key, nullcontext())


def drawn() -> dict[str, str]:
    """The charts that the page has drawn so far: key -> title."""
    return session().layout.drawn
