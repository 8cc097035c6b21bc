"""What the signal-propagation page draws: ranges, phases, the critical line, staircases, chi against gain."""

import numpy as np
import pytest

from nncore import ACTIVATIONS, INITIALIZERS, RunConfig
from nncore.theory import critical_point, fixed_point, gaussian_moments, predict_config
from nncore.theory.diagrams import (
    c_staircase,
    critical_curve,
    critical_gain,
    extent,
    gain_curve,
    gain_of,
    gained,
    mean_factor,
    nice,
    phase_map,
    q_staircase,
)
from nncore.theory.of_config import first_q, standing

SMOOTH = [name for name, phi in ACTIVATIONS.items() if phi.kind != "threshold"]


# Where a config stands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "sigma_w2"),
    [("lecun_uniform", 1.0), ("he_normal", 2.0), ("pytorch_default", 1 / 3), ("orthogonal", 1.0), ("zeros", 0.0)],
)
def test_standing_is_fan_in_times_the_weights_variance(init: str, sigma_w2: float) -> None:
    here = standing(RunConfig(hidden=(20, 20, 20), init=init, gain=1.5, bias_std=0.4))
    own = 1.5**2 / 3 / 20 if init == "pytorch_default" else 0.0
    assert here.point == pytest.approx((1.5**2 * sigma_w2, 0.16 + own), rel=1e-12)
    assert here.spread is None


def test_standing_of_rectangular_layers_is_their_median_and_says_so() -> None:
    here = standing(RunConfig(hidden=(10, 30, 10, 40), init="xavier_normal"))
    np.testing.assert_allclose(here.sigma_w2[1:], [20 / 40, 60 / 40, 20 / 50])
    assert here.point == pytest.approx((0.5, 0.0))
    assert here.spread == pytest.approx((0.4, 1.5))


def test_standing_without_hidden_layer_is_nowhere_and_with_one_it_is_that_layers() -> None:
    assert standing(RunConfig(hidden=())).point is None
    assert standing(RunConfig(hidden=(), init="lsuv")).point is None
    assert standing(RunConfig(hidden=(8,), init="he_normal")).point == pytest.approx((2.0, 0.0))


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_standing_of_lsuv_keeps_q_at_gain_squared(activation: str) -> None:
    config = RunConfig(hidden=(16,) * 4, init="lsuv", gain=1.5, bias_std=0.5, activation=activation)
    w, b = standing(config).point or (0.0, 0.0)
    assert w * float(gaussian_moments(activation, 2.25).phi2) + b == pytest.approx(2.25, rel=1e-12)
    assert first_q(config) == pytest.approx(2.25, rel=1e-12)


@pytest.mark.parametrize("init", [name for name in INITIALIZERS if name not in ("zeros", "constant", "lsuv")])
def test_first_q_is_that_of_the_prediction(init: str) -> None:
    config = RunConfig(dataset="iris", hidden=(16, 16), init=init, gain=1.3, bias_std=0.2)
    assert first_q(config) == pytest.approx(predict_config(config, rows=256).q[0], rel=1e-10)


def test_prediction_ignores_a_scale_that_the_initializer_does_not_take() -> None:
    config = RunConfig(hidden=(16, 16), init="he_normal")
    np.testing.assert_array_equal(predict_config(config.replace(init_scale=0.3)).q, predict_config(config).q)


# The diagram ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_diagram_of_every_activation_is_whole_and_its_range_shows_the_critical_point(name: str) -> None:
    right, top = extent(name)
    measured = phase_map(name, right, top)
    chi = measured["chi_1"]
    assert chi.shape == (len(measured.axes["sigma_b2"]), len(measured.axes["sigma_w2"]))
    assert np.isnan(chi).all() if name == "sign" else np.isfinite(chi).all()
    point = critical_point(name) or critical_point(name, "double")
    if point is not None:
        assert 0.15 * right <= point.sigma_w2 <= 0.6 * right
        assert point.sigma_b2 <= top
        assert (chi < 0.95).mean() > 0.1
        assert (chi > 1).mean() > 0.1


def test_diagram_that_begins_above_zero_goes_up_by_a_factor() -> None:
    measured = phase_map("sigmoid", 1000.0, 25.0, 0.1)
    w = measured.axes["sigma_w2"]
    np.testing.assert_allclose(w[[0, -1]], (0.1, 1000.0))
    np.testing.assert_allclose(w[1:] / w[:-1], w[1] / w[0])
    assert measured["chi_1"].shape == (len(measured.axes["sigma_b2"]), len(w))


