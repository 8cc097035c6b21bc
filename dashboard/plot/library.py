"""plotly.js of the installed plotly package, where the browser can fetch it: no more of it than the charts draw with."""

import functools
import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import plotly
import streamlit as st
from plotly.offline import get_plotlyjs_version
from streamlit.runtime import get_instance

from nncore.history.whole_file import whole_file

TRACES = frozenset({"bar", "contour", "heatmap", "scatter"})
"""The kinds of traces that charts may draw. For another one `python -m tests.plotly_left_out` writes LEFT_OUT anew."""

SOURCE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
LEFT_OUT = Path(__file__).with_name("left_out.json")
"""Of which file ("sha256"), and how many bytes of it are taken and left out in turns ("runs")."""

STATIC = Path(__file__).parents[1] / "static"  # Streamlit serves the folder `static` beside the app's script


@functools.cache
def library() -> bytes:
    """The library, UTF-8: without the modules of all other kinds of traces, a third of its bytes; whole where it is not the
    file of LEFT_OUT.
    """
    whole = SOURCE.read_bytes()
    left_out = json.loads(LEFT_OUT.read_text(encoding="utf-8"))
    if sha256(whole).hexdigest() != left_out["sha256"]:
        return whole
    return taken(whole, left_out["runs"])


def taken(whole: bytes, runs: Iterable[int]) -> bytes:
    """What is left of bytes of which so many are taken and left out in turns."""
    pieces, place, is_taken = [], 0, True
    for length in runs:
        if is_taken:
            pieces.append(whole[place : place + length])
        place, is_taken = place + length, not is_taken
    return b"".join(pieces)


@functools.cache
def install_library(folder: Path = STATIC) -> str | None:
    """Copy the library into `folder` and return its name there; None where the folder cannot be written.

    The name carries version and content, so a browser's cache is never stale; the copy appears whole or not at all.
    """
    content = library()
    target = folder / f"plotly-{get_plotlyjs_version()}-{sha256(content).hexdigest()[:8]}.min.js"
    if target.exists() and target.stat().st_size == len(content):
        return target.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file:
            file.write(content)
    except OSError:
        return None
    return target.name


def static_path() -> str | None:
    """Where Streamlit serves the library as a file, relative to the app's root; None where it cannot."""
    name = install_library() if st.get_option("server.enableStaticServing") else None
    return f"app/static/{name}" if name else None


def library_path() -> str:
    """Where the browser finds the library, relative to the app's root.

    Where static serving is off or the app's folder is read-only, Streamlit serves it from memory instead, which costs
    a hash of its bytes on every rerun.
    """
    if path := static_path():
        return path
    url = get_instance().media_file_mgr.add(library(), "text/javascript", "nncore-plotly")
    return url.lstrip("/")
