"""A card of HTML for a notebook: a title, lines of words, a small curve; in the colours of the page around it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import ArrayLike

WIDTH, HEIGHT = 280, 56

MOST_POINTS = 140

LOG_DECADES = 1.5
"""Positive values that span so many decades are drawn on a log axis."""


def card(title: str, lines: Iterable[str], curve: str = "") -> str:
    """A title, lines beneath it, and beside them a curve; all of it text, nothing of it markup but the curve."""
    said = "".join(f'<div style="margin:2px 0">{escape(line)}</div>' for line in lines if line)
    return (
        '<div style="display:flex;gap:24px;align-items:center;flex-wrap:wrap;border:1px solid rgba(128,128,128,.35);'
        'border-radius:8px;padding:8px 14px;max-width:860px;font-family:system-ui,sans-serif;font-size:13px">'
        f'<div style="flex:1 1 320px;overflow-wrap:anywhere"><b>{escape(title)}</b>{said}</div>{curve}</div>'
    )


def curve(values: ArrayLike, label: str, dotted: ArrayLike | None = None) -> str:
    """A small line chart of values (n,), and of others to compare with; "" where fewer than two are finite.

    Logarithmic where positive values span LOG_DECADES; gaps stand where a value is not finite.
    """
    values = np.asarray(values, np.float64)
    both = values if dotted is None else np.concatenate([values, np.asarray(dotted, np.float64)])
    finite = both[np.isfinite(both)]
    if np.count_nonzero(np.isfinite(values)) < 2:
        return ""
    log = finite.min() > 0 and np.log10(finite.max() / finite.min()) > LOG_DECADES
    low, high = (np.log10(finite.min()), np.log10(finite.max())) if log else (finite.min(), finite.max())
    lines = [(values, "1.8", "")] + ([] if dotted is None else [(np.asarray(dotted, np.float64), "1", "2 3")])
    drawn = "".join(
        f'<path d="{_path(each, log, low, high)}" fill="none" stroke="currentColor" stroke-width="{width}" '
        f'stroke-dasharray="{dash}"/>'
        for each, width, dash in reversed(lines)
    )
    ends = f"{label}{' (log)' if log else ''}: {_number(values[0])} → {_number(values[-1])}"
    return (
        f'<figure style="margin:0"><svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(ends)}">{drawn}</svg><figcaption style="font-size:12px;opacity:.75">{escape(ends)}'
        "</figcaption></figure>"
    )


def _path(values: np.ndarray, log: bool, low: float, high: float) -> str:
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).round().astype(int))
    with np.errstate(all="ignore"):
        heights = np.log10(values[places]) if log else values[places]
    parts, pen = [], "M"
    for place, height in zip(places.tolist(), heights.tolist(), strict=True):
        if not np.isfinite(height):
            pen = "M"
            continue
        x = 2 + (WIDTH - 4) * place / max(len(values) - 1, 1)
        y = HEIGHT - 3 - (HEIGHT - 6) * ((height - low) / (high - low) if high > low else 0.5)
        parts.append(f"{pen}{x:.1f},{y:.1f}")
        pen = "L"
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:.3g}"
