"""The chain's products are the gradient, whatever the network, and the strongest paths are the strongest."""

from itertools import product as combinations

import numpy as np
import pytest

from nncore import ACTIVATIONS, LOSSES, MLP, NORMALIZATIONS, Layout
from nncore.lecture.chain import Chain, chain, output_slopes, product, unit_chain
from nncore.model.layout import Array

LECTURE = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
X = np.array([[0.0], [0.5], [1.0], [1.5]])


def problem(loss_name: str) -> tuple[Array, Array, np.ndarray]:
    """theta, x and y of a 3-4-4-2 (3 classes: 3) network, away from kinks."""
    rng = np.random.default_rng(3)
    n_out = 3 if loss_name == "cross_entropy" else 2
    n_params = Layout((3, 4, 4, n_out)).n_params
    x = rng.normal(size=(5, 3))
    y = rng.integers(0, 3, 5) if loss_name == "cross_entropy" else rng.uniform(size=(5, 2))
    return rng.normal(size=n_params), x, y


def small_network(
    loss_name: str, activation: str = "tanh", normalization: str | None = None, skip: bool = False
) -> MLP:
    widths = (3, 4, 4, 3 if loss_name == "cross_entropy" else 2)
    return MLP(Layout(widths), activation, normalization, skip)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("loss_name", LOSSES)
def test_gradient_agrees_with_the_central_difference(loss_name: str, normalization: str, skip: bool) -> None:
    network = small_network(loss_name, normalization=normalization, skip=skip)
    theta, x, y = problem(loss_name)
    for index in range(0, network.layout.n_params, 5):
        found = chain(network, LOSSES[loss_name], theta, x, y, sample=2, index=index)
        assert found.numeric_error < 1e-8
        assert found.grad == pytest.approx(found.error @ found.output_slopes, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"sign"}))
def test_all_paths_add_up_to_the_gradient(activation: str, loss_name: str, skip: bool) -> None:
    network = small_network(loss_name, activation, skip=skip)
    theta, x, y = problem(loss_name)
    for index in range(network.layout.n_params):
        found = chain(network, LOSSES[loss_name], theta, x, y, sample=1, index=index, at_most=10_000)
        products = [product(path) for path in found.paths]
        assert len(products) == found.n_paths
        assert sum(products) == pytest.approx(found.grad, rel=1e-9, abs=1e-14)
        assert sum(map(abs, products)) == pytest.approx(found.total, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("skip", [False, True])
def test_the_paths_are_the_strongest_of_all(skip: bool) -> None:
    network = MLP(Layout((2, 5, 5, 5, 2)), "tanh", skip=skip)
    rng = np.random.default_rng(0)
    theta, x, y = rng.normal(size=network.layout.n_params), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    for index in (0, 7, 12, 20, 40, 60):
        few = chain(network, LOSSES["mse"], theta, x, y, 0, index, at_most=4)
        every = chain(network, LOSSES["mse"], theta, x, y, 0, index, at_most=100_000)
        strongest = sorted((abs(product(path)) for path in every.paths), reverse=True)[:4]
        assert [abs(product(path)) for path in few.paths] == pytest.approx(strongest[: len(few.paths)])
        assert len(few.paths) == min(4, few.n_paths)


def test_paths_are_the_products_that_an_enumeration_finds() -> None:
    network = MLP(Layout((1, 2, 3, 1)), "sigmoid")
    rng = np.random.default_rng(1)
    theta, x, y = rng.normal(size=network.layout.n_params), np.array([[0.7]]), np.array([[0.2]])
    tape = network.forward(theta, x)
    weights = [weight for weight, _ in network.layout.split(theta)]
    slopes = [a[0] * (1 - a[0]) for a in tape.a[1:3]]
    error = 2 * (tape.z[-1][0, 0] - 0.2)
    found = chain(network, LOSSES["mse"], theta, x, y, 0, index=3, at_most=10)
    expected = [error * weights[2][j, 0] * slopes[1][j] * weights[1][1, j] * slopes[0][1] * 0.7 for j in range(3)]
    assert sorted(product(path) for path in found.paths) == pytest.approx(sorted(expected))


@pytest.mark.parametrize("k", range(7))
def test_the_lecture_s_chain_is_the_worked_one(k: int) -> None:
    expected = (0.1601489683, -0.1372705443, 0.1601489683, -0.1372705443, 1, 0.6456563062, 0.3543436938)
    found = chain(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], LECTURE, X, X**2, 2, k)
    assert found.output_slopes[0] == pytest.approx(expected[k], abs=1e-10)
    assert product([each for each in found.paths[0] if each.kind != "error"]) == pytest.approx(expected[k])
    assert found.n_paths == 1
    assert found.grad == pytest.approx(2 * (0.5393531981 - 1) * expected[k], abs=1e-9)


