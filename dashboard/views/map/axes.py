"""What a map may run over: a label and default values for each axis, and the widgets that set them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard.state.sidebar import BOUNDS, LEARNING_RATES, MAX_BIAS_STD, MAX_GAIN
from nncore import RunConfig
from nncore.config.run_config import TABLE
from nncore.sweep import NAMED_AXES

PREFIX = "m_"
"""Of this page's keys in the address."""

MOST_VALUES = 60

CHOICES = {field.name: field.metadata["choices"] for field in RunConfig.fields() if field.metadata["choices"]}


@dataclass(frozen=True)
class MapAxis:
    """One axis: `low` to `high` in `count` values, spaced by a factor if `log`, whole numbers if `whole`.

    `options`, in their order, are all the values there are: names, of which `chosen` are taken at first, or rates,
    of which a range is taken. `bounds`: what the lab can set. `trains`: without effect before the first step.
    """

    name: str
    label: str
    low: float = 0.0
    high: float = 1.0
    count: int = 15
    bounds: tuple[float, float] = (0.0, 1.0)
    log: bool = False
    whole: bool = False
    options: tuple[Any, ...] = ()
    chosen: tuple[str, ...] = ()
    trains: bool = False

    def values(self, low: float, high: float, count: int) -> tuple[Any, ...]:
        """Numbers from the lower to the higher end, to four digits, each once."""
        low, high = min(low, high), max(low, high)
        even = np.geomspace(low, high, count) if self.log and low > 0 else np.linspace(low, high, count)
        if self.whole:
            return tuple(dict.fromkeys(round(value) for value in even))
        return tuple(dict.fromkeys(float(f"{value:.4g}") for value in even))

    @property
    def key(self) -> str:
        """Of its widgets, and of its parameters in the address."""
        return PREFIX + self.name


def _names(name: str, label: str, chosen: tuple[str, ...], trains: bool = False) -> MapAxis:
    options = tuple(option for option in CHOICES[name] if option != TABLE)
    return MapAxis(name, label, options=options, chosen=chosen, trains=trains)


AXES = {
    axis.name: axis
    for axis in (
        MapAxis("depth", "Depth", 2, 30, 15, BOUNDS["depth"], whole=True),
        MapAxis("gain", "Gain", 0.25, 16, 30, (0.0, MAX_GAIN), log=True),
        MapAxis("sigma_w2", "σ_w²", 0.1, 4, 30, (0.0, MAX_GAIN**2)),
        MapAxis("sigma_b2", "σ_b²", 0.0, 0.5, 15, (0.0, MAX_BIAS_STD**2)),
        MapAxis("bias_std", "Bias deviation", 0.0, 1.0, 15, (0.0, MAX_BIAS_STD)),
        MapAxis("width", "Width", 4, 128, 11, BOUNDS["width"], log=True, whole=True),
        MapAxis("learning_rate", "Learning rate", 1e-3, 10.0, options=LEARNING_RATES, trains=True),
        MapAxis("momentum", "Momentum", 0.0, 0.95, 11, (0.0, 0.99), trains=True),
        _names("activation", "Activation", ("linear", "sigmoid", "tanh", "relu", "selu", "gelu", "silu", "softsign")),
        _names(
            "init",
            "Initializer",
            ("xavier_normal", "xavier_uniform", "he_normal", "he_uniform", "lecun_normal", "orthogonal", "lsuv"),
        ),
        _names("normalization", "Normalization", ("none", "batch", "layer")),
        _names("optimizer", "Optimizer", ("sgd", "rmsprop", "adagrad", "adam", "adamw"), trains=True),
        _names("dtype", "Float type", ("float64", "float32")),
        _names("dataset", "Data set", ("two_gaussians", "circles", "moons", "xor", "spiral")),
    )
}
"""Every axis of the page, in the order of its menus."""


def beside(name: str) -> list[str]:
    """The axes that go with this one: those that set something else."""

    def sets(axis: str) -> frozenset[str]:
        return NAMED_AXES[axis].sets if axis in NAMED_AXES else frozenset({axis})

    return [
        other
        for other in AXES
        if other != name and ({other, name} == {"depth", "width"} or not sets(other) & sets(name))
    ]


def choose(axis: MapAxis) -> tuple[Any, ...]:
    """Draw the widgets of an axis and return its values; raises ValueError when none is chosen."""
    if axis.chosen:
        return _chosen_names(axis)
    if axis.options:
        start = (axis.low, axis.high)
        low, high = st.select_slider(
            "From and to", axis.options, start, format_func=_short, key=axis.key, bind="query-params"
        )
        return tuple(value for value in axis.options if low <= value <= high)
    kind: type[int] | type[float] = int if axis.whole else float
    least, most = map(kind, axis.bounds)
    common: dict[str, Any] = {"bind": "query-params"} | ({} if axis.whole else {"format": "%.4g"})
    step = kind(1) if axis.whole else None
    with st.container(horizontal=True, wrap=False, gap="small"):
        low = st.number_input("From", least, most, kind(axis.low), step, key=f"{axis.key}_low", **common)
        high = st.number_input("To", least, most, kind(axis.high), step, key=f"{axis.key}_high", **common)
        count = st.number_input("Values", 1, MOST_VALUES, axis.count, 1, key=f"{axis.key}_n", bind="query-params")
    return axis.values(low, high, int(count))


def _chosen_names(axis: MapAxis) -> tuple[Any, ...]:
    names = st.multiselect("Values", list(axis.options), list(axis.chosen), key=axis.key, bind="query-params")
    if not names:
        raise ValueError(f"choose at least one {axis.label.lower()} for the map")
    return tuple(name for name in axis.options if name in names)


def _short(value: float) -> str:
    return f"{value:g}"


def shown(value: Any) -> str:
    """A value of an axis in words."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if value is None:
        return "textbook"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def texts(values: Sequence[Any]) -> list[str]:
    """The values of an axis in words that differ: what a menu offers."""
    short = [shown(value) for value in values]
    return short if len(set(short)) == len(short) else [str(value) for value in values]


def nearest(values: Sequence[Any], value: Any) -> int | None:
    """The place of a value on an axis: that of the nearest number between its ends, of a name its own; None off it."""
    if isinstance(value, (int, float, np.number)) and all(isinstance(each, (int, float)) for each in values):
        inside = np.isfinite(value) and min(values) <= value <= max(values)
        return int(np.argmin(np.abs(np.array(values, float) - float(value)))) if inside else None
    texts = [shown(each) for each in values]
    return texts.index(shown(value)) if shown(value) in texts else None
