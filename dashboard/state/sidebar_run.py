"""The run that the sidebar describes and the step that is looked at: what every page about a run begins with."""

from __future__ import annotations

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.progress import finished_run
from dashboard.jobs.work import Training
from dashboard.state import opened_files, sidebar, uploads, visits
from dashboard.state.session import STEP, peek, session, settle
from dashboard.words.markup import escape
from nncore import History, RunConfig
from nncore.config.run_config import TABLE
from nncore.data.table import TableNotHere


def config() -> RunConfig | None:
    """Draw the sidebar and return what it describes; None when the choices do not go together, which the page says."""
    try:
        return sidebar.sidebar()
    except TableNotHere as missing:
        uploads.ask_again(missing)
    except ValueError as problem:
        _refuse(problem)
    return None


def training() -> Training | None:
    """Draw the sidebar and return its run; None while it is training, or when it is refused, which the page says."""
    described = config()
    if described is None:
        return None
    try:
        found = finished_run(described)
        opened_files.show_notice(described, found)
        return found
    except TableNotHere as missing:
        uploads.ask_again(missing)
    except ValueError as problem:
        _refuse(problem)
    _offer_fewer_records(described)
    return None


def _refuse(problem: ValueError) -> None:
    """Say in a sentence why a set-up cannot run."""
    st.error(f"This set-up cannot run: {escape(str(problem))}.", icon=":material/block:")
    if peek("dataset", "") == TABLE:
        st.page_link("views/your_data/page.py", label="Choose your data", icon=":material/upload_file:")


def step_slider(history: History) -> int:
    """The record that the page stands on; after a divergence the last finite one."""
    first, last = int(history.step[0]), int(history.step[-1])
    if last == first:
        return 0
    default = int(history.step[history.last_finite])
    settle(STEP, default, (first, last))
    chosen = st.slider(
        "Step",
        first,
        last,
        default,
        key=STEP,
        bind="query-params",
        help="The step of training that the page shows. The arrow keys move it.",
    )
    session().widgets[STEP] = chosen
    if chosen != default:
        visits.tell(STEP, str(chosen))
    return history.nearest(chosen)


def _offer_fewer_records(config: RunConfig) -> None:
    """A button that makes the history of a refused run fit, where recording less often is enough."""
    every = config.fitting_record_every(limits.bytes_allowed())
    if every and every > config.record_every:
        fitting = config.replace(record_every=every)
        st.button(f"Record every {every} steps", key="fewer", type="primary", on_click=sidebar.apply, args=(fitting,))
