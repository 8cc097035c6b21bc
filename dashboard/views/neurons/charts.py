"""Single units: their dots on the activation's curve, the zones of every layer, and what each unit computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.axes import layer_axis
from dashboard.charts.marks import colour_bar, line, vertical
from dashboard.charts.style import CIVIDIS, Figure, Style, fade
from dashboard.charts.text import Text
from nncore import Activation, Measurement
from nncore.measures.units import ZONES, zone_of

CURVE = Text(
    "Dots on φ and φ′",
    "each dot a unit on one row",
    "A dot in a flat zone passes no gradient on; dots that all lie in a linear zone make a layer that only adds and scales, so "
    "that its depth is wasted. A network computes where dots spread over the bend.",
)
ZONES_TEXT = Text(
    "All layers",
    "share of units × rows in each zone",
    "Much flat: gradients die here. All linear: these layers could be one. Click a layer to look into it.",
)
RESPONSES = Text(
    "What each unit computes",
    "its output a",
    "Units that look alike are redundant, blank ones are dead. In a first layer pictures are simple edges; a deep layer that "
    "has learned shows the shapes of the data.",
)
ZONE_LABELS = {"flat": "flat: passes < 1 %", "bend": "bend", "linear": "nearly linear"}

PANELS = {"y": (0.67, 1.0), "y2": (0.36, 0.61), "y3": (0.0, 0.3)}
"""Heights of phi, phi' and the strips of the units."""

FEW, GAP = 12, 2
"""Units whose strips are named with their kind; empty cells between two little pictures."""


def on_the_curve(
    measured: Measurement, activation: Activation, style: Style, by: str, classes: tuple[str, ...]
) -> Figure:
    """Units' dots on phi and phi', and below a strip for each unit; zones are shaded.

    `by` is "unit", or "target" for the row's class or value.
    """
    z, target = measured["z"], (measured.columns or {})["target"][1]
    kinds = (measured.columns or {})["kind"][1]
    units, rows = measured.axes["unit"], measured.axes["row"]
    low, high = _range(z)
    grid = _grid(activation, low, high)
    traces: list[dict[str, Any]] = []
    for axis, function, name in (("y", activation, "φ"), ("y2", activation.slope, "φ′")):
        with np.errstate(all="ignore"):
            values = function(grid)
        dash = "solid" if axis == "y" else "dash"
        traces.append(line(grid, _with_jumps(values), name, style.ink, dash=dash, yaxis=axis, showlegend=False))
    place = np.broadcast_to(np.arange(len(units))[:, None], z.shape)
    facts = np.stack(np.broadcast_arrays(units[:, None], rows[None, :], target[None, :].astype(float)), axis=-1)
    for label, chosen, marker in _groups(by, target, classes, z.shape, len(units), style):
        for axis, values in (("y", measured["a"]), ("y2", measured["slope"]), ("y3", place)):
            what = {"y": "φ(z) = %{y:.4g}", "y2": "φ′(z) = %{y:.3g}", "y3": ""}[axis]
            traces.append(
                {
                    "type": "scatter",
                    "x": z[chosen],
                    "y": values[chosen].astype(np.float64),
                    "yaxis": axis,
                    "mode": "markers",
                    "name": label,
                    "legendgroup": label,
                    "showlegend": axis == "y" and len(label) > 0,
                    "marker": {"size": 5 if axis != "y3" else 4, "opacity": 0.65, **marker},
                    "customdata": facts[chosen],
                    "hovertemplate": f"unit %{{customdata[0]}}, row %{{customdata[1]}}, target %{{customdata[2]:.4g}}<br>"
                    f"z = %{{x:.4g}}<br>{what}<extra></extra>",
                }
            )
    shapes, annotations = _shading(activation, grid, low, high, style)
    layout = style.layout("units_on_their_curve", shapes=shapes, annotations=annotations, margin={"t": 12})
    axis = layout["yaxis"]

    def panel(name: str, title: str, **more: Any) -> dict[str, Any]:
        return axis | {"domain": PANELS[name], "title": axis["title"] | {"text": title}} | more

    ticks, labels = _unit_ticks(units, kinds)
    layout |= {
        "yaxis": panel("y", "φ(z)"),
        "yaxis2": panel("y2", "φ′(z)"),
        "yaxis3": panel(
            "y3",
            "unit",
            tickmode="array",
            tickvals=ticks,
            ticktext=labels,
            range=[len(units) - 0.4, -0.6],
            showgrid=False,
        ),
        "xaxis": layout["xaxis"]
        | {"title": layout["xaxis"]["title"] | {"text": "z"}, "range": [low, high], "anchor": "y3"},
    }
    return {"data": traces, "layout": layout}


