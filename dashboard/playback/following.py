"""What is said of one record, drawn in the browser as the player moves on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from dashboard.controls import source

FOLLOWING = source(Path(__file__).with_name("following"))
_mount = st.components.v2.component(
    "nncore_following",
    **asdict(FOLLOWING),
    isolate_styles=False,  # the player's style sheet finds it
)


def following(frames: dict[str, Any], kind: Literal["words", "numbers"], *, key: str) -> None:
    """Draw what `Playback.said` made: per frame {"colour", "title", "text"} or a list of {"label", "value", "below"}."""
    _mount(key=key, data={**frames, "kind": kind})
