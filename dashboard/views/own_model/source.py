"""Where a recorded run comes from: an uploaded file, one of the operator's, or an example."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.folders import below
from dashboard.state.session import session
from dashboard.words.markup import escape
from nncore.recorders.example import example
from nncore.recorders.logs.tensorboard import NAME
from nncore.recorders.recorded import Recorded, is_recorded

ENDINGS = (".arrows", ".parquet", ".csv")
LOOK_EVERY = 2.0
"""Seconds between two looks at a file that is still being written."""


def files(place: Path) -> list[Path]:
    """The recorded runs at a path: itself, or those below it, by name; links that lead out of it are not followed.

    A folder with event files of TensorBoard is one run.
    """
    if place.is_file():
        return [place] if is_recorded(place) else []
    root, found = place.resolve(), []
    for here, _, names in below(place):
        found += [place / here / name for name in names if name.endswith(ENDINGS)]
        events = [place / here / name for name in names if NAME in name]
        if events and all(path.resolve().is_relative_to(root) for path in events):
            found.append(place / here)
    return sorted(path for path in found if path.resolve().is_relative_to(root) and is_recorded(path))


def uploaded(key: str, label: str) -> tuple[str, Recorded] | None:
    """The run in a file that the reader chooses, and the file's name; what is wrong with it is said."""
    file = st.file_uploader(
        label,
        key=key,
        help="What `nncore.recorders.torch.record` wrote, while it runs or afterwards; an event file of TensorBoard with "
        "histograms of weights and gradients; a CSV with the columns step, layer, quantity, value. It stays in this session.",
    )
    if file is None:
        return None
    read = session().recorded
    if file.file_id not in read:
        try:
            read.clear()
            read[file.file_id] = Recorded(file, limits.bytes_allowed())
        except ValueError as problem:
            st.error(f"This file cannot be opened: {escape(str(problem))}.", icon=":material/block:")
            return None
    return file.name, read[file.file_id]


def of_operator(key: str, place: Path) -> tuple[str, Recorded] | None:
    """A run from the operator's file or folder, read on in each run of the page while it is written."""
    found = files(place)
    if not found:
        st.caption(f"No recorded run lies at {escape(str(place))} yet.")
        return None
    names = [str(path.relative_to(place)) if path != place else path.name for path in found]
    chosen = st.selectbox("Recorded run", names, key=key, bind="query-params")
    path = found[names.index(chosen)]
    read = session().recorded
    try:
        if str(path) not in read:
            read.clear()
            read[str(path)] = Recorded.open(path, limits.bytes_allowed())
        elif not read[str(path)].finished:
            read[str(path)].refresh()
    except (ValueError, OSError) as problem:
        read.pop(str(path), None)
        st.error(f"{escape(chosen)} cannot be opened: {escape(str(problem))}.", icon=":material/block:")
        return None
    return chosen, read[str(path)]


def made_up() -> Recorded:
    """A chain of 24 blocks whose gradient fades, with made-up numbers."""
    with tempfile.TemporaryDirectory() as folder:
        return Recorded.open(example(Path(folder) / "run.arrows", n_blocks=24, records=12, factor=0.8))
