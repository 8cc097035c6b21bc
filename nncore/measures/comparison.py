"""Several runs laid beside each other: what differs, whether they start alike, and their numbers on shared axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array

ROUNDINGS = 16
"""Roundings by which a scaled weight may miss its factor."""


def differences(configs: Sequence[RunConfig]) -> dict[str, tuple[Any, ...]]:
    """Setting -> its value in every config, for the settings that are not the same in all.

    >>> differences([RunConfig(seed=1), RunConfig(seed=2, gain=2.0)])
    {'gain': (1.0, 2.0), 'seed': (1, 2)}
    """
    names = [field.name for field in RunConfig.fields()]
    values = {name: tuple(getattr(config, name) for config in configs) for name in names}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}


# First weights ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Start:
    """How a run's first theta stands to another run's, as found in the two arrays.

    `kind`: "same" (bit for bit), "rounded" (the same numbers in another float type), "scaled" (each layer's
    weights times `factors`, (n_layers,)), "other" (other numbers), "shapes" (not comparable: `why` says what
    differs). `shared`: how many layers from the input on are the same bits.
    """

    kind: str
    factors: Array
    shared: int
    why: str = ""

    def sentence(self) -> str:
        """The finding in words.

        >>> Start("scaled", np.array([2.0, 2.0]), 0).sentence()
        'the same weights × 2'
        """
        if self.kind == "same":
            return "the same bits"
        if self.kind == "rounded":
            return "the same numbers, rounded to the other float type"
        if self.kind == "scaled":
            low, high = f"{self.factors.min():.3g}", f"{self.factors.max():.3g}"
            return f"the same weights × {low}" if low == high else f"the same weights × {low} to {high}, by layer"
        text = f"not comparable: {self.why}" if self.kind == "shapes" else "other numbers"
        if not self.shared:
            return text
        layers = "layer 1 is" if self.shared == 1 else f"layers 1–{self.shared} are"
        return f"{text}; {layers} the same bits"


def first_weights(history: History, reference: History) -> Start:
    """How the theta of a run's first record stands to the reference's, read from the arrays alone.

    >>> from nncore import run
    >>> small = RunConfig(hidden=(3,), steps=0)
    >>> [first_weights(run(small.replace(**change)), run(small)).kind
    ...  for change in ({}, {"activation": "relu"}, {"gain": 2.0}, {"seed": 1}, {"hidden": (4,)})]
    ['same', 'same', 'scaled', 'other', 'shapes']
    """
    ours, theirs = history.theta[0], reference.theta[0]
    nothing = np.array([])
    blocks = list(zip(history.layout.blocks(ours), reference.layout.blocks(theirs), strict=False))
    alike = [a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in blocks]
    shared = next((place for place, same in enumerate(alike) if not same), len(alike))
    if history.layout != reference.layout:
        return Start("shapes", nothing, shared, _shapes_differ(history, reference))
    if ours.dtype != theirs.dtype:
        rounded = bool((ours.astype(np.float32) == theirs.astype(np.float32)).all())
        return Start("rounded" if rounded else "other", nothing, 0)
    if shared == len(alike):
        return Start("same", np.ones(len(alike)), shared)
    pairs = zip(history.layout.split(ours), reference.layout.split(theirs), strict=True)
    factors, biases = zip(*((_factor(w, v), _factor(b, c)) for (w, b), (v, c) in pairs), strict=True)
    if np.isfinite(factors).all() and np.isfinite(biases).all():
        return Start("scaled", np.array(factors), shared)
    return Start("other", nothing, shared)


def _shapes_differ(history: History, reference: History) -> str:
    ours, theirs = history.layout.widths, reference.layout.widths
    if len(ours) != len(theirs):
        return f"{len(ours) - 1} layers, not {len(theirs) - 1}"
    place = next(place for place, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
    what = "inputs" if place == 0 else f"units in layer {place}"
    return f"{ours[place]} {what}, not {theirs[place]}"


def _factor(ours: Array, theirs: Array) -> float:
    """c where ours = c theirs up to rounding and c > 0; 1 where both are zero; NaN where there is none."""
    ours, theirs = ours.ravel(), theirs.ravel()
    if not ours.any() and not theirs.any():
        return 1.0
    largest = np.abs(theirs).argmax()
    if theirs[largest] == 0 or not ours[largest] / theirs[largest] > 0:
        return float("nan")
    factor = ours[largest] / theirs[largest]
    miss = np.abs(ours - factor * theirs).max()
    return float(factor) if miss <= ROUNDINGS * np.finfo(ours.dtype).eps * np.abs(ours).max() else np.nan


# Shared axes ------------------------------------------------------------------------------------------------


def by_layer(name: str, parts: Mapping[str, Measurement]) -> Measurement:
    """Each run's quantities per layer at its one step. Axes: run, layer (1 ... the deepest run's L).

    `parts`: run name -> a measurement over step (one of them) and layer. NaN beyond a run's last layer.
    """
    values = _stacked([part.values for part in parts.values()], skip_axis=True)
    steps = np.array([int(part.axes["step"][0]) for part in parts.values()])
    n_layers = max(len(part.axes["layer"]) for part in parts.values())
    axes = {"run": np.array(list(parts)), "layer": np.arange(1, n_layers + 1)}
    return Measurement(name, axes, values, {"step": ("run", steps)})


def over_steps(name: str, parts: Mapping[str, Measurement], caveats: tuple[str, ...] = ()) -> Measurement:
    """Each run's quantities over its own steps. Axes: run, point, and layer where the parts have it.

    `parts`: run name -> a measurement over step, or step and layer. A run's step stands beside its numbers, as
    a quantity of its own: runs of different length share no step axis. NaN beyond a run's last point.
    """
    rows = []
    for part in parts.values():
        shape = tuple(len(axis) for axis in part.axes.values())
        step = part.axes["step"].reshape(-1, *[1] * (len(shape) - 1))
        rows.append({"step": np.broadcast_to(step, shape), **part.values})
    values = _stacked(rows)
    shape = values["step"].shape
    axes = {"run": np.array(list(parts)), "point": np.arange(shape[1])}
    if len(shape) == 3:
        axes["layer"] = np.arange(1, shape[2] + 1)
    return Measurement(name, axes, values, caveats=caveats)


def _stacked(rows: Sequence[Mapping[str, Array]], skip_axis: bool = False) -> dict[str, Array]:
    """The arrays of each name as one, along a new first axis, padded with NaN to a common shape."""
    stacked = {}
    for name in rows[0]:
        arrays = [row[name][0] if skip_axis else row[name] for row in rows]
        shape = tuple(map(max, zip(*(array.shape for array in arrays), strict=True)))
        stacked[name] = np.full((len(arrays), *shape), np.nan)
        for place, array in enumerate(arrays):
            where: tuple[int | slice, ...] = (place, *(slice(length) for length in array.shape))
            stacked[name][where] = array
    return stacked
