"""What training achieved: loss, accuracy, and what the network has learned."""

from __future__ import annotations

import numpy as np

from dashboard.charts.axes import all_steps, loss_axis, step_axis
from dashboard.charts.marks import Line, bands, line, step_line
from dashboard.charts.style import Figure, Style, fade, merge
from dashboard.charts.text import Text
from dashboard.words.markup import label
from nncore import Measurement
from nncore.data import Data

LOSS = Text(
    "Loss and accuracy",
    "training and test",
    "A loss that stays level from the start is a network that does not learn; training and test parting is overfitting.",
)
LEARNED = Text(
    "What it learned",
    "at the step chosen",
    "If this picture does not change when you move the step, nothing has been learned in between.",
)


def performance(measured: Measurement, style: Style, step: int) -> Figure:
    """Loss above, accuracy below where there are classes; with a line for `guess`, the loss of one answer for every input."""
    steps = measured.axes["step"]
    has_accuracy = bool(np.isfinite(measured["train_accuracy"]).any())
    traces = []
    for part, colour, dash in (("train", style.ink, "solid"), ("test", style.primary, "dash")):
        for quantity, axis in (("loss", "y"), ("accuracy", "y2")):
            values = measured[f"{part}_{quantity}"]
            if not np.isfinite(values).any():
                continue
            drawn = Line(f"{part}_{quantity}", f"{part} {quantity}", colour, "circle")
            seeds = bands(measured, drawn, style, None, log=False, legend=quantity == "loss" and part == "train")
            traces = [*({**trace, "yaxis": axis} for trace in seeds), *traces]
            traces.append(
                line(
                    steps,
                    values,
                    "training" if part == "train" else "test",
                    colour,
                    f"step %{{x}}<br>{part} {quantity} %{{y:.4g}}<extra></extra>",
                    dash=dash,
                    yaxis=axis,
                    mode="lines" if len(steps) > 1 else "markers",
                    legendgroup=part,
                    showlegend=quantity == "loss",
                )
            )
    layout = style.layout("loss", xaxis=step_axis(steps, **all_steps(steps)), shapes=[step_line(style, step)])
    if has_accuracy:
        layout["yaxis2"] = layout["yaxis"] | {
            "title": {"text": "accuracy", "font": layout["yaxis"]["title"]["font"], "standoff": 6},
            "domain": [0, 0.38],
            "range": [-0.03, 1.03],
            "tickformat": ".0%",
            "nticks": 3,
        }
        layout["yaxis"] = layout["yaxis"] | {"domain": [0.48, 1]}
        layout["xaxis"] = layout["xaxis"] | {"anchor": "y2"}
    if "guess" in measured.values:
        hover = "one answer for every input: %{y:.4g}<extra></extra>"
        traces.append(line(steps, measured["guess"], "a guess", style.theory, hover, width=1.5, dash="dot"))
    losses = np.stack([measured[f"{part}_loss"] for part in ("train", "test")])
    layout["yaxis"] = style.ticked(merge(layout["yaxis"], loss_axis(losses)))
    return {"data": traces, "layout": layout}


def rows_of(data: Data) -> dict[str, np.ndarray]:
    """The rows as a picture over one or two inputs shows them: the curve in original units, regions as trained."""
    rows: dict[str, np.ndarray] = {}
    for part, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        if data.class_names:
            rows |= {f"{part}_x1": x[:, 0], f"{part}_x2": x[:, 1], f"{part}_y": y}
        else:
            rows |= {f"{part}_x": data.to_original_x(x)[:, 0], f"{part}_y": data.to_original_y(y)[:, 0]}
    return rows


def curve(measured: Measurement, rows: dict[str, np.ndarray], names: tuple[str, str], style: Style) -> Figure:
    """The fitted curve of a network with one input, over the training and test rows."""
    markers = [
        {
            "type": "scatter",
            "x": rows[f"{part}_x"],
            "y": rows[f"{part}_y"],
            "mode": "markers",
            "name": label,
            "marker": {"color": style.muted, "size": 6, "symbol": symbol, "opacity": 0.75},
            "hovertemplate": "%{x:.3g}, %{y:.3g}<extra>" + label + "</extra>",
        }
        for part, label, symbol in (("train", "training", "circle"), ("test", "test", "x"))
        if len(rows[f"{part}_x"])
    ]
    hover = "f(%{x:.3g}) = %{y:.4g}<extra></extra>"
    fitted = line(measured.axes["x"], measured["prediction"], "network", style.primary, hover, width=3)
    return {
        "data": [*markers, fitted],
        "layout": style.layout(
            "fitted_curve", xaxis={"title": {"text": label(names[0])}}, yaxis={"title": {"text": label(names[1])}}
        ),
    }


