"""What happened in a run, in words: how it ended, how its gradient flows, and the headline made of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from dashboard.words.sentences import unbroken
from nncore import History, RunConfig
from nncore.diagnosis import Flow, Verdict, flow, verdict
from nncore.diagnosis.loss_course import LossCourse


@dataclass(frozen=True)
class Badge:
    """A few words that are read first, with a colour and one of Streamlit's Material icons."""

    colour: str
    icon: str
    title: str

    def markdown(self) -> str:
        """The badge in Streamlit's Markdown."""
        return f":{self.colour}-badge[:material/{self.icon}: {self.title}]"


BADGES = {
    "vanishing": Badge("blue", "trending_down", "Gradients vanish"),
    "exploding": Badge("orange", "trending_up", "Gradients explode"),
    "flowing": Badge("green", "check", "Gradients flow"),
    "zero": Badge("red", "block", "No gradient"),
    "not finite": Badge("red", "warning", "Not finite"),
    "single": Badge("gray", "info", "One layer"),
}
"""By kind of flow."""


OF_THE_FLOW = {"vanishing": "vanishing", "exploding": "exploding", "zero_gradient": "zero"}
"""Rules that say what `flow_sentence` says -> the kind of flow."""

COLOURS = {3: ("red", "error"), 2: ("orange", "warning")}
"""Severity -> a badge's colour and icon."""


@dataclass(frozen=True)
class Headline:
    """A badge and sentences about one step: how the run ended, what is wrong, its flow, its loss.

    `ended`: why the run ended early, "" if it did not; a file may say anything.
    """

    badge: Badge
    ended: str
    when: str = ""
    flow: Flow | None = None
    more: str = ""

    def markdown(self) -> str:
        """For a page: the badge as such, and the numbers in bold type."""
        flow = flow_sentence(self.flow, strong=True) if self.flow else ""
        parts = (self.badge.markdown(), escape(self.ended), self.when, flow, unbroken(escape(self.more)))
        return " ".join(filter(None, parts))

    def plain(self) -> str:
        """For a file: text without markup."""
        return f"{self.badge.title}. {self.sentences()}".strip()

    def sentences(self) -> str:
        """What follows the badge, without markup."""
        flow = flow_sentence(self.flow) if self.flow else ""
        return " ".join(filter(None, (self.ended, self.when, flow, self.more)))


def headline(history: History, record: int, found: Sequence[Verdict] | None = None) -> Headline:
    """What is wrong at one record, the gravest first, or that nothing is; how the gradient flows there, and the loss.

    `found`: the verdicts there, if they are known. Green is only what learns: no finding of severity 2 or more, and a loss below the constant answer's.
    """
    found = verdict(history, record) if found is None else found
    seen, step = flow(history, record), int(history.step[record])
    when = f"At step {step:,}:"
    course = LossCourse(history, record)
    loss = loss_sentence(course)
    grave = [each for each in found if each.severity > 1 and each.kind != "chart"]
    if history.divergence:
        cause = "".join(f" {each.title}: {each.sentence}" for each in grave[:1] if each.kind == "cause")
        badge = Badge("red", "warning", history.divergence.title)
        return Headline(badge, f"{history.divergence.cause} {_stands(history, record)}", more=cause.strip())
    if grave and grave[0].rule not in OF_THE_FLOW:
        badge = Badge(*COLOURS[grave[0].severity], grave[0].title)
        return Headline(badge, history.stopped, when, more=grave[0].sentence)
    if grave:
        return Headline(
            BADGES[OF_THE_FLOW[grave[0].rule]], history.stopped, when, seen, f"{_blame(history, seen)} {loss}".strip()
        )
    badge = BADGES[seen.kind]
    if not course.beats_a_guess:
        badge = Badge("gray", "hourglass_empty", f"{badge.title}, nothing is learned yet")
    return Headline(badge, history.stopped, when, seen, loss)


def loss_sentence(course: LossCourse) -> str:
    """The loss that is judged, and the constant answer's."""
    shown = float(course.history.loss[course.record])
    averaged = "" if course.now == shown else f" ({number(course.now)} over an epoch, penalties aside)"
    return f"The loss is {number(shown)}{averaged}; one answer for every input has {number(course.constant)}."


def _stands(history: History, record: int) -> str:
    """Where the page stands in a run that diverged."""
    last, step = int(history.step[history.last_finite]), int(history.step[record])
    if step == last:
        return f"The page stands on step {step:,}, the last finite one."
    return f"The page stands on step {step:,}; the last finite one is {last:,}."


def _blame(history: History, seen: Flow) -> str:
    """What is to blame for a gradient that does not flow, where the activation is."""
    functions = history.network.activations
    steepest = max((phi.max_slope for phi in functions), default=1.0)
    if seen.kind == "vanishing" and steepest < 1:
        return f"The slope of {_names(history.config)} is at most {steepest:.2g}; the weights do not make up for it."
    if seen.kind == "zero" and any(phi.name == "sign" for phi in functions):
        return "The slope of sign is 0 wherever it exists, so nothing passes back."
    return ""


def flow_sentence(seen: Flow, strong: bool = False) -> str:
    """What layer 1 receives of what the last layer receives; `strong`: the numbers in Markdown's bold type."""
    mark = "**" if strong else ""
    if seen.kind == "single":
        return "There is no hidden layer for the gradient to pass."
    if seen.kind == "not finite":
        return "δ is not finite here."
    if seen.kind == "zero":
        dark = int(np.count_nonzero(seen.delta == 0))
        return f"δ is {mark}exactly 0{mark} in {dark} of {seen.n_layers} layers: those layers cannot learn."
    times, of = ("", "of ") if seen.ratio < 1 else (" ×", "")
    share = f"{mark}{number(seen.ratio)}{times}{mark} {of}what layer {seen.n_layers} receives"
    return f"Layer 1 receives {share}; each layer passes on about {mark}{layer_factor(seen.rate)}{mark}."


def layer_factor(rate: float) -> str:
    """The factor of one layer: a percentage, or for large ones a multiple."""
    return percent(rate) if rate < 10 else f"{number(rate)} ×"


def ending(history: History) -> str:
    """How a run ended, in a few words."""
    if history.divergence:
        return f"diverged at step {history.divergence.step:,}"
    return f"{'stopped' if history.was_stopped else 'finished'} at step {int(history.step[-1]):,}"


def _names(config: RunConfig) -> str:
    names = [config.activation] if isinstance(config.activation, str) else sorted(set(config.activation))
    return " and ".join(names)
