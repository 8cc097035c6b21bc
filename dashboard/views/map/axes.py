"""What a map may run over: a label and default values for each axis, and the widgets that set them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard.state.address import REACH
from dashboard.views.map.words import value_in_words
from dashboard.words.labels import label, option
from nncore import RunConfig
from nncore.config.run_config import TABLE
from nncore.config.settings import LEARNING_RATES
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
    def label(self) -> str:
        """What it is called."""
        return label(self.name)

    @property
    def key(self) -> str:
        """Of its widgets, and of its parameters in the address."""
        return PREFIX + self.name


def _names(name: str, *chosen: str, trains: bool = False) -> MapAxis:
    options = tuple(choice for choice in CHOICES[name] if choice != TABLE)
    return MapAxis(name, options=options, chosen=chosen, trains=trains)


AXES = {
    axis.name: axis
    for axis in (
        MapAxis("depth", 2, 30, 15, REACH["depth"], whole=True),
        MapAxis("gain", 0.25, 16, 30, REACH["gain"], log=True),
        MapAxis("sigma_w2", 0.1, 4, 30, (0.0, REACH["gain"][1] ** 2)),
        MapAxis("sigma_b2", 0.0, 0.5, 15, (0.0, REACH["bias_std"][1] ** 2)),
        MapAxis("bias_std", 0.0, 1.0, 15, REACH["bias_std"]),
        MapAxis("width", 4, 128, 11, REACH["width"], log=True, whole=True),
        MapAxis("learning_rate", 1e-3, 10.0, options=LEARNING_RATES, trains=True),
        MapAxis("momentum", 0.0, 0.95, 11, REACH["momentum"], trains=True),
        _names("activation", "linear", "sigmoid", "tanh", "relu", "selu", "gelu", "silu", "softsign"),
        _names(
            "init", "xavier_normal", "xavier_uniform", "he_normal", "he_uniform", "lecun_normal", "orthogonal", "lsuv"
        ),
        _names("normalization", "none", "batch", "layer"),
        _names("optimizer", "sgd", "rmsprop", "adagrad", "adam", "adamw", trains=True),
        _names("dtype", "float64", "float32"),
        _names("dataset", "two_gaussians", "circles", "moons", "xor", "spiral"),
    )
}
"""Every axis of the page, in the order of its menus."""


def axes_to_pair_with(name: str) -> list[str]:
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
            "From and to", axis.options, start, format_func=option, key=axis.key, bind="query-params"
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


def menu_of(name: str, values: Sequence[Any]) -> list[str]:
    """The values of an axis in words that differ: what a menu offers."""
    words = [value_in_words(name, value) for value in values]
    return words if len(set(words)) == len(words) else [str(value) for value in values]


def nearest(name: str, values: Sequence[Any], value: Any) -> int | None:
    """The place of a value on an axis: that of the nearest number between its ends, of a name its own; None off it.

    The value of a name may be its words, which is what a chart has of it.
    """
    if isinstance(value, (int, float, np.number)) and all(isinstance(each, (int, float)) for each in values):
        inside = np.isfinite(value) and min(values) <= value <= max(values)
        return int(np.argmin(np.abs(np.array(values, float) - float(value)))) if inside else None
    words, sought = [value_in_words(name, each) for each in values], value_in_words(name, value)
    return words.index(sought) if sought in words else None
