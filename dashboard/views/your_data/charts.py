"""A canvas to click points and functions on, and what there is to predict in an uploaded table."""

from __future__ import annotations

import numpy as np

from dashboard.charts.marks import line
from dashboard.charts.style import Figure, Style
from dashboard.charts.text import Text
from dashboard.views.your_data import canvas
from dashboard.words.markup import label
from nncore import Measurement

TARGET = Text("The target", "how often each value stands in the table", "")

STEP = 0.05
"""Distance of the places on the canvas that can be clicked."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def points(drawn_points: list[canvas.Point], style: Style) -> Figure:
    """The points, each class in its colour and marker, over a grid of places that take a click."""
    traces = [_places()]
    for name, colour, symbol in zip(canvas.CLASSES, style.classes(len(canvas.CLASSES)), SYMBOLS, strict=True):
        mine = np.array([point[:2] for point in drawn_points if point[2] == name]).reshape(-1, 2)
        if len(mine):
            traces.append(_markers(mine, f"class {name}", colour, symbol, style))
    return {"data": traces, "layout": _layout("points", ("x₁", "x₂"), style)}


def function(knots: list[canvas.Knot], style: Style) -> Figure:
    """The knots and the curve through them, over a grid of places that take a click."""
    traces = [_places()]
    if len(knots) >= 2:
        x, y = canvas.curve(knots)
        traces.append(line(x, y, "function", style.primary, width=3))
    if knots:
        traces.append(_markers(np.array(knots), "places", style.delta, "circle", style))
    return {"data": traces, "layout": _layout("function", ("x", "y"), style)}


def target(measured: Measurement, classes: tuple[str, ...], name: str, style: Style) -> Figure:
    """Rows of each class, or of each bin of numbers."""
    (places,) = measured.axes.values()
    bars = {
        "type": "bar",
        "x": places,
        "y": measured["rows"],
        "marker": {"color": style.weight},
        "width": 0.5 if classes else None,
        "hovertemplate": "%{x}<br>%{y:,} rows<extra></extra>",
    }
    axis = {"title": {"text": label(name, 40)}, "showgrid": False}
    if classes:
        every = max(1, int(np.ceil(len(classes) / 12)))
        axis |= {
            "tickvals": places[::every],
            "ticktext": [label(each, 14) for each in classes[::every]],
            "range": [-0.6, len(classes) - 0.4],
        }
    return {
        "data": [bars],
        "layout": style.layout("target", xaxis=axis, yaxis={"title": {"text": "rows"}}, margin={"t": 10}),
    }


def _places() -> dict[str, object]:
    """An invisible heat map: a click on it has a place, whatever is drawn above."""
    count = round(2 * canvas.REACH / STEP) + 1
    places = np.round(np.linspace(-canvas.REACH, canvas.REACH, count), 2)
    return {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": np.zeros((count, count), np.uint8),
        "showscale": False,
        "opacity": 0,
        "hovertemplate": "%{x:.2f}, %{y:.2f}<extra></extra>",
    }


def _markers(places: np.ndarray, name: str, colour: str, symbol: str, style: Style) -> dict[str, object]:
    return {
        "type": "scatter",
        "x": places[:, 0],
        "y": places[:, 1],
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "symbol": symbol, "size": 10, "line": {"color": style.background, "width": 1}},
        "hoverinfo": "skip",
    }


def _layout(name: str, titles: tuple[str, str], style: Style) -> dict[str, object]:
    reach = [-canvas.REACH - STEP / 2, canvas.REACH + STEP / 2]
    axis = {"range": reach, "dtick": 1, "fixedrange": True}
    return style.layout(
        name,
        dragmode=False,
        hovermode="closest",
        showlegend=True,
        xaxis=axis | {"title": {"text": titles[0]}},
        yaxis=axis | {"title": {"text": titles[1]}},
    )
