"""Fourteen numbers per layer: NumPy's mean and std of everything, whatever the sizes and the block."""

import numpy as np
import pytest

from benchmarks.layer_statistics import layer_statistics, passes
from nncore import ACTIVATIONS, MLP, Layout, Tape
from nncore.model.layout import Array

LAYOUT = Layout((3, 5, 4, 2))


def backward_pass(
    activation: str, lead: tuple[int, ...] = (), dtype: str = "float64", n: int = 7
) -> tuple[Array, Array, Tape]:
    rng = np.random.default_rng(0)
    network = MLP(LAYOUT, activation)
    theta = rng.normal(size=(*lead, LAYOUT.n_params)).astype(dtype)
    tape = network.forward(theta, rng.normal(size=(n, 3)).astype(dtype))
    grad, _ = network.backward(theta, tape, rng.normal(size=(*lead, n, 2)).astype(dtype))
    return theta, grad, tape


def by_numpy(theta: Array, grad: Array, tape: Tape) -> Array:
    """The definition, for one run."""
    rows = []
    for l, ((w, b), (d_w, d_b)) in enumerate(zip(LAYOUT.split(theta), LAYOUT.split(grad), strict=True)):  # noqa: E741
        everything = (tape.z[l], tape.a[l + 1], tape.deltas[l], w, b, d_w, d_b)
        rows.append([f(each.astype(np.float64)) for each in everything for f in (np.mean, np.std)])
    return np.array(rows)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-5)])
def test_the_statistics_are_numpys(activation: str, dtype: str, rtol: float) -> None:
    theta, grad, tape = backward_pass(activation, dtype=dtype)
    found = layer_statistics(LAYOUT, theta, grad, passes(tape))
    assert found.shape == (3, 14) and found.dtype == dtype
    np.testing.assert_allclose(found, by_numpy(theta, grad, tape), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("offset", [1.0, 1e3, 1e8])
def test_a_small_spread_around_a_large_mean_keeps_its_digits(offset: float) -> None:
    theta, grad, tape = backward_pass("tanh")
    theta, grad = offset + theta, offset + grad
    for columns in (*tape.z_columns, *tape.a_columns[1:], *tape.delta_columns):
        columns += offset
    found, expected = layer_statistics(LAYOUT, theta, grad, passes(tape)), by_numpy(theta, grad, tape)
    np.testing.assert_allclose(found[:, ::2], expected[:, ::2], rtol=1e-13)
    np.testing.assert_allclose(found[:, 1::2], expected[:, 1::2], rtol=1e-9)


def test_of_equal_numbers_the_spread_is_rounding_noise_at_most() -> None:
    theta, grad, tape = backward_pass("tanh")
    theta[...], grad[...] = 0.1, 0.0
    found = layer_statistics(LAYOUT, theta, grad, passes(tape))
    assert (found[:, [7, 9]] <= 8 * np.finfo(float).eps * 0.1).all()
    assert not found[:, 10:].any()


@pytest.mark.parametrize("lead", [(6,), (2, 3)])
def test_a_runs_numbers_do_not_depend_on_its_block(lead: tuple[int, ...]) -> None:
    theta, grad, tape = backward_pass("sigmoid", lead)
    together = layer_statistics(LAYOUT, theta, grad, passes(tape))
    for place in np.ndindex(*lead):
        one = [tuple(each[:, *place] for each in stack) for stack in passes(tape)]
        np.testing.assert_array_equal(together[place], layer_statistics(LAYOUT, theta[place], grad[place], one))


def test_one_sample_and_one_unit_have_no_spread() -> None:
    network, theta = MLP(Layout((1, 1, 1)), "tanh"), np.array([0.3, -0.7, 0.2, 0.9])
    tape = network.forward(theta, np.array([[0.5]]))
    grad, _ = network.backward(theta, tape, np.array([[0.1]]))
    assert not layer_statistics(network.layout, theta, grad, passes(tape))[:, 1::2].any()


def test_what_is_not_finite_shows_in_its_own_layer_alone() -> None:
    theta, grad, tape = backward_pass("tanh")
    tape.delta_columns[1][0, 0] = np.nan
    with np.errstate(all="ignore"):
        found = layer_statistics(LAYOUT, theta, grad, passes(tape))
    assert np.isnan(found[1, 4:6]).all() and np.isnan(found).sum() == 2
