"""Networks whose steps were published digit by digit: Mazur's 2-2-2 and the 3-2-1 of Han and Kamber."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.published.row import Row
from nncore import ACTIVATIONS, MLP, Layout
from nncore.model.layout import Array
from nncore.model.losses import Loss

SIGMOID = ACTIVATIONS["sigmoid"]


class HalfSquaredErrorOfSigmoid(Loss):
    """½ Σ (σ(z) − y)², summed over outputs and averaged over samples: a sigmoid output under squared error."""

    name = "half_squared_error_of_sigmoid"
    latex = r"E = \frac{1}{2N}\sum_{s,k}(\sigma(z_{sk}) - y_{sk})^2"

    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        """E, and dE/dz = (σ(z) − y) σ'(z) / N."""
        out = np.empty_like(z_out) if out is None else out
        out[...] = (SIGMOID(z_out) - y) * SIGMOID.slope(z_out) / z_out.shape[-2]
        return self.per_sample(z_out, y).mean(axis=-1), out

    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        """½ |σ(z) − y|², (..., n_samples)."""
        return np.square(SIGMOID(z_out) - y).sum(axis=-1) / 2

    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        """y as floats."""
        return np.asarray(y, dtype=np.float64)


LOSS = HalfSquaredErrorOfSigmoid()


def mazur() -> list[Row]:
    """Inputs .05 and .10, targets .01 and .99, learning rate ½; the biases stay as they are."""
    network = MLP(Layout((2, 2, 2)), "sigmoid")
    x, y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    hidden = (np.array([[0.15, 0.25], [0.20, 0.30]]), np.full(2, 0.35))
    output = (np.array([[0.40, 0.50], [0.45, 0.55]]), np.full(2, 0.60))
    theta = network.layout.join([hidden, output])
    tape = network.forward(theta, x)
    grad, _ = network.backward(theta, tape, LOSS.delta(tape.z[-1], y))
    (dw, _), (dv, _) = network.layout.split(grad)
    once = _descended(network, theta, x, y, 1)
    w, v = (weight.T.ravel() for weight, _ in network.layout.split(once))  # unit by unit, each with its two inputs
    one_by_one = [_descended(network, theta, x, y, steps, layer_by_layer=True) for steps in (1, 10_000)]
    late = _descended(network, theta, x, y, 9_999)

    def loss(theta: Array) -> float:
        return float(LOSS.value(network.forward(theta, x).z[-1], y))

    out, last = (SIGMOID(network.forward(each, x).z[-1])[0] for each in (theta, one_by_one[1]))
    return [
        Row("output of h1", "0.593269992", tape.a[1][0, 0]),
        Row("output of h2", "0.596884378", tape.a[1][0, 1]),
        Row("output of o1", "0.75136507", out[0]),
        Row("output of o2", "0.772928465", out[1]),
        Row("E", "0.298371109", loss(theta)),
        Row("∂E/∂w5", "0.082167041", dv[0, 0]),
        Row("∂E/∂w1", "0.000438568", dw[0, 0]),
        Row("w5 after one step", "0.35891648", v[0]),
        Row("w6", "0.408666186", v[1]),
        Row("w7", "0.511301270", v[2]),
        Row("w8", "0.561370121", v[3]),
        Row("w1", "0.149780716", w[0]),
        Row("w2", "0.19956143", w[1]),
        Row("w3", "0.24975114", w[2]),
        Row("w4", "0.29950229", w[3]),
        Row("E after one step", "0.291027924", loss(once), allowed="2e-7", more=0),
        Row("E after one step, layer by layer", "0.291027924", loss(one_by_one[0])),
        Row("E after 10,000 steps, layer by layer, in older copies", "0.000035085", loss(one_by_one[1])),
        Row("output of o1 after 10,000 steps, layer by layer", "0.015912196", last[0]),
        Row("output of o2 after 10,000 steps, layer by layer", "0.984065734", last[1]),
        Row("E after 9,999 steps", "0.0000351085", loss(late)),
    ]


def _descended(network: MLP, theta: Array, x: Array, y: Array, steps: int, layer_by_layer: bool = False) -> Array:
    """θ after steps of gradient descent with learning rate ½ on the weights alone.

    `layer_by_layer`: the hidden layer's gradient is taken through the output weights of after the step.
    """
    (hidden_start, hidden_stop), _ = network.layout.bounds
    rates = network.layout.join([(np.full((2, 2), 0.5), np.zeros(2))] * 2)
    tape = network.tape(theta, x)
    for _ in range(steps):
        delta = LOSS.delta(network.forward(theta, x, tape).z[-1], y)
        grad, _ = network.backward(theta, tape, delta)
        if layer_by_layer:
            moved = theta - rates * grad
            through, _ = network.backward(moved, tape, delta)
            grad[hidden_start:hidden_stop] = through[hidden_start:hidden_stop]
        theta = theta - rates * grad
    return theta


def han_kamber() -> list[Row]:
    """x = (1, 0, 1), class 1, learning rate 0.9: one step."""
    network = MLP(Layout((3, 2, 1)), "sigmoid")
    hidden = (np.array([[0.2, -0.3], [0.4, 0.1], [-0.5, 0.2]]), np.array([-0.4, 0.2]))
    theta = network.layout.join([hidden, (np.array([[-0.3], [-0.2]]), np.array([0.1]))])
    tape = network.forward(theta, np.array([[1.0, 0.0, 1.0]]))
    grad, deltas = network.backward(theta, tape, LOSS.delta(tape.z[-1], np.array([[1.0]])))
    (w, b), (v, c) = network.layout.split(theta - 0.9 * grad)
    return [
        Row("output of unit 4", "0.332", tape.a[1][0, 0]),
        Row("output of unit 5", "0.525", tape.a[1][0, 1]),
        Row("output of unit 6", "0.474", SIGMOID(tape.z[-1])[0, 0]),
        Row("Err of unit 6, which is −δ", "0.1311", -deltas[1][0, 0]),
        Row("Err of unit 5", "-0.0065", -deltas[0][0, 1]),
        Row("Err of unit 4", "-0.0087", -deltas[0][0, 0]),
        Row("w46", "-0.261", v[0, 0]),
        Row("w56", "-0.138", v[1, 0]),
        Row("w14", "0.192", w[0, 0]),
        Row("w15", "-0.306", w[0, 1]),
        Row("w24, whose input is 0", "0.4", w[1, 0], "1e-9", 9),
        Row("w25, whose input is 0", "0.1", w[1, 1], "1e-9", 9),
        Row("w34", "-0.508", w[2, 0]),
        Row("w35", "0.194", w[2, 1]),
        Row("bias of unit 6", "0.218", c[0]),
        Row("bias of unit 5", "0.194", b[1]),
        Row("bias of unit 4", "-0.408", b[0]),
    ]