def test_the_slopes_of_all_samples_give_the_gradient_of_the_mean() -> None:
    network = MLP(Layout((1, 2, 1)), "sigmoid")
    tape = network.forward(LECTURE, X)
    grad, _ = network.backward(LECTURE, tape, LOSSES["mse"].delta(tape.z[-1], X**2))
    slopes = output_slopes(network, LECTURE, X)
    assert slopes.shape == (4, 7)
    np.testing.assert_allclose((tape.z[-1] - X**2)[:, 0] @ slopes / 2, grad, rtol=1e-12)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("skip", [False, True])
def test_layer_factors_lead_from_the_output_s_delta_to_each_layer_s(normalization: str, skip: bool) -> None:
    network = small_network("mse", normalization=normalization, skip=skip)
    theta, x, y = problem("mse")
    found = chain(network, LOSSES["mse"], theta, x, y, 0, 0)
    steps = found.weight_factor * found.slope_factor
    for layer in range(len(found.delta_norm)):
        assert np.prod(steps[layer:]) * found.delta_norm[-1] == pytest.approx(found.delta_norm[layer])


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("index", range(7))
def test_zero_theta_has_its_paths_too(index: int, skip: bool) -> None:
    network = MLP(Layout((1, 2, 1)), "sigmoid", skip=skip)
    found = chain(network, LOSSES["mse"], np.zeros(7), X, X**2, 2, index)
    assert len(found.paths) == found.n_paths == 1
    assert (found.grad == 0) == (index < 4)
    assert product(found.paths[0]) == found.grad


def test_deep_zero_weights_do_not_invent_paths() -> None:
    network = MLP(Layout((2, 3, 3, 3, 1)), "tanh", skip=True)
    n = network.layout.n_params
    found: Chain = chain(network, LOSSES["mse"], np.zeros(n), np.ones((1, 2)), np.ones((1, 1)), 0, 0, at_most=1000)
    assert len(found.paths) == found.n_paths == 16
    assert found.total == 0


@pytest.mark.parametrize("x", [-700.0, 700.0])
def test_saturated_units_pass_what_a_float_can_hold(x: float) -> None:
    theta = np.array([0.0, 0.0, 1.0, -1.0, 0.3, 0.7, -0.6])
    found = chain(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], theta, np.array([[x]]), np.array([[1.0]]), 0, 0)
    assert 0 < abs(found.output_slopes[0]) < 1e-300
    assert product(found.paths[0]) == pytest.approx(found.grad, rel=1e-12)


def test_a_theta_that_is_not_finite_is_shown_and_not_hidden() -> None:
    theta = LECTURE.copy()
    theta[2] = np.nan
    found = chain(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], theta, X, X**2, 2, 0)
    assert np.isnan(found.grad) and np.isnan(product(found.paths[0]))


@pytest.mark.parametrize(("sample", "index"), [(4, 0), (-1, 0), (0, 7), (0, -1), (0.5, 0)])
def test_a_place_outside_is_named(sample: int, index: int) -> None:
    with pytest.raises(ValueError, match="must be a whole number from 0 to"):
        chain(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], LECTURE, X, X**2, sample, index)


# One unit per layer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("weight", "bias"), list(combinations((-3.0, 0.5, 6.0), (0.0, -0.25))))
def test_the_product_of_the_factors_is_what_comes_back(activation: str, weight: float, bias: float) -> None:
    seen = unit_chain(weight, bias, 0.5, 8, activation)
    assert seen.product[-1] == pytest.approx(seen.delta[0], rel=1e-9, abs=1e-300)
    np.testing.assert_allclose(seen.factor, seen.slope * weight)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(seen.log10_product, np.log10(np.abs(seen.product)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weight", [0.5, 4.0, 8.0, -6.0, 40.0])
def test_minus_half_theta_holds_u_at_zero(weight: float) -> None:
    seen = unit_chain(weight, -weight / 2, 0.5, 20)
    assert not seen.z.any()
    np.testing.assert_array_equal(seen.product, (weight / 4) ** np.arange(1, 21))


def test_many_chains_at_once_are_the_chains_one_by_one() -> None:
    weights = np.array([-2.0, 1.0, 20.0])
    together = unit_chain(weights, 0.0, 0.5, 6)
    for row, weight in enumerate(weights):
        np.testing.assert_array_equal(together.product[row], unit_chain(weight, 0.0, 0.5, 6).product)


def test_large_sigmoid_weights_vanish_unless_u_stays_at_zero() -> None:
    assert unit_chain(20.0, 0.0, 0.5, 10).product[-1] < unit_chain(1.0, 0.0, 0.5, 10).product[-1] < 1e-6
    assert unit_chain(20.0, -10.0, 0.5, 10).product[-1] == 5.0**10


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="depth must be a whole number, 1 or more; got 0"):
        unit_chain(1.0, 0.0, 0.5, 0)
