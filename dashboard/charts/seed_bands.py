"""Many seeds in a chart: a band from the 10th to the 90th percentile and its median, behind the run that is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks
from dashboard.charts.marks import Line, bands, guide_line, line
from dashboard.charts.style import Figure, Style
from dashboard.charts.text import Text
from nncore import Measurement

UPDATES = Text(
    "Update ratio",
    "‖ΔW‖ / ‖W‖ per layer",
    "A band that lies far below the 10⁻³ guide stands still whatever the seed; a wide one is a matter of luck.",
)
SATURATION = Text(
    "Saturation",
    "of units × rows",
    "Circles: slope below 1 % of its largest; crosses: units that are dead on every probe row. The bands hold 80 % of the seeds.",
)


def per_layer(
    measured: Measurement, lines: Sequence[Line], style: Style, *, title: str, guide: float | None = None
) -> Figure:
    """Quantities per layer at one step: the run that is shown as a line, the seeds as a band behind it."""
    layers, step = measured.axes["layer"], int(measured.axes["step"][0])
    log = guide is not None
    behind, before = [], []
    for place, each in enumerate(lines):
        behind += bands(measured, each, style, 0, log, legend=place == 0)
        before.append(
            line(
                layers,
                drawable(measured[each.name][0], log),
                f"{each.label} at step {step}",
                each.colour,
                f"layer %{{x}}<br>{each.label} %{{y:.2e}}<extra>step {step}</extra>",
                width=2.5,
                symbol=each.symbol,
            )
        )
    shown = np.concatenate([np.ravel(trace["y"]) for trace in behind + before])
    if log:
        axis = log_axis(title, **log_ticks(np.append(shown, guide)))
    else:
        top = max(0.05, 1.08 * float(np.nanmax(shown, initial=0.0)))
        axis = {"title": {"text": title}, "range": [-0.02 * top, min(top, 1.04)], "tickformat": ".0%"}
    layout = style.layout(lines[0].name, xaxis=layer_axis(len(layers)), yaxis=axis)
    if guide:
        layout["shapes"] = [guide_line(guide, style)]
    return {"data": behind + before, "layout": layout}
