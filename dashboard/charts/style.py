"""One look for every chart: two palettes, one figure layout, one colour scale for layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Figure = dict[str, Any]

FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"
CIVIDIS = "Cividis"

POWERS = 1.25
"""plotly.js writes powers of ten so much larger than other ticks."""

ABOVE = {"yref": "container", "y": 1, "yanchor": "top"}
"""A legend at the chart's upper edge, whose rows take their room from the plot: measured from the plot, as plotly.js does by
default, it keeps the place that it had at another width."""

# Viridis at eleven even places, as matplotlib and plotly have it.
_VIRIDIS = np.array(
    [
        (68, 1, 84),
        (72, 36, 117),
        (65, 68, 135),
        (53, 95, 141),
        (42, 120, 142),
        (33, 145, 140),
        (34, 168, 132),
        (68, 191, 112),
        (122, 209, 81),
        (189, 223, 38),
        (253, 231, 37),
    ]
)


@dataclass(frozen=True)
class Style:
    """The colours and sizes of one theme. A quantity keeps its colour and its marker on every page.

    `border` is what parts cards, `control` the edge of what can be typed into or chosen.

    `parts`: a colour for each part of the gradient ledger.
    """

    dark: bool
    background: str
    raised: str
    border: str
    control: str
    ink: str
    muted: str
    primary: str
    delta: str
    weight: str
    activation: str
    theory: str
    parts: Mapping[str, str]
    viridis: tuple[float, float]
    scale: float = 1.0

    def layers(self, n_layers: int) -> list[str]:
        """A colour for each layer, input to output, along one sequential scale."""
        places = np.linspace(*self.viridis, n_layers) * (len(_VIRIDIS) - 1)
        channels = [np.interp(places, np.arange(len(_VIRIDIS)), _VIRIDIS[:, c]) for c in range(3)]
        return ["#" + "".join(f"{round(value):02x}" for value in rgb) for rgb in zip(*channels, strict=True)]

    def classes(self, n_classes: int) -> list[str]:
        """A colour for each class of the data."""
        colours = (self.weight, self.delta, "#2B8A3E", "#7048E8", "#C2255C", "#8C5A00", "#0B7285", "#5C6675")
        if self.dark:
            colours = (self.weight, self.delta, "#69DB7C", "#B197FC", "#FF8FAB", "#FFC857", "#3BC9DB", "#9AA5B8")
        return [colours[index % len(colours)] for index in range(n_classes)]

    def ramp(self, colour: str) -> list[list[Any]]:
        """A colour scale from the background to one colour, for densities."""
        return [[0.0, fade(colour, 0.0)], [0.15, fade(colour, 0.35)], [1.0, colour]]

    def font(self, size: float = 13) -> dict[str, Any]:
        """Chart text in this style's size."""
        return {"family": FONT, "size": round(size * self.scale), "color": self.ink}

    def layout(self, name: str, **changes: Any) -> dict[str, Any]:
        """The layout that every chart starts from; `name` is the file name of its pictures."""
        axis = {
            "gridcolor": self.border,
            "linecolor": self.border,
            "zeroline": False,
            "automargin": True,
            "tickfont": self.font(12) | {"color": self.muted},
            "title": {"font": self.font(12) | {"color": self.muted}, "standoff": 6},
        }
        layout: dict[str, Any] = {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": self.font(),
            "margin": {"l": 8, "r": 12, "t": 34, "b": 8},
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": self.raised, "bordercolor": self.border, "font": self.font()},
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                **ABOVE,
                "font": self.font(12),
                "bgcolor": "rgba(0,0,0,0)",
            },
            "xaxis": axis,
            "yaxis": axis,
            "meta": {"name": name},
        }
        layout = merge(layout, changes)
        return layout | {name: self.ticked(each) for name, each in layout.items() if name[1:5] == "axis"}

    def ticked(self, axis: dict[str, Any]) -> dict[str, Any]:
        """The axis, with powers of ten as large as other ticks where it is logarithmic."""
        if axis.get("type") != "log":
            return axis
        return axis | {"tickfont": axis["tickfont"] | {"size": round(12 * self.scale / POWERS)}}


LIGHT = Style(
    dark=False,
    background="#FFFFFF",
    raised="#F4F6FA",
    border="#E1E6EF",
    control="#868E9C",
    ink="#1B2330",
    muted="#5C6675",
    primary="#3B5BDB",
    delta="#D9480F",
    weight="#1971C2",
    activation="#0B7285",
    theory="#6B7683",
    parts={"weights": "#7048E8", "skip": "#2B8A3E", "slope": "#0B7285", "normalization": "#8C5A00"},
    viridis=(0.0, 0.59),
)
DARK = Style(
    dark=True,
    background="#10141C",
    raised="#181E29",
    border="#2A3342",
    control="#667085",
    ink="#E6EAF2",
    muted="#8A94A6",
    primary="#8FA8FF",
    delta="#FF8A5B",
    weight="#5CC8FF",
    activation="#3BC9DB",
    theory="#9AA5B8",
    parts={"weights": "#B197FC", "skip": "#69DB7C", "slope": "#3BC9DB", "normalization": "#FFC857"},
    viridis=(0.34, 0.98),
)


DEEP, PALE = ("#0B3C6F", "#7A2704"), ("#BAD4ED", "#F4C8B7")
"""The ends of a scale with two ends, and what is next to its middle."""

DIVERGING: list[list[Any]] = [
    [0, DEEP[0]],
    [0.25, LIGHT.weight],
    [0.5, LIGHT.raised],
    [0.75, LIGHT.delta],
    [1, DEEP[1]],
]
"""A colour scale with two ends, ∂E/∂W's colour and δ's, and a pale middle: in both themes the middle is what shines."""


def parted(reach: float, limit: float) -> list[list[Any]]:
    """DIVERGING from -reach to reach, pale within ±limit and strong beyond: the eye counts what a threshold counts."""
    low, high = (0.5 * (1 + side * limit / reach) for side in (-1, 1))
    stops = [(low, PALE[0]), (0.5, LIGHT.raised), (high, PALE[1])]
    if reach > limit:
        stops = [(0, DEEP[0]), (low, LIGHT.weight), *stops, (high, LIGHT.delta), (1, DEEP[1])]
    return [[place, colour] for place, colour in stops]


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A new dict with nested dicts merged, the changes winning."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def fade(colour: str, opacity: float) -> str:
    """A hex colour with an opacity."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
