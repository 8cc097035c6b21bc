"""The gradient of all parameters together, over the steps."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import DECADES, all_steps, drawable, log_axis, log_ticks, step_axis
from dashboard.charts.marks import guide_line, line, note, step_line
from dashboard.charts.style import Figure, Style
from dashboard.charts.text import Text
from nncore import Measurement

TOTAL = Text(
    "Total gradient",
    "‖∂E/∂θ‖ of all parameters",
    "The length of the whole gradient as training took it, before clipping; a jump comes a step before the loss jumps.",
)
TENSORS = Text(
    "Gradients by name",
    "largest first",
    "Near zero: the share of entries below 10⁻⁸. Before clipping, on the step's own rows.",
)


def total(measured: Measurement, limit: float | None, style: Style, step: int) -> Figure:
    """The total norm, with the level at which it is clipped, where it is."""
    steps, norms = measured.axes["step"], drawable(measured["total_norm"])
    shown = np.append(norms, limit) if limit else norms
    drawn = line(steps, norms, "‖∂E/∂θ‖", style.weight, "step %{x}<br>norm %{y:.3e}<extra></extra>")
    figure = style.layout(
        "total_gradient",
        xaxis=step_axis(steps, **all_steps(steps)),
        yaxis=log_axis("norm", **log_ticks(shown, DECADES)),
        shapes=[step_line(style, step), *([guide_line(limit, style)] if limit else [])],
        showlegend=False,
        margin={"t": 10},
    )
    if limit:
        figure["annotations"] = [
            note("clipped above", style, 0.99, 0, size=11) | {"yref": "y", "y": np.log10(limit), "yanchor": "bottom"}
        ]
    return {"data": [drawn], "layout": figure}
