"""Why the gradient is what it is: the ledger of causes, float types, curvature."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, layers_along, log_axis, log_ticks, step_axis
from dashboard.charts.ledger import existing, stacked
from dashboard.charts.marks import line, note, step_line
from dashboard.charts.style import Figure, Style, fade, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import number, percent, ranges
from dashboard.words.sentences import capital
from nncore import Measurement
from nncore.diagnosis import FLOAT_TYPES, PARTS

LEDGER = Text(
    "Who killed it",
    "each layer's factor, split into its causes",
    "Bars below 0 shrink δ, bars above 0 make it grow; together they are exactly the layer's factor, the line. A part "
    "that the network does not have is not drawn.",
)
PART_NAMES = {
    "weights": "the weights",
    "skip": "the skip connections",
    "slope": "the slopes φ′",
    "normalization": "the normalization",
}


def ledger(measured: Measurement, style: Style) -> Figure:
    """log10 of each hidden layer's factor, split into its causes."""
    layers = measured.axes["layer"]
    figure = stacked(
        "gradient_ledger",
        layers,
        measured,
        existing(measured, PARTS),
        ("layer's factor", "layer %{x}<br>δ of this layer is 10<sup>%{y:.3f}</sup> of the next one's<extra></extra>"),
        "layer %{x}",
        style,
        xaxis=layer_axis(max(len(layers), 1)),
        meta=layers_along("x", len(layers)),
    )
    layout = figure["layout"]
    if not any(np.isfinite(measured[part]).any() for part in PARTS):
        layout["yaxis"] |= {"range": [-1, 1]}
    if measured.caveats:
        layout["annotations"] = [note(f"Not drawn: {measured.caveats[0]}", style, 0.01, 0.02, colour=style.delta)]
    return figure


def culprit(measured: Measurement) -> str:
    """The part that did most of it, in words."""
    sums = {part: float(np.nansum(measured[part])) for part in existing(measured, PARTS)}
    total = float(np.nansum(measured["total"]))
    if not np.isfinite(measured["total"]).any():
        return ""
    main = max(sums, key=lambda part: sums[part] * np.sign(total))
    others = [f"{PART_NAMES[part]} {decades(value)}" for part, value in sums.items() if part != main]
    beside = f" ({', '.join(others)})" if others else ""
    if abs(total) < 1:
        largest = max(sums.values(), key=abs)
        every = ", ".join(f"{PART_NAMES[part]} {decades(value)}" for part, value in sums.items())
        level = "no part amounts to a decade" if abs(largest) < 1 else f"the parts balance, {every}"
        return f"From the last layer to the first δ changes by {decades(total)} decades in all: {level}."
    digits = 3 if abs(sums[main]) >= 100 else 2
    verb = "lose" if total < 0 else "add"
    return (
        f"{capital(PART_NAMES[main])} {_third(verb, main)} {abs(sums[main]):.{digits}g} of the "
        f"{decades(total)} decades between last layer and first{beside}."
    )


def _third(verb: str, part: str) -> str:
    """The verb's form for a part: the normalization loses, the slopes lose."""
    return f"{verb}s" if part == "normalization" else verb


def decades(value: float) -> str:
    """A signed number of decades."""
    return f"{value:+.{3 if abs(value) >= 100 else 2}g}".replace("-", "−")


# Float types ------------------------------------------------------------------------------------------------

PRECISION = Text(
    "Precision",
    "the same δ in three float types",
    "Filled cells are gradients that a type rounds to exactly 0 and float64 does not, ✕ those that leave its range: there "
    "nothing can be learned, however long one trains.",
)
DASHES = {"float64": ("solid", "circle"), "float32": ("dash", "square"), "float16": ("dot", "diamond")}


def precision(measured: Measurement, style: Style) -> Figure:
    """δ per layer in three float types above, the shares that each lost below."""
    layers = measured.axes["layer"]
    traces: list[dict[str, Any]] = []
    for row, name in enumerate(FLOAT_TYPES):
        values = measured["delta_norm"][row]
        dash, symbol = DASHES[name]
        traces.append(
            line(
                layers,
                drawable(values),
                f"δ in {name}",
                style.delta,
                f"layer %{{x}}<br>{name} %{{y:.2e}}<extra></extra>",
                width=5 - 1.5 * row,
                dash=dash,
                symbol=symbol,
                size=9 - 1.5 * row,
                opacity=(0.35, 0.7, 1.0)[row],
            )
        )
    zeros, broken = measured["exact_zeros"], measured["not_finite"]
    traces.append(
        {
            "type": "heatmap",
            "x": layers,
            "y": list(FLOAT_TYPES),
            "yaxis": "y2",
            "z": np.maximum(zeros - zeros[0], broken),
            "customdata": np.stack([zeros, broken], axis=-1),
            "zmin": 0,
            "zmax": 1,
            "xgap": 1,
            "ygap": 2,
            "colorscale": [[0, style.border], [1e-9, fade(style.ink, 0.12)], [1, style.ink]],
            "showscale": False,
            "hovertemplate": "layer %{x}, %{y}<br>%{customdata[0]:.1%} exactly 0, %{customdata[1]:.1%} not finite"
            "<extra></extra>",
        }
    )
    rows, columns = np.nonzero(broken > 0)
    traces.append(
        {
            "type": "scatter",
            "x": layers[columns],
            "y": [FLOAT_TYPES[row] for row in rows],
            "yaxis": "y2",
            "mode": "markers",
            "marker": {"symbol": "x", "size": 8, "color": style.delta},
            "showlegend": False,
            "hoverinfo": "skip",
            "name": "not finite",
        }
    )
    layout = style.layout(
        "precision", xaxis=layer_axis(len(layers), anchor="y2", showgrid=False), meta=layers_along("x", len(layers))
    )
    base = layout["yaxis"]
    layout["yaxis"] = style.ticked(
        merge(base, log_axis("δ norm", domain=[0.36, 1], **log_ticks(measured["delta_norm"])))
    )
    layout["yaxis2"] = merge(base, {"domain": [0, 0.28], "autorange": "reversed", "showgrid": False})
    return {"data": traces, "layout": layout}


