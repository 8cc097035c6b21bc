"""Arrays that are used together, side by side in one piece of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64
"""Bytes. A vector of the processor that lies across two of them is read in two."""


def one_piece(shapes: Sequence[tuple[int, ...]], dtype: DTypeLike) -> list[NDArray[Any]]:
    """Arrays of these shapes, not filled, in this order, each from the beginning of a cache line.

    A large piece is one that NumPy asks the system to make of large pages, which many smaller ones are not.

    >>> [each.shape for each in one_piece([(2, 3), (4,)], np.float64)]
    [(2, 3), (4,)]
    """
    dtype = np.dtype(dtype)
    sizes = [math.prod(shape) * dtype.itemsize for shape in shapes]
    starts = list(accumulate((-(-size // CACHE_LINE) * CACHE_LINE for size in sizes), initial=0))
    memory = np.empty(starts[-1] + CACHE_LINE, np.uint8)
    memory = memory[-memory.ctypes.data % CACHE_LINE :]
    return [
        memory[start : start + size].view(dtype).reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    ]
