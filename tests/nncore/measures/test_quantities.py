"""Every quantity against its definition, computed slowly, and at the ends of the range of numbers."""

import math

import numpy as np
import pytest

from nncore import ACTIVATIONS, History, RunConfig, measures, run
from nncore.measures import LAYER_QUANTITIES
from tests.nncore.measures.runs import CONFIGS, SMALL, diverged, with_theta
from tests.nncore.measures.slowly import slow_layers, slow_quantities


def test_every_quantity_is_its_definition(history: History) -> None:
    found = measures.per_layer(history, LAYER_QUANTITIES)
    tolerance = 1e-10 if history.theta.dtype == np.float64 else 2e-4
    seen: dict[str, list[float]] = {name: [] for name in LAYER_QUANTITIES}
    for record in range(len(history)):
        for index, row in enumerate(slow_quantities(history, record)):
            assert set(row) == set(LAYER_QUANTITIES)
            for name, expected in row.items():
                value = found[name][record, index]
                np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * 1e-2, err_msg=name)
                seen[name].append(value)
    assert found.axes["step"].tolist() == history.step.tolist()
    assert found.axes["layer"].tolist() == list(range(1, history.layout.n_layers + 1))


def test_the_cases_above_have_flat_and_dead_units_to_count() -> None:
    counted = {
        name: np.concatenate([measures.per_layer(run(config), name)[name].ravel() for config in CONFIGS.values()])
        for name in ("saturated_fraction", "inactive_fraction", "dead_fraction")
    }
    for values in counted.values():
        assert (values[~np.isnan(values)] > 0).any() and (values[~np.isnan(values)] < 1).any()


def test_with_batch_normalization_delta_is_that_of_the_batchs_loss() -> None:
    history = run(SMALL.replace(normalization="batch", probe_size=9))
    found = measures.per_layer(history, ("delta_norm", "weight_gradient_norm", "saturated_fraction"))
    loss, n = history.config.loss_function(), len(history.probe_x)
    for record in range(len(history)):
        tape = history.network.forward(history.theta[record], history.probe_x)
        grad, deltas = history.network.backward(history.theta[record], tape, loss.delta(tape.z[-1], history.probe_y))
        for index, delta in enumerate(deltas):
            own = [math.hypot(*(n * row)) for row in delta]
            assert found["delta_norm"][record, index] == pytest.approx(math.sqrt(np.mean(np.square(own))))
            weight, _ = history.layout.split(grad)[index]
            assert found["weight_gradient_norm"][record, index] == pytest.approx(np.linalg.norm(weight))
        for index in range(3):
            slopes = 1 - np.tanh(tape.z_hat[index]) ** 2
            assert found["saturated_fraction"][record, index] == pytest.approx((slopes < 0.01).mean())


def test_delta_norm_does_not_depend_on_the_number_of_probe_rows() -> None:
    # The same rows twice over: a mean over samples stays, a norm of the batch's delta would not.
    config = SMALL.replace(steps=0, test_fraction=0)
    history = run(config)
    doubled = History(
        config,
        history.step,
        history.loss,
        history.theta,
        history.grad,
        history.update_norm,
        np.tile(history.probe_x, (2, 1)),
        np.tile(history.probe_y, (2, 1)),
    )
    for name in ("delta_norm", "weight_gradient_norm", "bias_gradient_norm", "signal"):
        once, twice = (measures.per_layer(h, name)[name] for h in (history, doubled))
        np.testing.assert_allclose(once, twice, rtol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "scale", "depth", "below"), [("float64", 1e-18, 11, 1e-190), ("float32", 1e-8, 4, 1e-27)]
)
def test_norms_of_vanishing_numbers_do_not_underflow(dtype: str, scale: float, depth: int, below: float) -> None:
    config = SMALL.replace(
        hidden=(5,) * depth, init="normal", init_scale=scale, gain=1.0, bias_std=0, dtype=dtype, steps=0
    )
    history = run(config)
    found = measures.per_layer(history, LAYER_QUANTITIES)
    layers, n = slow_layers(history, 0), len(history.probe_x)
    for index, layer in enumerate(layers):
        delta_norm = math.hypot(*layer["delta"].ravel()) / math.sqrt(n)
        centred = layer["z"] - layer["z"].mean(axis=0)
        gradient = sum(np.outer(a, d) / n for a, d in zip(layer["input"], layer["delta"], strict=True))
        assert found["delta_norm"][0, index] == pytest.approx(delta_norm, rel=1e-5)
        assert found["weight_gradient_norm"][0, index] == pytest.approx(math.hypot(*gradient.ravel()), rel=1e-5)
        assert found["signal"][0, index] == pytest.approx(
            math.hypot(*centred.ravel()) / math.sqrt(centred.size), rel=1e-5
        )
    assert 0 < found["delta_norm"][0, 0] < below
    assert 0 < found["signal"][0, -1] < below * 1e8


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "gelu", "sign"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_diverged_history_is_measured_without_a_warning(activation: str, normalization: str, dtype: str) -> None:
    history = diverged(activation=activation, normalization=normalization, dtype=dtype, record_every=7)
    summary = measures.summary(history)
    assert summary["delta_norm"].shape == (len(history), 4)
    assert np.isfinite(summary["delta_norm"][0]).all()
    assert not np.isfinite(summary["delta_norm"][-1]).any()
    summary.frame()
    for record in (len(history) - 2, len(history) - 1):
        for quantity in ("activation", "delta", "weight_gradient"):
            measured = measures.distribution(history, record, quantity)
            assert measured.columns is not None
            assert np.isfinite(measured.columns["low"][1]).all()
        measures.gradient_flow(history, record)
        measures.response(history, record, history.probe_x)
    measures.performance(history)
    for layer in range(1, 5):
        measures.layer_parameters(history, layer)
    measures.parameter(history, 0)


