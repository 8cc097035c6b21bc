"""A fragment that is run again and again, but only while the page stands still."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

_mount = st.components.v2.component(
    "nncore_look_again",
    html="<span class='nncore-look-again'></span>",
    css=".stElementContainer:has(.nncore-look-again) { display: none; }",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # the element that takes no room is outside
)


def look_again(seconds: float) -> None:
    """Run the fragment that this is drawn in again after so many seconds, as long as it draws this.

    `run_every` of Streamlit asks by the clock alone: a question asked while the reader's click on another page is on its way
    names the page that was left, and the new page is taken for it, or its elements are dropped.
    """
    _mount(
        key=f"look_again_{ThreadState.get().fragment_id}",
        data={"milliseconds": 1000 * seconds},
        on_look_change=lambda: None,
    )
