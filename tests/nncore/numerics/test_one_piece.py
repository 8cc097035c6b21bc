"""Arrays side by side: each from the beginning of a cache line, none in another one's memory."""

import numpy as np
import pytest

from nncore.numerics.one_piece import CACHE_LINE, one_piece


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_array_begins_a_cache_line_and_has_memory_of_its_own(dtype: str) -> None:
    shapes = [(3, 5), (1,), (2, 7, 3), (0, 4), (11,)]
    arrays = one_piece(shapes, dtype)
    assert [each.shape for each in arrays] == shapes and all(each.dtype == dtype for each in arrays)
    assert not any(each.ctypes.data % CACHE_LINE for each in arrays)
    for number, each in enumerate(arrays):
        each[...] = number
    assert all((each == number).all() for number, each in enumerate(arrays))


def test_of_no_shapes_there_is_nothing() -> None:
    assert one_piece([], np.float64) == []
