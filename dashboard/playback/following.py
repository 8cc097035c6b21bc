"""What is said of one record, drawn in the browser as the player moves on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import streamlit as st

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "nncore_following",
    html=(_FOLDER / "following.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "following.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "following.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # the player's style sheet finds it
)


def following(frames: dict[str, Any], kind: Literal["words", "numbers"], *, key: str) -> None:
    """Draw what `Playback.said` made: per frame {"colour", "title", "text"} or a list of {"label", "value", "below"}."""
    _mount(key=key, data={**frames, "kind": kind})
