"""The drawn network: a Streamlit component that lights every weight by its gradient and walks the gradient back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.plot import FRAMES_JS
from dashboard.plot.encoding import encode

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "nncore_network",
    html=(_FOLDER / "network.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "network.css").read_text(encoding="utf-8"),
    js=FRAMES_JS + (_FOLDER / "network.js").read_text(encoding="utf-8"),
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
