"""Every number of a page of the lecture: its table and its CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import streamlit as st

from dashboard.ui import tables
from dashboard.ui.card import csv_button
from dashboard.words.numbers import digits
from nncore import Measurement


class Numbers:
    """Every number that a page shows, in reading order: what the page's table and its CSV hold.

    >>> numbers = Numbers("forward")
    >>> numbers.add("hidden unit 1", "U11", "θ0 + θ2 x", 0.6)
    0.6
    >>> numbers.measurement().frame()["value"].to_list()
    [0.6]
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[tuple[str, str, str, float]] = []

    def add(self, part: str, symbol: str, meaning: str, value: float) -> float:
        """Note a number (where it stands, its symbol, how it comes about) and give it back."""
        self.rows.append((part, symbol, meaning, float(value)))
        return float(value)

    def add_all(self, part: str, symbols: Sequence[str], meaning: str, values: Iterable[float]) -> None:
        """Note several numbers of one kind."""
        for symbol, value in zip(symbols, values, strict=True):
            self.add(part, symbol, meaning, value)

    def measurement(self) -> Measurement:
        """The table: number, part, symbol, meaning, value in full."""
        parts, symbols, meanings, values = zip(*self.rows, strict=True)
        return Measurement(
            self.name,
            axes={"number": np.arange(1, len(values) + 1)},
            values={"value": np.array(values)},
            columns={
                "part": ("number", np.array(parts)),
                "symbol": ("number", np.array(symbols)),
                "meaning": ("number", np.array(meanings)),
            },
        )

    def show(self, key: str) -> None:
        """Draw the table, folded, with its CSV."""
        measured = self.measurement()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Every number on this page", anchor=False, width="stretch")
            csv_button(key, measured)
        with st.expander(f"The {len(self.rows)} numbers", key=f"numbers_{key}"):
            parts, symbols, meanings, values = zip(*self.rows, strict=True)
            tables.show(
                f"numbers_{key}",
                {"part": parts, "symbol": symbols, "meaning": meanings, "value": [digits(v, 10) for v in values]},
                width="stretch",
            )
