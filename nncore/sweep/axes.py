"""What a grid may run over: every field of RunConfig, and four names that stand for settings of theory."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nncore.config.run_config import RunConfig
from nncore.config.settings import number_within
from nncore.numerics.choices import choose

MOST_VALUES = 1_000_000
"""Values of one axis."""

WIDTH = 32
"""Units of a hidden layer where there is none yet to take the width from."""


@dataclass(frozen=True)
class NamedAxis:
    """A name that stands for one or several settings.

    `settings(hidden, value)` gives them, where `hidden` are the widths so far; `sets` names them, so that no
    other axis sets them too. Values run from `low` to `high`, whole numbers if `whole`. `read(config)` is the
    value that a config has, NaN where it has none.
    """

    name: str
    help: str
    sets: frozenset[str]
    low: float
    high: float
    whole: bool
    settings: Callable[[tuple[int, ...], Any], dict[str, Any]]
    read: Callable[[RunConfig], float]

    def checked(self, value: Any) -> float | int:
        """The value as a number in range; raises ValueError otherwise."""
        return number_within(self.name, value, self.low, self.high, self.whole)


def _width(hidden: tuple[int, ...]) -> int:
    return hidden[0] if hidden else WIDTH


NAMED_AXES: dict[str, NamedAxis] = {
    axis.name: axis
    for axis in (
        NamedAxis(
            "depth",
            "Hidden layers, each as wide as the first.",
            frozenset({"hidden"}),
            0,
            200,
            True,
            lambda hidden, depth: {"hidden": (_width(hidden),) * depth},
            lambda config: config.depth,
        ),
        NamedAxis(
            "width",
            "Units of each hidden layer.",
            frozenset({"hidden"}),
            1,
            4096,
            True,
            lambda hidden, width: {"hidden": (width,) * len(hidden)},
            lambda config: config.hidden[0] if len(set(config.hidden)) == 1 else math.nan,
        ),
        NamedAxis(
            "sigma_w2",
            "fan_in · Var(weight): init lecun_normal with gain √sigma_w2.",
            frozenset({"init", "gain"}),
            0,
            1e4,
            False,
            lambda hidden, sigma_w2: {"init": "lecun_normal", "gain": math.sqrt(sigma_w2)},
            lambda config: config.gain**2 if config.init == "lecun_normal" else math.nan,
        ),
        NamedAxis(
            "sigma_b2",
            "Var(bias): bias_std √sigma_b2.",
            frozenset({"bias_std"}),
            0,
            1e4,
            False,
            lambda hidden, sigma_b2: {"bias_std": math.sqrt(sigma_b2)},
            lambda config: config.bias_std**2,
        ),
    )
}
"""Axis name -> what it sets, in the order in which they are applied: width keeps the depth set before it."""


def axis_names() -> tuple[str, ...]:
    """Everything that a grid may run over."""
    return (*(field.name for field in RunConfig.fields()), *NAMED_AXES)


def checked_axis(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """The values of one axis in their own type.

    Raises ValueError on an unknown name, on no values, on one that is there twice, and on one that the
    setting does not take, whatever the others are.
    """
    choose("axis", name, axis_names())
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a list of values; got {reprlib.repr(values)}")
    check = NAMED_AXES[name].checked if name in NAMED_AXES else lambda value: RunConfig.check(name, value)
    values = tuple(islice(values, MOST_VALUES + 1))
    if len(values) > MOST_VALUES:
        raise ValueError(f"{name} must have at most {MOST_VALUES:,} values; got more")
    found = tuple(check(value.item() if hasattr(value, "item") else value) for value in values)
    if not found:
        raise ValueError(f"{name} must have at least one value; got none")
    seen: set[Any] = set()
    for value in found:
        if value in seen:
            raise ValueError(f"the values of {name} must differ; got {reprlib.repr(value)} twice")
        seen.add(value)
    return found


def as_coordinate(value: Any) -> Any:
    """A value of an axis as a measurement has it: several widths or names as one text."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def check_no_overlap(names: Iterable[str]) -> None:
    """Raise ValueError when two axes set the same thing; depth and width go together."""
    owner: dict[str, str] = {}
    for name in names:
        for setting in NAMED_AXES[name].sets if name in NAMED_AXES else {name}:
            other = owner.setdefault(setting, name)
            if other != name and {other, name} != {"depth", "width"}:
                raise ValueError(f"{other} and {name} both set {setting}: leave one of them out of the grid")


def apply_axes(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The base with one value of each axis; raises ValueError where they do not go together.

    >>> config = apply_axes(RunConfig(), {"width": 8, "depth": 3, "sigma_w2": 2.25})
    >>> config.hidden, config.init, config.gain
    ((8, 8, 8), 'lecun_normal', 1.5)
    """
    settings = {"hidden": base.hidden, **{n: v for n, v in values.items() if n not in NAMED_AXES}}
    for name, axis in NAMED_AXES.items():
        if name in values:
            settings |= axis.settings(settings["hidden"], values[name])
    return base.replace(**settings)


def coordinate(config: RunConfig, name: str) -> Any:
    """Where a config lies on an axis: "you are here" on a map; NaN where it lies nowhere on it.

    >>> coordinate(RunConfig(hidden=(16,) * 7), "depth"), coordinate(RunConfig(gain=2.0), "gain")
    (7, 2.0)
    """
    choose("axis", name, axis_names())
    return NAMED_AXES[name].read(config) if name in NAMED_AXES else getattr(config, name)
