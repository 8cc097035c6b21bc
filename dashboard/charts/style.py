"""One look for every chart: two palettes, one figure layout, one colour scale for layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from dashboard.state.session import peek

Figure = dict[str, Any]

FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"
CIVIDIS = "Cividis"

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

    `parts`: a colour for each part of the gradient ledger.
    """

    dark: bool
    background: str
    raised: str
    border: str
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

    @property
    def diverging(self) -> list[list[Any]]:
        """A colour scale with two ends, ∂E/∂W's colour and δ's, and the background's raised tone in the middle."""
        deep = ("#C9EEFF", "#FFD9C8") if self.dark else ("#0B3C6F", "#7A2704")
        colours = (deep[0], self.weight, self.raised, self.delta, deep[1])
        return [[place, colour] for place, colour in zip((0, 0.25, 0.5, 0.75, 1), colours, strict=True)]

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
                "y": 1.02,
                "yanchor": "bottom",
                "font": self.font(12),
                "bgcolor": "rgba(0,0,0,0)",
            },
            "xaxis": axis,
            "yaxis": axis,
            "meta": {"name": name},
        }
        return merge(layout, changes)


LIGHT = Style(
    dark=False,
    background="#FFFFFF",
    raised="#F4F6FA",
    border="#E1E6EF",
    ink="#1B2330",
    muted="#5C6675",
    primary="#3B5BDB",
    delta="#D9480F",
    weight="#1971C2",
    activation="#0B7285",
    theory="#6B7683",
    parts={"weights": "#7048E8", "skip": "#2B8A3E", "slope": "#0B7285", "normalization": "#8C5A00"},
    viridis=(0.0, 0.88),
)
DARK = Style(
    dark=True,
    background="#10141C",
    raised="#181E29",
    border="#2A3342",
    ink="#E6EAF2",
    muted="#8A94A6",
    primary="#8FA8FF",
    delta="#FF8A5B",
    weight="#5CC8FF",
    activation="#3BC9DB",
    theory="#9AA5B8",
    parts={"weights": "#B197FC", "skip": "#69DB7C", "slope": "#3BC9DB", "normalization": "#FFC857"},
    viridis=(0.12, 0.98),
)

LARGE_TYPE = 1.35
LARGE_KEY = "large"


def current() -> Style:
    """The style of the reader's theme, in large type when the page is projected."""
    style = DARK if st.context.theme.type == "dark" else LIGHT
    return replace(style, scale=LARGE_TYPE) if is_large() else style


def is_large() -> bool:
    """Is the page in large type?"""
    return peek(LARGE_KEY, False)


def page() -> None:
    """What the theme cannot say: margins, a phone's pairs of metrics and rows of steps, large text (all sizes are rem)."""
    size = f"html {{ font-size: {16 * LARGE_TYPE:g}px; }}" if is_large() else ""
    margins = "@media (min-width: 768px) { .stMainBlockContainer { padding-left: 2rem; padding-right: 2rem; } }"
    # Streamlit writes white on the primary colour, which is too pale for that in the dark.
    filled = '[data-testid="stBaseButton-primary"], [data-tag], [data-tag] button'
    phone = (
        "@media (max-width: 640px) {"
        " .st-key-numbers .stColumn { min-width: calc(50% - 0.5rem); flex: 1 1 calc(50% - 0.5rem); }"
        " .st-key-step_row > :first-child { flex: 1 1 100%; } }"
    )
    paper = current().background  # the player's bar covers what scrolls by below it
    bar = f".nncore-playing .st-key-step_row {{ background: {paper}; box-shadow: 0 0 0 0.5rem {paper}; }}"
    sidebar = "[data-testid=stSidebarHeader] { height: 2.25rem; }"
    buttons = f"{filled} {{ color: {DARK.background}; }}" if current().dark else ""
    st.html(f"<style>{margins} {sidebar} {bar} {phone} {size} {buttons}</style>")


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


def log_axis(title: str, **changes: Any) -> dict[str, Any]:
    """A logarithmic axis with one tick a decade, written as powers."""
    return merge(
        {"type": "log", "dtick": 1, "exponentformat": "power", "title": {"text": title}, "minor": {"ticks": ""}},
        changes,
    )


