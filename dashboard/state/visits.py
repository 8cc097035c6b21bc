"""What an entry of the browser's history is: a visit to a page, or a change that was committed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.state.address import FIRST_SETTINGS, written
from dashboard.state.session import KEY, STEP, Session, session
from dashboard.state.undo import MERGED_SECONDS
from dashboard.words.settings import shape
from nncore import RunConfig

QUIET = (STEP, "at_step", "b_step", "f_step", "n_step")
"""Parameters that make no entry: the steps that a page stands on. An entry holds the one that it was left on."""

APP = "Gradient lab"

_KEY = "visits"
_mount = st.components.v2.component(
    "nncore_visits",
    css=f".st-key-{_KEY} {{ display: none; }}",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # the element that takes no room is outside
)


def keep() -> None:
    """Keep the browser's history, in each run of a page.

    An entry is an address: its page, and all that the page's widgets say. Each page visited and each change committed
    makes one; moves of the same widget that follow each other quickly are one change, as they are one for Undo. What
    makes none takes the place of the entry that it is in.
    """
    _mount(key=_KEY, data={"quiet": QUIET, "merged": 1000 * MERGED_SECONDS})


def come_back(page: str) -> bool:
    """Open the page as a link to its entry would, where the browser went back or forth to it; False in any other run.

    Streamlit would drop the parameters of the page that is left, and keep what this session has of widgets that are
    not drawn at once.
    """
    run = get_script_run_ctx()
    if run is None or not run.is_history_navigation:
        return False
    now, query = session(), run.query_string
    with run.session_state.query_params() as parameters:
        stale = [key for key in st.session_state if key != KEY and (now.page != page or parameters.is_bound(str(key)))]
        parameters.populate_from_query_string(query, set())  # no widget is bound to it any more
        parameters.populate_from_query_string(query)
        parameters.set_initial_query_params(query)
    st.query_params.from_dict(
        {key: st.query_params.get_all(key) for key in st.query_params}
    )  # so that the browser knows
    for key in {*stale, *(now.widgets.keys() & st.session_state.keys())}:
        del st.session_state[key]
    now.written = {}
    return True


def bring() -> None:
    """Let the set-up, and what else pages share, come along to a page that another one was left for.

    The address is told of all of it at once: Streamlit tells it only of widgets that the session has had drawn.
    Call it before the sidebar is drawn.
    """
    run, now = get_script_run_ctx(), session()
    brings, now.brings = now.brings, False
    if run is None or not brings or now.comes_back:
        return
    st.session_state.update(now.widgets)
    now.stands.pop(STEP, None)  # of another slider
    told = {key: text for key, value in now.widgets.items() if (text := _told(now, key, value)) is not None}
    with run.session_state.query_params() as parameters:
        for binding in filter(None, map(parameters.get_binding_for_param, told)):  # to a widget of the page before
            parameters.unbind_widget(binding.widget_id)
        parameters.update(told)
    now.told = list(told)


def rest() -> None:
    """Take back from the address what was told of widgets that the page has not. Call it when it has been drawn."""
    run, now = get_script_run_ctx(), session()
    told, now.told = now.told, []
    if run is None or not told:
        return
    with run.session_state.query_params() as parameters:
        idle = [key for key in told if key in parameters and key not in FIRST_SETTINGS and not parameters.is_bound(key)]
    for key in idle:
        del st.query_params[key]


def tell(key: str, text: str | list[str]) -> None:
    """Tell the address of a widget that was drawn with another value than its default, where it says something else.

    Streamlit does not tell it where another page brought the value, nor of any move of a widget that has been drawn in
    another place than before.
    """
    run = get_script_run_ctx()
    if run is None:
        return
    with run.session_state.query_params() as parameters:
        said = parameters.get_all(key) if parameters.has_param(key) else None
        if said != ([text] if isinstance(text, str) else text):
            kind = "string_value" if isinstance(text, str) else "string_array_value"
            parameters.set_corrected_value(key, text, kind)


def _told(now: Session, key: str, value: Any) -> str | list[str] | None:
    """What the address says of a widget; None where it says nothing, and where only the widget knows how."""
    if key in FIRST_SETTINGS:
        return None if value == FIRST_SETTINGS[key] else written(key, value)
    first = now.widgets.get("steps") if key == STEP else 1  # a page opens on the last step, a layer and a seed
    return str(value) if isinstance(value, int) and value != first else None


# Titles -----------------------------------------------------------------------------------------------------


def begin(page: str, title: str) -> None:
    """Name the tab, and with it the entry, after a page; `name` adds the set-up."""
    now = session()
    if now.page != page or not now.title.endswith(title):
        now.title = title if title == APP else f"{title} · {APP}"
    now.page_title = title
    st.set_page_config(page_title=now.title)


def name(config: RunConfig) -> None:
    """Name the tab after the page and the set-up that it shows: sigmoid 12 × 32 · Gradient lab."""
    now = session()
    activation = config.activation if isinstance(config.activation, str) else "mixed"
    now.title = f"{activation} {shape(config.hidden, '-', most=6)} · {now.page_title}"
    st.set_page_config(page_title=now.title)
