"""A measurement is named numbers over named axes: what a chart draws and what its CSV holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nncore.display.shown import Shown
from nncore.history.history import Target
from nncore.history.whole_file import whole_file

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Shown):
    """Quantities over shared axes.

    `axes` maps an axis name to its coordinates, in order; every array in `values` has one dimension for each
    axis, in that order. `columns` are further facts that belong to a coordinate of the first axes only (a
    loss per step, bin edges per bin): name -> (axis name, values). `caveats` are sentences a reader has to
    know.

    >>> m = Measurement("demo", {"step": np.array([0, 5]), "layer": np.array([1, 2])}, {"norm": np.eye(2)})
    >>> m.frame()["norm"].to_list()
    [1.0, 0.0, 0.0, 1.0]
    """

    name: str
    axes: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    columns: Mapping[str, tuple[str, np.ndarray]] | None = None
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(len(coordinates) for coordinates in self.axes.values())
        for quantity, values in self.values.items():
            if values.shape != shape:
                raise ValueError(f"{quantity} must have the shape of its axes, {shape}; got {values.shape}")

    def __repr__(self) -> str:
        """Its name and axes, and a line for each of its first quantities with what they span."""
        axes = " × ".join(f"{name} ({len(each):,})" for name, each in self.axes.items())
        shown = [f"  {name}: {_span(values)}" for name, values in list(self.values.items())[:MOST_SHOWN]]
        more = len(self.values) - len(shown)
        return "\n".join(
            [f"Measurement {self.name!r} over {axes}", *shown, *([f"  and {more} more"] if more else []), *self.caveats]
        )

    def __getitem__(self, quantity: str) -> np.ndarray:
        if quantity not in self.values:
            raise KeyError(f"quantity must be one of {', '.join(self.values)}; got {quantity!r}")
        return self.values[quantity]

    def select(self, *quantities: str) -> Measurement:
        """The same measurement with only these quantities, for a chart that draws no others."""
        chosen = {name: self[name] for name in quantities}
        return replace(self, name=" and ".join(quantities).replace("_", " "), values=chosen)

    def rows(self, places: Sequence[int]) -> Measurement:
        """The same measurement with only these places along its first axis, for a chart of one record."""
        (first, *_), at = self.axes, list(places)
        columns = {
            name: (axis, facts[at] if axis == first else facts) for name, (axis, facts) in (self.columns or {}).items()
        }
        return replace(
            self,
            axes=dict(self.axes) | {first: self.axes[first][at]},
            values={name: values[at] for name, values in self.values.items()},
            columns=columns or None,
        )

    def frame(self) -> pd.DataFrame:
        """A tidy table: one row per combination of coordinates, one column per axis and quantity."""
        import pandas as pd

        grids = np.meshgrid(*self.axes.values(), indexing="ij")
        columns = {name: grid.ravel() for name, grid in zip(self.axes, grids, strict=True)}
        names = list(self.axes)
        for name, (axis, facts) in (self.columns or {}).items():
            shape = [1] * len(names)
            shape[names.index(axis)] = -1
            columns[name] = np.broadcast_to(facts.reshape(shape), grids[0].shape).ravel()
        columns |= {name: values.ravel() for name, values in self.values.items()}
        return pd.DataFrame(columns)

    def to_csv(self, target: Target) -> None:
        """The tidy table as CSV, every float in full; NaN, which means "not defined", is an empty cell.

        Text is `inert`: no spreadsheet takes it for a formula.
        """
        frame = self.frame()
        for place, kind in enumerate(frame.dtypes):
            if kind.kind not in "biuf":
                frame.isetitem(place, [inert(str(cell)) for cell in frame.iloc[:, place]])
        frame.columns = [inert(str(name)) for name in frame.columns]
        with whole_file(target) as file:
            frame.to_csv(file, index=False)


MOST_SHOWN = 6
"""Quantities that a few lines name."""


def _span(values: np.ndarray) -> str:
    """What the values of a quantity span, in words."""
    if values.dtype.kind not in "biuf":
        return f"{values.dtype}"
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "nowhere finite"
    missing = values.size - finite.size
    return f"{finite.min():.3g} to {finite.max():.3g}" + (f", {missing:,} not finite" if missing else "")


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


_NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?([eE][+-]?\d+)?")


def inert(text: str) -> str:
    """Text that a spreadsheet shows and does not compute: an apostrophe before what would begin a formula.

    A number stays as it is, with its sign.

    >>> inert("=1+1"), inert("species"), inert("-2.5"), inert("-2+1")
    ("'=1+1", 'species', '-2.5', "'-2+1")
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # a bare \r is not quoted and would begin a new row
    begins = text.lstrip(" ").startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    return f"'{text}" if begins else text
