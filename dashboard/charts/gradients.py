"""How the gradient runs through the layers, and through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.axes import DECADES, all_steps, drawable, layer_axis, layers_along, log_axis, log_ticks, step_axis
from dashboard.charts.marks import (
    Line,
    band,
    bands,
    colour_bar,
    corner_notes,
    guide_line,
    halo,
    heat_map,
    layer_lines,
    line,
    step_line,
)
from dashboard.charts.style import DIVERGING, Figure, Style, fade
from dashboard.charts.text import Text
from dashboard.words.numbers import ranges
from nncore import Measurement
from nncore.measures import LAYER_QUANTITIES

FLOW = Text(
    "Gradient flow",
    "how much gradient reaches each layer",
    "A straight line on this log axis means that every layer multiplies δ by the same factor; ∂E/∂W may stay flat "
    "while δ falls, so look at its level too.",
)


def heat_maps() -> dict[str, str]:
    """The quantities that the heat map over layers and steps can show, with their short names."""
    return {name: quantity.menu for name, quantity in LAYER_QUANTITIES.items() if quantity.menu}


def gradient_flow(measured: Measurement, style: Style, ghost: Ghost | None = None) -> Figure:
    """δ norm and weight-gradient norm per layer, at step 0 (dotted) and at the step chosen, over six decades at least.

    `ghost`: δ of the run before, beneath.
    """
    layers, steps = measured.axes["layer"], measured.axes["step"]
    now = len(steps) - 1
    traces = []
    for name, colour, symbol, label in (
        ("delta_norm", style.delta, "circle", "δ"),
        ("weight_gradient_norm", style.weight, "square", "∂E/∂W"),
    ):
        drawn = Line(name, label, colour, symbol)
        traces = bands(measured, drawn, style, now, log=True, legend=name == "delta_norm") + traces
        hover = f"layer %{{x}}<br>{label} %{{y:.2e}}<extra>step %{{customdata}}</extra>"
        for row in range(now, -1, -1):
            first = row == 0 and now > 0
            values = drawable(measured[name][row])
            traces.append(
                line(
                    layers,
                    values,
                    f"{label} at step {steps[row]}",
                    colour,
                    hover,
                    width=1.5 if first else 2.5,
                    dash="dot" if first else "solid",
                    symbol=symbol,
                    mode="lines" if first else "lines+markers",
                    customdata=np.full(len(layers), steps[row]),
                    uid=f"{name}_{'first' if first else 'now'}",  # by which a hidden entry is known again
                    legendrank=1 if first else 0,
                    opacity=0.8 if first else 1.0,
                    zorder=0 if first else 1,
                )
            )
    if ghost:
        traces.insert(0, _ghost(ghost, style))
    shown = np.concatenate([np.ravel(trace["y"]) for trace in traces])
    if "theory_delta_norm" in measured.values:
        shown = np.append(shown, measured["theory_delta_norm"][0])
        traces = _theory(measured, style, floor=10 ** log_ticks(shown, DECADES)["range"][0]) + traces
    return {
        "data": traces,
        "layout": style.layout(
            "gradient_flow",
            xaxis=layer_axis(len(layers)),
            yaxis=log_axis("norm", **log_ticks(shown, DECADES)),
            annotations=_zero_notes(measured, style, now),
            meta=layers_along("x", len(layers)),
        ),
    }


@dataclass(frozen=True)
class Ghost:
    """The run before: what it was, in words, and its δ norms (n_layers,)."""

    name: str
    delta_norm: np.ndarray


def _ghost(ghost: Ghost, style: Style) -> dict[str, object]:
    """δ of the run before: a change is seen beside what it changed."""
    return line(
        np.arange(1, len(ghost.delta_norm) + 1),
        drawable(ghost.delta_norm),
        f"δ before: {ghost.name}",
        style.muted,
        "layer %{x}<br>δ before %{y:.2e}<extra></extra>",
        width=1.5,
        dash="dashdot",
        uid="ghost",
        legendrank=3,
        zorder=-1,
    )


THEORY, THEORY_BAND = "theory", "theory_band"
"""The uid of the predicted line and of its band."""


def theory_ahead(courses: Mapping[str, tuple[float, Sequence[float], np.ndarray]]) -> dict[str, Any]:
    """What lets the predicted line of `gradient_flow` move with the thumbs of sliders, for `plot`.

    Of each slider, by its key: where it stands, its stops, and log10 of the line at each of them, (n_stops, n_layers)
    with NaN beyond a network's end. The band, which is simulated, is hidden meanwhile.
    """
    sliders = {
        key: {"at": at, "stops": list(stops), "logs": np.float32(logs)} for key, (at, stops, logs) in courses.items()
    }
    return {"line": THEORY, "hidden": THEORY_BAND, "sliders": sliders}


def _theory(measured: Measurement, style: Style, floor: float) -> list[dict[str, object]]:
    """The predicted δ norm at step 0, dashed, and the band that 95 % of networks of these widths fall into.

    A band that begins at 0, because some of them pass nothing, begins at the floor of the picture.
    """
    layers = measured.axes["layer"]
    low, middle, high = (drawable(measured[name][0]) for name in ("theory_low", "theory_delta_norm", "theory_high"))
    low = np.where(measured["theory_low"][0] == 0, floor, low)
    sound = np.isfinite(low) & np.isfinite(high)
    return [
        band(
            layers[sound],
            low[sound],
            high[sound],
            fade(style.theory, 0.14),
            "theory band",
            showlegend=False,
            uid=THEORY_BAND,
        ),
        line(
            layers,
            middle,
            "δ, theory at step 0",
            style.theory,
            "layer %{x}<br>theory %{y:.2e}<extra></extra>",
            dash="dash",
            uid=THEORY,
            legendrank=2,
        ),
    ]


def _zero_notes(measured: Measurement, style: Style, row: int) -> list[dict[str, object]]:
    """A line of text for each quantity that is exactly zero, or not finite, in some layers."""
    notes = []
    for name, label, colour in (("delta_norm", "δ", style.delta), ("weight_gradient_norm", "∂E/∂W", style.weight)):
        values, layers = measured[name][row], measured.axes["layer"]
        for mask, what in ((values == 0, "exactly 0"), (~np.isfinite(values), "not finite")):
            if mask.any():
                text = f"{label} is {what} in layer {ranges(layers[mask])}"
                notes.append((text, colour))
    return corner_notes(notes, style, bottom=0.02)


def layer_by_step(measured: Measurement, name: str, style: Style, step: int) -> Figure:
    """One quantity for every layer at every step, as a heat map; magnitudes as log10, what has a sign in two colours."""
    steps, layers, values = measured.axes["step"], measured.axes["layer"], measured[name].T
    quantity = LAYER_QUANTITIES[name]
    share = quantity.span == (0, 1)
    title = {"text": "log₁₀" if quantity.log else "share" if share else "", "side": "top"}
    ends: dict[str, Any] = {}
    if quantity.span:
        ends = {"zmin": quantity.span[0], "zmax": quantity.span[1]}
        ends |= {"colorscale": DIVERGING} if quantity.span[0] < 0 else {}
    hover, bar = f"layer %{{y}}, step %{{x}}<br>{quantity.label}", colour_bar(style, title=title, len=1.0)
    return {
        "data": [
            heat_map(
                steps, layers, values, hover, bar, log=quantity.log, least=DECADES if quantity.log else 0.5, **ends
            )
        ],
        "layout": style.layout(
            f"{name}_by_step",
            xaxis=step_axis(steps, **all_steps(steps, cells=True), showgrid=False),
            yaxis=layer_axis(len(layers), "layer", showgrid=False),
            meta=layers_along("y", len(layers)),
            shapes=[halo(style, step), step_line(style, step)],
            margin={"t": 10},
        ),
    }


def flat_share(timeline: Measurement) -> str:
    """The share that is defined for the network's units: saturated, or for relu and its kin inactive."""
    saturated = np.isfinite(timeline["saturated_fraction"]).any()
    return "saturated_fraction" if saturated else "inactive_fraction"


