"""What is played: records spread over a run, and the frames of every chart that follows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from dashboard.charts.style import Figure
from dashboard.jobs.work import Training
from dashboard.playback.component import player
from dashboard.plot import fitting
from dashboard.state import sidebar_run
from dashboard.state.session import STEP, session
from dashboard.ui import theme
from dashboard.words.numbers import number
from nncore import History
from nncore import measures as m
from nncore.diagnosis import flow_of
from nncore.numerics.spacing import evenly_spaced

T = TypeVar("T")

AT_MOST = 60
"""Frames of a playing: more would outrun the browser, which paints about five pages of charts a second."""


WIDTH = 372
"""Pixels of the player's buttons; while playing it takes the slider's place too."""


@dataclass(frozen=True)
class Playback:
    """The frames' records, and what makes a chart follow them. `run` is "" when nothing is played.

    A chart follows with one argument of `chart.show`. One that shows a single record is drawn anew for each of
    them, from a measurement that takes several records in one replay:

        frames=play.frames(lambda record: signal(play.measured(signals, record), look))

    and one that runs over the steps has its marker moved, by a figure function of the step:

        frames=play.marks(partial(update_ratio, measured, look))

    Both are None unless the run is being played, and then nothing is measured or drawn.
    """

    training: Training
    records: tuple[int, ...]
    run: str = ""
    every: tuple[int, ...] = ()

    def measured(self, batch: Callable[..., Sequence[T]], record: int, *arguments: Any) -> T:
        """What `batch(history, records, *arguments)` says of one record; all of them are measured together."""
        return self.training.measured(batch, self.records, *arguments)[self.records.index(record)]

    def frames(self, draw: Callable[[int], Figure]) -> dict[str, Any] | None:
        """The frames of a chart of one record, which `draw` makes."""
        if not self.run:
            return None
        frames = fitting(lambda place: draw(self.records[place]), len(self.records))
        places = [bisect_right(self.records, record) - 1 for record in self.every or self.records]
        return {"run": self.run, "at": [frames["at"][place] for place in places], "builds": frames["builds"]}

    def marks(self, draw: Callable[[int], Figure]) -> dict[str, Any] | None:
        """The frames of a chart over the steps, whose marker stands on the step that `draw` takes."""
        return self.frames(lambda record: draw(int(self.training.history.step[record])))

    def fewer(self, at_most: int) -> Playback:
        """The same playing for a chart that is costly to measure: it changes so many times at most."""
        chosen = tuple(self.records[place] for place in evenly_spaced(0, len(self.records) - 1, at_most))
        return replace(self, records=chosen, every=self.every or self.records)


def records_to_play(history: History) -> tuple[int, ...]:
    """At most AT_MOST records, evenly spread over the finite ones, the first and the last among them."""
    return tuple(evenly_spaced(0, history.last_finite, AT_MOST).tolist())


def timeline(training: Training) -> tuple[int, Playback]:
    """The player beside the step slider: the record that the page stands on, and what charts follow.

    There is no player for a run of a single finite record.
    """
    history = training.history
    records = records_to_play(history)
    if len(records) < 2:
        return sidebar_run.step_slider(history), Playback(training, records)
    with st.container(horizontal=True, vertical_alignment="center", key="timeline"):
        place = st.container(key="player_box", width=round(WIDTH * theme.current().scale))
        with st.container(key="step_box"):
            record = sidebar_run.step_slider(history)
    run = session().playing
    session().playing_is_drawn = True
    data: dict[str, Any] = {
        "record": record,
        "last": history.last_finite,
        "step": int(history.step[record]),
        "lastStep": int(history.step[-1]),
        "said": said(history, records),
        "playing": None,
    }
    if run:
        data["playing"] = {
            "run": run,
            "start": _start(records, record),
            "records": records,
            "steps": [int(history.step[each]) for each in records],
            "facts": training.measured(facts, records),
        }
    with place:
        player(data, on_play=_play, on_stop=_stop, on_go=_go(history))
    return record, Playback(training, records, run)


def said(history: History, records: Sequence[int]) -> str:
    """How much of the run is played."""
    total = history.last_finite + 1
    if len(records) == total:
        return f"Plays all {total} records."
    return f"Plays {len(records)} of {total:,} records, evenly spread."


def facts(history: History, records: Sequence[int]) -> list[str]:
    """Loss and first-over-last δ of each record, in words: what the metrics say of a single one."""
    delta = m.per_layer(history, "delta_norm", np.asarray(records))["delta_norm"]
    ratios = [flow_of(row).ratio for row in delta]
    return [
        f"loss {number(float(history.loss[record]))}"
        + (f" · δ first / last {number(ratio)}" if delta.shape[1] > 1 else "")
        for record, ratio in zip(records, ratios, strict=True)
    ]


def _start(records: Sequence[int], record: int) -> int:
    """The frame to begin with: where the page stands, or the first when it stands at the end."""
    return 0 if record >= records[-1] else max(bisect_right(records, record) - 1, 0)


def _play(_: Any) -> None:
    now = session()
    now.playings += 1
    now.playing, now.playing_is_drawn = f"playing {now.playings}", False


def _stop(step: Any) -> None:
    session().playing = ""
    st.session_state[STEP] = max(int(step), 0)


def _go(history: History) -> Callable[[Any], None]:
    def go(record: Any) -> None:
        _stop(history.step[min(max(int(record), 0), history.last_finite)])

    return go
