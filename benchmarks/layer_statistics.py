"""Mean and standard deviation of everything a layer holds, cheap enough to be taken at every step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nncore.model.layout import Array, Layout
from nncore.model.network import Tape
from nncore.numerics.dot import dot

Passes = list[tuple[Array, Array, Array]]
"""(z, a, delta) of layers that are equally wide, (n_layers, ..., units * samples), from a tape that has been back through."""

CANCELS = 8.0
"""Where mean² exceeds so many variances, E[v²] - mean² has lost a digit: the variance is taken again."""


def passes(tape: Tape) -> Passes:
    """The tape's z, a and delta as flat views; a of the output layer is its z."""
    stacks = zip(tape.z_stacks, tape.a_stacks, tape.delta_stacks, strict=True)
    return [tuple(each.reshape(*each.shape[:-2], -1) for each in stack) for stack in stacks]  # type: ignore[misc]


def layer_statistics(layout: Layout, theta: Array, grad: Array, passes: Passes) -> Array:
    """Mean and standard deviation of z, a, delta, weight, bias and both gradients: (..., n_layers, 14).

    theta and grad (..., n_params) and the passes have the same leading axes. z, a and delta are pooled over units
    and samples; the standard deviation is that of the numbers at hand (no n - 1). mean = sum v / n, var = sum v² / n -
    mean², each in one pass over memory; where mean² > 8 var, a second pass takes sum (v - mean)² / n instead. A
    standard deviation below about 8 ε |mean| is rounding noise.
    """
    lead, n_samples = theta.shape[:-1], passes[-1][0].shape[-1] // layout.widths[-1]
    result = np.empty((*lead, layout.n_layers, 7, 2), theta.dtype)
    mean, spread = result[..., 0], result[..., 1]
    counts, ones, starts, lengths = _shape(layout, n_samples, theta.dtype)
    layer_first, stop = np.moveaxis(result, -3, 0), 0
    for stack in passes:
        layers, stop = slice(stop, stop + len(stack[0])), stop + len(stack[0])
        for place, each in enumerate(stack):
            dot(each, ones[: each.shape[-1]], out=layer_first[layers, ..., place, 0])
            dot(each, each, out=layer_first[layers, ..., place, 1])
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
            stack, layer = _stack_of(passes, index)
            chosen = stack[place][layer]
        else:
            part = 2 * index + place % 2
            chosen = (theta if place < 5 else grad)[..., starts[part] : starts[part] + lengths[part]]
        centred = chosen - mean[..., index, place, None]
        squares[..., index, place] = dot(centred, centred) / counts[index, place]
    np.copyto(spread, squares, where=cancelled)
    np.sqrt(spread, out=spread)
    return result.reshape(*lead, layout.n_layers, 14)


def _stack_of(passes: Passes, index: int) -> tuple[tuple[Array, Array, Array], int]:
    """The stack that holds a layer, 0 the first, and the layer's place in it."""
    for stack in passes:
        if index < len(stack[0]):
            break
        index -= len(stack[0])
    return stack, index


def _sum_segments(vector: Array, starts: np.ndarray, out: Array) -> None:
    """Sums over each layer's weight and bias of a vector in theta's order: (..., n_layers, 2)."""
    sums = np.add.reduceat(vector, starts, axis=-1)
    out[..., 0], out[..., 1] = sums[..., 1::2], sums[..., ::2]


@lru_cache(maxsize=64)
def _shape(layout: Layout, n_samples: int, dtype: np.dtype) -> tuple[Array, Array, np.ndarray, np.ndarray]:
    """Entries of each quantity, (n_layers, 7); ones, as many as z of the widest layer has; where bias and weight start
    in theta, and their lengths.
    """
    counts = [[fan_out * n_samples] * 3 + [fan_in * fan_out, fan_out] * 2 for fan_in, fan_out in layout.fans]
    lengths = np.array([length for row in counts for length in (row[4], row[3])])
    ones = np.ones(max(layout.widths[1:]) * n_samples, dtype)
    return np.array(counts, dtype), ones, np.cumsum(lengths) - lengths, lengths
