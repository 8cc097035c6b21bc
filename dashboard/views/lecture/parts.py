"""What the lecture's pages share: questions to predict first, sliders for theta, worked arithmetic, all numbers as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard.words.numbers import digits
from nncore import Measurement

EXAMPLE_THETA = (0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6)
"""The worked example's theta_0 ... theta_6: every page of the lecture opens on it."""

THETA_LIMIT = 10.0
X_LIMIT = 1000.0

ROLES = (
    "shifts unit 1 along x",
    "shifts unit 2 along x",
    "squashes or stretches unit 1 in x",
    "squashes or stretches unit 2 in x",
    "shifts the curve along y",
    "stretches or flips unit 1 in y",
    "stretches or flips unit 2 in y",
)
"""What each theta of the 1-2-1 network does to the curve."""


# ---- numbers in words and in KaTeX ----------------------------------------------------------------------------


# ---- controls --------------------------------------------------------------------------------------------------


def set_up(label: str, key: str, values: Mapping[str, Any], *, help: str | None = None) -> None:
    """A button that puts widgets, named by their keys, into a situation."""
    st.button(label, key=key, help=help, icon=":material/tune:", on_click=st.session_state.update, args=(dict(values),))


def theta_settings(prefix: str, theta: Iterable[float]) -> dict[str, float]:
    """The slider values that make this theta: what `set_up` wants."""
    return {f"{prefix}_theta{k}": float(value) for k, value in enumerate(theta)}


def theta_sliders(
    prefix: str,
    start: Sequence[float] = EXAMPLE_THETA,
    roles: Sequence[str] = ROLES,
    *,
    limit: float = THETA_LIMIT,
    which: Sequence[int] | None = None,
) -> np.ndarray:
    """A slider per theta, each bound to the URL as `{prefix}_theta{k}`; returns theta, (len(start),).

    `which` draws only some of them, say in one column of several; the others keep what they have, and are NaN
    in the result where nothing has been drawn yet.
    """
    for k in range(len(start)) if which is None else which:
        st.slider(
            f"θ{k} · {roles[k]}", -limit, limit, float(start[k]), 0.05, key=f"{prefix}_theta{k}", bind="query-params"
        )
    return np.array([st.session_state.get(f"{prefix}_theta{k}", np.nan) for k in range(len(start))])


def x_picker(key: str, start: float, low: float, high: float, *, label: str = "x") -> float:
    """A number field bound to the URL, -1000 to 1000, and a slider over [low, high] that drags it.

    The field reaches where the slider does not: that is how U = ±700 is typed in.
    """
    drag = f"{key}_drag"

    def dragged() -> None:
        st.session_state[key] = st.session_state[drag]

    field, slider = st.columns([1, 2], vertical_alignment="bottom")
    x = field.number_input(
        f"{label}, typed",
        -X_LIMIT,
        X_LIMIT,
        float(start),
        0.1,
        key=key,
        format="%g",
        bind="query-params",
        help="Any x from −1000 to 1000, also far outside the data.",
    )
    st.session_state[drag] = float(np.clip(x, low, high))
    slider.slider(f"{label}, dragged", float(low), float(high), step=0.05, key=drag, on_change=dragged)
    return float(x)


# ---- drawings --------------------------------------------------------------------------------------------------


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Something to predict before looking.

    `answer` is the index of the right choice. `because` is Markdown with the numbers that decide it, made by
    nncore. `situation` are widget values that show it on the page; None where the page needs no change.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    answer: int
    because: str
    situation: Mapping[str, Any] | None = None


def predict(question: Question) -> int | None:
    """Ask, and reveal the answer once a choice is made; returns the choice, or None before it.

    The choice is the reader's own and stays out of the URL, so that a link never gives the answer away.
    """
    with st.container(border=True, key=f"predict_{question.key}"):
        st.markdown(f":blue-badge[:material/psychology: Predict first] {question.text}")
        numbered = range(len(question.choices))
        choice = st.radio(
            question.text,
            numbered,
            index=None,
            format_func=lambda index: question.choices[index],
            key=f"choice_{question.key}",
            label_visibility="collapsed",
        )
        if choice is None:
            return None
        if choice == question.answer:
            verdict = ":green-badge[:material/check: As you predicted]"
        else:
            verdict = f":orange-badge[:material/close: Not so] {question.choices[question.answer]}."
        st.markdown(f"{verdict} {question.because}")
        if question.situation is not None:
            set_up("Show it on this page", f"show_{question.key}", question.situation)
    return choice


# ---- all numbers of a page -------------------------------------------------------------------------------------


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
            st.download_button(
                "CSV",
                data=lambda: measured.frame().to_csv(index=False).encode(),
                file_name=f"{self.name}.csv",
                mime="text/csv",
                key=f"csv_{key}",
                on_click="ignore",
                icon=":material/download:",
                help="All of them, every digit: number, part, symbol, meaning, value.",
            )
        with st.expander(f"The {len(self.rows)} numbers", key=f"numbers_{key}"):
            parts, symbols, meanings, values = zip(*self.rows, strict=True)
            st.dataframe(
                {"part": parts, "symbol": symbols, "meaning": meanings, "value": [digits(v, 10) for v in values]},
                hide_index=True,
                width="stretch",
            )
