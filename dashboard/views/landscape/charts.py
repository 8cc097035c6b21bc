"""The loss around a run: a plane with the path of training on it, and lines through one point of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, log_axis, log_ticks
from dashboard.charts.marks import horizontal, line, vertical
from dashboard.charts.style import CIVIDIS, Figure, Style
from dashboard.charts.text import Text
from dashboard.words.numbers import number, percent
from nncore import Measurement
from nncore.measures.landscape import Path

PLANE = Text(
    "The way down",
    "loss over the plane in which θ moved most",
    "θ has too many numbers to draw: *along* is the direction in which training moved it most, *across* the next one. Lines join "
    "points of equal loss; where they are far apart lies a plateau. Each dot is a recorded step.",
)
LAYERS = Text(
    "Layer by layer",
    "loss along each layer's gradient",
    "A line that is level over its whole length is a plateau: along its own gradient that layer can move by its length "
    "and the loss does not notice. Right of 0 is downhill; the colour runs from the first layer to the last.",
)
ONE_STEP = Text(
    "One step",
    "loss after one step, for every learning rate",
    "The valley shows which rates help; a line that stays level until it jumps is a plateau with a cliff behind it.",
)
ONE_PARAMETER = Text(
    "One parameter",
    "loss against its value, all others held",
    "The dashed tangent has the slope ∂E/∂θ at the present value. Where it is level a small step changes nothing; whether "
    "a large one would, the line shows.",
)

CLEARLY = 3.0
"""An axis that is drawn so many times larger than the other says so."""

WIDE = 30.0
"""Losses that differ by more than this factor are coloured by their logarithm."""

PLATEAU = 0.02
"""A gain below this share of the loss is drawn as the level line that it is."""

LEVEL = 1e-3
"""So much of the loss a chart of its change spans at least: a millionth of it is no slope to the eye."""


def plane(measured: Measurement, along: Path, step: int, style: Style) -> Figure:
    """Contours of the loss, the path on them, its start, its end and the step chosen."""
    loss = measured["loss"].T
    finite = loss[np.isfinite(loss)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    is_log = low > 0 and high / low > WIDE
    with np.errstate(all="ignore"):
        shown = np.log10(loss) if is_log else loss
    shown = drawable(shown, log=False)
    here = int(np.argmin(np.abs(along.step - step)))
    u, v = along.place.T
    contour = {
        "type": "contour",
        "x": measured.axes["u"],
        "y": measured.axes["v"],
        "z": shown.astype(np.float32),
        "colorscale": CIVIDIS,
        "ncontours": 18,
        "line": {"width": 0.6, "color": style.border},
        "colorbar": {"title": {"text": "log₁₀ E" if is_log else "E"}, "thickness": 12, "outlinewidth": 0},
        "customdata": loss,
        "hovertemplate": "E = %{customdata:.4g}<extra></extra>",
        "name": "loss",
    }
    return {
        "data": [
            contour,
            _way(u, v, along.step, style),
            *(
                _point(u[at], v[at], name, symbol, style)
                for at, name, symbol in (
                    (0, f"step {along.step[0]}", "square"),
                    (here, f"step {along.step[here]}", "star"),
                )
            ),
        ],
        "layout": style.layout(
            "loss_plane",
            xaxis={"title": {"text": f"along: {percent(float(along.share[0]))} of θ's movement"}, "showgrid": False},
            yaxis={"title": {"text": f"across: {_second(along)}"}, "showgrid": False},
        ),
    }


def _second(along: Path) -> str:
    """The share of the movement across the main direction, and by how much its axis is drawn larger than that one's."""
    share = float(along.share[1])
    words = "less than 0.01\u00a0%" if 0 < share < 1e-4 else percent(share)
    first, second = np.ptp(along.place, axis=0)
    return f"{words}, drawn {number(float(first / second))} × as large" if 0 < CLEARLY * second < first else words


def _way(u: np.ndarray, v: np.ndarray, steps: np.ndarray, style: Style) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": u,
        "y": v,
        "customdata": steps,
        "mode": "lines+markers",
        "name": "path",
        "line": {"color": "#FFFFFF", "width": 2},
        "marker": {"size": 5, "color": style.delta, "line": {"color": "#FFFFFF", "width": 0.8}},
        "hovertemplate": "step %{customdata}<extra></extra>",
    }


def _point(x: float, y: float, name: str, symbol: str, style: Style) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": np.array([x]),
        "y": np.array([y]),
        "mode": "markers",
        "name": name,
        "marker": {"symbol": symbol, "size": 14, "color": style.delta, "line": {"color": "#FFFFFF", "width": 1.5}},
        "hovertemplate": f"{name}<extra></extra>",
    }


def layers(measured: Measurement, n_layers: int, style: Style) -> Figure:
    """One line a layer, coloured from input to output, dashed differently too."""
    colours, distance = style.layers(n_layers), measured.axes["distance"]
    dashes = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")
    traces = [
        line(
            distance,
            drawable(loss, log=False),
            f"layer {layer}",
            colours[layer - 1],
            f"layer {layer}<br>moved by %{{x:.2f}} of its length<br>E = %{{y:.4g}}<extra></extra>",
            width=2.5,
            dash=dashes[row % len(dashes)],
            showlegend=row in (0, len(measured.axes["layer"]) - 1),
        )
        for row, (layer, loss) in enumerate(zip(measured.axes["layer"], measured["loss"], strict=True))
    ]
    return {
        "data": traces,
        "layout": style.layout(
            "loss_along_layers",
            xaxis={"title": {"text": "distance, in lengths of the layer's θ (→ downhill)"}},
            yaxis={"title": {"text": "loss E"}} | _at_least(measured["loss"], LEVEL),
            shapes=[vertical(0.0, style.muted)],
        ),
    }


