"""The history to take away: how much of it, in which file, with rows and size said as one chooses."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.work import Training
from dashboard.state.session import STEP, peek
from dashboard.words.markup import escape
from dashboard.words.numbers import about_megabytes
from dashboard.words.sentences import capital
from dashboard.words.take_away import left_out_in_words, size_in_words
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.config.scripts import nncore_script, torch_script
from nncore.history import (
    SPREADSHEET_ROWS,
    WHOLE,
    Excerpt,
    compressing,
    csv_size,
    for_spreadsheet,
    numbers_in,
    parquet_size,
    write_csv,
    write_parquet,
)

LARGEST_FILE = 500 * 2**20
"""Streamlit holds a download in memory while it is handed over: beyond this it is not offered."""

SPREADSHEET, ALL, CHOICE = "Spreadsheet", "In full", "Choose"
EVERY_STEP, EVERY_KTH, CHOSEN = "All", "Every k-th", "These"
COLUMNS = {"θ and gradient": ("theta", "gradient"), "θ": ("theta",), "Gradient": ("gradient",)}


SUMMARY_SHARE = 4
"""Share of a run's own time, one in so many, that its summary may take: nobody can stop a download."""


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it is called, its MIME type."""

    label: str
    mime: str


KINDS = {
    "csv": Kind("CSV", "text/csv"),
    "csv.gz": Kind("CSV, gzip", "application/gzip"),
    "zip": Kind("CSV, zip", "application/zip"),
    "parquet": Kind("Parquet", "application/vnd.apache.parquet"),
}
"""Ending of a file's name -> its kind."""


def show(training: Training, beside: Callable[[], None] | None = None) -> None:
    """A card: as much of every θ and gradient as one chooses, the summary per step and layer, and the code that does it
    again. `beside` draws a further button in its last row."""
    with st.container(border=True, key="downloads", gap="small"):
        _history(training)
        with st.container(horizontal=True, vertical_alignment="center", key="take_away_more"):
            _summary(training)
            _code(training.config, file_name(training.config))
            if beside:
                beside()


@st.fragment
def _history(training: Training) -> None:
    history = training.history
    st.markdown(
        f"**Take away** :gray[{len(history):,} recorded steps × {history.layout.n_params:,} parameters, θ and gradient]"
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="take_away"):
        amount = st.segmented_control(
            "How much",
            [SPREADSHEET, ALL, CHOICE],
            key="take_amount",
            default=SPREADSHEET,
            required=True,
            help=f"A spreadsheet opens {SPREADSHEET_ROWS:,} rows; a CSV file of 25 MB it opens without a wait.",
        )
        kind = st.segmented_control(
            "File",
            list(KINDS),
            key="take_kind",
            format_func=lambda ending: f".{ending}",
            default="csv",
            required=True,
            help="Parquet is the smallest, keeps every bit and takes whole histories only. The others are one tidy table: a "
            "row for each step and parameter.",
        )
    problem = ""
    try:
        excerpt = _chosen(training) if amount == CHOICE else WHOLE
        if amount == SPREADSHEET:
            found = training.measured(for_spreadsheet)
            if found is None:
                raise ValueError("not even one layer at one step of this network fits a spreadsheet")
            excerpt = found
        size = training.measured(_size, excerpt, kind)
    except ValueError as refused:
        problem = str(refused)
    if problem:
        st.caption(f":material/block: {escape(capital(problem))}.")
        return
    st.caption(f"{size_in_words(history, excerpt, size, kind)} {left_out_in_words(history, excerpt)}")
    name = f"{file_name(history.config)}{_suffix(history, excerpt)}"

    def write(target: IO[bytes]) -> None:
        _write(history, target, excerpt, kind)

    _button(f"History, {KINDS[kind].label}", f"{name}.{kind}", KINDS[kind].mime, size, write)


