"""Drawings as inline SVG: their parts, and the neuron, Cajal's and the artificial one."""

from __future__ import annotations

from html import escape

import numpy as np

from dashboard.charts.style import FONT, Style, fade
from dashboard.words.numbers import digits
from nncore import Activation

SHOWN = 4
"""Significant digits in a drawing; the arithmetic beside it has more."""


def svg(width: int, height: int, parts: list[str], alt: str, max_width: int | None = None) -> str:
    """A drawing that is as wide as its place, and `alt` in words."""
    limit = f"max-width:{max_width}px;" if max_width else ""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt, quote=True)}" '
        f'xmlns="http://www.w3.org/2000/svg" style="width:100%;{limit}display:block;margin:0 auto" '
        f'font-family="{FONT}">{"".join(parts)}</svg>'
    )


def text(
    x: float, y: float, words: str, colour: str, size: float = 16, anchor: str = "middle", weight: int = 400
) -> str:
    """Words at a point."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="{anchor}" dominant-baseline="central">{escape(words)}</text>'
    )


def label(x: float, y: float, words: str, style: Style, size: float = 15, colour: str | None = None) -> str:
    """Words on a patch of background, so that a line may run beneath them."""
    width = 0.54 * size * len(words) + 8
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 0.7 * size:.1f}" width="{width:.1f}" height="{1.4 * size:.1f}" '
        f'rx="4" fill="{style.background}"/>' + text(x, y, words, colour or style.ink, size)
    )


def edge(start: tuple[float, float], end: tuple[float, float], value: float, style: Style) -> str:
    """A weight: thicker the larger it is, dashed when negative, dotted and thin at 0."""
    width = 1.0 + 1.6 * np.log1p(abs(value))
    dash = "" if value > 0 else ' stroke-dasharray="7 5"' if value < 0 else ' stroke-dasharray="1 5"'
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{style.muted}" '
        f'stroke-width="{width:.2f}" stroke-linecap="round"{dash}/>'
    )


def circle(x: float, y: float, radius: float, fill: str, stroke: str, width: float = 1.5) -> str:
    """A circle around its centre."""
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="{width}"/>'


def box(x: float, y: float, width: float, height: float, fill: str, stroke: str, radius: float = 12) -> str:
    """A rounded rectangle around its centre."""
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width}" height="{height}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="1.8"/>'
    )


def between(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    """The point a share of the way along."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def unit_colours(style: Style) -> tuple[str, str]:
    """The two hidden units' colours, in the drawing and in the curves."""
    first, second = style.classes(4)[2:]
    return first, second


def artificial_neuron(theta: np.ndarray, x: float, u: float, o: float, phi: Activation, style: Style) -> str:
    """Inputs 1 and x, weights theta_0 and theta_1, the sum U, phi, and the output O."""
    one, x_node, soma, squash = (40, 70), (40, 230), (255, 150), (385, 150)
    rim = (soma[0] - 38, soma[1])
    parts = [edge(node, rim, theta[k], style) for k, node in enumerate((one, x_node))]
    parts += [arrow((soma[0] + 42, 150), (squash[0] - 42, 150), style), arrow((427, 150), (470, 150), style)]
    parts += [
        label(*between(node, rim, 0.48), f"θ{k} = {digits(theta[k], SHOWN)}", style, 18)
        for k, node in enumerate((one, x_node))
    ]
    parts += [circle(*one, 21, style.raised, style.muted), text(*one, "1", style.ink, 20)]
    parts += [circle(*x_node, 26, style.raised, style.primary, 2), text(*x_node, "x", style.ink, 19, weight=600)]
    parts += [text(x_node[0], x_node[1] + 42, digits(x, SHOWN), style.ink, 20, weight=600)]
    parts += [circle(*soma, 40, style.raised, style.primary, 2), text(*soma, "Σ", style.ink, 30)]
    parts += [box(*squash, 82, 76, style.raised, style.activation), miniature(phi, u, 348, 118, 74, 64, style)]
    parts += [
        text(soma[0], 212, "U = θ0 + θ1 x", style.muted, 18),
        text(soma[0], 238, f"= {digits(u, SHOWN)}", style.ink, 20, weight=600),
        text(squash[0], 92, f"φ = {phi.name}", style.muted, 18),
        text(512, 124, "O = φ(U)", style.muted, 18),
        text(514, 150, digits(o, SHOWN), style.activation, 20, weight=600),
        text(40, 28, "inputs", style.muted, 18),
        text(148, 28, "weights", style.muted, 18),
        text(255, 92, "sum", style.muted, 18),
    ]
    alt = (
        f"An artificial neuron: inputs 1 and x = {digits(x, SHOWN)}, weights {digits(theta[0])} and "
        f"{digits(theta[1])}, sum U = {digits(u)}, {phi.name}, output O = {digits(o)}."
    )
    return svg(560, 300, parts, alt, 640)


