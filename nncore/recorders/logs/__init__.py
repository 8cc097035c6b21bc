"""Logs that people have already, read as recorded runs: TensorBoard's event files and a tidy CSV."""

from __future__ import annotations

from nncore.recorders.logs.log import Log
from nncore.recorders.logs.tensorboard import event_files, is_events, joined, read_events
from nncore.recorders.logs.tidy import is_tidy, read_tidy

__all__ = ["HEAD", "Log", "event_files", "is_log", "joined", "read_log"]

HEAD = 256
"""Bytes from the beginning of a file that tell what it is."""


def is_log(head: bytes) -> bool:
    """Do these first bytes of a file begin a log that can be read?"""
    return is_events(head) or is_tidy(head)


def read_log(content: bytes, memory_budget: int | None = None) -> Log:
    """The log in the bytes of a file for which `is_log` holds; raises ValueError, one sentence, where it is damaged."""
    return (read_events if is_events(content[:HEAD]) else read_tidy)(content, memory_budget)