def lost(measured: Measurement) -> str:
    """What each type loses that float64 keeps, in words."""
    layers, zeros, broken = measured.axes["layer"], measured["exact_zeros"], measured["not_finite"]
    said = []
    for row, name in ((2, "float16"), (1, "float32")):
        gone = layers[(zeros[row] == 1) & (zeros[0] < 1)]
        some = float((zeros[row] - zeros[0]).max())
        if len(gone):
            said.append(f"{name} is exactly 0 in {_layers(gone)}, where float64 is not")
        elif some >= 0.005:
            said.append(f"{name} turns as much as {percent(some)} of a layer's δ into 0")
        over = layers[(broken[row] > 0) & (broken[0] == 0)]
        if len(over):
            said.append(f"{name} overflows in {_layers(over)}")
    if (broken[0] > 0).any():
        said.append(f"even in float64 δ is not finite in {_layers(layers[broken[0] > 0])}")
    if (zeros[0] == 1).any():
        said.append(f"in {_layers(layers[zeros[0] == 1])} δ is exactly 0 in every type: not the type's doing")
    if not said:
        return "Even float16 keeps δ of every layer."
    return f"{capital('; '.join(said))}."


def _layers(chosen: np.ndarray) -> str:
    """layer 3; 20 layers, 1–20."""
    return f"layer {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} layers, {ranges(chosen)}"


# Curvature --------------------------------------------------------------------------------------------------

CURVATURE = Text(
    "Sharpness",
    "how curved the loss is",
    "Where the largest eigenvalue of the Hessian stands above the dashed line, a step overshoots: the loss jumps until "
    "training has found a flatter place.",
)


def curvature(measured: Measurement, style: Style, step: int) -> Figure:
    """Sharpness and trace over training, with the line above which gradient descent is unstable."""
    steps = measured.axes["step"]
    traces: list[dict[str, Any]] = []
    for name, label, colour, dash, symbol in (
        ("trace", "trace", style.muted, "dot", "square"),
        ("sharpness", "sharpness", style.primary, "solid", "circle"),
    ):
        values = measured[name]
        drawn, hover = np.where(values > 0, values, np.nan), f"step %{{x}}<br>{label} %{{y:.3g}}<extra></extra>"
        width = 2.5 if name == "sharpness" else 1.5
        traces.append(line(steps, drawn, label, colour, hover, width=width, dash=dash, symbol=symbol, size=6))
    stable = measured["stability"]
    if np.isfinite(stable).any():
        traces.append(
            line(
                steps,
                stable,
                "stability line",
                style.theory,
                "step %{x}<br>stable below %{y:.3g}<extra></extra>",
                dash="dash",
                symbol="line-ew-open",
                size=14,
                mode="lines" if len(steps) > 1 else "markers",
            )
        )
    shown = np.concatenate([measured[name] for name in ("sharpness", "trace", "stability")])
    layout = style.layout(
        "curvature",
        xaxis=step_axis(steps) if len(steps) else {"title": {"text": "step"}},
        yaxis=log_axis("eigenvalue", **log_ticks(shown)),
        shapes=[step_line(style, step)],
    )
    return {"data": traces, "layout": layout}


def edge(measured: Measurement, line: str) -> str:
    """Where the sharpness stands to the stability line, in words; `line` is that line's formula."""
    steps, sharpness, stable = measured.axes["step"], measured["sharpness"], measured["stability"]
    known = np.isfinite(sharpness)
    with np.errstate(invalid="ignore"):
        below = {name: np.count_nonzero(measured[name] <= 0) for name in ("sharpness", "trace")}
    named = [f"{name} at {count} steps" for name, count in below.items() if count]
    flat = f" Not drawn, because 0 or below: {', '.join(named)}." if named else ""
    if not known.any():
        return "No sharpness could be measured."
    if not np.isfinite(stable).any():
        first, last = sharpness[known][0], sharpness[known][-1]
        return f"Sharpness goes from {number(first)} to {number(last)}.{flat}"
    with np.errstate(invalid="ignore"):
        over = known & (sharpness > stable)
    limit = number(float(stable[np.isfinite(stable)][0]))
    if over.any():
        at = int(np.argmax(over))
        return (
            f"Sharpness is above {line} = {limit} at {np.count_nonzero(over)} of {np.count_nonzero(known)} steps, first at "
            f"step {steps[at]} with {number(float(sharpness[at]))}: there a step overshoots.{flat}"
        )
    highest = number(float(sharpness[known].max()))
    return f"Sharpness stays below {line} = {limit}, at most {highest}: no step overshoots.{flat}"