def log_ticks(values: np.ndarray) -> dict[str, Any]:
    """Range and tick distance of a log axis that shows these values: whole decades, at most about nine ticks."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return {"range": [-1, 1], "dtick": 1}
    low, high = float(np.log10(positive.min())), float(np.log10(positive.max()))
    if high - low < 2:
        low, high = float(np.floor(low)), float(np.ceil(high) if high > np.floor(low) else low + 1)
    margin = 0.04 * (high - low)
    return {
        "range": [low - margin, high + margin],
        "dtick": next((step for step in (1, 2, 5, 10, 20, 50) if high - low <= 9 * step), 100),
    }


def drawable(values: np.ndarray, log: bool = True) -> np.ndarray:
    """What an axis can show: on a log axis neither zeros nor infinities; they become gaps, which a chart names."""
    return np.where(np.isfinite(values) & ((values > 0) | (not log)), values, np.nan)


def shade_range(shades: np.ndarray) -> tuple[float, float]:
    """Ends of a colour scale for these shades, at least half a unit apart: rounding must not look like structure."""
    finite = shades[np.isfinite(shades)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    middle = 0.5 * (low + high)
    return (middle - 0.25, middle + 0.25) if high - low < 0.5 else (low, high)


def corner_notes(notes: list[tuple[str, str]], style: Style, bottom: float) -> list[dict[str, Any]]:
    """Lines of text (text, colour), a line's height over each other; the lowest at a share of the chart's height."""
    return [
        {
            "text": text,
            "font": style.font(12) | {"color": colour},
            "showarrow": False,
            "xref": "paper",
            "yref": "paper",
            "x": 0.01,
            "y": bottom,
            "yshift": round(18 * style.scale) * place,
            "xanchor": "left",
            "yanchor": "bottom",
            "bgcolor": style.background,
        }
        for place, (text, colour) in enumerate(notes)
    ]


def layer_axis(n_layers: int, title: str = "layer (input → output)", **changes: Any) -> dict[str, Any]:
    """An axis of whole layers 1 ... n_layers, at most about sixteen of them labelled."""
    step = max(1, int(np.ceil(n_layers / 16)))
    ticks = np.arange(1, n_layers + 1, step)
    return merge(
        {
            "title": {"text": title},
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [str(tick) for tick in ticks],
            "range": [0.5, n_layers + 0.5],
        },
        changes,
    )


def step_axis(steps: np.ndarray, **changes: Any) -> dict[str, Any]:
    """An axis of training steps, which are whole numbers."""
    few = {"dtick": 1} if steps[-1] - steps[0] < 10 else {}
    return merge({"title": {"text": "step"}} | few, changes)


def number(value: float) -> str:
    """A magnitude in words: 3.2e-09, 0.0427, 12.5; a zero that is exact says so.

    >>> [number(v) for v in (3.21e-9, 0.0427, 12.53, 0.0, float("inf"))]
    ['3.2e-09', '0.0427', '12.5', 'exactly 0', '∞']
    """
    if np.isnan(value):
        return "undefined"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "exactly 0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{value:.1e}"


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is, whatever stands in it.

    >>> print(escape("[a](b) *c*"))
    \[a\](b) \*c\*
    """
    return re.sub(r"([\\`*_\[\]<>#|~$:!&])", r"\\\1", text)


def percent(share: float) -> str:
    """A share as a percentage with as many digits as say something: 24 %, 0.31 %, 111 %."""
    if not np.isfinite(share):
        return "undefined"
    if share == 0:
        return "0\u00a0%"
    size = abs(100 * share)
    if size < 0.01 or size >= 1e4:
        return f"{100 * share:.1e}\u00a0%"
    return f"{100 * share:.0f}\u00a0%" if size >= 1 else f"{100 * share:.2g}\u00a0%"


def label(name: str, longest: int = 24) -> str:
    """Somebody's own name as a label: short, and without the markup that a chart would follow."""
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "＄")


def unbroken(words: str) -> str:
    """Words in which a percentage stays on one line with its sign."""
    return words.replace(" %", "\u00a0%")
