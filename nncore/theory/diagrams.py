"""What is drawn of signal propagation: the phase diagram, the maps of q and c with their staircases, chi against gain."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from nncore.config.run_config import RunConfig
from nncore.measures.measurement import Measurement
from nncore.model.activations import Activation
from nncore.theory.criticality import CriticalLine, critical_line, critical_point, critical_sigma_w2
from nncore.theory.moments import Array, as_activation
from nncore.theory.of_config import standing
from nncore.theory.propagation import Q_HIGH, Q_LOW, c_map, chi_1, fixed_point, phase_diagram, q_map

COLUMNS, ROWS = 101, 51
"""Points of a phase diagram along sigma_w2 and sigma_b2."""

MAP_POINTS, GAINS = 121, 201
SETTLED = 1e-6
"""A staircase that moves by less than this share of its range has arrived."""

_LINE_Q = np.concatenate([[0.0], np.geomspace(1e-4, 1e6, 1500)])
_NICE = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])


def extent(activation: str | Activation) -> tuple[float, float]:
    """(largest sigma_w2, largest sigma_b2) of a diagram that shows where this activation's phases meet.

    Two to four times the critical sigma_w2, and the sigma_b2 at which its line is three quarters through, or
    four times that of a half-stable point; 4 and 1 where there is no line.

    >>> extent("tanh"), extent("relu"), extent("sigmoid")[0]
    ((4.0, 1.0), (4.0, 1.0), 250.0)
    """
    function = as_activation(activation)
    point = critical_point(function) or critical_point(function, "double")
    if point is None:
        return 4.0, 1.0
    right = nice(min(4 * point.sigma_w2, max(2 * point.sigma_w2, 4.0)))
    if point.sigma_b2 > 0:
        return right, nice(4 * point.sigma_b2)
    line = _line(function)
    w, b = line.sigma_w2[line.admissible], line.sigma_b2[line.admissible]
    reached = b[w <= point.sigma_w2 + 0.75 * (min(float(w.max()), right) - point.sigma_w2)]
    top = float(reached.max(initial=0.0))
    return right, nice(top) if top > 0 else 1.0


@lru_cache(maxsize=64)
def _line(function: Activation) -> CriticalLine:
    return critical_line(function, _LINE_Q)


def nice(value: float) -> float:
    """The next round number: 1, 1.5, 2, ... 8, 10 times a power of ten.

    >>> nice(0.61), nice(206.0), nice(4.0)
    (0.8, 250.0, 4.0)
    """
    power = 10.0 ** np.floor(np.log10(value))
    return float(f"{power * _NICE[np.argmax(_NICE * power >= value * (1 - 1e-9))]:.6g}")


def phase_map(activation: str | Activation, right: float, top: float, left: float = 0.0) -> Measurement:
    """q*, chi_1 and the depth scale over the plane from (left, 0) to (right, top). Axes: sigma_b2, sigma_w2.

    Where `left` is positive, sigma_w2 goes up by a factor from column to column, as on a log axis, and in half as
    large steps, for the phases then meet in a narrow place; else evenly.
    `depth_scale` is -1 / ln chi_1, in layers: over so many layers |delta|^2 shrinks by e; negative where it
    grows. NaN where the slope is zero everywhere (sign). Schoenholz et al. 2017.
    """
    w = np.geomspace(left, right, 2 * COLUMNS - 1) if left > 0 else np.linspace(0.0, right, COLUMNS)
    b = np.linspace(0.0, top, ROWS)
    found = phase_diagram(activation, w[None, :], b[:, None])
    values = {"q_star": found.q_star, "chi_1": found.chi_1, "depth_scale": found.xi_gradient}
    return Measurement("phase diagram", {"sigma_b2": b, "sigma_w2": w}, values)


def critical_curve(activation: str | Activation, right: float, top: float) -> tuple[Array, Array]:
    """(sigma_w2, sigma_b2) along the part of the critical line that lies inside the plane, q* rising.

    Empty where there is none; a single point where the whole line is one (linear, relu, leaky_relu). The
    criterion is "edge_of_chaos" of `critical_point`.
    """
    function = as_activation(activation)
    if function.kind == "threshold":
        return np.empty(0), np.empty(0)
    line = _line(function)
    limit = critical_point(function)
    inside = line.admissible & (line.sigma_w2 <= right) & (line.sigma_b2 <= top)
    inside[0] &= limit is not None and not limit.q_star  # q = 0 is on it only where small q stay small
    w, b = line.sigma_w2[inside], line.sigma_b2[inside]
    if len(w) and np.ptp(w) < 1e-9 * w[0] and np.ptp(b) == 0:
        return w[:1], b[:1]
    return w, b


def q_staircase(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, q_start: float, layers: int
) -> Measurement:
    """The q-map, and the path of q_1 = q_start through so many layers. Axis: point.

    q_next = sigma_w2 E[phi(sqrt(q) z)^2] + sigma_b2. `layer` is NaN on the points of the curve, and the layer
    whose q it is on the path, which ends where q settles. Poole et al. 2016.
    """
    path = _iterate(lambda q: q_map(activation, q, sigma_w2, sigma_b2), q_start, layers, q_start)
    q_star = fixed_point(activation, sigma_w2, sigma_b2, q_start).q_star
    ends = [q_start, *(each for each in path[1:3] if each <= 1e6 * max(q_start, 1e-9))]
    ends += [each for each in (q_star, path.max()) if each <= 100 * max(q_start, 1e-9)]
    grid = np.linspace(0.0, 1.25 * max(ends) or 1.0, MAP_POINTS)
    return _staircase("q", "q map", grid, q_map(activation, grid, sigma_w2, sigma_b2), path)


def mean_factor(activation: str | Activation, sigma_w2: float, sigma_b2: float, q_start: float, layers: int) -> float:
    """Geometric mean over hidden layers 1 ... `layers` of sqrt(chi) at each layer's own q.

    What ||delta|| is multiplied by per layer going back at this depth, before q has settled: chi_1 at q* is the
    limit of infinite depth. NaN where the slope is zero everywhere. Schoenholz et al. 2017.

    >>> round(mean_factor("relu", 2.0, 0.0, 1.0, 5), 12)
    1.0
    """
    function = as_activation(activation)
    if function.kind == "threshold":
        return np.nan
    path = [q_start]
    while len(path) < layers:
        path.append(min(float(q_map(function, path[-1], sigma_w2, sigma_b2)), 1e300))
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(chi_1(function, np.array(path), sigma_w2)).mean() / 2))


def c_staircase(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, q: float, c_start: float, layers: int
) -> Measurement:
    """The correlation map at variance q, and the path of two inputs with correlation c_start. Axis: point.

    `q` is the fixed point q* in theory, or a layer's own where q* is 0 or infinite. As `q_staircase`. Poole et al.
    2016.
    """
    inside = float(np.clip(q, Q_LOW, Q_HIGH))

    def step(c: ArrayLike) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(c_map(activation, c, inside, sigma_w2, sigma_b2), -1.0, 1.0)

    grid = np.linspace(min(0.0, c_start), 1.0, MAP_POINTS)
    return _staircase("c", "c map", grid, step(grid), _iterate(step, c_start, layers, 1.0))


def _iterate(step: Callable[[Array], Array], start: float, layers: int, scale: float) -> Array:
    """start, step(start), ... for at most so many layers; it ends where nothing moves or overflows."""
    path = [start]
    for _ in range(max(layers - 1, 1)):
        after = float(step(np.array(path[-1])))
        path.append(after)
        if not np.isfinite(after) or after > Q_HIGH or abs(after - path[-2]) <= SETTLED * max(scale, after):
            break
    return np.array(path)


def _staircase(symbol: str, name: str, grid: Array, mapped: Array, path: Array) -> Measurement:
    layer = np.concatenate([np.full(len(grid), np.nan), np.arange(1.0, len(path))])
    values = {
        symbol: np.concatenate([grid, path[:-1]]),
        f"{symbol}_next": np.concatenate([mapped, path[1:]]),
        "layer": layer,
    }
    return Measurement(name, {"point": np.arange(len(layer))}, values)


def gain_curve(config: RunConfig, activation: str | Activation, largest: float) -> Measurement:
    """chi_1 against the config's gain. Axis: gain.

    Everything else stays as it is: the initializer's own deviation, bias_std, and PyTorch's random biases,
    which grow with the gain. Where the initializer has no deviation (zeros, constant, lsuv), the gain is that
    of lecun_normal. chi_1 is taken at q*, and NaN for sign.
    """
    gains = np.linspace(0.0, largest, GAINS)[1:]
    w, b = gained(config, gains)
    found = phase_diagram(activation, w, b)
    values = {"chi_1": found.chi_1, "sigma_w2": w, "q_star": found.q_star}
    return Measurement("chi_1 against gain", {"gain": gains}, values)


def gain_of(config: RunConfig) -> tuple[str, float]:
    """(initializer, gain) on the axis of `gain_curve`: the config's own, or those of lecun_normal."""
    base, _, _ = _per_gain(config)
    if base is not None:
        return config.init, config.gain
    point = standing(config).point
    return "lecun_normal", float(np.sqrt(point[0])) if point else config.gain


