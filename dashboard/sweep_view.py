"""Finished and running sweeps of the operator's directory, seen as maps."""

from __future__ import annotations

from pathlib import Path

from nncore import RunConfig


def sweep_folders(directory: Path, config: RunConfig) -> None:
    """Stub while the rest is brought up."""
