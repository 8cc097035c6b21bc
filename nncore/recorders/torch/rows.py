"""What a recorded step left on the device -> one transfer -> the rows of its record, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore.numerics.safe_norm import norm
from nncore.recorders.rows import RecordRows
from nncore.recorders.samples import (
    SPREAD,
    mended_norms,
    octave_counts,
    quantiles,
    saturated,
    table,
    with_ends,
    zero_share,
)
from nncore.recorders.torch.model import TWO_SIDED, Parts
from nncore.recorders.torch.passes import MOST_SAMPLES, Call, Pass
from nncore.recorders.torch.tensors import fetched, one_number
from nncore.recorders.torch.updates import Gradients, Updates, Weights

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

CANCELLED = 1e-4
"""Where the variance is below this share of the mean square, float32 has lost it: it is taken from the sample."""


class Cargo:
    """Tensors that go to the host together."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._arrays: list[Any] = []

    def put(self, tensor: Tensor) -> int:
        """Load a tensor; the number to ask for it by."""
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def go(self) -> None:
        """The transfer."""
        self._arrays = fetched(self._tensors) if self._tensors else []
        self._tensors.clear()

    def __getitem__(self, place: int) -> Any:
        return self._arrays[place]

    def numbers(self, places: Sequence[int | None]) -> Floats:
        """One number each, NaN for None."""
        return np.array([np.nan if place is None else float(self._arrays[place]) for place in places])


def record_rows(
    parts: Parts, step: int, passes: Sequence[Pass], updates: Updates, facts: Mapping[str, Any], distributions: bool
) -> RecordRows:
    """The rows of one step. `facts` of the run: numbers or tensors by name; a list of them means their mean."""
    cargo, rows = Cargo(), RecordRows(step, len(parts.units))
    facts_at = {name: _loaded(cargo, value) for name, value in facts.items()}
    modules = _Modules(cargo, passes)
    parameters = _Parameters(cargo, updates)
    cargo.go()
    for name, loaded in facts_at.items():
        values = [float(cargo[value]) if on_device else value for on_device, value in loaded]
        if values:
            rows.put(name, [0], float(np.mean(values)))
    modules.fill(rows, parts, parameters.scale(cargo), distributions)
    parameters.fill(rows, cargo, distributions)
    return rows


