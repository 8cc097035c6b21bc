"""Networks drawn, and some of them trained, for results that were published as figures or as limits of large width."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.published.infinite_width import batch_normalized
from benchmarks.published.row import Row
from nncore import ACTIVATIONS, INITIALIZERS, LOSSES, MLP, Layout, RunConfig, run
from nncore.model.layout import Array
from nncore.theory import gaussian_edge, jacobian_singular_values

ROWS, NETWORKS = 32, 4


def passes(
    widths: tuple[int, ...],
    activation: str,
    init: str,
    seed: int,
    gain: float = 1.0,
    rows: int = ROWS,
    normalization: str = "none",
    deviation: float = 1.0,
) -> tuple[list[Array], list[Array], list[Array], list[Array]]:
    """One network on normal rows of this deviation and a standard normal δ of the output: W, z, δ and ∂E/∂W per layer."""
    rng = np.random.default_rng(seed)
    network = MLP(Layout(widths), activation, normalization)
    x, output = deviation * rng.standard_normal((rows, widths[0])), rng.standard_normal((rows, widths[-1]))
    theta = INITIALIZERS[init].theta(rng, network, x, gain)
    tape = network.forward(theta, x)
    grad, deltas = network.backward(theta, tape, output)
    weights, grads = ([weight for weight, _ in network.layout.split(vector)] for vector in (theta, grad))
    return weights, tape.z, deltas, grads


def factor(arrays: list[Array]) -> float:
    """By what the norm changes from a layer to the one before it, as a geometric mean."""
    return float((np.linalg.norm(arrays[0]) / np.linalg.norm(arrays[-1])) ** (1 / (len(arrays) - 1)))


def he_factors() -> list[Row]:
    """δ from layer to layer of 30 relu layers of 256 units."""
    rows = []
    for init, published, formula in (("he_normal", "1.00", ""), ("xavier_normal", "0.71", "1/√2")):
        found = [factor(passes((256,) * 31 + (10,), "relu", init, seed)[2][:-1]) for seed in range(NETWORKS)]
        name = init.split("_")[0].capitalize()
        rows.append(
            Row(f"{name}: δ per layer", published, float(np.exp(np.log(found).mean())), formula=formula, more=1)
        )
    return rows


HE = RunConfig(
    dataset="digits",
    hidden=(64,) * 30,
    activation="relu",
    init="he_normal",
    learning_rate=0.003,
    steps=200,
    record_every=200,
)
"""At this learning rate the loss falls without jumps, whose outcome would hang on the last bit."""


def he_training() -> list[Row]:
    """Cross-entropy of ten classes before and after training, beside ln 10 of a guess."""
    guess = f"{math.log(10):.4f}"
    he, xavier = (run(HE.replace(init=init)).loss for init in ("he_normal", "xavier_normal"))
    return [
        Row("Xavier: loss before training", guess, xavier[0], "0.005", 0, "ln 10"),
        Row("Xavier: loss after 200 steps", guess, xavier[-1], "0.005", 0, "ln 10"),
        Row("He: loss after 200 steps", guess, he[-1], more=-2, formula="ln 10", is_bound=True),
    ]


def yang() -> list[Row]:
    """Theory's constant, and networks of 768 units with 512 rows."""
    found = [
        factor(passes((768,) * 9, "relu", "he_normal", seed, rows=512, normalization="batch")[2][1:-1]) ** 2
        for seed in (0, 1)
    ]
    return [
        batch_normalized(),
        Row(
            "squared norm of δ per layer, 768 units and 512 rows",
            "1.467",
            float(np.mean(found)),
            "0.015",
            0,
            "π/(π − 1)",
        ),
    ]


