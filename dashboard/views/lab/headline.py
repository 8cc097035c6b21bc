"""What happened, in words: a sentence, the change that mends it, and four numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import runs
from dashboard.jobs.work import Opened, Training
from dashboard.playback import Playback, following
from dashboard.state.session import session
from dashboard.ui.whole_page import then_whole_page
from dashboard.views.lab import remedy_check
from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from dashboard.words.runs import BADGES, Headline, headline, layer_factor
from dashboard.words.sentences import capital
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.diagnosis import Flow, Remedy, Verdict, flow, flow_of, tried_out, verdict
from nncore.diagnosis.loss_course import LossCourse

PLACE = "mend"

AT_FIRST_SECONDS = 0.4
"""Time that the first sight of a run gives to the trials of its remedies."""


FOLLOWED = 20
"""Records of a playing for which headline and numbers are measured; each is judged by every rule."""


def show(training: Training, record: int, play: Playback) -> st.delta_generator.DeltaGenerator:
    """What happened at this step; returns the place for the button that mends what is wrong."""
    found = training.measured(verdict, record)
    with st.container(border=True, key="headline", gap="xsmall"):
        words, mend = st.columns([4, 1.2], vertical_alignment="center")
        remedy_check.show(training)
    if play.is_played:
        played = play.fewer(FOLLOWED)
        with words:
            following(
                played.said(lambda each: spoken(played.measured(judged, each)[0]), record), "words", key="words_played"
            )
    else:
        words.markdown(training.measured(headline, record, found).markdown())
    return mend


def spoken(said: Headline) -> dict[str, str]:
    """A headline as `following` draws it."""
    return {"colour": said.badge.colour, "title": said.badge.title, "text": said.sentences()}


def judged(history: History, records: Sequence[int]) -> list[tuple[Headline, tuple[Tile, ...]]]:
    """Headline and numbers of several records."""
    found = [verdict(history, record) for record in records]
    return [
        (headline(history, record, each), tiles(history, record, each))
        for record, each in zip(records, found, strict=True)
    ]


def mend(place: st.delta_generator.DeltaGenerator, training: Training, record: int) -> None:
    """The button that mends what is wrong; its trials may take a moment."""
    history, found = training.history, training.measured(verdict, record)
    if isinstance(training.config, Fork):  # a remedy is tried out from step 0 on
        return
    with place:
        if history.was_stopped and not isinstance(training, Opened):
            measurements().leave(session().watched, PLACE)
            st.button(
                "Run to the end",
                key="again",
                on_click=then_whole_page(runs().leave),
                args=(session_id(),),
                icon=":material/play_arrow:",
                type="primary",
            )
        elif any(each.severity > 1 for each in found):
            if problem := remedy_check.too_long(found[:1], history):
                measurements().leave(session().watched, PLACE)
                st.caption(problem)
                return
            trying = measurements().ask(session().watched, PLACE, training, trials_of_the_gravest, record)
            trying.wait(AT_FIRST_SECONDS)
            watched(trying, partial(_offer_best, history.config))
        else:
            measurements().leave(session().watched, PLACE)


def trials_of_the_gravest(
    history: History, record: int, *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Remedy | None]:
    """What is tried out against the first finding at a record."""
    return tried_out(verdict(history, record)[0], history, cancelled=cancelled)


@dataclass(frozen=True)
class Tile:
    """One of the four numbers: what stands below it is a change, with an arrow, unless `colour` is "off"."""

    label: str
    value: str
    below: str
    about: str
    colour: str = "off"


def metrics(training: Training, record: int, play: Playback) -> None:
    """Four numbers at the record chosen, or of each that is played."""
    if play.is_played:
        played = play.fewer(FOLLOWED)
        numbers = played.said(lambda each: [read_tile(tile) for tile in played.measured(judged, each)[1]], record)
        following(numbers, "numbers", key="numbers_played")
        return
    found = training.measured(verdict, record)
    for column, tile in zip(st.columns(4), training.measured(tiles, record, found), strict=True):
        column.metric(
            tile.label,
            tile.value,
            tile.below if tile.colour != "off" else _minus(tile.below),  # the sign by which Streamlit chooses a colour
            delta_color=tile.colour,
            delta_arrow="off" if tile.colour == "off" else "auto",
            border=True,
            height="stretch",
            help=tile.about,
        )


def read_tile(tile: Tile) -> dict[str, str]:
    """A number as `following` draws it."""
    return {"label": tile.label, "value": tile.value, "below": _minus(tile.below)}


def _minus(text: str) -> str:
    return text.replace("-", "−")


def tiles(history: History, record: int, found: Sequence[Verdict]) -> tuple[Tile, ...]:
    """Flow, loss, score and flat units at a record with these verdicts, each with its reason where it has no number."""
    course = LossCourse(history, record)
    learns = course.beats_a_guess and all(each.severity < 2 for each in found)
    return (
        _flow_tile(flow(history, record)),
        _loss_tile(course, learns),
        _score_tile(history, record, learns),
        _flat_tile(history, record),
    )


def _flow_tile(seen: Flow) -> Tile:
    about = "δ norm of layer 1 over that of the last layer. 1 is an even flow."
    if seen.kind == "single":
        value, below = "—", "one layer"
    elif seen.kind == "not finite":
        value, below = "undefined", "δ is not finite"
    elif not seen.delta[-1]:
        value, below = "undefined", "δ of the last layer is 0"
    elif seen.kind == "zero":
        value, below = number(seen.ratio), "nothing reaches layer 1"
    else:
        value, below = number(seen.ratio), f"{layer_factor(seen.rate)} per layer"
    return Tile("δ first / last", value, below, about)


def _loss_tile(course: LossCourse, learns: bool) -> Tile:
    """The loss beside what one answer for every input has: only below that is a change progress."""
    history, record = course.history, course.record
    guess = f"a guess: {number(course.constant)}"
    value, change = float(history.loss[record]), float(history.loss[record] - history.loss[0])
    below, colour = guess, "off"
    if not np.isfinite(value):
        below = "not finite"
    elif record and np.isfinite(change):
        below = f"{change:+.2g} · {guess}"
        colour = "inverse" if learns or change > 0 else "off"
    about = (
        f"The loss that training minimizes, on the rows of this step, and its change since step {int(history.step[0])}. A guess "
        "is the best answer that ignores the input: the class frequencies, or the targets' mean."
    )
    return Tile("Loss", number(value), below, about, colour)


def _score_tile(history: History, record: int, learns: bool) -> Tile:
    """Accuracy beside the first record's, in colour only where something is learned; without classes a loss."""
    scores = m.performance(history, np.array([0, record]))
    part = "test" if np.isfinite(scores["test_loss"]).any() else "train"
    rows = "test" if part == "test" else "training"
    if history.config.source.task == "classification":
        before, now = (float(share) for share in scores[f"{part}_accuracy"])
        about = f"Share of {rows} rows put into the right class."
        if not np.isfinite(scores[f"{part}_loss"][1]):
            return Tile(f"Accuracy, {rows} rows", "undefined", "the output is not finite", about)
        gained = 100 * (now - before)
        moved = abs(gained) >= 0.05
        below = f"{gained:+.1f} points" if moved else f"as at step {history.step[0]}"
        colour = "normal" if moved and (learns or gained < 0) else "off"
        return Tile(f"Accuracy, {rows} rows", f"{100 * now:.1f} %", below, about, colour)
    about = "Mean squared error on rows the training never saw." if part == "test" else "Mean squared error."
    value = float(scores[f"{part}_loss"][1])
    below = "without penalties" if np.isfinite(value) else "the output is not finite"
    return Tile(f"{capital(rows)} loss", number(value), below, about)