@pytest.mark.parametrize("name", SMOOTH)
def test_critical_curve_runs_where_chi_is_one(name: str) -> None:
    right, top = extent(name)
    w, b = critical_curve(name, right, top)
    if name == "softplus":
        assert not len(w)
        return
    if name in ("linear", "relu", "leaky_relu"):
        assert (len(w), b.tolist()) == (1, [0.0])
        return
    assert len(w) > 20
    # q* of a half-stable point, where the line of gelu and its kin begins, is found to a few digits only
    for place in np.linspace(4, len(w) - 1, 4).round().astype(int):
        found = [fixed_point(name, w[place], b[place], q_start=q).chi_1 for q in (1e-3, w[place] + b[place], 1e3)]
        assert min(abs(chi - 1) for chi in found) < 1e-3
    starts_at_zero = name in ("tanh", "softsign", "hard_tanh", "erf", "elu", "selu")
    assert (b[0] == 0) == starts_at_zero


def test_sign_has_no_critical_curve() -> None:
    assert not len(critical_curve("sign", 4.0, 1.0)[0])


@pytest.mark.parametrize("value", [1e-3, 0.61, 1.0, 4.0000001, 7.5, 206.0])
def test_nice_is_the_next_round_number(value: float) -> None:
    assert value * (1 - 1e-9) <= nice(value) <= 1.51 * value


# Staircases -------------------------------------------------------------------------------------------------


def test_q_staircase_is_the_recursion_and_ends_where_it_settles() -> None:
    measured = q_staircase("relu", 1.0, 0.5, q_start=2.0, layers=4)
    on_path = np.isfinite(measured["layer"])
    np.testing.assert_allclose(measured["q"][on_path], [2.0, 1.5, 1.25])
    np.testing.assert_allclose(measured["q_next"][on_path], [1.5, 1.25, 1.125])
    np.testing.assert_array_equal(measured["layer"][on_path], [1, 2, 3])
    curve = ~on_path
    np.testing.assert_allclose(measured["q_next"][curve], measured["q"][curve] / 2 + 0.5)
    settled = q_staircase("linear", 1.0, 0.0, q_start=2.0, layers=40)
    assert np.isfinite(settled["layer"]).sum() == 1
    assert q_staircase("relu", 3.0, 0.0, 1.0, 200)["q_next"].max() < 1e20


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_c_staircase_moves_towards_the_fixed_point(name: str) -> None:
    found = fixed_point(name, 1.5, 0.1)
    measured = c_staircase(name, 1.5, 0.1, found.q_star if 0 < found.q_star < np.inf else 1.0, 0.3, 30)
    path = measured["c_next"][np.isfinite(measured["layer"])]
    assert (np.abs(path) <= 1).all()
    if 0 < found.q_star < np.inf:
        assert abs(path[-1] - found.c_star) < abs(0.3 - found.c_star) + 1e-9
    without = c_staircase(name, 0.0, 0.0, 1.0, 0.5, 5)
    assert not np.isfinite(without["c_next"]).any()


def test_mean_factor_uses_each_layers_own_q() -> None:
    q = [1.0, float(gaussian_moments("tanh", 1.0).phi2) * 2.0]
    chis = [2.0 * float(gaussian_moments("tanh", each).slope2) for each in q]
    assert mean_factor("tanh", 2.0, 0.0, 1.0, 2) == pytest.approx((chis[0] * chis[1]) ** 0.25, rel=1e-12)
    assert np.isnan(mean_factor("sign", 2.0, 0.0, 1.0, 2))
    assert mean_factor("tanh", 0.0, 0.0, 1.0, 3) == 0.0


# Gains ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "sign"])
def test_critical_gain_puts_the_network_on_the_line(init: str, activation: str) -> None:
    config = RunConfig(hidden=(20,) * 4, init=init, activation=activation)
    critical = critical_gain(config, activation)
    if activation in ("gelu", "sign") or (activation == "relu" and init == "pytorch_default"):
        assert critical is None
        return
    assert critical is not None
    w, b = gained(config, critical)
    assert fixed_point(activation, float(w), float(b)).chi_1 == pytest.approx(1, abs=1e-6)
    name, now = gain_of(config)
    if name == init:
        assert now == config.gain
        own = standing(config.replace(gain=critical)).point
        assert own == pytest.approx((float(w), float(b)), rel=1e-9)
    else:
        assert init in ("zeros", "constant", "lsuv")
        assert name == "lecun_normal"


def test_gain_curve_crosses_one_at_the_critical_gain() -> None:
    measured = gain_curve(RunConfig(init="he_normal"), "relu", 2.0)
    np.testing.assert_allclose(measured["chi_1"], measured.axes["gain"] ** 2, rtol=1e-9)
    assert np.isnan(gain_curve(RunConfig(), "sign", 2.0)["chi_1"]).all()