def _loaded(cargo: Cargo, value: Any) -> list[tuple[bool, Any]]:
    """(is it on the device?, its number in the cargo or itself) for each of the values."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [(True, cargo.put(one_number(each))) if hasattr(each, "detach") else (False, float(each)) for each in values]


class _Modules:
    """The calls of every module in the passes that count."""

    def __init__(self, cargo: Cargo, passes: Sequence[Pass]) -> None:
        self.cargo = cargo
        self.n_passes: dict[int, int] = {}
        found: list[tuple[int, Call]] = []
        for each in passes:
            for unit, calls in each.calls.items():
                self.n_passes[unit] = self.n_passes.get(unit, 0) + each.counts.get(unit, 1)
                found += [(unit, call) for call in calls]
        found.sort(key=lambda pair: pair[0])
        self.units = np.array([unit for unit, _ in found])
        self.calls = [call for _, call in found]
        distinct = {id(call): call for call in self.calls}  # a container shares that of its last module
        loaded = {key: _LoadedCall(cargo, call) for key, call in distinct.items()}
        self.loaded = [loaded[id(call)] for call in self.calls]

    def fill(self, rows: RecordRows, parts: Parts, scale: float, distributions: bool) -> None:
        """Put the numbers of every module into the rows; δ divided by the loss scale."""
        if not self.calls:
            return
        first = np.flatnonzero(np.diff(self.units, prepend=-1))
        own, groups = self.units[first], _groups(self.loaded, first)
        size, mean, norms, low, high = self._of_calls()
        total = np.add.reduceat(size, first)
        samples = table(
            [_joined([self.cargo[each.values] for each in group if each.values is not None]) for group in groups]
        )
        with np.errstate(all="ignore"):
            mean = np.add.reduceat(mean * size, first) / total
            rms = np.sqrt(np.add.reduceat(np.square(norms), first) / total)
            low, high = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
            variance = np.square(rms) - np.square(mean)
            is_whole = total == (~np.isnan(samples)).sum(axis=1)
            of_sample = is_whole | (variance < CANCELLED * np.square(rms))
            std = np.sqrt(np.maximum(variance, 0.0))
            std[of_sample] = _std(samples[of_sample])
            std = np.where(np.isfinite(rms), std, np.nan)
        rows.put("passes", own, [self.n_passes[unit] for unit in own])
        rows.put("size", own, total)
        for name, values in (("mean", mean), ("rms", rms), ("std", std), ("min", low), ("max", high)):
            rows.put(f"activation_{name}", own, values)
        found = quantiles(samples, (0.02, 0.98, *SPREAD))
        rows.put("activation_p2", own, found[:, 0])
        rows.put("activation_p98", own, found[:, 1])
        rows.put("zero_fraction", own, zero_share(samples))
        if distributions:
            rows.put("activation_quantiles", own, with_ends(found[:, 2:], low, high))
        for kind, activation in TWO_SIDED.items():
            here = np.array([parts.units[unit].type == kind and _has_known_ends(parts.modules[unit]) for unit in own])
            rows.put("saturated_fraction", own[here], saturated(activation, samples[here]))
        for unit, group in zip(own, groups, strict=True):
            largest = [self.cargo[each.largest] for each in group if each.largest is not None]
            if largest and len({len(each) for each in largest}) == 1:
                rows.put("dead_fraction", [unit], float((np.max(largest, axis=0) <= 0).mean()))
        self._fill_deltas(rows, scale, distributions)

    def _fill_deltas(self, rows: RecordRows, scale: float, distributions: bool) -> None:
        """The gradients that came back: over several calls and backward passes the root of the summed squares."""
        arrived = [
            (unit, call, number) for unit, call in zip(self.units, self.loaded, strict=True) for number in call.arrived
        ]
        if not arrived:
            return
        units = np.array([unit for unit, _, _ in arrived])
        values = [np.empty(0) if at is None else self.cargo[at] for _, _, (_, at) in arrived]
        norms = self._norms(
            self.cargo.numbers([at for _, _, (at, _) in arrived]), values, [call.call for _, call, _ in arrived]
        )
        first = np.flatnonzero(np.diff(units, prepend=-1))
        rows.put("delta_norm", units[first], [norm(group) / scale for group in _groups(norms, first)])
        samples = table([_joined(group) for group in _groups(values, first)]) / scale
        rows.put("delta_zero_fraction", units[first], zero_share(samples))
        if distributions:
            rows.put("delta_octaves", units[first], octave_counts(samples))

    def _of_calls(self) -> tuple[Floats, ...]:
        """size, mean, norm, smallest and largest entry of each call; of a small one from all its values."""
        values = [np.empty(0) if each.values is None else self.cargo[each.values] for each in self.loaded]
        small = np.array([call.mean is None for call in self.calls])
        size = np.array([float(call.size) for call in self.calls])
        mean, low, high = (
            self.cargo.numbers([getattr(each, name) for each in self.loaded]) for name in ("mean", "low", "high")
        )
        norms = self._norms(self.cargo.numbers([each.norm for each in self.loaded]), values, self.calls)
        whole = [each for each, is_small in zip(values, small, strict=True) if is_small]
        if whole:
            with np.errstate(all="ignore"):
                mean[small] = table(whole, blank=0.0).sum(axis=1) / size[small]
                low[small] = table(whole, blank=np.inf).min(axis=1)
                high[small] = table(whole, blank=-np.inf).max(axis=1)
        return size, mean, norms, low, high

    def _norms(self, norms: Floats, values: Sequence[NDArray[Any]], calls: Sequence[Call]) -> Floats:
        """Norms of calls' outputs or gradients: of a small one from all its values, of another mended where float32 lost it."""
        small = np.array([call.mean is None for call in calls])
        if small.any():
            norms[small] = norm(
                table([each for each, is_small in zip(values, small, strict=True) if is_small], blank=0.0)
            )
        sizes = np.array([float(call.size) for call in calls])
        return np.where(small, norms, mended_norms(norms, table(values), sizes, [_name(call.dtype) for call in calls]))


class _LoadedCall:
    """Where in the cargo the parts of a call are; `arrived`: those of each gradient's norm and values."""

    def __init__(self, cargo: Cargo, call: Call) -> None:
        def put(tensor: Tensor | None) -> int | None:
            return None if tensor is None else cargo.put(tensor)

        self.call = call
        self.mean, self.norm, self.low, self.high = put(call.mean), put(call.norm), put(call.low), put(call.high)
        self.values, self.largest = put(call.values), put(call.largest)
        samples = [put(each) for each in call.values_of_deltas]
        self.arrived = [
            (put(each), samples[number] if number < len(samples) else None) for number, each in enumerate(call.deltas)
        ]


class _Parameters:
    """Gradients, weights and updates of every parameter."""

    def __init__(self, cargo: Cargo, updates: Updates) -> None:
        self.gradients = None if updates.gradients is None else _LoadedGradients(cargo, updates.gradients)
        self.used = {key: _LoadedGradients(cargo, each) for key, each in updates.used.items()}
        self.weights = {key: _LoadedWeights(cargo, each) for key, each in updates.weights.items()}

    def scale(self, cargo: Cargo) -> float:
        """The loss scale of the backward passes; 1 without a scaler."""
        return 1.0 if self.gradients is None else self.gradients.scale(cargo)

    def fill(self, rows: RecordRows, cargo: Cargo, distributions: bool) -> None:
        """Put the numbers of every parameter into the rows."""
        used = {key: each.arrays(cargo) for key, each in self.used.items()}
        for units, found, _ in used.values():
            rows.put("used_gradient_norm", units, found)
        taken = list(used.values()) if self.gradients is None else [self.gradients.arrays(cargo)]
        for units, found, samples in taken:
            if self.gradients is not None:
                rows.put("gradient_norm", units, found)
            rows.put("gradient_zero_fraction", units, zero_share(samples))
            if distributions:
                rows.put("gradient_octaves", units, octave_counts(samples))
        for key, each in self.weights.items():
            units, _, samples = used.get(key, ([], None, np.empty((0, 0))))
            each.fill(rows, cargo, dict(zip(units, samples, strict=True)))


