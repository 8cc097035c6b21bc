"""Questions to predict first: the answer is revealed, with the numbers that decide it, once a choice is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import streamlit as st

from dashboard.views.lecture.inputs import set_up


@dataclass(frozen=True)
class Question:
    """Something to predict before looking.

    `answer` is the index of the right choice. `because` is Markdown with the numbers that decide it, made by
    nncore. `situation` are widget values that show it on the page, in the element whose key is `see`; None where the
    page needs no change.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    answer: int
    because: str
    situation: Mapping[str, Any] | None = None
    see: str = ""


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
            verdict = f":orange-badge[:material/close: No.] Right: **{question.choices[question.answer]}**."
        st.markdown(f"{verdict} {question.because}")
        if question.situation is not None:
            set_up("Show it on this page", f"show_{question.key}", question.situation, see=question.see)
    return choice


def ask(questions: Sequence[Question], columns: int) -> None:
    """Several questions, so many in a row."""
    for column, question in zip(cycle(st.columns(columns)), questions, strict=False):
        with column:
            predict(question)
