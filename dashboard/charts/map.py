"""The trainability map: a cell for each set-up, its colour what became of it, theory's line over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.chart import Text
from dashboard.style import CIVIDIS, Figure, Style, number
from nncore import Measurement
from nncore.diagnosis import RULES
from nncore.sweep import CELL_QUANTITIES, VERDICTS, Cells

NOTES = {
    "flow": "Blue cells vanish, orange ones explode; in the pale valley between them the gradient reaches layer 1.",
    "final_loss": "Dark cells learned; a sharp edge is where a network stops being trainable.",
    "accuracy": "Bright cells learned; a sharp edge is where a network stops being trainable.",
    "trained": "Bright cells train for every seed, dark ones for none; in between luck decides.",
    "verdict": "One colour a finding: neighbours of one colour fail for the same reason.",
}
MAP = Text("Trainability map", "", "")

MOST_DECADES = 12.0
"""Ratios beyond 10^±12 have the colour of 10^±12."""

BARS = "▁▂▃▄▅▆▇█"
"""Eight heights: a small curve as text, for the hover."""


def note(name: str) -> str:
    """What to conclude from a map of this quantity."""
    return NOTES["flow" if name.endswith("flow") else name]


def trainability(
    cells: Cells,
    measured: Measurement,
    theory: list[tuple[str, np.ndarray, np.ndarray]],
    here: tuple[Any, Any] | None,
    style: Style,
) -> Figure:
    """The cells, marks for exact zeros and for runs that diverged or failed, theory's curves, and where the sidebar is."""
    name = cells.quantity.name
    y_name, x_name = measured.axes
    x, y = _coordinates(measured.axes[x_name]), _coordinates(measured.axes[y_name])
    values = measured[name]
    finite = np.where(np.isfinite(values), values, np.nan)
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": x,
            "y": y,
            "z": finite.astype(np.float32),
            "xgap": 1,
            "ygap": 1,
            "customdata": _hover(cells, measured),
            "hovertemplate": "%{customdata}<extra>click to open it in the lab</extra>",
            "hoverongaps": True,
            "name": cells.quantity.label,
            **_colours(name, finite, style),
        }
    ]
    marks = _marks(measured, values)
    for text, mask in marks.items():
        rows, columns = np.nonzero(mask)
        if len(rows):
            traces.append(
                {
                    "type": "scatter",
                    "x": x[columns],
                    "y": y[rows],
                    "mode": "text",
                    "text": [text] * len(rows),
                    "textfont": style.font(12) | {"color": style.muted},
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
    for label, xs, ys in theory:
        traces.append(
            {
                "type": "scatter",
                "x": xs,
                "y": ys,
                "mode": "lines",
                "name": label,
                "line": {"color": style.ink, "width": 2.5, "dash": "dash"},
                "hovertemplate": f"{label}<extra></extra>",
            }
        )
    if here is not None:
        traces.append(
            {
                "type": "scatter",
                "x": np.array([here[0]]),
                "y": np.array([here[1]]),
                "mode": "markers",
                "name": "you are here",
                "marker": {
                    "symbol": "star",
                    "size": 15,
                    "color": style.ink,
                    "line": {"color": style.background, "width": 1.5},
                },
                "hovertemplate": "you are here<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": style.layout(
            f"map_{name}",
            xaxis=_axis(x_name, measured.axes[x_name]),
            yaxis=_axis(y_name, measured.axes[y_name]),
            legend={"y": 1.02},
        ),
    }


def _coordinates(values: np.ndarray) -> np.ndarray:
    """Numbers as they are, names one after the other."""
    return values if values.dtype.kind in "iuf" else np.array([str(value) for value in values])


def _is_log(values: np.ndarray) -> bool:
    """Do numbers grow by a factor from one to the next rather than by a difference?"""
    if values.dtype.kind not in "iuf" or len(values) < 3 or values.min() <= 0:
        return False
    ratios = values[1:] / values[:-1]
    return bool(ratios.min() > 1.5)


def _axis(name: str, values: np.ndarray) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": AXIS_TITLES.get(name, name.replace("_", " "))},
        "showgrid": False,
    }
    if values.dtype.kind not in "iuf":
        return axis | {"type": "category"}
    if _is_log(values):
        edge = np.sqrt(values[1] / values[0])
        span = [float(np.log10(values[0] / edge)), float(np.log10(values[-1] * edge))]
        return axis | {"type": "log", "dtick": 1, "exponentformat": "power", "range": span}
    half = (values[1] - values[0]) / 2 if len(values) > 1 else 0.5
    return axis | {"range": [float(values[0] - half), float(values[-1] + half)]}


AXIS_TITLES = {
    "depth": "depth (hidden layers)",
    "sigma_w2": "σ_w²",
    "sigma_b2": "σ_b²",
    "bias_std": "bias deviation",
    "init": "initializer",
    "dataset": "data set",
}


def _colours(name: str, values: np.ndarray, style: Style) -> dict[str, Any]:
    bar = {"thickness": 12, "outlinewidth": 0}
    known = values[np.isfinite(values)]
    if name == "verdict":
        colours = [style.border, *_verdict_colours(style)]
        count = len(VERDICTS)
        steps = [
            [edge / count, colour] for place, colour in enumerate(colours) for edge in (place, place + 1)
        ]
        present = sorted({int(value) for value in known})
        return {
            "colorscale": steps,
            "zmin": -0.5,
            "zmax": count - 0.5,
            "colorbar": bar | {"tickvals": present, "ticktext": [_verdict(place) for place in present]},
        }
    if name.endswith("flow"):
        reach = min(max(float(np.abs(known).max(initial=0.0)), 1.0), MOST_DECADES)
        return {
            "colorscale": style.diverging,
            "zmin": -reach,
            "zmax": reach,
            "colorbar": bar | {"title": {"text": "log₁₀"}},
        }
    low, high = (0.0, 1.0) if name in ("trained", "accuracy") else (None, None)
    return {"colorscale": CIVIDIS, "zmin": low, "zmax": high, "colorbar": bar}


def _verdict(place: int) -> str:
    return RULES[VERDICTS[place]].title if place else "nothing wrong"


def _verdict_colours(style: Style) -> list[str]:
    """A colour for each rule: the palette's eight, then the same again, paler by the layer scale."""
    wanted = len(VERDICTS) - 1
    named = style.classes(8)
    return [*named, *style.layers(max(wanted - 8, 1))][:wanted]


def _marks(measured: Measurement, values: np.ndarray) -> dict[str, np.ndarray]:
    """Text on cells that colour cannot show: exact zeros, divergence, failure."""
    nothing = np.isnan(values)
    return {
        "0": np.isneginf(values),
        "∞": np.isposinf(values),
        "×": nothing & (measured["diverged"] > 0),
        "–": nothing & (measured["failed"] > 0) & (measured["diverged"] == 0),
    }


MARKS = {
    "0": "a gradient that is exactly 0",
    "∞": "one without end",
    "×": "a run that diverged",
    "–": "one that could not run",
}


def marks_in_words(measured: Measurement, name: str) -> str:
    """Which marks there are and what they mean, in words."""
    found = [
        f"{text} is {MARKS[text]}" for text, mask in _marks(measured, measured[name]).items() if mask.any()
    ]
    return f"Marks: {', '.join(found)}." if found else ""


def _hover(cells: Cells, measured: Measurement) -> np.ndarray:
    """What the pointer shows over each cell: the set-up, the number, how its seeds ended, and the curve per layer."""
    name = cells.quantity.name
    y_name, x_name = measured.axes
    texts = np.empty(measured[name].shape, dtype=object)
    for row, y in enumerate(measured.axes[y_name]):
        for column, x in enumerate(measured.axes[x_name]):
            value = float(measured[name][row, column])
            said = _said(name, value)
            lines = [f"{x_name} {_text(x)}, {y_name} {_text(y)}", f"{cells.quantity.label}: {said}"]
            curve = sparkline(cells.layers(row, column))
            if curve:
                lines.append(f"δ, layer 1 … L: {curve}")
            reason = cells.reason(row, column)
            texts[row, column] = "<br>".join([*lines, reason[:90]] if reason else lines)
    return texts


def _said(name: str, value: float) -> str:
    if np.isnan(value):
        return "none yet"
    if name == "verdict":
        return _verdict(int(value))
    if name.endswith("flow"):
        return (
            number(10.0**value)
            if np.isfinite(value) and abs(value) < 300
            else number(0.0 if value < 0 else np.inf)
        )
    return f"{value:.0%}" if name in ("trained", "accuracy") else number(value)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{float(value):.4g}"


def sparkline(delta: np.ndarray, most: int = 24) -> str:
    """A curve over layers on a log scale as bars of text; zeros are dots, what is not finite a cross.

    >>> sparkline(np.array([1e-6, 1e-4, 1e-2, 1.0])), sparkline(np.array([0.0, 1.0]))
    ('▁▃▆█', '·█')
    """
    if not len(delta):
        return ""
    picked = delta[np.unique(np.linspace(0, len(delta) - 1, min(len(delta), most)).round().astype(int))]
    sound = np.isfinite(picked) & (picked > 0)
    heights = np.log10(picked, where=sound, out=np.full(len(picked), np.nan))
    low, high = (heights[sound].min(), heights[sound].max()) if sound.any() else (0.0, 1.0)
    span = high - low or 1.0
    bars = []
    for value, height in zip(picked, heights, strict=True):
        if np.isfinite(height):
            place = round(7 * (height - low) / span) if high > low else 7
            bars.append(BARS[place])
        else:
            bars.append("·" if value == 0 else "×")
    return "".join(bars)


def labels() -> dict[str, str]:
    """Quantity -> its label in the menu."""
    return {name: quantity.label for name, quantity in CELL_QUANTITIES.items()}