class _LoadedGradients:
    """Where in the cargo the norms and values of gradients are."""

    def __init__(self, cargo: Cargo, gradients: Gradients) -> None:
        self.of = gradients
        self.norms = [cargo.put(each) for each in gradients.norms]
        self.values = [cargo.put(part) for part, _ in gradients.values.parts]
        self.scale_at = None if gradients.scale is None else cargo.put(one_number(gradients.scale))

    def scale(self, cargo: Cargo) -> float:
        """What they are multiplied by."""
        return 1.0 if self.scale_at is None else float(cargo[self.scale_at])

    def arrays(self, cargo: Cargo) -> tuple[list[int], Floats, Floats]:
        """Units, norms (n,) and samples (n, length), divided by the scale."""
        samples = table(self.of.values.arrays([cargo[at] for at in self.values]))
        sizes = np.array(self.of.sizes, float)
        found = mended_norms(cargo.numbers(self.norms), samples, sizes, list(map(_name, self.of.dtypes)))
        return self.of.units, found / self.scale(cargo), samples / self.scale(cargo)


class _LoadedWeights:
    """Where in the cargo the parts of weights and their updates are."""

    def __init__(self, cargo: Cargo, weights: Weights) -> None:
        self.of = weights
        self.rates = [_loaded(cargo, each) for each in weights.rates]
        self.norms = [cargo.put(each) for each in weights.norms]
        self.values = [cargo.put(part) for part, _ in weights.values.parts]
        self.updates = [cargo.put(each) for each in weights.updates or ()]
        self.update_values = (
            [cargo.put(part) for part, _ in weights.update_values.parts] if weights.update_values else []
        )

    def fill(self, rows: RecordRows, cargo: Cargo, gradients: Mapping[int, Floats]) -> None:
        """Put them into the rows. `gradients`: the sample of each unit's gradient as it was used."""
        units, sizes = self.of.units, np.array(self.of.sizes, float)
        values = self.of.values.arrays([cargo[at] for at in self.values])
        dtypes = [str(each.dtype) for each in values]
        rows.put("weight_norm", units, mended_norms(cargo.numbers(self.norms), table(values), sizes, dtypes))
        for unit, rate in zip(units, self.rates, strict=True):
            for on_device, value in rate:
                rows.put("learning_rate", [unit], float(cargo[value]) if on_device else value)
        if self.of.update_values is None or not self.updates:
            return
        steps = table(self.of.update_values.arrays([cargo[at] for at in self.update_values]))
        shares = np.array(self.of.shares)
        copied = mended_norms(cargo.numbers(self.updates), steps, sizes / shares, dtypes)
        rows.put("update_norm", units, copied * np.sqrt(shares))
        width = steps.shape[1]
        pushing = np.array([_fitted(gradients.get(unit), width) for unit in units])
        with np.errstate(invalid="ignore"):
            pushed = np.isfinite(pushing) & (pushing != 0) & ~np.isnan(steps)
        some = pushed.any(axis=1)
        unmoved = ((steps == 0) & pushed).sum(axis=1)[some] / pushed.sum(axis=1)[some]
        rows.put("unchanged_fraction", np.array(units)[some], unmoved)


def _fitted(sample: Floats | None, width: int) -> Floats:
    """A row of a table in the width of another; NaN where there is nothing, or another length: a sparse gradient's."""
    found = np.full(width, np.nan)
    if sample is not None and len(sample) >= width:
        found[:] = sample[:width]
    return found


def _groups(values: Any, first: NDArray[np.int64]) -> list[Any]:
    """Consecutive values in groups that begin at these places."""
    return [values[begin:end] for begin, end in zip(first, [*first[1:], len(values)], strict=True)]


def _joined(samples: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The last few samples one behind the other."""
    kept = [each for each in samples if len(each)][-MOST_SAMPLES:]
    return np.concatenate(kept) if kept else np.empty(0)


def _std(samples: Floats) -> Floats:
    """Standard deviation of each row, NaN left out, (n, length) -> (n,)."""
    known = ~np.isnan(samples)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, samples, 0.0).sum(axis=1) / count
    gaps = np.where(known, samples - mean[:, None], 0.0)
    return np.sqrt(np.square(gaps).sum(axis=1) / count)


def _name(dtype: Any) -> str:
    return "float64" if str(dtype) == "torch.float64" else "float32"


def _has_known_ends(module: Any) -> bool:
    """Is it flat where `samples.SLOPES` says? A Hardtanh with other ends than -1 and 1 is not."""
    return bool(getattr(module, "min_val", -1) == -1 and getattr(module, "max_val", 1) == 1)
