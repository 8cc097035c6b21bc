"""What the layers put out: distributions, signal, saturation."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import layer_axis, layers_along, log_axis, log_ticks
from dashboard.charts.marks import Line, bands, layer_lines, line, note
from dashboard.charts.style import Figure, Style, merge
from dashboard.charts.text import Text
from nncore import Measurement
from nncore.measures import LAYER_QUANTITIES

DISTRIBUTIONS = {
    "activation": Text(
        "Activations",
        "a per layer",
        "Colour at the ends of the range is saturation; one narrow stripe is a signal that is gone.",
    ),
    "delta": Text(
        "Gradient δ",
        "log₁₀ per layer",
        "A stripe that wanders left towards layer 1 is a gradient that vanishes; right, one that explodes.",
    ),
    "weight_gradient": Text(
        "Weight gradient",
        "log₁₀ per layer",
        "It can stay in place while δ wanders: then its level says how fast a layer can learn.",
    ),
}

SIGNAL = Text(
    "Signal",
    "what of the input is left in z",
    "When the lower line falls while the upper stays, the units still differ from each other but no longer from "
    "sample to sample: the input is forgotten.",
)

SATURATION = Text(
    "Saturation",
    "of units × rows",
    "Solid: slope below 1 % of its largest; dashed: units whose slope is 0 on every probe row, which cannot learn.",
)


def distribution(measured: Measurement, quantity: str, style: Style) -> Figure:
    """A histogram for each layer as a row of a heat map, each row scaled to its own peak."""
    columns = measured.columns or {}
    low, high = columns["low"][1], columns["high"][1]
    counts = measured["count"].astype(np.float32)
    peaks = np.maximum(counts.max(axis=1, keepdims=True), 1)
    colour = {"activation": style.activation, "delta": style.delta, "weight_gradient": style.weight}[quantity]
    label = {"activation": "a", "delta": "log₁₀ |δ|", "weight_gradient": "log₁₀ |∂E/∂W|"}[quantity]
    layers = measured.axes["layer"]
    zeros = columns["exact_zeros"][1]
    annotations = []
    if quantity != "activation" and zeros.any():
        share = int(zeros.sum())
        annotations = [note(f"{share:,} exact zeros not drawn", style, 0.02, 0.98, colour=style.muted, size=11)]
    return {
        "data": [
            {
                "type": "heatmap",
                "x": 0.5 * (low + high),
                "y": layers,
                "z": counts / peaks,
                "customdata": counts,
                "zmin": 0,
                "zmax": 1,
                "colorscale": style.ramp(colour),
                "showscale": False,
                "hovertemplate": f"layer %{{y}}<br>{label} ≈ %{{x:.3g}}<br>%{{customdata:,}} values<extra></extra>",
            }
        ],
        "layout": style.layout(
            f"distribution_{quantity}",
            xaxis={"title": {"text": label}, "showgrid": False, "nticks": 6, "range": [low[0], high[-1]]},
            yaxis=layer_axis(len(layers), "layer", showgrid=False),
            meta=layers_along("y", len(layers)),
            annotations=annotations,
            margin={"t": 10},
        ),
    }


def signal(measured: Measurement, style: Style) -> Figure:
    """Pooled std of z beside each unit's std over samples, per layer at one step."""
    layers = measured.axes["layer"]
    pooled, own, floor = (measured[name][0] for name in ("z_std", "signal", "signal_floor"))
    noise = own <= floor
    drawn = np.where((own > 0) & np.isfinite(own), own, np.nan)
    symbols = ["diamond-open" if lost else "diamond" for lost in noise]
    seeds = bands(measured, Line("signal", "signal", style.activation, "diamond"), style, 0, log=True, legend=True)
    traces = [
        *seeds,
        line(
            layers,
            np.where(pooled > 0, pooled, np.nan),
            "all units and samples",
            style.muted,
            "layer %{x}<br>pooled std %{y:.2e}<extra></extra>",
            width=1.5,
            dash="dashdot",
        ),
        line(
            layers,
            drawn,
            "signal",
            style.activation,
            "layer %{x}<br>signal %{y:.2e}<extra></extra>",
            width=2.5,
            symbol="diamond",
            size=8,
            marker={"symbol": symbols},
        ),
    ]
    annotations = []
    if noise.any():
        first = int(layers[noise][0])
        annotations = [note(f"from layer {first} on: rounding noise", style, 0.98, 0.02, colour=style.activation)]
    return {
        "data": traces,
        "layout": style.layout(
            "signal",
            xaxis=layer_axis(len(layers)),
            meta=layers_along("x", len(layers)),
            yaxis=log_axis("std of z", **log_ticks(np.concatenate([pooled, own, *(trace["y"] for trace in seeds)]))),
            annotations=annotations,
        ),
    }


def saturation(measured: Measurement, style: Style, step: int) -> Figure:
    """Saturated (or inactive) share per layer over time, and the share of dead units."""
    (name,) = (name for name in measured.values if name != "dead_fraction")
    figure = layer_lines(measured, name, style, step)
    dead = layer_lines(measured, "dead_fraction", style, step, dash="dash")
    for trace in dead["data"]:
        trace |= {"showlegend": False, "hovertemplate": trace["hovertemplate"].replace("layer", "dead units, layer")}
    shown = [trace for trace in dead["data"] if np.nanmax(trace["y"], initial=0) > 0]
    figure["data"] += shown
    values = np.concatenate([np.ravel(trace["y"]) for trace in figure["data"]] or [np.zeros(1)])
    top = max(0.05, 1.08 * float(np.nanmax(values, initial=0.0)))
    figure["layout"]["yaxis"] = merge(
        figure["layout"]["yaxis"],
        {"title": {"text": LAYER_QUANTITIES[name].label}, "range": [-0.02 * top, min(top, 1.04)], "tickformat": ".0%"},
    )
    return figure
