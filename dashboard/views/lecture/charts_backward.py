"""The figures of "Backpropagation by hand": the sigmoid's slope, the check, the descent, and paths through a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks
from dashboard.charts.marks import horizontal, step_line
from dashboard.charts.style import Figure, Style, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS, MLP, Measurement
from nncore.lecture.chain import Chain
from nncore.lecture.descent import Descent

SLOPE = Text(
    "O and its slope",
    "dO/dU = O(1 − O)",
    "The slope is largest where O = ½ and never above ¼; on both sides it dies away like e^−|U|.",
)
CURVE = Text("The curve f(x)", "bends towards y = x²", "Dotted: step 0. Crosses: the samples.")
LOSS = Text("Loss E", "mean of (y − f)²", "A falling line is learning; a rising one is an α too large.")
PARAMETERS = Text(
    "All seven θ", "and their gradients ∂E/∂θ", "Where a gradient is 0 its θ runs level: it does not learn."
)
CHECK = Text(
    "The check and its step h",
    "|central difference − gradient|",
    "From the right the error falls like h², then the rounding of E takes over and it rises like 1/h.",
)
LAYERS = Text(
    "Layer by layer",
    "‖∂E/∂z‖ of this sample",
    "Each step to the left multiplies by the weights' factor and by the slopes' factor.",
)
PATHS = Text(
    "Along the strongest paths", "|product so far|", "Read from the output to θ: each drop is a factor below 1."
)

DASHES = ("solid", "solid", "dash", "dash", "dot", "dashdot", "dashdot")
"""Per theta: biases in, weights in, output bias, output weights; twins differ in colour."""


def line(x: np.ndarray, y: np.ndarray, name: str, colour: str, **changes: Any) -> dict[str, Any]:
    """A curve."""
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": {"color": colour, "width": 2.5},
        "hovertemplate": f"%{{x:.4g}}<br>{name} %{{y:.6g}}<extra></extra>",
    }
    return merge(trace, changes)


def level(y: float, style: Style, dash: str = "dash") -> dict[str, Any]:
    """A theory's level across the whole chart."""
    return horizontal(y, style.theory, dash=dash)


# ---- the slope of the sigmoid ----------------------------------------------------------------------------------


def slope_measurement(u: float) -> Measurement:
    """O and dO/dU over U, the chosen U among them."""
    reach = max(8.0, 1.1 * abs(u))
    grid = np.unique(np.concatenate([np.linspace(-8, 8, 321), np.linspace(-reach, reach, 41), [u]]))
    sigmoid = ACTIVATIONS["sigmoid"]
    return Measurement("sigmoid slope", {"U": grid}, {"O": sigmoid(grid), "slope": sigmoid.slope(grid)})


def slope_curve(measured: Measurement, u: float, style: Style) -> Figure:
    """Both curves, the ceiling 1/4, and the chosen U on them."""
    grid = measured.axes["U"]
    here = int(np.searchsorted(grid, u))
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": np.array([u, u]),
        "showlegend": False,
        "y": np.array([measured["O"][here], measured["slope"][here]]),
        "marker": {
            "size": 12,
            "color": [style.activation, style.delta],
            "line": {"color": style.background, "width": 2},
        },
        "hovertemplate": "U = %{x:.4g}<br>%{y:.4e}<extra></extra>",
    }
    ceiling = {
        "text": "ceiling ¼",
        "showarrow": False,
        "x": 0.01,
        "xref": "paper",
        "xanchor": "left",
        "y": 0.25,
        "yanchor": "bottom",
        "font": style.font(12) | {"color": style.theory},
    }
    reach = max(8.0, 1.1 * abs(u))
    return {
        "data": [
            line(grid, measured["O"], "O", style.activation),
            line(grid, measured["slope"], "dO/dU", style.delta, line={"dash": "dash"}),
            dots,
        ],
        "layout": style.layout(
            "sigmoid_slope",
            xaxis={"title": {"text": "U (the field's z)"}, "range": [-reach, reach]},
            yaxis={"title": {"text": "O and dO/dU"}, "range": [-0.04, 1.06], "dtick": 0.25},
            shapes=[level(0.25, style)],
            annotations=[ceiling],
        ),
    }


# ---- the finite-difference check -------------------------------------------------------------------------------


def check_measurement(h: np.ndarray, numeric: np.ndarray, exact: float) -> Measurement:
    """Central differences with several h, and how far each is from the gradient."""
    return Measurement(
        "finite difference",
        {"h": h},
        {"difference": numeric, "error": np.abs(numeric - exact), "gradient": np.full(len(h), exact)},
    )


