"""Gradient descent on the lecture's parabola: any step can be gone back to, by button, slider or keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.playback import timeline
from dashboard.ui import card, tables
from dashboard.views.lecture import backward_questions as questions
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture.inputs import activation_picker, set_up, theta_settings, theta_sliders, whole
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.quiz import ask
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, SAMPLES, THETA, descent_from, notices
from dashboard.words.numbers import digits
from nncore import MLP
from nncore.lecture.descent import Descent
from nncore.lecture.models import ONE_TWO_ONE

STEP = "b_step"


def show(look: Style, numbers: Numbers) -> None:
    """Descent on the lecture's parabola, from the theta of the sliders."""
    controls, page = st.columns([2, 7], gap="medium")
    with controls:
        alpha = st.number_input(
            "Learning rate α",
            0.0,
            1000.0,
            0.1,
            0.05,
            key="b_alpha",
            format="%g",
            bind="query-params",
            help="0.1 learns slowly, 0.3 quickly; from 0.8 on it overshoots.",
        )
        steps = whole("Steps", "b_steps", 1, 5000, 500, "Updates to take; every one is kept.")
        phi = activation_picker("b_phi")
        st.caption("θ at step 0:")
        theta = theta_sliders("b", typed=True)
    network = MLP(ONE_TWO_ONE, phi)
    path = descent_from(tuple(theta), alpha, steps, phi.name)
    with page:
        with st.container(horizontal=True, key="b_descents"):
            set_up("Worked example", "b_go_0", theta_settings("b", EXAMPLE_THETA) | {"b_alpha": 0.1, "b_step": 0})
            set_up("α = 0.5", "b_go_1", {"b_alpha": 0.5, "b_step": 0}, help="Quick, with a bump on the way.")
            set_up("α = 2 diverges", "b_go_2", {"b_alpha": 2.0, "b_step": 0}, help="Too large a step.")
            set_up("All θ equal", "b_go_3", theta_settings("b", (0.5,) * 7) | {"b_step": 0})
            set_up("All θ zero", "b_go_4", theta_settings("b", (0.0,) * 7) | {"b_step": 0})
        for sentence in notices(theta, SAMPLES[0], phi, path.grad[0]):
            st.info(sentence, icon=":material/lightbulb:")
        outcome(path, alpha)
        shown = follow(network, path, look)
    numbers.add("descent", "α", "chosen", alpha)
    for step in sorted({0, shown, path.last_finite}):
        numbers.add(f"step {step}", "E", "mean of (y − f)²", path.loss[step])
        numbers.add_all(f"step {step}", THETA, "θ", path.theta[step])
        numbers.add_all(f"step {step}", [f"∂E/∂θ{k}" for k in range(7)], "gradient", path.grad[step])
    st.subheader("Predict first", anchor=False)
    ask([questions.equal(), questions.zero(), questions.bounce()], 3)


def outcome(path: Descent, alpha: float) -> None:
    """How the descent ended, in a sentence: fell, rose, or broke."""
    first, last = path.loss[0], path.loss[path.last_finite]
    if path.divergence is not None:
        st.error(
            f"{path.divergence.sentence()} α = {digits(alpha)} is too large: the loss was above its start from step "
            f"{path.rose_at} on, and each step overshot further. The steps up to there are all kept.",
            icon=":material/trending_up:",
        )
    elif last > first:
        st.warning(
            f"α = {digits(alpha)} is too large: E rose from {digits(first, 4)} to {digits(last, 4)}; it was first above its start "
            f"at step {path.rose_at}. More steps would end in an overflow or in a jump about the valley.",
            icon=":material/trending_up:",
        )
    elif path.rose_at is not None:
        st.warning(
            f"E fell from {digits(first, 4)} to {digits(last, 4)}, but not steadily: at step {path.rose_at} it was above its start.",
            icon=":material/ssid_chart:",
        )


def follow(network: MLP, path: Descent, look: Style) -> int:
    """The player, a step slider, and the charts and numbers that follow it; the step that the page stands on."""
    last = len(path.loss) - 1

    @cache
    def measure(batch: Callable[..., Any], steps: Sequence[int]) -> Any:
        return batch(path, steps)

    with st.container(key="step_row"):
        step, play = timeline(measure, range(last + 1), last, facts, partial(step_slider, last), STEP)
    curves = partial(charts.curve_measurements, network=network, samples=SAMPLES)
    with st.container(key="numbers"):
        st.markdown(f"Step **{step}** of {last}: {facts(path, [step])[0]}.")
    bend, measured = measure(curves, (step,))[0], charts.path_measurement(path)
    left, right = st.columns(2)
    with left:
        frames = play.frames(lambda each: charts.curve(play.measured(curves, each), each, look))
        card.show("b_curve", charts.CURVE, bend, charts.curve(bend, step, look), height=300, frames=frames)
        drawn = partial(charts.loss, measured, style=look)
        card.show("b_loss", charts.LOSS, measured, drawn(step), height=190, frames=play.marks(drawn))
    with right:
        drawn = partial(charts.parameters, measured, last=path.last_finite, style=look)
        card.show("b_parameters", charts.PARAMETERS, measured, drawn(step), height=530, frames=play.marks(drawn))
    rows = {"θ": path.theta[step], "∂E/∂θ": path.grad[step], "next θ": path.theta[step + 1] if step < last else None}
    with st.container(key="numbers_of_step"):
        tables.show(
            "descent",
            {"": THETA}
            | {name: [""] * len(THETA) if row is None else [digits(v, 10) for v in row] for name, row in rows.items()},
        )
    return step


def step_slider(last: int) -> int:
    """The step that the page stands on."""
    st.session_state[STEP] = min(max(int(st.session_state.get(STEP, 0)), 0), last)
    if last == 0:
        return 0
    return int(
        st.slider(
            "Step",
            0,
            last,
            key=STEP,
            bind="query-params",
            help="Every step is kept. The arrow keys move it by one, Home and End go to the first and last.",
        )
    )


def facts(path: Descent, steps: Sequence[int]) -> list[str]:
    """Loss and largest gradient entry of each step, in words."""
    return [f"E = {digits(path.loss[k])}, largest gradient entry {digits(np.abs(path.grad[k]).max())}" for k in steps]
