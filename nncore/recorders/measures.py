"""A recorded run -> measurements of the names and axes that nncore.measures has, so that the same charts draw both.

Layers are the modules at `places`, by default all that were ever called, in execution order; the column `name` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from nncore.measures import DISTRIBUTIONS, OVER_TIME, Measurement
from nncore.numerics.choices import choose
from nncore.numerics.spacing import evenly_spaced
from nncore.recorders.columns import OCTAVES, RECORDED_QUANTITIES
from nncore.recorders.recorded import Recorded

OF_PARAMETERS = {
    "weight_gradient_norm": "gradient_norm",
    "bias_gradient_norm": "gradient_norm",
    "training_gradient_norm": "gradient_norm",
    "weight_norm": "weight_norm",
    "update_ratio": "update_ratio",
}
"""Quantities of nncore.measures that a module has from a parameter of its own, and what that is called there."""

OF_MODULES = tuple(name for name, quantity in RECORDED_QUANTITIES.items() if quantity.role == "module")

OWN_OF_PARAMETERS = tuple(name for name, quantity in RECORDED_QUANTITIES.items() if quantity.role == "parameter")
"""What `per_parameter` gives."""

NAMES = (*OF_MODULES, *OF_PARAMETERS)
"""What `per_layer` gives."""

RAW_DELTA = (
    "δ is the gradient of what backward was called on, not of each row's own loss: for a mean over rows, √rows times it is "
    "nncore's δ norm."
)


def per_layer(
    recorded: Recorded,
    names: str | Iterable[str],
    records: Sequence[int] | None = None,
    places: Sequence[int] | None = None,
) -> Measurement:
    """The named quantities for every layer and record. Axes: step, layer (1 is the first module of `places`).

    `names` are of NAMES. `records` and `places` are indices into steps and modules. NaN where a module has none: a
    quantity of weights, where it owns no parameter of two or more dimensions. Raises ValueError on an unknown name.

    >>> import tempfile
    >>> from nncore.recorders.example import example
    >>> recorded = Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))
    >>> measured = per_layer(recorded, ["delta_norm", "weight_gradient_norm"], records=[0])
    >>> measured["delta_norm"].tolist(), measured["weight_gradient_norm"].tolist()
    ([[0.25, 0.5, 1.0]], [[0.25, nan, 1.0]])
    """
    names = [names] if isinstance(names, str) else list(names)
    at, rows = (
        list(recorded.called) if places is None else list(places),
        _all(recorded) if records is None else list(records),
    )
    values = {}
    for name in names:
        choose("quantity", name, NAMES)
        if name in OF_PARAMETERS:
            owned = [
                _bias_of(recorded, place) if name == "bias_gradient_norm" else recorded.weight_of(place) for place in at
            ]
            found = recorded.quantity(OF_PARAMETERS[name])[rows]
            columns = [np.full(len(rows), np.nan) if k is None else found[:, k] for k in owned]
            values[name] = np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))
        else:
            values[name] = recorded.quantity(name)[rows][:, at]
    raw = "delta_norm" in names and not recorded.header.of_rows and not np.isnan(values["delta_norm"]).all()
    caveats = (*recorded.caveats, *((RAW_DELTA,) if raw else ()))
    axes = {"step": recorded.steps[rows], "layer": np.arange(1, len(at) + 1)}
    return Measurement(" and ".join(names), axes, values, {"name": ("layer", _names(recorded, at))}, caveats)


def by_name(recorded: Recorded, names: str | Iterable[str], records: Sequence[int], rows: Sequence[str]) -> Measurement:
    """`per_layer` of the modules with these names, which another run has; NaN where this one has none of that name."""
    at = {module.name: place for place, module in enumerate(recorded.modules)}
    here = [k for k, name in enumerate(rows) if name in at]
    found = per_layer(recorded, names, records, [at[rows[k]] for k in here])
    values = {}
    for name, numbers in found.values.items():
        values[name] = np.full((len(numbers), len(rows)), np.nan)
        values[name][:, here] = numbers
    axes = {"step": found.axes["step"], "layer": np.arange(1, len(rows) + 1)}
    return replace(found, axes=axes, values=values, columns={"name": ("layer", np.array(rows))})


def together(now: Measurement, before: Measurement, names: tuple[str, str]) -> Measurement:
    """Two measurements over steps, and over the same rows where they have some, as one: a first axis `run` tells them apart.

    `names`: of the two runs. NaN where one of them has no record at a step of the other.
    """
    steps = np.union1d(now.axes["step"], before.axes["step"])
    values = {}
    for quantity, numbers in now.values.items():
        values[quantity] = np.full((2, len(steps), *numbers.shape[1:]), np.nan)
        for run, each in enumerate((now, before)):
            values[quantity][run, np.searchsorted(steps, each.axes["step"])] = each[quantity]
    caveats = tuple(dict.fromkeys((*now.caveats, *before.caveats)))
    axes = {"run": np.array(names), **now.axes, "step": steps}
    return Measurement(now.name, axes, values, now.columns, caveats)


def per_parameter(
    recorded: Recorded,
    names: str | Iterable[str],
    records: Sequence[int] | None = None,
    places: Sequence[int] | None = None,
) -> Measurement:
    """The named quantities for every parameter and record. Axes: step, layer (1 is the first parameter of `places`).

    `names` are of OWN_OF_PARAMETERS. `places`: indices into parameters, all by default. Raises ValueError on another name.
    """
    names = [names] if isinstance(names, str) else list(names)
    at = list(range(len(recorded.parameters))) if places is None else list(places)
    rows = _all(recorded) if records is None else list(records)
    for name in names:
        choose("quantity", name, OWN_OF_PARAMETERS)
    values = {name: recorded.quantity(name)[rows][:, at] for name in names}
    text = np.array([recorded.parameters[place].name for place in at])
    axes = {"step": recorded.steps[rows], "layer": np.arange(1, len(at) + 1)}
    return Measurement(" and ".join(names), axes, values, {"name": ("layer", text)}, recorded.caveats)


def over_time(
    recorded: Recorded, names: str | Iterable[str], at_most: int = OVER_TIME, places: Sequence[int] | None = None
) -> Measurement:
    """`per_layer` on evenly spread records, with a caveat that says so when records were left out."""
    records = evenly_spaced(0, len(recorded.steps) - 1, at_most).tolist()
    found = per_layer(recorded, names, records, places)
    if len(records) == len(recorded.steps):
        return found
    left_out = f"{len(records)} of {len(recorded.steps):,} records, evenly spread."
    return replace(found, caveats=(*found.caveats, left_out))


def gradient_flow(recorded: Recorded, record: int, places: Sequence[int] | None = None) -> Measurement:
    """δ norm and the gradient norms of weights and biases per layer, at the first record and at one record."""
    records = [0, range(len(recorded.steps))[record]] if record else [0]
    names = ("delta_norm", "weight_gradient_norm", "bias_gradient_norm")
    return replace(per_layer(recorded, names, records, places), name="gradient flow")


def performance(recorded: Recorded) -> Measurement:
    """The loss that was logged, NaN where none was. Axis: step."""
    return Measurement("performance", {"step": recorded.steps}, {"loss": recorded.loss}, caveats=recorded.caveats)


BINS = 96

OF_SAMPLE = "Of at most 1,024 values of each tensor and call."


def distribution(recorded: Recorded, record: int, quantity: str, places: Sequence[int] | None = None) -> Measurement:
    """Histogram per layer at one record. Axes: layer, bin; as `nncore.measures.distribution`, from the stored summaries.

    `quantity`: "activation" (BINS bins from 33 quantiles, linear between them, as shares in thousandths), "delta" or
    "weight_gradient" (log10 of the magnitude, a bin an octave; exact zeros in a column of their own). A record whose
    distributions were not kept has counts of 0: `Recorded.has_distribution` tells. Raises ValueError on another quantity.
    """
    choose("quantity", quantity, DISTRIBUTIONS)
    at = list(recorded.called) if places is None else list(places)
    zeros = np.zeros(len(at), int)
    if quantity == "activation":
        counts, edges = _from_quantiles(recorded.distribution("activation_quantiles", record)[at])
    else:
        if quantity == "delta":
            counts = recorded.distribution("delta_octaves", record)[at]
            share = recorded.quantity("delta_zero_fraction")[record, at]
        else:
            owned = [recorded.weight_of(place) for place in at]
            octaves, shares = (
                recorded.distribution("gradient_octaves", record),
                recorded.quantity("gradient_zero_fraction"),
            )
            counts = np.stack([np.zeros(len(OCTAVES), int) if k is None else octaves[k] for k in owned])
            share = np.array([np.nan if k is None else shares[record, k] for k in owned])
        with np.errstate(all="ignore"):
            found = counts.sum(axis=1) * share / (1 - share)
        zeros = np.where(np.isfinite(found), np.round(found), 0).astype(int)
        used = np.flatnonzero(counts.any(axis=0))
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
        counts = counts[:, first : last + 1]
        edges = np.log10(2.0) * np.arange(OCTAVES[first], OCTAVES[last] + 2)
    columns = {
        "low": ("bin", edges[:-1]),
        "high": ("bin", edges[1:]),
        "exact_zeros": ("layer", zeros),
        "not_finite": ("layer", np.zeros(len(at), int)),
        "name": ("layer", _names(recorded, at)),
    }
    axes = {"layer": np.arange(1, len(at) + 1), "bin": np.arange(len(edges) - 1)}
    caveats = recorded.caveats if recorded.header.is_log else (*recorded.caveats, OF_SAMPLE)
    return Measurement(f"distribution of {quantity}", axes, {"count": counts}, columns, caveats)


def _from_quantiles(quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts in thousandths, (n, BINS), and the edges of bins over the range of all finite quantiles."""
    finite = quantiles[np.isfinite(quantiles)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (-1.0, 1.0)
    margin = 0.5e-3 * max(abs(high), 1.0) if high - low <= 1e-12 * max(abs(low), abs(high)) else 0.0
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    counts, at = np.zeros((len(quantiles), BINS)), np.linspace(0, 1, quantiles.shape[1])
    for row, each in zip(counts, quantiles, strict=True):
        if np.isfinite(each).all():
            below = np.interp(edges, each, at)
            below[edges >= each[-1]], below[edges < each[0]] = 1.0, 0.0
            row[:] = 1000 * np.diff(below, prepend=0.0)[1:]
            row[0] += 1000 * below[0]
    return counts, edges


def _bias_of(recorded: Recorded, place: int) -> int | None:
    name = f"{recorded.modules[place].name}.bias"
    return next((k for k, unit in enumerate(recorded.parameters) if name in (unit.name, *unit.aliases)), None)


def _names(recorded: Recorded, places: Sequence[int]) -> np.ndarray:
    return np.array([recorded.modules[place].name for place in places])


def _all(recorded: Recorded) -> list[int]:
    return list(range(len(recorded.steps)))
