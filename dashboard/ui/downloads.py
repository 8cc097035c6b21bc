"""The whole history to take away, with its size said beforehand."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.work import Training
from dashboard.words.numbers import about_megabytes
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.config.scripts import nncore_script, torch_script
from nncore.history import SPREADSHEET_ROWS, csv_size, parquet_size

LARGEST_FILE = 500 * 2**20
"""A download is held in memory while it is handed over: beyond this it is not offered."""


SUMMARY_SHARE = 4
"""Share of a run's own time, one in so many, that its summary may take: nobody can stop a download."""


def show(training: Training) -> None:
    """Every θ and gradient as CSV or Parquet, the summary per step and layer, and the code that does it again."""
    history = training.history
    name = file_name(history.config)
    st.markdown(
        f"**Take it away** :gray[{len(history):,} steps × {history.layout.n_params:,} parameters, θ and gradient]",
        width="stretch",
    )
    _button("History, CSV", f"{name}.csv", "text/csv", csv_size(history), history.to_csv)
    _button(
        "History, Parquet",
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        parquet_size(history),
        history.to_parquet,
    )
    rows = min(len(history) * history.layout.n_layers, SPREADSHEET_ROWS)
    _button("Summary, CSV", f"{name}_summary.csv", "text/csv", 420 * rows, lambda target: _summary(history, target))
    _code(history.config, name)


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


def _button(label: str, name: str, mime: str, size: int, write: Callable[[io.BytesIO], None]) -> None:
    def content() -> bytes:
        target = io.BytesIO()
        try:
            write(target)
        except Exception as problem:  # raised here, it would be seen by nobody
            return f"The file could not be written: {problem}.\n".encode()
        return target.getvalue()

    fits = size <= LARGEST_FILE
    help = (
        None if fits else f"{about_megabytes(size)} is too large for a browser: raise 'Record every' or take Parquet."
    )
    st.download_button(
        f"{label} ({about_megabytes(size)})",
        content,
        name,
        mime,
        key=f"get_{name.rpartition('.')[2]}_{label}",
        on_click="ignore",
        icon=":material/download:",
        disabled=not fits,
        help=help,
    )


def _summary(history: History, target: io.BytesIO) -> None:
    m.summary(history, limits.seconds_allowed() / SUMMARY_SHARE).to_csv(target)


def file_name(config: RunConfig) -> str:
    """What a downloaded file of this run is called."""
    widths = f"{config.depth}x{config.hidden[0]}" if config.hidden else "linear"
    activation = config.activation if isinstance(config.activation, str) else "mixed"
    fork = f"_fork{config.at}" if isinstance(config, Fork) else ""
    return f"{config.dataset}_{activation}_{widths}_seed{config.seed}{fork}"
