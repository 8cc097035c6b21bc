"""Samples of many tensors -> their quantiles and octaves, all at once in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from nncore.recorders.columns import FIRST_OCTAVE, LAST_OCTAVE, OCTAVES, QUANTILES

Floats = NDArray[np.float64]

SAMPLE = 1024
"""Values of a tensor that its distribution is taken from; all of a smaller one."""


@cache
def stride(size: int, at_most: int = SAMPLE) -> int:
    """Every how-manyth entry is taken: at most so many, and never one column of a matrix only.

    It shares no divisor with the size, so that it walks through the rows at every place.

    >>> stride(1000), stride(4096), stride(1_000_000)
    (1, 5, 977)
    """
    step = -(-size // at_most)
    while gcd(step, size) > 1 and step > 1:
        step += 1
    return step


SAFE = {"float32": (1e-18, 1e18), "float64": (1e-150, 1e150)}
"""Root mean squares between which a norm computed in this type has lost nothing: its squares neither under- nor overflow."""


def table(samples: Sequence[NDArray[np.floating]], blank: float = np.nan) -> Floats:
    """Samples of different lengths as one table, (n_samples, longest), in float64; `blank` behind a shorter one.

    >>> table([np.array([1.0, 2.0]), np.array([3.0])]).tolist()
    [[1.0, 2.0], [3.0, nan]]
    """
    longest = max((len(each) for each in samples), default=0)
    found = np.full((len(samples), longest), blank)
    for row, each in zip(found, samples, strict=True):
        row[: len(each)] = each
    return found


def quantiles(samples: Floats, at: Sequence[float]) -> Floats:
    """Quantiles of the finite entries of each row, linear between neighbours: (n, length), q values -> (n, q).

    NaN where a row has no finite entry. The same as `np.nanquantile` row by row, in one sort.

    >>> quantiles(np.array([[3.0, 1.0, np.nan, 2.0]]), [0.0, 0.5, 1.0]).tolist()
    [[1.0, 2.0, 3.0]]
    """
    finite = np.isfinite(samples)
    ordered = np.sort(np.where(finite, samples, np.inf), axis=1)
    count = finite.sum(axis=1)[:, None]
    place = np.asarray(at)[None, :] * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    if not ordered.shape[1]:
        return np.full((len(samples), len(at)), np.nan)
    with np.errstate(invalid="ignore"):
        below, above = (np.take_along_axis(ordered, place, axis=1) for place in (low, high))
        found = below + (above - below) * (place - low)
    return np.where(count > 0, found, np.nan)


SPREAD = tuple(np.linspace(0, 1, QUANTILES).tolist())
"""Places of the quantiles that describe a distribution."""


def with_ends(found: Floats, low: Floats, high: Floats) -> NDArray[np.float32]:
    """The quantiles at SPREAD of samples, (n, QUANTILES), with the true smallest and largest entries at their ends."""
    found = found.copy()
    found[:, 0] = np.where(np.isfinite(low), low, found[:, 0])
    found[:, -1] = np.where(np.isfinite(high), high, found[:, -1])
    with np.errstate(over="ignore"):
        return found.astype(np.float32)


def octave_counts(samples: Floats) -> NDArray[np.uint16]:
    """Entries of each row in each of OCTAVES, zeros and what is not finite left out: (n, length) -> (n, octaves).

    >>> counts = octave_counts(np.array([[0.75, -0.5, 1.0, 0.0, np.nan]]))
    >>> {int(OCTAVES[k]): int(counts[0, k]) for k in np.flatnonzero(counts[0])}
    {-1: 2, 0: 1}
    """
    counted = np.isfinite(samples) & (samples != 0)
    _, exponent = np.frexp(np.where(counted, samples, 1.0))
    place = np.clip(exponent - 1, FIRST_OCTAVE, LAST_OCTAVE) - FIRST_OCTAVE
    place += len(OCTAVES) * np.arange(len(samples))[:, None]
    counts = np.bincount(place[counted], minlength=len(samples) * len(OCTAVES)).reshape(len(samples), len(OCTAVES))
    return np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16)


def zero_share(samples: Floats) -> Floats:
    """Share of each row's finite entries that are exactly 0, (n,); NaN where it has none."""
    count = np.isfinite(samples).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (samples == 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def mended_norms(norms: Floats, samples: Floats, sizes: NDArray[np.floating], dtypes: Sequence[str]) -> Floats:
    """Norms whose squares left the range of the type they were summed in, (n,), estimated from the samples in float64.

    `sizes`: entries of each tensor; a sample that holds them all gives the norm itself. Others stay as they are: a NaN too.
    """
    low, high = np.array([SAFE.get(dtype, SAFE["float32"]) for dtype in dtypes]).reshape(-1, 2).T
    with np.errstate(all="ignore"):
        rms = norms / np.sqrt(sizes)
    lost = np.flatnonzero((rms < low) | (rms > high))
    found, finite = norms.copy(), np.isfinite(samples[lost])
    with np.errstate(all="ignore"):
        known = np.where(finite, samples[lost], 0.0)
        largest = np.abs(known).max(axis=1, initial=0.0)
        scale = np.where(largest > 0, largest, 1.0)
        typical = scale * np.sqrt(np.square(known / scale[:, None]).sum(axis=1) / np.maximum(finite.sum(axis=1), 1))
    mended = (rms[lost] < low[lost]) | (
        typical > 0.1 * high[lost]
    )  # an infinite entry outside the sample stays infinite
    mended &= (largest > 0) & ~np.isinf(samples[lost]).any(axis=1)
    found[lost[mended]] = (typical * np.sqrt(sizes[lost]))[mended]
    return found


FLAT = 0.01
"""|φ′| below this share of its largest is saturated, as in nncore.measures."""


def saturated(kind: str, a: Floats) -> Floats:
    """Share of each row of outputs, (n, length) -> (n,), where the two-sided activation `kind` is flat; its φ′ from a."""
    slope = SLOPES[kind](a)
    count = np.isfinite(slope).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (slope < FLAT).sum(axis=1) / np.maximum(count, 1), np.nan)


SLOPES = {
    "sigmoid": lambda a: 4 * a * (1 - a),
    "tanh": lambda a: 1 - np.square(a),
    "softsign": lambda a: np.square(1 - np.abs(a)),
    "hard_tanh": lambda a: np.where(np.isnan(a), np.nan, np.abs(a) < 1),
    "hard_sigmoid": lambda a: np.where(np.isnan(a), np.nan, (a > 0) & (a < 1)),
}
"""φ′ over its largest value as a function of a = φ(z), for the two-sided activations."""
