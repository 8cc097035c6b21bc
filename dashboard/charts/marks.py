"""What charts are put together from: lines over layers and steps, bands, guide lines, notes, heat maps of magnitudes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.axes import all_steps, drawable, shade_range, step_axis
from dashboard.charts.style import CIVIDIS, Figure, Style, fade, merge
from nncore import Measurement
from nncore.numerics.spacing import evenly_spaced

# Traces -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """How a quantity is drawn: its name in the measurement, in words, its colour and its marker."""

    name: str
    label: str
    colour: str
    symbol: str


def line(
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    colour: str,
    hover: str = "",
    *,
    width: float = 2.0,
    dash: str = "solid",
    symbol: str = "",
    size: float = 7,
    **more: Any,
) -> dict[str, Any]:
    """A line through points, with a marker on each where there is a `symbol`; nothing pops up without `hover`."""
    trace: dict[str, Any] = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines+markers" if symbol else "lines",
        "name": name,
        "line": {"color": colour, "width": width, "dash": dash},
    }
    trace |= {"hovertemplate": hover} if hover else {"hoverinfo": "skip"}
    if symbol:
        trace["marker"] = {"symbol": symbol, "size": size, "color": colour}
    return merge(trace, more)


def band(
    x: np.ndarray, low: np.ndarray, high: np.ndarray, fill: str, name: str, *, colour: str = "", **more: Any
) -> dict[str, Any]:
    """The area between two lines that are finite everywhere; `colour` is that of its entry in the legend."""
    return {
        "type": "scatter",
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([high, low[::-1]]),
        "fill": "toself",
        "fillcolor": fill,
        "line": {"width": 0, "color": colour} if colour else {"width": 0},
        "mode": "lines",
        "name": name,
        "hoverinfo": "skip",
    } | more


def bands(
    measured: Measurement, drawn: Line, style: Style, row: int | None, log: bool, legend: bool
) -> list[dict[str, Any]]:
    """The band and the median of a quantity over the last axis, or nothing where it was run with one seed only.

    `row`: the row of the first axis, None where there is only one axis.
    """
    if f"{drawn.name}_p10" not in measured.values:
        return []
    axis = list(measured.axes.values())[-1]
    low, middle, high, counts = (
        values if row is None else values[row]
        for values in (measured[f"{drawn.name}_{label}"] for label in ("p10", "median", "p90", "seeds"))
    )
    low, middle, high = (drawable(values, log) for values in (low, middle, high))
    sound = np.isfinite(low) & np.isfinite(high)
    n_seeds = int(counts.max(initial=0))
    median = f"{drawn.label}, median of {n_seeds} seeds"
    return [
        band(
            axis[sound],
            low[sound],
            high[sound],
            fade(drawn.colour, 0.2),
            f"10–90 % of {n_seeds} seeds",
            colour=drawn.colour,
            showlegend=legend,
            legendrank=3,
        ),
        line(
            axis,
            middle,
            median,
            drawn.colour,
            f"%{{x}}<br>{median} %{{y:.2e}}<extra></extra>",
            width=1.2,
            dash="longdash",
            symbol="line-ew-open",
            size=12,
            mode="lines" if len(axis) > 1 else "markers",
            showlegend=False,
        ),
    ]


def handful(n_layers: int, at_most: int = 7) -> np.ndarray:
    """Layer numbers to draw as lines: all of a few, else evenly spread with the first and the last."""
    return evenly_spaced(1, n_layers, at_most)


def layer_lines(measured: Measurement, name: str, style: Style, step: int, dash: str = "solid") -> Figure:
    """One line over the steps for each of a handful of layers, in the layers' colours; the ends are named."""
    steps, layers, values = measured.axes["step"], measured.axes["layer"], measured[name]
    defined = layers[np.isfinite(values).any(axis=0)]
    colours = style.layers(len(layers))
    drawn = [defined[place - 1] for place in handful(len(defined))] if len(defined) else []
    traces = [
        line(
            steps,
            values[:, layer - 1],
            f"layer {layer}",
            colours[layer - 1],
            f"layer {layer}, step %{{x}}<br>%{{y:.3g}}<extra></extra>",
            width=1.8,
            dash=dash,
            mode="lines" if len(steps) > 1 else "markers",
            showlegend=place in (0, len(drawn) - 1),
        )
        for place, layer in enumerate(drawn)
    ]
    return {
        "data": traces,
        "layout": style.layout(
            name, xaxis=step_axis(steps, **all_steps(steps)), shapes=[step_line(style, step)], showlegend=True
        ),
    }


