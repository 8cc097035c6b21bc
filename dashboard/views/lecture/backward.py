"""Backpropagation by hand: every factor of the chain rule with its number, the sigmoid's slope, descent to rewind."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import symbols, theme
from dashboard.views.lecture import by_hand, descent, inspector, sigmoid_slope
from dashboard.views.lecture.numbers_table import Numbers

PARTS = {"By hand": by_hand.show, "Slope": sigmoid_slope.show, "Descent": descent.show, "Inspector": inspector.show}

st.title("Backpropagation by hand", anchor=False)
st.markdown(
    "How much does the error change when one θ changes a little? Follow θ's influence forward to the output, multiply what each "
    "station does to it, and you have the gradient. That is all backpropagation is; the order, back to front, saves work."
)
symbols.fold()
part = st.segmented_control(
    "Part of the page",
    list(PARTS),
    default="By hand",
    key="b_part",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
    help="By hand: one θ, every factor. Slope: why O(1 − O). Descent: play and rewind. Inspector: any network of the lab.",
)
part = part or "By hand"  # an empty value in the address is no choice
numbers = Numbers(f"backpropagation {part.lower()}")
PARTS[part](theme.current(), numbers)
if numbers.rows:
    numbers.show("backward")
