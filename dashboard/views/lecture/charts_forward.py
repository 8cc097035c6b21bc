"""The figures of the lecture's first two pages: logistic regression, activations, the 1-2-1 network's curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import drawable
from dashboard.charts.drawings import unit_colours
from dashboard.charts.marks import colour_bar, horizontal, vertical
from dashboard.charts.style import CIVIDIS, Figure, Style, merge
from dashboard.charts.text import Text
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS, Activation, Measurement
from nncore.lecture.models import LogisticFit, collapsed, forward, logistic

LOGIT = {
    "p": Text("Probability P(y = 1 | x)", "1 / (1 + e⁻ᵁ)", "Squeezed between 0 and 1, steepest where P = ½."),
    "odds": Text("Odds", "P / (1 − P)", "From 0 to ∞: a step of 1 in x multiplies them by exp θ1."),
    "log_odds": Text("Log-odds", "log(P / (1 − P)) = U", "The logit is a straight line in x: intercept θ0, slope θ1."),
}

FITTED = Text(
    "Fit", "P(y = 1 | x) on twelve samples", "Circles are the samples; the dashed curve is where descent ended."
)
PATH = Text("θ over the steps", "gradient descent", "Flat lines: the gradient has become 0 and θ stays where it is.")
FIT_LOSS = Text("Loss E over the steps", "mean cross-entropy", "It falls at every step unless α is too large.")
SLOPES = Text(
    "Who carries a gradient where",
    "slope |φ′(z)|, brighter is larger",
    "A gradient that passes a unit is multiplied by the colour at that unit's z; blank is exactly 0 and stops it.",
)
CURVE = Text(
    "The curve f(x)", "and the two hidden units' shares", "The solid curve is the sum of the two thin ones and θ4."
)

ODDS_CEILING = 100.0


def _grid(low: float, high: float, *more: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate([np.linspace(low, high, 321), *map(np.atleast_1d, more)]))


def _at(grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y where the grid has an x of its own, NaN elsewhere."""
    column = np.full(len(grid), np.nan)
    column[np.searchsorted(grid, x)] = y
    return column


def _line(x: np.ndarray, y: np.ndarray, name: str, colour: str, **changes: Any) -> dict[str, Any]:
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": {"color": colour, "width": 2.5},
        "hovertemplate": f"x %{{x:.4g}}<br>{name} %{{y:.6g}}<extra></extra>",
    }
    return merge(trace, changes)


def _points(x: np.ndarray, y: np.ndarray, name: str, marker: dict[str, Any], **changes: Any) -> dict[str, Any]:
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": name,
        "marker": {"size": 10} | marker,
        "hovertemplate": f"x %{{x:.4g}}<br>{name} %{{y:.6g}}<extra></extra>",
    }
    return merge(trace, changes)


def _guide(axis: str, value: float, style: Style) -> dict[str, Any]:
    """A dotted line across the whole chart at a value of one axis."""
    across = {"x": vertical, "y": horizontal}[axis]
    return across(value, style.muted, 1, "dot", layer="below")


# ---- logistic regression ---------------------------------------------------------------------------------------


def logit_measurement(theta: np.ndarray, x: float) -> Measurement:
    """P, odds and log-odds over x, the chosen x among them."""
    grid = _grid(min(-4.0, 1.1 * x), max(4.0, 1.1 * x), np.array(x))
    seen = logistic(theta, grid)
    return Measurement("logistic regression", {"x": grid}, {"p": seen.p, "odds": seen.odds, "log_odds": seen.log_odds})


def logit_curve(measured: Measurement, quantity: str, x: float, style: Style) -> Figure:
    """One of the three curves, read off at x."""
    grid, values = measured.axes["x"], measured[quantity]
    now = float(values[np.searchsorted(grid, x)])
    colour = {"p": style.activation, "odds": style.primary, "log_odds": style.weight}[quantity]
    title = {"p": "P", "odds": "odds", "log_odds": "log-odds"}[quantity]
    drawn = drawable(values, log=False)
    top = None
    if quantity == "odds":
        largest = np.nanmax(drawn, initial=1.0)
        top = min(float(largest), ODDS_CEILING)
        drawn = np.minimum(drawn, 10 * top)  # a curve of 1e304 breaks the browser's path; it leaves the picture anyway
    place = now if top is None else min(now, top)
    axis: dict[str, Any] = {"title": {"text": title}, "nticks": 6}
    if quantity == "p":
        axis["range"] = [-0.06, 1.06]
    if top is not None:
        axis["range"] = [-0.05 * top, 1.08 * top]
    rising, room = values[-1] >= values[0], x < 2
    where = ("bottom right" if room else "top left") if rising else ("top right" if room else "bottom left")
    off = f"↑ {digits(now, 4)} " if top is not None and now > top else ""
    return {
        "data": [
            _line(grid, drawn, title, colour),
            _points(
                np.array([x]),
                np.array([place]),
                "at x",
                {"size": 12, "color": colour, "line": {"color": style.background, "width": 2}},
                mode="markers+text",
                text=[off or f" {digits(now, 4)}"],
                textposition="middle left" if off else where,
                textfont=style.font(14),
            ),
        ],
        "layout": style.layout(
            f"logistic_{quantity}",
            xaxis={"title": {"text": "x"}},
            yaxis=axis,
            shapes=[_guide("x", x, style)],
            showlegend=False,
            margin={"t": 10},
        ),
    }


