"""What happened in a run, in words: how it ended, how its gradient flows, and the headline made of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from nncore import History, RunConfig
from nncore.diagnosis import Flow


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


@dataclass(frozen=True)
class Headline:
    """A badge, why the run ended early ("" if it did not; a file may say anything), its flow, and what is to blame."""

    badge: Badge
    ended: str
    flow: Flow | None = None
    cause: str = ""

    def markdown(self) -> str:
        """For a page: the badge as such, and the numbers in bold type."""
        flow = flow_sentence(self.flow, strong=True) if self.flow else ""
        return " ".join(filter(None, (self.badge.markdown(), escape(self.ended), flow, self.cause)))

    def plain(self) -> str:
        """For a file: text without markup."""
        flow = flow_sentence(self.flow) if self.flow else ""
        return " ".join(filter(None, (f"{self.badge.title}.", self.ended, flow, self.cause)))


def headline(history: History, seen: Flow) -> Headline:
    """The end of a run that diverged, else its flow `seen` at one record, and the reason where one can be named."""
    if history.divergence:
        stands = f"The page stands on step {history.step[history.last_finite]}, the last finite one."
        badge = Badge("red", "warning", history.divergence.title)
        return Headline(badge, f"{history.divergence.cause} {stands}")
    functions, cause = history.network.activations, ""
    steepest = max((phi.max_slope for phi in functions), default=1.0)
    if seen.kind == "vanishing" and steepest < 1:
        cause = f"The slope of {_names(history.config)} is at most {steepest:.2g}; the weights do not make up for it."
    if seen.kind == "zero" and any(phi.name == "sign" for phi in functions):
        cause = "The slope of sign is 0 wherever it exists, so nothing passes back."
    return Headline(BADGES[seen.kind], history.stopped, seen, cause)


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
