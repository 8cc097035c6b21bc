"""Points of several classes and a function, drawn by hand: kept as a list, and turned into a table like a file's."""

from __future__ import annotations

import numpy as np

from nncore import DATASETS

Point = tuple[float, float, str]
Knot = tuple[float, float]

CLASSES = ("A", "B", "C", "D")

REACH = 3.0
"""The canvas shows -3 to 3 in both directions."""

MOST = 1000
"""Points that may be drawn."""

CURVE_ROWS = 120

POINT_STARTS = {"Moons": "moons", "Circles": "circles", "XOR": "xor", "Spiral": "spiral", "Blobs": "blobs"}
"""Starting points by the data set that they are taken from."""

CURVE_STARTS = {
    "Sine": lambda x: np.sin(1.5 * x),
    "Step": lambda x: np.where(x > 0, 1.0, -1.0),
    "Bump": lambda x: 2.0 * np.exp(-(x**2)) - 1.0,
    "Line": lambda x: x,
}


def starting_points(name: str) -> list[Point]:
    """A few points of a toy problem, on the canvas's scale."""
    n = 60 if name == "Spiral" else 24
    x, y = DATASETS[POINT_STARTS[name]].make(np.random.default_rng(0), n, 0.05, 3)
    scale = {"Moons": 1.4, "Circles": 2.0, "Blobs": 1.0}.get(name, 2.2)
    x = scale * (x - (np.array([0.5, 0.25]) if name == "Moons" else 0.0))
    return [(round(float(a), 2), round(float(b), 2), CLASSES[label]) for (a, b), label in zip(x, y, strict=True)]


def starting_knots(name: str) -> list[Knot]:
    """Nine places of a function."""
    x = np.linspace(-REACH, REACH, 9) * 0.9
    return [(round(float(a), 2), round(float(b), 2)) for a, b in zip(x, CURVE_STARTS[name](x), strict=True)]


def with_knot(knots: list[Knot], x: float, y: float) -> list[Knot]:
    """The knots with one more, in order of x; a function has one value at each x, the newest."""
    return sorted([*(knot for knot in knots if abs(knot[0] - x) > 1e-9), (x, y)])


def curve(knots: list[Knot]) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) on an even grid between the first and the last knot: smooth, and never beyond the knots' values.

    Piecewise cubic, monotone between knots (Fritsch & Carlson, SIAM J. Numer. Anal. 17, 1980).
    """
    from scipy.interpolate import PchipInterpolator

    places, values = np.array(knots).T
    x = np.linspace(places[0], places[-1], CURVE_ROWS)
    return x, PchipInterpolator(places, values)(x)


def points_csv(points: list[Point]) -> bytes:
    """The points as the CSV that the table is read from."""
    return "".join(["x1,x2,class\n", *(f"{x1!r},{x2!r},{name}\n" for x1, x2, name in points)]).encode()


def curve_csv(knots: list[Knot]) -> bytes:
    """The function's values as the CSV that the table is read from."""
    rows = (f"{float(f'{x:.6g}')!r},{float(f'{y:.6g}')!r}\n" for x, y in zip(*curve(knots), strict=True))
    return "".join(["x,y\n", *rows]).encode()
