"""Parent and fork over each other, and their difference below."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks, loss_axis, step_axis
from dashboard.charts.marks import corner_notes, handful, horizontal, layer_lines, line, step_line
from dashboard.charts.style import Figure, Style, fade, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import number, percent, ranges
from nncore import Measurement

SCORES = Text(
    "Loss and accuracy",
    "fork over parent",
    "On the training rows, without penalties. Where the difference leaves zero the change takes effect; below zero the "
    "fork's loss is the smaller one.",
)
FLOW = Text(
    "Gradient flow",
    "fork over parent",
    "Where the ratio is above 1 more gradient reaches the layer than in the parent; where it grows towards layer 1 each "
    "layer passes back a larger share than the parent's.",
)
DISTANCE = Text(
    "Distance of θ",
    "‖W fork − W parent‖",
    "How far the change has driven the weights apart. A layer with larger weights can be farther off and yet less changed: "
    "compare with its ‖W‖.",
)
UPDATES = Text(
    "Update ratio",
    "‖ΔW‖ / ‖W‖",
    "A ratio above 1 is a layer that moves faster than in the parent, measured at the weights it has.",
)

LINES: dict[str, dict[str, Any]] = {"parent": {"width": 1.8, "dash": "dashdot"}, "fork": {"width": 2.6}}
"""On this page a run is told by its line: the parent's is thin and broken, the fork's thick and whole."""


def _lines(
    x: np.ndarray, measured: Measurement, name: str, colour: str, label: str, hover: str, **more: Any
) -> list[dict[str, Any]]:
    """One quantity of the parent and of the fork, above each other in the upper panel."""
    more |= {"mode": "lines" if len(x) > 1 else "markers", "connectgaps": True}
    return [
        line(x, values, f"{label}{who}", colour, f"{hover}<br>{label}{who} %{{y:.4g}}<extra></extra>", **look, **more)
        for who, look in LINES.items()
        if np.isfinite(values := measured[f"{who}_{name}"]).any()
    ]


def _panels(
    style: Style, layout: dict[str, Any], *titles_and_domains: tuple[dict[str, Any], tuple[float, float]]
) -> None:
    """Y axes above each other, on one x axis below the lowest."""
    base = layout["yaxis"]
    for place, (changes, domain) in enumerate(titles_and_domains):
        title = base["title"] | changes.pop("title", {})
        name = "yaxis" if place == 0 else f"yaxis{place + 1}"
        layout[name] = style.ticked(base | changes | {"title": title, "domain": list(domain)})
    layout["xaxis"] = layout["xaxis"] | {"anchor": f"y{len(titles_and_domains)}"}


def scores(measured: Measurement, style: Style, step: int) -> Figure:
    """Training loss of both, their difference, and accuracy where there are classes."""
    steps = measured.axes["step"]
    accuracy = next(
        (name for name in ("test_accuracy", "train_accuracy") if np.isfinite(measured[f"fork_{name}"]).any()), ""
    )
    traces = _lines(steps, measured, "train_loss", style.ink, "", "step %{x}")
    traces.append(
        line(
            steps,
            measured["train_loss_difference"],
            "difference",
            style.primary,
            "step %{x}<br>fork − parent %{y:.4g}<extra></extra>",
            width=1.8,
            yaxis="y2",
            mode="lines" if len(steps) > 1 else "markers",
            connectgaps=True,
            fill="tozeroy",
            fillcolor=fade(style.primary, 0.18),
            showlegend=False,
        )
    )
    shown = np.stack([measured[f"{who}_train_loss"] for who in ("parent", "fork")])
    least = 1e-3 * float(np.abs(shown[np.isfinite(shown)]).max(initial=1e-6))
    losses = loss_axis(shown) | _no_closer_than(shown, least)
    difference = {"title": {"text": "fork − parent"}, "zeroline": True, "zerolinecolor": style.muted, "nticks": 4}
    difference |= _no_closer_than(np.append(measured["train_loss_difference"], 0.0), least)
    layout = style.layout("fork_scores", xaxis=step_axis(steps), shapes=[step_line(style, step)])
    if accuracy:
        traces += _lines(
            steps, measured, accuracy, style.weight, "accuracy, ", "step %{x}", yaxis="y3", showlegend=False
        )
        share = {
            "title": {"text": accuracy.replace("_", " ").replace("train", "training")},
            "range": [-0.03, 1.03],
            "tickformat": ".0%",
            "nticks": 3,
        }
        _panels(style, layout, (losses, (0.6, 1)), (difference, (0.32, 0.54)), (share, (0, 0.26)))
    else:
        _panels(style, layout, (losses, (0.44, 1)), (difference, (0, 0.36)))
    return {"data": traces, "layout": layout}


def flow(measured: Measurement, style: Style) -> Figure:
    """δ and weight-gradient norms of both per layer, and below what the fork has of the parent's."""
    layers = measured.axes["layer"]
    traces: list[dict[str, Any]] = []
    shown, factors = [], []
    for name, colour, symbol, label in (
        ("delta_norm", style.delta, "circle", "δ"),
        ("weight_gradient_norm", style.weight, "square", "∂E/∂W"),
    ):
        for who, look in LINES.items():
            values = drawable(measured[f"{who}_{name}"])
            shown.append(values)
            mark = symbol if who == "fork" else f"{symbol}-open"
            hover = f"layer %{{x}}<br>{label} of the {who} %{{y:.2e}}<extra></extra>"
            traces.append(line(layers, values, f"{label}, {who}", colour, hover, symbol=mark, **look))
        factor = drawable(measured[f"{name}_factor"])
        factors.append(factor)
        hover = f"layer %{{x}}<br>{label}: fork / parent %{{y:.2e}}<extra></extra>"
        below = {"symbol": symbol, "size": 5, "yaxis": "y2", "showlegend": False}
        traces.append(line(layers, factor, f"{label}, fork / parent", colour, hover, width=1.5, **below))
    layout = style.layout("fork_flow", xaxis=layer_axis(len(layers)), shapes=[_one(style)])
    _panels(
        style,
        layout,
        (log_axis("norm", **_few_ticks(np.concatenate(shown))), (0.42, 1)),
        (_ratio_axis(np.concatenate(factors)), (0, 0.34)),
    )
    layout["annotations"] = _zero_notes(measured, style)
    return {"data": traces, "layout": layout}


