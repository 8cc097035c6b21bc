"""The cards of the lab page that say why: ledger of causes, float types, curvature, and the end of a diverged run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.jobs import limits
from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.work import Training
from dashboard.playback import Playback
from dashboard.state.session import peek, session
from dashboard.ui import card, layout
from dashboard.views.lab import charts_causes
from dashboard.views.lab import charts_divergence as end
from dashboard.views.lab.charts_causes import LEDGER, PRECISION
from dashboard.words.numbers import number
from nncore import History, Measurement, RunConfig
from nncore.config.cost import seconds_in_words
from nncore.diagnosis import curvature_seconds, curvature_so_far, forensics, ledger, precision, turning, without_line
from nncore.diagnosis.theory_gap import Distance

SHARPNESS = "sharpness"

SECONDS, FEWEST, MOST = 10.0, 3, 16
"""Sharpness is measured at as many records as fit into so many seconds, within these bounds."""


LEDGERS_PLAYED, PRECISIONS_PLAYED = 30, 12
"""Pictures of a playing: these two are measured a record at a time."""


def causes(training: Training, record: int, look: Style, play: Playback) -> None:
    """The ledger of one record."""
    if not layout.shows("ledger"):
        return
    measured = training.measured(ledger, record)
    played = play.fewer(LEDGERS_PLAYED)
    card.show(
        "ledger",
        LEDGER,
        measured,
        charts_causes.ledger(measured, look),
        finding=_at(training, record, charts_causes.culprit(measured)),
        frames=played.frames(lambda each: charts_causes.ledger(played.measured(ledgers, each), look)),
    )


def _at(training: Training, record: int, words: str) -> str:
    """A finding about one record, with its step."""
    return words and f"At step {training.history.step[record]:,}: {words}"


def ledgers(history: History, records: Sequence[int]) -> list[Measurement]:
    """The ledger of several records."""
    return [ledger(history, record) for record in records]


def float_types(training: Training, record: int, look: Style, play: Playback) -> None:
    """The probe in three float types."""
    if not layout.shows("precision"):
        return
    measured = training.measured(precision, record)
    played = play.fewer(PRECISIONS_PLAYED)
    card.show(
        "precision",
        PRECISION,
        measured,
        charts_causes.precision(measured, look),
        finding=_at(training, record, charts_causes.lost(measured)),
        frames=played.frames(lambda each: charts_causes.precision(played.measured(precisions, each), look)),
    )


def precisions(history: History, records: Sequence[int]) -> list[Measurement]:
    """The probe in three float types at several records."""
    return [precision(history, record) for record in records]


def ending(training: Training, look: Style) -> None:
    """The steps before a run diverged, at the top of the page; nothing for one that stayed finite."""
    if training.history.divergence is None:
        return
    session().cards.begin("ending")
    turned = training.measured(turning)
    if turned is not None:
        figure = end.turn(turned, look)
        card.show("turn", end.TURN, turned.measurement, figure, height=300, finding=turned.sentence())
    found = training.measured(forensics)
    tipped = "" if found.largest_growth is None else found.largest_growth.sentence()
    left, right = st.columns(2)
    with left:
        figure, tipped = (end.growth(found.measurement, look), f"{tipped} {end.gone(found.measurement)}".strip())
        card.show("growth", end.GROWTH, found.measurement, figure, height=240, finding=tipped)
    with right:
        finding = found.divergence.sentence()
        figure = end.place(found, look)
        card.show("place", end.PLACE, found.measurement, figure, height=240, finding=finding)


def theory_switch(found: Distance | None, flags: tuple[str, ...], problem: str) -> None:
    """The switch of the theory line, how far the measured one is from it, and a flag where theory need not hold."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.toggle(
            "Theory",
            value=True,
            key="theory",
            bind="query-params",
            help="Dashed: the δ norm that signal-propagation theory predicts for step 0, placed at the last layer's "
            "measured norm (mean-field recursion over the real widths: Poole et al. 2016, Schoenholz et al. 2017); the "
            "band holds 95 % of networks of these widths (Hanin & Nica 2018). Training leaves it behind. "
            "While the thumb of depth or gain is held, the line moves with it; its level and the band come with the run.",
        )
        if found is not None:
            colour = "blue" if found.inside >= 0.9 * found.n_layers else "orange"
            st.markdown(
                f":{colour}-badge[{found.inside} of {found.n_layers} layers in the band, off by up to {_times(found.factor)}]",
                width="content",
                help="At step 0: the layers whose measured δ lies inside the 95 % band, and the largest ratio between "
                "measured δ and the dashed line.",
            )
        reasons = [problem] if problem else list(flags)
        if reasons:
            st.markdown(
                f":orange-badge[:material/flag: {'No theory' if problem else 'Theory need not hold here'}]",
                width="content",
                help=" ".join(reasons),
            )


