"""Charts of a recorded run: rows are its modules by name, in execution order."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts import activations
from dashboard.charts.axes import DECADES, drawable, layer_axis, log_axis, log_ticks, loss_axis, shade_range, step_axis
from dashboard.charts.ledger import existing, stacked
from dashboard.charts.marks import colour_bar, halo, heat_map, line, log_shades, step_line
from dashboard.charts.style import Figure, Style, merge
from dashboard.charts.text import Text
from dashboard.words.markup import label
from nncore import Measurement
from nncore.recorders.columns import RECORDED_QUANTITIES, RecordedQuantity
from nncore.recorders.measures import OF_PARAMETERS

FLOW = Text(
    "Gradient flow",
    "how much gradient reaches each module",
    "Modules in execution order, input at the left; a straight line of δ on this log axis means one factor per module. "
    "∂E/∂W stands where a module has weights.",
)
MAP = Text("Over training", "every module and recorded step", "One row a module, input below.")
MAP_BEFORE = Text(
    "Over training, before",
    "the same modules in the same colours",
    "A row without colours is a module that it does not have.",
)
UPDATES = Text(
    "Update ratio",
    "worst, median, best",
    "Of each step the smallest, the middle and the largest value; a gap that opens is a module that parts from the others.",
)
LINES = Text(
    "Worst, median, best",
    "of many modules",
    "What the map shows, as lines: of each step the smallest, the middle and the largest value, and whose it is where one points.",
)
LOSS = Text("Loss", "as it was logged", "What was handed to `recorder.log`.")

MOST_NAMES = 24
"""Rows whose names still fit beside a heat map."""


def quantity(name: str) -> RecordedQuantity:
    """What is known of a quantity of `nncore.recorders.measures`."""
    return RECORDED_QUANTITIES[OF_PARAMETERS.get(name, name)]


LEDGER = Text(
    "Who killed it",
    "each layer's factor, split into its causes",
    "Bars below 0 shrink δ, bars above 0 make it grow; together they are the factor from one module with weights to the one "
    "before it, the line. The modules are a chain, so that each step of δ is one module's own.",
)
PARTS = ("weights", "slope", "normalization", "other")


def ledger(measured: Measurement, style: Style) -> Figure:
    """log10 of the factor of each module with weights, split into its causes."""
    rows = names(measured)
    hover = "%{customdata}<br>δ here is 10<sup>%{y:.3f}</sup> of that at the next one<extra></extra>"
    figure = stacked(
        "recorded_ledger",
        np.arange(1, len(rows) + 1),
        measured,
        existing(measured, PARTS),
        ("whole factor", hover),
        "%{customdata}",
        style,
        xaxis=named_axis(rows, "module (input → output)"),
    )
    for trace in figure["data"]:
        trace["customdata"] = np.array(rows, object)
    return figure


def named_axis(rows: list[str], title: str) -> dict[str, Any]:
    """An axis over depth that names its rows, as long as their names fit."""
    axis = layer_axis(len(rows), title)
    if len(rows) <= MOST_NAMES:
        axis = merge(axis, {"tickvals": np.arange(1, len(rows) + 1), "ticktext": rows, "tickangle": -40})
    return axis


STREAM = Text(
    "Residual stream",
    "and what each branch adds to it",
    "Root mean square of what each block puts out, and of the end of each of its branches. A branch far below the stream changes it "
    "little; a stream that grows with depth drowns the branches behind.",
)
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")


def stream(measured: Measurement, style: Style) -> Figure:
    """The blocks' outputs as a line over depth, and one line for each kind of branch, with its share in the hover."""
    rows, columns = names(measured), measured.columns or {}
    places, shown = np.arange(1, len(rows) + 1), drawable(columns["stream_rms"][1])
    hover = "%{customdata}<br>stream %{y:.3g}<extra></extra>"
    of_rows = np.array(rows, object)
    traces = [line(places, shown, "stream", style.ink, hover, width=2.5, symbol="circle", customdata=of_rows)]
    kinds, colours = columns["kind"][1], style.classes(len(columns["kind"][1]))
    for k, (kind, colour) in enumerate(zip(kinds, colours, strict=True)):
        said = [
            f"{row}<br>{share:.1%} of the stream" for row, share in zip(rows, measured["branch_share"][k], strict=True)
        ]
        traces.append(
            line(
                places,
                drawable(measured["branch_rms"][k]),
                label(str(kind), 32),
                colour,
                f"%{{customdata}}<br>{label(str(kind), 32)} %{{y:.3g}}<extra></extra>",
                dash=DASHES[k % len(DASHES)],
                customdata=np.array(said, object),
            )
        )
    axis = named_axis(rows, "block (input → output)")
    values = np.concatenate([np.ravel(trace["y"]) for trace in traces])
    return {
        "data": traces,
        "layout": style.layout("recorded_stream", xaxis=axis, yaxis=log_axis("root mean square", **log_ticks(values))),
    }