def saxe() -> list[Row]:
    """Singular values of products of weights, and when those of a trained product are half learned."""
    rng = np.random.default_rng(0)
    orthogonal = jacobian_singular_values([INITIALIZERS["orthogonal"](rng, 100, 100) for _ in range(100)], [None] * 100)
    gaussian = jacobian_singular_values([INITIALIZERS["lecun_normal"](rng, 500, 500) for _ in range(10)], [None] * 10)
    rows = [
        Row("100 orthogonal layers: largest", "1", float(orthogonal[0]), allowed="1e-9", more=9),
        Row("100 orthogonal layers: smallest", "1", float(orthogonal[-1]), allowed="1e-9", more=9),
        Row(
            "10 Gaussian layers of 500 units: largest",
            f"{gaussian_edge(10):.2f}",
            float(gaussian[0]),
            "0.5",
            0,
            "√(11¹¹/10¹⁰)",
        ),
    ]
    strengths, start, rate = np.array([4.0, 2.0, 1.0]), 0.01, 0.002
    found = half_learned(strengths, start, rate)
    for strength, time in zip(strengths, found, strict=True):
        published = math.log(strength / start - 1) / (2 * strength)
        rows.append(
            Row(f"s = {strength:g} half learned at t/τ", f"{published:.3f}", float(time), "0.01", 0, "ln(s/u₀ − 1)/2s")
        )
    return rows


def half_learned(strengths: Array, start: float, rate: float) -> Array:
    """Times t/τ at which a linear 4-4-3 network has half of each singular value s of the map that it is to learn.

    Rows with mean 0 and covariance 1, y = x A with singular values `strengths`; both weights start at √`start` along
    A's own singular vectors, small steps stand for the gradient flow. The mean squared error has 2/3 of the slope of
    ½|y − z|², so that a step is 2/3 `rate` of t/τ.
    """
    two = np.array([[1.0, 1.0], [1.0, -1.0]])
    x = np.kron(np.kron(two, two), two)[:, 1:5]
    rng = np.random.default_rng(0)
    left, right, turn = (INITIALIZERS["orthogonal"](rng, n, n) for n in (4, 3, 4))
    network = MLP(Layout((4, 4, 3)), "linear")
    y = x @ left[:, :3] * strengths @ right
    first, second = left[:, :3] @ turn[:3], turn[:3].T @ right
    theta = network.layout.join([(math.sqrt(start) * first, np.zeros(4)), (math.sqrt(start) * second, np.zeros(3))])
    loss, tape = LOSSES["mse"], network.tape(theta, x)
    times, before = np.full(len(strengths), np.nan), np.full(len(strengths), start)
    step = 0
    while np.isnan(times).any():
        network.forward(theta, x, tape)
        grad, _ = network.backward(theta, tape, loss.delta(tape.z[-1], y))
        theta = theta - rate * grad
        (w, _), (v, _) = network.layout.split(theta)
        now = np.linalg.svd(w @ v, compute_uv=False)
        crossed = np.isnan(times) & (now >= strengths / 2)
        part = (strengths / 2 - before) / (now - before)
        times[crossed] = (step + part[crossed]) * rate * 2 / 3
        step, before = step + 1, now
    return times


def glorot() -> list[Row]:
    """Five tanh layers of 500 units, with U(±1/√n) and with the normalized initialization."""
    rows = []
    standard = ("standard", "lecun_uniform", 1 / math.sqrt(3), "0.58", "1/√3", "0.5")
    normalized = ("normalized", "xavier_uniform", 1.0, "1.00", "", "0.8")
    for name, init, gain, delta, formula, singular in (standard, normalized):
        for deviation, allowed in ((0.1, "0.02"), (1.0, "0.25")):
            weights, z, deltas, grads = passes((500,) * 6 + (10,), "tanh", init, 0, gain, deviation=deviation)
            slopes = [ACTIVATIONS["tanh"].slope(each[0]) for each in z]
            values = [jacobian_singular_values([weights[layer]], [slopes[layer]]).mean() for layer in range(1, 5)]
            inputs = f"{name}, inputs of deviation {deviation:g}"
            rows += [
                Row(f"{inputs}: δ per layer (figure 7)", delta, factor(deltas[:-1]), allowed, 0, formula),
                Row(f"{inputs}: ∂E/∂W per layer (figure 8)", "1.00", factor(grads[:-1]), "0.05", 0),
                Row(f"{inputs}: mean singular value of a layer", singular, float(np.mean(values)), "0.1", 1),
            ]
    return rows
