"""The network drawn: every weight lit by its gradient and every unit by its δ, on a scale that is the same for every run."""

from __future__ import annotations

import numpy as np

from dashboard.charts import drawings
from dashboard.charts.style import Figure, Style
from dashboard.charts.text import Text
from nncore import Measurement
from nncore.measures.drawn_network import shown_units
from nncore.model.layout import Array, Layout

NETWORK = Text(
    "The network",
    "lit by its gradient",
    "An edge is as strong as |∂E/∂W|, a ring as |δ|: δ = ∂E/∂z is the gradient that arrives at a unit. One scale for "
    "every run. A wide edge is a large weight, a dashed one is negative.",
)

SCALE = (-8, 0)
"""log₁₀ of what is dark and of what is brightest."""


def scene(
    measured: Measurement, layout: Layout, style: Style, said: str, ghost: Array | None = None, pulse: str = ""
) -> Figure:
    """What the browser draws of a `drawn_network`: {"data": [edges, units], "layout": {"meta": ...}}.

    `said`: the sentence that stands above it. `ghost`: δ norms (n_layers,) of the run before, to be drawn beneath. The
    gradient walks back through the drawing anew whenever `pulse` is another text.
    """
    facts = {name: values for name, (_, values) in (measured.columns or {}).items()}
    layer, first, second = (facts[name].astype(np.uint16) for name in ("layer", "from", "to"))
    gradient = measured["gradient"]
    _, units = np.unique(np.stack([layer, second]), axis=1, return_index=True)
    with np.errstate(over="ignore"):  # a weight beyond float32 is as wide as an edge gets
        weight = measured["weight"].astype(np.float32)
    edges = {
        "layer": layer,
        "from": first,
        "to": second,
        "weight": weight,
        "log": log10(gradient).astype(np.float32),
        "sign": np.sign(np.nan_to_num(gradient)).astype(np.int8),
    }
    meta = {
        "scale": SCALE,
        "layers": layout.n_layers,
        "widths": list(layout.widths),
        "columns": [units.tolist() for units in shown_units(layout)],
        "said": said,
        "size": style.scale,
        "pulse": pulse,
        "colours": {
            "delta": style.delta,
            "positive": style.weight,
            "negative": style.parts["weights"],
            "theory": style.theory,
            "primary": style.primary,
            **{name: getattr(style, name) for name in ("ink", "muted", "border", "raised", "background")},
        },
    }
    rings = {
        "log": log10(measured["delta"][units]).astype(np.float32),
        "norms": log10(delta_norms(measured)),
        "ghost": np.array([]) if ghost is None else log10(ghost),
    }
    return {"data": [edges, rings], "layout": {"meta": meta}}


def delta_norms(measured: Measurement) -> Array:
    """δ norm of each layer, (n_layers,), of a `drawn_network`."""
    assert measured.columns is not None
    _, first = np.unique(measured.columns["layer"][1], return_index=True)
    norms: Array = measured["delta_norm"][first]
    return norms


def log10(values: Array) -> Array:
    """log₁₀ of the magnitude, in float64: -inf for what is exactly 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(np.abs(np.asarray(values, np.float64)))


def light(logs: Array) -> Array:
    """How bright a magnitude is drawn, 0 to 1, from its log₁₀.

    >>> light(np.array([-np.inf, -9.0, -4.0, 1.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    low, high = SCALE
    return np.clip((np.nan_to_num(logs, nan=low, neginf=low, posinf=high) - low) / (high - low), 0.0, 1.0)


def still(figure: Figure, style: Style, width: int = 900, height: int = 260) -> str:
    """The same drawing as an SVG that does not move, for a report."""
    (edges, rings), meta = figure["data"], figure["layout"]["meta"]
    columns, colours = meta["columns"], meta["colours"]
    x = np.linspace(30, width - 30, len(columns))
    most = max(map(len, columns))
    gap = (height - 50) / most
    y = [(height - 30) / 2 + gap * (np.arange(len(column)) - (len(column) - 1) / 2) for column in columns]
    radius = min(gap / 2 - 1, 8.0)
    parts = []
    for layer, first, second, weight, bright in zip(
        edges["layer"], edges["from"], edges["to"], edges["weight"], light(edges["log"]), strict=True
    ):
        size, dash = min(abs(float(weight)), 1e9), ' stroke-dasharray="5 4"' if weight < 0 else ""
        start, end = y[layer - 1][columns[layer - 1].index(first)], y[layer][columns[layer].index(second)]
        parts.append(
            f'<line x1="{x[layer - 1]:.1f}" y1="{start:.1f}" x2="{x[layer]:.1f}" y2="{end:.1f}" '
            f'stroke="{colours["negative" if weight < 0 else "positive"]}" stroke-opacity="{0.05 + 0.95 * bright:.3f}" '
            f'stroke-width="{0.6 + 2.4 * size / (1 + size):.2f}"{dash}/>'
        )
    bright_units = iter(light(rings["log"]))
    for layer in range(len(columns)):
        for place in y[layer]:
            bright = float(next(bright_units)) if layer else 0.0
            stroke = style.delta if bright else style.muted
            parts.append(
                drawings.circle(round(x[layer], 1), round(place, 1), radius, style.raised, stroke, 1 + 2.5 * bright)
            )
        parts.append(drawings.text(x[layer], height - 12, str(layer or "x"), style.muted, 12))
    return drawings.svg(width, height, parts, meta["said"])
