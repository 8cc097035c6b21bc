"""Dialogs that stay open until they are dismissed, whatever else the page does meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.state.session import session


def dismiss() -> None:
    """What every `st.dialog` here is given as `on_dismiss`."""
    session().dialog = ""


def opener(label: str, dialog: Callable[[], None], key: str, **options: str) -> None:
    """A button that opens a dialog. Draw it in each run of the page, with the options of a button.

    A dialog opened by `if st.button(…)` closes with the next run of the page, as when a training ends.
    """
    st.button(label, key=key, on_click=_open, args=(key,), **options)  # type: ignore[arg-type]
    if session().dialog == key:
        dialog()


def _open(key: str) -> None:
    session().dialog = key
