"""Euclidean norms in float64 whose squares may underflow or overflow, the norms not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAFE = (1e-280, 1e280)
"""Between these a sum of squares has lost nothing."""


def norm(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Euclidean norm along the last axis, (..., n) -> (...), of any float type, computed in float64.

    A vector whose squares leave float64's range is divided by its largest entry first. Its bits depend
    neither on the other vectors nor on threads (which is why this is not a BLAS dot product).

    >>> float(norm(np.array([3e-200, 4e-200])))
    5e-200
    """
    vectors = np.asarray(vectors, np.float64)
    with np.errstate(all="ignore"):
        squares = np.asarray(np.square(vectors).sum(axis=-1))
        norms = np.asarray(np.sqrt(squares))
        extreme = ~((squares > SAFE[0]) & (squares < SAFE[1]))
        if extreme.any():
            rows = vectors[extreme]
            largest = np.abs(rows).max(axis=-1, initial=0.0)
            scale = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
            norms[extreme] = scale * np.sqrt(np.square(rows / scale[:, None]).sum(axis=-1))
    return norms[()]
