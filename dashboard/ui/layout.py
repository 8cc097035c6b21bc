"""Which charts and parts of a page are drawn, and which of them come first: the one place that decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.state.session import PageLayout, peek, session

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


@dataclass(frozen=True)
class Group:
    """Charts under one heading that folds: what is folded is neither measured nor drawn.

    `key`: of the heading, which the address keeps; `says`: what is in it, beside its title; `charts`: key -> title.
    """

    key: str
    title: str
    says: str
    charts: Mapping[str, str]
    is_open: bool = False


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
    layout = session().layout
    if layout.shown is not None:
        return key in layout.shown
    return key not in layout.folded or key in layout.places


def fold(groups: Sequence[Group]) -> None:
    """Leave out the charts of the groups that are folded; called before any of them is measured.

    A lesson that chooses its charts has no groups, and a chart that comes first stands outside of its own. What leads
    to a chart unfolds its group.
    """
    now = session()
    layout, sought = now.layout, now.sought
    layout.folded = set()
    for group in groups:
        if sought and sought.turn != now.unfolded_at and sought.key.removeprefix("card_") in group.charts:
            st.session_state[group.key] = True
        if not peek(group.key, group.is_open):
            layout.folded |= set(group.charts)
    now.unfolded_at = sought.turn if sought else 0


@contextmanager
def group(of: Group) -> Iterator[None]:
    """Where the charts of a group are drawn: under its heading, which unfolds it."""
    layout = session().layout
    if layout.shown is not None:
        yield
        return
    layout.drawn |= {key: title for key, title in of.charts.items() if not shows(key)}  # a lesson may choose them too
    heading = f"**{of.title}** :gray[{of.says}]"
    with st.container(key=f"group_{of.key}"):
        unfolded = st.expander(heading, of.is_open, key=of.key, on_change="rerun", bind="query-params")
    with unfolded:
        yield


def is_folded(chart: str) -> bool:
    """Is a chart left out because its group is folded?"""
    return chart in session().layout.folded and not shows(chart)


def place(key: str, title: str) -> AbstractContextManager[Any]:
    """Where the chart under this key is drawn: at the top, or where the page has it."""
    layout = session().layout
    layout.drawn[key] = title
    return layout.places.get(key, nullcontext())


def drawn() -> dict[str, str]:
    """The charts that the page has drawn so far: key -> title."""
    return session().layout.drawn
