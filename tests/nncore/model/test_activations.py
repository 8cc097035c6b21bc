"""phi and phi' against thirty digits, central differences, and the promises about bits, types and buffers."""

import math
import pickle
import sys
from itertools import pairwise
from subprocess import run

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore.model.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE, Activation

NAMES = (
    "linear",
    "sign",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "mish",
    "hard_tanh",
    "erf",
)
MAGNITUDES = (0.0, 1e-300, 1e-8, 0.3, 1.0, 3.3, 5.0, 20.0, 37.4, 40.0, 300.0, 700.0, 1e4)
GRID = np.array([sign * magnitude for magnitude in MAGNITUDES for sign in (1.0, -1.0)])
DENSE = np.concatenate([GRID, np.random.default_rng(1).normal(scale=3.0, size=200), np.linspace(-9.0, 9.0, 181)])
TINY = np.finfo(np.float64).tiny


def sigma(z):
    return 1 / (1 + mp.exp(-z))


def softplus(z):
    return z + mp.log1p(mp.exp(-z)) if z > 0 else mp.log1p(mp.exp(z))


def normal_cdf(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


EXACT = {
    "linear": (lambda z: z, lambda z: 1),
    "sign": (mp.sign, lambda z: 0),
    "sigmoid": (sigma, lambda z: sigma(z) * sigma(-z)),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "relu": (lambda z: max(z, 0), lambda z: 1 if z > 0 else 0),
    "leaky_relu": (lambda z: z if z > 0 else mp.mpf(0.01) * z, lambda z: 1 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else mp.expm1(z), lambda z: 1 if z > 0 else mp.exp(z)),
    "selu": (
        lambda z: mp.mpf(SELU_SCALE) * (z if z > 0 else mp.mpf(SELU_ALPHA) * mp.expm1(z)),
        lambda z: mp.mpf(SELU_SCALE) * (1 if z > 0 else mp.mpf(SELU_ALPHA) * mp.exp(z)),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * mp.npdf(z)),
    "silu": (lambda z: z * sigma(z), lambda z: sigma(z) * (1 + z * sigma(-z))),
    "softplus": (softplus, sigma),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "mish": (
        lambda z: z * mp.tanh(softplus(z)),
        lambda z: mp.tanh(softplus(z)) + z * sigma(z) * mp.sech(softplus(z)) ** 2,
    ),
    "hard_tanh": (lambda z: max(-1, min(1, z)), lambda z: 1 if abs(z) < 1 else 0),
    "erf": (mp.erf, lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
}


def worst_relative_error(computed, exact, at):
    """Largest relative error where the exact value is a normal float; below that, both must be tiny."""
    worst = 0.0
    with mp.workdps(40):
        for got, z in zip(computed.tolist(), at.tolist(), strict=True):
            want = mp.mpf(exact(mp.mpf(z)))
            if abs(want) < TINY:
                assert abs(got) <= TINY, f"at {z!r}: {got!r} should be 0 or subnormal"
            else:
                worst = max(worst, float(abs((mp.mpf(got) - want) / want)))
    return worst


@pytest.fixture(params=NAMES)
def activation(request):
    return ACTIVATIONS[request.param]


def away_from_kinks(activation, z):
    return z[[all(abs(value - kink) > 1e-3 for kink in activation.kinks) for value in z]]


def test_registry_holds_the_promised_names_in_order():
    assert tuple(ACTIVATIONS) == NAMES
    assert all(name == entry.name for name, entry in ACTIVATIONS.items())


def test_every_activation_has_an_exact_reference():
    assert set(EXACT) == set(ACTIVATIONS)


def test_value_agrees_with_thirty_digits_tails_included(activation):
    assert worst_relative_error(activation(DENSE), EXACT[activation.name][0], DENSE) < 3e-13


def test_slope_agrees_with_thirty_digits_tails_included(activation):
    assert worst_relative_error(activation.slope(DENSE), EXACT[activation.name][1], DENSE) < 3e-13


def test_slope_from_a_agrees_with_thirty_digits_tails_included(activation):
    slope = activation.slope(DENSE, activation(DENSE))
    assert worst_relative_error(slope, EXACT[activation.name][1], DENSE) < 3e-12


def test_slope_matches_central_difference(activation):
    z = away_from_kinks(activation, np.linspace(-6.0, 6.0, 100))
    step = 1e-5
    difference = (activation(z + step) - activation(z - step)) / (2.0 * step)
    np.testing.assert_allclose(activation.slope(z), difference, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "z", "slope"), [("sigmoid", 40.0, 4.248354255291589e-18), ("tanh", 20.0, 1.7e-17)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_saturated_slope_is_small_but_not_zero(name, z, slope, sign):
    z = np.array([sign * z])
    for computed in (ACTIVATIONS[name].slope(z), ACTIVATIONS[name].slope(z, ACTIVATIONS[name](z))):
        assert computed[0] == pytest.approx(slope, rel=2e-2)


def test_float32_keeps_its_type_and_six_digits(activation):
    z = DENSE[np.abs(DENSE) < 80.0]
    z = np.float64(np.float32(z))
    a = activation(np.float32(z))
    slope = activation.slope(np.float32(z))
    assert a.dtype == slope.dtype == activation.slope(np.float32(z), a).dtype == np.float32
    np.testing.assert_allclose(a, activation(z), rtol=2e-5, atol=1e-37)
    np.testing.assert_allclose(slope, activation.slope(z), rtol=3e-4, atol=1e-6)
    np.testing.assert_allclose(activation.slope(np.float32(z), a), activation.slope(z), rtol=2e-3, atol=1e-6)


def test_signed_zero_gives_finite_values_and_one_slope(activation):
    a = activation(np.array([0.0, -0.0]))
    slope = activation.slope(np.array([0.0, -0.0]))
    assert a[0] == a[1] and slope[0] == slope[1] and np.isfinite([a, slope]).all()


@pytest.mark.parametrize(
    ("name", "z", "slope"),
    [
        ("relu", 0.0, 0.0),
        ("leaky_relu", 0.0, 0.01),
        ("elu", 0.0, 1.0),
        ("selu", 0.0, SELU_SCALE * SELU_ALPHA),
        ("hard_tanh", 1.0, 0.0),
        ("hard_tanh", -1.0, 0.0),
        ("sign", 0.0, 0.0),
    ],
)
def test_slope_at_a_kink_follows_pytorch(name, z, slope):
    assert ACTIVATIONS[name].slope(np.array([z]))[0] == slope


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [1, 2, 5, 32])
def test_strided_out_gives_the_same_bits_as_contiguous(activation, dtype, width):
    z = np.random.default_rng(width).normal(scale=3.0, size=(3, 7, width)).astype(dtype)
    a, slope, slope_from_a = activation(z), activation.slope(z), activation.slope(z, activation(z))
    for axis in (-1, -2):
        buffer = np.full(np.add(z.shape, np.eye(3, dtype=int)[axis]), np.nan, dtype)
        view = buffer[..., 1:] if axis == -1 else buffer[:, 1:]
        assert activation(z, out=view) is view
        np.testing.assert_array_equal(view, a)
        np.testing.assert_array_equal(activation.slope(z, view, out=np.empty_like(z)), slope_from_a)
        np.testing.assert_array_equal(activation.slope(z, out=view), slope)
        assert activation.slope(z, a, out=view) is view
        np.testing.assert_array_equal(view, slope_from_a)
        margin = buffer[..., 0] if axis == -1 else buffer[:, 0]
        assert np.isnan(margin).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_elements_bits_do_not_depend_on_its_neighbours(activation, dtype):
    z = np.concatenate([DENSE[np.abs(DENSE) < 80.0], [np.nan]]).astype(dtype)
    with np.errstate(invalid="ignore"):
        a = activation(z)
        together = a, activation.slope(z), activation.slope(z, a)
        for index in range(len(z)):
            one = z[index : index + 1]
            alone = activation(one), activation.slope(one), activation.slope(one, activation(one))
            for whole, part in zip(together, alone, strict=True):
                np.testing.assert_array_equal(whole[index : index + 1], part)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_saturated_units_among_many_have_the_slope_that_they_have_alone(name):
    activation, z = ACTIVATIONS[name], np.random.default_rng(0).normal(size=(300, 300)) * 20.0
    a = activation(z)
    expected = np.array([activation.slope(row, of_row) for row, of_row in zip(z, a, strict=True)])
    assert 0.3 < (expected < 1e-4).mean() < 0.9
    np.testing.assert_array_equal(activation.slope(z, a), expected)
    out = np.full((300, 600), np.nan)[:, ::2]
    np.testing.assert_array_equal(activation.slope(z.T, a.T, out.T), expected.T)


def test_z_is_left_alone(activation):
    z = DENSE.copy()
    a = activation(z)
    kept = a.copy()
    activation.slope(z, a)
    assert (z == DENSE).all() and (a == kept).all() and not np.shares_memory(a, z)


def test_scalars_integers_and_empty_arrays_are_welcome(activation):
    assert activation(2).shape == () and activation(2).dtype == np.float64
    assert activation(2) == activation(np.array([2.0]))[0]
    assert activation.slope(np.array(2.0), activation(2)) == activation.slope(np.array([2.0]))[0]
    assert activation(np.empty((0, 3))).shape == activation.slope(np.empty((0, 3)), np.empty((0, 3))).shape == (0, 3)


@given(z=st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=20))
def test_any_finite_z_gives_finite_values_within_range_and_slope_bound(z):
    z = np.array(z)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for activation in ACTIVATIONS.values():
            a = activation(z)
            low, high = activation.range
            assert np.isfinite(a).all(), activation.name
            assert (a >= low - 1e-15).all() and (a <= high).all(), activation.name
            for slope in (activation.slope(z), activation.slope(z, a)):
                assert (np.abs(slope) <= activation.max_slope * (1.0 + 1e-12)).all(), activation.name


@given(z=st.lists(st.floats(-40.0, 40.0), min_size=1, max_size=20))
def test_slope_from_a_is_the_slope(z):
    z = np.array(z)
    for activation in ACTIVATIONS.values():
        np.testing.assert_allclose(activation.slope(z, activation(z)), activation.slope(z), rtol=3e-12, atol=0)


def test_max_slope_is_attained(activation):
    z = np.linspace(-50.0, 50.0, 500_001)
    assert np.abs(activation.slope(z)).max() == pytest.approx(activation.max_slope, rel=1e-8, abs=0)


@pytest.mark.parametrize(
    ("name", "minimum", "steepest"), [("gelu", -0.75, 1.41), ("silu", -1.28, 2.4), ("mish", -1.2, 1.5)]
)
def test_extremes_of_the_humped_activations_are_exact(name, minimum, steepest):
    phi, dphi = EXACT[name]
    with mp.workdps(30):
        lowest = phi(mp.findroot(dphi, minimum))
        largest = dphi(mp.findroot(lambda z: mp.diff(dphi, z), steepest))
    assert ACTIVATIONS[name].range[0] == float(lowest)
    assert ACTIVATIONS[name].max_slope == pytest.approx(float(largest), rel=1e-15)


def test_range_is_filled(activation):
    a = activation(np.concatenate([[-1e4], np.linspace(-3.0, 3.0, 6_001), [1e4]]))
    low, high = activation.range
    assert (low == -math.inf and a.min() < -90.0) or a.min() == pytest.approx(low, abs=2e-4)
    assert (high == math.inf and a.max() == pytest.approx(1e4, rel=0.06)) or a.max() == pytest.approx(high, abs=2e-4)


def test_slope_jumps_at_the_kinks_and_nowhere_else(activation):
    z = np.arange(-4.0, 4.0, 1.0 / 512.0) + 1.0 / 1024.0
    jumps = np.abs(np.diff(activation.slope(z))) > 0.1
    crossed = [any(left < kink < right for kink in activation.kinks) for left, right in pairwise(z)]
    assert jumps.tolist() == ([False] * len(jumps) if activation.name == "sign" else crossed)


def test_kind_says_on_which_sides_the_slope_goes_to_zero(activation):
    flat = (np.abs(activation.slope(np.array([-1e3, 1e3]))) <= 0.01 * activation.max_slope).tolist()
    expected = {"linear": [[False, False]], "threshold": [[True, True]], "two-sided": [[True, True]]}
    assert flat in expected.get(activation.kind, [[True, False]]) or activation.name == "leaky_relu"


def test_every_entry_tells_its_formula_and_what_to_know(activation):
    assert activation.latex and activation.latex_slope
    assert activation.saturates.endswith(".") and activation.note.endswith(".")


def test_alpha_is_the_slope_on_the_negative_side():
    leaky = ACTIVATIONS["leaky_relu"].with_alpha(0.3)
    assert leaky.alpha == 0.3
    assert leaky(np.array([-2.0, 2.0])).tolist() == [-0.6, 2.0]
    assert leaky.slope(np.array([-2.0, 0.0, 2.0])).tolist() == [0.3, 0.3, 1.0]
    assert ACTIVATIONS["leaky_relu"].with_alpha(0).range == (0.0, math.inf)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_alpha_of_elu_scales_its_negative_side_and_its_facts(alpha):
    elu = ACTIVATIONS["elu"].with_alpha(alpha)
    z = np.array([-30.0, -1.0, 0.0, 1.0])
    np.testing.assert_allclose(elu(z), [-alpha, alpha * math.expm1(-1.0), 0.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(elu.slope(z), [alpha * math.exp(-30.0), alpha / math.e, alpha, 1.0], rtol=1e-12)
    assert elu.range[0] == -alpha and elu.max_slope == max(1.0, alpha) and elu.kinks == (0.0,)


def test_default_alphas_are_those_of_pytorch():
    assert {name: entry.alpha for name, entry in ACTIVATIONS.items() if entry.alpha is not None} == {
        "leaky_relu": 0.01,
        "elu": 1.0,
    }
    assert ACTIVATIONS["elu"].with_alpha(1.0) == ACTIVATIONS["elu"]


@pytest.mark.parametrize("alpha", [math.nan, math.inf, -0.1, 1.5, "0.1", None])
def test_alpha_out_of_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha of leaky_relu must be a number from 0 to 1; got"):
        ACTIVATIONS["leaky_relu"].with_alpha(alpha)


def test_alpha_of_an_activation_without_one_is_refused():
    with pytest.raises(
        ValueError, match=r"tanh has no alpha \(of the activations, leaky_relu, elu have one\); got 0.1"
    ):
        ACTIVATIONS["tanh"].with_alpha(0.1)


def test_your_own_activation_needs_a_name_and_two_functions():
    bump = Activation(name="bump", phi=lambda z: np.exp(-z * z), dphi=lambda z: -2.0 * z * np.exp(-z * z))
    z = np.linspace(-2.0, 2.0, 12, dtype=np.float32).reshape(3, 4)
    out = np.zeros((3, 5), np.float32)[:, 1:]
    assert bump(z, out=out) is out and (out == bump(z)).all() and bump(z).dtype == np.float32
    np.testing.assert_allclose(bump.slope(z, bump(z)), -2.0 * z * np.exp(-z * z), rtol=1e-6)
    assert bump.max_slope == pytest.approx(math.sqrt(2.0 / math.e), rel=1e-6)
    assert bump.kind == "two-sided" and bump.alpha is None


def test_your_own_constant_slope_fills_the_shape():
    double = Activation(name="double", phi=lambda z: 2.0 * z, dphi=lambda z: 2.0)
    assert double.slope(np.zeros((2, 3))).tolist() == [[2.0] * 3] * 2


def test_activations_travel_between_processes(activation):
    copy = pickle.loads(pickle.dumps(activation))
    np.testing.assert_array_equal(copy(DENSE), activation(DENSE))


def test_importing_activations_does_not_import_scipy():
    code = "import sys, nncore.model.activations; sys.exit('scipy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
