"""What may run, how much of it, and what stays in memory: fixed numbers, and what the operator has set.

Whoever runs the dashboard sets the six NNCORE_ settings, each by environment variable, else by Streamlit secret; no
visitor can change them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st

from nncore.command.dashboard import RECORDED

AT_ONCE = 2
"""Trainings at the same time in this process, and as many background measurements: more would share the same cores. While
all of them are long, a short one goes beside them."""

MEASUREMENTS_KEPT = 100
"""Measurements in memory with a run, the least recently used leave first: a page has about ten for each step shown."""

BACKGROUND_MEASUREMENTS_KEPT = 30
"""Background measurements in memory with a run; the oldest leave first."""

MEASURED_BYTES = 64 * 2**20
"""Memory of the measurements kept with one run; the least recently used leave first."""

GRACE_SECONDS = 5.0
"""A page that is closed for so long is not coming back: what it was waiting for ends."""

KEPT_SECONDS = 30.0
"""What nobody looks at any more stays so long after the last of its readers has left."""

TIDY_SECONDS = 2.0
"""How often it is looked who has left."""

FILES_KEPT = 4
"""Opened histories in memory for one session."""

MOST_CELLS = 3600
"""Cells of a map; more are no longer seen apart."""

MOST_RUNS = 20_000
"""Runs of a map; more are a sweep of its own."""

MAX_SECONDS = "NNCORE_MAX_SECONDS"
"""Setting: seconds of training that one run may take by estimate, and that those of a page may take together."""

MAX_MB = "NNCORE_MAX_MB"
"""Setting: megabytes of memory that the history of one run may take."""

MEMORY_MB = "NNCORE_MEMORY_MB"
"""Setting: megabytes of memory for all runs, measurements and opened files of the process together."""

SCHEDULER = "NNCORE_SCHEDULER"
"""Setting: address of the Dask scheduler on which maps are computed."""

SWEEPS = "NNCORE_SWEEPS"
"""Setting: directory whose sweep folders the map page opens."""


def seconds_allowed() -> float:
    """Estimated seconds that one run may take. Raises ValueError where the setting is no number above 0."""
    return _number(MAX_SECONDS, 120, "seconds")


def bytes_allowed() -> int:
    """Memory that the history of one run may take. Raises ValueError where the setting is no number above 0."""
    return int(min(_number(MAX_MB, 512, "megabytes") * 2**20, sys.maxsize))


def bytes_kept() -> int:
    """Memory for runs, measurements and opened files of the whole process; four times a run's unless the operator says otherwise.

    Raises ValueError where the setting is no number above 0.
    """
    return int(min(_number(MEMORY_MB, 4 * bytes_allowed() / 2**20, "megabytes") * 2**20, sys.maxsize))


def bytes_together() -> int:
    """Memory that the runs of one page may take together, such as those that are pinned."""
    return min(2 * bytes_allowed(), bytes_kept())


def table_bytes_kept() -> int:
    """Memory for the uploaded tables of a session; the least recently used leave first."""
    return bytes_allowed() // 8


def scheduler() -> str | None:
    """Address of the Dask scheduler; None where maps are computed on this machine."""
    return _setting(SCHEDULER)


def sweeps() -> Path | None:
    """Directory with sweep folders; None where there is none to show."""
    directory = _setting(SWEEPS)
    return Path(os.path.expanduser(directory)) if directory else None


def recorded() -> Path | None:
    """A recorded run or a directory with some; None where readers bring their own."""
    place = _setting(RECORDED)
    return Path(os.path.expanduser(place)) if place else None


def check() -> None:
    """Raise ValueError, one sentence, where the operator has set something that cannot be used."""
    seconds_allowed()
    bytes_kept()


def _number(name: str, default: float, unit: str) -> float:
    text = _setting(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise ValueError(f"{name} must be a number of {unit} above 0; got {text!r}")
    return number


def _setting(name: str) -> str | None:
    """The environment variable, else the secret of this name; None where neither says anything."""
    value = os.environ.get(name, "").strip()
    if not value and st.secrets.load_if_toml_exists():
        value = str(st.secrets.get(name, "")).strip()
    return value or None