def distance(measured: Measurement, style: Style, step: int) -> Figure:
    """How far the fork's weights are from the parent's, for a handful of layers."""
    values = measured["distance"]
    drawn = Measurement(measured.name, measured.axes, {"distance": drawable(values)})
    figure = layer_lines(drawn, "distance", style, step)
    changes = log_axis("‖W fork − W parent‖", **log_ticks(values))
    if not (values > 0).any():  # a log axis would be empty
        figure = layer_lines(measured, "distance", style, step)
        changes = {"title": {"text": "‖W fork − W parent‖"}, "range": [-1, 1], "tickvals": [0]}
    figure["layout"]["yaxis"] = style.ticked(merge(figure["layout"]["yaxis"], changes))
    return figure


def updates(measured: Measurement, style: Style, step: int) -> Figure:
    """The update ratio of both, for the first, the middle and the last layer, and fork over parent below."""
    steps, layers = measured.axes["step"], measured.axes["layer"]
    colours = style.layers(len(layers))
    drawn = handful(len(layers), at_most=3)
    traces: list[dict[str, Any]] = []
    common = {"mode": "lines" if len(steps) > 2 else "markers", "connectgaps": True}
    for layer in drawn:
        colour, hover = colours[layer - 1], f"layer {layer}, step %{{x}}"
        for who, look in LINES.items():
            traces.append(
                line(
                    steps,
                    drawable(measured[f"{who}_update_ratio"][:, layer - 1]),
                    f"layer {layer}" if who == "fork" else f"layer {layer}, parent",
                    colour,
                    f"{hover}<br>{who} %{{y:.2e}}<extra></extra>",
                    showlegend=who == "fork" or layer == drawn[0],
                    **look,
                    **common,
                )
            )
        traces.append(
            line(
                steps,
                drawable(measured["factor"][:, layer - 1]),
                f"layer {layer}, fork / parent",
                colour,
                f"{hover}<br>fork / parent %{{y:.2e}}<extra></extra>",
                width=1.5,
                yaxis="y2",
                showlegend=False,
                **common,
            )
        )
    places = drawn - 1
    ratios = np.concatenate([measured[f"{who}_update_ratio"][:, places].ravel() for who in ("parent", "fork")])
    layout = style.layout("fork_updates", xaxis=step_axis(steps), shapes=[step_line(style, step), _one(style)])
    _panels(
        style,
        layout,
        (log_axis("‖ΔW‖ / ‖W‖", **_few_ticks(ratios)), (0.42, 1)),
        (_ratio_axis(measured["factor"][:, places].ravel()), (0, 0.34)),
    )
    return {"data": traces, "layout": layout}


