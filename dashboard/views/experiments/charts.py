"""The gallery's pictures as inline SVG: what sets two runs apart, seen in a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.charts.drawings import circle, svg, text
from dashboard.charts.style import Style, fade
from dashboard.words.numbers import RAISED, number, percent
from nncore.measures import LAYER_QUANTITIES

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 54, 350, 34, 158
"""The frame that the lines are drawn in."""

SIZE = 13

Line = dict[str, Any]

LABELS = {
    "loss": "loss",
    "fit": "f(x)",
    "update_ratio": "‖ΔW‖ / ‖W‖",
    "distance": "‖W − W₀‖",
    "delta_norm": "δ",
    "weight_gradient_norm": "∂E/∂W",
    "saturated_fraction": "saturated",
    "dead_fraction": "dead units",
    "crossed": "δ of layer 1 over the last layer's, and accuracy",
}


def picture(lines: Sequence[Line], labels: tuple[str, str], alt: str, style: Style) -> str:
    """Both runs' lines, the experiment's own in colour; `labels` name the two runs."""
    if "rows" in lines[0]:
        return svg(WIDTH, HEIGHT, _matrices(lines, labels, style), alt)
    if lines[0]["quantity"] == "crossed":
        return svg(WIDTH, HEIGHT, _cells(lines, labels, style), alt)
    curves = [line for line in lines if line["quantity"] != "rows"]
    x = _Axis([value for line in curves for value in line["x"]], LEFT + 8, RIGHT - 8)
    y = _vertical(curves)
    parts = _frame(x, y, curves[0]["quantity"], style)
    for line in lines:
        if line["quantity"] == "rows":
            shown = zip(line["x"], line["y"], strict=True)
            parts += [circle(x.at(a), y.at(b), 2, fade(style.muted, 0.5), "none", 0) for a, b in shown]
    for line in reversed(curves):  # the experiment's own run lies on top
        parts += _curve(line, x, y, style)
        if line["quantity"] == "loss" and line["x"][-1] < x.high:
            parts.append(text(x.at(line["x"][-1]) + 8, TOP + 8, "× diverges", _colour(line, style), SIZE, "start"))
    return svg(WIDTH, HEIGHT, [*parts, *_legend(curves, labels, style)], alt)


class _Axis:
    """Where a number stands between two pixels: evenly, or by its logarithm with exact zeros at the low end."""

    def __init__(self, values: list[float | None], start: float, end: float, log: bool = False) -> None:
        known = [value for value in values if value is not None]
        self.log, self.start, self.end = log, start, end
        self.has_zero = log and any(value == 0 for value in known)
        shown = [self._scaled(value) for value in known if value > 0 or not log]
        self.low, self.high = min(shown), max(shown)
        if log:
            self.low, self.high = np.floor(self.low), np.ceil(self.high)
        if self.high == self.low:
            self.high += 1

    def at(self, value: float) -> float:
        """The pixel of a value; what lies outside the axis stands at its end."""
        if self.log and value <= 0:
            return self.start
        share = (self._scaled(value) - self.low) / (self.high - self.low)
        zero = 0.12 if self.has_zero else 0.0  # room for the zeros
        return self.start + (zero + (1 - zero) * float(np.clip(share, 0, 1))) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Three places and their labels: whole decades, or the ends and the middle."""
        if self.log:
            decades = {self.low, np.round((self.low + self.high) / 2), self.high}
            marks = [
                (self.at(10.0**each), f"10{str(int(each)).translate(RAISED)}" if each else "1")
                for each in sorted(decades)
            ]
            return ([(self.start, "0")] if self.has_zero else []) + marks
        return [(self.at(each), f"{each:.2g}") for each in (self.low, self.high)]

    def _scaled(self, value: float) -> float:
        return float(np.log10(value)) if self.log else float(value)


def _vertical(lines: Sequence[Line]) -> _Axis:
    """The y axis: of the experiment's own run where the other one leaves every bound."""
    own = [value for line in lines if line["run"] == 0 for value in line["y"]]
    both = [value for line in lines for value in line["y"]]
    quantity = lines[0]["quantity"]
    if quantity in ("saturated_fraction", "dead_fraction"):
        return _Axis([0.0, 1.0], BOTTOM, TOP)
    log = quantity in LAYER_QUANTITIES and LAYER_QUANTITIES[quantity].log and quantity != "distance"
    known = [value for value in both if value is not None]
    runs_off = not log and max(known) > 100 * max(value for value in own if value is not None)
    zero = [0.0] if quantity in ("loss", "distance") and not (runs_off and log) else []
    return _Axis([*(own if runs_off and any(own) else both), *zero], BOTTOM, TOP, log)


def _frame(x: _Axis, y: _Axis, quantity: str, style: Style) -> list[str]:
    parts = []
    for place, words in y.ticks():
        parts.append(
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="{style.border}" stroke-width="1"/>'
        )
        parts.append(text(LEFT - 6, place, words, style.muted, SIZE, "end"))
    if quantity == "fit":
        return [*parts, text((LEFT + RIGHT) / 2, HEIGHT - 14, "x", style.muted, SIZE)]
    if quantity == "loss":
        parts.append(text(x.at(x.low), HEIGHT - 14, f"step {x.low:g}", style.muted, SIZE, "start"))
        return [*parts, text(RIGHT, HEIGHT - 14, f"{x.high:g}", style.muted, SIZE, "end")]
    parts.append(text(LEFT, HEIGHT - 14, "layer 1", style.muted, SIZE, "start"))
    return [*parts, text(RIGHT, HEIGHT - 14, f"{x.high:g}", style.muted, SIZE, "end")]


