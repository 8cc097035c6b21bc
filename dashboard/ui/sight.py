"""What a link or a button leads to is brought into sight: the element under a key, once it is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from dashboard.state.session import SEE, Sought, session

_mount = st.components.v2.component(
    "nncore_sight",
    html="",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # what it brings into sight is outside
)


def bring(key: str) -> None:
    """Bring the element under this key into sight when the page has been drawn again. For callbacks."""
    last = session().sought or Sought()
    session().sought = replace(last, key=key, turn=last.turn + 1)


def follow(page: str) -> None:
    """Bring into sight what the address of this page asks for, or a button has; draw it once in each run of the app.

    The address is heard when it is new, so that the page stays where the reader has scrolled it.
    """
    asked, sought = st.query_params.get(SEE, ""), session().sought or Sought()
    if (page, asked) != (sought.page, sought.asked):
        sought = Sought(page, asked, asked, sought.turn + 1)
    session().sought = sought
    _mount(key="sight", data={"key": sought.key, "turn": sought.turn})