def distance_finding(measured: Measurement, step: int) -> str:
    """How far apart the weights are, in words."""
    place = int(np.argmin(np.abs(measured.axes["step"] - step)))
    values, at = measured["distance"][place], int(measured.axes["step"][place])
    if not np.isfinite(values).any():
        return ""
    if not values.any():
        return f"At step {at} all weights are the same, exactly."
    far, near = int(np.nanargmax(values)), int(np.nanargmin(values))
    shares = [percent(float(share)) for share in measured["relative_distance"][place, [far, near]]]
    return (
        f"At step {at} layer {far + 1} is farthest from its parent, by {number(values[far])} ({shares[0]} of its ‖W‖), and "
        f"layer {near + 1} nearest, by {number(values[near])} ({shares[1]})."
    )


def _few_ticks(values: np.ndarray) -> dict[str, Any]:
    """Range and ticks of a log axis in a panel that is not the whole chart."""
    ticks = log_ticks(values)
    low, high = ticks["range"]
    return ticks | {"dtick": max(1, round((high - low) / 5))}


def _ratio_axis(factors: np.ndarray) -> dict[str, Any]:
    """A log axis for fork over parent: 1 is on it, and few ticks."""
    decades = np.log10(factors[np.isfinite(factors) & (factors > 0)])
    low, high = min(decades.min(initial=0.0), -0.5) - 0.1, max(decades.max(initial=0.0), 0.5) + 0.1
    return log_axis("fork / parent", range=[float(low), float(high)], dtick=max(1, round((high - low) / 3)))


def _no_closer_than(values: np.ndarray, least: float) -> dict[str, Any]:
    """The range of a linear axis where the values differ by less than `least`: rounding noise is no picture."""
    values = values[np.isfinite(values)]
    if not len(values) or values.max() - values.min() >= least:
        return {"exponentformat": "power"}
    middle = 0.5 * float(values.min() + values.max())
    return {"range": [middle - least, middle + least], "exponentformat": "power"}


def _one(style: Style) -> dict[str, Any]:
    """The line of equal size in the lower panel."""
    return horizontal(1, style.muted, 1, "solid", yref="y2")


def _zero_notes(measured: Measurement, style: Style) -> list[dict[str, Any]]:
    """What a log axis cannot show, by name."""
    notes = []
    for name, label, colour in (("delta_norm", "δ", style.delta), ("weight_gradient_norm", "∂E/∂W", style.weight)):
        for who in ("parent", "fork"):
            values = measured[f"{who}_{name}"]
            for mask, what in ((values == 0, "exactly 0"), (np.isinf(values), "infinite")):
                if mask.any():
                    where = ranges(measured.axes["layer"][mask])
                    notes.append((f"{label} of the {who} is {what} in layer {where}", colour))
    return corner_notes(notes, style, bottom=0.44)