def check(measured: Measurement, style: Style) -> Figure:
    """Error against h, both logarithmic."""
    h, error = measured.axes["h"], measured["error"]
    shown = np.where(error > 0, error, np.nan)
    return {
        "data": [
            line(
                h,
                shown,
                "error",
                style.primary,
                mode="lines+markers",
                hovertemplate="h = %{x:.0e}<br>error %{y:.2e}<extra></extra>",
            )
        ],
        "layout": style.layout(
            "finite_difference",
            xaxis=log_axis("step h", dtick=2),
            yaxis=log_axis("error", **log_ticks(error)),
            margin={"t": 10},
            showlegend=False,
        ),
    }


# ---- gradient descent ------------------------------------------------------------------------------------------


def curve_measurements(
    path: Descent, steps: Sequence[int], network: MLP, samples: tuple[np.ndarray, np.ndarray]
) -> list[Measurement]:
    """f over x at step 0 and at each of these steps; the samples' y where they are."""
    x, y = samples
    grid = np.unique(np.concatenate([np.linspace(x.min() - 0.5, x.max() + 0.5, 161), x]))
    with np.errstate(all="ignore"):
        f = network.forward(path.theta[[0, *steps]], grid[:, None]).z[-1][..., 0]
    targets = np.full(len(grid), np.nan)
    targets[np.searchsorted(grid, x)] = y
    return [Measurement("descent curve", {"x": grid}, {"f_start": f[0], "f": each, "y": targets}) for each in f[1:]]


def curve(measured: Measurement, step: int, style: Style) -> Figure:
    """The samples, the curve at the start and now; the axis stays on the data."""
    grid, y = measured.axes["x"], measured["y"]
    here = np.isfinite(y)
    samples = {
        "type": "scatter",
        "mode": "markers",
        "x": grid[here],
        "y": y[here],
        "name": "y",
        "marker": {"size": 11, "symbol": "x", "color": style.ink},
        "hovertemplate": "x %{x:.4g}<br>y %{y:.4g}<extra></extra>",
    }
    low, high = float(np.min(y[here])), float(np.max(y[here]))
    f = measured["f"]
    outside = not np.any((f >= low - 1) & (f <= high + 1))
    note = (
        [
            {
                "text": f"f is off the picture: about {digits(float(np.median(f)), 3)}",
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.02,
                "y": 0.98,
                "xanchor": "left",
                "yanchor": "top",
                "font": style.font(13),
            }
        ]
        if outside
        else []
    )
    return {
        "data": [
            line(grid, measured["f_start"], "step 0", style.muted, line={"width": 1.5, "dash": "dot"}),
            line(grid, f, f"step {step}", style.primary, line={"width": 3.5}),
            samples,
        ],
        "layout": style.layout(
            "descent_curve",
            xaxis={"title": {"text": "x"}, "range": [grid[0], grid[-1]]},
            yaxis={"title": {"text": "f(x) and y"}, "range": [low - 1, high + 1]},
            annotations=note,
        ),
    }


def path_measurement(path: Descent) -> Measurement:
    """Loss, every theta and every gradient at every step."""
    values = {"loss": path.loss}
    values |= {f"theta{k}": column for k, column in enumerate(path.theta.T)}
    values |= {f"gradient{k}": column for k, column in enumerate(path.grad.T)}
    return Measurement("descent", {"step": np.arange(len(path.loss))}, values)


def loss(measured: Measurement, step: int, style: Style) -> Figure:
    """The loss on a log axis, with the chosen step."""
    steps, values = measured.axes["step"], measured["loss"]
    shown = drawable(values)
    dot = {
        "type": "scatter",
        "mode": "markers",
        "x": steps[step : step + 1],
        "y": shown[step : step + 1],
        "showlegend": False,
        "marker": {"size": 11, "color": style.primary, "line": {"color": style.background, "width": 2}},
        "hoverinfo": "skip",
    }
    trace = line(steps, shown, "E", style.primary, hovertemplate="step %{x}<br>E %{y:.6g}<extra></extra>")
    return {
        "data": [trace, dot],
        "layout": style.layout(
            "descent_loss",
            xaxis={"title": {"text": "step"}},
            yaxis=log_axis("E", **log_ticks(values)),
            shapes=[step_line(style, step)],
            showlegend=False,
            margin={"t": 10},
        ),
    }


def parameters(measured: Measurement, step: int, last: int, style: Style) -> Figure:
    """Seven theta above, their gradients below; a divergence's last, non-finite row is left out.

    Where they explode they are drawn up to the chosen step only: the last step would flatten all others.
    """
    largest = max(float(np.abs(measured[f"theta{k}"][: last + 1]).max()) for k in range(7))
    last = last if largest < 1e3 else min(max(step, 2), last)
    steps = measured.axes["step"][: last + 1]
    colours = style.classes(7)
    traces = []
    for name, axis, symbol in (("theta", "y", "θ{k}"), ("gradient", "y2", "∂E/∂θ{k}")):
        for k in range(7):
            label = symbol.format(k=k)
            traces.append(
                line(
                    steps,
                    measured[f"{name}{k}"][: last + 1],
                    f"θ{k}",
                    colours[k],
                    yaxis=axis,
                    legendgroup=f"θ{k}",
                    showlegend=axis == "y",
                    line={"width": 2, "dash": DASHES[k]},
                    hovertemplate=f"step %{{x}}<br>{label} %{{y:.6g}}<extra></extra>",
                )
            )
    layout = style.layout(
        "descent_theta", xaxis={"title": {"text": "step"}, "anchor": "y2"}, shapes=[step_line(style, step)]
    )
    axis = layout["yaxis"] | {"exponentformat": "power"}
    layout["yaxis"] = axis | {"domain": [0.54, 1], "title": axis["title"] | {"text": "θ"}}
    layout["yaxis2"] = axis | {"domain": [0, 0.46], "title": axis["title"] | {"text": "∂E/∂θ"}}
    return {"data": traces, "layout": layout}