def _groups(
    by: str, target: np.ndarray, classes: tuple[str, ...], shape: tuple[int, ...], n_units: int, style: Style
) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """(legend entry, which dots, how they are marked), one group for each class, or one for all."""
    everything = np.ones(shape, dtype=bool)
    if by == "target" and classes:
        symbols = ("circle", "square", "diamond", "cross", "triangle-up")
        colours = style.classes(len(classes))
        return [
            (
                name,
                everything & (target == index)[None, :],
                {"color": colours[index], "symbol": symbols[index % len(symbols)]},
            )
            for index, name in enumerate(classes)
            if (target == index).any()
        ]
    ramp = style.layers(9)
    scale = [[place / 8, colour] for place, colour in enumerate(ramp)]
    if by == "target":
        colour, title = np.broadcast_to(target[None, :], shape).ravel(), "target"
    else:
        colour, title = np.broadcast_to(np.arange(n_units)[:, None], shape).ravel(), ""
    bar = {
        "showscale": True,
        "colorbar": colour_bar(
            style, size=11, thickness=10, title={"text": title, "font": style.font(12)}, len=0.38, y=0.83
        ),
    }
    return [("", everything, {"color": colour, "colorscale": scale} | (bar if title else {}))]


def _range(z: np.ndarray) -> tuple[float, float]:
    """The range of z with a margin, at least from -1 to 1; what is not finite does not count."""
    finite = z[np.isfinite(z)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    low, high = min(low, -1.0), max(high, 1.0)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _grid(activation: Activation, low: float, high: float) -> np.ndarray:
    """Places to draw the curve at: even ones, finer near 0, and close to the kinks."""
    kinks = np.array([kink + side for kink in activation.kinks for side in (-1e-9, 1e-9)])
    places = np.concatenate([np.linspace(low, high, 400), np.linspace(-6, 6, 241), [-1e-9, 1e-9], kinks])
    return np.unique(places[(places >= low) & (places <= high)])


def _with_jumps(values: np.ndarray) -> np.ndarray:
    """The curve, broken where it jumps by half its height within one step."""
    height = float(np.ptp(values[np.isfinite(values)])) or 1.0
    drawn = values.astype(np.float64)
    drawn[np.flatnonzero(np.abs(np.diff(values)) > 0.45 * height)] = np.nan
    return drawn


def _shading(
    activation: Activation, grid: np.ndarray, low: float, high: float, style: Style
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Flat and linear zones as bands behind all panels, named where they are wide enough."""
    with np.errstate(all="ignore"):
        zone = zone_of(activation, activation.slope(grid))
    starts = np.flatnonzero(np.diff(zone, prepend=-2))
    edges = np.concatenate([grid[:1], (grid[:-1] + grid[1:]) / 2, grid[-1:]])
    shapes, annotations = [], []
    for begin, end in zip(starts, np.append(starts[1:], len(grid)), strict=True):
        name = ZONES[zone[begin]] if zone[begin] >= 0 else "bend"
        left, right = float(edges[begin]), float(edges[end])
        if name == "bend" or right <= left:
            continue
        shade = fade(style.muted, 0.2) if name == "flat" else fade(style.primary, 0.12)
        shapes.append(
            {
                "type": "rect",
                "x0": left,
                "x1": right,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "fillcolor": shade,
                "line": {"width": 0},
            }
        )
        if right - left > 0.09 * (high - low):
            annotations.append(
                {
                    "x": (left + right) / 2,
                    "yref": "paper",
                    "y": 0.645,
                    "yanchor": "middle",
                    "showarrow": False,
                    "text": "flat" if name == "flat" else "linear",
                    "font": style.font(12) | {"color": style.muted},
                }
            )
    return shapes, annotations


def _unit_ticks(units: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Ticks of the strips; of few units each one says its kind."""
    if len(units) <= FEW:
        return np.arange(len(units)), [f"{unit} {kind}" for unit, kind in zip(units, kinds, strict=True)]
    step = int(np.ceil(len(units) / 8))
    return np.arange(0, len(units), step), [str(unit) for unit in units[::step]]


def zones(measured: Measurement, layer: int, style: Style) -> Figure:
    """Stacked shares per layer, the share of dead units as dots, the chosen layer marked."""
    layers = measured.axes["layer"]
    looks = {
        "flat": (style.muted, "/"),
        "bend": (style.activation, ""),
        "linear": (style.primary, "."),
        "not_finite": (style.delta, "x"),
    }
    traces: list[dict[str, Any]] = []
    for name, (colour, pattern) in looks.items():
        if name == "not_finite" and not measured[name].any():
            continue
        label = ZONE_LABELS.get(name, "not finite")
        traces.append(
            {
                "type": "bar",
                "x": layers,
                "y": measured[name],
                "name": label,
                "marker": {
                    "color": fade(colour, 0.75),
                    "pattern": {
                        "shape": pattern,
                        "fillmode": "overlay",
                        "fgcolor": style.background,
                        "size": 7,
                        "solidity": 0.25,
                    },
                },
                "hovertemplate": f"layer %{{x}}<br>{label}: %{{y:.1%}}<extra></extra>",
            }
        )
    dead = measured["dead_units"]
    if dead.any():
        traces.append(
            {
                "type": "scatter",
                "x": layers,
                "y": np.where(dead > 0, dead, np.nan),
                "mode": "markers",
                "name": "dead units",
                "marker": {
                    "color": style.ink,
                    "size": 9,
                    "symbol": "x",
                    "line": {"color": style.background, "width": 1},
                },
                "hovertemplate": "layer %{x}<br>dead units: %{y:.1%}<extra></extra>",
            }
        )
    marked = {
        "type": "rect",
        "x0": layer - 0.5,
        "x1": layer + 0.5,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": style.ink, "width": 2},
        "fillcolor": "rgba(0,0,0,0)",
    }
    return {
        "data": traces,
        "layout": style.layout(
            "zones_per_layer",
            xaxis=layer_axis(len(layers), showgrid=False),
            yaxis={"title": {"text": "units × rows"}, "tickformat": ".0%", "range": [0, 1.001]},
            barmode="stack",
            bargap=0.12,
            shapes=[marked],
            legend={"traceorder": "normal"},
        ),
    }


def responses(measured: Measurement, style: Style, classes: tuple[str, ...], columns: int) -> Figure:
    """Small pictures over the plane, small curves over the line, or units × sorted rows."""
    if "x1" in measured.axes:
        return _planes(measured, style, columns)
    if "x" in measured.axes:
        return _lines(measured, style, columns)
    return _rows(measured, style, classes)


def shade_range(a: np.ndarray) -> tuple[float, float]:
    """The range of colours or heights of a layer, so that one outlying unit does not blank the others."""
    finite = a[np.isfinite(a)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(each) for each in np.percentile(finite, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _heat(style: Style, z: np.ndarray, limits: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "z": z.astype(np.float32),
        "zmin": limits[0],
        "zmax": limits[1],
        "colorscale": CIVIDIS,
        "colorbar": colour_bar(style, size=11, thickness=10, title={"text": "a"}),
        **more,
    }


def _bare(style: Style, name: str, columns: int, rows: int, width: float, height: float) -> dict[str, Any]:
    """A layout for tiles: no ticks, tiles as wide as they can be."""
    hidden = {"showgrid": False, "showline": False, "showticklabels": False, "ticks": ""}
    return style.layout(
        name,
        xaxis=hidden | {"range": [-0.02 * columns * width, columns * width]},
        yaxis=hidden | {"range": [rows * height, -0.02 * rows * height]},
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
    )


def _names(units: np.ndarray, columns: int, width: float, height: float, style: Style) -> dict[str, Any]:
    """Each tile's unit in its upper left corner."""
    place = np.arange(len(units))
    return {
        "type": "scatter",
        "x": (place % columns) * width,
        "y": (place // columns) * height,
        "mode": "text",
        "text": np.array([str(unit) for unit in units]),
        "textposition": "bottom right",
        "textfont": style.font(10),
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _planes(measured: Measurement, style: Style, columns: int) -> Figure:
    units, a = measured.axes["unit"], measured["a"]
    side = a.shape[1]
    header = max(4, side // 4)
    rows = -(-len(units) // columns)
    width, height = side + GAP, side + header
    tiled = np.full((rows * height, columns * width), np.nan)
    names = np.zeros(tiled.shape, dtype=np.int32)
    for place, picture in enumerate(a):
        top, left = (place // columns) * height, (place % columns) * width
        tiled[top + header : top + height, left : left + side] = picture.T[::-1]  # x2 upwards
        names[top : top + height, left : left + width] = units[place]
    heat = _heat(
        style,
        tiled,
        shade_range(a),
        customdata=names,
        hoverongaps=False,
        hovertemplate="unit %{customdata}<br>a = %{z:.4g}<extra></extra>",
    )
    layout = _bare(style, "responses", columns, rows, width, height)
    return {"data": [heat, _names(units, columns, width, height, style)], "layout": layout}


def _lines(measured: Measurement, style: Style, columns: int) -> Figure:
    units, x, a = measured.axes["unit"], measured.axes["x"], measured["a"]
    low, high = shade_range(a)
    rows = -(-len(units) // columns)
    along = np.linspace(0.05, 0.95, len(x))
    gap = np.full((len(units), 1), np.nan)
    place = np.arange(len(units))[:, None]
    across = np.concatenate([place % columns + along, gap], axis=1)
    up = np.clip((a - low) / (high - low), -0.02, 1.02)
    down = np.concatenate([place // columns + 0.95 - 0.7 * up, gap], axis=1)
    facts = np.stack(np.broadcast_arrays(units[:, None], x[None, :], a), axis=-1)
    facts = np.concatenate([facts, np.full((len(units), 1, 3), np.nan)], axis=1)
    frames = [
        {
            "type": "rect",
            "x0": index % columns + 0.03,
            "x1": index % columns + 0.97,
            "y0": index // columns + 0.22,
            "y1": index // columns + 0.98,
            "line": {"color": style.border, "width": 1},
            "layer": "below",
        }
        for index in range(len(units))
    ]
    hover = "unit %{customdata[0]}<br>x = %{customdata[1]:.4g}<br>a = %{customdata[2]:.4g}<extra></extra>"
    more = {"customdata": facts.reshape(-1, 3), "showlegend": False}
    curves = line(across.ravel(), down.ravel(), "a", style.activation, hover, **more)
    layout = _bare(style, "responses", columns, rows, 1.0, 1.0) | {"shapes": frames}
    return {"data": [curves, _names(units, columns, 1.0, 1.0, style)], "layout": layout}


def _rows(measured: Measurement, style: Style, classes: tuple[str, ...]) -> Figure:
    units, places, a = measured.axes["unit"], measured.axes["place"], measured["a"]
    target = (measured.columns or {})["target"][1]
    heat = _heat(
        style,
        a,
        shade_range(a),
        x=places,
        y=np.arange(len(units)),
        customdata=np.broadcast_to(target.astype(np.float32), a.shape),
        hovertemplate="unit row %{y}, place %{x}<br>target %{customdata:.4g}<br>a = %{z:.4g}<extra></extra>",
    )
    shapes, xaxis = [], {"title": {"text": "probe rows, sorted by target (low → high)"}, "showgrid": False}
    if classes:
        borders = np.flatnonzero(np.diff(target)) + 1
        edges = np.concatenate([[0], borders, [len(target)]])
        shapes = [vertical(border - 0.5, style.background, 2, "solid") for border in borders]
        xaxis |= {
            "title": {"text": "probe rows, sorted by class"},
            "tickmode": "array",
            "tickvals": (edges[:-1] + edges[1:] - 1) / 2,
            "ticktext": [classes[int(target[edge])] for edge in edges[:-1]],
        }
    step = max(1, -(-len(units) // 16))
    yaxis = {
        "title": {"text": "unit"},
        "showgrid": False,
        "range": [len(units) - 0.5, -0.5],
        "tickmode": "array",
        "tickvals": np.arange(0, len(units), step),
        "ticktext": [str(unit) for unit in units[::step]],
    }
    layout = style.layout("responses", xaxis=xaxis, yaxis=yaxis, shapes=shapes, margin={"t": 8})
    return {"data": [heat], "layout": layout}
