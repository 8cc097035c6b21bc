import numpy as np
import pytest
from scipy.stats import multivariate_normal

from nncore import ACTIVATIONS, Activation
from nncore.theory import gaussian_moments, kernels, two_point
from nncore.theory.kernels import pair_kernels


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equal_inputs_share_their_moments(name: str) -> None:
    q = np.array([0.2, 3.0])
    kernel, moments = two_point(name, 1.0, q), gaussian_moments(name, q)
    np.testing.assert_allclose(kernel.phi_phi, moments.phi2, rtol=1e-12)
    np.testing.assert_allclose(kernel.slope_slope, moments.slope2, rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_unrelated_inputs_share_their_means(name: str) -> None:
    kernel = two_point(name, 0.0, 0.7, 2.0)
    product = gaussian_moments(name, 0.7).phi * gaussian_moments(name, 2.0).phi
    np.testing.assert_allclose(kernel.phi_phi, product, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("c", [-0.97, -0.3, 0.5, 0.9, 0.998])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_series_and_the_closed_forms_match_quadrature(name: str, c: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = two_point(name, c, 1.3, 0.4)
    monkeypatch.setattr(kernels, "SERIES_ERROR", -1.0)
    monkeypatch.setattr(kernels, "CLOSED_KERNELS", {})
    integrated = two_point(name, c, 1.3, 0.4)
    np.testing.assert_allclose(found.phi_phi, integrated.phi_phi, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.slope_slope, integrated.slope_slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("c", [-0.999, 0.6, 0.99, 0.99999])
def test_hard_tanh_slopes_are_the_probability_of_a_box(c: float) -> None:
    q = 2.0
    covariance = [[q, c * q], [c * q, q]]
    box = multivariate_normal.cdf([1, 1], cov=covariance, lower_limit=[-1, -1], abseps=1e-10, releps=1e-10)
    np.testing.assert_allclose(two_point("hard_tanh", c, q).slope_slope, box, rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_in_c_is_prices(name: str) -> None:
    c = np.array([-0.6, 0.1, 0.8])
    slope = (two_point(name, c + 1e-5, 1.5).phi_phi - two_point(name, c - 1e-5, 1.5).phi_phi) / 2e-5
    np.testing.assert_allclose(two_point(name, c, 1.5).by_c, slope, rtol=1e-7, atol=1e-9)


def test_large_q_and_nearly_equal_inputs_are_resolved() -> None:
    """tanh(100 z) is almost sign: its kernel is almost (2/pi) arcsin c, and below it."""
    c = np.array([0.3, 0.9, 0.9999])
    found = two_point("tanh", c, 1e4).phi_phi
    arc = 2 / np.pi * np.arcsin(c)
    assert (found < arc).all()
    np.testing.assert_allclose(found, arc, rtol=6e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_pairs_of_a_batch_match_two_point(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((20, 3))
    covariance = x @ x.T
    phi_phi, slope_slope = pair_kernels(name, covariance)
    sigma = np.sqrt(np.diagonal(covariance))
    exact = two_point(name, covariance / np.outer(sigma, sigma), sigma[:, None] ** 2, sigma**2)
    scale = np.sqrt(np.outer(np.diagonal(exact.phi_phi), np.diagonal(exact.phi_phi)))
    np.testing.assert_allclose(phi_phi / scale, exact.phi_phi / scale, atol=1e-3)
    np.testing.assert_allclose(slope_slope, exact.slope_slope, atol=2.5e-2 if name == "hard_tanh" else 5e-3)
    np.testing.assert_allclose(np.diagonal(slope_slope), np.diagonal(exact.slope_slope), atol=1e-7)


def test_an_input_at_the_origin_is_a_limit_not_a_division_by_zero() -> None:
    covariance = np.array([[0.0, 0.0], [0.0, 2.0]])
    for name in ("tanh", "selu", "relu", "softplus"):
        phi_phi, _ = pair_kernels(name, covariance)
        at_zero = float(ACTIVATIONS[name](np.zeros(1))[0])
        np.testing.assert_allclose(phi_phi[0, 0], at_zero**2, atol=1e-15)
        np.testing.assert_allclose(phi_phi[0, 1], at_zero * gaussian_moments(name, 2.0).phi, atol=1e-12)


def test_ones_own_activation_has_kernels_too() -> None:
    """sine: E[sin u sin u'] = exp(-q) sinh(c q)."""
    sine = Activation("sine", np.sin, np.cos)
    c, q = np.array([-0.5, 0.2, 0.95]), 1.7
    np.testing.assert_allclose(two_point(sine, c, q).phi_phi, np.exp(-q) * np.sinh(c * q), rtol=1e-11)
    np.testing.assert_allclose(two_point(sine, c, q).slope_slope, np.exp(-q) * np.cosh(c * q), rtol=1e-11)


def test_a_correlation_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^c must be a correlation between -1 and 1; got 1.2$"):
        two_point("tanh", 1.2, 1.0)
    with pytest.raises(ValueError, match="q_other must be a variance"):
        two_point("tanh", 0.5, 1.0, -1.0)
