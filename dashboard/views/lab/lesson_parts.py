"""A lesson in several parts on one figure: predict, see the answer, go on."""

from __future__ import annotations

from html import escape as escape_html

import streamlit as st

from dashboard.state import sidebar
from dashboard.state.address import from_link
from dashboard.state.lessons import STAGE, Lesson, Part
from dashboard.state.session import session, stand_on
from dashboard.words.markup import escape
from nncore import RunConfig


def show(lesson: Lesson) -> None:
    """The part at which the lesson stands, with its question or its answer, and the ways back and on."""
    stages = lesson.stages()
    stage = min(_number(st.query_params.get(STAGE, "")), len(stages) - 1)
    place, is_shown = stages[stage]
    part = lesson.parts[place]
    with st.container(border=True, key="lesson_part", horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            st.caption(f"{place + 1} of {len(lesson.parts)}")
            if part.question:
                _question(part, place, is_shown)
            if is_shown:
                st.html(f'<p style="overflow-wrap:anywhere;margin:0">{escape_html(part.text)}</p>')
                if isinstance(problem := config_of(part), str):
                    st.caption(f":material/block: The run of this part cannot be shown: {escape(problem)}.")
        st.button(
            "Back",
            key="lesson_back",
            icon=":material/arrow_back:",
            disabled=stage == 0,
            on_click=_go,
            args=(lesson, stage - 1),
        )
        st.button(
            "Next" if is_shown else "Show the answer",
            key="lesson_next",
            type="primary",
            icon=":material/arrow_forward:" if is_shown else ":material/visibility:",
            disabled=stage == len(stages) - 1,
            on_click=_go,
            args=(lesson, stage + 1),
        )


def _question(part: Part, place: int, is_shown: bool) -> None:
    """What is to be predicted; once the answer is shown, whether it was."""
    st.markdown(f":blue-badge[:material/psychology: Predict first] {escape(part.question)}")
    if not part.choices:
        return
    chosen = session().lesson_choices.get(place)
    if not is_shown:
        st.radio(
            part.question,
            range(len(part.choices)),
            index=chosen,
            format_func=lambda index: escape(part.choices[index]),
            key=f"lesson_choice_{place}",
            label_visibility="collapsed",
        )
    elif chosen == part.right:
        st.markdown(f":green-badge[:material/check: As you predicted] {escape(part.choices[part.right])}")
    else:
        verdict = ":orange-badge[:material/close: No.] " if chosen is not None else ""
        st.markdown(f"{verdict}Right: **{escape(part.choices[part.right])}**.")


def _go(lesson: Lesson, stage: int) -> None:
    """Stand at another stage, on the run that it shows, and remember what was predicted until then."""
    for place in range(len(lesson.parts)):
        if (choice := st.session_state.get(f"lesson_choice_{place}")) is not None:
            session().lesson_choices[place] = choice
    shown = [place for place, is_shown in lesson.stages()[: stage + 1] if is_shown]
    part = lesson.parts[shown[-1] if shown else 0]
    config = config_of(part)
    if isinstance(config, RunConfig):
        sidebar.apply(config)
        stand_on(part.step)
    st.query_params[STAGE] = str(stage)


def config_of(part: Part) -> RunConfig | str:
    """The run of a part, or why there is none."""
    settings: dict[str, list[str]] = {}
    for name, value in part.settings:
        settings.setdefault(name, []).append(value)
    try:
        return from_link(settings)
    except ValueError as problem:
        return str(problem)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
