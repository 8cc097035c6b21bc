"""The trainability map: a cell for each set-up, its colour what became of it, theory's line over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.charts.axes import drawable, layer_axis, log_axis, log_ticks
from dashboard.charts.marks import colour_bar, line
from dashboard.charts.style import CIVIDIS, Figure, Style, parted
from dashboard.charts.text import Text
from dashboard.views.map.words import value_in_words
from dashboard.words.markup import label
from dashboard.words.numbers import number, percent
from nncore import Measurement
from nncore.diagnosis import EXPLODED, RULES
from nncore.numerics.spacing import evenly_spaced
from nncore.sweep import ENDINGS, VERDICTS, Cells, is_geometric
from nncore.sweep.overlay import Curve

NOTES = {
    "flow": "In strong blue cells layer 1 receives less than a thousandth of the last layer's δ: the gradient vanishes; in strong "
    "orange ones it receives more than a thousand times as much: it explodes. The pale valley lies between.",
    "final_loss": "Dark cells learned; a sharp edge is where a network stops being trainable.",
    "accuracy": "Bright cells learned; a sharp edge is where a network stops being trainable.",
    "trained": "Bright cells train for every seed, dark ones for none; in between luck decides.",
    "verdict": "One colour a finding: neighbours of one colour fail for the same reason.",
}
LAYERS = Text(
    "The chosen cell",
    "δ norm per layer",
    "A line that falls towards layer 1 is a gradient that vanishes on its way there.",
)

MOST_DECADES = 12.0
"""Ratios beyond 10^±12 have the colour of 10^±12."""

BARS = "▁▂▃▄▅▆▇█"
"""Eight heights: a small curve as text, for the hover."""


def note(name: str) -> str:
    """What to conclude from a map of this quantity."""
    return NOTES["flow" if name.endswith("flow") else name]


def trainability(
    cells: Cells, measured: Measurement, theory: Sequence[Curve], here: tuple[Any, Any] | None, style: Style
) -> Figure:
    """The cells, marks on those that colour cannot show, theory's curves, and where the sidebar is."""
    name = cells.quantity.name
    x, y = (coordinates(axis, measured.axes[axis]) for axis in (cells.x, cells.y))
    values = scaled(measured, name)
    finite = drawable(values, log=False)
    size = float(np.clip(260 / max(len(x), len(y)), 7, 14))
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": x,
            "y": y,
            "z": finite.astype(np.float32),
            "xgap": 1,
            "ygap": 1,
            "customdata": _hover(cells, measured),
            "hovertemplate": "%{customdata}<extra></extra>",
            "hoverongaps": True,
            "name": cells.quantity.label,
            "showlegend": False,
            **_colours(name, finite, style),
        }
    ]
    if name == "verdict":
        traces += _verdicts(x, y, values, size, style)
    for text, mask in marks(measured, name).items():
        traces += _texts(x, y, mask, text, size, style.font(1) | {"size": size, "color": style.ink})
    for named, xs, ys in theory:
        curve = {"type": "scatter", "x": xs, "y": ys, "mode": "lines+markers" if xs.dtype.kind in "OU" else "lines"}
        halo = {"line": {"color": style.background, "width": 5}, "marker": {"size": 1}, "showlegend": False}
        traces.append(curve | halo | {"hoverinfo": "skip"})
        dashed = {"color": style.theory, "width": 2.5, "dash": "dash"}
        look = {"line": dashed, "marker": {"symbol": "diamond", "color": style.theory, "size": 7}}
        traces.append(curve | look | {"name": named, "hovertemplate": f"{named}<extra></extra>"})
    if here is not None:
        star = {"symbol": "star", "size": 16, "color": style.ink, "line": {"color": style.background, "width": 1.5}}
        traces.append(
            {
                "type": "scatter",
                "x": _on(cells.x, x, here[0]),
                "y": _on(cells.y, y, here[1]),
                "mode": "markers",
                "name": "you are here",
                "showlegend": True,
                "marker": star,
                "hovertemplate": "you are here<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": style.layout(
            f"map_{name}",
            xaxis=axis_of(cells.x, measured.axes[cells.x]),
            yaxis=axis_of(cells.y, measured.axes[cells.y]),
            legend={"itemclick": False, "itemdoubleclick": False},
        ),
    }


def scaled(measured: Measurement, name: str) -> np.ndarray:
    """What the colour stands for: a loss's log₁₀, −∞ where it is exactly 0; all else as it is."""
    if name != "final_loss":
        return measured[name]
    with np.errstate(divide="ignore"):
        return np.log10(measured[name])


def coordinates(name: str, values: np.ndarray) -> np.ndarray:
    """Where values stand on an axis: numbers where they are, names one after the other."""
    return values if _is_scale(values) else np.array([value_in_words(name, value) for value in values])


def _on(name: str, axis: np.ndarray, value: Any) -> np.ndarray:
    """A value where it stands among the coordinates of an axis."""
    return np.array([value if axis.dtype.kind in "iuf" else value_in_words(name, value)])


def _is_scale(values: np.ndarray) -> bool:
    """Are these numbers that grow along the axis? Others stand one after the other, as names do."""
    return values.dtype.kind in "iuf" and bool(np.isfinite(values).all() and (np.diff(values) > 0).all())


def axis_of(name: str, values: np.ndarray) -> dict[str, Any]:
    """The axis of a map over these values."""
    title = {"text": AXIS_TITLES.get(name, name.replace("_", " "))}
    if not _is_scale(values):
        return {
            "title": title,
            "showgrid": False,
            "type": "category",
            "categoryorder": "array",
            "categoryarray": coordinates(name, values),
        }
    if is_geometric(values):
        logs = np.log10(values)
        edges = [float(logs[0] - (logs[1] - logs[0]) / 2), float(logs[-1] + (logs[-1] - logs[-2]) / 2)]
        ticks = _powers(edges)
        return {"title": title, "showgrid": False, "type": "log", "range": edges, "minor": {"ticks": ""}, **ticks}
    steps = np.diff(values) if len(values) > 1 else np.ones(1)
    whole = {"dtick": 1} if values.dtype.kind in "iu" and np.ptp(values) < 10 else {}
    return {
        "title": title,
        "showgrid": False,
        "range": [float(values[0] - steps[0] / 2), float(values[-1] + steps[-1] / 2)],
        **whole,
    }


def _powers(edges: list[float]) -> dict[str, Any]:
    """Ticks of a log axis: decades, or powers of two where there are few of those."""
    low, high = edges
    if high - low > 3:
        return {"dtick": 1, "exponentformat": "power"}
    powers = 2.0 ** np.arange(np.ceil(low / np.log10(2)), np.floor(high / np.log10(2)) + 1)
    return {"tickmode": "array", "tickvals": powers, "ticktext": [f"{power:g}" for power in powers]}


AXIS_TITLES = {
    "depth": "depth (hidden layers)",
    "width": "width (units of a hidden layer)",
    "sigma_w2": "σ_w²",
    "sigma_b2": "σ_b²",
    "bias_std": "bias deviation",
    "init": "initializer",
    "dataset": "data set",
    "dtype": "float type",
}


def _colours(name: str, values: np.ndarray, style: Style) -> dict[str, Any]:
    bar = colour_bar(style, size=11)
    known = values[np.isfinite(values)]
    if name == "verdict":
        count = len(VERDICTS)
        edges = [
            [edge / count, colour] for place, colour in enumerate(verdict_colours(style)) for edge in (place, place + 1)
        ]
        return {"colorscale": edges, "zmin": -0.5, "zmax": count - 0.5, "showscale": False}
    if name.endswith("flow"):
        limit = float(np.log10(EXPLODED))
        reach = min(max(float(np.abs(known).max(initial=0.0)), limit), MOST_DECADES)
        return {
            "colorscale": parted(reach, limit),
            "zmin": -reach,
            "zmax": reach,
            "colorbar": bar | {"title": {"text": "log₁₀", "font": style.font(12)}},
        }
    if name in ("trained", "accuracy"):
        return {"colorscale": CIVIDIS, "zmin": 0.0, "zmax": 1.0, "colorbar": bar | {"tickformat": ".0%"}}
    if not len(known):
        return {"colorscale": CIVIDIS, "showscale": False, "zmin": 0.0, "zmax": 1.0}
    low, high = float(known.min()), float(np.percentile(known, 95))
    title = {"text": "log₁₀", "font": style.font(12)}
    return {"colorscale": CIVIDIS, "zmin": low, "zmax": max(high, low + 0.1), "colorbar": bar | {"title": title}}


def verdict_name(place: int) -> str:
    """What a verdict's number stands for."""
    return RULES[VERDICTS[place]].title if place else "Nothing wrong"


def verdict_colours(style: Style) -> list[str]:
    """A colour for each of VERDICTS: none for nothing wrong, the palette's eight, and the others from the layers' scale."""
    wanted = len(VERDICTS) - 1
    return [style.border, *[*style.classes(8), *style.layers(max(wanted - 8, 1))][:wanted]]


def _verdicts(x: np.ndarray, y: np.ndarray, values: np.ndarray, size: float, style: Style) -> list[dict[str, Any]]:
    """A letter on the cells of each verdict, and its entry in the legend: the colour is not alone."""
    traces: list[dict[str, Any]] = []
    colours = verdict_colours(style)
    for place in sorted({int(value) for value in values[np.isfinite(values)]}):
        letter = LETTERS[place]
        font = style.font(1) | {"size": size, "color": style.ink if place == 0 else style.background}
        traces += _texts(x, y, values == place, letter, size, font)
        traces.append(
            {
                "type": "scatter",
                "x": x[:1],
                "y": np.array([None]),
                "mode": "markers",
                "name": f"{letter} {verdict_name(place)}",
                "showlegend": True,
                "hoverinfo": "skip",
                "marker": {"symbol": "square", "size": 11, "color": colours[place]},
            }
        )
    return traces


LETTERS = "·ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Of each of VERDICTS on its cells, and in the legend."""


def _texts(
    x: np.ndarray, y: np.ndarray, mask: np.ndarray, text: str, size: float, font: dict[str, Any]
) -> list[dict[str, Any]]:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return []
    return [
        {
            "type": "scatter",
            "x": x[columns],
            "y": y[rows],
            "mode": "text",
            "text": [text] * len(rows),
            "textfont": font,
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def marks(measured: Measurement, name: str) -> dict[str, np.ndarray]:
    """The cells that colour cannot show, by their mark: exact zeros, infinities, divergence, failure, no number."""
    values = scaled(measured, name)
    ended = sum(measured[ending] for ending in ENDINGS)
    failed = (ended > 0) & (measured["failed"] == ended)
    diverged = (2 * measured["diverged"] >= np.maximum(ended, 1)) & ~failed
    if name == "verdict":
        diverged = diverged & np.isnan(values)
    other = ~failed & ~diverged
    return {
        "0": np.isneginf(values) & other,
        "∞": np.isposinf(values) & other,
        "×": diverged,
        "!": failed,
        "–": np.isnan(values) & (ended > 0) & other,
    }


MARKS = {
    "0": "exactly 0",
    "∞": "infinite",
    "×": "a run that diverged",
    "!": "a set-up that cannot run",
    "–": "one without this number, such as the ratio of a single layer",
}


def marks_in_words(measured: Measurement, name: str) -> str:
    """Which marks there are and what they mean."""
    found = [f"{text} is {MARKS[text]}" for text, mask in marks(measured, name).items() if mask.any()]
    return f"Marks: {'; '.join(found)}." if found else ""


def _hover(cells: Cells, measured: Measurement) -> np.ndarray:
    """What the pointer shows over each cell: the set-up, the number, how its runs ended, and the curve per layer."""
    texts = np.empty(cells.shape[:2], dtype=object)
    for row, y in enumerate(measured.axes[cells.y]):
        for column, x in enumerate(measured.axes[cells.x]):
            lines = [
                f"{cells.x} {value_in_words(cells.x, x)}, {cells.y} {value_in_words(cells.y, y)}",
                cell_words(cells, measured, row, column),
            ]
            curve = sparkline(cells.layers(row, column))
            reason = cells.reason(row, column)
            lines += [f"δ, layer 1 … L: {curve}"] * bool(curve) + [label(reason, 90)] * bool(reason)
            texts[row, column] = "<br>".join(lines)
    return texts


def cell_words(cells: Cells, measured: Measurement, row: int, column: int) -> str:
    """A cell's number, and how its runs ended where there are several or one did not finish."""
    ended = {ending: int(measured[ending][row, column]) for ending in ENDINGS}
    if not sum(ended.values()):
        return "Not computed yet"
    name = cells.quantity.name
    text = f"{cells.quantity.label}: {value_words(name, float(measured[name][row, column]))}"
    if cells.shape[-1] > 1 or not ended["finished"]:
        text += f" ({', '.join(f'{count} {ending}' for ending, count in ended.items() if count)})"
    return text


def value_words(name: str, value: float) -> str:
    """A map's number in words: a ratio as a ratio, not as its logarithm."""
    if np.isnan(value):
        return "none"
    if name == "verdict":
        return verdict_name(int(value)).lower()
    if name.endswith("flow"):
        if np.isinf(value):
            return "exactly 0" if value < 0 else "∞"
        return number(10.0**value) if abs(value) < 300 else f"10^{value:.0f}"
    return percent(value) if name in ("trained", "accuracy") else number(value)


def sparkline(delta: np.ndarray, most: int = 24) -> str:
    """A curve over layers on a log scale as bars of text; zeros are dots, what is not finite a cross.

    >>> sparkline(np.array([1e-6, 1e-4, 1e-2, 1.0])), sparkline(np.array([0.0, 1.0]))
    ('▁▃▆█', '·█')
    """
    if not len(delta):
        return ""
    picked = delta[evenly_spaced(0, len(delta) - 1, most)]
    sound = np.isfinite(picked) & (picked > 0)
    heights = np.log10(picked, where=sound, out=np.full(len(picked), np.nan))
    low, high = (heights[sound].min(), heights[sound].max()) if sound.any() else (0.0, 1.0)
    bars = []
    for value, height in zip(picked, heights, strict=True):
        if np.isfinite(height):
            bars.append(BARS[round(7 * (height - low) / (high - low)) if high > low else 7])
        else:
            bars.append("·" if value == 0 else "×")
    return "".join(bars)


def layers(measured: Measurement, style: Style) -> Figure:
    """δ norm per layer of one cell."""
    values = measured["delta_norm"]
    drawn = drawable(values)
    hover = "layer %{x}<br>δ %{y:.2e}<extra></extra>"
    trace = line(measured.axes["layer"], drawn, "δ", style.delta, hover, symbol="circle", showlegend=False)
    return {
        "data": [trace],
        "layout": style.layout(
            "cell", xaxis=layer_axis(len(values)), yaxis=log_axis("δ norm", **log_ticks(drawn)), margin={"t": 8}
        ),
    }
