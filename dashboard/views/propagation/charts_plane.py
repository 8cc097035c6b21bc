"""The phase diagram: ordered and chaotic phase, depth scales, the critical line, and where the network stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.style import Figure, Style, fade
from dashboard.charts.text import Text
from nncore import Measurement
from nncore.theory import TRAINABLE_DEPTH

PHASES = Text(
    "Phase diagram",
    "what depth does to a signal",
    "Colour fades towards the critical line: near it a gradient survives many layers. The dotted lines carry their ξ, a number of layers: |δ|² "
    f"changes by a factor e over ξ layers, and networks much deeper than {TRAINABLE_DEPTH} ξ hardly train (Schoenholz et al. 2017). Click anywhere "
    "to start the network there.",
)
NO_PHASES = (
    "The slope of this activation is 0 wherever it exists: there is no χ₁, no depth scale and no line. Click anywhere to start "
    "the network there."
)

REACH = 2.5
"""Depth scales from 10^2.5 layers on are drawn as the critical line's surroundings."""

JUMP = 1.2
"""A change of `_nearness` between neighbours that is a jump of q*, across which no contour runs."""

LEVELS = {2.0: "3", 1.5: "10", 0.5: "100", 1.0: "30"}
"""Contour of `_nearness` -> its depth scale in layers."""


def phase_diagram(
    measured: Measurement,
    curve: tuple[np.ndarray, np.ndarray],
    here: tuple[float, float] | None,
    chosen: tuple[float, float],
    style: Style,
) -> Figure:
    """The plane of (sigma_w2, sigma_b2): phases, depth scales, the critical line, this network and the chosen point.

    sigma_w2 is on a log axis where the measurement's columns begin above 0.
    """
    w, b = measured.axes["sigma_w2"], measured.axes["sigma_b2"]
    is_log = bool(w[0] > 0)
    along = _along(w, is_log)
    chi = measured["chi_1"]
    with np.errstate(divide="ignore"):
        rate = np.where(np.isnan(chi), np.inf, np.log(chi))
    ordered, chaotic = style.weight, style.delta
    numbers = np.stack([measured["q_star"], chi, measured["depth_scale"]], axis=-1).astype(np.float32)
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": w,
            "y": b,
            "z": (np.sign(rate) * np.sqrt(np.minimum(np.abs(rate), 1.0))).astype(np.float32),
            "zmin": -1,
            "zmax": 1,
            "colorscale": [
                [0.0, fade(ordered, 0.6)],
                [0.5, fade(ordered, 0.04)],
                [0.5, fade(chaotic, 0.04)],
                [1.0, fade(chaotic, 0.6)],
            ],
            "showscale": False,
            "customdata": numbers,
            "hovertemplate": "σ_w² = %{x:.3g}, σ_b² = %{y:.3g}<br>χ₁ = %{customdata[1]:.3g}, ξ = %{customdata[2]:.3g} layers"
            "<br>q* = %{customdata[0]:.3g}<extra>click to go there</extra>",
        }
    ]
    annotations = []
    if np.isfinite(chi).any():
        nearness = _nearness(rate).astype(np.float32)
        jump = np.abs(np.diff(nearness, axis=1)) > JUMP
        broken = np.where(np.pad(jump, ((0, 0), (1, 0))) | np.pad(jump, ((0, 0), (0, 1))), np.float32(np.nan), nearness)
        nearest = 1.5 if is_log else 0.5  # on a log axis the others lie on the line
        for sign in (-1, 1):
            traces.append(
                {
                    "type": "contour",
                    "x": w,
                    "y": b,
                    "z": broken,
                    "contours": {
                        "coloring": "none",
                        "start": min(nearest * sign, 2.0 * sign),
                        "end": max(nearest * sign, 2.0 * sign),
                        "size": 0.5,
                    },
                    "line": {"color": style.muted, "width": 1.2, "dash": "dot"},
                    "hoverinfo": "skip",
                    "showscale": False,
                    "showlegend": False,
                }
            )
        annotations += _level_labels(along, b, nearness, style)
    line = [_line_label((_along(curve[0], is_log), curve[1]), along, style)] if len(curve[0]) else []
    annotations += line
    points = [(float(_along(point[0], is_log)), point[1]) for point in (here, chosen) if point]
    annotations += _phase_labels(along, b, rate, points, line, 0.13 if is_log else 0.24, style)
    if len(curve[0]):
        traces.append(
            {
                "type": "scatter",
                "x": curve[0],
                "y": curve[1],
                "mode": "lines" if len(curve[0]) > 1 else "markers",
                "name": "critical line" if len(curve[0]) > 1 else "critical point",
                "line": {"color": style.ink, "width": 3},
                "marker": {"color": style.ink, "size": 20, "symbol": "star"},
                "hoverinfo": "skip",
                "cliponaxis": False,
                "showlegend": False,
            }
        )
    left, right, top = float(w[0]), float(w[-1]), float(b[-1])
    for point, name, symbol, colour, size in (
        (chosen, "chosen point", "circle-open", style.ink, 15),
        (here, "you are here", "circle", style.primary, 13),
    ):
        if point is None or (name == "chosen point" and here is not None and np.allclose(point, here)):
            continue
        inside = left * 0.9999 <= point[0] <= right * 1.0001 and point[1] <= top * 1.0001
        if inside:
            traces.append(_dot(point, name, symbol, colour, size, style))
        x = float(_along(np.clip(point[0], left, right), is_log))
        annotations.append(_pointer(point, name, (x, along, top), inside, colour, style))
    return {
        "data": traces,
        "layout": style.layout(
            "phase_diagram",
            xaxis={
                "title": {"text": "σ<sub>w</sub>²: fan-in × variance of a weight"},
                "range": [float(along[0]), float(along[-1])],
                "showgrid": False,
                **({"type": "log", "dtick": 1, "exponentformat": "power"} if is_log else {}),
            },
            yaxis={
                "title": {"text": "σ<sub>b</sub>²: variance of a bias"},
                "range": [-0.02 * top, 1.005 * top],
                "showgrid": False,
            },
            annotations=annotations,
            uirevision=f"{left:g} {right:g} {top:g}",
            margin={"t": 30},
        ),
    }