def fit_measurement(x: np.ndarray, y: np.ndarray, fit: LogisticFit, step: int) -> Measurement:
    """P over x at the start, at the chosen step and at the end, and the samples where they are."""
    grid = _grid(-4.0, 4.0, x)
    curves = {name: logistic(fit.theta[k], grid).p for name, k in (("p_start", 0), ("p", step), ("p_end", -1))}
    return Measurement("logistic fit", {"x": grid}, curves | {"y": _at(grid, x, y)})


def fit_curve(measured: Measurement, step: int, style: Style) -> Figure:
    """The samples and the curve: at the start dotted, at the end dashed."""
    grid, y = measured.axes["x"], measured["y"]
    no, yes = style.classes(2)
    classes = [("y = 0", y == 0, no, "circle-open"), ("y = 1", y == 1, yes, "circle")]
    return {
        "data": [
            _line(grid, measured["p_start"], "step 0", style.muted, line={"width": 1.5, "dash": "dot"}),
            _line(grid, measured["p_end"], "last step", style.ink, line={"width": 1.5, "dash": "dash"}),
            _line(grid, measured["p"], f"step {step}", style.activation, line={"width": 3}),
            *(
                _points(
                    grid[here],
                    y[here],
                    name,
                    {"color": colour, "symbol": symbol, "size": 11, "line": {"color": colour, "width": 2}},
                )
                for name, here, colour, symbol in classes
            ),
        ],
        "layout": style.layout(
            "logistic_fit",
            xaxis={"title": {"text": "x"}},
            yaxis={"title": {"text": "P and y"}, "range": [-0.08, 1.08]},
            margin={"t": 34},
        ),
    }


def path_measurement(fit: LogisticFit) -> Measurement:
    """theta, its gradient and the loss at every step."""
    values = {"theta0": fit.theta[:, 0], "theta1": fit.theta[:, 1], "gradient0": fit.grad[:, 0]}
    values |= {"gradient1": fit.grad[:, 1], "loss": fit.loss}
    return Measurement("logistic descent", {"step": np.arange(len(fit.loss))}, values)


def path(measured: Measurement, quantities: dict[str, str], step: int, style: Style) -> Figure:
    """Quantities (key -> label) over the steps, the chosen step marked."""
    steps = measured.axes["step"]
    colours = dict(zip(("theta0", "theta1", "loss"), (*unit_colours(style), style.primary), strict=True))
    dashes = {"theta1": "dash"}
    return {
        "data": [
            _line(
                steps,
                measured[name],
                label,
                colours[name],
                line={"dash": dashes.get(name, "solid")},
                hovertemplate=f"step %{{x}}<br>{label} %{{y:.6g}}<extra></extra>",
            )
            for name, label in quantities.items()
        ],
        "layout": style.layout(
            f"logistic_{'_'.join(quantities)}",
            xaxis={"title": {"text": "step"}},
            yaxis={"title": {"text": " and ".join(quantities.values())}},
            shapes=[_guide("x", step, style)],
            showlegend=len(quantities) > 1,
            margin={"t": 30 if len(quantities) > 1 else 10},
        ),
    }


# ---- activations -----------------------------------------------------------------------------------------------


def slope_measurement() -> Measurement:
    """|phi'(z)| of every activation for |z| <= 8."""
    z = np.linspace(-8.0, 8.0, 161)
    slopes = np.array([np.abs(phi.slope(z)) for phi in ACTIVATIONS.values()])
    return Measurement("slopes", {"activation": np.array(list(ACTIVATIONS)), "z": z}, {"slope": slopes})