def _colour(line: Line, style: Style) -> str:
    if line["run"]:
        return style.muted
    return {
        "delta_norm": style.delta,
        "weight_gradient_norm": style.weight,
        "distance": style.weight,
        "saturated_fraction": style.activation,
        "dead_fraction": style.activation,
    }.get(line["quantity"], style.primary)


def _curve(line: Line, x: _Axis, y: _Axis, style: Style) -> list[str]:
    """A line, with a marker at each layer where there are few: circles, for weights squares, hollow for the other."""
    colour, own = _colour(line, style), line["run"] == 0
    points = [(x.at(a), y.at(b)) for a, b in zip(line["x"], line["y"], strict=True) if b is not None]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    parts = [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{3 if own else 2}" '
        'stroke-linejoin="round"/>'
    ]
    if line["quantity"] in ("loss", "fit"):
        return parts
    for a, b in points if len(points) <= 15 else points[:: len(points) // 10]:
        if line["quantity"] == "weight_gradient_norm":
            parts.append(
                f'<rect x="{a - 3.5:.1f}" y="{b - 3.5:.1f}" width="7" height="7" '
                f'fill="{colour if own else style.background}" stroke="{colour}" stroke-width="1.5"/>'
            )
        else:
            parts.append(circle(round(a, 1), round(b, 1), 3.5, colour if own else style.background, colour))
    return parts


def _legend(lines: Sequence[Line], labels: tuple[str, str], style: Style) -> list[str]:
    """The quantity, and each run's name in its colour with a piece of its line."""
    quantities = list(dict.fromkeys(line["quantity"] for line in lines))
    parts, place = [], 6.0
    for quantity in quantities:
        colour = _colour({"run": 0, "quantity": quantity}, style)
        words = LABELS.get(quantity, quantity)
        parts.append(text(place, 14, words, colour, SIZE + 1, "start", 650))
        place += 8.2 * len(words) + 12
    for run, label in enumerate(labels):
        colour = _colour({"run": run, "quantity": quantities[0]}, style)
        parts.append(
            f'<line x1="{place:.0f}" x2="{place + 18:.0f}" y1="14" y2="14" stroke="{colour}" '
            f'stroke-width="{2 if run else 3}"/>'
        )
        parts.append(text(place + 23, 14, label, style.muted if run else style.ink, SIZE, "start"))
        place += 23 + 6.6 * len(label) + 14
    return parts


def _matrices(lines: Sequence[Line], labels: tuple[str, str], style: Style) -> list[str]:
    """The weights of one layer in each run, a square an entry: blue below 0, orange above, pale near 0."""
    size, top, parts = 14.0, 44.0, []
    for line, label, left in zip(lines, labels, (36, 212), strict=True):
        values = np.array(line["rows"])
        largest = float(np.abs(values).max()) or 1.0
        parts.append(text(left + 4 * size, 18, f"W of layer 2: {label}", style.ink, SIZE))
        for row, column in np.ndindex(values.shape):
            share = float(values[row, column]) / largest
            colour = fade(style.delta if share > 0 else style.weight, round(abs(share), 3))
            parts.append(
                f'<rect x="{left + column * size:.1f}" y="{top - 8 + row * size:.1f}" width="{size - 1:.1f}" '
                f'height="{size - 1:.1f}" fill="{colour}" stroke="{style.border}" stroke-width="0.5"/>'
            )
        parts.append(text(left + 4 * size, HEIGHT - 14, "a column a unit", style.muted, SIZE))
    return parts


def _cells(lines: Sequence[Line], labels: tuple[str, str], style: Style) -> list[str]:
    """Two settings crossed: a row a run with its twin, what arrives at layer 1 and the share that is right in each cell."""
    wide, high, top = 172, 74, 26
    parts = [text(4, 12, "δ first / last, rows put right", style.delta, SIZE, "start", 650)]
    for row, (line, label) in enumerate(zip(lines, labels, strict=True)):
        own = label.rpartition(", ")[0]
        for column, name in enumerate(sorted(line["x"])):
            place = line["x"].index(name)
            left, up = 4 + column * (wide + 8), top + row * (high + 8)
            lost = float(np.clip(-np.log10(line["y"][place]) / 8, 0, 1))
            parts += [
                f'<rect x="{left}" y="{up}" width="{wide}" height="{high}" rx="6" fill="{fade(style.delta, 0.3 * lost)}" '
                f'stroke="{style.border}"/>',
                text(left + wide / 2, up + 15, f"{own}, {name}", style.ink, SIZE - 1),
                text(left + wide / 2, up + 38, number(line["y"][place]), style.ink, SIZE + 5, weight=650),
                text(left + wide / 2, up + 60, percent(line["share"][place]), style.ink, SIZE),
            ]
    return parts


def described(title: str, labels: tuple[str, str], lines: Sequence[Line]) -> str:
    """What a picture shows, for those who cannot see it."""
    names = [LABELS.get(line["quantity"], line["quantity"]) for line in lines if line["quantity"] != "rows"]
    return f"{title}: {' and '.join(dict.fromkeys(names))} of {labels[0]} and {labels[1]}"
