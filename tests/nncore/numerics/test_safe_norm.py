import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nncore.numerics.safe_norm import norm


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-200, 1e-154, 1e-140, 1.0, 1e140, 1e154, 1e200, 1e307])
def test_the_norm_neither_underflows_nor_overflows(size: float) -> None:
    if size > 1e-300:
        np.testing.assert_allclose(norm(np.array([3.0, -4.0]) * size), 5.0 * size, rtol=1e-15)
    assert norm(np.array([0.0, size, 0.0])) == size


def test_float32_is_summed_in_float64() -> None:
    vector = np.array([3e-30, 4e-30], np.float32)
    assert norm(vector).dtype == np.float64
    np.testing.assert_allclose(norm(vector), 5e-30, rtol=1e-6)
    np.testing.assert_allclose(norm(np.full(4, 1e38, np.float32)), 2e38, rtol=1e-6)


def test_what_is_not_finite_shows() -> None:
    rows = np.array([[np.inf, 1.0], [-np.inf, np.inf], [np.nan, 1.0], [np.inf, np.nan], [0.0, 0.0]])
    found = norm(rows)
    assert found[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(found[2:4]).all()
    assert found[4] == 0.0


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0, 0), (2, 3, 4), (4,)])
def test_the_last_axis_goes(shape: tuple[int, ...]) -> None:
    assert np.shape(norm(np.zeros(shape))) == shape[:-1]


@given(hnp.arrays(np.float64, (4, 6), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_a_vectors_bits_do_not_depend_on_its_neighbours(rows: np.ndarray) -> None:
    together = norm(rows)
    for row, value in zip(rows, together, strict=True):
        assert norm(row) == value == norm(row[None])[0]
        assert value == pytest.approx(math.hypot(*row), rel=1e-14)
