"""A page's heading where a title of the usual size would push the first figure off the screen."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.ui import theme


def small(title: str, says: str) -> None:
    """The page's only h1, no larger than a card's title, and in muted words what the page is for."""
    st.html(
        '<h1 style="display: inline; margin: 0; padding: 0; font-size: 1rem; font-weight: 700">'
        f'{escape(title)}</h1> <span style="color: {theme.current().muted}">{escape(says)}</span>',
        width="content",
    )
