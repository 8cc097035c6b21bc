"""How the gradient runs through the layers, and through training."""

from __future__ import annotations

import numpy as np

from dashboard.charts.seeds import Line, bands
from dashboard.charts.style import (
    CIVIDIS,
    Figure,
    Style,
    corner_notes,
    drawable,
    fade,
    layer_axis,
    log_axis,
    log_ticks,
    shade_range,
    step_axis,
)
from dashboard.ui.card import Text
from nncore import Measurement
from nncore.measures import LAYER_QUANTITIES
from nncore.numerics.spacing import evenly_spaced

FLOW = Text(
    "Gradient flow",
    "how much gradient reaches each layer",
    "A straight line on this log axis means that every layer multiplies δ by the same factor; ∂E/∂W may stay flat "
    "while δ falls, so look at its level too.",
)


def heat_maps() -> dict[str, str]:
    """The quantities that the heat map over layers and steps can show, with their short names."""
    return {name: quantity.menu for name, quantity in LAYER_QUANTITIES.items() if quantity.menu}


def gradient_flow(measured: Measurement, style: Style) -> Figure:
    """δ norm and weight-gradient norm per layer, at step 0 (dotted) and at the step chosen."""
    layers, steps = measured.axes["layer"], measured.axes["step"]
    now = len(steps) - 1
    traces = []
    for name, colour, symbol, label in (
        ("delta_norm", style.delta, "circle", "δ"),
        ("weight_gradient_norm", style.weight, "square", "∂E/∂W"),
    ):
        line = Line(name, label, colour, symbol)
        traces = bands(measured, line, style, now, log=True, legend=name == "delta_norm") + traces
        hover = f"layer %{{x}}<br>{label} %{{y:.2e}}<extra>step %{{customdata}}</extra>"
        for row in range(now, -1, -1):
            first = row == 0 and now > 0
            values = drawable(measured[name][row])
            traces.append(
                {
                    "type": "scatter",
                    "x": layers,
                    "y": values,
                    "customdata": np.full(len(layers), steps[row]),
                    "hovertemplate": hover,
                    "name": f"{label} at step {steps[row]}",
                    "uid": f"{name}_{'first' if first else 'now'}",  # by which a hidden entry is known again
                    "legendrank": 1 if first else 0,
                    "mode": "lines" if first else "lines+markers",
                    "line": {"color": colour, "width": 1.5 if first else 2.5, "dash": "dot" if first else "solid"},
                    "marker": {"symbol": symbol, "size": 7, "color": colour},
                    "opacity": 0.8 if first else 1.0,
                    "zorder": 0 if first else 1,
                }
            )
    shown = np.concatenate([np.ravel(trace["y"]) for trace in traces])
    if "theory_delta_norm" in measured.values:
        shown = np.append(shown, measured["theory_delta_norm"][0])
        traces = _theory(measured, style, floor=10 ** log_ticks(shown)["range"][0]) + traces
    return {
        "data": traces,
        "layout": style.layout(
            "gradient_flow",
            xaxis=layer_axis(len(layers)),
            yaxis=log_axis("norm", **log_ticks(shown)),
            annotations=_zero_notes(measured, style, now),
        ),
    }


def _theory(measured: Measurement, style: Style, floor: float) -> list[dict[str, object]]:
    """The predicted δ norm at step 0, dashed, and the band that 95 % of networks of these widths fall into.

    A band that begins at 0, because some of them pass nothing, begins at the floor of the picture.
    """
    layers = measured.axes["layer"]
    low, line, high = (drawable(measured[name][0]) for name in ("theory_low", "theory_delta_norm", "theory_high"))
    low = np.where(measured["theory_low"][0] == 0, floor, low)
    sound = np.isfinite(low) & np.isfinite(high)
    return [
        {
            "type": "scatter",
            "x": np.concatenate([layers[sound], layers[sound][::-1]]),
            "y": np.concatenate([high[sound], low[sound][::-1]]),
            "fill": "toself",
            "fillcolor": fade(style.theory, 0.14),
            "line": {"width": 0},
            "mode": "lines",
            "hoverinfo": "skip",
            "showlegend": False,
            "name": "theory band",
            "uid": "theory_band",
        },
        {
            "type": "scatter",
            "x": layers,
            "y": line,
            "mode": "lines",
            "line": {"color": style.theory, "width": 2, "dash": "dash"},
            "name": "δ, theory at step 0",
            "uid": "theory",
            "legendrank": 2,
            "hovertemplate": "layer %{x}<br>theory %{y:.2e}<extra></extra>",
        },
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


def ranges(numbers: np.ndarray) -> str:
    """Whole numbers as runs.

    >>> ranges(np.array([1, 2, 3, 7]))
    '1–3, 7'
    """
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]}–{g[-1]}" for g in groups)


