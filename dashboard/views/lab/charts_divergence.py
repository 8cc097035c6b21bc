"""A run that diverged: how its numbers grew step by step, and where the first one broke."""

from __future__ import annotations

import numpy as np

from dashboard.charts.style import (
    CIVIDIS,
    Figure,
    Style,
    drawable,
    layer_axis,
    log_axis,
    log_ticks,
    merge,
    shade_range,
    step_axis,
)
from dashboard.ui.card import Text
from nncore import Measurement
from nncore.diagnosis import Forensics

GROWTH = Text(
    "Before the end", "the largest number of each kind", "The line that turns up first is what carried the others away."
)
PLACE = Text(
    "Where it broke",
    "layer by layer",
    "✕ is not finite; the ringed cell is the first one. Numbers that grow from step to step are the weights' doing, from "
    "layer to layer the initialization's.",
)
LINES = {
    "theta": ("max |θ|", "dash", "square"),
    "z": ("max |z|", "solid", "diamond"),
    "delta": ("max |δ|", "solid", "circle"),
    "loss": ("loss", "dot", "x"),
}
SHOWN = {"theta": "theta", "z": "z", "a": "z", "loss": "z", "delta": "delta", "gradient": "delta"}
"""What broke -> the quantity whose layers are drawn."""


def growth(measured: Measurement, style: Style) -> Figure:
    """θ, z and δ, in the layer where each is largest, and the loss over the last steps."""
    steps = measured.axes["step"]
    colours = {"theta": style.weight, "z": style.activation, "delta": style.delta, "loss": style.ink}
    traces, shown = [], []
    for name, (label, dash, symbol) in LINES.items():
        values = (measured.columns or {})["loss"][1] if name == "loss" else measured[name].max(axis=1)
        drawn = drawable(values)
        shown.append(drawn)
        traces.append(
            {
                "type": "scatter",
                "x": steps,
                "y": drawn,
                "name": label,
                "mode": "lines+markers",
                "line": {"color": colours[name], "width": 2.5, "dash": dash},
                "marker": {"symbol": symbol, "size": 8, "color": colours[name]},
                "hovertemplate": f"step %{{x}}<br>{label} %{{y:.2e}}<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": style.layout(
            "before_the_end",
            xaxis=step_axis(steps, range=[steps[0] - 0.4, steps[-1] + 0.4]),
            yaxis=log_axis("size", **log_ticks(np.concatenate(shown))),
        ),
    }


def gone(measured: Measurement) -> str:
    """What has no point at the last step, in words."""
    lost = [LINES[name][0] for name in measured.values if not np.isfinite(measured[name][-1]).all()]
    if not np.isfinite((measured.columns or {})["loss"][1][-1]):
        lost.append("loss")
    return f"Not finite at step {measured.axes['step'][-1]}: {', '.join(lost)}." if lost else ""


def place(found: Forensics, style: Style) -> Figure:
    """The quantity that broke, for every layer and each of the last steps."""
    measured, broke = found.measurement, found.divergence
    name = SHOWN[broke.quantity]
    steps, layers, values = measured.axes["step"], measured.axes["layer"], measured[name].T
    label = LINES[name][0]
    with np.errstate(all="ignore"):
        shades = np.log10(np.where(values > 0, values, np.nan))
    shades[~np.isfinite(shades)] = np.nan
    low, high = shade_range(shades)
    rows, columns = np.nonzero(~np.isfinite(values))
    crosses = {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "skip"}
    return {
        "data": [
            {
                "type": "heatmap",
                "x": steps,
                "y": layers,
                "z": shades,
                "customdata": values,
                "zmin": low,
                "zmax": high,
                "xgap": 2,
                "colorscale": CIVIDIS,
                "hovertemplate": f"layer %{{y}}, step %{{x}}<br>{label} %{{customdata:.2e}}<extra></extra>",
                "colorbar": {
                    "title": {"text": f"log₁₀ {label}", "side": "right"},
                    "thickness": 12,
                    "outlinewidth": 0,
                    "tickfont": style.font(12) | {"color": style.muted},
                    "nticks": 6,
                },
            },
            crosses
            | {
                "x": steps[columns],
                "y": layers[rows],
                "name": "not finite",
                "marker": {"symbol": "x-thin-open", "size": 7, "color": style.delta, "line": {"width": 2}},
            },
            crosses
            | {
                "x": np.array([broke.step]),
                "y": np.array([broke.layer]),
                "name": "first",
                "marker": {"symbol": "circle-open", "size": 18, "color": style.delta, "line": {"width": 3}},
            },
        ],
        "layout": style.layout(
            "where_it_broke",
            xaxis=step_axis(steps, showgrid=False, range=[steps[0] - 0.5, steps[-1] + 0.5]),
            yaxis=merge(layer_axis(len(layers), "layer", showgrid=False), {}),
            margin={"t": 10},
        ),
    }
