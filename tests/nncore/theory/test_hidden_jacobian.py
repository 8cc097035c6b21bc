"""A network's own hidden Jacobian: singular values against finite differences and against theory."""

import numpy as np
import pytest

from nncore import ACTIVATIONS, RunConfig
from nncore.theory.hidden_jacobian import MOST_ROWS, hidden_spectrum, partner, rows_affordable, spectra
from nncore.theory.of_config import standing

SMALL = RunConfig(hidden=(6, 5, 4), activation="tanh", n_samples=40, gain=1.3, bias_std=0.3)


def by_differences(config: RunConfig, row: int) -> np.ndarray:
    """Singular values of d a_depth / d a_1, by central differences through the network behind layer 1."""
    network, x = config.network(), config.probe()[0]
    theta = config.initial_theta()
    tape = network.forward(theta, x)
    a = tape.a[1][row].copy()

    def rest(first: np.ndarray) -> np.ndarray:
        for index, (weight, bias) in enumerate(network.layout.split(theta)[1 : config.depth], start=1):
            z = first @ weight + bias
            if config.normalization == "layer":
                z = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
            if config.normalization == "batch":
                mean, inverse_std = (each[:, 0] for each in tape.statistics[index])
                z = (z - mean) * inverse_std
            out = network.activations[index](z)
            first = out + first if network.skips[index] else out
        return first

    step = 1e-6
    columns = [(rest(a + step * unit) - rest(a - step * unit)) / (2 * step) for unit in np.eye(len(a))]
    return np.linalg.svd(np.array(columns), compute_uv=False)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": "gelu"},
        {"activation": ("tanh", "sigmoid", "elu")},
        {"normalization": "layer"},
        {"normalization": "batch"},
        {"skip": True, "hidden": (5, 5, 5)},
        {"init": "lsuv"},
    ],
    ids=str,
)
def test_singular_values_are_those_of_finite_differences(changes: dict) -> None:
    config = SMALL.replace(**changes)
    found = hidden_spectrum(config, 3)
    rows = np.linspace(0, len(config.probe()[0]) - 1, 3).round().astype(int)
    for place, row in enumerate(rows):
        np.testing.assert_allclose(found.values[place], by_differences(config, int(row)), atol=2e-8)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("init", ["lecun_normal", "orthogonal"])
def test_spread_is_near_theory_at_large_width(activation: str, init: str) -> None:
    gain = 2**0.5 if activation == "relu" else 1.2
    config = RunConfig(dataset="digits", hidden=(160,) * 4, activation=activation, init=init, gain=gain)
    found = hidden_spectrum(config, 2)
    assert found.predicted_spread is not None
    assert found.spread == pytest.approx(found.predicted_spread, rel=0.2, abs=1e-9)
    assert found.mean_square == pytest.approx(found.predicted_mean, rel=0.2)


def test_wrong_initializer_is_far_from_the_others_theory() -> None:
    config = RunConfig(dataset="digits", hidden=(128,) * 5, activation="tanh", init="lecun_normal")
    assert hidden_spectrum(config, 2).spread > 3 * (hidden_spectrum(partner(config), 2).predicted_spread or 0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_a_spectrum(name: str) -> None:
    config = SMALL.replace(activation=name)
    pair = [hidden_spectrum(each, 2) for each in (config, partner(config))]
    measured = spectra(*pair)
    zeros = (measured.columns or {})["zeros"][1]
    np.testing.assert_allclose(measured["share"].sum(axis=1) + zeros, 1)
    assert (zeros == 1).all() == (name == "sign")
    assert len(measured.frame()) == 2 * len(measured.axes["bin"])


@pytest.mark.parametrize("init", ["lecun_normal", "xavier_uniform", "orthogonal", "lsuv", "pytorch_default"])
def test_partner_keeps_sigma_w_and_changes_orthogonality(init: str) -> None:
    config = RunConfig(hidden=(8,) * 3, init=init, gain=1.4)
    other = partner(config)
    assert (other.init == "orthogonal") == (init not in ("orthogonal", "lsuv"))
    assert (standing(other).point or (0,))[0] == pytest.approx((standing(config).point or (1,))[0])


@pytest.mark.parametrize(
    "changes", [{"skip": True}, {"normalization": "layer"}, {"activation": "sign"}, {"init": "constant"}]
)
def test_no_theory_is_claimed_where_there_is_none(changes: dict) -> None:
    found = hidden_spectrum(SMALL.replace(hidden=(5, 5, 5), **changes), 1)
    assert found.predicted_spread is None
    assert found.predicted_mean is None


def test_huge_and_tiny_jacobians_keep_their_spread() -> None:
    config = RunConfig(hidden=(8,) * 60, activation="linear", init="lecun_normal", n_samples=40)
    spreads = [hidden_spectrum(config.replace(gain=gain), 1).spread for gain in (1e-3, 1.0, 100.0)]
    np.testing.assert_allclose(spreads, spreads[1], rtol=1e-6)


def test_mean_square_leaves_the_range_of_floats_without_a_warning() -> None:
    config = RunConfig(hidden=(8,) * 80, activation="linear", init="lecun_normal", n_samples=40, gain=100.0)
    found = hidden_spectrum(config, 1)
    assert np.isfinite(found.values).all() and found.values.max() > 1e150
    assert found.mean_square == found.predicted_mean == np.inf


def test_cost_is_bounded_and_refused_in_a_sentence() -> None:
    assert rows_affordable(SMALL) == MOST_ROWS
    assert rows_affordable(RunConfig(hidden=(256,) * 50)) == 1
    for config, reason in (
        (RunConfig(hidden=(8,)), "two hidden layers or more; got depth 1"),
        (RunConfig(hidden=(4096,) * 50), "make it narrower or shallower"),
        (RunConfig(hidden=(256,) * 50, init="lsuv"), "make it narrower or shallower"),
    ):
        with pytest.raises(ValueError, match=reason):
            rows_affordable(config)
    with pytest.raises(ValueError, match="two layers or more; got 1"):
        hidden_spectrum(RunConfig(hidden=(8,)), 1)
    with pytest.raises(ValueError, match="not finite"):
        hidden_spectrum(RunConfig(hidden=(8,) * 200, activation="relu", init="normal", init_scale=100.0), 1)
