"""The figures of "Why gradients vanish and explode": the product over depth, over weights, and the map of both."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import log_axis, log_ticks
from dashboard.charts.marks import colour_bar, halo, step_line
from dashboard.charts.style import DIVERGING, LIGHT, Figure, Style
from dashboard.charts.text import Text
from dashboard.views.lecture.charts_backward import level, line
from nncore import Measurement
from nncore.lecture.chain import UnitChain, unit_chain

PRODUCT = Text(
    "The product, layer by layer",
    "|∂U/∂U₁| after d layers",
    "A straight line means the same factor at each layer: falling is vanishing, rising is exploding.",
)
FACTOR = Text(
    "The factor per layer", "geometric mean over the chain, against θ", "Above 1 the chain explodes, below it vanishes."
)
MAP = Text("Where it vanishes, where it explodes", "log₁₀ |product|, weight × depth", "Colours end at 10⁻¹² and 10¹².")

WEIGHTS = np.arange(-40.0, 40.25, 0.25)
MAP_WEIGHTS = np.arange(-40.0, 41.0, 1.0)
REACH = 12.0

BIASES = {"0": 0.0, "−θ/2": -0.5}
"""Bias as a share of θ; anything else is a number of the reader's own."""


def bias_of(choice: str, weight: np.ndarray, own: float) -> np.ndarray:
    """The bias that goes with each weight."""
    return BIASES[choice] * weight if choice in BIASES else np.full_like(weight, own)


def product_measurement(seen: UnitChain, weight: float, ceiling: float) -> Measurement:
    """The chain's numbers layer by layer, beside what the largest slope would give."""
    depth = np.arange(1, len(seen.factor) + 1)
    with np.errstate(all="ignore"):
        largest = np.abs(weight * ceiling) ** depth
    return Measurement(
        "product over depth",
        {"layer": depth},
        {
            "U": seen.z,
            "O": seen.a,
            "slope": seen.slope,
            "factor": seen.factor,
            "product": seen.product,
            "log10_product": seen.log10_product,
            "ceiling": largest,
        },
    )


