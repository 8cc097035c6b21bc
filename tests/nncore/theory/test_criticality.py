import numpy as np
import pytest

from nncore import ACTIVATIONS
from nncore.theory import critical_line, critical_point, critical_sigma_w2, fixed_point, pytorch_gain, q_map

BIAS_FREE = {
    "linear": 1.0,
    "tanh": 1.0,
    "softsign": 1.0,
    "hard_tanh": 1.0,
    "elu": 1.0,
    "erf": np.pi / 4,
    "relu": 2.0,
    "leaky_relu": 2 / (1 + 0.01**2),
    "selu": 2 / (1.0507009873554805**2 * (1 + 1.6732632423543772**2)),
    "sigmoid": 103.00755389546785,
    "gelu": None,
    "silu": None,
    "mish": None,
    "softplus": None,
    "sign": None,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_critical_sigma_w2_without_bias(name: str) -> None:
    found = critical_sigma_w2(name)
    if BIAS_FREE[name] is None:
        assert found is None
    else:
        assert found == pytest.approx(BIAS_FREE[name], rel=1e-9)


@pytest.mark.parametrize("sigma_b2", [0.1, 0.3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_critical_point_is_where_a_network_ends_up(name: str, sigma_b2: float) -> None:
    point = critical_point(name, sigma_b2=sigma_b2)
    if point is None:
        assert name in ("linear", "relu", "leaky_relu", "softplus", "sign", "gelu", "silu")
        return
    assert point.q_star is not None
    for start in (0.9 * point.q_star, 1.1 * point.q_star):
        reached = fixed_point(name, point.sigma_w2, point.sigma_b2, start)
        assert reached.q_star == pytest.approx(point.q_star, rel=1e-5)
        assert reached.chi_1 == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_a_half_stable_point_attracts_from_one_side_only(name: str) -> None:
    point = critical_point(name, "double")
    assert point is not None
    assert point.attracts == "one side"
    assert point.q_star is not None
    q = point.q_star * np.array([0.99, 1.01])
    below, above = q_map(name, q, point.sigma_w2, point.sigma_b2) - q
    assert below * above > 0
    assert fixed_point(name, point.sigma_w2, point.sigma_b2, point.q_star).chi_1 == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["tanh", "erf", "elu", "selu", "softsign", "hard_tanh"])
def test_double_criticality_of_tanh_and_kin_is_at_zero(name: str) -> None:
    point = critical_point(name, "double")
    assert point is not None
    assert (point.q_star, point.sigma_b2) == (0.0, 0.0)
    assert point.chi_parallel == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "sign"])
def test_no_double_critical_point(name: str) -> None:
    assert critical_point(name, "double") is None


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_scale_free_activations_are_critical_at_every_q(name: str) -> None:
    point = critical_point(name)
    assert point is not None
    assert (point.q_star, point.attracts) == (None, "every q is fixed")
    assert critical_point(name, sigma_b2=0.2) is None


def test_points_that_no_network_reaches_are_marked() -> None:
    assert not critical_line("softplus", np.geomspace(1e-3, 100, 30)).admissible.any()
    repelled = critical_line("gelu", 0.5)
    assert repelled.sigma_b2 > 0
    assert repelled.chi_parallel > 1
    assert not repelled.admissible
    assert np.isinf(critical_line("sign", 1.0).sigma_w2)


def test_pytorch_gains() -> None:
    assert pytorch_gain("tanh") == 5 / 3
    assert pytorch_gain("selu") == 3 / 4
    assert pytorch_gain(ACTIVATIONS["leaky_relu"].with_alpha(1.0)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="activation with a gain in PyTorch must be one of linear, sigmoid"):
        pytorch_gain("gelu")


def test_bad_input_is_named_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="criterion must be one of edge_of_chaos, double; got 'chaos'"):
        critical_point("tanh", "chaos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sigma_b2 must be a variance"):
        critical_point("tanh", sigma_b2=-0.1)
    with pytest.raises(ValueError, match="q_star must be a variance"):
        critical_line("tanh", -1.0)