def gained(config: RunConfig, gain: ArrayLike) -> tuple[Array, Array]:
    """(sigma_w2, sigma_b2) of the config's deep layers at other gains, each with the shape of `gain`."""
    base, fixed, growing = _per_gain(config)
    square = np.asarray(gain, dtype=np.float64) ** 2
    return (1.0 if base is None else base) * square, fixed + growing * square


def critical_gain(config: RunConfig, activation: str | Activation) -> float | None:
    """The gain at which this config is at the edge of chaos, or None; on the axis of `gain_curve`.

    >>> critical_gain(RunConfig(init="he_normal"), "relu"), critical_gain(RunConfig(), "softplus")
    (1.0, None)
    """
    base, fixed, growing = _per_gain(config)
    gain, before = 0.0, -1.0
    for _ in range(60):
        w = critical_sigma_w2(activation, fixed + growing * gain**2)
        if w is None:
            return None
        before, gain = gain, float(np.sqrt(w / (base or 1.0)))
        if abs(gain - before) <= 1e-10 * gain:
            return round(gain, 12)
    return None


def _per_gain(config: RunConfig) -> tuple[float | None, float, float]:
    """(sigma_w2 at gain 1 or None, sigma_b2 without gain, what gain^2 adds to it)."""
    none, one = (standing(config.replace(gain=gain)).point for gain in (0.0, 1.0))
    fixed = config.bias_std**2 if none is None else none[1]
    if one is None or one[0] == 0 or config.init == "lsuv":
        return None, fixed, 0.0
    return one[0], fixed, one[1] - fixed