# ---- any network -----------------------------------------------------------------------------------------------


def layers_measurement(found: Chain) -> Measurement:
    """The sample's ||dE/dz|| per layer, and the factors that lead down to it from the layer above."""
    n_layers = len(found.delta_norm)
    blank = np.array([np.nan])
    return Measurement(
        "layer by layer",
        {"layer": np.arange(1, n_layers + 1)},
        {
            "delta_norm": found.delta_norm,
            "weight_factor": np.concatenate([found.weight_factor, blank]),
            "slope_factor": np.concatenate([found.slope_factor, blank]),
        },
    )


def layers(measured: Measurement, layer: int, style: Style) -> Figure:
    """delta per layer above; below, what each step down multiplies it by, split into weights and slopes."""
    number = measured.axes["layer"]
    positive = {name: np.where(values > 0, values, np.nan) for name, values in measured.values.items()}
    traces = [
        line(
            number,
            positive["delta_norm"],
            "‖∂E/∂z‖",
            style.delta,
            mode="lines+markers",
            marker={"size": np.where(number == layer, 13, 7)},
            hovertemplate="layer %{x}<br>‖∂E/∂z‖ %{y:.3e}<extra></extra>",
        ),
        line(
            number,
            positive["weight_factor"],
            "weights' factor",
            style.weight,
            mode="lines+markers",
            yaxis="y2",
            marker={"symbol": "square"},
            hovertemplate="from layer above to %{x}<br>weights × %{y:.4g}<extra></extra>",
        ),
        line(
            number,
            positive["slope_factor"],
            "slopes' factor",
            style.activation,
            mode="lines+markers",
            yaxis="y2",
            marker={"symbol": "diamond"},
            line={"dash": "dash"},
            hovertemplate="from layer above to %{x}<br>slopes × %{y:.4g}<extra></extra>",
        ),
    ]
    both = np.concatenate([measured["weight_factor"], measured["slope_factor"], [1.0]])
    layout = style.layout("layer_factors", xaxis=layer_axis(len(number), anchor="y2"))
    axis = layout["yaxis"]
    layout["yaxis"] = style.ticked(
        merge(axis, log_axis("‖∂E/∂z‖", domain=[0.52, 1], **log_ticks(measured["delta_norm"])))
    )
    layout["yaxis2"] = style.ticked(merge(axis, log_axis("factor", domain=[0, 0.42], **log_ticks(both))))
    layout["shapes"] = [level(1.0, style) | {"yref": "y2"}]
    return {"data": traces, "layout": layout}


def paths_measurement(found: Chain) -> Measurement:
    """Every factor of every path shown, and the product up to there; short paths end in blanks."""
    longest = max(map(len, found.paths))
    rows = [[factor.value for factor in path] + [np.nan] * (longest - len(path)) for path in found.paths]
    factors = np.array(rows)
    return Measurement(
        "strongest paths",
        {"path": np.arange(1, len(rows) + 1), "place": np.arange(1, longest + 1)},
        {"factor": factors, "product": np.cumprod(factors, axis=1)},
    )


def paths(measured: Measurement, names: list[str], style: Style) -> Figure:
    """|product so far| along each path, strongest first and thickest."""
    place, products = measured.axes["place"], np.abs(measured["product"])
    colours = [style.delta, *style.classes(8)[2:]]
    traces = [
        line(
            place,
            np.where(row > 0, row, np.nan),
            f"path {number}",
            colours[(number - 1) % len(colours)],
            mode="lines+markers",
            line={"width": 3 if number == 1 else 1.5},
            marker={"size": 7 if number == 1 else 4},
            hovertemplate=f"path {number}, factor %{{x}}<br>product so far %{{y:.3e}}<extra></extra>",
        )
        for number, row in enumerate(products, 1)
    ]
    step = max(1, int(np.ceil(len(names) / 14)))
    return {
        "data": traces,
        "layout": style.layout(
            "strongest_paths",
            xaxis={
                "title": {"text": "factor (output → θ)"},
                "tickmode": "array",
                "tickvals": place[::step],
                "ticktext": names[::step],
            },
            yaxis=log_axis("|product so far|", **log_ticks(products)),
        ),
    }