def names(measured: Measurement) -> list[str]:
    """The rows' names, as charts may show them."""
    assert measured.columns is not None
    return [label(str(name), 32) for name in measured.columns["name"][1]]


def flow(measured: Measurement, style: Style, before: str = "") -> Figure:
    """δ norm and weight-gradient norm along the modules at the first record (dotted) and at the one chosen.

    `before`: the name of another run, beneath, whose numbers stand in the columns `before_...`.
    """
    steps, rows = measured.axes["step"], names(measured)
    places = np.arange(1, len(rows) + 1)
    now, traces = len(steps) - 1, []
    for name, colour, symbol, what in (
        ("delta_norm", style.delta, "circle", "δ"),
        ("weight_gradient_norm", style.weight, "square", "∂E/∂W"),
    ):
        values = drawable(measured[name])
        if np.isfinite(values).any(axis=0).sum() < min(2, len(rows)):
            continue
        for row in range(now + 1):
            first = row < now
            there = np.isfinite(values[row]) if name == "weight_gradient_norm" else np.full(len(rows), True)
            traces.append(
                line(
                    places[there],
                    values[row][there],
                    f"{what} at step {steps[row]:,}",
                    colour,
                    f"%{{customdata}}<br>{what} %{{y:.2e}}<extra></extra>",
                    width=1.5 if first else 2.5,
                    dash="dot" if first else "solid",
                    symbol=symbol,
                    mode="lines" if first else "lines+markers",
                    customdata=np.array(rows, object)[there],
                    opacity=0.8 if first else 1.0,
                )
            )
    if before:
        traces = [*_before(measured, style, before), *traces]
    axis = named_axis(rows, "module (input → output)")
    shown = np.concatenate([np.zeros(0), *(np.ravel(trace["y"]) for trace in traces)])
    return {
        "data": traces,
        "layout": style.layout("recorded_flow", xaxis=axis, yaxis=log_axis("norm", **log_ticks(shown, DECADES))),
    }


def _before(measured: Measurement, style: Style, name: str) -> list[dict[str, Any]]:
    """The other run's δ beneath, and its ∂E/∂W where it has no δ."""
    rows, columns = names(measured), measured.columns or {}
    for quantity, symbol, what in (
        ("delta_norm", "circle-open", "δ"),
        ("weight_gradient_norm", "square-open", "∂E/∂W"),
    ):
        values = drawable(columns[f"before_{quantity}"][1])
        there = np.isfinite(values)
        if there.any():
            return [
                line(
                    np.flatnonzero(there) + 1,
                    values[there],
                    f"{what} of {label(name, 32)}",
                    style.muted,
                    f"%{{customdata}}<br>{what} before %{{y:.2e}}<extra></extra>",
                    dash="dashdot",
                    symbol=symbol,
                    size=5,
                    customdata=np.array(rows, object)[there],
                )
            ]
    return []


def over_steps(measured: Measurement, name: str, style: Style, step: int, others: np.ndarray | None = None) -> Figure:
    """One quantity of every row at every recorded step; `others` are values that its colours span too."""
    of, rows = quantity(name), names(measured)
    places, steps, values = np.arange(1, len(rows) + 1), measured.axes["step"], measured[name].T
    ends: dict[str, Any] = {"zmin": of.span[0], "zmax": of.span[1]} if of.span else {}
    least = 0.5 if name == "activation_std" or not of.log else DECADES
    if others is not None and not of.span:
        every = np.concatenate([np.ravel(values), np.ravel(others)])
        ends = dict(zip(("zmin", "zmax"), shade_range(log_shades(every) if of.log else every, least), strict=True))
    axis = layer_axis(len(rows), "module", showgrid=False)
    if len(rows) <= MOST_NAMES:
        axis = merge(axis, {"tickvals": places, "ticktext": rows, "title": {"text": ""}})
    title = {"text": "log₁₀" if of.log else "share" if of.span else "", "side": "top"}
    drawn = heat_map(
        steps,
        places,
        values,
        "%{text}, step %{x}<br>" + of.label,
        colour_bar(style, title=title, len=1.0),
        log=of.log,
        least=least,
        **ends,
    )
    drawn["text"] = [[row] * len(steps) for row in rows]
    layout = style.layout(
        f"recorded_{name}",
        xaxis=step_axis(steps, showgrid=False),
        yaxis=axis,
        shapes=[halo(style, step), step_line(style, step)],
        margin={"t": 10},
    )
    return {"data": [drawn], "layout": layout}


