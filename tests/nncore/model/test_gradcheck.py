"""The gradient is the derivative of the loss, for everything a network can be made of."""

import numpy as np
import pytest

from nncore import (
    ACTIVATIONS,
    LOSSES,
    MLP,
    NORMALIZATIONS,
    Activation,
    GradientMismatch,
    KinkWarning,
    Layout,
    check_gradient,
)
from nncore.model.layout import Array

WIDTHS = {"mse": (3, 4, 4, 2), "bce": (3, 4, 4, 2), "cross_entropy": (3, 4, 4, 3)}


def targets(loss_name: str, rng: np.random.Generator, n: int) -> np.ndarray:
    if loss_name == "cross_entropy":
        return rng.integers(0, 3, n)
    return rng.normal(size=(n, 2)) if loss_name == "mse" else rng.uniform(size=(n, 2))


def away_from_kinks(network: MLP, n: int = 6) -> tuple[Array, Array, np.random.Generator]:
    """theta and x of the first seed whose z all keep a distance of 0.005 from every kink."""
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        theta, x = rng.normal(size=network.layout.n_params), rng.normal(size=(n, network.layout.widths[0]))
        tape = network.forward(theta, x)
        near = [
            np.abs(z - kink).min()
            for phi, z in zip(network.activations, tape.z_hat, strict=False)
            for kink in phi.kinks
        ]
        if min(near, default=1.0) > 0.005:
            return theta, x, rng
    raise AssertionError("no seed keeps away from the kinks")


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_matches_directional_differences(
    activation: str, loss_name: str, normalization: str, skip: bool
) -> None:
    network = MLP(Layout(WIDTHS[loss_name]), activation, normalization, skip)
    theta, x, rng = away_from_kinks(network)
    assert check_gradient(network, LOSSES[loss_name], theta, x, targets(loss_name, rng, len(x))) < 1


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gradient_matches_with_another_activation_in_each_layer(normalization: str) -> None:
    network = MLP(Layout((2, 3, 3, 3, 1)), ["tanh", "softplus", "gelu"], normalization, skip=True)
    theta, x, rng = away_from_kinks(network)
    assert check_gradient(network, LOSSES["mse"], theta, x, rng.normal(size=(6, 1))) < 1


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_sign_lets_no_gradient_reach_the_hidden_layers(normalization: str, skip: bool) -> None:
    network = MLP(Layout((3, 4, 4, 1)), "sign", normalization, skip)
    rng = np.random.default_rng(0)
    theta, x, y = rng.normal(size=network.layout.n_params), rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    tape = network.forward(theta, x)
    grad, deltas = network.backward(theta, tape, LOSSES["mse"].delta(tape.z[-1], y))
    last = network.layout.bounds[-1][0]
    assert not grad[:last].any()
    assert grad[last:].any()
    assert not deltas[0].any() and not deltas[1].any()


@pytest.mark.parametrize("index", range(13))
def test_a_planted_mistake_is_named(index: int) -> None:
    network, loss = MLP(Layout((2, 3, 1)), "tanh"), LOSSES["mse"]
    rng = np.random.default_rng(1)
    theta, x, y = rng.normal(size=13), rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    tape = network.forward(theta, x)
    grad, _ = network.backward(theta, tape, loss.delta(tape.z[-1], y))
    assert check_gradient(network, loss, theta, x, y, grad=grad) < 1
    wrong = grad.copy()
    wrong[index] += 1e-3
    layer, kind, row, column = network.layout.name(index)
    place = f"bias of unit {column}" if kind == "bias" else f"weight from unit {row} to unit {column}"
    with pytest.raises(GradientMismatch) as caught:
        check_gradient(network, loss, theta, x, y, grad=wrong)
    message = str(caught.value)
    assert message.startswith(f"layer {layer}: ")
    assert f"most at theta[{index}], the {place}: gradient {wrong[index]:.9e}" in message
    assert float(message.rsplit(" ", 1)[1]) == pytest.approx(grad[index], rel=1e-5, abs=1e-8)


def test_a_mistake_in_the_chain_rule_is_found() -> None:
    class ForgetsTheSlope(MLP):
        def backward(self, theta, tape, delta, grad=None):  # type: ignore[no-untyped-def]
            linear = MLP(self.layout, "linear")
            return linear.backward(theta, tape, delta, grad)

    rng = np.random.default_rng(0)
    network = ForgetsTheSlope(Layout((2, 3, 3, 1)), "tanh")
    theta, x, y = rng.normal(size=network.layout.n_params), rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    with pytest.raises(GradientMismatch, match=r"^layer 1: "):
        check_gradient(network, LOSSES["mse"], theta, x, y)


