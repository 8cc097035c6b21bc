"""The gradient by name: of every weight matrix and bias, of all parameters together, and of inputs that get none."""

from __future__ import annotations

import numpy as np

from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.measures.spread import OVER_TIME, caveats
from nncore.model.layout import Array
from nncore.numerics.safe_norm import norm

NEAR_ZERO = 1e-8
"""Below this a ∂E/∂θ counts as near zero: a step of size 1 would not move a weight of size 1 in float32."""


def by_tensor(history: History, record: int) -> Measurement:
    """∂E/∂W and ∂E/∂b of every layer as training took them at one record. Axis: tensor (W1, b1, W2, ...).

    `norm`, `mean`, `std`: of the entries; `near_zero`: share of them with |∂E/∂θ| < NEAR_ZERO; `largest`: the largest
    |∂E/∂θ|. Columns: `name`, and `largest_at`, the θ that has it. Before clipping, penalty included. NaN where training
    took no gradient.

    >>> from nncore import RunConfig, run
    >>> found = by_tensor(run(RunConfig(dataset="moons", hidden=(3,), steps=1)), 0)
    >>> found.columns["name"][1].tolist()
    ['W1', 'b1', 'W2', 'b2']
    """
    layers = enumerate(history.layout.split(history.grad[record].astype(np.float64)), 1)
    tensors = {f"{kind}{layer}": part for layer, parts in layers for kind, part in zip("Wb", parts, strict=True)}
    rows = [_facts(entries) for entries in tensors.values()]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    places = [f"{name}[{_largest_at(entries)}]" for name, entries in tensors.items()]
    columns = {"name": ("tensor", np.array(list(tensors))), "largest_at": ("tensor", np.array(places))}
    return Measurement("gradients by parameter", {"tensor": np.arange(len(tensors))}, values, columns)


def _facts(entries: Array) -> dict[str, float]:
    with np.errstate(all="ignore"):
        size = np.abs(entries)
        return {
            "norm": float(norm(entries.ravel())),
            "mean": float(entries.mean()),
            "std": float(entries.std()),
            "near_zero": np.nan if np.isnan(size).any() else float((size < NEAR_ZERO).mean()),
            "largest": float(size.max()),
        }


def _largest_at(entries: Array) -> str:
    place = np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(entries), nan=-1.0))), entries.shape)
    return ", ".join(map(str, place))


def total_norm(history: History, at_most: int = OVER_TIME) -> Measurement:
    """‖∂E/∂θ‖ over all parameters as training took it, before clipping. Axis: step; at most so many records."""
    records = history.even_records(at_most)
    values = {"total_norm": norm(history.grad[records])}
    return Measurement(
        "total gradient norm", {"step": history.step[records]}, values, caveats=caveats(history, records)
    )


def clipped_share(history: History, record: int) -> float | None:
    """Share of the recorded steps 0 ... record whose gradient was clipped, by norm or by value; None without clipping.

    >>> from nncore import RunConfig, run
    >>> history = run(RunConfig(dataset="moons", hidden=(3,), steps=4, clip_norm=1e-3))
    >>> clipped_share(history, 3), clipped_share(run(RunConfig(dataset="moons", steps=1)), 0)
    (1.0, None)
    """
    limits, taken = history.config, history.grad[: record + 1]
    if limits.clip_norm is None and limits.clip_value is None:
        return None
    cut, norms = np.zeros(len(taken), bool), norm(taken)
    if limits.clip_value is not None:
        cut |= (np.abs(taken) > limits.clip_value).any(axis=1)
    if limits.clip_norm is not None:
        cut |= norms > limits.clip_norm
    known = np.isfinite(norms)
    return float(cut[known].mean()) if known.any() else None


def silent_inputs(history: History, record: int) -> list[int]:
    """Inputs (columns of x) whose weights have had a gradient of exactly 0 at every record 0 ... record."""
    taken = history.layout.split(history.grad[: record + 1])[0][0]
    return np.flatnonzero((taken == 0).all(axis=(0, 2))).tolist()
