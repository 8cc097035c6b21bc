"""An app of charts only, for test_plot.py: one that changes, one to click, one that breaks, one out of sight."""

import numpy as np
import streamlit as st

from dashboard.plot import plot

scale = st.slider("scale", 1, 5, key="scale")
st.text(f"theme {st.context.theme.type}, scale {scale}")

x = np.arange(20, dtype=np.float32)
lines = [
    {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": factor * scale * x}
    for name, factor in [("delta", 1), ("weight gradient", 2)]
]
layout = {
    "title": {"text": "Gradient flow"},
    "meta": {"name": "gradient flow, step 3"},
    "showlegend": True,
    "yaxis": {"range": [0, 45 * scale]},  # given, and another one for other data; that of x is Plotly's own
}
plot({"data": lines, "layout": layout}, key="lines", alt="Two rising lines.", height=300)

cells = np.array([[1.0, np.nan], [3.0, scale]], np.float32)
heatmap = {"type": "heatmap", "x": [1, 2], "y": [0, 10], "z": cells, "showscale": False}
point = plot(
    {"data": [heatmap], "layout": {"margin": dict.fromkeys("lrtb", 0)}},
    key="cells",
    alt="Four cells, one of them empty.",
    height=200,
    on_click=True,
)
st.text(f"clicked {point and (point['x'], point['y'], point['z'], point['point'])}")

if st.toggle("break"):
    good = st.toggle("mend")
    y = np.arange(3.0) if good else {"dtype": "x9", "bdata": "AAAA"}
    plot({"data": [{"type": "scatter", "y": y}]}, key="broken", alt="Three points.", height=150)

_, second = st.tabs(["first", "second"])
with second:
    plot({"data": lines}, key="hidden", alt="Two lines on a tab.", height=200)
