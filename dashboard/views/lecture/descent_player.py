"""Step, play and rewind a gradient descent: any step can be gone back to, by button, slider or keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.playback import timeline
from dashboard.ui import card
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture.backward_questions import THETA
from dashboard.words.numbers import digits
from nncore import MLP
from nncore.lecture.descent import Descent

STEP = "b_step"


def play(network: MLP, path: Descent, samples: tuple[np.ndarray, np.ndarray], look: Style) -> int:
    """The player, a step slider, and the charts and numbers that follow it; the step that the page stands on."""
    last = len(path.loss) - 1

    @cache
    def measure(batch: Callable[..., Any], steps: Sequence[int]) -> Any:
        return batch(path, steps)

    with st.container(key="step_row"):
        step, play = timeline(measure, range(last + 1), last, facts, partial(step_slider, last), STEP)
    curves = partial(charts.curve_measurements, network=network, samples=samples)
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
        st.dataframe(
            {"": THETA}
            | {name: [""] * len(THETA) if row is None else [digits(v, 10) for v in row] for name, row in rows.items()},
            hide_index=True,
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
    return [f"E = {digits(path.loss[k])}, longest gradient entry {digits(np.abs(path.grad[k]).max())}" for k in steps]
