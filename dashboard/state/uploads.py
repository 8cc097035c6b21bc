"""What a reader has uploaded or drawn: it stays in their session, where the configs that name it find it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from cachetools import LRUCache
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.jobs import limits
from dashboard.state.session import session
from dashboard.words.markup import escape
from dashboard.words.numbers import number
from nncore import Measurement, RunConfig, read_table
from nncore.data.read_csv import MAX_BYTES
from nncore.data.table import Column, Table, TableChoice, TableNotHere, labels, look_in
from nncore.measures.measurement import inert

Shelf = LRUCache[str, tuple[Table, str]]
"""Digest -> a table and its name; the least recently used leaves first, but never the last one."""

FIRST_ROWS = 1000
"""Rows that the lab opens with; its Samples go up to 20,000."""

START = RunConfig(
    hidden=(16,) * 3, activation="tanh", optimizer="adam", learning_rate=0.01, steps=300, test_fraction=0.2
)
"""The network that the lab opens a table with: one that learns most of them."""

HEADERS = {"recognise": None, "names": True, "values": False}
"""What may be said about a file's first line."""

FILE_TYPES = ["csv", "tsv", "txt", "dat", "data", "tab"]


def largest_mb() -> int:
    """Megabytes of a file that a reader may upload: as many as are read, or the server's own limit where that is smaller.

    The browser refuses a larger one before it is sent, in a sentence, and what was chosen before stays.
    """
    return max(min(MAX_BYTES // 2**20, int(st.get_option("server.maxUploadSize"))), 1)


def keep(table: Table, name: str) -> None:
    """Put a table on this session's shelf."""
    now = session()
    if now.tables is None:
        most = limits.table_bytes_kept()
        now.tables = Shelf(most, getsizeof=lambda entry: min(entry[0].nbytes, most))
    shelf = now.tables
    shelf.pop(table.digest, None)  # the table that was put there last stands last
    shelf[table.digest] = (table, name)


def on_shelf() -> Mapping[str, tuple[Table, str]]:
    """This session's tables and their names, by digest; nobody else's."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return {}
    return session().tables or {}


def find(digest: str) -> Table | None:
    """The table of this session with this digest."""
    return on_shelf().get(digest, (None, ""))[0]


look_in(find)


def read(file: st.runtime.uploaded_file_manager.UploadedFile, header: bool | None, codes: str = "") -> Table:
    """The table in an uploaded file, read once; raises ValueError, one sentence, when there is none.

    `codes`: cells that hold no value, with commas between.
    """
    key = (file.file_id, header, codes)
    now = session()
    if now.table_read is None or now.table_read[0] != key:
        try:
            now.table_read = (key, read_table(file.getvalue(), header, codes.split(",")))
        except ValueError as problem:
            now.table_read = (key, str(problem))
    found = now.table_read[1]
    if isinstance(found, str):
        raise ValueError(found)
    return found


def config_for(choice: TableChoice) -> RunConfig:
    """The run that the lab opens a choice with; raises ValueError when it cannot be learned."""
    n_samples = max(min(choice.dataset.max_samples or FIRST_ROWS, FIRST_ROWS), choice.dataset.count_classes(), 4)
    return START.replace(dataset="table", table=choice, n_samples=n_samples)


OF_A_LINK = (
    "This link names an uploaded table. The data itself is never part of a link: it stays in the session "
    "that read it and ends with it. Choose the same file here, and the run opens."
)


def ask_again(missing: TableNotHere, why: str = OF_A_LINK) -> None:
    """Say that the table of a run is not here, and take its file."""
    st.warning(why, icon=":material/lock:")
    file = st.file_uploader("The CSV file of this run", FILE_TYPES, key="table_again", max_upload_size=largest_mb())
    codes = st.text_input(
        "Cells that hold no value",
        key="missing_again",
        placeholder="-999, unknown",
        help="Those that were named for the run.",
    )
    st.page_link("views/your_data/page.py", label="Take other data", icon=":material/upload_file:")
    if file is None:
        return
    problem = ""
    for header in (None, False):
        try:
            table = read_table(file.getvalue(), header, codes.split(","))
        except ValueError as refused:
            problem = problem or str(refused)
            continue
        if table.digest == missing.digest:
            keep(table, file.name)
            st.rerun()
    st.error(
        f"This file cannot be read: {escape(problem)}."
        if problem
        else "This is another file: its content is not that of the run's table. Choose the one that was used.",
        icon=":material/block:",
    )


def head(table: Table) -> pd.DataFrame:
    """The first rows as they stand in the file, where no cell is a formula to whatever copies them."""
    rows = [[inert(cell) for cell in row] for row in table.head]
    return pd.DataFrame(rows, columns=[inert(name) for name in table.names], dtype=object)


def summary(table: Table) -> pd.DataFrame:
    """A line for each column: what it holds, its values, how many are missing."""
    return pd.DataFrame(
        {
            "column": [inert(column.name) for column in table.columns],
            "holds": ["numbers" if column.is_number else "text" for column in table.columns],
            "values": [inert(_values(column)) for column in table.columns],
            "different": [column.n_values for column in table.columns],
            "missing": [table.n_rows - column.n_present for column in table.columns],
            "read as": [inert("; ".join(column.notes)) for column in table.columns],
        }
    )


def _values(column: Column) -> str:
    if not column.n_present:
        return "none"
    if column.is_number:
        return f"{column.numbers[0]:.4g} to {column.numbers[-1]:.4g}"
    return ", ".join(level[:24] for level in column.levels[:4]) + (", …" if column.distinct > 4 else "")


def sentence(text: str) -> str:
    """What a config's table text stands for: bugs.csv, species from 3 columns; empty where it is not here. Not escaped."""
    try:
        choice = TableChoice.parse(text).with_rows()
        columns = len(choice.input_columns)
        name = on_shelf()[choice.digest][1] or "drawn by hand"
        return f"{name}: {choice.target_column.name} from {columns} {'column' if columns == 1 else 'columns'}"
    except (ValueError, KeyError):
        return ""


def target_counts(choice: TableChoice) -> Measurement:
    """How many rows have each class, or fall into each of 24 bins of a target of numbers."""
    target = choice.target_column
    if choice.task == "classification":
        codes, classes = labels(target)
        counts = np.bincount(codes[codes >= 0], minlength=len(classes))
        names = {"name": ("class", np.array(classes, dtype=object))}
        return Measurement("target", {"class": np.arange(len(counts))}, {"rows": counts}, columns=names)
    counts, edges = np.histogram(target.values[~target.is_missing], bins=24)
    return Measurement("target", {"value": (edges[1:] + edges[:-1]) / 2}, {"rows": counts})


def to_beat(choice: TableChoice, counts: Measurement) -> str:
    """What an answer without any input achieves."""
    rows = counts["rows"]
    if choice.dataset.classes:
        share = 100 * rows.max() / rows.sum()
        return f"Always answering the largest class is right in {share:.0f} % of the rows: the accuracy to beat."
    y = choice.target_column.values[~choice.target_column.is_missing]
    return f"Always answering the mean, {number(float(y.mean()))}, has a loss of 1 in standardized units: the loss to beat."
