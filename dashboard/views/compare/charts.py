"""Several runs on shared axes: one line a run, told apart by colour, dash and marker."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks, shade_range
from dashboard.charts.marks import colour_bar, guide_line, handful, line, log_shades, note
from dashboard.charts.style import CIVIDIS, Figure, Style, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import number
from nncore import Measurement
from nncore.measures import LAYER_QUANTITIES

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "8px,2px,2px,2px", "2px,6px")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "triangle-down", "hexagon")
"""A run's dash and marker, by its place among the pins."""

SHAPES = {
    "circle": '<circle cx="24" cy="8" r="5"/>',
    "square": '<rect x="19" y="3" width="10" height="10"/>',
    "diamond": '<path d="M24 2l6 6-6 6-6-6z"/>',
    "triangle-up": '<path d="M24 2l6 11H18z"/>',
    "x": '<path d="M19 5l2-2 3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3z"/>',
    "star": '<path d="M24 1l2 5 5 0-4 4 2 5-5-3-5 3 2-5-4-4 5 0z"/>',
    "triangle-down": '<path d="M24 14l6-11H18z"/>',
    "hexagon": '<path d="M21 2.8h6l3 5.2-3 5.2h-6L18 8z"/>',
}
"""Each marker as a piece of SVG, 48 × 16."""

STRETCHES = {
    "solid": "",
    "dash": "9 5",
    "dot": "2 3",
    "dashdot": "8 4 2 4",
    "longdash": "14 5",
    "longdashdot": "14 4 2 4",
}
"""Plotly's names of dashes in pixels; the others are pixels already."""

FLOW_LABELS = {"delta_norm": "δ", "weight_gradient_norm": "∂E/∂W", "signal": "signal", "flat_fraction": "saturated"}
FLOW_TITLES = {
    "delta_norm": "δ norm per layer",
    "weight_gradient_norm": "∂E/∂W norm per layer",
    "signal": "what of the input is left in z",
    "flat_fraction": "share of units × rows on the flat side",
}
FLOW_NOTES = {
    "delta_norm": "The flatter a line, the more evenly its layers are taught; a line that falls to the left vanishes.",
    "weight_gradient_norm": "Compare the level too: two flat lines decades apart do not learn at the same pace.",
    "signal": "A line that falls to the right forgets the input on its way through the layers.",
    "flat_fraction": "Where a line is high, the slope lets no gradient through.",
}

LOSS = Text("Loss", "training rows", "The lowest line at the right has learned most; a level line learns nothing.")
UNLIKE_LOSSES = Text(
    "Loss",
    "training rows",
    "These losses are of different problems, so that their heights cannot be compared: only whether a line falls.",
)
RATIO = Text(
    "δ first / last",
    "over training",
    "Near 1 the first layer is taught as strongly as the last; many decades below, it is not taught at all.",
)
UPDATES = Text(
    "Update ratio of layer 1",
    "‖ΔW‖ / ‖W‖",
    "Lines near the 10⁻³ guide learn at a healthy pace; a line far below belongs to a first layer that stands still.",
)
ACCURACY = Text(
    "Accuracy", "test rows, or training rows without them", "A line that stays where it began has learned no class."
)
MAPS = (
    "One shade means the same in all of them: a map that grows darker downwards passes less and less back, and the scale "
    "says how much less."
)


BEYOND = 1e3
"""How far beyond the other runs a chart follows one that diverged, which would otherwise press them flat."""


def per_layer(measured: Measurement, name: str, style: Style, sound: np.ndarray) -> Figure:
    """One quantity per layer, a line a run with markers; `sound` (n_runs,) says which did not diverge."""
    layers, values = measured.axes["layer"], measured[name]
    log = not name.endswith("_fraction")
    steps = (measured.columns or {})["step"][1]
    traces = [
        _line(
            place,
            run,
            layers,
            drawable(values[place], log),
            f"layer %{{x}}<br>%{{y:.2e}}<extra>{run}, step {steps[place]}</extra>",
            style,
            markers=True,
        )
        for place, run in enumerate(measured.axes["run"])
    ]
    axis = log_axis("norm" if name != "signal" else "std of z", **log_ticks(in_view(values, sound)))
    if not log:
        axis = {"title": {"text": "share"}, "range": [-0.02, 1.04], "tickformat": ".0%"}
    layout = style.layout(f"runs_{name}", xaxis=layer_axis(len(layers)), yaxis=axis)
    return {"data": traces, "layout": layout | _notes(measured, name, log, style, sound)}