# Heat maps --------------------------------------------------------------------------------------------------


def log_shades(values: np.ndarray) -> np.ndarray:
    """log10 of magnitudes; NaN, a blank cell, where they are 0 or not finite."""
    with np.errstate(all="ignore"):
        return np.log10(drawable(values))


def heat_map(
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    hover: str,
    bar: dict[str, Any],
    *,
    log: bool = True,
    least: float = 0.5,
    **more: Any,
) -> dict[str, Any]:
    """A colour for each value (len(y), len(x)), for its logarithm if `log`; the pointer is shown the value itself.

    `bar`: what `colour_bar` makes. The ends of the scale are those of the values, `least` apart at least, unless `zmin`
    and `zmax` are given.
    """
    shades = log_shades(values) if log else values
    low, high = shade_range(shades, least)
    return {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": shades,
        "customdata": values,
        "zmin": low,
        "zmax": high,
        "colorscale": CIVIDIS,
        "hovertemplate": f"{hover} %{{customdata:.2e}}<extra></extra>",
        "colorbar": bar,
    } | more


def colour_bar(style: Style, *, size: float = 12, **more: Any) -> dict[str, Any]:
    """The legend of a heat map's colours."""
    return {"thickness": 12, "outlinewidth": 0, "tickfont": style.font(size) | {"color": style.muted}} | more


# Lines across the whole chart ------------------------------------------------------------------------------------


def vertical(x: float, colour: str, width: float = 1.5, dash: str = "dash", **more: Any) -> dict[str, Any]:
    """An upright line from edge to edge."""
    return _across("x", x, colour, width, dash) | more


def horizontal(y: float, colour: str, width: float = 1.5, dash: str = "dash", **more: Any) -> dict[str, Any]:
    """A level line from edge to edge."""
    return _across("y", y, colour, width, dash) | more


def _across(axis: str, value: float, colour: str, width: float, dash: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        f"{axis}0": value,
        f"{axis}1": value,
        f"{other}ref": "paper",
        f"{other}0": 0,
        f"{other}1": 1,
        "line": {"color": colour, "width": width, "dash": dash},
    }


def step_line(style: Style, step: float) -> dict[str, Any]:
    """The upright line that marks the step chosen."""
    return vertical(step, style.ink)


def halo(style: Style, step: float) -> dict[str, Any]:
    """A pale line behind `step_line`, which would be lost on the dark cells of a heat map."""
    return vertical(step, fade(style.background, 0.75), 4, "solid")


def guide_line(value: float, style: Style) -> dict[str, Any]:
    """A level to compare with."""
    return horizontal(value, style.theory)


# Notes ------------------------------------------------------------------------------------------------------


def note(text: str, style: Style, x: float, y: float, *, colour: str = "", size: float = 12, **more: Any) -> Any:
    """A text at shares of the chart's width and height, held within it by the edges that are near."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "font": style.font(size) | {"color": colour or style.ink},
        "bgcolor": style.background,
    } | more


def corner_notes(notes: list[tuple[str, str]], style: Style, bottom: float) -> list[dict[str, Any]]:
    """Lines of text (text, colour), a line's height over each other; the lowest at a share of the chart's height."""
    rise = round(18 * style.scale)
    return [
        note(text, style, 0.01, bottom, colour=colour, yshift=rise * place, yanchor="bottom")
        for place, (text, colour) in enumerate(notes)
    ]
