"""Inline SVG drawings on a page."""

from __future__ import annotations

import streamlit as st

_mount_drawing = st.components.v2.component(
    "nncore_drawing",
    html='<div class="nncore-drawing"></div>',
    js="export default ({data, parentElement}) => "
    "{ parentElement.querySelector('.nncore-drawing').innerHTML = data.svg; }",
)


def draw(key: str, svg: str) -> None:
    """Show a drawing, an `<svg>` of our own with its words escaped and its colours the theme's.

    `st.html` would strip it; a picture file would keep its words from those who cannot see it.
    """
    _mount_drawing(key=key, data={"svg": svg})
