"""Histories read from files: shown wherever the run of their settings is, in the session that opened them."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import runs
from dashboard.jobs.work import Opened, Training
from dashboard.state import address, uploads
from dashboard.state.session import session
from dashboard.words.labels import LABELS, label
from dashboard.words.markup import escape
from dashboard.words.runs import ending
from dashboard.words.settings import description, in_words
from nncore import Fork, History, RunConfig
from nncore.config.run_config import TABLE
from nncore.history.untrusted import read_history
from nncore.measures.measurement import inert

LONGEST_NAME = 80

READING = threading.Lock()
"""One file is read at a time: while it is, it takes its memory twice."""


def read(file: st.runtime.uploaded_file_manager.UploadedFile) -> History:
    """The history in an uploaded file, read once; raises ValueError, one sentence, when there is none."""
    now = session()
    if now.history_read is None or now.history_read[0] != file.file_id:
        now.history_read = None
        with READING:
            now.history_read = (file.file_id, read_history(file, limits.bytes_allowed()))
    return now.history_read[1]


def take(history: History, file_name: str) -> RunConfig:
    """Give a history to this session's pages; returns the settings for which they show it."""
    config, name = address.nearest(history.config), short(file_name)
    runs().adopt(session_id(), config, history, name)
    session().opened[config] = name
    return config


def close(config: RunConfig) -> None:
    """Give up the history that stands for these settings: they are trained here again. A callback."""
    runs().close(session_id(), config)
    session().opened.pop(config, None)


def link(config: RunConfig) -> dict[str, str | list[str]]:
    """The query parameters that set the whole sidebar, even to what it opens with."""
    return {"dataset": config.dataset, **address.link(config)}


def show_notice(config: RunConfig, training: Training | None) -> None:
    """One line on a page about a run whose charts come from a file, with the way out."""
    if isinstance(training, Opened):
        with st.container(key="from_file"):
            words, button = st.columns([4, 1.2], vertical_alignment="center")
        words.caption(f":material/folder_open: {sentence(config, training)}")
        button.button(
            "Train it here instead",
            key="leave_file",
            type="tertiary",
            icon=":material/model_training:",
            on_click=close,
            args=(config,),
            help="Puts the file away and trains the sidebar's settings from step 0.",
        )
    elif config in session().opened:
        st.caption(
            f":material/folder_off: The history of {escape(session().opened[config])} made room for others and is "
            "not here any more: this run is trained from the same settings. Open the file again to see its own."
        )


def sentence(config: RunConfig, opened: Opened) -> str:
    """Where the charts come from, what a fork is, and what the sidebar cannot show of it."""
    real = opened.config
    parts = [f"From the file **{escape(opened.name)}**, not trained here."]
    if isinstance(real, Fork):
        changed = description(real)
        line = f"fork of a fork, the {real.generation}. in a line" if real.generation > 1 else "fork"
        parts.append(
            f"It is a {line}, from step {real.at} of its parent on{': ' + changed if changed else ', with nothing changed'}. "
            "The sidebar shows the settings that it goes on with."
        )
    beyond = out_of_reach(real, config)
    if beyond:
        parts.append(f"Out of the sidebar's reach, where the nearest value stands: {beyond}.")
    return " ".join(parts)


def out_of_reach(real: RunConfig, shown: RunConfig) -> str:
    """The settings of a history that the sidebar cannot show, in words."""
    before, after = address.settings_of(real), address.settings_of(shown)
    return ", ".join(f"{label(name)} {in_words(name, before[name])}" for name in before if before[name] != after[name])


def short(file_name: str) -> str:
    """A file's name on one line, and not too long."""
    name = " ".join(file_name.split()) or "a file without a name"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


# What was read ----------------------------------------------------------------------------------------------


def settings(config: RunConfig) -> pd.DataFrame:
    """A line for each setting that is not the one the lab opens with: what it is called, its value, the lab's."""
    default = address.FIRST_SIGHT
    rows = [
        {
            "setting": text,
            "in the file": _value(name, getattr(config, name)),
            "in the lab at first": _value(name, getattr(default, name)),
        }
        for name, text in LABELS.items()
        if getattr(config, name) != getattr(default, name)
    ]
    return pd.DataFrame(rows, columns=["setting", "in the file", "in the lab at first"], dtype=object)


def _value(name: str, value: Any) -> str:
    about = uploads.sentence(str(value)) if name == "table" else ""
    return inert(about or in_words(name, value))


def summary(history: History) -> str:
    """What was read, in words: what it is of, how far it goes and how it ended."""
    config, first, last = history.config, int(history.step[0]), int(history.step[-1])
    about = escape(uploads.sentence(str(config.table))) if config.dataset == TABLE else config.dataset
    parts = [f"A run on **{about}**, {ending(history)}."]
    if history.stopped:
        parts.append(escape(history.stopped))
    if isinstance(config, Fork):
        changed = description(config)
        parts.append(f"It is a fork at step {config.at}{': ' + changed if changed else ''}.")
    if len(history) < last - first + 1:
        parts.append(f"Every {config.record_every:,} steps are recorded.")
    return " ".join(parts)