def over_steps(
    measured: Measurement,
    name: str,
    style: Style,
    marks: np.ndarray,
    sound: np.ndarray,
    *,
    title: str,
    log: bool = False,
    share: bool = False,
    guide: float | None = None,
) -> Figure:
    """One quantity over the steps, a line a run; `marks` are the steps that the other charts stand on."""
    traces = []
    for place, run in enumerate(measured.axes["run"]):
        steps, values = measured["step"][place], drawable(measured[name][place], log)
        hover = f"step %{{x}}<br>%{{y:.4g}}<extra>{run}</extra>"
        traces.append(_line(place, run, steps, values, hover, style))
    for place, mark in enumerate(marks):
        steps = measured["step"][place]
        near = int(np.nanargmin(np.abs(steps - mark)))
        value = drawable(measured[name][place], log)[near]
        traces.append(
            {
                "type": "scatter",
                "x": np.array([steps[near]]),
                "y": np.array([value]),
                "mode": "markers",
                "marker": {"symbol": MARKERS[place], "size": 9, "color": _colour(place, style)},
                "showlegend": False,
                "hoverinfo": "skip",
                "name": f"{measured.axes['run'][place]}, now",
            }
        )
    axis: dict[str, Any] = {"title": {"text": title}}
    if share:
        axis |= {"range": [-0.03, 1.03], "tickformat": ".0%"}
    if log:
        shown = in_view(measured[name], sound)
        shown = np.append(shown, guide) if guide else shown
        axis = log_axis(title, **log_ticks(shown))
    layout = style.layout(f"runs_{name}", xaxis={"title": {"text": "step"}}, yaxis=axis)
    if guide:
        layout["shapes"] = [guide_line(guide, style)]
    return {"data": traces, "layout": layout | _notes(measured, name, log, style, sound)}


