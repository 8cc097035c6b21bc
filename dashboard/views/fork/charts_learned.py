"""What parent and fork have learned, and where their pictures differ."""

from __future__ import annotations

import numpy as np

from dashboard.charts.loss import rows_of
from dashboard.charts.marks import line, note
from dashboard.charts.style import Figure, Style, fade
from dashboard.charts.text import Text
from dashboard.words.markup import label
from nncore import Measurement
from nncore.data import Data

PARENT = Text("Parent", "what it learned", "The same step of the run that was forked.")
FORK = Text("Fork", "what it learned", "Compare it with the parent's picture: the change did what differs.")
DIFFERENCE = Text("Difference", "fork − parent", "Blank or flat at zero: the change made no difference there.")


def difference(measured: Measurement, data: Data, style: Style, inputs: tuple[str, str] = ("x₁", "x₂")) -> Figure:
    """Where the fork's picture is another one than the parent's; `inputs` names the axes of a plane."""
    if "parent_class" in measured.values:
        return _changed_regions(measured, data, style, inputs)
    if "x" in measured.axes:
        return _curve_difference(measured, data, style)
    if "actual" in measured.axes:
        return _confusion_difference(measured, data.class_names, style)
    return _prediction_difference(measured, data.target_name, style)


def _changed_regions(measured: Measurement, data: Data, style: Style, inputs: tuple[str, str]) -> Figure:
    """The part of the plane where another class wins now, in that class's colour, over the pale rows."""
    x, y = measured.axes["x1"], measured.axes["x2"]
    rows, layers = rows_of(data), []
    colours = style.classes(len(data.class_names))
    for index, (name, colour) in enumerate(zip(data.class_names, colours, strict=True)):
        new = (measured["difference"] == 1) & (measured["fork_class"] == index)
        layers.append(
            {
                "type": "heatmap",
                "x": x,
                "y": y,
                "z": np.where(new, 1.0, np.nan).T.astype(np.float32),
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, fade(colour, 0.45)], [1, fade(colour, 0.45)]],
                "showscale": False,
                "hovertemplate": f"now {label(name)}<extra></extra>",
            }
        )
        mine = rows["train_y"] == index
        layers.append(
            {
                "type": "scatter",
                "x": rows["train_x1"][mine],
                "y": rows["train_x2"][mine],
                "mode": "markers",
                "name": f"now {label(name)}",
                "marker": {"color": colour, "size": 5, "opacity": 0.45},
                "hoverinfo": "skip",
            }
        )
    span = {"showgrid": False, "constrain": "domain"}
    layout = style.layout(
        "fork_difference",
        xaxis=span | {"title": {"text": label(inputs[0], 40)}, "range": [x[0], x[-1]]},
        yaxis=span | {"title": {"text": label(inputs[1], 40)}, "range": [y[0], y[-1]]},
    )
    if not measured["difference"].any():
        layout["annotations"] = [note("no point of the plane changed its class", style, 0.5, 0.5)]
    return {"data": layers, "layout": layout}


def _curve_difference(measured: Measurement, data: Data, style: Style) -> Figure:
    """The fork's curve minus the parent's."""
    hover = "%{x:.3g}: fork − parent %{y:.4g}<extra></extra>"
    area = {"fill": "tozeroy", "fillcolor": fade(style.primary, 0.18)}
    curve = line(measured.axes["x"], measured["difference"], "fork − parent", style.primary, hover, **area)
    layout = style.layout(
        "fork_difference",
        xaxis={"title": {"text": label(data.feature_names[0])}},
        yaxis={"title": {"text": "fork − parent"}, "zeroline": True, "zerolinecolor": style.muted},
        showlegend=False,
    )
    return {"data": [curve], "layout": layout}


def _confusion_difference(measured: Measurement, names: tuple[str, ...], style: Style) -> Figure:
    """How many rows more or fewer were given each class."""
    change = measured["difference"]
    size, largest = len(names), max(1, int(np.abs(change).max()))
    labels = [label(name, 12) for name in names]
    scale = [
        [0, fade(style.delta, 0.8)],
        [0.5, fade(style.delta, 0.0)],
        [0.5, fade(style.weight, 0.0)],
        [1, fade(style.weight, 0.8)],
    ]
    axis = {"showgrid": False, "tickvals": np.arange(size), "ticktext": labels}
    table = {
        "type": "heatmap",
        "z": change.astype(np.float32),
        "zmin": -largest,
        "zmax": largest,
        "colorscale": scale,
        "showscale": False,
        "text": [[f"{count:+,}" if count else "" for count in row] for row in change],
        "texttemplate": "%{text}",
        "textfont": style.font(12),
        "hovertemplate": "actual %{y}, predicted %{x}<br>%{z:+d} rows<extra></extra>",
        "xgap": 2,
        "ygap": 2,
    }
    layout = style.layout(
        "fork_difference",
        xaxis=axis | {"title": {"text": "predicted"}},
        yaxis=axis | {"title": {"text": "actual"}, "autorange": "reversed"},
        margin={"t": 10},
    )
    if not change.any():
        layout["annotations"] = [note("no cell of the table changed", style, 0.5, 0.5)]
    return {"data": [table], "layout": layout}


def _prediction_difference(measured: Measurement, name: str, style: Style) -> Figure:
    """Row for row, the fork's prediction minus the parent's, against the actual target."""
    dots = {
        "type": "scatter",
        "x": measured["actual"],
        "y": measured["difference"],
        "mode": "markers",
        "marker": {"color": style.primary, "size": 6, "opacity": 0.7},
        "hovertemplate": "actual %{x:.4g}<br>fork − parent %{y:.4g}<extra></extra>",
    }
    layout = style.layout(
        "fork_difference",
        xaxis={"title": {"text": f"actual {label(name)}"}},
        yaxis={"title": {"text": "fork − parent"}, "zeroline": True, "zerolinecolor": style.muted},
        showlegend=False,
    )
    return {"data": [dots], "layout": layout}
