import numpy as np
import pytest

from nncore import INITIALIZERS, MLP, Layout
from nncore.theory import gaussian_edge, jacobian, jacobian_singular_values, jacobian_variance, predict


def network_jacobian(name: str, init: str, gain: float, width: int, depth: int, seed: int) -> np.ndarray:
    layout = Layout((width,) * (depth + 1) + (1,))
    network = MLP(layout, name)
    rng = np.random.default_rng(seed)
    theta = INITIALIZERS[init].theta(rng, network, gain=gain)
    tape = network.forward(theta, rng.standard_normal((1, width)))
    slopes = [phi.slope(z[0]) for phi, z in zip(network.activations, tape.z[:-1], strict=True)]
    weights = [weight for weight, _ in layout.split(theta)][:-1]
    return jacobian_singular_values(weights, slopes)


@pytest.mark.parametrize("init", ["lecun_normal", "orthogonal"])
@pytest.mark.parametrize(("name", "sigma_w2"), [("linear", 1.0), ("relu", 2.0), ("tanh", 1.5)])
def test_singular_values_of_real_networks_spread_as_predicted(name: str, sigma_w2: float, init: str) -> None:
    width, depth = 192, 6
    squares = np.array([network_jacobian(name, init, sigma_w2**0.5, width, depth, seed) ** 2 for seed in range(6)])
    q = predict((width,) * (depth + 1) + (1,), name, sigma_w2 / width, n_draws=2).q[:depth]
    measured = squares.var(axis=1).mean() / squares.mean() ** 2
    predicted = jacobian_variance(name, q, orthogonal=init == "orthogonal")
    assert measured == pytest.approx(predicted, rel=0.12, abs=1e-9)


def test_the_largest_singular_value_of_a_linear_network_nears_its_edge() -> None:
    largest = [network_jacobian("linear", "lecun_normal", 1.0, 256, 4, seed)[0] for seed in range(4)]
    assert np.mean(largest) == pytest.approx(gaussian_edge(4), rel=0.06)
    assert gaussian_edge(1, 0.25) == pytest.approx(1.0)


def test_the_jacobian_matches_central_differences() -> None:
    rng = np.random.default_rng(2)
    layout = Layout((4, 5, 5, 3))
    network = MLP(layout, "tanh", skip=True)
    theta, x = rng.standard_normal(layout.n_params), rng.standard_normal((6, 4))
    tape = network.forward(theta, x)
    slopes = [phi.slope(z) for phi, z in zip(network.activations, tape.z[:-1], strict=True)]
    found = jacobian([weight for weight, _ in layout.split(theta)], [*slopes, None], skip=True)
    assert found.shape == (6, 4, 3)
    step = 1e-6
    for feature in range(4):
        nudge = step * np.eye(4)[feature]
        up, down = (network.forward(theta, x + sign * nudge).z[-1].copy() for sign in (1, -1))
        np.testing.assert_allclose(found[:, feature], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


def test_tanh_orthogonal_reaches_isometry_at_small_q() -> None:
    spread = [jacobian_variance("tanh", q, depth=16, orthogonal=True) for q in (0.1, 0.01, 0.001)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 2e-4
    assert jacobian_variance("tanh", 0.001, depth=16) > 16


def test_bad_input_is_named_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="weight 2 must have 3 rows, the width before it"):
        jacobian([np.ones((2, 3)), np.ones((4, 1))], [np.ones(3), None])
    with pytest.raises(ValueError, match="slope 1 must end in the layer's width 3"):
        jacobian([np.ones((2, 3))], [np.ones(2)])
    with pytest.raises(ValueError, match="one per layer; got 1 and 2"):
        jacobian([np.ones((2, 3))], [None, None])
    with pytest.raises(ValueError, match="depth must be one matrix or more"):
        gaussian_edge(0)
    with pytest.raises(ValueError, match="depth must be a whole number of layers"):
        jacobian_variance("tanh", 1.0)