def slope_heatmap(measured: Measurement, u: float, style: Style) -> Figure:
    """Activation by z, coloured by log10 of the slope; exact zeros stay blank; the neuron's U is marked."""
    names, z, slopes = measured.axes["activation"], measured.axes["z"], measured["slope"]
    powers = np.log10(np.where(slopes > 0, slopes, np.nan)).astype(np.float32)
    blank = [
        {
            "x": 0 if not row.any() else float(z[row == 0].mean()),
            "y": name,
            "text": "exactly 0 everywhere" if not row.any() else "exactly 0",
            "showarrow": False,
            "font": style.font(11) | {"color": style.muted},
        }
        for name, row in zip(names, slopes, strict=True)
        if (row == 0).mean() > 0.4 and not (row[0] == 0 and row[-1] == 0 and row.any())
    ]
    ticks = np.arange(-4, 1)
    return {
        "data": [
            {
                "type": "heatmap",
                "x": z,
                "y": names,
                "z": powers,
                "customdata": slopes,
                "zmin": -4,
                "zmax": 0.25,
                "colorscale": CIVIDIS,
                "ygap": 3,
                "colorbar": colour_bar(
                    style,
                    title={"text": "|φ′|", "font": style.font(12)},
                    tickvals=ticks,
                    ticktext=["≤ 10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"],
                ),
                "hovertemplate": "%{y} at z = %{x:.3g}<br>|φ′| = %{customdata:.3e}<extra></extra>",
            }
        ],
        "layout": style.layout(
            "slopes",
            xaxis={"title": {"text": "z (the lecture's U)"}, "showgrid": False, "dtick": 2, "range": [-8, 8]},
            yaxis={
                "autorange": "reversed",
                "showgrid": False,
                "tickmode": "array",
                "tickvals": names,
                "type": "category",
            },
            shapes=[_guide("x", float(np.clip(u, -8, 8)), style) | {"layer": "above"}],
            annotations=blank,
            margin={"t": 10},
        ),
    }


# ---- the 1-2-1 network -----------------------------------------------------------------------------------------


def curve_measurement(
    theta: np.ndarray, before: np.ndarray, x: float, phi: Activation, samples: tuple[np.ndarray, np.ndarray]
) -> Measurement:
    """f and the units' shares over x, f of the theta `before`, the samples, and the collapsed line when phi(z) = z."""
    grid = _grid(min(-4.0, 1.1 * x), max(4.0, 1.1 * x), np.array(x), samples[0])
    now, then = forward(theta, grid, phi), forward(before, grid, phi)
    values = {"f": now.f, "unit_1": now.part_1, "unit_2": now.part_2, "f_before": then.f, "y": _at(grid, *samples)}
    if phi.kind == "linear":
        intercept, slope = collapsed(theta)
        values["line"] = intercept + slope * grid
    return Measurement("forward curves", {"x": grid}, values)


def curve(measured: Measurement, x: float, moved: bool, style: Style) -> Figure:
    """The sum thick, its two parts thin, the curve before dotted, the collapsed line dashed on top of f."""
    grid = measured.axes["x"]
    first, second = unit_colours(style)
    samples = np.isfinite(measured["y"])
    here = np.searchsorted(grid, x)
    traces = [
        _line(grid, measured["unit_1"], "θ5 O11", first, line={"width": 4, "dash": "dash"}),
        _line(grid, measured["unit_2"], "θ6 O12", second, line={"width": 1.8, "dash": "dashdot"}),
        _line(grid, measured["f"], "f(x)", style.primary, line={"width": 3.5}),
    ]
    if moved:
        before = {"width": 2, "dash": "dot"}
        traces.insert(0, _line(grid, measured["f_before"], "worked example", style.muted, line=before))
    if "line" in measured.values:
        traces.append(_line(grid, measured["line"], "collapsed line", style.ink, line={"width": 2, "dash": "8px,10px"}))
    sample_marker = {"color": style.muted, "symbol": "x", "size": 9}
    now_marker = {"size": 12, "color": style.primary, "line": {"color": style.background, "width": 2}}
    traces += [
        _points(grid[samples], measured["y"][samples], "y of the lecture", sample_marker),
        _points(grid[here : here + 1], measured["f"][here : here + 1], "f at x", now_marker, showlegend=False),
    ]
    return {
        "data": traces,
        "layout": style.layout(
            "forward_curve",
            xaxis={"title": {"text": "x"}},
            yaxis={"title": {"text": "y"}},
            shapes=[_guide("x", x, style), _guide("y", 0.0, style)],
            margin={"t": 34},
        ),
    }
