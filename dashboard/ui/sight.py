"""What a link or a button leads to is brought into sight: the element under a key, once it is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from dashboard.state.session import EXPERIMENT, SEE, Sought, session

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


def hear(page: str) -> None:
    """Hear what the address of this page asks for, where that is new; call it in each run, before the page draws anything."""
    key, last = st.query_params.get(SEE, ""), session().sought or Sought()
    asked = (page, key, st.query_params.get(EXPERIMENT, ""))
    if asked == last.asked:
        return
    session().sought = Sought(asked, key, last.turn + 1)


def follow() -> None:
    """Bring into sight what the address has asked for, or a button since; draw it once, below the page.

    It is brought once, so that the page stays where the reader has scrolled it.
    """
    sought = session().sought or Sought()
    _mount(key="sight", data={"key": sought.key, "turn": sought.turn})
