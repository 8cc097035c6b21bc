"""Runs that are still written: how long ago the last record came, and the page drawn anew when there is more."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.jobs.look_again import look_again
from dashboard.views.own_model.source import Run, look_every
from dashboard.words.markup import escape
from nncore.recorders.pulse import Pulse, pulse


def follow(runs: Sequence[Run], drawn: Sequence[Pulse | None]) -> None:
    """Say how runs that may grow are doing, read on in them, and draw the page anew where there is more to draw.

    `drawn`: what the page says of each. It is drawn anew as well where a file cannot be read any more, or where a run is found
    to have stopped, or to go on after all.
    """
    changed = False
    for (name, recorded), before in zip(runs, drawn, strict=True):
        try:
            changed |= recorded.refresh()
        except (ValueError, OSError):
            changed = True
        now = pulse(recorded)
        changed |= (now is not None and now.stopped) != (before is not None and before.stopped)
        if now is not None:
            st.caption(line(name if len(runs) > 1 else "", now, recorded.header.is_log))
    if changed:
        st.rerun()
    look_again(min(look_every(recorded) for _, recorded in runs))


def line(name: str, now: Pulse, is_log: bool) -> str:
    """What is said of a run that may grow; of several each is named."""
    of = f", {escape(name)}" if name else ""
    if now.stopped:
        return f":material/sensors_off: Not live{of}: the page still looks whether more comes."
    return f":material/sensors: Live{of}: {now.sentence()}; the page follows the {'log' if is_log else 'file'}."
