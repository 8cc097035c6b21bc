"""A click inside a fragment that concerns the whole page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def then_whole_page(callback: Callable[..., None]) -> Callable[..., None]:
    """`callback`, and the whole page is drawn after it, not the fragment alone that the clicked widget stands in.

    `if st.button(…): st.rerun()` loses the click where the page is drawn anew before the fragment gets to that line, or no
    longer holds the fragment; a callback is run whatever becomes of the fragment.
    """

    def call(*args: Any) -> None:
        callback(*args)
        st.rerun()

    return call
