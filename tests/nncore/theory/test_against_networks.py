"""Experiments: networks that were really drawn, beside what theory says of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from nncore import INITIALIZERS, MLP, Layout, RunConfig
from nncore.seeds import SeedRuns, inside_theory, run_seeds
from nncore.theory import make_ensemble, predict, predict_config, sample_norms

CASES = json.loads((Path(__file__).parents[2] / "cases" / "theory.json").read_text())["cases"]
SERIES = {case["id"]: case for case in CASES if case["group"] == "layer_series"}


def measure(
    network: MLP, init: str, gain: float, bias_std: float, x: np.ndarray, output: np.ndarray, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """ln mean_s |delta_l|^2 of each sample's own loss, ln |dE/dW_l|^2 of the mean loss, (seeds, n_layers)."""
    n = len(x)
    deltas, grads = [], []
    for seed in range(seeds):
        theta = INITIALIZERS[init].theta(np.random.default_rng((7, seed)), network, gain=gain, bias_std=bias_std)
        grad, delta = network.backward(theta, network.forward(theta, x), output / n)
        deltas.append([np.log((each**2).sum() * n) for each in delta])
        grads.append([np.log((weight**2).sum()) for weight, _ in network.layout.split(grad)])
    return np.array(deltas), np.array(grads)


def variance(init: str, fans: tuple[int, int], gain: float) -> float:
    std = INITIALIZERS[init].std(*fans, gain)
    assert std is not None
    return std**2


def one_input(width: int, seed: int = 3) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((1, width))
    return x * np.sqrt(width) / np.linalg.norm(x)


GOOD = {
    "linear": 1.0,
    "relu": 2.0,
    "leaky_relu": 1.6,
    "tanh": 1.0,
    "erf": 2.0,
    "hard_tanh": 1.5,
    "softsign": 1.0,
    "sigmoid": 1.0,
    "elu": 1.2,
    "selu": 1.0,
}


@pytest.mark.parametrize("name", GOOD)
def test_the_mean_of_wide_networks_lies_on_the_shifted_curve(name: str) -> None:
    """Width 512, 20 seeds: ln |delta_1|^2 within four standard errors of curve - beta / 2. The planted
    mistake, a quarter more weight variance, lies outside."""
    width, depth, seeds = 512, 6, 20
    layout, sigma_w2 = Layout((width,) * depth + (1,)), GOOD[name]
    measured, _ = measure(
        MLP(layout, name), "lecun_normal", sigma_w2**0.5, 0.1, one_input(width), np.ones((1, 1)), seeds
    )
    found = (measured - measured[:, -1:]).mean(axis=0)[0]

    def distance(sigma_w2: float) -> float:
        curves = predict(layout, name, sigma_w2 / width, 0.01, n_draws=2)
        error = 1.3 * np.sqrt(curves.beta[0] / seeds)
        return abs(found - (curves.log_delta2[0] - curves.beta[0] / 2)) / error

    assert distance(sigma_w2) < 4
    assert distance(1.25 * sigma_w2) > 4


@pytest.mark.parametrize(
    ("name", "init", "gain", "options"),
    [
        ("relu", "he_normal", 1.0, {}),
        ("tanh", "xavier_uniform", 5 / 3, {}),
        ("gelu", "he_normal", 1.0, {}),
        ("softplus", "lecun_normal", 1.2, {}),
        ("tanh", "orthogonal", 1.0, {}),
        ("relu", "orthogonal", 2**0.5, {}),
        ("tanh", "lecun_normal", 1.0, {"skip": True}),
        ("relu", "lecun_normal", 1.0, {"skip": True}),
        ("selu", "lecun_normal", 1.0, {"normalization": "layer"}),
    ],
)
def test_single_narrow_networks_fall_into_the_band(name: str, init: str, gain: float, options: dict) -> None:
    """95 % of them, marginal gelu and skipping relu included. The planted mistake is another activation."""
    layout, seeds = Layout((48,) * 10 + (24, 48, 2)), 100
    network = MLP(layout, name, **options)
    output = np.ones((1, 2)) / 2**0.5
    deltas, grads = measure(network, init, gain, 0.0, one_input(48), output, seeds)

    def inside(name: str) -> tuple[float, float]:
        variances = [variance(init, fans, gain) for fans in layout.fans]
        curves = predict(layout, name, variances, orthogonal=init == "orthogonal", **options)
        shares = []
        for measured, band in ((deltas, curves.delta_band), (grads, curves.weight_grad_band)):
            ratio = np.exp((measured - measured[:, -1:])[:, :-1] / 2)
            shares.append(float(((band[0, :-1] <= ratio) & (ratio <= band[1, :-1])).mean()))
        return shares[0], shares[1]

    assert min(inside(name)) > 0.87
    assert inside("sigmoid")[0] < 0.5


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_lsuv_networks_fall_into_their_band(name: str) -> None:
    """Two inputs and one output unit, whose own z is mostly a mean: the line was off by up to 61,000 there."""
    config = RunConfig(dataset="moons", n_samples=100, hidden=(32,) * 10, activation=name, init="lsuv", steps=0)
    inside = inside_theory(run_seeds(SeedRuns(config, 40)), predict_config(config))
    assert inside.mean() > 0.8 and inside.min() > 0.7


