"""Settings whose widget is not drawn: they still apply, from the session or from the address."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from dashboard.state import lessons
from nncore import RunConfig
from nncore.data.features import FEATURES

FIELDS = {field.name: field for field in RunConfig.fields()}
LONGEST = 5000
"""Letters of a list of layers, or of a table's name, in an address."""


def remains(key: str) -> bool:
    """Is the widget drawn? A lesson hides those it is not about; their settings still apply."""
    lesson = lessons.read(st.query_params)
    return lesson is None or lesson.has_control(key)


def follow(key: str, text: str | list[str] | None) -> None:
    """Let the address tell the setting of a widget that is not drawn, as bound widgets do by themselves.

    None: it stands where it stands without being told.
    """
    if text is None:
        st.query_params.pop(key, None)
    elif st.query_params.get_all(key) != ([text] if isinstance(text, str) else text):
        st.query_params[key] = text


def value(key: str, default: Any, bounds: tuple[int, int] | None = None) -> Any:
    """The setting under a widget's key: what a button has set, else what the address says, else the default.

    `bounds` are those of a whole number that is no field of RunConfig.
    """
    if key in st.session_state:
        return st.session_state[key]
    text = st.query_params.get(key)
    if text is None:
        return default
    if key == "features":
        return [name for name, each in FEATURES.items() if each.label in st.query_params.get_all(key)]
    try:
        return read(key, text, bounds)
    except ValueError:
        return default


def read(key: str, text: str, bounds: tuple[int, int] | None = None) -> Any:
    """A setting from its text in an address; raises ValueError when it does not fit.

    >>> read("activation", "relu"), read("skip", "true"), read("clip_norm", ""), read("gain", "2.5")
    ('relu', True, None, 2.5)
    """
    if bounds is not None:
        return _within(int(text[:12]), *bounds)
    if key not in FIELDS or key == "table":
        return text[:LONGEST].strip()
    facts, default = FIELDS[key].metadata, FIELDS[key].default
    if facts["choices"]:
        if text not in facts["choices"]:
            raise ValueError(f"{key} must be one of {', '.join(facts['choices'])}")
        return text
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ValueError(f"{key} must be true or false")
        return text == "true"
    if not text and default is None:
        return None
    number = int(text[:12]) if facts["whole"] else float(text[:40])
    return _within(number, facts["low"], facts["high"])


def _within(number: float, low: float, high: float) -> float:
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"a number from {low:g} to {high:g} is needed")
    return number
