"""The drawn networks, Streamlit components: the lab's, lit by its gradient, and the lecture's, with θ to drag and type."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.controls import CONTROLS_CSS, CONTROLS_JS, source
from dashboard.plot import FRAMES_JS
from dashboard.plot.encoding import encode

_FOLDER = Path(__file__).parent
NETWORK = source(_FOLDER / "network", CONTROLS_JS + FRAMES_JS, CONTROLS_CSS)
_mount = st.components.v2.component(
    "nncore_network",
    **asdict(NETWORK),
    isolate_styles=False,  # what follows a chosen layer, and the player, is outside
)


def network(
    figure: dict[str, Any],
    *,
    key: str,
    alt: str,
    height: int,
    frames: dict[str, Any] | None = None,
    on_click: Callable[[dict[str, int]], None] | None = None,
    axis: str | None = None,
) -> None:
    """Draw what `dashboard.charts.network.scene` makes of a run at one record.

    key: names the drawing on its page; alt: what it shows, in a sentence. height: pixels.
    frames: what `dashboard.plot.frames` makes of a series of scenes, with the "run" of the player they follow.
    on_click: called with {"layer", "from", "to"} of a clicked weight, or of the weight into a clicked unit whose gradient
        is the largest, before the rerun.
    axis: key of the chart on whose layer axis the columns stand, where it is on the page too.
    """

    def call_back() -> None:
        if on_click and (edge := st.session_state[key].get("click")):
            on_click({name: int(edge[name]) for name in ("layer", "from", "to")})

    data = {
        "figure": encode(figure),
        "key": key,
        "alt": alt,
        "height": height,
        "click": on_click is not None,
        "frames": frames,
        "axis": axis,
    }
    clicked = {"on_click_change": call_back} if on_click else {}
    _mount(key=key, data=data, height=height, **clicked)


_mount_theta = st.components.v2.component(
    "nncore_theta", **asdict(source(_FOLDER / "theta", CONTROLS_JS, CONTROLS_CSS))
)


def theta_network(
    svg: str,
    theta: Sequence[float],
    *,
    key: str,
    alt: str,
    said: str,
    limit: float,
    step: float,
    on_theta: Callable[[int, float], None],
    stages: Sequence[str] = (),
) -> None:
    """Show a drawing in which each group `data-theta="k"` is a θ_k that can be dragged, typed, and moved by arrow keys.

    svg: of our own, its words escaped. theta: the values that stand in it, each within ±limit; a drag moves one by
        multiples of `step`. on_theta: called with k and the new value before the rerun.
    stages: the way back, a sentence for each; what has `data-stage="n"` in the drawing appears with the n-th, counted
        from 1. They are walked through when the drawing first appears. said: what stands there without a stage.
    """

    answered = (
        f"{key}_serial"  # of the moves that the browser has told; what it shows itself is newer than an older answer
    )

    def call_back() -> None:
        if moved := st.session_state[key].get("theta"):
            k, value = int(moved["k"]), float(moved["value"])
            st.session_state[answered] = int(moved["serial"])
            if 0 <= k < len(theta) and abs(value) <= limit:
                on_theta(k, value)

    data = {
        "svg": svg,
        "theta": [float(value) for value in theta],
        "alt": alt,
        "said": said,
        "limit": limit,
        "step": step,
        "stages": list(stages),
        "serial": st.session_state.get(answered, 0),
    }
    _mount_theta(key=key, data=data, on_theta_change=call_back)