def layer_by_step(measured: Measurement, name: str, style: Style, step: int) -> Figure:
    """One quantity for every layer at every step, as a heat map; magnitudes as log10, what has a sign in two colours."""
    steps, layers, values = measured.axes["step"], measured.axes["layer"], measured[name].T
    quantity = LAYER_QUANTITIES[name]
    with np.errstate(all="ignore"):
        shades = np.log10(np.where(values > 0, values, np.nan)) if quantity.log else values
    low, high = quantity.span or shade_range(shades)
    signed, share = quantity.span is not None and low < 0, quantity.span == (0, 1)
    return {
        "data": [
            {
                "type": "heatmap",
                "x": steps,
                "y": layers,
                "z": shades,
                "customdata": values,
                "zmin": low,
                "zmax": high,
                "colorscale": style.diverging if signed else CIVIDIS,
                "hovertemplate": f"layer %{{y}}, step %{{x}}<br>{quantity.label} %{{customdata:.2e}}<extra></extra>",
                "colorbar": {
                    "title": {"text": "log₁₀" if quantity.log else "share" if share else "", "side": "top"},
                    "thickness": 12,
                    "outlinewidth": 0,
                    "tickfont": style.font(12) | {"color": style.muted},
                    "len": 1.0,
                },
            }
        ],
        "layout": style.layout(
            f"{name}_by_step",
            xaxis=step_axis(steps, showgrid=False),
            yaxis=layer_axis(len(layers), "layer", showgrid=False),
            shapes=[halo(style, step), step_line(style, step)],
            margin={"t": 10},
        ),
    }


def flat_share(timeline: Measurement) -> str:
    """The share that is defined for the network's units: saturated, or for relu and its kin inactive."""
    saturated = np.isfinite(timeline["saturated_fraction"]).any()
    return "saturated_fraction" if saturated else "inactive_fraction"


def gaps(measured: Measurement, name: str) -> str:
    """What the blank cells of a logarithmic heat map are."""
    values = measured[name]
    zeros, endless = np.count_nonzero(values == 0), np.count_nonzero(np.isinf(values))
    if not LAYER_QUANTITIES[name].log or not zeros + endless:
        return ""
    named = [f"{count:,} are {what}" for count, what in ((zeros, "exactly 0"), (endless, "infinite")) if count]
    return f"Blank cells: {' and '.join(named)}."


def step_line(style: Style, step: int) -> dict[str, object]:
    """The upright line that marks the step chosen."""
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": step,
        "x1": step,
        "y0": 0,
        "y1": 1,
        "line": {"color": style.ink, "width": 1.5, "dash": "dash"},
    }


def halo(style: Style, step: int) -> dict[str, object]:
    """A pale line behind `step_line`, which would be lost on the dark cells of a heat map."""
    return step_line(style, step) | {"line": {"color": fade(style.background, 0.75), "width": 4}}


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
    figure["layout"]["yaxis"] |= log_axis("‖ΔW‖ / ‖W‖", **log_ticks(shown))
    figure["layout"]["shapes"].append(
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 1e-3,
            "y1": 1e-3,
            "line": {"color": style.theory, "width": 1.5, "dash": "dash"},
        }
    )
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


def handful(n_layers: int, at_most: int = 7) -> np.ndarray:
    """Layer numbers to draw as lines: all of a few, else evenly spread with the first and the last."""
    return evenly_spaced(1, n_layers, at_most)


def layer_lines(measured: Measurement, name: str, style: Style, step: int, dash: str = "solid") -> Figure:
    """One line over the steps for each of a handful of layers, in the layers' colours; the ends are named."""
    steps, layers, values = measured.axes["step"], measured.axes["layer"], measured[name]
    defined = layers[np.isfinite(values).any(axis=0)]
    colours = style.layers(len(layers))
    drawn = [defined[place - 1] for place in handful(len(defined))] if len(defined) else []
    traces = [
        {
            "type": "scatter",
            "x": steps,
            "y": values[:, layer - 1],
            "mode": "lines" if len(steps) > 1 else "markers",
            "name": f"layer {layer}",
            "showlegend": place in (0, len(drawn) - 1),
            "line": {"color": colours[layer - 1], "width": 1.8, "dash": dash},
            "hovertemplate": f"layer {layer}, step %{{x}}<br>%{{y:.3g}}<extra></extra>",
        }
        for place, layer in enumerate(drawn)
    ]
    return {
        "data": traces,
        "layout": style.layout(name, xaxis=step_axis(steps), shapes=[step_line(style, step)], showlegend=True),
    }
