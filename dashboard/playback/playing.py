"""What is played: records spread over a run, and the frames of every chart that follows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from dashboard.charts.style import Figure
from dashboard.playback.component import player
from dashboard.plot import fitting
from dashboard.state.session import session, values
from dashboard.ui import theme
from nncore.numerics.spacing import evenly_spaced

T = TypeVar("T")

AT_MOST = 60
"""Frames of a playing: twelve seconds of it, and a picture of two dimensions weighs a megabyte in as many."""


WIDTH = 372
"""Pixels of the player's buttons; while playing it takes the slider's place too."""

Measure = Callable[..., Any]
"""`measure(batch, records, *arguments)` is `batch(run, records, *arguments)`, computed once: `Training.measured`."""


@dataclass(frozen=True)
class Playback:
    """The frames' records, and what makes a chart follow them. `run` is "" when the browser needs no frames.

    `steps` are the steps of all records of the run, not only of those that are played.

    A chart follows with one argument of `chart.show`. One that shows a single record is drawn anew for each of
    them, from a measurement that takes several records in one replay:

        frames=play.frames(lambda record: signal(play.measured(signals, record), look))

    and one that runs over the steps has its marker moved, by a figure function of the step:

        frames=play.marks(partial(update_ratio, measured, look))

    Both are None unless the run is being played, or the browser wants to be ahead when the step slider moves; else
    nothing is measured or drawn. Where the browser has the frames already they name the run `loaded` and nothing more.
    """

    measure: Measure
    steps: Sequence[int]
    records: tuple[int, ...]
    run: str = ""
    every: tuple[int, ...] = ()
    loaded: str = ""
    is_played: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def sent(self) -> None:
        """Every chart has been drawn: the browser has all frames, until any of the `settings` changes."""
        if self.run:
            session().loaded = self.run, self.settings

    def measured(self, batch: Callable[..., Sequence[T]], record: int, *arguments: Any) -> T:
        """What `batch(run, records, *arguments)` says of one record; all of them are measured together."""
        found: Sequence[T] = self.measure(batch, self.records, *arguments)
        return found[self.records.index(record)]

    def frames(self, draw: Callable[[int], Figure]) -> dict[str, Any] | None:
        """The frames of a chart of one record, which `draw` makes."""
        if not self.run:
            return {"run": self.loaded} if self.loaded else None
        frames = fitting(lambda place: draw(self.records[place]), len(self.records))
        return {"run": self.run, "at": [frames["at"][place] for place in self._places()], "builds": frames["builds"]}

    def said(self, say: Callable[[int], Any], record: int) -> dict[str, Any]:
        """What `say` says of each record, for `following`; the page stands on `record` when the playing begins."""
        start = _start(self.every or self.records, record)
        return {"run": self.run, "at": self._places(), "frames": [say(each) for each in self.records], "start": start}

    def _places(self) -> list[int]:
        """The place among `records` that each frame of the player shows."""
        return [bisect_right(self.records, record) - 1 for record in self.every or self.records]

    def marks(self, draw: Callable[[int], Figure]) -> dict[str, Any] | None:
        """The frames of a chart over the steps, whose marker stands on the step that `draw` takes."""
        return self.frames(lambda record: draw(int(self.steps[record])))

    def fewer(self, at_most: int) -> Playback:
        """The same playing for a chart that is costly to measure: it changes so many times at most."""
        chosen = tuple(self.records[place] for place in evenly_spaced(0, len(self.records) - 1, at_most))
        return replace(self, records=chosen, every=self.every or self.records)


def records_to_play(last: int) -> tuple[int, ...]:
    """At most AT_MOST of the records 0 ... last, evenly spread, the first and the last among them."""
    return tuple(evenly_spaced(0, last, AT_MOST).tolist())


def timeline(
    measure: Measure,
    steps: Sequence[int],
    last: int,
    facts: Callable[..., Sequence[str]],
    slider: Callable[[], int],
    key: str,
    *,
    is_ahead: bool = False,
) -> tuple[int, Playback]:
    """The player beside the step slider: the record that the page stands on, and what charts follow.

    The records 0 ... `last` of a run with these `steps` are played, while `facts(run, records)` says each in words.
    `slider` draws the step slider, whose widget has this `key`, and gives the record that it stands on. There is
    no player for a single record.

    With `is_ahead` the charts follow the slider's thumb in the browser, before the server answers: for a fragment of a
    page, which calls `Playback.sent` when it has drawn all of them. The browser asks for the frames once somebody
    points at the slider.
    """
    records = records_to_play(last)
    if len(records) < 2:
        return slider(), Playback(measure, steps, records)
    with st.container(horizontal=True, vertical_alignment="center", key="timeline"):
        place = st.container(key="player_box", width=round(WIDTH * theme.current().scale))
        with st.container(key="step_box"):
            record = slider()
    now = session()
    run, settings = now.playing, values(but=key) | {"style": theme.current()}
    loaded = now.loaded[0] if now.loaded and now.loaded[1] == settings else ""
    if now.loading and not run:
        now.playings += 1
        run = f"playing {now.playings}"
    now.loading, now.loaded = False, now.loaded if loaded and not run else None
    now.playing_is_drawn = True
    data: dict[str, Any] = {
        "record": record,
        "last": last,
        "step": int(steps[record]),
        "lastStep": int(steps[-1]),
        "said": count_in_words(last + 1, len(records)),
        "playing": None,
    }
    if is_ahead:
        steps_played = [int(steps[each]) for each in records]
        data["ahead"] = {"run": run or loaded, "steps": steps_played, "thumb": int(st.session_state[key])}
    if now.playing:
        data["playing"] = {
            "run": run,
            "start": _start(records, record),
            "records": records,
            "steps": [int(steps[each]) for each in records],
            "facts": measure(facts, records),
        }
    with place:
        player(
            data, on_play=_play, on_stop=partial(_stop, key), on_go=partial(_go, key, steps[: last + 1]), on_load=_load
        )
    known = "" if run else loaded
    return record, Playback(measure, steps, records, run, loaded=known, is_played=bool(now.playing), settings=settings)


def count_in_words(total: int, played: int) -> str:
    """How much of the run is played."""
    if played == total:
        return f"Plays all {total} records."
    return f"Plays {played} of {total:,} records, evenly spread."


def _start(records: Sequence[int], record: int) -> int:
    """The frame to begin with: where the page stands, or the first when it stands at the end."""
    return 0 if record >= records[-1] else max(bisect_right(records, record) - 1, 0)


def _play(_: Any) -> None:
    now = session()
    now.playings += 1
    now.playing, now.playing_is_drawn = f"playing {now.playings}", False


def _load(_: Any) -> None:
    session().loading = True


def _stop(key: str, step: Any) -> None:
    session().playing = ""
    st.session_state[key] = max(int(step), 0)


def _go(key: str, steps: Sequence[int], record: Any) -> None:
    _stop(key, steps[min(max(int(record), 0), len(steps) - 1)])
