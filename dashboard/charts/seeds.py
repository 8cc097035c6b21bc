"""Many seeds in a chart: a band from the 10th to the 90th percentile and its median, behind the run that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.style import Figure, Style, drawable, fade, layer_axis, log_axis, log_ticks
from dashboard.ui.card import Text
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


@dataclass(frozen=True)
class Line:
    """How a quantity is drawn: its name in the measurement, in words, its colour and its marker."""

    name: str
    label: str
    colour: str
    symbol: str


def bands(
    measured: Measurement, line: Line, style: Style, row: int | None, log: bool, legend: bool
) -> list[dict[str, Any]]:
    """The band and the median of a quantity over the last axis, or nothing where it was run with one seed only.

    `row`: the row of the first axis, None where there is only one axis.
    """
    if f"{line.name}_p10" not in measured.values:
        return []
    axis = list(measured.axes.values())[-1]
    low, middle, high, counts = (
        values if row is None else values[row]
        for values in (measured[f"{line.name}_{label}"] for label in ("p10", "median", "p90", "seeds"))
    )
    low, middle, high = (drawable(values, log) for values in (low, middle, high))
    sound = np.isfinite(low) & np.isfinite(high)
    n_seeds = int(counts.max(initial=0))
    return [
        {
            "type": "scatter",
            "x": np.concatenate([axis[sound], axis[sound][::-1]]),
            "y": np.concatenate([high[sound], low[sound][::-1]]),
            "fill": "toself",
            "fillcolor": fade(line.colour, 0.2),
            "line": {"width": 0, "color": line.colour},
            "mode": "lines",
            "hoverinfo": "skip",
            "name": f"10–90 % of {n_seeds} seeds",
            "showlegend": legend,
            "legendrank": 3,
        },
        {
            "type": "scatter",
            "x": axis,
            "y": middle,
            "mode": "lines" if len(axis) > 1 else "markers",
            "line": {"color": line.colour, "width": 1.2, "dash": "longdash"},
            "marker": {"symbol": "line-ew-open", "size": 12, "color": line.colour},
            "name": f"{line.label}, median of {n_seeds} seeds",
            "hovertemplate": f"%{{x}}<br>{line.label}, median of {n_seeds} seeds %{{y:.2e}}<extra></extra>",
            "showlegend": False,
        },
    ]


def per_layer(
    measured: Measurement, lines: Sequence[Line], style: Style, *, title: str, guide: float | None = None
) -> Figure:
    """Quantities per layer at one step: the run that is shown as a line, the seeds as a band behind it."""
    layers, step = measured.axes["layer"], int(measured.axes["step"][0])
    log = guide is not None
    behind, before = [], []
    for place, line in enumerate(lines):
        behind += bands(measured, line, style, 0, log, legend=place == 0)
        before.append(
            {
                "type": "scatter",
                "x": layers,
                "y": drawable(measured[line.name][0], log),
                "mode": "lines+markers",
                "name": f"{line.label} at step {step}",
                "line": {"color": line.colour, "width": 2.5},
                "marker": {"symbol": line.symbol, "size": 7, "color": line.colour},
                "hovertemplate": f"layer %{{x}}<br>{line.label} %{{y:.2e}}<extra>step {step}</extra>",
            }
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


def guide_line(value: float, style: Style) -> dict[str, Any]:
    """A level to compare with, dashed, from edge to edge."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": style.theory, "width": 1.5, "dash": "dash"},
    }
