"""What whoever runs the dashboard has set, by environment variable or Streamlit secret: no visitor can change it."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

SCHEDULER, SWEEPS = "NNCORE_SCHEDULER", "NNCORE_SWEEPS"
"""Address of a Dask scheduler on which maps are computed; directory whose sweep folders the map page opens."""


def scheduler() -> str | None:
    """The address of the Dask scheduler, None where maps are computed on this machine."""
    return _setting(SCHEDULER)


def sweeps() -> Path | None:
    """The directory with sweep folders; None where there is none to show."""
    directory = _setting(SWEEPS)
    return Path(directory).expanduser() if directory else None


def _setting(name: str) -> str | None:
    """The environment variable, else the secret of this name; None where neither says anything."""
    value = os.environ.get(name, "").strip()
    if not value and st.secrets.load_if_toml_exists():
        value = str(st.secrets.get(name, "")).strip()
    return value or None
