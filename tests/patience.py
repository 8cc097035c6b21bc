"""Waiting for what must come, on however busy a machine: the limit is for what never comes and measures no speed."""

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds."""


def until(condition: Callable[[], object], look: Callable[[], object] = lambda: None) -> None:
    """Look, and look again, until the condition holds."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"did not come within {PATIENCE:.0f} s"
        time.sleep(0.005)
        look()
