"""A run that diverged: how its numbers grew step by step, and where the first one broke."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks, step_axis
from dashboard.charts.marks import colour_bar, heat_map, line, step_line
from dashboard.charts.style import Figure, Style
from dashboard.charts.text import Text
from nncore import Measurement
from nncore.diagnosis import Forensics, Turning
from nncore.diagnosis.divergence import TURNED

GROWTH = Text(
    "Before the end", "the largest number of each kind", "The line that turns up first is what carried the others away."
)
PLACE = Text(
    "Where it broke",
    "layer by layer",
    "✕ is not finite; the ringed cell is the first one. Numbers that grow from layer to layer are the weights' doing, from "
    "step to step the updates'.",
)
TURN = Text(
    "What turned up first",
    "as a share of its value at the lowest loss",
    "A marker: the step from which on a line stays above the dotted one; upright: the lowest loss. Above the frame the lines go on until a number is not "
    "finite.",
)
SINCE = {"gradient": ("‖∂E/∂θ‖", "solid", "circle"), "loss": ("loss", "dot", "x"), "theta": ("‖θ‖", "dash", "square")}
HIGHEST = 1e4
"""Where the axis of what turned up ends: what led there is far below, and would else be a flat line."""

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
        hover = f"step %{{x}}<br>{label} %{{y:.2e}}<extra></extra>"
        traces.append(line(steps, drawn, label, colours[name], hover, width=2.5, dash=dash, symbol=symbol, size=8))
    return {
        "data": traces,
        "layout": style.layout(
            "before_the_end",
            xaxis=step_axis(steps, range=[steps[0] - 0.4, steps[-1] + 0.4]),
            yaxis=log_axis("size", **log_ticks(np.concatenate(shown))),
        ),
    }


def turn(found: Turning, style: Style) -> Figure:
    """Loss, gradient and θ against their values at the lowest loss, up to a little after the last of them has turned up."""
    steps, measured = found.measurement.axes["step"], found.measurement
    last = max((each.step for each in found.turns), default=found.lowest)
    shown = steps <= last + max(10, 0.25 * last)
    colours = {"gradient": style.delta, "loss": style.ink, "theta": style.weight}
    traces, low = [], 1.0
    for name, (label, dash, symbol) in SINCE.items():
        drawn = drawable(measured[name][shown])
        low = min(low, float(np.nanmin(drawn, initial=1.0)))
        hover = f"step %{{x}}<br>{label} × %{{y:.3g}}<extra></extra>"
        traces.append(line(steps[shown], drawn, label, colours[name], hover, width=2.5, dash=dash, mode="lines"))
        for each in (each for each in found.turns if each.quantity == name):
            here = steps == each.step
            traces.append(
                line(
                    steps[here],
                    np.minimum(drawable(measured[name][here]), HIGHEST),
                    f"{label} turns up",
                    colours[name],
                    f"from step {each.step} on<extra></extra>",
                    mode="markers",
                    symbol=symbol,
                    size=12,
                    showlegend=False,
                )
            )
    level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": TURNED, "y1": TURNED}
    axis = log_ticks(np.array([low, HIGHEST]))
    return {
        "data": traces,
        "layout": style.layout(
            "what_turned_up",
            xaxis=step_axis(steps[shown]),
            yaxis=log_axis("× value at the lowest loss", **axis),
            shapes=[
                level | {"line": {"color": style.theory, "width": 1.5, "dash": "dot"}},
                step_line(style, found.lowest),
            ],
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
    bar = colour_bar(style, title={"text": f"log₁₀ {label}", "side": "right"}, nticks=6)
    rows, columns = np.nonzero(~np.isfinite(values))
    crosses = {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "skip"}
    return {
        "data": [
            heat_map(steps, layers, values, f"layer %{{y}}, step %{{x}}<br>{label}", bar, xgap=2),
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
            yaxis=layer_axis(len(layers), "layer", showgrid=False),
            margin={"t": 10},
        ),
    }
