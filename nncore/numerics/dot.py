"""Dot products whose bits depend on nothing but their vectors, not on where in memory those lie."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def dot(a: Array, b: Array, out: Array | None = None) -> Any:
    """Sum of a b along the last axis, (..., n) and (..., n) -> (...): the same bits alone and as a row of a block.

    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    if _place_matters():
        return np.add.reduce(a * b, axis=-1, out=out)
    if a.ndim == b.ndim == 1 and out is None:
        return a.dot(b)  # the same sum, called in a quarter of the time
    return np.vecdot(a, b, out=out)


def product_of_one_row(a: Array, b: Array, out: Array) -> Array:
    """a @ b into `out`, (..., m, k) and (..., k, 1) -> (..., m, 1), where BLAS takes a dot product for m = 1."""
    if out.shape[-2] > 1:
        return np.matmul(a, b, out=out)
    dot(a[..., 0, :], b[..., 0], out=out[..., 0, 0])
    return out


@cache
def _place_matters() -> bool:
    """Does this BLAS sum in another order when a vector begins elsewhere in memory?

    OpenBLAS's kernel Prescott does, which is taken for processors without SSE4 and for those that it does not know: it
    sums up to the next multiple of 16 bytes first. Of 64 rows of 35 numbers every other one begins between two multiples.
    """
    rows = np.random.default_rng(0).normal(size=(64, 35))
    return any(
        np.vecdot(row.copy(), row.copy()) != found
        for block in (rows, rows.astype(np.float32))
        for row, found in zip(block, np.vecdot(block, block), strict=True)
    )
