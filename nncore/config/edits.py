"""An edit changes theta by hand: one parameter set, a layer's weights scaled, a unit killed."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from nncore.model.layout import Array, Layout
from nncore.numerics.choices import choose
from nncore.numerics.sentences import in_a_line

LARGEST = 1e30
"""Largest value or factor that an edit may write: finite in float32 as well."""

MOST_EDITS = 50
"""Edits that are read from a text."""


@dataclass(frozen=True)
class Edit:
    """One change of theta. `layer` runs from 1 to L, units and rows are counted from 0, as in `Layout.name`."""

    kind: ClassVar[str] = ""
    layer: int

    def check(self, layout: Layout) -> None:
        """Raise ValueError when the edit does not fit a network of this layout."""
        _check_whole("layer", self.layer, 1, layout.n_layers)

    def apply(self, layout: Layout, theta: Array) -> None:
        """Change theta (..., n_params) in place."""
        raise NotImplementedError

    def sentence(self) -> str:
        """The edit in words."""
        raise NotImplementedError

    def notation(self) -> str:
        """The edit as one writes it: what `edits_from_text` reads."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The edit as JSON-able values, its kind included."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class SetParameter(Edit):
    """One parameter set to a value: the weight from unit `row` to unit `column`, or with row None unit column's bias.

    >>> layout, theta = Layout((1, 2, 1)), np.zeros(7)
    >>> SetParameter(layer=1, row=0, column=1, value=0.5).apply(layout, theta)
    >>> theta
    array([0. , 0. , 0. , 0.5, 0. , 0. , 0. ])
    """

    kind: ClassVar[str] = "set"
    row: int | None
    column: int
    value: float

    def check(self, layout: Layout) -> None:
        super().check(layout)
        fan_in, fan_out = layout.fans[self.layer - 1]
        if self.row is not None:
            _check_whole("row", self.row, 0, fan_in - 1)
        _check_whole("column", self.column, 0, fan_out - 1)
        _check_number("value", self.value)

    def apply(self, layout: Layout, theta: Array) -> None:
        weight, bias = layout.split(theta)[self.layer - 1]
        if self.row is None:
            bias[..., self.column] = self.value
        else:
            weight[..., self.row, self.column] = self.value

    def sentence(self) -> str:
        what = (
            f"the bias of unit {self.column}"
            if self.row is None
            else f"the weight from unit {self.row} to unit {self.column}"
        )
        return f"{what} in layer {self.layer} is set to {self.value:g}"

    def notation(self) -> str:
        if self.row is None:
            return f"b{self.layer}[{self.column}] = {self.value!r}"
        return f"W{self.layer}[{self.row},{self.column}] = {self.value!r}"


@dataclass(frozen=True)
class ScaleLayer(Edit):
    """A layer's weights times a factor; its biases stay.

    >>> layout, theta = Layout((1, 2, 1)), np.ones(7)
    >>> ScaleLayer(layer=2, factor=3.0).apply(layout, theta)
    >>> theta
    array([1., 1., 1., 1., 1., 3., 3.])
    """

    kind: ClassVar[str] = "scale"
    factor: float

    def check(self, layout: Layout) -> None:
        super().check(layout)
        _check_number("factor", self.factor)

    def apply(self, layout: Layout, theta: Array) -> None:
        weight, _ = layout.split(theta)[self.layer - 1]
        with np.errstate(all="ignore"):
            weight *= theta.dtype.type(self.factor)

    def sentence(self) -> str:
        return f"layer {self.layer}'s weights are multiplied by {self.factor:g}"

    def notation(self) -> str:
        return f"W{self.layer} * {self.factor!r}"


