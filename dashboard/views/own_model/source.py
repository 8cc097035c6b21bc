"""Where a recorded run comes from: an uploaded file, one of the operator's, or an example."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.folders import below, real
from dashboard.state.session import session
from dashboard.words.markup import escape
from nncore.recorders.example import example
from nncore.recorders.logs.tensorboard import NAME
from nncore.recorders.recorded import Recorded, is_recorded

ENDINGS = (".arrows", ".parquet", ".csv")
Run = tuple[str, Recorded]
"""A recorded run and what it is called."""

NONE = "none"
LOOK_EVERY = 2.0
"""Seconds between two looks at a file that is still being written."""

PAUSE = 10
"""Pause between two readings of a log, in the time that one takes: it is read as a whole."""


def files(place: Path) -> list[Path]:
    """The recorded runs at a path: itself, or those below it, by name; links that lead out of it are not followed.

    A folder with event files of TensorBoard is one run. What in a folder cannot be read is passed over; raises OSError where
    the path itself cannot be.
    """
    if stat.S_ISREG(_mode(place)):
        return [place] if is_recorded(place) else []
    root, found = real(place), []
    for here, _, names in below(place):
        found += [place / here / name for name in names if name.endswith(ENDINGS)]
        events = [place / here / name for name in names if NAME in name]
        if events and all(real(path).is_relative_to(root) for path in events):
            found.append(place / here)
    return sorted(path for path in found if real(path).is_relative_to(root) and _is_run(path))


def _mode(path: Path) -> int:
    """What kind of file it is, 0 where there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _is_run(path: Path) -> bool:
    """Does a recorded run lie there that can be read? A pipe would be waited for."""
    try:
        kind = _mode(path)
        return (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) and is_recorded(path)
    except OSError:
        return False


def uploaded(key: str, label: str) -> Run | None:
    """The run in a file that the reader chooses, and the file's name; what is wrong with it is said."""
    file = st.file_uploader(
        label,
        key=key,
        help="What `nncore.recorders.torch.record` wrote, while it runs or afterwards; an event file of TensorBoard with "
        "histograms of weights and gradients; a CSV with the columns step, layer, quantity, value. It stays in this session.",
    )
    if file is None:
        session().recorded.pop(key, None)
        return None
    try:
        return file.name, _held(key, file.file_id, lambda: Recorded(file, limits.bytes_allowed()))
    except ValueError as problem:
        st.error(f"This file cannot be opened: {escape(str(problem))}.", icon=":material/block:")
        return None


def of_operator(key: str, label: str, place: Path, first: str | None = None) -> Run | None:
    """A run from the operator's file or folder, read on in each run of the page while it is written.

    `first`: the run that is chosen already; another one is offered beside it, or none.
    """
    try:
        paths = files(place)
    except OSError as problem:
        st.error(
            f"{escape(str(place))} cannot be read: {escape(problem.strerror or str(problem))}.", icon=":material/block:"
        )
        return None
    found = {str(path.relative_to(place)) if path != place else path.name: path for path in paths}
    if first is None and not found:
        st.caption(f"No recorded run lies at {escape(str(place))} yet.")
        return None
    found.pop(first, None)
    if not found:
        return None
    names = list(found) if first is None else [NONE, *found]
    chosen = st.selectbox(label, names, key=key, bind="query-params")
    if chosen == NONE:
        session().recorded.pop(key, None)
        return None
    try:
        recorded = _held(key, _state_of(found[chosen]), lambda: Recorded.open(found[chosen], limits.bytes_allowed()))
        recorded.refresh()
    except (ValueError, OSError) as problem:
        session().recorded.pop(key, None)
        st.error(f"{escape(chosen)} cannot be opened: {escape(str(problem))}.", icon=":material/block:")
        return None
    return chosen, recorded


def look_every(recorded: Recorded) -> float:
    """Seconds between two looks at a run that may grow."""
    return max(LOOK_EVERY, PAUSE * recorded.reading_seconds)


def _state_of(path: Path) -> str:
    """What tells a file from others, and Parquet from what stands in its place later; a stream and a log are read on."""
    return f"{path} {path.stat().st_mtime_ns}" if path.suffix == ".parquet" else str(path)


def _held(key: str, file: str, read: Callable[[], Recorded]) -> Recorded:
    """The run in the file that is chosen at a widget, read once; the one chosen there before is let go."""
    held = session().recorded
    if key not in held or held[key][0] != file:
        held.pop(key, None)
        held[key] = file, read()
    return held[key][1]


def made_up() -> tuple[Run, Run | None]:
    """A chain of 24 blocks whose gradient fades, with made-up numbers; where that is asked for, after a change, and that one beside it."""
    mended = st.toggle("Beside it after a change", key="o_example_changed", bind="query-params")
    with tempfile.TemporaryDirectory() as folder:
        example_, changed = (
            (name, Recorded.open(example(Path(folder) / f"{place}.arrows", n_blocks=24, records=12, factor=factor)))
            for place, (name, factor) in enumerate((("example", 0.8), ("example after a change", 0.95)))
        )
    return (changed, example_) if mended else (example_, None)
