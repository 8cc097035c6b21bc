"""The probe in three float types: equal to runs in those types, and zero where the type ends."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore import measures as m
from nncore.diagnosis import FLOAT_TYPES, precision, underflow

SMALL = RunConfig(dataset="moons", n_samples=40, hidden=(8,) * 4, steps=2, bias_std=0.2)
CONFIGS = {
    "tanh": SMALL,
    "relu, batch normalization, skip": SMALL.replace(activation="relu", normalization="batch", skip=True),
    "gelu, layer normalization": SMALL.replace(activation="gelu", normalization="layer"),
    "cross entropy": SMALL.replace(dataset="blobs", activation="erf"),
    "regression": SMALL.replace(dataset="parabola", activation="silu"),
}
DEEP = SMALL.replace(hidden=(16,) * 30, activation="sigmoid", steps=0, bias_std=0.0)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_each_type_is_near_what_a_run_in_float64_measures(config: RunConfig) -> None:
    history = run(config)
    found = precision(history, 2)
    measured = m.per_layer(history, "delta_norm", np.array([2]))["delta_norm"][0]
    assert found.axes["type"].tolist() == list(FLOAT_TYPES)
    for row, tolerance in enumerate((1e-9, 1e-4, 0.1)):
        np.testing.assert_allclose(found["delta_norm"][row], measured, rtol=tolerance)
    if config.activation != "relu":
        assert (found["exact_zeros"] < 0.05).all()


def test_float32_is_what_a_run_in_float32_measures() -> None:
    history = run(SMALL.replace(dtype="float32", steps=0))
    measured = m.per_layer(history, "delta_norm")["delta_norm"][0]
    np.testing.assert_allclose(precision(history, 0)["delta_norm"][1], measured, rtol=1e-5)


def test_thirty_sigmoid_layers_are_exactly_zero_in_float16_alone() -> None:
    found = precision(run(DEEP), 0)
    assert (found["exact_zeros"][:2] == 0).all()
    assert (found["exact_zeros"][2] == 1).sum() >= 15
    assert found["delta_norm"][0, 0] > 0 and found["delta_norm"][2, 0] == 0


def test_float16_rounds_to_its_own_grid() -> None:
    history = run(SMALL.replace(hidden=(), steps=0))
    from nncore.diagnosis.float_types import _deltas

    (delta,) = _deltas(history, 0, "float16")
    assert (delta == delta.astype(np.float16)).all() and delta.any()


def test_float16_overflows_where_numbers_exceed_its_range() -> None:
    found = precision(run(SMALL.replace(activation="linear", gain=60.0, steps=0)), 0)
    assert found["not_finite"][2].max() > 0 and found["not_finite"][:2].max() == 0


def test_underflow_counts_zeros_of_the_type_and_not_of_the_network() -> None:
    tiny = DEEP.replace(hidden=(16,) * 80, dtype="float32")
    lost = underflow(run(tiny), 0)
    assert lost[0] == 1 and lost[-1] == 0
    assert underflow(run(tiny.replace(dtype="float64")), 0).max() == 0
    for structural in (SMALL.replace(activation="sign"), SMALL.replace(init="zeros"), SMALL.replace(activation="relu")):
        assert underflow(run(structural), 0).max() == 0


@pytest.mark.parametrize("changes", [{"skip": True}, {"normalization": "batch"}], ids=["skip", "batch"])
def test_a_rescaled_walk_keeps_skip_and_normalization(changes: dict) -> None:
    from nncore.diagnosis.backward_pass import walk_back, walk_forward

    history = run(SMALL.replace(**changes))
    network, theta = history.network, history.theta[1]
    signals = walk_forward(network, theta, history.probe_x)
    delta = history.config.loss_function().delta(signals.z_out.T, history.probe_y).T
    plain, scaled = (
        list(walk_back(network, theta, signals.z_hat, signals.inverse_std, delta, rescale=rescale))
        for rescale in (False, True)
    )
    for one, other in zip(plain, scaled, strict=True):
        ratio = other.d_z / one.d_z
        np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-6)
        assert np.log2(ratio.flat[0]) == pytest.approx(round(np.log2(ratio.flat[0])), abs=1e-6)
