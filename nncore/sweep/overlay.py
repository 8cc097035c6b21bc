"""What theory draws over a map of runs: the depth that a gradient survives, and the line between the phases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.model.activations import Activation
from nncore.model.layout import Array
from nncore.sweep.axes import WIDTH, apply_axes, as_coordinate
from nncore.theory import TRAINABLE_DEPTH, critical_line, phase_diagram, standing
from nncore.theory.of_config import SAME_UNITS

POINTS = 81
"""Along an axis of numbers."""

NEEDED_DEPTH = 3
"""Hidden layers from which variances of layers behind the first can be read off a config."""

SIGMA_AXES = {"sigma_w2": ("sigma_b2", "bias_std"), "gain": ("sigma_b2", "bias_std")}
"""Axes of weight variance, each with the axes of bias variance beside which the critical line is drawn."""

Curve = tuple[str, np.ndarray, np.ndarray]
"""(what it is, x, y)."""


def theory_curves(base: RunConfig, x: tuple[str, tuple[Any, ...]], y: tuple[str, tuple[Any, ...]]) -> list[Curve]:
    """The curves that theory has for a map of these two axes, (name, values) each; [] where it has none.

    Beside depth: 6 ξ, ξ = 1 / |ln χ₁| layers, the depth to which |δ|² keeps e^-6 of itself, or grows by e^6, at
    each value of the other axis; NaN where that is beyond the map. For weight against bias variance: the critical
    line χ₁ = 1. Of the base's activations the first is taken; normalization and skip connections have other laws,
    and no curve is drawn. Source: Schoenholz et al. 2017.

    >>> base = RunConfig(hidden=(32,) * 4, activation="tanh", init="xavier_normal")
    >>> [(label, x, y)] = theory_curves(base, ("gain", (0.5, 0.75)), ("depth", (1, 2, 30)))
    >>> label, round(float(y[0]), 1)
    ('6 ξ, depth that trains', 4.3)
    """
    if base.normalization != "none" or base.skip or not (_ascends(x[1]) and _ascends(y[1])):
        return []
    try:
        if "depth" in (x[0], y[0]):
            other, depths = (x, y) if y[0] == "depth" else (y, x)
            at, deep = _depths(base, *other)
            deep = np.where((deep >= depths[1][0]) & (deep <= depths[1][-1]), deep, np.nan)
            if np.isnan(deep).all():
                return []
            label = f"{TRAINABLE_DEPTH:g} ξ, depth that trains"
            return [(label, at, deep)] if y[0] == "depth" else [(label, deep, at)]
        for weight, bias in ((x, y), (y, x)):
            if bias[0] in SIGMA_AXES.get(weight[0], ()):
                along, across = _critical(base, weight, bias)
                return [("χ₁ = 1", *((along, across) if weight is x else (across, along)))] if len(along) else []
    except ValueError:  # an initializer without randomness, a combination that does not go together
        pass
    return []


def _depths(base: RunConfig, name: str, values: tuple[Any, ...]) -> tuple[np.ndarray, Array]:
    """(values of the axis, TRAINABLE_DEPTH depth scales at each), NaN where there is none."""
    numbers = not isinstance(values[0], (str, tuple, bool)) and name != "width"
    at: list[Any] = list(_between(values)) if numbers else list(values)
    width = base.hidden[0] if base.hidden else WIDTH
    deep = base.replace(hidden=(width,) * max(base.depth, NEEDED_DEPTH))
    found = np.full(len(at), np.nan)
    points: dict[str, list[tuple[int, float, float]]] = {}
    functions: dict[str, Activation] = {}
    for place, value in enumerate(at):
        try:
            config = apply_axes(deep, {name: value})
            point = standing(config).point
        except ValueError:  # an initializer without its scale, a name that does not go with the rest
            continue
        phi = config.activations()[0]
        if point is not None and config.normalization == "none" and config.init not in SAME_UNITS:
            functions[repr(phi)] = phi
            points.setdefault(repr(phi), []).append((place, *point))
    for phi_name, standings in points.items():
        places, sigma_w2, sigma_b2 = (np.array(each) for each in zip(*standings, strict=True))
        chi = phase_diagram(functions[phi_name], sigma_w2, sigma_b2).chi_1
        with np.errstate(divide="ignore"):
            found[places.astype(np.int64)] = TRAINABLE_DEPTH / np.abs(np.log(chi))
    return np.array([as_coordinate(value) for value in at]), found


def _critical(
    base: RunConfig, weight: tuple[str, tuple[Any, ...]], bias: tuple[str, tuple[Any, ...]]
) -> tuple[Array, Array]:
    """The critical line in the coordinates of two axes, cut to what they span."""
    line = critical_line(base.activations()[0], np.geomspace(1e-6, 1e4, 2001))
    sigma_w2, sigma_b2 = (np.where(line.admissible, each, np.nan) for each in (line.sigma_w2, line.sigma_b2))
    if weight[0] == "gain":
        point = standing(base.replace(gain=1.0, hidden=base.hidden or (WIDTH,) * NEEDED_DEPTH)).point
        if point is None or not point[0] > 0:
            return np.empty(0), np.empty(0)
        sigma_w2 = np.sqrt(sigma_w2 / point[0])
    if bias[0] == "bias_std":
        sigma_b2 = np.sqrt(sigma_b2)
    within = (
        (sigma_w2 >= weight[1][0]) & (sigma_w2 <= weight[1][-1]) & (sigma_b2 >= bias[1][0]) & (sigma_b2 <= bias[1][-1])
    )
    return (sigma_w2[within], sigma_b2[within]) if within.any() else (np.empty(0), np.empty(0))


def _between(values: tuple[Any, ...]) -> Array:
    low, high = float(min(values)), float(max(values))
    return np.geomspace(low, high, POINTS) if is_geometric(values) else np.linspace(low, high, POINTS)


def _ascends(values: tuple[Any, ...]) -> bool:
    """Are these names, or numbers that grow?"""
    if any(value is None or isinstance(value, bool) for value in values):
        return False
    return isinstance(values[0], (str, tuple)) or all(a < b for a, b in pairwise(values))


def is_geometric(values: Sequence[float] | np.ndarray) -> bool:
    """Do these ascending numbers grow by a factor from one to the next, rather than by a difference?

    >>> is_geometric([1, 2, 4, 8]), is_geometric([1, 2, 3, 4]), is_geometric([0, 1, 10])
    (True, False, False)
    """
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 3 or numbers.min() <= 0:
        return False
    ratios, differences = np.diff(np.log(numbers)), np.diff(numbers)
    return bool(np.std(ratios) / np.mean(ratios) < np.std(differences) / np.mean(differences))
