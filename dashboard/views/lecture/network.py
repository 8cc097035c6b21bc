"""The 1-2-1 network on a page of the lecture: θ to drag and type on its edges, and the gradient's way back, stage by stage."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.network import theta_network
from dashboard.views.lecture.charts_network import WayBack, network
from dashboard.views.lecture.inputs import THETA_LIMIT, THETA_STEP
from dashboard.words.numbers import digits
from nncore.lecture.models import ForwardPass


def show(prefix: str, theta: np.ndarray, x: float, seen: ForwardPass, look: Style, back: WayBack | None = None) -> None:
    """Draw the network of the sliders `{prefix}_theta{k}`, which follow what is moved on it. `back`: of one sample."""

    def move(k: int, value: float) -> None:
        st.session_state[f"{prefix}_theta{k}"] = value

    theta_network(
        network(theta, x, seen, look, back),
        theta.tolist(),
        key=f"{prefix}_drawing",
        alt="The 1-2-1 network, a θ on each edge",
        said="Drag a θ, or choose it and use the arrow keys; Enter or a double click types it.",
        limit=THETA_LIMIT,
        step=THETA_STEP,
        on_theta=move,
        stages=stages(theta, x, seen, back) if back else (),
    )


def way_back(y: float, seen: ForwardPass, slopes: np.ndarray) -> WayBack:
    """Of one sample, from y, its forward pass and ∂f/∂θ (7,)."""
    delta = float(seen.f) - y
    gradient = delta * slopes
    return WayBack(delta, (float(gradient[0]), float(gradient[1])), gradient)


def stages(theta: np.ndarray, x: float, seen: ForwardPass, back: WayBack) -> list[str]:
    """What each stage of the way back multiplies, with numbers."""
    delta = digits(back.delta, 4)
    hidden = [
        f"δ1{unit} = Δ θ{4 + unit} φ′(U1{unit}) = {delta} · {_factor(theta[4 + unit])} · {_factor(slope)} "
        f"= {digits(back.hidden[unit - 1], 4)}"
        for unit, slope in ((1, float(seen.slope_1)), (2, float(seen.slope_2)))
    ]
    return [
        f"At the output: Δ = −(y_a − y_p) = {delta}.",
        f"Δ ∂f/∂θ, beside each θ, is Δ times what came in: 1 for θ4, O11 = {digits(float(seen.o11), 4)} for θ5, "
        f"O12 = {digits(float(seen.o12), 4)} for θ6.",
        f"Through the weights and the slopes: {'; '.join(hidden)}.",
        f"δ11 and δ12 times what came in: 1 for θ0 and θ1, x = {digits(x, 4)} for θ2 and θ3.",
    ]


def _factor(value: float) -> str:
    text = digits(value, 4)
    return f"({text})" if value < 0 else text
