"""What the lecture's pages are set with: sliders for theta, fields, and buttons that put them into a situation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from dashboard.ui import sight
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, ROLES
from dashboard.words.markup import escape
from nncore import ACTIVATIONS, Activation

THETA_LIMIT, THETA_STEP = 10.0, 0.05
X_LIMIT = 1000.0


def set_up(label: str, key: str, values: Mapping[str, Any], *, see: str = "", help: str | None = None) -> None:
    """A button that puts widgets, named by their keys, into a situation, and brings what shows it, `see`, into sight."""

    def put() -> None:
        st.session_state.update(values)
        if see:
            sight.bring(see)

    st.button(label, key=key, help=help, icon=":material/tune:", on_click=put)


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
    typed: bool = False,
) -> np.ndarray:
    """A slider per theta, each bound to the URL as `{prefix}_theta{k}`; returns theta, (len(start),).

    `typed` puts a field above them into which all of theta is typed or pasted.

    `which` draws only some of them, say in one column of several; the others keep what they have, and are NaN
    in the result where nothing has been drawn yet.
    """
    field = st.container() if typed else None
    for k in range(len(start)) if which is None else which:
        st.slider(
            f"θ{k} · {roles[k]}",
            -limit,
            limit,
            float(start[k]),
            THETA_STEP,
            key=f"{prefix}_theta{k}",
            format="%.6g",
            bind="query-params",
        )
    theta = np.array([st.session_state.get(f"{prefix}_theta{k}", np.nan) for k in range(len(start))])
    if field is not None:
        with field:
            _theta_field(prefix, theta)
    return theta


def _theta_field(prefix: str, theta: np.ndarray) -> None:
    """One field for all θ, which sets the sliders and follows them. A text that is no θ stays, with a sentence."""
    key, problem = f"{prefix}_theta_typed", ""

    def typed() -> None:
        with suppress(ValueError):
            st.session_state.update(theta_settings(prefix, numbers_typed(st.session_state[key], len(theta))))

    text = st.session_state.get(key, "")
    try:
        if text.strip():
            numbers_typed(text, len(theta))
    except ValueError as refused:
        problem = str(refused)
    if not problem:
        st.session_state[key] = ", ".join(map(plain, theta))
    st.text_input(
        f"θ0 … θ{len(theta) - 1}, typed or pasted",
        key=key,
        max_chars=1000,
        on_change=typed,
        help="Numbers with commas or blanks between, such as a row of a spreadsheet, from −10 to 10, with all their digits.",
    )
    if problem:
        st.caption(f":red[:material/block: {escape(problem)}.]")


def numbers_typed(text: str, count: int, limit: float = THETA_LIMIT) -> list[float]:
    """So many θ from a text: commas, semicolons, blanks or lines between, brackets around, a decimal comma where it is one.

    Raises ValueError, one sentence, on another number of them, on what is no number, and beyond ±limit.

    >>> numbers_typed("[0.4, −0.7, 1e-3]", 3), numbers_typed("0,4; -0,7; 1", 3), numbers_typed("0,4 -0,7 1", 3)
    ([0.4, -0.7, 0.001], [0.4, -0.7, 1.0], [0.4, -0.7, 1.0])
    """
    bare = re.sub(r"[\[\](){}]", " ", text.replace("−", "-")).strip(" ,;\t\r\n")
    pointed = bare.replace(",", ".")
    parts = re.split(r"[;\s]+", pointed) if ";" in bare else re.split(r"[,\s]+", bare)
    if len(parts) != count and len(pointed.split()) == count:
        parts = pointed.split()
    if len(parts) != count:
        such = ", ".join(map(plain, EXAMPLE_THETA[:count]))
        raise ValueError(f"θ must be {count} numbers, such as {such}; got {len(parts) if bare else 0}")
    found = []
    for k, part in enumerate(parts):
        try:
            value = float(part)
        except ValueError:
            raise ValueError(f"θ{k} must be a number; got {part[:40]!r}") from None
        if not abs(value) <= limit:
            raise ValueError(f"θ{k} must be from −{limit:g} to {limit:g}; got {part[:40]}")
        found.append(value)
    return found


def plain(value: float) -> str:
    """A number with the fewest digits that read back to it.

    >>> plain(0.5), plain(2.0), plain(-1e-7)
    ('0.5', '2', '-1e-07')
    """
    return repr(float(value)).removesuffix(".0")


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


def whole(label: str, key: str, low: int, high: int, start: int, help: str) -> int:
    """A whole-number field whose range may change with the network: a value outside moves to the nearest end.

    Drawn as a field of floats: one of whole numbers breaks on an address with an infinite number.
    """
    _keep_within(key, low, high)
    chosen = st.number_input(
        label,
        float(low),
        float(high),
        float(min(start, high)),
        1.0,
        format="%.0f",
        key=key,
        bind="query-params",
        help=help,
    )
    return int(chosen)


def _keep_within(key: str, low: int, high: int) -> None:
    """Move a chosen value into the range that its widget is about to have."""
    if key in st.session_state:
        value = st.session_state[key]
        st.session_state[key] = type(value)(min(max(value, low), high))


def activation_picker(
    key: str, help: str = "The lecture works with the sigmoid, whose slope is O(1 − O)."
) -> Activation:
    """The hidden units' φ; the lecture's is the sigmoid."""
    names = list(ACTIVATIONS)
    chosen = st.selectbox("Activation φ", names, names.index("sigmoid"), key=key, bind="query-params", help=help)
    return ACTIVATIONS[chosen]
