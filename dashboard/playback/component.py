"""The player's buttons in the browser: a Streamlit component that names the frames to the charts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.controls import CONTROLS_CSS, CONTROLS_JS, SLIDERS_JS, source

KEY = "player"

PLAYER = source(Path(__file__).with_name("player"), CONTROLS_JS + SLIDERS_JS, CONTROLS_CSS)
_mount = st.components.v2.component(
    "nncore_player",
    **asdict(PLAYER),
    isolate_styles=False,  # while playing, its style sheet hides the step slider, whose place it takes
)


def player(
    data: dict[str, Any],
    *,
    on_play: Callable[[Any], None],
    on_stop: Callable[[Any], None],
    on_go: Callable[[Any], None],
    on_load: Callable[[Any], None],
) -> None:
    """Draw the bar. `data` is what player.js reads: "record", "last", "step", "lastStep", "said", "playing" and "ahead".

    `on_play(record)` is called before the rerun when Play is pressed, `on_stop(step)` when the playing has come
    to rest on a step, `on_go(record)` for first, back, forward and last, `on_load(record)` when the browser wants the
    frames without playing them.
    """

    def told(event: str, answer: Callable[[Any], None]) -> Callable[[], None]:
        def call_back() -> None:
            if (value := st.session_state[KEY].get(event)) is not None:
                answer(value)

        return call_back

    _mount(
        key=KEY,
        data=data,
        on_play_change=told("play", on_play),
        on_stop_change=told("stop", on_stop),
        on_go_change=told("go", on_go),
        on_load_change=told("load", on_load),
    )