def _flat_tile(history: History, record: int) -> Tile:
    shares = m.per_layer(history, ("saturated_fraction", "inactive_fraction", "dead_fraction"), np.array([record]))
    saturated, inactive, dead = (values[0] for values in shares.values.values())
    about = "Share of hidden units × probe rows whose slope is below 1 % of its largest; dead: slope 0 on every row."
    two_sided = bool(np.isfinite(saturated).any())
    label, share = ("Saturated units", saturated) if two_sided else ("Units on the flat side", inactive)
    if not np.isfinite(history.loss[record]):
        return Tile(label, "undefined", "z is not finite", about)
    if not np.isfinite(share).any():
        return Tile(label, "—", _no_flat_side(history), about)
    dead_share = percent(float(np.nanmean(dead))) if np.isfinite(dead).any() else "0 %"
    return Tile(label, percent(float(np.nanmean(share))), f"{dead_share} dead", about)


def _no_flat_side(history: History) -> str:
    """Why no unit can be on a flat side."""
    if not history.config.depth:
        return "no hidden units"
    names = sorted({phi.name for phi in history.network.activations})
    return f"{' and '.join(names)} has no flat side" if len(names) == 1 else "they have no flat side"


def facts(history: History, records: Sequence[int]) -> list[str]:
    """How the gradient flows, δ first over last, loss and accuracy of each record: what the headline says of one."""
    delta = m.per_layer(history, "delta_norm", np.asarray(records))["delta_norm"]
    scores = m.performance(history, np.asarray(records))
    part = "test" if np.isfinite(scores["test_loss"]).any() else "train"
    said = []
    for place, record in enumerate(records):
        seen, accuracy = flow_of(delta[place]), scores[f"{part}_accuracy"][place]
        words = [f"{BADGES[seen.kind].title} · δ first / last {number(seen.ratio)}"] if delta.shape[1] > 1 else []
        words.append(f"loss {number(float(history.loss[record]))}")
        words += [f"{part} accuracy {percent(accuracy)}"] if np.isfinite(accuracy) else []
        said.append(" · ".join(words))
    return said


def _offer_best(config: RunConfig, trying: BackgroundMeasurement[Remedy | None]) -> None:
    """The remedy that ends with the lowest loss, once all are tried out."""
    if not trying.complete:
        st.caption(f":material/hourglass_top: Trying out changes on this network: {len(trying.found)} so far …")
        return
    found = [remedy for remedy in trying.found if remedy is not None]
    if not found:
        st.caption(f"{len(trying.found)} changes were tried out on this network, and no one ends better.")
        return
    best = min(found, key=lambda remedy: remedy.after.share)
    remedy_check.button(
        best,
        config,
        "mend",
        f"Mend it: {escape(best.label)}",
        f"Sets the sidebar and trains again. {escape(best.sentence())}",
        primary=True,
    )
