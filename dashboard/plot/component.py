"""The chart itself: a Streamlit component around Plotly.react."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import streamlit as st

from dashboard.controls import MOTION_JS, SLIDERS_JS, source
from dashboard.plot.encoding import encode
from dashboard.plot.library import TRACES, library_path

DEFAULT_HEIGHT = 400

_FOLDER = Path(__file__).parent
FRAMES_JS = (_FOLDER / "frames.js").read_text(encoding="utf-8")
"""What a component needs to read the frames of a playing: its own script follows it."""

_CHANGES_JS, _AHEAD_JS = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("changes.js", "ahead.js"))

PLOT = source(_FOLDER / "plot", MOTION_JS + SLIDERS_JS + FRAMES_JS + _CHANGES_JS + _AHEAD_JS)
_mount = st.components.v2.component(
    "nncore_plot",
    **asdict(PLOT),
    isolate_styles=False,  # plotly.js writes its style sheet into the page, which a shadow root does not see
)


class Point(TypedDict):
    """A clicked point: its place, its trace, and its index in the trace ([row, column] in a heat map)."""

    x: Any
    y: Any
    z: Any
    curve: int
    point: Any
    customdata: Any


def plot(
    figure: dict[str, Any],
    *,
    key: str,
    alt: str,
    height: int | None = None,
    on_click: bool | Callable[[Point], None] = False,
    frames: dict[str, Any] | None = None,
    ahead: dict[str, Any] | None = None,
) -> Point | None:
    """Draw a figure, and keep zoom, pan and hidden legend entries when it comes again with other data.

    figure: {"data": [trace, ...], "layout": {...}} as in Plotly, with NumPy arrays; also "frames", "config".
        layout.uirevision decides what is kept, and is `key` unless given: another value forgets the zoom.
        layout.meta["name"] names the downloaded pictures; without it `key` does.
    key: names the chart on its page; the same key is the same chart.
    alt: what the chart shows, in a sentence, for those who cannot see it.
    height: pixels, reserved before the chart is drawn; layout.height or 400 without it. The width is the
        container's.
    on_click: True reruns the app on a click. A function is called with the point first, before the rerun,
        where it may still set the value of a widget.
    frames: what `dashboard.plot.frames` makes of a series of figures, with the "run" of the player that
        they follow; without a server they are drawn on the same node, zoom and hidden entries kept.
    ahead: a line that moves with the thumb of a slider while it is held: {"line": its trace's uid, "hidden": the uid
        of a trace that is not drawn meanwhile, "sliders"}. Of each slider, by its key: "at", where it stood for the
        figure; "stops", settings along it, and "logs" (n_stops, n), log10 of the line at x = 1, 2, ... for each of
        them, NaN beyond its end.

    Returns the point whose click caused this run, None in every other run or without `on_click`. Raises
    ValueError for a figure or key of the wrong form and TypeError for a value that a figure cannot hold.
    """
    if not isinstance(figure, dict) or not isinstance(figure.get("data"), list | tuple):
        got = sorted(map(str, figure)) if isinstance(figure, dict) else type(figure).__name__
        raise ValueError(f'figure must be a dict with a list of traces under "data"; got {got}')
    if strange := {trace.get("type", "scatter") for trace in figure["data"]} - TRACES:
        raise ValueError(
            f"traces must be of {', '.join(sorted(TRACES))}, which plotly.js is served with; got {', '.join(sorted(strange))}"
        )
    if not key or "__" in key:
        raise ValueError(f"key must be text without a double underscore; got {key!r}")
    height = height or figure.get("layout", {}).get("height") or DEFAULT_HEIGHT

    def call_back() -> None:
        if callable(on_click) and (point := st.session_state[key].get("click")):
            on_click(point)

    data = {
        "figure": encode(figure),
        "key": key,
        "alt": alt,
        "height": height,
        "click": bool(on_click),
        "library": library_path(),
        "frames": frames,
        "ahead": encode(ahead),
    }
    clicked = {"on_click_change": call_back} if on_click else {}
    result = _mount(key=key, data=data, height=height, **clicked)
    return result.get("click")
