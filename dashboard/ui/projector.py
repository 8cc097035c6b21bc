"""The projector view of every page: large type, charts as high as the screen, keys for a clicker, and the link as a QR code."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import urlencode

import segno
import streamlit as st

from dashboard.controls import MOTION_JS
from dashboard.state.session import LARGE, session
from dashboard.ui import dialogs
from dashboard.ui.svg import draw

_mount = st.components.v2.component(
    "nncore_projector",
    html="",
    js=MOTION_JS + Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # what it scrolls is outside
)

MOST_LETTERS = 1200
"""Letters of a link up to which its QR code can be read from the back of a lecture hall."""


def switch() -> None:
    """The switch in the header of a page, and beside it, in the projector view, the link. Draw it once in each run of the app."""
    with st.container(key="projector", horizontal=True, vertical_alignment="center", width="content", gap="small"):
        is_on = st.toggle(
            "Projector",
            key=LARGE,
            bind="query-params",
            help="Large type, and charts as high as the screen. PageDown and PageUp, which clickers send, go from chart to "
            "chart, 1 to 9 to one of them; the link keeps it.",
        )
        if is_on:
            _mount(key="clicker")
            dialogs.opener("Link", _show_link, "qr", icon=":material/qr_code_2:", type="tertiary")
    session().large = is_on


@st.dialog("The link of this page", icon=":material/qr_code_2:", on_dismiss=dialogs.dismiss)
def _show_link() -> None:
    """The page's address as a QR code, for those who open it on their own screen."""
    query = {name: st.query_params.get_all(name) for name in st.query_params if name != LARGE}
    address = f"{st.context.url or ''}{'?' if query else ''}{urlencode(query, doseq=True)}"
    if len(address) <= MOST_LETTERS:
        draw("qr_code", code(address))
    else:
        st.caption(
            f"A QR code that can be read from afar holds {MOST_LETTERS:,} letters; this link has {len(address):,}."
        )
    st.code(address, language=None, wrap_lines=True)


def code(text: str) -> str:
    """A QR code as an `<svg>` as wide as its place, black on white in either theme.

    >>> code("http://localhost:8501").startswith("<svg")
    True
    """
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=False,
        light="#fff",
        omitsize=True,
        title="QR code of the link",
        nl=False,
    )
    return drawn.getvalue().decode().replace("<svg ", '<svg role="img" aria-label="QR code of the link" ', 1)