def _times(factor: float) -> str:
    """A ratio of at least 1: × 2.5."""
    return f"×\u00a0{number(factor)}"


# Curvature --------------------------------------------------------------------------------------------------


def wants_sharpness() -> bool:
    """Is sharpness switched on?"""
    return peek(SHARPNESS, False)


def sharpness_switch(config: RunConfig) -> None:
    """The switch that stands with the loss, with what it costs; off, it ends what is being measured."""
    seconds = curvature_seconds(config, _count(config))
    wanted = st.toggle(
        f"Sharpness ({seconds_in_words(seconds)})",
        key=SHARPNESS,
        bind="query-params",
        help="Measures how curved the loss is at a few steps of the training, by the largest eigenvalue of its Hessian. "
        "It explains a loss that jumps: above 2 / learning rate, gradient descent overshoots. Switched off, it stops.",
    )
    if not wanted:
        measurements().leave(session().watched, SHARPNESS)


def sharpness(training: Training, look: Style, step: int, play: Playback) -> None:
    """Sharpness over training, drawn as it is measured beside the page."""
    config, history = training.config, training.history
    count = _count(config)
    seconds = curvature_seconds(config, count)
    allowed = limits.seconds_allowed()
    if seconds > allowed:
        st.info(
            f"Sharpness at {count} steps would take about {seconds:,.0f} s and {allowed:,.0f} s are allowed: take "
            "fewer samples, or make the network narrower or shallower.",
            icon=":material/block:",
        )
        return
    records = tuple(int(record) for record in history.even_records(count))
    measuring = measurements().ask(session().watched, SHARPNESS, training, curvature_so_far, records)
    watched(measuring, partial(_sharpness, training, records, look, step, play))


def _sharpness(
    training: Training,
    records: tuple[int, ...],
    look: Style,
    step: int,
    play: Playback,
    measuring: BackgroundMeasurement[Measurement],
) -> None:
    found = list(measuring.found)
    if not found:
        st.caption(f":material/hourglass_top: Measuring sharpness at step 0, the first of {len(records)} …")
        return
    measured = found[-1]
    finding = charts_causes.edge(measured, _line(training.config))
    if not measuring.complete:
        finding = f"Measuring: {len(found)} of {len(records)} steps. {finding}"
    drawn = partial(charts_causes.curvature, measured, look)
    card.show("sharpness", charts_causes.CURVATURE, measured, drawn(step), finding=finding, frames=play.marks(drawn))


def _count(config: RunConfig) -> int:
    """Records that fit into SECONDS."""
    return int(np.clip(SECONDS / curvature_seconds(config, 1), FEWEST, MOST))


def _line(config: RunConfig) -> str:
    """The formula of the stability line; "" where there is none."""
    if without_line(config):
        return ""
    if not config.momentum:
        return "2/α"
    return "2(1 + β)/(α(1 + 2β))" if config.nesterov else "2(1 + β)/α"
