"""Make a lesson: choose what remains of the page, and take a link that opens exactly that."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import SITE, runs
from dashboard.site.lesson_site import LessonSiteRequest
from dashboard.state import lessons, pins
from dashboard.state.address import FIRST_SETTINGS, config_of, link, setting
from dashboard.state.session import CAME_FOR, STEP, session
from dashboard.ui import dialogs, layout
from dashboard.words.labels import WIDGETS
from dashboard.words.markup import escape
from nncore import RunConfig


def offer() -> None:
    """A button below the charts that opens the dialog. A lesson itself does not show it."""
    if lessons.read(st.query_params):
        return
    with st.container(border=True, key="hand_out", horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Hand it out** :gray[a link that opens this run, this step, and only what you choose]", width="stretch"
        )
        dialogs.opener("Make a lesson", dialog, "make_lesson", icon=":material/school:")


@st.dialog("Make a lesson", width="large", icon=":material/school:", on_dismiss=dialogs.dismiss)
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
    _parts()
    _by_hand(parts)
    if not title.strip():
        st.caption("A lesson needs a title; then its link stands here.")
        return
    address = f"{st.context.url or ''}?{urlencode(query(title, note, only, show), doseq=True)}"
    if session().lesson_parts:
        st.caption("The link opens on the run of part 1.")
    else:
        st.caption(f"The link opens on step {st.session_state.get(STEP, 0)} of the run on the page.")
    st.code(address, language=None, wrap_lines=True)
    with st.container(horizontal=True):
        st.link_button("Open it in a new tab", address, icon=":material/open_in_new:")
        _site(address)


def _site(address: str) -> None:
    """The lesson as a ZIP archive of pages that need no server; its runs are trained when it is asked for."""
    request, session_now = LessonSiteRequest(address), session_id()

    def content() -> bytes:
        (work,) = runs().ask(session_now, [request], SITE)
        try:
            return work.result
        finally:
            runs().leave(session_now, SITE)

    try:
        problem = runs().over_budget([request]).get(request, "")
    except ValueError as refused:
        problem = str(refused)
    if problem:
        st.caption(f":material/block: No site: {escape(problem)}.")
        return
    st.download_button(
        "Download as a site",
        content,
        "lesson.zip",
        "application/zip",
        key="lesson_site",
        on_click="ignore",
        icon=":material/folder_zip:",
        help="The same lesson as a folder of pages that open without a server or a network: unpack it and open index.html. Network, "
        "flow chart, loss and player are the lab's; the controls stay closed. Its runs are trained once more, which takes a moment.",
    )


def _parts() -> None:
    """The parts so far, and a form that adds the run on the page as the next one."""
    made = session().lesson_parts
    with st.expander(f"Parts ({len(made)})" if made else "In several parts", key="lesson_parts_made"):
        st.caption(
            "A lesson can go through several runs on the same charts. Add the run on the page as a part, close this, set up the "
            "next run, and add that. A part with a question is predicted first: its run comes with the answer."
        )
        for place, part in enumerate(made):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{place + 1}** {escape(part.question or part.text)}", width="stretch")
                st.button(
                    "Remove", key=f"lesson_part_remove_{place}", type="tertiary", on_click=made.pop, args=(place,)
                )
        if len(made) == lessons.MOST_PARTS:
            st.caption(f"{lessons.MOST_PARTS} parts are the most there can be.")
            return
        text = st.text_input("What is to be seen", key="lesson_text", max_chars=lessons.TEXT_LENGTH)
        question = st.text_input(
            "Question to predict first", key="lesson_ask", max_chars=lessons.TEXT_LENGTH, placeholder="None"
        )
        choices = st.text_area(
            "Answers to choose from, one a line; the right one begins with *",
            key="lesson_choices_typed",
            height=100,
            max_chars=lessons.TEXT_LENGTH * lessons.MOST_CHOICES,
            placeholder="it vanishes\n* it explodes",
        )
        config = config_of({key: setting(key) for key in FIRST_SETTINGS})
        if not pins.may_travel(config):
            st.caption(
                ":material/block: The run on the page is not described by its link, so that it cannot be a part."
            )
            return
        st.button(
            "Add this run as a part",
            key="lesson_add",
            icon=":material/add:",
            on_click=lambda: made.append(part_of(config, text, question, choices)),
        )


def part_of(config: RunConfig, text: str, question: str, choices: str) -> lessons.Part:
    """A part on a run, at the step of the page; `choices` are lines, of which the right one begins with an asterisk."""
    lines = [line.strip() for line in choices.splitlines() if line.strip(" *\t")][: lessons.MOST_CHOICES]
    settings = [
        (name, each) for name, value in link(config).items() for each in (value if isinstance(value, list) else [value])
    ]
    made = lessons.Part(
        tuple(settings),
        int(st.session_state.get(STEP, 0)),
        text,
        question,
        tuple(line.lstrip("* ") for line in lines),
        next((place for place, line in enumerate(lines) if line.startswith("*")), 0),
    )
    return lessons.read_part(made.query())


def _by_hand(parts: dict[str, str]) -> None:
    """What the parameters of such a link are called."""
    with st.expander("Writing the link by hand"):
        st.markdown(
            "- `lesson=` the title; without it the page is no lesson\n"
            "- `note=` the note, as plain text\n"
            f"- `only=` the controls that remain, separated by commas: {_listed(WIDGETS)}; without `only` all of "
            f"them, with `{lessons.NOTHING}` not one\n"
            f"- `show=` the charts and parts shown, in their order: {_listed(parts)}; without `show` all of them\n"
            f"- `{STEP}=` the step to open on\n"
            f"- `{lessons.PARTS}=` the parts, one a line, each a query of its own: the settings of its run, `{STEP}=`, `text=`, and "
            f"to predict first `ask=`, `choice=` for each answer and `right=` the place of the right one, from 0; "
            f"`{lessons.STAGE}=` how far the reader is, from 0\n\n"
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
    made = tuple(session().lesson_parts)
    if made:
        now = {name: value for name, value in now.items() if name not in FIRST_SETTINGS} | {STEP: str(made[0].step)}
        for name, value in made[0].settings:
            now[name] = [*now.get(name, []), value]
    lesson = lessons.Lesson(
        lessons.plain(title, lessons.TITLE_LENGTH),
        lessons.plain(note, lessons.NOTE_LENGTH, lines=True),
        tuple(only),
        tuple(show) or None,
        made,
    )
    return now | lesson.query()
