"""Step, play and rewind a gradient descent: any step can be gone back to, by button, slider or keyboard."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.ui import card
from dashboard.views.lecture import charts_backward as charts
from dashboard.words.numbers import digits
from nncore import MLP
from nncore.lecture.descent import Descent

TICK = 0.35
"""Seconds between two pictures; a browser paints four or five a second."""

PICTURES = 40
"""Pictures that a whole playing takes at most."""

STEP, PLAYING = "b_step", "b_playing"


def play(network: MLP, path: Descent, samples: tuple[np.ndarray, np.ndarray], look: style.Style) -> None:
    """Buttons, a step slider and the four charts that follow it."""
    last = len(path.loss) - 1
    st.session_state[STEP] = min(max(int(st.session_state.get(STEP, 0)), 0), last)
    playing = bool(st.session_state.get(PLAYING)) and last > 0
    with st.container(horizontal=True, key="b_player", vertical_alignment="center"):
        for label, icon, to in (
            ("Rewind", "first_page", 0),
            ("Back", "chevron_left", -1),
            ("Forward", "chevron_right", 1),
            ("End", "last_page", last),
        ):
            if label == "Forward":
                st.button(
                    "Pause" if playing else "Play",
                    key="b_play",
                    type="primary",
                    on_click=_toggle,
                    args=(last,),
                    icon=":material/pause:" if playing else ":material/play_arrow:",
                )
            target = partial(_go, to, last) if label in ("Rewind", "End") else partial(_walk, to, last)
            st.button(label, key=f"b_{label.lower()}", icon=f":material/{icon}:", on_click=target)
    moving = st.fragment(_pictures, run_every=TICK if playing else None)
    moving(network, path, samples, look)


def _go(step: int, last: int) -> None:
    st.session_state[PLAYING] = False
    st.session_state[STEP] = min(step, last)


def _walk(by: int, last: int) -> None:
    _go(min(max(int(st.session_state.get(STEP, 0)) + by, 0), last), last)


def _toggle(last: int) -> None:
    """Play from here, or from the start when at the end; or pause."""
    if st.session_state.get(PLAYING):
        st.session_state[PLAYING] = False
        return
    st.session_state[PLAYING] = True
    if st.session_state.get(STEP, 0) >= last:
        st.session_state[STEP] = 0


def _pictures(network: MLP, path: Descent, samples: tuple[np.ndarray, np.ndarray], look: style.Style) -> None:
    """Everything that follows the step; while playing it moves on by itself."""
    last = len(path.loss) - 1
    if st.session_state.get(PLAYING):
        st.session_state[STEP] = min(int(st.session_state.get(STEP, 0)) + max(1, last // PICTURES), last)
    step = 0
    if last > 0:
        step = int(
            st.slider(
                "Step",
                0,
                last,
                key=STEP,
                bind="query-params",
                help="Every step is kept. The arrow keys move it by one, Home and End go to the first and last.",
            )
        )
    measured = charts.path_measurement(path)
    st.markdown(
        f"Step **{step}** of {last}: E = **{digits(path.loss[step])}**, longest gradient entry "
        f"{digits(np.abs(path.grad[step]).max())}."
    )
    with np.errstate(all="ignore"):
        bends = charts.curve_measurement(network, path, step, samples)
    left, right = st.columns(2)
    with left:
        card.show("b_curve", charts.CURVE, bends, charts.curve(bends, step, look), height=300)
        card.show("b_loss", charts.LOSS, measured, charts.loss(measured, step, look), height=190)
    with right:
        figure = charts.parameters(measured, step, path.last_finite, look)
        card.show("b_parameters", charts.PARAMETERS, measured, figure, height=530)
    st.dataframe(
        {
            "": [f"θ{k}" for k in range(path.theta.shape[1])],
            "θ": [digits(v, 10) for v in path.theta[step]],
            "∂E/∂θ": [digits(v, 10) for v in path.grad[step]],
            "next θ": [digits(v, 10) for v in path.theta[step + 1]] if step < last else [""] * path.theta.shape[1],
        },
        hide_index=True,
    )
    if st.session_state.get(PLAYING) and step >= last:
        st.session_state[PLAYING] = False
        st.rerun()