@pytest.mark.parametrize("features", [2, 100])
@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_batch_normalized_networks_lie_on_their_curve(name: str, features: int) -> None:
    layout, n = Layout((features, *(200,) * 6, 1)), 48
    rng = np.random.default_rng(5)
    x, output = rng.standard_normal((n, features)), rng.choice([-1.0, 1.0], (n, 1))
    deltas, grads = measure(MLP(layout, name, "batch"), "lecun_normal", 1.0, 0.0, x, output, seeds=16)
    curves = predict(
        layout,
        name,
        [1 / fan_in for fan_in, _ in layout.fans],
        gram=x @ x.T / features,
        normalization="batch",
        output_gram=output @ output.T,
    )
    found = np.log(np.exp(deltas - deltas[:, -1:]).mean(axis=0))
    np.testing.assert_allclose(found[1:], curves.log_delta2[1:], atol=0.2)
    np.testing.assert_allclose(np.log(np.exp(grads).mean(axis=0))[1:], curves.log_weight_grad2[1:], atol=0.3)
    if features > 2:  # the first layer of two features divides by almost anything: heavy tails
        assert abs(found[0] - curves.log_delta2[0]) < 0.2


def test_a_batch_through_unequal_widths_lies_on_its_curve() -> None:
    layout, n, features = Layout((30, 200, 150, 250, 200, 3)), 12, 30
    rng = np.random.default_rng(6)
    x, output = rng.standard_normal((n, features)), rng.standard_normal((n, 3))
    _, grads = measure(MLP(layout, "tanh"), "xavier_normal", 1.6, 0.2, x, output, seeds=24)
    variances = [variance("xavier_normal", fans, 1.6) for fans in layout.fans]
    curves = predict(layout, "tanh", variances, 0.04, x @ x.T / features, output_gram=output @ output.T, n_draws=2)
    found = np.log(np.exp(grads).mean(axis=0))
    unit = np.log((output**2).sum() / n)
    np.testing.assert_allclose(found - unit, curves.log_weight_grad2, atol=0.12)
    coherent = predict(layout, "tanh", variances, 0.04, 1.0, n_draws=2).log_weight_grad2
    assert (np.abs(found - unit - coherent)[1:] > 0.3).all()


@pytest.mark.parametrize("name", SERIES)
def test_simulated_norms_match_the_recorded_monte_carlo(name: str) -> None:
    """Mean and scatter of 231 real networks of width 100, in all phases, marginal ones included."""
    inputs, recorded = SERIES[name]["inputs"], SERIES[name]["mc"]["100"]
    ensemble = make_ensemble(
        (100,) * (inputs["depth"] + 1) + (1,), inputs["activation"], inputs["sw2"] / 100, inputs["sb2"]
    )
    samples = sample_norms(ensemble, inputs["q_input"], n_draws=250, seed=4)
    last = inputs["depth"] - 1
    for logs, mean, deviation in (
        (samples.log_delta2, "log_delta2_1_over_30_mean", "sd"),
        (samples.log_weight_grad2, "log_dW2_mean", "dW_sd"),
    ):
        simulated = logs[:, 0] - logs[:, last]
        error = recorded[deviation] * np.sqrt(1 / 231 + 1 / 250)
        assert abs(simulated.mean() - recorded[mean]) < 4 * error
        assert simulated.std() == pytest.approx(recorded[deviation], rel=0.25)


def test_the_band_follows_a_networks_q_as_well() -> None:
    layout = Layout((40,) * 9 + (1,))
    network = MLP(layout, "relu")
    inside = []
    curves = predict(layout, "relu", 2 / 40)
    for seed in range(60):
        theta = INITIALIZERS["he_normal"].theta(np.random.default_rng((8, seed)), network)
        q = [float((z**2).mean()) for z in network.forward(theta, one_input(40)).z]
        inside.append((curves.q_band[0] <= q) & (q <= curves.q_band[1]))
    assert np.mean(inside) > 0.88