def test_shares_of_units_are_blank_where_z_is_not_a_number() -> None:
    history = run(SMALL)
    theta = history.theta.copy()
    theta[-1] = np.nan
    found = measures.per_layer(with_theta(history, theta), ("saturated_fraction", "dead_fraction"))
    for name in ("saturated_fraction", "dead_fraction"):
        assert np.isfinite(found[name][:-1, :-1]).all()
        assert np.isnan(found[name][-1]).all()


def test_in_a_deep_sigmoid_network_the_spread_stays_and_the_signal_is_gone() -> None:
    config = RunConfig(dataset="moons", hidden=(32,) * 30, activation="sigmoid", init="xavier_normal", steps=0)
    found = measures.per_layer(run(config), ("z_std", "signal", "signal_floor", "delta_norm"))
    z_std, signal, floor = found["z_std"][0], found["signal"][0], found["signal_floor"][0]
    assert z_std[1:30].min() > 0.2 and z_std[1:30].max() < 1.0
    assert signal[0] > 0.3
    assert signal[23] < 1e-12
    assert (signal[5:20] / signal[4:19]).max() < 0.6
    assert signal[29] < floor[29] < 1e-13
    assert found["delta_norm"][0, 0] < 1e-12 * found["delta_norm"][0, -1]


def test_delta_vanishes_in_a_deep_sigmoid_network_and_not_in_an_orthogonal_tanh_network() -> None:
    deep = RunConfig(hidden=(32,) * 20, steps=0)
    sigmoid = measures.per_layer(run(deep.replace(activation="sigmoid")), "delta_norm")["delta_norm"][0]
    tanh = measures.per_layer(run(deep.replace(activation="tanh", init="orthogonal")), "delta_norm")["delta_norm"][0]
    assert (np.diff(np.log(sigmoid[:-1])) > math.log(2)).all()
    assert tanh[0] > 0.05 * tanh[-2]


def test_every_quantity_says_what_it_is() -> None:
    for name, quantity in LAYER_QUANTITIES.items():
        assert quantity.name == name
        assert quantity.label and quantity.symbol
        assert quantity.about.endswith(".") and "  " not in quantity.about


def test_every_activation_can_be_measured() -> None:
    for name in ACTIVATIONS:
        found = measures.per_layer(run(SMALL.replace(activation=name, steps=1)), LAYER_QUANTITIES)
        assert np.isfinite(found["delta_norm"]).all()
        defined = {quantity for quantity in LAYER_QUANTITIES if np.isfinite(found[quantity][:, :-1]).all()}
        kind = ACTIVATIONS[name].kind
        assert ("saturated_fraction" in defined) == (kind == "two-sided")
        assert ("inactive_fraction" in defined) == (kind == "one-sided")
        assert ("dead_fraction" in defined) == (kind != "threshold")
