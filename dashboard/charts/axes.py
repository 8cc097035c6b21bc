"""Axes of layers, steps and magnitudes, and what of a measurement they can show."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.style import merge


def log_axis(title: str, **changes: Any) -> dict[str, Any]:
    """A logarithmic axis with one tick a decade, written as powers."""
    return merge(
        {"type": "log", "dtick": 1, "exponentformat": "power", "title": {"text": title}, "minor": {"ticks": ""}},
        changes,
    )


DECADES = 6
"""What an axis or a colour scale of gradients spans at least: else a healthy network looks like a sick one."""


def log_ticks(values: np.ndarray, least: float = 0) -> dict[str, Any]:
    """Range and tick distance of a log axis that shows these values: whole decades, at most about nine ticks.

    It spans `least` decades at least, downward from the largest value.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return {"range": [-1, 1], "dtick": 1}
    low, high = float(np.log10(positive.min())), float(np.log10(positive.max()))
    if high - low < least:
        high = float(np.ceil(high))
        low = min(low, high - least)
    if high - low < 2:
        low, high = float(np.floor(low)), float(np.ceil(high) if high > np.floor(low) else low + 1)
    margin = 0.04 * (high - low)
    return {
        "range": [low - margin, high + margin],
        "dtick": next((step for step in (1, 2, 5, 10, 20, 50) if high - low <= 9 * step), 100),
    }


SPANS = 100.0
"""Largest over first loss, or first over smallest, from which on its axis is logarithmic: the rest would be a flat line."""


FARTHEST = 1e4
"""Times its first value at which a loss leaves its axis: on its way out of the finite numbers the rest would be a flat line."""


def loss_axis(values: np.ndarray) -> dict[str, Any]:
    """The axis of losses (n_lines, n_steps): logarithmic where they are positive and span decades after the first step.

    It ends FARTHEST times above the first one.
    """
    finite, first = values[np.isfinite(values)], values[:, 0]
    began_at = first[np.isfinite(first)].max(initial=0.0)
    is_positive = finite.min(initial=np.inf) > 0 and began_at > 0
    if is_positive and (finite.max() / SPANS > began_at or finite.min() * SPANS < began_at):
        leaves = finite.max() > FARTHEST * began_at
        title = "loss, which goes on above" if leaves else "loss"
        return log_axis(title, **log_ticks(np.minimum(finite, FARTHEST * began_at)))
    return {"title": {"text": "loss"}}


def drawable(values: np.ndarray, log: bool = True) -> np.ndarray:
    """What an axis can show: on a log axis neither zeros nor infinities; they become gaps, which a chart names."""
    return np.where(np.isfinite(values) & ((values > 0) | (not log)), values, np.nan)


def shade_range(shades: np.ndarray, least: float = 0.5) -> tuple[float, float]:
    """Ends of a colour scale for these shades, at least half a unit apart: rounding must not look like structure.

    Where they are to be further apart, the lower end gives way: the largest stays bright.
    """
    finite = shades[np.isfinite(shades)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if least > 0.5:
        return min(low, high - least), high
    middle = 0.5 * (low + high)
    return (middle - 0.25, middle + 0.25) if high - low < 0.5 else (low, high)


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


def layers_along(axis: str, n_layers: int) -> dict[str, Any]:
    """A layout's `meta`: layers 1 ... n_layers lie along this axis ("x" or "y"), so that one of them can be marked."""
    return {"layers": n_layers, "along": axis}


def step_axis(steps: np.ndarray, **changes: Any) -> dict[str, Any]:
    """An axis of training steps, which are whole numbers."""
    few = {"dtick": 1} if steps[-1] - steps[0] < 10 else {}
    return merge({"title": {"text": "step"}} | few, changes)


EDGE = 0.004
"""Room beside the first and the last step, as a share of all: the line that marks one of them is seen whole."""


def all_steps(steps: np.ndarray, *, cells: bool = False) -> dict[str, Any]:
    """What makes `step_axis` show these steps and no more, wherever the line stands that marks one: lines, or `cells`.

    A single step is left to plotly.js.
    """
    if len(steps) < 2:
        return {}
    room = EDGE * (steps[-1] - steps[0])
    before, after = (0.5 * (steps[1] - steps[0]), 0.5 * (steps[-1] - steps[-2])) if cells else (0, 0)
    return {"range": [float(steps[0] - before - room), float(steps[-1] + after + room)]}
