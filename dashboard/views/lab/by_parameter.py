"""Gradients by name: which parameters get the most, which inputs none, and how often all of them together were clipped."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.charts.style import Style
from dashboard.jobs.work import Training
from dashboard.playback import Playback
from dashboard.ui import card, layout, tables
from dashboard.views.lab import charts_parameters as charts
from dashboard.views.lab.charts_parameters import TENSORS, TOTAL
from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from nncore import History, Measurement
from nncore.measures.by_parameter import by_tensor, clipped_share, silent_inputs, total_norm

KEY = "tensors"


def total(training: Training, record: int, look: Style, step: int, play: Playback) -> None:
    """The norm of the whole gradient over the steps, and the share of them in which it was clipped."""
    config, measured = training.config, training.measured(total_norm)
    share = training.measured(clipped_share, record)
    finding = "" if share is None else f"{percent(share)} of the steps up to {step:,} were clipped."
    drawn = partial(charts.total, measured, config.clip_norm, look)
    card.show("total", TOTAL, measured, drawn(step), finding=finding, frames=play.marks(drawn))


def table(training: Training, record: int) -> None:
    """Every weight matrix and bias with its gradient at this step, and the inputs that have never got one."""
    if not layout.shows(KEY):
        return
    measured = training.measured(by_tensor, record)
    with card.frame(KEY, TENSORS, measured):
        tables.show("tensors", rows(measured), height=300)
        st.caption(f"{silence(training.history, training.measured(silent_inputs, record))} {TENSORS.note}".strip())


def rows(measured: Measurement) -> dict[str, list[str]]:
    """The table as a reader sees it, the largest gradient first."""
    frame = measured.frame().sort_values("largest", ascending=False)
    return {
        "parameters": frame["name"].to_list(),
        "‖∂E/∂θ‖": [number(each) for each in frame["norm"]],
        "largest at": [
            f"{place}: {number(each)}" for place, each in zip(frame["largest_at"], frame["largest"], strict=True)
        ],
        "mean": [number(each) for each in frame["mean"]],
        "std": [number(each) for each in frame["std"]],
        "near zero": [percent(each) for each in frame["near_zero"]],
    }


def silence(history: History, inputs: list[int]) -> str:
    """The inputs that have never got a gradient, by name."""
    if not inputs:
        return "Every input has had a gradient."
    names = history.config.data().feature_names
    named = ", ".join(escape(names[place]) for place in inputs[:8]) + (", …" if len(inputs) > 8 else "")
    verb = "input has" if len(inputs) == 1 else "inputs have"
    return f"**{len(inputs)} of {len(names)} {verb} never got a gradient:** {named}."