def product(measured: Measurement, look: Style) -> Figure:
    """|product| and its ceiling on a log axis; exact zeros and infinities are named."""
    depth, values = measured.axes["layer"], np.abs(measured["product"])
    drawn = np.where((values > 0) & np.isfinite(values), values, np.nan)
    ceiling = np.where((measured["ceiling"] > 0) & np.isfinite(measured["ceiling"]), measured["ceiling"], np.nan)
    notes = []
    for mask, what in ((values == 0, "exactly 0"), (~np.isfinite(values), "not finite")):
        if mask.any():
            notes.append(
                {
                    "text": f"{what} from layer {depth[mask][0]} on",
                    "showarrow": False,
                    "xref": "paper",
                    "yref": "paper",
                    "x": 0.98,
                    "y": 0.96,
                    "xanchor": "right",
                    "yanchor": "top",
                    "font": look.font(13) | {"color": look.delta},
                }
            )
    hover = "after %{x} layers<br>%{y:.3e}<extra></extra>"
    return {
        "data": [
            line(
                depth,
                ceiling,
                "largest slope · θ",
                look.theory,
                line={"width": 1.8, "dash": "dash"},
                hovertemplate=hover,
            ),
            line(depth, drawn, "|product|", look.delta, mode="lines+markers", line={"width": 3}, hovertemplate=hover),
        ],
        "layout": look.layout(
            "product_over_depth",
            xaxis={"title": {"text": "layers d"}, "dtick": max(1, len(depth) // 10), "range": [0.5, len(depth) + 0.5]},
            yaxis=log_axis("|product|", **log_ticks(np.concatenate([drawn, ceiling, [1.0]]))),
            shapes=[level(1.0, look, "dot")],
            annotations=notes,
        ),
    }


def factor_measurement(x: float, depth: int, activation: str, own: float, ceiling: float) -> Measurement:
    """The mean factor per layer against the weight, for three kinds of bias."""
    values = {}
    for choice, name in (("0", "bias_0"), ("−θ/2", "bias_minus_half"), ("", "bias_own")):
        seen = unit_chain(WEIGHTS, bias_of(choice, WEIGHTS, own), x, depth, activation)
        values[name] = 10.0 ** (seen.log10_product[:, -1] / depth)
    return Measurement("factor per layer", {"weight": WEIGHTS}, values | {"ceiling": np.abs(WEIGHTS) * ceiling})


def factor(measured: Measurement, weight: float, own: bool, look: Style) -> Figure:
    """Three curves of the factor against the weight, and the level 1 that parts vanishing from exploding."""
    weights = measured.axes["weight"]
    curves = [  # the last is drawn on top
        ("bias_0", "b = 0", look.delta, "solid"),
        ("bias_minus_half", "b = −θ/2", look.primary, "solid"),
        *([("bias_own", "my own b", look.activation, "dashdot")] if own else []),
        ("ceiling", "largest slope · |θ|", look.ink, "dash"),
    ]
    shown = {name: np.where(measured[name] > 1e-8, measured[name], np.nan) for name, *_ in curves}
    return {
        "data": [
            line(
                weights,
                shown[name],
                label,
                colour,
                line={"width": 4.0 if name == "bias_minus_half" else 1.8 if dash == "dash" else 2.5, "dash": dash},
                hovertemplate=f"θ %{{x}}<br>{label}: × %{{y:.3e}} a layer<extra></extra>",
            )
            for name, label, colour, dash in curves
        ],
        "layout": look.layout(
            "factor_per_layer",
            xaxis={"title": {"text": "weight θ"}},
            yaxis=log_axis("factor per layer", **log_ticks(np.concatenate(list(shown.values())))),
            shapes=[level(1.0, look, "dot"), step_line(look, weight)],
        ),
    }


def factor_finding(measured: Measurement, ceiling: float) -> str:
    """What the dashed line is, and where the curve of b = −θ/2 lies on it."""
    with np.errstate(all="ignore"):
        reached = np.isclose(measured["bias_minus_half"], measured["ceiling"], rtol=1e-3) & (measured["ceiling"] > 0)
    words = f"Dashed: largest slope · |θ| = {ceiling:.3g} · |θ|, which no chain exceeds."
    if ceiling and reached.all(where=measured["ceiling"] > 0):
        return f"{words} The curve of b = −θ/2 lies on it: U is where the slope is largest in every layer."
    return words


def map_measurement(x: float, depth: int, activation: str, choice: str, own: float) -> Measurement:
    """log10 |product| for each weight and each depth up to `depth`."""
    seen = unit_chain(MAP_WEIGHTS, bias_of(choice, MAP_WEIGHTS, own), x, depth, activation)
    return Measurement(
        "vanishing and exploding",
        {"weight": MAP_WEIGHTS, "layer": np.arange(1, depth + 1)},
        {"log10_product": seen.log10_product},
    )


def regimes_finding(measured: Measurement) -> str:
    """Whether a gradient can arrive as it left, at any weight and depth of the map."""
    powers = measured["log10_product"]
    if not (powers > 0).any():
        return "The product is nowhere above 1: nothing on this map explodes."
    if not (powers < 0).any():
        return "The product is nowhere below 1: nothing on this map vanishes."
    return "Blue vanishes, orange explodes; on the line between them |product| = 1: a gradient arrives as it left."


def regimes(measured: Measurement, weight: float, look: Style) -> Figure:
    """The map, the line where |product| is 1, and the chosen weight."""
    weights, depth, powers = measured.axes["weight"], measured.axes["layer"], measured["log10_product"]
    clipped = np.clip(np.nan_to_num(powers.T, nan=0.0, neginf=-400.0), -REACH, REACH).astype(np.float32)
    ticks = np.arange(-12, 13, 6)
    return {
        "data": [
            {
                "type": "heatmap",
                "x": weights,
                "y": depth,
                "z": clipped,
                "customdata": powers.T,
                "zmin": -REACH,
                "zmax": REACH,
                "colorscale": DIVERGING,
                "colorbar": colour_bar(
                    look,
                    title={"text": "|product|", "font": look.font(12)},
                    tickvals=ticks,
                    ticktext=["10⁻¹²", "10⁻⁶", "1", "10⁶", "10¹²"],
                ),
                "hovertemplate": "θ %{x}, %{y} layers<br>log₁₀ |product| %{customdata:.2f}<extra></extra>",
            },
            *(
                [
                    {
                        "type": "contour",
                        "x": weights,
                        "y": depth,
                        "z": clipped,
                        "showscale": False,
                        "hoverinfo": "skip",
                        "contours": {"start": 0, "end": 0, "size": 1, "coloring": "none"},
                        "line": {"color": LIGHT.ink, "width": 2.5},  # on the scale's pale middle
                    }
                ]
                if len(depth) > 1
                else []
            ),
        ],
        "layout": look.layout(
            "regimes",
            xaxis={"title": {"text": "weight θ"}, "showgrid": False},
            yaxis={"title": {"text": "layers d"}, "showgrid": False, "dtick": max(1, len(depth) // 10)},
            shapes=[halo(look, weight), step_line(look, weight)],
            margin={"t": 10},
        ),
    }