def maps(measured: Measurement, name: str, style: Style, sound: np.ndarray) -> Figure:
    """Layer × step of every run, two side by side, on the same axes and with one colour scale."""
    runs, values, steps = measured.axes["run"], measured[name], measured["step"]
    quantity = LAYER_QUANTITIES[name]
    log, seen = quantity.log, in_view(values, sound)
    shades, visible = (log_shades(values), log_shades(seen)) if log else (values, seen)
    low, high = quantity.span or shade_range(visible)
    columns = min(2, len(runs))
    rows = -(-len(runs) // columns)
    traces, titles = [], []
    layout: dict[str, Any] = style.layout(f"runs_{name}_by_step", margin={"t": 30})
    base_x, base_y = layout.pop("xaxis"), layout.pop("yaxis")
    n_layers, last = values.shape[2], float(np.nanmax(steps))
    for place, run in enumerate(runs):
        row, column = divmod(place, columns)
        mark = "" if place == 0 else str(place + 1)
        left = column / columns + (0.035 if column else 0.0)
        right = (column + 1) / columns - (0.035 if column == 0 and columns > 1 else 0.0)
        height = 1 / rows
        bottom, top = 1 - (row + 1) * height, 1 - row * height - 0.22 * height
        at = np.isfinite(steps[place, :, 0])
        own = np.isfinite(values[place]).any(axis=0)
        depth = int(np.flatnonzero(own)[-1]) + 1 if own.any() else n_layers
        traces.append(
            {
                "type": "heatmap",
                "x": steps[place, at, 0],
                "y": np.arange(1, depth + 1),
                "z": shades[place, at, :depth].T,
                "customdata": values[place, at, :depth].T,
                "coloraxis": "coloraxis",
                "xaxis": f"x{mark}",
                "yaxis": f"y{mark}",
                "name": run,
                "hovertemplate": f"layer %{{y}}, step %{{x}}<br>%{{customdata:.2e}}<extra>{run}</extra>",
            }
        )
        is_last_row = place + columns >= len(runs)
        layout[f"xaxis{mark}"] = merge(
            base_x,
            {
                "domain": [left, right],
                "anchor": f"y{mark}",
                "range": [0, max(last, 1.0)],
                "showgrid": False,
                "showticklabels": is_last_row,
                "title": {"text": "step" if is_last_row else ""},
                "nticks": 4,
            },
        )
        layout[f"yaxis{mark}"] = merge(
            base_y,
            {
                "domain": [bottom, top],
                "anchor": f"x{mark}",
                "range": [0.5, n_layers + 0.5],
                "showgrid": False,
                "showticklabels": column == 0,
                "title": {"text": "layer" if column == 0 else ""},
                "tickvals": handful(n_layers, at_most=4),
            },
        )
        titles.append(
            {
                "text": run if len(run) <= 26 else f"{run[:25]}…",
                "xref": "paper",
                "yref": "paper",
                "x": left,
                "y": top,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": style.font(12) | {"color": _colour(place, style)},
            }
        )
    layout["annotations"] = titles
    layout["coloraxis"] = {
        "cmin": low,
        "cmax": high,
        "colorscale": CIVIDIS,
        "colorbar": colour_bar(style, title={"text": "log₁₀" if log else "share", "side": "top"}),
    }
    return {"data": traces, "layout": layout}


def map_text(name: str) -> Text:
    """The words around the maps of a quantity."""
    return Text("Over training", f"{LAYER_QUANTITIES[name].label}, every layer and step of each run", MAPS)


def line_of_run(place: int, style: Style) -> str:
    """A piece of the line that a run has in every chart, by its place among the pins, as an SVG of 48 × 16."""
    dash = STRETCHES.get(DASHES[place], DASHES[place].replace("px", "").replace(",", " "))
    colour = _colour(place, style)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="16">'
        f'<line x1="0" x2="48" y1="8" y2="8" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"/>'
        f'<g fill="{colour}">{SHAPES[MARKERS[place]]}</g></svg>'
    )


def _colour(place: int, style: Style) -> str:
    return style.classes(len(MARKERS))[place]


def _line(
    place: int, run: str, x: np.ndarray, y: np.ndarray, hover: str, style: Style, markers: bool = False
) -> dict[str, Any]:
    known = np.isfinite(x)
    mode = "lines+markers" if markers or known.sum() == 1 else "lines"
    look = {"width": 2.2, "dash": DASHES[place], "symbol": MARKERS[place], "mode": mode}
    return line(x[known], y[known], run, _colour(place, style), hover, **look)


def in_view(values: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """The values (n_runs, ...) that decide an axis: those of the sound runs, and of others up to BEYOND times these."""
    if sound.all() or not sound.any():
        return values.ravel()
    ours = values[sound]
    positive = ours[np.isfinite(ours) & (ours > 0)]
    if not len(positive):
        return values.ravel()
    with np.errstate(over="ignore"):
        low, high = positive.min() / BEYOND, positive.max() * BEYOND
    others = values[~sound]
    return np.concatenate([ours.ravel(), others[(others >= low) & (others <= high)]])


def _notes(measured: Measurement, name: str, log: bool, style: Style, sound: np.ndarray) -> dict[str, Any]:
    """Lines of text for what a log axis cannot show: exact zeros, and a diverged run that leaves the chart."""
    if not log:
        return {}
    runs, values = measured.axes["run"], measured[name]
    zero = [run for run, row in zip(runs, values, strict=True) if (row == 0).any()]
    top = np.nanmax(in_view(values, sound), initial=0.0)
    gone = [
        f"{run} goes on to {number(float(largest))}"
        for run, row, ok in zip(runs, values, sound, strict=True)
        if not ok and (largest := np.nanmax(row, initial=0.0)) > top
    ]
    texts = {
        (0.01, 0.02): f"exactly 0 in places: {_first_two(zero)}" if zero else "",
        (0.99, 0.98): _first_two(gone) if gone else "",
    }
    notes = [note(text, style, *place, colour=style.muted) for place, text in texts.items() if text]
    return {"annotations": notes} if notes else {}


def _first_two(names: list[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
