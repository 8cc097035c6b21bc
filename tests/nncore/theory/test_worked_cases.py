"""Every case of tests/cases/theory.json, to its own tolerance."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nncore import ACTIVATIONS, INITIALIZERS, Activation, theory

CASES = json.loads((Path(__file__).parents[2] / "cases" / "theory.json").read_text())["cases"]


def activation(inputs: dict[str, Any]) -> Activation:
    entry = ACTIVATIONS[inputs["activation"]]
    return entry if inputs.get("param") is None else entry.with_alpha(inputs["param"])


def kernel(inputs: dict[str, Any]) -> Any:
    moments = theory.gaussian_moments(activation(inputs), inputs["q"])
    return {
        "E_phi": moments.phi,
        "E_phi2": moments.phi2,
        "E_dphi2": moments.slope2,
        "chi_parallel_unit": moments.chi_parallel,
    }


def two_point_kernel(inputs: dict[str, Any]) -> Any:
    found = theory.two_point(activation(inputs), inputs["c"], inputs["q"])
    return {"E_phi_phi": found.phi_phi, "E_dphi_dphi": found.slope_slope}


def edge_of_chaos(inputs: dict[str, Any]) -> Any:
    line = theory.critical_line(activation(inputs), inputs["q_star"])
    assert line.admissible
    return {"sw2": line.sigma_w2, "sb2": line.sigma_b2, "chi_parallel": line.chi_parallel}


def edge_of_chaos_bias_free(inputs: dict[str, Any]) -> Any:
    return theory.critical_sigma_w2(activation(inputs), inputs["sb2"])


def half_stable(inputs: dict[str, Any]) -> Any:
    point = theory.critical_point(activation(inputs), "double")
    assert point is not None
    return {"q_star": point.q_star, "sw2": point.sigma_w2, "sb2": point.sigma_b2}


def existence(inputs: dict[str, Any]) -> Any:
    line = theory.critical_line(activation(inputs), np.geomspace(1e-6, 400, 200))
    return bool((line.sigma_b2 >= inputs["sb2_min"]).any())


def fixed_point(inputs: dict[str, Any]) -> Any:
    point = theory.fixed_point(activation(inputs), inputs["sw2"], inputs["sb2"], inputs["q0"])
    names = ("q_star", "chi_1", "chi_parallel", "xi_q", "c_star", "c_slope", "xi_c", "phase")
    return {name: getattr(point, name) for name in names} | {"xi_grad_sq": point.xi_gradient}


def layer_series(inputs: dict[str, Any]) -> Any:
    depth, width = inputs["depth"], 100
    curves = theory.predict(
        (width,) * (depth + 1) + (1,),
        activation(inputs),
        inputs["sw2"] / width,
        inputs["sb2"],
        inputs["q_input"],
        n_draws=2,
    )
    last = depth - 1
    return {
        "q": curves.q[:depth],
        "chi_layer": curves.chi,
        "log_delta2_rel_last": curves.log_delta2[:depth] - curves.log_delta2[last],
        "log_dW2_rel_last": curves.log_weight_grad2[:depth] - curves.log_weight_grad2[last],
        "N_times_var_log": width * (curves.beta[0] - curves.beta[last]),
    }


def init_variance(inputs: dict[str, Any]) -> Any:
    fan_in, fan_out = inputs["fan_in"], inputs["fan_out"]

    def variance(name: str, one: int = fan_in, other: int = fan_out, gain: float = 1.0) -> float:
        std = INITIALIZERS[name].std(one, other, gain)
        assert std is not None
        return std**2

    leaky_gain = theory.pytorch_gain(ACTIVATIONS["leaky_relu"].with_alpha(0.2))
    return {
        "glorot_normal_var": variance("xavier_normal"),
        "glorot_uniform_limit": math.sqrt(3 * variance("xavier_uniform")),
        "he_normal_var": variance("he_normal"),
        "he_uniform_limit": math.sqrt(3 * variance("he_uniform")),
        "lecun_normal_var": variance("lecun_normal"),
        "he_fan_out_var": variance("he_normal", fan_out, fan_in),
        "leaky02_he_var": variance("lecun_normal", gain=leaky_gain),
        "effective_sw2_glorot": fan_in * variance("xavier_normal"),
    }


def gain(inputs: dict[str, Any]) -> Any:
    return theory.pytorch_gain(activation(inputs))


def selu(inputs: dict[str, Any]) -> Any:
    point = theory.fixed_point(activation(inputs), inputs["sw2"], inputs["sb2"])
    return {
        "mean": theory.gaussian_moments(activation(inputs), point.q_star).phi,
        "second_moment": point.q_star,
        "chi_1": point.chi_1,
        "chi_parallel": point.chi_parallel,
    }


def normalisation(inputs: dict[str, Any]) -> Any:
    growth = theory.normalization_growth(activation(inputs))
    return {"batchnorm_large_batch": growth.batch, "layernorm": growth.layer}


def residual(inputs: dict[str, Any]) -> Any:
    curves = theory.residual_block(
        activation(inputs), inputs["sw2"], inputs["sv2"], inputs["depth"], p_start=inputs["p0"]
    )
    return {"p": curves.p, "log_g2": curves.log_g2}


def jacobian(inputs: dict[str, Any]) -> Any:
    if "q_star" not in inputs:
        return theory.gaussian_edge(inputs["depth"], inputs["sw2"])
    return theory.jacobian_variance(activation(inputs), inputs["q_star"], inputs["depth"], inputs["init"] == "orth")


def batch_gradient(inputs: dict[str, Any]) -> Any:
    widths, c = inputs["widths"], inputs["c0"]
    hidden = len(widths) - 1
    variances = [inputs["sw2"] / fan_in for fan_in in widths[:-1]] + [1 / widths[-1]]
    biases = [inputs["sb2"]] * hidden + [0.0]
    curves = theory.predict((*widths, 1), activation(inputs), variances, biases, [[1, c], [c, 1]], n_draws=2)
    half = math.log(1 / 4)  # the mean over two samples halves each sample's delta
    return {
        "q": curves.q[:hidden],
        "c": curves.c[:hidden],
        "log_delta2": curves.log_delta2[:hidden] + half,
        "log_dW2": curves.log_weight_grad2[:hidden],
    }


def finite_width(inputs: dict[str, Any]) -> Any:
    layers = np.ones(inputs["depth"])
    return theory.layer_beta(activation(inputs), layers, inputs["width"]).sum()


SOLVERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    solver.__name__: solver
    for solver in (
        kernel,
        two_point_kernel,
        edge_of_chaos,
        edge_of_chaos_bias_free,
        half_stable,
        existence,
        fixed_point,
        layer_series,
        init_variance,
        gain,
        selu,
        normalisation,
        residual,
        jacobian,
        batch_gradient,
        finite_width,
    )
}


def test_the_file_holds_what_it_promises() -> None:
    assert len(CASES) == 71
    assert {case["group"] for case in CASES} == set(SOLVERS)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_worked_case(case: dict[str, Any]) -> None:
    found, expected = SOLVERS[case["group"]](case["inputs"]), case["value"]
    if not isinstance(expected, dict):
        found, expected = {"value": found}, {"value": expected}
    for name, value in expected.items():
        if isinstance(value, (str, bool)):
            assert found[name] == value, name
        else:
            rtol = 1e-5 if name == "N_times_var_log" else case["rtol"]
            np.testing.assert_allclose(found[name], value, rtol=rtol, atol=case["atol"], err_msg=name)
