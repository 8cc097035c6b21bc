"""What the symbols mean, folded, on every page that writes them."""

from __future__ import annotations

import streamlit as st

from dashboard.words.symbols import DELTA, NETWORK, table


def fold() -> None:
    """The table of symbols, to be opened."""
    with st.expander("What the symbols mean", type="compact", icon=":material/menu_book:", key="symbols"):
        st.markdown(table(NETWORK))


def delta() -> None:
    """δ in one sentence, beside the table of all symbols."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="about_delta"):
        st.caption(DELTA, width="stretch")
        with st.popover("Symbols", icon=":material/menu_book:", type="tertiary", key="symbols"):
            st.markdown(table(NETWORK))