@dataclass(frozen=True)
class KillUnit(Edit):
    """A hidden unit cut out: incoming weights, bias and outgoing weights become 0.

    It hears nothing and nobody hears it. Where phi(0) = 0 its gradient is exactly 0 as well and it stays out, unless
    the optimizer remembers gradients of before; where phi(0) is not 0, as for sigmoid, training can bring it back
    through its outgoing weights.

    >>> layout, theta = Layout((1, 2, 1)), np.ones(7)
    >>> KillUnit(layer=1, unit=0).apply(layout, theta)
    >>> theta
    array([0., 1., 0., 1., 1., 0., 1.])
    """

    kind: ClassVar[str] = "kill"
    unit: int

    def check(self, layout: Layout) -> None:
        if layout.n_layers == 1:
            raise ValueError("a unit to kill must be hidden; this network has no hidden layer")
        _check_whole("layer of a unit to kill", self.layer, 1, layout.n_layers - 1)
        _check_whole("unit", self.unit, 0, layout.widths[self.layer] - 1)

    def apply(self, layout: Layout, theta: Array) -> None:
        layers = layout.split(theta)
        weight, bias = layers[self.layer - 1]
        weight[..., :, self.unit] = 0.0
        bias[..., self.unit] = 0.0
        layers[self.layer][0][..., self.unit, :] = 0.0

    def sentence(self) -> str:
        return f"unit {self.unit} of layer {self.layer} is killed"

    def notation(self) -> str:
        return f"kill {self.layer}:{self.unit}"


EDITS: dict[str, type[Edit]] = {edit.kind: edit for edit in (SetParameter, ScaleLayer, KillUnit)}


def edit_from_dict(facts: Mapping[str, Any]) -> Edit:
    """The edit that `Edit.to_dict` described; raises ValueError when it is none.

    >>> edit_from_dict({"kind": "scale", "layer": 2, "factor": 0.5})
    ScaleLayer(layer=2, factor=0.5)
    """
    if not isinstance(facts, Mapping) or "kind" not in facts:
        raise ValueError(f"an edit must be a mapping with a kind; got {reprlib.repr(facts)}")
    made = choose("kind of edit", facts["kind"], EDITS)
    try:
        return made(**{name: value for name, value in facts.items() if name != "kind"})
    except TypeError:
        expected = ", ".join(field.name for field in fields(made))
        got = ", ".join(str(name) for name in facts if name != "kind")
        raise ValueError(f"the edit {made.kind!r} must have {expected}; got {in_a_line(got)}") from None


_WHOLE = r"(\d{1,9})"
_NOTATIONS: tuple[tuple[str, Callable[..., Edit]], ...] = (
    (
        rf"W{_WHOLE}\[{_WHOLE},{_WHOLE}\]=(.+)",
        lambda layer, row, column, value: SetParameter(int(layer), int(row), int(column), float(value)),
    ),
    (
        rf"b{_WHOLE}\[{_WHOLE}\]=(.+)",
        lambda layer, column, value: SetParameter(int(layer), None, int(column), float(value)),
    ),
    (rf"W{_WHOLE}\*(.+)", lambda layer, factor: ScaleLayer(int(layer), float(factor))),
    (rf"kill{_WHOLE}:{_WHOLE}", lambda layer, unit: KillUnit(int(layer), int(unit))),
)


def edits_from_text(text: str) -> tuple[Edit, ...]:
    """The edits in a text, separated by semicolons; raises ValueError on one that it cannot read.

    `W2[0,1] = 0.5` sets the weight of layer 2 from unit 0 to unit 1, `b2[1] = 0` a bias, `W2 * 0.5` scales a layer's
    weights and `kill 1:4` cuts out unit 4 of layer 1.

    >>> edits = edits_from_text("W2[0,1] = 0.5; kill 1:4")
    >>> "; ".join(edit.notation() for edit in edits)
    'W2[0,1] = 0.5; kill 1:4'
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if len(parts) > MOST_EDITS:
        raise ValueError(f"there may be at most {MOST_EDITS} edits; got {len(parts)}")
    return tuple(_read(part) for part in parts)


def _read(text: str) -> Edit:
    for pattern, made in _NOTATIONS:
        if found := re.fullmatch(pattern, re.sub(r"\s+", "", text)):
            try:
                return made(*found.groups())
            except ValueError:
                break
    raise ValueError(f"an edit must read like W2[0,1] = 0.5, b2[1] = 0, W2 * 0.5 or kill 1:4; got {reprlib.repr(text)}")


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high:,}; got {reprlib.repr(value)}")


def _check_number(name: str, value: object) -> None:
    sound = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not sound or abs(value) > LARGEST:  # type: ignore[arg-type]
        raise ValueError(f"{name} must be a number between ±{LARGEST:g}; got {reprlib.repr(value)}")