def spread(measured: Measurement, name: str, style: Style, step: int) -> Figure:
    """The smallest, the middle and the largest value over the rows at every recorded step, and whose; of a second run beneath."""
    of, steps, traces, shown = quantity(name), measured.axes["step"], [], []
    rows = np.array(names(measured), object)
    for run, values in _runs(measured, name):
        values = drawable(values, of.log)
        known = np.isfinite(values).any(axis=1)
        shown.append(values[np.isfinite(values)])
        for what, take, whose, colour, dash in (
            ("largest", np.nanmax, np.nanargmax, style.weight, "dash"),
            ("median", np.nanmedian, None, style.ink, "solid"),
            ("smallest", np.nanmin, np.nanargmin, style.delta, "dot"),
        ):
            said = f"{what} of {label(run, 32)}" if run else what
            traces.append(
                line(
                    steps[known],
                    take(values[known], axis=1),
                    said,
                    style.muted if run else colour,
                    f"%{{customdata}}step %{{x}}<br>{said} %{{y:.3g}}<extra></extra>",
                    dash=dash,
                    mode="lines" if known.sum() > 1 else "markers",
                    customdata=rows[whose(values[known], axis=1)] + "<br>" if whose else [""] * int(known.sum()),
                    showlegend=not run or what == "median",
                )
            )
    axis = log_axis(of.symbol, **log_ticks(np.concatenate(shown))) if of.log else {"title": {"text": of.symbol}}
    shapes = [step_line(style, step)]
    return {"data": traces, "layout": style.layout(f"spread_{name}", xaxis=step_axis(steps), yaxis=axis, shapes=shapes)}


def loss(measured: Measurement, style: Style, step: int) -> Figure:
    """The logged loss; that of a second run beneath, dashed."""
    steps, traces, shown = measured.axes["step"], [], []
    for run, values in _runs(measured, "loss"):
        known = np.isfinite(values)
        shown.append(values[known])
        said = f"loss of {label(run, 32)}" if run else "loss"
        colour, dash = (style.muted, "dash") if run else (style.ink, "solid")
        hover = f"step %{{x}}<br>{said} %{{y:.4g}}<extra></extra>"
        mode = "lines" if known.sum() > 1 else "markers"
        traces.append(line(steps[known], values[known], said, colour, hover, dash=dash, mode=mode))
    axis = loss_axis(np.concatenate(shown)[None])
    layout = style.layout("recorded_loss", xaxis=step_axis(steps), yaxis=axis, shapes=[step_line(style, step)])
    return {"data": traces, "layout": layout | {"showlegend": len(traces) > 1}}


def distribution(measured: Measurement, of: str, style: Style) -> Figure:
    """A histogram for each row, as the lab has it for each layer, by its name."""
    figure, rows = activations.distribution(measured, of, style), names(measured)
    (drawn,) = figure["data"]
    drawn["text"] = [[row] * measured["count"].shape[1] for row in rows]
    drawn["hovertemplate"] = drawn["hovertemplate"].replace("layer %{y}", "%{text}")
    figure["layout"]["yaxis"] = merge(figure["layout"]["yaxis"], {"title": {"text": "module"}})
    if len(rows) <= MOST_NAMES:
        ticks = {"tickvals": np.arange(1, len(rows) + 1), "ticktext": rows, "title": {"text": ""}}
        figure["layout"]["yaxis"] = merge(figure["layout"]["yaxis"], ticks)
    del figure["layout"]["meta"]
    return figure


def _runs(measured: Measurement, name: str) -> list[tuple[str, np.ndarray]]:
    """The other run, by its name and beneath, where there is one, then the run itself with no name."""
    if "run" not in measured.axes:
        return [("", measured[name])]
    return [(str(measured.axes["run"][1]), measured[name][1]), ("", measured[name][0])]