def test_a_gradient_that_is_not_a_number_is_a_mismatch() -> None:
    network, rng = MLP(Layout((2, 3, 1)), "tanh"), np.random.default_rng(0)
    theta, x, y = rng.normal(size=13), rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    grad = np.zeros(13)
    grad[4] = np.nan
    with pytest.raises(GradientMismatch, match=r"most at theta\[4\], the weight from unit 0 to unit 1"):
        check_gradient(network, LOSSES["mse"], theta, x, y, grad=grad)


def test_what_does_not_fit_the_network_is_refused() -> None:
    network, loss = MLP(Layout((2, 3, 1)), "tanh"), LOSSES["mse"]
    theta, x, y = np.zeros(13), np.ones((5, 2)), np.ones((5, 1))
    with pytest.raises(ValueError, match=r"theta must have shape \(\.\.\., 13\); got \(12,\)"):
        check_gradient(network, loss, theta[1:], x, y)
    with pytest.raises(ValueError, match=r"theta must be one vector and x one table; got shapes \(2, 13\)"):
        check_gradient(network, loss, np.stack([theta, theta]), x, y)
    with pytest.raises(ValueError, match=r"y for mse must have shape \(5, 1\), samples by outputs; got \(4, 1\)"):
        check_gradient(network, loss, theta, x, y[1:])


# Kinks ------------------------------------------------------------------------------------------------------

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
BENT = Activation(
    "bent",
    lambda z: np.where(z < 0, 0.2 * z, 2.0 * z),
    lambda z: np.where(z <= 0, 0.2, 2.0),
    kinks=(0.0,),
    kind="one-sided",
)


def without_biases(activation: str | Activation, seed: int, hidden: tuple[int, ...] = (4, 3)) -> tuple[MLP, np.ndarray]:
    """A network with zero biases: on a row of zeros all of its units stand on the kink at 0."""
    network = MLP(Layout((2, *hidden, 1)), activation)
    theta = np.random.default_rng(seed).normal(size=network.layout.n_params)
    for _, bias in network.layout.split(theta):
        bias[...] = 0.0
    return network, theta


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "selu", BENT], ids=["relu", "leaky_relu", "selu", "own"])
def test_a_row_of_zeros_on_zero_biases_is_no_false_alarm(activation: str | Activation, seed: int) -> None:
    network, theta = without_biases(activation, seed)
    with pytest.warns(KinkWarning, match=r"layer 1, unit 0 and 6 others stand on a kink"):
        assert check_gradient(network, LOSSES["bce"], theta, *XOR) < 1


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_a_wrong_gradient_is_found_on_a_kink_as_well(activation: str) -> None:
    network, theta = without_biases(activation, 1)
    tape = network.forward(theta, XOR[0])
    grad, _ = network.backward(theta, tape, LOSSES["bce"].delta(tape.z[-1], XOR[1]))
    wrong = grad.copy()
    wrong[5] += 1.0
    with pytest.warns(KinkWarning), pytest.raises(GradientMismatch, match=r"theta\[5\], the weight"):
        check_gradient(network, LOSSES["bce"], theta, *XOR, grad=wrong)


def test_the_slope_of_either_side_is_a_right_answer() -> None:
    """relu'(0) may be taken for 0 or for 1."""
    network, theta = without_biases("relu", 2, hidden=(4,))
    (weight, _), (outgoing, _) = network.layout.split(theta)
    tape = network.forward(theta, XOR[0])
    delta = LOSSES["bce"].delta(tape.z[-1], XOR[1])
    z = XOR[0] @ weight

    def gradient(slope: np.ndarray) -> np.ndarray:
        hidden = (delta @ outgoing.T) * slope
        layers = [(XOR[0].T @ hidden, hidden.sum(axis=0)), (tape.a[1].T @ delta, delta.sum(axis=0))]
        return network.layout.join(layers)

    for right in (z > 0, z >= 0):
        with pytest.warns(KinkWarning):
            assert check_gradient(network, LOSSES["bce"], theta, *XOR, grad=gradient(right)) < 1
    with pytest.warns(KinkWarning), pytest.raises(GradientMismatch, match="the weight from unit"):
        check_gradient(network, LOSSES["bce"], theta, *XOR, grad=gradient(np.ones_like(z)))


def test_nothing_is_said_where_no_unit_stands_on_a_kink(recwarn: pytest.WarningsRecorder) -> None:
    network, theta = without_biases("tanh", 0)
    assert check_gradient(network, LOSSES["bce"], theta, *XOR) < 1
    assert not recwarn.list
