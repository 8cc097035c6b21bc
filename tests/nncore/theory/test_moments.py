import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy.special import erfcx, ndtr

from nncore import ACTIVATIONS, Activation
from nncore.theory import gaussian_moments

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

mp = mpmath.mp.clone()
mp.dps = 25


def _mp_erf(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    return mp.erf(u), 2 / mp.sqrt(mp.pi) * mp.exp(-u * u)


def _mp_gelu(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    cdf = mp.erfc(-u / mp.sqrt(2)) / 2
    return u * cdf, cdf + u * mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


def _mp_sigmoid(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    s = 1 / (1 + mp.exp(-u))
    return s, s * (1 - s)


def _mp_silu(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    s = 1 / (1 + mp.exp(-u))
    return u * s, s * (1 + u * (1 - s))


def _mp_mish(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    t = mp.tanh(mp.log1p(mp.exp(u)))
    return u * t, t + u * (1 - t * t) / (1 + mp.exp(-u))


def _mp_elu(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    return (u, mp.mpf(1)) if u > 0 else (mp.expm1(u), mp.exp(u))


def _mp_selu(u: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    inner, scale = mp.mpf(SELU_ALPHA), mp.mpf(SELU_SCALE)
    return (scale * u, scale) if u > 0 else (scale * inner * mp.expm1(u), scale * inner * mp.exp(u))


PRECISE: dict[str, Callable[[mpmath.mpf], tuple[mpmath.mpf, mpmath.mpf]]] = {
    "linear": lambda u: (u, mp.mpf(1)),
    "sign": lambda u: (mp.sign(u), mp.mpf(0)),
    "sigmoid": _mp_sigmoid,
    "tanh": lambda u: (mp.tanh(u), 1 / mp.cosh(u) ** 2),
    "relu": lambda u: (max(u, mp.mpf(0)), mp.mpf(u > 0)),
    "leaky_relu": lambda u: (u, mp.mpf(1)) if u > 0 else (u * mp.mpf(0.01), mp.mpf(0.01)),
    "elu": _mp_elu,
    "selu": _mp_selu,
    "gelu": _mp_gelu,
    "silu": _mp_silu,
    "softplus": lambda u: (mp.log1p(mp.exp(u)), 1 / (1 + mp.exp(-u))),
    "softsign": lambda u: (u / (1 + abs(u)), 1 / (1 + abs(u)) ** 2),
    "mish": _mp_mish,
    "hard_tanh": lambda u: (max(mp.mpf(-1), min(mp.mpf(1), u)), mp.mpf(abs(u) < 1)),
    "erf": _mp_erf,
}


@cache
def legendre_rule(points: int = 28) -> list[tuple[mpmath.mpf, mpmath.mpf]]:
    rule = []
    for guess in np.polynomial.legendre.leggauss(points)[0]:
        x = mp.findroot(lambda t: mp.legendre(points, t), mp.mpf(guess))
        slope = points * (mp.legendre(points - 1, x) - x * mp.legendre(points, x)) / (1 - x * x)
        rule.append((x, 2 / ((1 - x * x) * slope**2)))
    return rule


def precise_moments(name: str, q: float) -> list[float]:
    """The five moments by 25-digit Gauss-Legendre, split at the kinks and where u or z is moderate."""
    sigma = mp.sqrt(mp.mpf(q))
    inner = (p / sigma for p in (-30, -8, -3, -1, 0, 1, 3, 8, 30))
    edges = sorted({*map(mp.mpf, (-14, -7, -2, 2, 7, 14)), *(p for p in inner if abs(p) < 14)})
    total = [mp.mpf(0)] * 5
    for low, high in pairwise(edges):
        half, middle = (high - low) / 2, (high + low) / 2
        for position, weight in legendre_rule():
            z = middle + half * position
            phi, slope = PRECISE[name](sigma * z)
            mass = half * weight * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
            terms = (phi, phi * phi, slope**2, slope**4, z * phi * slope / sigma)
            total = [t + mass * term for t, term in zip(total, terms, strict=True)]
    return [float(t) for t in total]


@pytest.mark.parametrize("q", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_moments_match_25_digit_integrals(name: str, q: float) -> None:
    expected = precise_moments(name, q)
    atol = 1e-15 * max(1.0, math.sqrt(q)) * np.array([1, 0, 0, 0, 1e2])
    for found, value, slack in zip(gaussian_moments(name, q), expected, atol, strict=True):
        np.testing.assert_allclose(found, value, rtol=3e-12, atol=slack)


def _elu_closed(q: float) -> tuple[float, float]:
    """F(t) = E over x < 0 of e^(tx) by erfcx, which does not overflow."""
    f1, f2 = erfcx(math.sqrt(q / 2)) / 2, erfcx(math.sqrt(2 * q)) / 2
    return q / 2 + f2 - 2 * f1 + 0.5, 0.5 + f2


def _selu_closed(q: float) -> tuple[float, float]:
    f1, f2 = erfcx(math.sqrt(q / 2)) / 2, erfcx(math.sqrt(2 * q)) / 2
    square = SELU_ALPHA**2
    return SELU_SCALE**2 * (q / 2 + square * (f2 - 2 * f1 + 0.5)), SELU_SCALE**2 * (0.5 + square * f2)


def _gelu_closed(q: float) -> tuple[float, float]:
    arc, root = math.asin(q / (1 + q)) / (2 * math.pi), math.sqrt(1 + 2 * q)
    phi2 = q / 4 + q * arc + q * q / (math.pi * (1 + q) * root)
    return phi2, 0.25 + arc + q / (math.pi * (1 + q) * root) + q / (2 * math.pi * root**3)


def _hard_tanh_closed(q: float) -> tuple[float, float]:
    t = 1 / math.sqrt(q)
    inside = 2 * ndtr(t) - 1
    density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    return q * (inside - 2 * t * density) + 2 * ndtr(-t), inside


CLOSED = {"elu": _elu_closed, "selu": _selu_closed, "gelu": _gelu_closed, "hard_tanh": _hard_tanh_closed}


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0, 400.0])
@pytest.mark.parametrize("name", CLOSED)
def test_quadrature_matches_closed_forms(name: str, q: float) -> None:
    moments = gaussian_moments(name, q)
    np.testing.assert_allclose((moments.phi2, moments.slope2), CLOSED[name](q), rtol=1e-12)


@pytest.mark.parametrize("name", ["elu", "leaky_relu"])
def test_alpha_is_heeded(name: str) -> None:
    without, with_alpha = (gaussian_moments(ACTIVATIONS[name].with_alpha(a), 1.0) for a in (0.0, 0.7))
    np.testing.assert_allclose(without, gaussian_moments("relu", 1.0), atol=1e-14)
    assert with_alpha.phi2 > without.phi2 + 0.05


@pytest.mark.parametrize("kink", [-3.0, 0.4, 12.0])
def test_a_kink_of_ones_own_activation_costs_no_accuracy(kink: float) -> None:
    shifted = Activation("shifted", lambda u: np.maximum(u - kink, 0), lambda u: u > kink, kinks=(kink,))
    q = 25.0
    t = kink / math.sqrt(q)
    tail, density = ndtr(-t), math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    moments = gaussian_moments(shifted, q)
    np.testing.assert_allclose(moments.slope2, tail, rtol=1e-13)
    np.testing.assert_allclose(moments.phi2, (q + kink**2) * tail - math.sqrt(q) * kink * density, rtol=1e-12)


def test_ones_own_activation_may_bear_a_registered_name() -> None:
    own = Activation("erf", lambda u: np.tanh(u), lambda u: 1 - np.tanh(u) ** 2)
    np.testing.assert_allclose(gaussian_moments(own, 1.0), gaussian_moments("tanh", 1.0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_arrays_give_what_single_values_give(name: str) -> None:
    q = np.array([[3.0, 1e-3], [0.0, 700.0]])
    together = gaussian_moments(name, q)
    for index in np.ndindex(q.shape):
        alone = gaussian_moments(name, q[index])
        for one, other in zip(together, alone, strict=True):
            assert one.shape == q.shape
            np.testing.assert_allclose(one[index], other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "sign"])
def test_chi_parallel_is_the_derivative_of_the_second_moment(name: str) -> None:
    q = np.array([0.03, 0.9, 20.0])
    step = 1e-4 * q
    slope = (gaussian_moments(name, q + step).phi2 - gaussian_moments(name, q - step).phi2) / (2 * step)
    np.testing.assert_allclose(gaussian_moments(name, q).chi_parallel, slope, rtol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_zero_is_the_limit_from_above(name: str) -> None:
    at_zero, above = gaussian_moments(name, 0.0), gaussian_moments(name, 1e-12)
    np.testing.assert_allclose(at_zero, above, rtol=1e-5, atol=1e-6)  # softsign is off by the root of q


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_enormous_q_is_finite(name: str) -> None:
    assert all(np.isfinite(field) for field in gaussian_moments(name, 1e290))


def test_bad_input_is_named_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^q must be a variance, zero or positive and finite; got -1$"):
        gaussian_moments("tanh", -1.0)
    with pytest.raises(ValueError, match="got values from -2 to 3"):
        gaussian_moments("tanh", [3.0, -2.0])
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        gaussian_moments("rleu", 1.0)
    with pytest.raises(ValueError, match="finite"):
        gaussian_moments("tanh", np.nan)