def biological_neuron(theta: np.ndarray, x: float, u: float, o: float, style: Style) -> str:
    """Dendrites, soma and axon, with the artificial neuron's numbers where they belong."""
    line = f'fill="none" stroke="{style.muted}" stroke-linecap="round"'
    trees = [
        "M196 132 C160 112 140 92 96 84",
        "M140 100 C120 92 112 66 84 52",
        "M118 90 C100 92 84 104 60 104",
        "M196 172 C160 190 140 210 98 220",
        "M142 202 C124 206 110 236 86 248",
        "M122 212 C104 206 86 200 62 204",
        "M222 112 C214 86 206 70 208 46",
        "M212 78 C204 66 190 58 178 54",
        "M224 190 C218 214 214 230 222 256",
        "M217 222 C206 232 196 238 184 242",
    ]
    parts = [f'<path d="{path}" stroke-width="{6 if n in (0, 3) else 3.5}" {line}/>' for n, path in enumerate(trees)]
    body = (
        "M190 130 C200 108 232 102 252 116 C268 126 276 140 292 148 C276 158 268 178 250 188 "
        "C228 198 200 192 190 174 C182 162 182 144 190 130 Z"
    )
    parts += [f'<path d="{body}" fill="{style.raised}" stroke="{style.primary}" stroke-width="2.5"/>']
    parts += [circle(226, 151, 15, fade(style.primary, 0.25), style.primary)]
    parts += [f'<path d="M290 148 H452" stroke-width="5" {line}/>']
    for start in (306, 344, 382, 420):
        parts.append(box(start + 15, 148, 30, 18, fade(style.activation, 0.3), style.activation, 9))
    for path in (
        "M452 148 C474 146 480 122 500 114",
        "M452 148 C474 148 486 148 506 148",
        "M452 148 C474 150 480 174 500 184",
    ):
        parts.append(f'<path d="{path}" stroke-width="3.5" {line}/>')
    parts += [circle(cx, cy, 6, style.activation, style.activation) for cx, cy in ((504, 112), (511, 148), (504, 187))]
    parts += [
        text(78, 22, "dendrites collect", style.muted, 18),
        text(250, 212, "soma sums", style.muted, 18, "start"),
        text(380, 120, "axon sends", style.muted, 18),
        text(250, 238, f"U = {digits(u, SHOWN)}", style.ink, 20, "start", 600),
        text(380, 182, f"O = {digits(o, SHOWN)}", style.activation, 20, weight=600),
        text(2, 130, f"1 × {digits(theta[0], SHOWN)}", style.ink, 18, "start"),
        text(2, 174, f"{digits(x, SHOWN)} × {digits(theta[1], SHOWN)}", style.ink, 18, "start"),
    ]
    alt = (
        "A biological neuron: dendrites collect the inputs, the soma sums them "
        f"(here {digits(u)}), the axon sends the output (here {digits(o)})."
    )
    return svg(560, 300, parts, alt, 640)


def arrow(start: tuple[float, float], end: tuple[float, float], style: Style) -> str:
    """A horizontal arrow."""
    (x1, y), (x2, _) = start, end
    return (
        f'<path d="M{x1} {y} H{x2 - 3} M{x2 - 10} {y - 6} L{x2} {y} L{x2 - 10} {y + 6}" fill="none" '
        f'stroke="{style.ink}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def miniature(
    phi: Activation,
    z_now: float,
    left: float,
    top: float,
    width: float,
    height: float,
    style: Style,
    slope: bool = False,
) -> str:
    """A small curve of phi over |z| <= 4, with its slope dashed where asked, axes, and a dot at z_now.

    A jump of phi (sign) is a gap; a z_now or a value outside puts the dot on the rim.
    """
    z = np.linspace(-4.0, 4.0, 162)
    low, high = -1.5, 2.2

    def to_x(value: float) -> float:
        return left + width * (value + 4.0) / 8.0

    def to_y(value: float) -> float:
        return top + height * (high - float(np.clip(value, low, high))) / (high - low)

    now = np.clip(z_now, -4.0, 4.0)
    parts = [
        f'<line x1="{left}" x2="{left + width}" y1="{to_y(0):.1f}" y2="{to_y(0):.1f}" stroke="{style.border}"/>',
        f'<line x1="{to_x(0):.1f}" x2="{to_x(0):.1f}" y1="{top}" y2="{top + height}" stroke="{style.border}"/>',
    ]
    curves = [(phi, style.activation, "")]
    if slope:
        curves.append((phi.slope, style.primary, ' stroke-dasharray="5 4"'))
    for function, colour, dash in curves:
        values = function(z)
        path, drawing = "", False
        for place, value, jump in zip(z, values, np.abs(np.diff(values, prepend=values[0])) > 0.5, strict=True):
            inside = low <= value <= high
            if inside:
                path += f"{'L' if drawing and not jump else 'M'}{to_x(place):.1f} {to_y(value):.1f}"
            drawing = inside
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        height_now = to_y(float(function(now)))
        parts.append(circle(round(to_x(float(now)), 1), round(height_now, 1), 3.5, colour, style.background, 1))
    return "".join(parts)


def activation_picture(phi: Activation, z_now: float, style: Style) -> str:
    """phi (solid) and phi' (dashed) over |z| <= 4, for a row of the activation table."""
    alt = f"{phi.name}: phi solid, its slope dashed, for z from −4 to 4."
    return svg(200, 110, [miniature(phi, z_now, 2, 4, 196, 102, style, slope=True)], alt, 240)
