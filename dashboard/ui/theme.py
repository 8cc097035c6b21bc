"""The reader's theme: its chart style, the projector view, and the CSS that the theme's settings cannot express."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard.charts.style import DARK, LIGHT, Style
from dashboard.state.session import LARGE, peek
from dashboard.ui import tables

LARGE_TYPE = 1.35

PROJECTED_HEIGHT = 520
"""Least height of a chart in the projector view, in pixels: with its title and note it fills a screen of 1080."""

CONTROLS = ", ".join(
    (
        "[data-testid=stNumberInputContainer]",
        "[data-testid=stTextInputRootElement]",
        "[data-testid=stTextAreaRootElement]",
        "[data-testid=stFileUploaderDropzone]",
        "[data-testid=stRadioOption] > div",
        ".stSelectbox [role=group]",
    )
)
"""What can be typed into or chosen, and is seen by its edge alone."""

LINKS = "[data-testid=stTopNavLink], [data-testid=stTopNavSection], [data-testid=stSidebarNavLink]"


def current() -> Style:
    """The style of the reader's theme, in large type when the page is projected."""
    style = DARK if st.context.theme.type == "dark" else LIGHT
    return replace(style, scale=LARGE_TYPE) if is_large() else style


def is_large() -> bool:
    """Is the page in the projector view?"""
    return peek(LARGE, False)


def add_css() -> None:
    """What the theme cannot say: margins, a phone's pairs of metrics, rows of steps and drawings first, large text (all sizes are rem)."""
    size = (
        f"html {{ font-size: {16 * LARGE_TYPE:g}px; }} .st-key-undo_buttons button p {{ display: none; }}"
        " :is(.st-key-ask, .st-key-symbols, .st-key-about_delta) { display: none; }"
        if is_large()
        else ""
    )
    margins = (
        ".stMainBlockContainer { padding-top: 4.25rem; }"
        "@media (min-width: 768px) { .stMainBlockContainer { padding-left: 2rem; padding-right: 2rem; } }"
    )
    # Streamlit writes white on the primary colour, which is too pale for that in the dark.
    filled = '[data-testid="stBaseButton-primary"], [data-tag], [data-tag] button'
    wide = f"[class*=st-key-{tables.WIDE}]"
    phone = (
        "@media (max-width: 640px) {"
        " .st-key-numbers .stColumn { min-width: calc(50% - 0.5rem); flex: 1 1 calc(50% - 0.5rem); }"
        " :is(.st-key-step_row, .st-key-lesson_part) > :first-child { flex: 1 1 100%; }"
        " .stColumn:has(:is(.st-key-f_network, .st-key-b_network)) { order: -1; }"  # a drawing to drag stands before the sliders of the same numbers
        f" {wide}::after {{ content: 'Swipe the table for its other columns →'; font-size: 0.875rem; color: {current().muted}; }} }}"
        " .st-key-numbers :is([data-testid=stMetricLabel], [data-testid=stMetricDelta]),"
        " .st-key-numbers :is([data-testid=stMetricLabel], [data-testid=stMetricDelta]) * { white-space: normal; }"
    )
    switch = (  # in the header, out of the page's flow
        ":is([data-testid=stLayoutWrapper], .stElementContainer):has(> .st-key-projector), .st-key-projector"
        " { position: fixed; top: 0; right: 3rem; height: 3.75rem; width: auto; z-index: 999990; }"
    )
    paper = current().background  # the player's bar covers what scrolls by below it
    bar = f".st-key-step_row {{ background: {paper}; box-shadow: 0 0 0 0.5rem {paper}; }}"
    numbers = (
        ".st-key-numbers [data-testid=stMetric] { padding: 0.375rem 0.75rem !important; }"
        ".st-key-numbers [data-testid=stMetric] > div:not([role]) { display: flex; flex-wrap: wrap; align-items: center; gap: 0 0.5rem; }"
        ".st-key-numbers [data-testid=stMetricValue] { font-size: 1.375rem; padding: 0; }"
    )
    pairs = (
        "@media (min-width: 641px) { .st-key-f_settings { display: grid; align-items: start;"
        " grid-template-columns: repeat(auto-fit, minmax(calc(50% - 1rem), 1fr)); } }"
    )
    captions = f"[data-testid=stCaptionContainer] {{ color: {current().muted}; opacity: 1; }}"
    edge = f":is({CONTROLS}):not(:hover, :focus, :focus-within) {{ border-color: {current().control}; }}"
    links = f":is({LINKS}):focus-visible {{ outline: 2px solid {current().primary}; outline-offset: -2px; }}"
    status = "[data-testid=stStatusWidget] { display: none; }"  # the page has a bar and a Stop of its own
    sidebar = "[data-testid=stSidebarHeader] { height: 2.25rem; }"
    group = "[class*=st-key-group_] > [data-testid=stLayoutWrapper] > .stExpander > details"
    groups = (  # a heading on the page and no box: the charts in it are as wide as those above
        f"{group} {{ border: 0; background: none; }} {group} > summary {{ padding-left: 0; font-size: 1.125rem; background: none; }}"
        f"{group} > [data-testid=stExpanderDetails] {{ padding: 0.25rem 0 0; border: 0; }}"
    )
    chip = "[data-testid=stFileChip][aria-invalid=true]"
    refused = (  # why a file was not taken, which Streamlit says to those who hover or have it read out
        f"{chip} {{ height: auto; max-width: none; flex-wrap: wrap; }}"
        f"{chip} > [role=alert] {{ position: static; width: auto; height: auto; margin: 0; clip: auto; clip-path: none;"
        " overflow: visible; white-space: normal; font-size: 0.875rem; }"
    )
    buttons = f"{filled} {{ color: {DARK.background}; }}" if current().dark else ""
    st.html(
        f"<style>{margins} {switch} {sidebar} {bar} {numbers} {pairs} {captions} {edge} {links} {status} {groups} {refused} {phone} {size} {buttons}</style>"
    )
