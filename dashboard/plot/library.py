"""plotly.min.js of the installed plotly package, where the browser can fetch it."""

import functools
from pathlib import Path

import plotly
import streamlit as st
from plotly.offline import get_plotlyjs_version
from streamlit.runtime import get_instance

from nncore.history.whole_file import whole_file

SOURCE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
STATIC = Path(__file__).parents[1] / "static"  # Streamlit serves the folder `static` beside the app's script


@functools.cache
def install_library(folder: Path = STATIC) -> str | None:
    """Copy the library into `folder` and return its name there; None where the folder cannot be written.

    The name carries the version, so a browser's cache is never stale; the copy appears whole or not at all.
    """
    target = folder / f"plotly-{get_plotlyjs_version()}.min.js"
    if target.exists() and target.stat().st_size == SOURCE.stat().st_size:
        return target.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file:
            file.write(SOURCE.read_bytes())
    except OSError:
        return None
    return target.name


def static_path() -> str | None:
    """Where Streamlit serves the library as a file, relative to the app's root; None where it cannot."""
    name = install_library() if st.get_option("server.enableStaticServing") else None
    return f"app/static/{name}" if name else None


def library_path() -> str:
    """Where the browser finds the library, relative to the app's root.

    Where static serving is off or the app's folder is read-only, Streamlit serves the file from memory
    instead, which costs a hash of its 4.8 MB on every rerun.
    """
    if path := static_path():
        return path
    url = get_instance().media_file_mgr.add(str(SOURCE), "text/javascript", "nncore-plotly")
    return url.lstrip("/")