def span(measured: Measurement, name: str, step: int) -> str:
    """How many decades lie between the layers of a logarithmic heat map at one step: its colours stretch to any span."""
    values = drawable(measured[name][int(np.argmin(np.abs(measured.axes["step"] - step)))])
    if not LAYER_QUANTITIES[name].log or np.isfinite(values).sum() < 2:
        return ""
    return f"At step {step:,} the layers span {np.log10(np.nanmax(values) / np.nanmin(values)):.2g} decades."


def gaps(measured: Measurement, name: str) -> str:
    """What the blank cells of a logarithmic heat map are."""
    values = measured[name]
    zeros, endless = np.count_nonzero(values == 0), np.count_nonzero(np.isinf(values))
    if not LAYER_QUANTITIES[name].log or not zeros + endless:
        return ""
    named = [f"{count:,} are {what}" for count, what in ((zeros, "exactly 0"), (endless, "infinite")) if count]
    return f"Blank cells: {' and '.join(named)}."


UPDATE_RATIO = Text(
    "Update ratio",
    "‖ΔW‖ / ‖W‖ per layer",
    "Lines near the 10⁻³ guide learn at a healthy pace; far below they stand still, far above they thrash. The colour "
    "runs from the first layer to the last.",
)


def update_ratio(measured: Measurement, style: Style, step: int) -> Figure:
    """The relative size of each update, for a handful of layers, with the rule-of-thumb line at 1e-3."""
    values = measured["update_ratio"]
    figure = layer_lines(measured, "update_ratio", style, step)
    shown = np.append(values[np.isfinite(values) & (values > 0)], 1e-3)
    axis = figure["layout"]["yaxis"] | log_axis("‖ΔW‖ / ‖W‖", **log_ticks(shown))
    figure["layout"]["yaxis"] = style.ticked(axis)
    figure["layout"]["shapes"].append(guide_line(1e-3, style))
    figure["layout"]["annotations"] = [
        {
            "text": "10⁻³ guide",
            "xref": "paper",
            "x": 1,
            "y": -3,
            "xanchor": "right",
            "yanchor": "bottom",
            "showarrow": False,
            "font": style.font(11) | {"color": style.muted},
        }
    ]
    return figure
