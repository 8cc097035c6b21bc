"""Mean and standard deviation of everything a layer holds, cheap enough to be taken at every step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nncore.model.layout import Array, Layout
from nncore.model.network import Tape
from nncore.numerics.dot import dot

Passes = list[tuple[Array, Array, Array]]
"""(z, a, delta) of each layer, (..., units * samples), from a tape that has been back through."""

CANCELS = 8.0
"""Where mean² exceeds so many variances, E[v²] - mean² has lost a digit: the variance is taken again."""


def passes(tape: Tape) -> Passes:
    """The tape's z, a and delta as flat views; a of the output layer is its z."""
    columns = zip(tape.z_columns, [*tape.a_columns[1:], tape.z_columns[-1]], tape.delta_columns, strict=True)
    return [tuple(each.reshape(*each.shape[:-2], -1) for each in layer) for layer in columns]  # type: ignore[misc]


def layer_statistics(layout: Layout, theta: Array, grad: Array, passes: Passes) -> Array:
    """Mean and standard deviation of z, a, delta, weight, bias and both gradients: (..., n_layers, 14).

    theta and grad (..., n_params) and the passes have the same leading axes. z, a and delta are pooled over units
    and samples; the standard deviation is that of the numbers at hand (no n - 1). mean = sum v / n, var = sum v² / n -
    mean², each in one pass over memory; where mean² > 8 var, a second pass takes sum (v - mean)² / n instead. A
    standard deviation below about 8 ε |mean| is rounding noise.
    """
    lead, n_samples = passes[-1][0].shape[:-1], passes[-1][0].shape[-1] // layout.widths[-1]
    result = np.empty((*lead, layout.n_layers, 7, 2), theta.dtype)
    mean, spread = result[..., 0], result[..., 1]
    counts, ones, starts, lengths = _shape(layout, n_samples, theta.dtype)
    whole = [each for layer in passes for each in layer]
    found = np.array([(dot(each, one), dot(each, each)) for each, one in zip(whole, ones, strict=True)])
    result[..., :3, :] = np.moveaxis(found, (0, 1), (-2, -1)).reshape(*lead, layout.n_layers, 3, 2)
    for place, vector in ((3, theta), (5, grad)):
        _sum_segments(vector, starts, mean[..., place : place + 2])
        _sum_segments(vector * vector, starts, spread[..., place : place + 2])
    result /= counts[..., None]
    squares = mean * mean
    spread -= squares
    cancelled = np.logical_not(squares <= CANCELS * spread)
    cancelled &= counts > 1.0  # of one number the spread is 0 already
    for index, place in np.argwhere(cancelled.reshape(-1, layout.n_layers, 7).any(axis=0)):
        if place < 3:
            chosen = passes[index][place]
        else:
            part = 2 * index + place % 2
            chosen = (theta if place < 5 else grad)[..., starts[part] : starts[part] + lengths[part]]
        centred = chosen - mean[..., index, place, None]
        squares[..., index, place] = dot(centred, centred) / counts[index, place]
    np.copyto(spread, squares, where=cancelled)
    np.sqrt(spread, out=spread)
    return result.reshape(*lead, layout.n_layers, 14)


def _sum_segments(vector: Array, starts: np.ndarray, out: Array) -> None:
    """Sums over each layer's weight and bias of a vector in theta's order: (..., n_layers, 2)."""
    sums = np.add.reduceat(vector, starts, axis=-1)
    out[..., 0], out[..., 1] = sums[..., 1::2], sums[..., ::2]


@lru_cache(maxsize=64)
def _shape(layout: Layout, n_samples: int, dtype: np.dtype) -> tuple[Array, list[Array], np.ndarray, np.ndarray]:
    """Entries of each quantity, (n_layers, 7); ones for z, a and delta of each layer; where bias and weight start in
    theta, and their lengths.
    """
    counts = [[fan_out * n_samples] * 3 + [fan_in * fan_out, fan_out] * 2 for fan_in, fan_out in layout.fans]
    lengths = np.array([length for row in counts for length in (row[4], row[3])])
    longest = np.ones(max(layout.widths[1:]) * n_samples, dtype)
    ones = [longest[:length] for row in counts for length in row[:3]]
    return np.array(counts, dtype), ones, np.cumsum(lengths) - lengths, lengths