def _chosen(training: Training) -> Excerpt:
    """What the widgets say; raises ValueError, one sentence, where there is no such part."""
    history = training.history
    n_layers, suggested = history.layout.n_layers, training.measured(for_spreadsheet)
    every, these = 1, None
    with st.container(horizontal=True, vertical_alignment="bottom", key="take_which"):
        which = st.segmented_control(
            "Steps", [EVERY_STEP, EVERY_KTH, CHOSEN], key="take_steps", default=EVERY_KTH, required=True
        )
        if which == EVERY_KTH:
            first = min(max(suggested.every if suggested else 1, 2), max(len(history), 2))
            chosen = st.number_input(
                "k",
                1,
                max(len(history), 2),
                first,
                key="take_every",
                help="Of the recorded steps, the first and the last among them.",
                width=110,
            )
            every = int(chosen)
        elif which == CHOSEN:
            shown = history.step[history.nearest(peek(STEP, int(history.step[-1])))]
            these = st.text_input(
                "Recorded steps",
                str(shown),
                key="take_these",
                max_chars=1000,
                help="Numbers and stretches with commas, such as 0, 10, 20-30. The step that is shown stands here first.",
                width=220,
            )
        layers = st.multiselect(
            "Layers",
            range(1, n_layers + 1),
            key="take_layers",
            format_func=lambda layer: f"{layer} (output)" if layer == n_layers else str(layer),
            placeholder="All of them",
            width=260,
        )
        columns = st.segmented_control(
            "Values", list(COLUMNS), key="take_columns", default="θ and gradient", required=True
        )
    steps = None if these is None else numbers_in("steps", these, history.step.tolist())
    return Excerpt(every, steps, layers or None, COLUMNS[columns])


def _size(history: History, excerpt: Excerpt, kind: str) -> int:
    return parquet_size(history, excerpt) if kind == "parquet" else csv_size(history, excerpt, f"history.{kind}")


def _write(history: History, target: IO[bytes], excerpt: Excerpt, kind: str) -> None:
    if kind == "parquet":
        write_parquet(history, target, excerpt)
        return
    with compressing(target, f"{file_name(history.config)}{_suffix(history, excerpt)}.{kind}") as content:
        write_csv(history, content, excerpt)


def _suffix(history: History, excerpt: Excerpt) -> str:
    """What a file's name says of what was left out."""
    if not excerpt.is_history(history):
        return "_part"
    return f"_every{excerpt.every * history.config.record_every}" if excerpt.every > 1 else ""


def _summary(training: Training) -> None:
    history = training.history
    rows = min(len(history) * history.layout.n_layers, SPREADSHEET_ROWS)

    def write(target: IO[bytes]) -> None:
        m.summary(history, limits.seconds_allowed() / SUMMARY_SHARE).to_csv(target)

    _button("Summary, CSV", f"{file_name(history.config)}_summary.csv", "text/csv", 420 * rows, write)


def _code(config: RunConfig, name: str) -> None:
    """The run as a program, with nncore and in PyTorch, to read, copy or take away."""
    with st.popover("Show me the code", icon=":material/code:", key="code"):
        programs = {"nncore": (nncore_script(config), "Repeats this run bit for bit and writes its history.")}
        with suppress(ValueError):  # a fork, or a part that PyTorch does not have
            programs["PyTorch"] = (
                torch_script(config),
                "The same network, first weights, data and update rule with autograd: the losses agree to the last "
                "digits.",
            )
        for tab, (library, (script, about)) in zip(st.tabs(list(programs)), programs.items(), strict=True):
            suffix = {"nncore": "nncore", "PyTorch": "torch"}[library]
            with tab:
                st.caption(about)
                st.code(script, language="python", height=380)
                st.download_button(
                    "Download",
                    script,
                    f"{name}_{suffix}.py",
                    "text/x-python",
                    key=f"get_script_{suffix}",
                    on_click="ignore",
                    icon=":material/download:",
                )


def _button(label: str, name: str, mime: str, size: int, write: Callable[[IO[bytes]], None]) -> None:
    def content() -> bytes:
        target = io.BytesIO()
        try:
            write(target)
        except Exception as problem:  # raised here, it would be seen by nobody
            return f"The file could not be written: {problem}.\n".encode()
        return target.getvalue()

    fits = size <= LARGEST_FILE
    st.download_button(
        f"{label} ({about_megabytes(size)})",
        content,
        name,
        mime,
        key=f"get_{label}",
        on_click="ignore",
        icon=":material/download:",
        disabled=not fits,
        help=None
        if fits
        else f"{about_megabytes(size)} is too large for a browser: leave more out, take a smaller kind of file, or raise "
        "'Record every'. `nncore export` writes any size.",
    )


def file_name(config: RunConfig) -> str:
    """What a downloaded file of this run is called."""
    widths = f"{config.depth}x{config.hidden[0]}" if config.hidden else "linear"
    activation = config.activation if isinstance(config.activation, str) else "mixed"
    fork = f"_fork{config.at}" if isinstance(config, Fork) else ""
    return f"{config.dataset}_{activation}_{widths}_seed{config.seed}{fork}"
