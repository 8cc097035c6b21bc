"""Make a lesson: choose what remains of the page, and take a link that opens exactly that."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from dashboard.state import lessons
from dashboard.state.session import CAME_FOR, STEP
from dashboard.ui import layout
from dashboard.words.labels import WIDGETS


def offer() -> None:
    """A button below the charts that opens the dialog. A lesson itself does not show it."""
    if lessons.read(st.query_params):
        return
    with st.container(border=True, key="hand_out", horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Hand it out** :gray[a link that opens this run, this step, and only what you choose]", width="stretch"
        )
        if st.button("Make a lesson", key="make_lesson", icon=":material/school:"):
            dialog()


@st.dialog("Make a lesson", width="large", icon=":material/school:")
def dialog() -> None:
    """Title, note, controls and charts, and the link that they make."""
    title = st.text_input(
        "Title",
        key="lesson_title",
        max_chars=lessons.TITLE_LENGTH,
        placeholder="Why does layer 1 stand still?",
        help="Stands at the top of the page.",
    )
    note = st.text_area(
        "Note",
        key="lesson_note",
        max_chars=lessons.NOTE_LENGTH,
        height=100,
        placeholder="What to try and what to find out. Plain text.",
        help="Stands below the title, as plain text.",
    )
    only = st.multiselect(
        "Controls that remain",
        list(WIDGETS),
        key="lesson_only",
        format_func=WIDGETS.__getitem__,
        placeholder="None: the run is fixed",
        help="All others leave the sidebar; their settings still apply.",
    )
    parts = layout.PARTS | layout.drawn()
    show = st.multiselect(
        "Charts that are shown",
        list(parts),
        key="lesson_show",
        format_func=parts.__getitem__,
        placeholder="None chosen: all of them",
        help="They stand on the page in this order; all others are left out.",
    )
    _by_hand(parts)
    if not title.strip():
        st.caption("A lesson needs a title; then its link stands here.")
        return
    address = f"{st.context.url or ''}?{urlencode(query(title, note, only, show), doseq=True)}"
    st.caption(f"The link opens on step {st.session_state.get(STEP, 0)} of the run on the page.")
    st.code(address, language=None, wrap_lines=True)
    st.link_button("Open it in a new tab", address, icon=":material/open_in_new:")


def _by_hand(parts: dict[str, str]) -> None:
    """What the parameters of such a link are called."""
    with st.expander("Writing the link by hand"):
        st.markdown(
            "- `lesson=` the title; without it the page is no lesson\n"
            "- `note=` the note, as plain text\n"
            f"- `only=` the controls that remain, separated by commas: {_listed(WIDGETS)}; without `only` all of "
            f"them, with `{lessons.NOTHING}` not one\n"
            f"- `show=` the charts and parts shown, in their order: {_listed(parts)}; without `show` all of them\n"
            f"- `{STEP}=` the step to open on\n\n"
            "Settings stand beside them under the controls' names, as in the address of the lab."
        )


def _listed(names: dict[str, str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def query(title: str, note: str, only: list[str], show: list[str]) -> dict[str, str | list[str]]:
    """The query parameters of a lesson on the run, the step and the view that the address tells of now."""
    now: dict[str, str | list[str]] = {
        name: st.query_params.get_all(name) for name in st.query_params if name not in CAME_FOR
    }
    if STEP in st.session_state:
        now[STEP] = str(st.session_state[STEP])
    lesson = lessons.Lesson(
        lessons.plain(title, lessons.TITLE_LENGTH),
        lessons.plain(note, lessons.NOTE_LENGTH, lines=True),
        tuple(only),
        tuple(show) or None,
    )
    return now | lesson.query()
