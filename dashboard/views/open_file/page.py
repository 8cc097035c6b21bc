"""Open a history: a file that a run was saved in, Parquet or CSV, shown in the lab without training it again."""

from __future__ import annotations

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import runs
from dashboard.state import opened_files, uploads
from dashboard.words.markup import escape
from dashboard.words.numbers import megabytes
from nncore import History, RunConfig
from nncore.data.table import TableNotHere

OF_A_FILE = (
    "This history is of a run on an uploaded table. The rows are not in the file: choose the CSV file that the run "
    "was trained on, and the history opens."
)


def upload() -> None:
    """Choose a file, see what was read, open it."""
    file = st.file_uploader(
        "A history, Parquet or CSV, compressed or not",
        key="history_file",
        max_upload_size=uploads.largest_mb(),
        help="What “Take away” in the lab saved, or `to_csv` and `to_parquet` of nncore: all recorded steps, or every k-th. "
        f"It is recognised by its content. At most {uploads.largest_mb()} MB, and {limits.bytes_allowed() / 2**20:,.0f} MB once read.",
    )
    if file is None:
        st.markdown("No file yet? *Take away*, at the end of the lab, saves the run that is open there.")
        st.page_link("views/lab/page.py", label="To the lab", icon=":material/science:")
        return
    try:
        with st.spinner("Reading the file …"):
            history = opened_files.read(file)
    except TableNotHere as missing:
        uploads.ask_again(missing, OF_A_FILE)
        return
    except ValueError as problem:
        st.error(f"This file cannot be opened: {escape(str(problem))}.", icon=":material/block:")
        return
    summary(history, file.name)


def summary(history: History, file_name: str) -> None:
    """What was read, and the button that opens it."""
    with st.container(border=True, key="history"):
        words, button = st.columns([4, 1.2], vertical_alignment="center")
        words.markdown(
            f":material/description: **{escape(opened_files.short(file_name))}**\n\n{opened_files.summary(history)}"
        )
        with button:
            if st.button("Open it in the lab", key="open_history", type="primary", icon=":material/science:"):
                show(opened_files.take(history, file_name))
        recorded, parameters, last, size = st.columns(4)
        recorded.metric("Recorded steps", f"{len(history):,}", border=True)
        parameters.metric("Parameters", f"{history.layout.n_params:,}", border=True)
        last.metric("Last step", f"{history.step[-1]:,}", border=True)
        size.metric("Size in memory", megabytes(history.nbytes), border=True)
        found = opened_files.settings(history.config)
        if len(found):
            st.caption("The settings that are not those with which the lab opens")
            st.dataframe(found, hide_index=True)
        else:
            st.caption("All settings are those with which the lab opens.")


def show(config: RunConfig) -> None:
    """Go to the lab with these settings."""
    st.switch_page("views/lab/page.py", query_params=opened_files.link(config))


def opened_before() -> None:
    """The histories of this session, to come back to."""
    files = runs().files(session_id())
    if not files:
        return
    st.markdown("**Opened in this session** :gray[shown while the sidebar stands on their settings]")
    for place, (config, each) in enumerate(files.items()):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"opened_{place}"):
            size = megabytes(each.history.nbytes)
            st.markdown(f"**{escape(each.name)}** :gray[{size}] {opened_files.summary(each.history)}", width="stretch")
            if st.button("Show", key=f"show_{place}", icon=":material/science:"):
                show(config)
            st.button(
                "Close",
                key=f"close_{place}",
                icon=":material/close:",
                on_click=opened_files.close,
                args=(config,),
                help="Gives the history up. The file on your machine stays.",
            )


st.title("Open a history", anchor=False)
st.markdown(
    "A run that was saved comes back as it was: every recorded θ, gradient and loss, bit for bit, and so every chart. It "
    "stays in this session, and no other reader is given it."
)
upload()
opened_before()
