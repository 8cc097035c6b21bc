import numpy as np
import pytest

from nncore.numerics import dot as module
from nncore.numerics.dot import dot, product_of_one_row


@pytest.fixture(params=[False, True], ids=["blas", "pairwise"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(module, "_place_matters", lambda: True)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dot_and_product_are_sums_of_products(dtype: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 5, 35)).astype(dtype)
    rtol = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(dot(a, b), (a * b).sum(axis=-1), rtol=rtol, atol=rtol)
    assert dot(a, b[0, 0]).shape == (3, 5) and dot(a[0, 0], b[0, 0]).dtype == dtype
    out = np.zeros((3, 5, 2), dtype)
    dot(a, b, out=out[..., 1])
    np.testing.assert_array_equal(out[..., 1], dot(a, b))
    assert not out[..., 0].any()
    for rows in (1, 4):
        left, right = a[:, :rows], b[:, :1].swapaxes(-1, -2)
        found = product_of_one_row(left, right, out=np.empty((3, rows, 1), dtype))
        np.testing.assert_allclose(found, np.einsum("...mk,...kn->...mn", left, right), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("n", [2, 7, 35, 1001])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_where_a_vector_begins(n: int, dtype: str) -> None:
    numbers = np.random.default_rng(1).normal(size=(40, n)).astype(dtype)
    alone = [dot(row.copy(), row.copy()) for row in numbers]
    np.testing.assert_array_equal(dot(numbers, numbers), alone)
    np.testing.assert_array_equal([dot(row, row) for row in np.pad(numbers, ((0, 0), (1, 2)))[:, 1:-2]], alone)
