"""θ and its gradient over time."""

from __future__ import annotations

from typing import Any

from dashboard.charts.axes import all_steps, step_axis
from dashboard.charts.marks import band, line, step_line
from dashboard.charts.style import Figure, Style, fade
from dashboard.charts.text import Text
from nncore import Layout, Measurement

PARAMETERS = Text(
    "θ over time",
    "and its gradient",
    "Where the lower panel is flat at zero the loss does not move these θ: they stay level, but for momentum and weight decay.",
)


def place(layout: Layout, index: int) -> str:
    """Where a theta stands, in words."""
    layer, kind, row, column = layout.name(index)
    if row is None:
        return f"θ{index}, the {kind} of unit {column} in layer {layer}"
    return f"θ{index}, the {kind} from unit {row} to unit {column} of layer {layer}"


def one_parameter(measured: Measurement, style: Style, step: int) -> Figure:
    """A single θ above, its recorded gradient below."""
    traces = []
    for name, axis, colour, label in (("theta", "y", style.ink, "θ"), ("gradient", "y2", style.weight, "∂E/∂θ")):
        hover = f"step %{{x}}<br>{label} %{{y:.6g}}<extra></extra>"
        traces.append(line(measured.axes["step"], measured[name], label, colour, hover, yaxis=axis))
    return {"data": traces, "layout": _two_panels(measured, style, step)}


def layer_bands(measured: Measurement, style: Style, step: int) -> Figure:
    """A layer's weights as median and bands of 50 % and 96 %, and their gradients likewise."""
    steps = measured.axes["step"]
    traces: list[dict[str, Any]] = []
    for name, axis, colour, label in (("theta", "y", style.ink, "θ"), ("gradient", "y2", style.weight, "∂E/∂θ")):
        p2, p25, p50, p75, p98 = measured[name].T
        for low, high, opacity, share in ((p2, p98, 0.14, "96 %"), (p25, p75, 0.28, "50 %")):
            fill, more = fade(colour, opacity), {"yaxis": axis, "showlegend": axis == "y"}
            traces.append(band(steps, low, high, fill, f"{share} of {label}", colour=colour, **more))
        hover = f"step %{{x}}<br>median {label} %{{y:.4g}}<extra></extra>"
        traces.append(line(steps, p50, f"median {label}", colour, hover, yaxis=axis, showlegend=axis == "y"))
    return {"data": traces, "layout": _two_panels(measured, style, step)}


def _two_panels(measured: Measurement, style: Style, step: int) -> dict[str, Any]:
    steps = measured.axes["step"]
    layout = style.layout("theta", xaxis=step_axis(steps, **all_steps(steps)), shapes=[step_line(style, step)])
    axis = layout["yaxis"]
    layout["yaxis"] = axis | {"domain": [0.56, 1], "title": axis["title"] | {"text": "θ"}}
    layout["yaxis2"] = axis | {
        "domain": [0, 0.46],
        "title": axis["title"] | {"text": "∂E/∂θ"},
        "exponentformat": "power",
    }
    layout["xaxis"] = layout["xaxis"] | {"anchor": "y2"}
    return layout
