"""Signal propagation drawn: the maps with their staircases, chi against gain, singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, log_axis, log_ticks
from dashboard.charts.marks import horizontal, line, note, vertical
from dashboard.charts.style import Figure, Style, fade
from dashboard.charts.text import Text
from dashboard.words.numbers import number
from nncore import Measurement

Q_MAP = Text(
    "q map",
    "the size of the signal, layer by layer",
    "Dashed: what a layer makes of q; each stair is one layer. Where the curve crosses the diagonal from above, q settles; a curve above the diagonal everywhere "
    "is a signal that grows without end.",
)
C_MAP = Text(
    "c map",
    "how alike two inputs become",
    "Dashed: what a layer makes of c. If the stairs climb to c = 1, deep layers see all inputs as the same one (ordered); if they settle below 1, even near twins "
    "are torn apart (chaotic). The slope of the curve at c = 1 is χ₁.",
)
CHI = Text(
    "χ₁ against gain",
    "the factor of |δ|² per layer",
    "Below the line at 1 gradients vanish with depth, above it they explode. The steeper the curve crosses, the less room a gain has.",
)
SINGULAR = Text(
    "Singular values",
    "of the hidden Jacobian at the first step",
    "One narrow peak is dynamical isometry: every direction passes alike. A long tail to the left means that most directions of "
    "an error are lost on the way, even where their mean square is kept.",
)


def staircase(measured: Measurement, symbol: str, style: Style) -> Figure:
    """A map, the diagonal, and the path from layer to layer."""
    now, after, layer = measured[symbol], measured[f"{symbol}_next"], measured["layer"]
    on_path = np.isfinite(layer)
    grid, path, reached = now[~on_path], now[on_path], after[on_path]
    low, high = float(grid[0]), float(grid[-1])
    sound = np.isfinite(reached)
    corners_x = np.repeat(np.append(path[sound], reached[sound][-1:]), 2)[:-1]
    corners_y = np.concatenate([path[:1], np.repeat(reached[sound], 2)])
    ends, hover = np.array([low, high]), f"{symbol} %{{x:.4g}} → %{{y:.4g}}<extra></extra>"
    traces = [
        line(ends, ends, "unchanged", style.muted, width=1, showlegend=False),
        line(grid, after[~on_path], "map", style.theory, hover, width=2.5, dash="dash"),
        line(corners_x, corners_y, "this network", style.primary, showlegend=False),
        {
            "type": "scatter",
            "x": path,
            "y": reached,
            "customdata": layer[on_path],
            "mode": "markers",
            "name": "layers",
            "marker": {"color": style.primary, "size": 8, "line": {"color": style.background, "width": 1}},
            "hovertemplate": f"layer %{{customdata}}: {symbol} = %{{x:.4g}}<br>next layer: %{{y:.4g}}<extra></extra>",
        },
    ]
    margin = 0.03 * (high - low)
    return {
        "data": traces,
        "layout": style.layout(
            f"{symbol}_map",
            xaxis={"title": {"text": f"{symbol} of a layer"}, "range": [low - margin, high + margin]},
            yaxis={"title": {"text": f"{symbol} of the next layer"}, "range": [low - margin, high + margin]},
            uirevision=f"{low:g} {high:g}",
            showlegend=False,
            margin={"t": 30},
        ),
    }


def chi_against_gain(measured: Measurement, init: str, now: float, critical: float | None, style: Style) -> Figure:
    """chi_1 over the gain on a log axis, the line at 1, the gain now and the critical one."""
    gains, chi = measured.axes["gain"], measured["chi_1"]
    drawn = drawable(chi)
    shapes = [horizontal(1, style.ink, dash="solid")]
    annotations: list[dict[str, Any]] = []
    marks = [(now, f"now {now:.3g}", style.primary, "dot", 1.0)]
    if critical is not None and critical <= gains[-1]:
        marks.append((critical, f"critical {critical:.4g}", style.ink, "solid", 0.1))
    for x, text, colour, dash, height in marks:
        if not 0 <= x <= gains[-1]:
            continue
        to_left = x > 0.7 * gains[-1]
        shapes.append(vertical(x, colour, dash=dash))
        annotations.append(
            {
                "x": x,
                "yref": "paper",
                "y": height,
                "text": text,
                "showarrow": False,
                "xanchor": "right" if to_left else "left",
                "yanchor": "top" if height == 1.0 else "bottom",
                "font": style.font(12) | {"color": colour},
                "bgcolor": fade(style.background, 0.8),
            }
        )
    if not np.isfinite(drawn).any():
        annotations.append(note("no curve: the slope is 0<br>wherever it exists", style, 0.5, 0.4, size=14))
    shown = np.append(drawn[drawn >= 1e-4], 1.0)
    return {
        "data": [
            line(
                gains, drawn, "χ₁", style.theory, "gain %{x:.3g}<br>χ₁ = %{y:.4g}<extra></extra>", width=3, dash="dash"
            )
        ],
        "layout": style.layout(
            "chi_against_gain",
            xaxis={"title": {"text": f"gain of {init}"}, "range": [0, float(gains[-1])]},
            yaxis=log_axis("χ₁", **log_ticks(shown)),
            shapes=shapes,
            annotations=annotations,
            margin={"t": 30},
        ),
    }


def singular_values(measured: Measurement, style: Style) -> Figure:
    """Two histograms over log10 s, one outline each."""
    columns = measured.columns or {}
    low, high = columns["low"][1], columns["high"][1]
    centre = np.sqrt(low) * np.sqrt(high)
    traces = []
    looks = ((style.primary, "solid", 0.28), (style.delta, "dash", 0.12))
    for init, share, (colour, dash, opacity) in zip(measured.axes["init"], measured["share"], looks, strict=True):
        hover = f"s ≈ %{{x:.2e}}<br>%{{y:.1%}} of them<extra>{init}</extra>"
        steps = {"line": {"shape": "hvh"}, "fill": "tozeroy", "fillcolor": fade(colour, opacity)}
        traces.append(line(centre, share, str(init), colour, hover, dash=dash, **steps))
    annotations = []
    if not measured["share"].any():
        annotations = [note("all singular values are exactly 0", style, 0.5, 0.5, size=14)]
    return {
        "data": traces,
        "layout": style.layout(
            "singular_values",
            xaxis=log_axis("singular value s", **log_ticks(np.concatenate([low, high]))),
            yaxis={
                "title": {"text": "share"},
                "tickformat": ".0%",
                "range": [0, 1.08 * max(float(measured["share"].max()), 0.05)],
            },
            annotations=annotations,
        ),
    }


def spread_words(name: str, spread: float, predicted: float | None, zeros: float) -> str:
    """A network's spread of s² in words, with theory's value where there is one."""
    if np.isnan(spread):
        return f"{name}: all singular values are exactly 0, nothing passes."
    theory = "" if predicted is None else f" (theory {number(predicted)})"
    lost = f", {100 * zeros:.0f} % are 0 or rounding" if zeros >= 0.005 else ""
    shown = "0, all are equal" if spread < 1e-9 else number(spread)
    return f"{name}: spread {shown}{theory}{lost}."