def _along(w: np.ndarray | float, is_log: bool) -> np.ndarray:
    """Where values of sigma_w2 lie along their axis, as plotly.js counts there: a log axis counts decades."""
    with np.errstate(divide="ignore"):
        return np.log10(w) if is_log else np.asarray(w)


def _nearness(rate: np.ndarray) -> np.ndarray:
    """Signed, 0 within 10^2.5 layers of critical, then one half for each half decade of depth scale less."""
    with np.errstate(divide="ignore"):
        return np.sign(rate) * np.clip(REACH + np.log10(np.abs(rate)), 0.0, 4.0)


def _level_labels(w: np.ndarray, b: np.ndarray, nearness: np.ndarray, style: Style) -> list[dict[str, Any]]:
    """The contours' depth scales, written where they cross a row near the top."""
    row = int(0.94 * (len(b) - 1))
    along = nearness[row]
    labels: list[dict[str, Any]] = []
    for sign in (-1, 1):
        for level, text in LEVELS.items():
            beyond = along - sign * level
            crossings = np.flatnonzero(np.sign(beyond[:-1]) * np.sign(beyond[1:]) < 0)
            if not len(crossings):
                continue
            at = int(crossings[0])
            if abs(float(along[at + 1] - along[at])) > JUMP:  # a jump of q*, not a gradual crossing
                continue
            x = w[at] + (w[at + 1] - w[at]) * beyond[at] / (beyond[at] - beyond[at + 1])
            if any(abs(label["x"] - x) < 0.075 * (w[-1] - w[0]) for label in labels):
                continue
            labels.append(
                {
                    "x": float(x),
                    "y": float(b[row]),
                    "text": text if labels else f"ξ {text}",
                    "showarrow": False,
                    "font": style.font(11) | {"color": style.ink},
                    "bgcolor": fade(style.background, 0.75),
                    "borderpad": 1,
                }
            )
    return labels


