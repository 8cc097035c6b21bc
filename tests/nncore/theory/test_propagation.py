import numpy as np
import pytest

from nncore import ACTIVATIONS
from nncore.theory import c_map, chi_1, chi_parallel, depth_scale, fixed_point, phase_diagram, q_map


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_phase_diagram_holds_fixed_points_that_iteration_reaches(name: str) -> None:
    sigma_w2, sigma_b2 = np.meshgrid([0.3, 0.9, 1.5, 1.9], [0.0, 0.05, 0.6])
    diagram = phase_diagram(name, sigma_w2, sigma_b2)
    q = sigma_w2 + sigma_b2
    for _ in range(400):
        q = q_map(name, np.minimum(q, 1e250), sigma_w2, sigma_b2)
    settled = (diagram.q_star > 1e-6) & np.isfinite(diagram.q_star) & (diagram.chi_parallel < 0.95)
    assert settled.any() or name == "linear"
    np.testing.assert_allclose(diagram.q_star[settled], q[settled], rtol=1e-7)
    assert (q[diagram.q_star == 0] < 0.02).all()
    assert (q[np.isinf(diagram.q_star)] > 1e3).all()


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "sign"])
def test_diagram_and_single_point_agree(name: str) -> None:
    diagram = phase_diagram(name, [0.7, 1.6], 0.3)
    for index, sigma_w2 in enumerate((0.7, 1.6)):
        point = fixed_point(name, sigma_w2, 0.3)
        for field in ("q_star", "chi_1", "chi_parallel", "xi_q", "xi_gradient"):
            np.testing.assert_allclose(getattr(diagram, field)[index], getattr(point, field), rtol=1e-6)


@pytest.mark.parametrize("name", ["tanh", "softsign", "hard_tanh", "erf", "sigmoid", "selu"])
def test_c_star_is_a_fixed_point_of_the_c_map_with_the_slope_given(name: str) -> None:
    sigma_w2 = {"sigmoid": 160.0, "selu": 1.2, "softsign": 6.0}.get(name, 3.0)
    point = fixed_point(name, sigma_w2, 0.1)
    assert point.phase == "chaotic"
    assert 0 < point.c_star < 1
    np.testing.assert_allclose(c_map(name, point.c_star, point.q_star, sigma_w2, 0.1), point.c_star, rtol=1e-9)
    near = c_map(name, point.c_star + np.array([-1e-6, 1e-6]), point.q_star, sigma_w2, 0.1)
    np.testing.assert_allclose(np.diff(near)[0] / 2e-6, point.c_slope, rtol=1e-6)


def test_depth_scales_are_the_rates_of_convergence() -> None:
    point = fixed_point("tanh", 0.8, 0.1)
    q, c = np.array([point.q_star + 1e-6]), 1 - 1e-6
    moved_q = q_map("tanh", q, 0.8, 0.1) - point.q_star
    moved_c = 1 - c_map("tanh", c, point.q_star, 0.8, 0.1)
    np.testing.assert_allclose(moved_q / 1e-6, np.exp(-1 / point.xi_q), rtol=1e-5)
    np.testing.assert_allclose(moved_c / 1e-6, np.exp(-1 / point.xi_c), rtol=1e-5)
    assert point.xi_c == pytest.approx(point.xi_gradient, rel=1e-12)


def test_depth_scale_names_its_extremes() -> None:
    np.testing.assert_array_equal(depth_scale([0.0, 1.0, np.e]), [0.0, np.inf, -1.0])


def test_where_there_are_several_fixed_points_the_start_decides() -> None:
    """gelu at sigma_w2 = 2.1 falls to 0 from q = 1 and explodes from q = 1e6."""
    low, high = (fixed_point("gelu", 2.1, q_start=q) for q in (1.0, 1e6))
    assert (low.q_star, low.phase) == (0.0, "ordered")
    assert (high.q_star, high.phase) == (np.inf, "chaotic")


def test_relu_at_he_keeps_any_q() -> None:
    point = fixed_point("relu", 2.0, q_start=7.5)
    assert (point.q_star, point.chi_1, point.xi_q, point.phase) == (7.5, 1.0, np.inf, "critical")
    assert fixed_point("relu", 2.0, 0.1).q_star == np.inf


def test_tanh_at_one_ends_at_zero_and_is_critical() -> None:
    point = fixed_point("tanh", 1.0)
    assert (point.q_star, point.c_star, point.phase) == (0.0, 1.0, "critical")


def test_sign_is_always_chaotic_and_has_no_chi() -> None:
    point = fixed_point("sign", 0.5, 0.1)
    assert np.isnan(point.chi_1)
    assert point.phase == "chaotic"
    assert 0 < point.c_star < 1


def test_without_any_variance_everything_is_zero() -> None:
    point = fixed_point("tanh", 0.0)
    assert (point.q_star, point.chi_1, point.c_star, point.phase) == (0.0, 0.0, 1.0, "ordered")


def test_chi_is_taken_at_the_q_given() -> None:
    assert chi_1("relu", 3.0, 1.8) == pytest.approx(0.9)
    assert chi_parallel("linear", [1.0, 2.0], 1.5).tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_point("tanh", -1.0), "sigma_w2 must be a variance, zero or positive and finite; got -1"),
        (lambda: phase_diagram("tanh", 1.0, [0.1, -0.2]), "sigma_b2 must be a variance"),
        (lambda: q_map("tanh", 1.0, 1.0, np.inf), "sigma_b2 must be a variance"),
        (lambda: c_map("tanh", -1.5, 1.0, 1.0), "c must be a correlation between -1 and 1"),
        (lambda: fixed_point("tnh", 1.0), "did you mean 'tanh'"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
