"""A factor split into its causes: stacked bars over depth, and their sum as a line."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.marks import line
from dashboard.charts.style import Figure, Style
from nncore import Measurement

PATTERNS = {"weights": "/", "skip": ".", "slope": "", "normalization": "x", "other": "."}
"""Part -> the pattern over its bars' colour."""

ALWAYS = ("weights", "slope")
"""Parts that every network has."""


def existing(measured: Measurement, parts: tuple[str, ...]) -> list[str]:
    """The parts that the network has: a part without effect anywhere is not drawn."""
    return [part for part in parts if part in ALWAYS or np.nan_to_num(measured[part]).any()]


def stacked(
    name: str,
    places: np.ndarray,
    measured: Measurement,
    parts: list[str],
    whole: tuple[str, str],
    where: str,
    style: Style,
    **layout: Any,
) -> Figure:
    """log10 of each place's factor as stacked bars, one colour and pattern a part, and their sum, `total`, as a line.

    `whole` is the line's (name, hover), `where` says in the bars' hovers at which place one is.
    """
    colours = {**style.parts, "other": style.muted}
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": places,
            "y": measured[part],
            "name": part,
            "marker": {
                "color": colours[part],
                "pattern": {
                    "shape": PATTERNS[part],
                    "fillmode": "overlay",
                    "fgcolor": style.background,
                    "fgopacity": 0.75,
                    "size": 6,
                    "solidity": 0.3,
                },
                "line": {"width": 0},
            },
            "hovertemplate": f"{where}<br>{part} 10<sup>%{{y:.3f}}</sup><extra></extra>",
        }
        for part in parts
    ]
    title, hover = whole
    traces.append(line(places, measured["total"], title, style.ink, hover, width=1.5, symbol="circle", size=6))
    return {
        "data": traces,
        "layout": style.layout(
            name,
            barmode="relative",
            bargap=0.15,
            yaxis={"title": {"text": "decades"}, "zeroline": True, "zerolinecolor": style.muted, "nticks": 7},
            **layout,
        ),
    }