def _at_least(values: np.ndarray, share: float) -> dict[str, Any]:
    """The range of an axis of losses that differ by less than a share of them; {} where they differ by more."""
    finite = values[np.isfinite(values)]
    if not len(finite) or np.ptp(finite) >= share * np.abs(finite).max():
        return {}
    middle, reach = float(finite.mean()), share * float(np.abs(finite).max())
    return {"range": [middle - reach, middle + reach]}


def layers_finding(measured: Measurement) -> str:
    """How far each end of the network can move the loss, in words."""
    reach = {
        int(layer): float(np.ptp(loss[np.isfinite(loss)]))
        for layer, loss in zip(measured.axes["layer"], measured["loss"], strict=True)
        if np.isfinite(loss).any()
    }
    if len(reach) < 2:
        return ""
    first, last = min(reach), max(reach)
    return (
        f"Moving layer {first} by its own length changes the loss by {number(reach[first])} at most, "
        f"moving layer {last} by {number(reach[last])}."
    )


def one_step(measured: Measurement, now: float, rate: float, style: Style) -> Figure:
    """The loss after one step of each learning rate; the run's own rate and the loss now are marked."""
    rates, loss = measured.axes["learning_rate"], measured["loss"]
    drawn = drawable(loss, log=False)
    low = float(np.nanmin(drawn, initial=now))
    top = now + max(2 * (now - low), PLATEAU * now)  # a valley fills the picture; a plateau is not blown up into one
    margin = 0.08 * ((top - low) or 1.0)
    within = drawn[drawn <= top]
    if len(within) or not now > 0:
        height = {"title": {"text": "loss E"}, "range": [low - margin, top + margin]}
    else:  # every rate leaps far up: decades show by how much
        height = log_axis("loss E", **log_ticks(np.append(drawn, now)))
    marks = [vertical(rate, style.muted)] if rate > 0 else []
    hover = "α = %{x:.2g}<br>E = %{y:.6g}<extra></extra>"
    return {
        "data": [line(rates, drawn, "after one step", style.weight, hover, width=2.5)],
        "layout": style.layout(
            "loss_after_one_step",
            xaxis={"type": "log", "dtick": 1, "exponentformat": "power", "title": {"text": "learning rate α"}},
            yaxis=height,
            shapes=[*marks, horizontal(now, style.muted, 1, "dot")],
            showlegend=False,
        ),
    }


def one_step_finding(measured: Measurement, now: float, rate: float) -> str:
    """The best rate and what it would bring, beside the run's own."""
    rates, loss = measured.axes["learning_rate"], measured["loss"]
    best = int(np.nanargmin(np.where(np.isfinite(loss), loss, np.inf)))
    if not loss[best] < now:
        return f"No learning rate from {rates[0]:g} to {rates[-1]:g} lowers the loss of {number(now)} in one step."
    gain = f"lowers the loss from {number(now)} by {number(now - float(loss[best]))}"
    return f"One step of α = {rates[best]:.2g} {gain}, more than any other; this run's α is {rate:g}."


def one_parameter(measured: Measurement, style: Style) -> Figure:
    """The change of the loss against one θ, its tangent at the present value, dashed, and that value marked."""
    theta, loss = measured.axes["theta"], measured["loss"]
    middle = len(theta) // 2
    change, tangent = loss - loss[middle], measured["tangent"] - loss[middle]
    finite = change[np.isfinite(change)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = max(0.15 * ((high - low) or 1.0), LEVEL * abs(float(loss[middle])))
    hover = "θ = %{x:.4g}<br>E changes by %{y:.3g}<extra></extra>"
    return {
        "data": [
            line(theta, drawable(change, log=False), "loss", style.weight, hover, width=2.5),
            line(theta, tangent, "tangent: ∂E/∂θ", style.delta, dash="dash"),
            _point(theta[middle], 0.0, "present value", "circle", style),
        ],
        "layout": style.layout(
            "loss_along_theta",
            xaxis={"title": {"text": "θ"}},
            yaxis={"title": {"text": "change of E"}, "exponentformat": "power", "range": [low - margin, high + margin]},
        ),
    }


def one_parameter_finding(measured: Measurement, index: int) -> str:
    """The value and the slope at it, in words."""
    theta, tangent = measured.axes["theta"], measured["tangent"]
    value, width = float(theta[len(theta) // 2]), float(theta[-1] - theta[0])
    if not width > 0:
        return f"θ{index} is {number(value)}: a reach as short as this one is less than its rounding."
    with np.errstate(all="ignore"):
        slope = float(tangent[-1] - tangent[0]) / width
    if not np.isfinite(slope):
        return f"θ{index} is {number(value)}, its slope ∂E/∂θ{index} is not finite."
    words = f"θ{index} is {number(value)}, its slope ∂E/∂θ{index} is {number(slope)}."
    loss = measured["loss"]
    reached, now = loss[np.isfinite(loss)], float(loss[len(loss) // 2])
    if not np.isfinite(now):
        return words
    change = float(np.abs(reached - now).max())
    if not change > LEVEL * abs(now):
        return f"{words} Over the whole width E changes by {number(change)} at most, {percent(change / (abs(now) or 1.0))} of it: level."
    return f"{words} Over the whole width E changes by as much as {number(change)}."
