"""Tables with more columns than a phone has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

WIDE = "wide_"
"""How the key of a wide table's place begins; on a phone the theme says below it that it scrolls sideways."""


def place(key: str) -> DeltaGenerator:
    """Where a wide table stands."""
    return st.container(key=f"{WIDE}{key}", gap="xsmall")


def show(key: str, columns: Mapping[str, Sequence[Any]], **options: Any) -> None:
    """A table of these columns, whose first stays in sight while the others scroll; `options` of `st.dataframe`."""
    first = st.column_config.Column(pinned=True)
    with place(key):
        st.dataframe(columns, hide_index=True, column_config={next(iter(columns)): first}, **options)