def regions(
    measured: Measurement,
    rows: dict[str, np.ndarray],
    names: tuple[str, ...],
    style: Style,
    inputs: tuple[str, str] = ("x₁", "x₂"),
) -> Figure:
    """Decision regions over two inputs: the class that wins, paler where the network is unsure."""
    names = tuple(label(name) for name in names)
    x, y = measured.axes["x1"], measured.axes["x2"]
    n_classes = len(names)
    winner, margin = measured["class"], measured["confidence"]
    colours = style.classes(n_classes)
    layers = []
    for index, colour in enumerate(colours):
        strength = np.where(winner == index, margin, np.nan)
        layers.append(
            {
                "type": "heatmap",
                "x": x,
                "y": y,
                "z": strength.T.astype(np.float32),
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, fade(colour, 0.08)], [1, fade(colour, 0.55)]],
                "showscale": False,
                "hoverinfo": "skip",
            }
        )
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        for part, symbol in (("train", "circle"), ("test", "x")):
            mine = rows[f"{part}_y"] == index
            if mine.any():
                layers.append(
                    {
                        "type": "scatter",
                        "x": rows[f"{part}_x1"][mine],
                        "y": rows[f"{part}_x2"][mine],
                        "mode": "markers",
                        "name": name if part == "train" else f"{name}, test",
                        "showlegend": part == "train",
                        "marker": {
                            "color": colour,
                            "symbol": symbol,
                            "size": 6,
                            "line": {"color": style.background, "width": 1},
                        },
                        "hovertemplate": f"{name}<br>%{{x:.3g}}, %{{y:.3g}}<extra></extra>",
                    }
                )
    span = {"showgrid": False, "constrain": "domain"}
    return {
        "data": layers,
        "layout": style.layout(
            "decision_regions",
            xaxis=span | {"title": {"text": label(inputs[0], 40)}, "range": [x[0], x[-1]]},
            yaxis=span | {"title": {"text": label(inputs[1], 40)}, "range": [y[0], y[-1]]},
        ),
    }


def confusion(measured: Measurement, names: tuple[str, ...], style: Style) -> Figure:
    """Actual class against predicted class, for networks with more than two inputs."""
    counts = measured["rows"]
    size = len(names)
    labels = [label(name, 12) for name in names]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return {
        "data": [
            {
                "type": "heatmap",
                "z": share.astype(np.float32),
                "customdata": counts,
                "zmin": 0,
                "zmax": 1,
                "colorscale": style.ramp(style.primary),
                "showscale": False,
                "hovertemplate": "actual %{y}, predicted %{x}<br>%{customdata} rows<extra></extra>",
                "text": [[f"{count:,}" if count else "" for count in row] for row in counts],
                "texttemplate": "%{text}",
                "textfont": style.font(12),
                "xgap": 2,
                "ygap": 2,
            }
        ],
        "layout": style.layout(
            "confusion",
            xaxis={"title": {"text": "predicted"}, "showgrid": False, "tickvals": np.arange(size), "ticktext": labels},
            yaxis={
                "title": {"text": "actual"},
                "showgrid": False,
                "tickvals": np.arange(size),
                "ticktext": labels,
                "autorange": "reversed",
            },
            margin={"t": 10},
        ),
    }


def predicted(measured: Measurement, name: str, style: Style) -> Figure:
    """Predicted against actual target, for regression with many inputs; the diagonal is a perfect fit."""
    actual, guess = measured["actual"], measured["prediction"]
    test = measured["is_test"].astype(bool)
    both = np.concatenate([actual, guess[np.isfinite(guess)]])
    low, high = float(both.min()), float(both.max())
    traces = [
        {
            "type": "scatter",
            "x": actual[mask],
            "y": guess[mask],
            "mode": "markers",
            "name": label,
            "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7},
            "hovertemplate": "actual %{x:.4g}<br>predicted %{y:.4g}<extra>" + label + "</extra>",
        }
        for label, mask, colour, symbol in (
            ("training", ~test, style.muted, "circle"),
            ("test", test, style.primary, "x"),
        )
        if mask.any()
    ]
    ends = np.array([low, high])
    diagonal = line(ends, ends, "perfect", style.theory, width=1.5, dash="dash")
    return {
        "data": [*traces, diagonal],
        "layout": style.layout(
            "predicted",
            xaxis={"title": {"text": f"actual {label(name)}"}},
            yaxis={"title": {"text": f"predicted {label(name)}"}},
        ),
    }
