"""The lecture's 1-2-1 network as a drawing: θ on the edges, U and O in the nodes, and the gradient's way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.charts import drawings
from dashboard.charts.network import light, log10
from dashboard.charts.style import Style
from dashboard.words.numbers import digits
from nncore.lecture.models import ForwardPass


@dataclass(frozen=True)
class WayBack:
    """What the 1-2-1 network's gradient of one sample is made of, in the lecture's symbols, without the factor 2.

    `delta`: Δ = −(y_a − y_p); `hidden`: what arrives at the hidden units' U, Δ θ5 φ′(U11) and Δ θ6 φ′(U12);
    `gradient`: Δ ∂f/∂θ_k, (7,).
    """

    delta: float
    hidden: tuple[float, float]
    gradient: np.ndarray


STAGE_OF = (4, 4, 4, 4, 2, 2, 2)
"""The stage of the way back at which each θ gets its gradient: after Δ the output's, after the hidden units the first layer's."""

EDGES: tuple[tuple[tuple[int, int], tuple[int, int], float, tuple[int, int]], ...] = (
    ((38, 78), (203, 78), 0.5, (0, 23)),
    ((38, 78), (203, 262), 0.27, (-14, 23)),
    ((38, 262), (203, 78), 0.27, (-14, -23)),
    ((38, 262), (203, 262), 0.5, (0, 23)),
    ((408, 26), (524, 130), 0.42, (34, -24)),
    ((367, 78), (462, 158), 0.5, (-16, 25)),
    ((367, 262), (462, 182), 0.5, (26, 25)),
)
"""Of each θ: where its edge starts and ends, where along it its value stands, and how far from there its gradient."""


def network(theta: np.ndarray, x: float, seen: ForwardPass, style: Style, back: WayBack | None = None) -> str:
    """The 1-2-1 network for one x: theta on the edges, U and O in the nodes.

    With `back`, what the gradient's way back adds is there too, in parts `data-stage="1"` to "4".
    """
    one, x_node, h1, h2, out, top = (38, 78), (38, 262), (285, 78), (285, 262), (524, 170), (408, 26)
    first, second = drawings.unit_colours(style)
    parts = []
    if back:
        parts += [_lit(k, start, end, float(back.gradient[k]), style) for k, (start, end, _, _) in enumerate(EDGES)]
    parts += [drawings.edge(start, end, theta[k], style) for k, (start, end, _, _) in enumerate(EDGES)]
    for k, (start, end, share, (right, down)) in enumerate(EDGES):
        x_label, y_label = drawings.between(start, end, share)
        value = drawings.label(x_label, y_label, f"θ{k} = {digits(theta[k], drawings.SHOWN)}", style, 17)
        parts.append(f'<g data-theta="{k}">{value}</g>')
        if back:
            words = digits(float(back.gradient[k]), 3)
            found = drawings.label(x_label + right, y_label + down, words, style, 16, style.delta)
            parts.append(_stage(STAGE_OF[k], found))
    parts += [drawings.circle(*one, 20, style.raised, style.muted), drawings.text(*one, "1", style.ink, 17)]
    parts += [drawings.circle(*top, 16, style.raised, style.muted), drawings.text(*top, "1", style.ink, 16)]
    parts += [
        drawings.circle(*x_node, 25, style.raised, style.primary, 2),
        drawings.text(*x_node, "x", style.ink, 18, weight=600),
    ]
    parts += [drawings.text(x_node[0], x_node[1] + 42, digits(x, drawings.SHOWN), style.ink, 19, weight=600)]
    for (cx, cy), colour, number, u, o in ((h1, first, 1, seen.u11, seen.o11), (h2, second, 2, seen.u12, seen.o12)):
        parts += [
            drawings.box(cx, cy, 164, 68, style.raised, colour),
            drawings.text(cx, cy - 15, f"U1{number} = {digits(float(u), drawings.SHOWN)}", style.ink, 19),
            drawings.text(cx, cy + 15, f"O1{number} = {digits(float(o), drawings.SHOWN)}", colour, 19, weight=600),
            drawings.text(cx, cy - 49, f"hidden unit {number}", style.muted, 16),
        ]
        if back:
            words = f"δ1{number} = {digits(back.hidden[number - 1], 3)}"
            parts.append(_stage(3, drawings.text(cx, cy + 50, words, style.delta, 17, weight=600)))
    parts += [
        drawings.box(*out, 124, 84, style.raised, style.primary),
        drawings.text(out[0], out[1] - 20, "f(x) = O21", style.ink, 18),
        drawings.text(out[0], out[1] + 4, f"= {digits(float(seen.f), drawings.SHOWN)}", style.primary, 20, weight=600),
        drawings.text(out[0], out[1] + 27, "= U21", style.muted, 16),
    ]
    alt = (
        f"The 1-2-1 network at x = {digits(x, drawings.SHOWN)}: unit 1 has U11 = {digits(float(seen.u11))} and "
        f"O11 = {digits(float(seen.o11))}, unit 2 has U12 = {digits(float(seen.u12))} and "
        f"O12 = {digits(float(seen.o12))}, and the output is f = {digits(float(seen.f))}."
    )
    if back:
        parts.append(
            _stage(1, drawings.text(out[0], out[1] + 60, f"Δ = {digits(back.delta, 3)}", style.delta, 17, weight=600))
        )
        alt += f" Back comes Δ = {digits(back.delta)}: δ11 = {digits(back.hidden[0])}, δ12 = {digits(back.hidden[1])}."
    return drawings.svg(590, 336, parts, alt, 720)


def _stage(number: int, part: str) -> str:
    return f'<g data-stage="{number}">{part}</g>'


def _lit(k: int, start: tuple[int, int], end: tuple[int, int], gradient: float, style: Style) -> str:
    """An edge's gradient as light, on the scale of the lab's network."""
    bright = float(light(log10(np.array(gradient))))
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{style.delta}" stroke-width="8" stroke-linecap="round" '
        f'data-stage="{STAGE_OF[k]}" style="--light:{0.75 * bright:.3f}"/>'
    )
