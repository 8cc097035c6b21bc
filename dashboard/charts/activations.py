"""What the layers put out: distributions, signal, saturation."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import layer_axis, layers_along, log_axis, log_ticks
from dashboard.charts.marks import Line, bands, layer_lines, line, note
from dashboard.charts.style import Figure, Style, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import percent
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
    """Saturated (or inactive) share per layer over time, the share of dead units, and that of sure outputs."""
    name = next(iter(measured.values))
    figure = layer_lines(measured, name, style, step)
    sure = measured["sure_fraction"][:, -1]
    if np.isfinite(sure).any():
        hover = "step %{x}<br>sure outputs %{y:.1%}<extra></extra>"
        figure["data"].append(line(measured.axes["step"], sure, "output", style.ink, hover, dash="dashdot"))
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


def saturated_where(measured: Measurement, step: int) -> str:
    """In which layers units are on their flat side at a step, and how much of the output is, in words."""
    name = next(iter(measured.values))
    row = int(np.argmin(np.abs(measured.axes["step"] - step)))
    shares, sure = measured[name][row, :-1], measured["sure_fraction"][row, -1]
    said = []
    if np.isfinite(shares).any():
        least, most = int(np.nanargmin(shares)), int(np.nanargmax(shares))
        said.append(
            f"At step {measured.axes['step'][row]:,} {percent(shares[least])} of layer {least + 1} to {percent(shares[most])} of "
            f"layer {most + 1}."
            if most != least
            else f"At step {measured.axes['step'][row]:,} {percent(shares[least])}, alike in every layer."
        )
    if np.isfinite(sure):
        said.append(
            f"The output (dash-dotted) is sure of {percent(sure)} of its answers, p(1 − p) below 1 % of ¼: this stops nothing, for "
            "δ there is p − y."
        )
    return " ".join(said)