def _line_label(curve: tuple[np.ndarray, np.ndarray], w: np.ndarray, style: Style) -> dict[str, Any]:
    """The critical line's name beside its middle, or the critical point's above it."""
    is_line = len(curve[0]) > 1
    at = int(np.argmin(np.abs(curve[1] - 0.6 * curve[1].max())))
    to_left = not is_line or curve[0][at] > w[0] + 0.55 * (w[-1] - w[0])
    return {
        "x": float(curve[0][at]),
        "y": float(curve[1][at]),
        "text": "critical line" if is_line else "critical point",
        "showarrow": True,
        "arrowhead": 0,
        "arrowcolor": style.ink,
        "standoff": 3 if is_line else 10,
        "ax": -30 if to_left else 30,
        "ay": (-18 if to_left else 22) if is_line else -46,
        "xanchor": "right" if to_left else "left",
        "font": style.font(13),
        "bgcolor": fade(style.background, 0.8),
    }


def _phase_labels(
    w: np.ndarray,
    b: np.ndarray,
    rate: np.ndarray,
    points: list[tuple[float, float]],
    labelled: list[dict[str, Any]],
    edge: float,
    style: Style,
) -> list[dict[str, Any]]:
    """Each phase's name in the middle of its widest place, away from the points, other labels and `edge` of the axis."""
    from scipy.ndimage import distance_transform_edt

    labels = []
    wide = w[-1] - w[0]
    free = np.broadcast_to((w >= w[0] + edge * wide) & (w <= w[-1] - edge * wide), rate.shape).copy()
    for label in labelled:
        free &= (np.abs(b - label["y"]) > 0.14 * b[-1])[:, None]
    for x, y in points:
        near_x, near_y = w - x, b - y
        free &= ~(
            ((near_x > -0.1 * wide) & (near_x < 0.45 * wide))[None, :]
            & ((near_y > -0.05 * b[-1]) & (near_y < 0.2 * b[-1]))[:, None]
        )
    for name, effect, mask in (
        ("ordered", "gradients vanish", rate < -1e-9),
        ("chaotic", "gradients explode" if np.isfinite(rate).any() else "no gradient passes", rate > 1e-9),
    ):
        if mask.mean() < 0.04:
            continue
        room = distance_transform_edt(np.pad(mask, 1), sampling=(len(w) / len(b), 1.0))[1:-1, 1:-1]
        room = np.where(free, room, 1e-3 * room)
        row, column = np.unravel_index(int(np.argmax(room)), room.shape)
        free &= (np.abs(b - b[row]) > 0.14 * b[-1])[:, None]
        labels.append(
            {
                "x": float(w[column]),
                "y": float(b[row]),
                "text": f"<b>{name}</b><br>{'<br>'.join(effect.rsplit(' ', 1))}",
                "showarrow": False,
                "font": style.font(14),
            }
        )
    return labels


def _dot(point: tuple[float, float], name: str, symbol: str, colour: str, size: int, style: Style) -> dict[str, Any]:
    edge = style.background if symbol == "circle" else colour
    return {
        "type": "scatter",
        "x": np.array([point[0]]),
        "y": np.array([point[1]]),
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "size": size, "symbol": symbol, "line": {"color": edge, "width": 2}},
        "hovertemplate": f"{name}<br>σ_w² = %{{x:.4g}}, σ_b² = %{{y:.4g}}<extra></extra>",
        "cliponaxis": False,
        "showlegend": False,
    }


def _pointer(
    point: tuple[float, float],
    name: str,
    place: tuple[float, np.ndarray, float],
    inside: bool,
    colour: str,
    style: Style,
) -> dict[str, Any]:
    """Words beside a dot, or at the edge an arrow towards a dot outside. `place`: (x along its axis, that axis, top)."""
    x, w, top = place
    y = min(point[1], top)
    to_left = x > w[0] + 0.6 * (w[-1] - w[0])
    label = {
        "x": x,
        "y": y,
        "text": name if inside else f"{name}: σ_w² = {point[0]:.3g}, σ_b² = {point[1]:.3g}",
        "showarrow": True,
        "arrowcolor": colour,
        "arrowwidth": 1.5,
        "standoff": 8 if inside else 0,
        "arrowhead": 0 if inside else 2,
        "ax": -34 if to_left else 34,
        "ay": 34 if y > 0.75 * top else -30,
        "xanchor": "right" if to_left else "left",
        "font": style.font(13) | {"color": style.ink},
        "bgcolor": fade(style.background, 0.8),
    }
    return label
