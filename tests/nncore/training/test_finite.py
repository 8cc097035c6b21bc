"""Where the first number arises that is not finite, and what a run keeps of it."""

from typing import Any

import numpy as np
import pytest

from nncore import LOSSES, MLP, Activation, Layout, run, sgd, train
from nncore.history.history import Divergence
from nncore.model.layout import Array
from nncore.training import find_divergence
from tests.nncore.training.runs import DIVERGES, TAIL, problem


@pytest.mark.parametrize("unit", [0, 2])
def test_divergence_in_a_names_the_unit_whose_activation_is_infinite(unit: int) -> None:
    explosive = Activation("explosive", phi=lambda z: np.where(z > 5, np.inf, z), dphi=np.ones_like, max_slope=1.0)
    network = MLP(Layout((1, 3, 2, 1)), [explosive, "linear"])
    theta = np.ones(network.layout.n_params)
    theta[unit] = 6.0  # the bias of that unit
    (step,) = train(network, LOSSES["mse"], sgd(0.1), theta, np.ones((2, 1)), np.ones((2, 1)), steps=0)
    assert find_divergence(network.layout, step) == Divergence(step=0, layer=1, unit=unit, quantity="a")


def test_divergence_in_z_may_begin_in_a_hidden_layer() -> None:
    network = MLP(Layout((1, 2, 2, 1)), "relu")
    layers = [
        (np.array([[1.0, 1e200]]), np.zeros(2)),
        (np.array([[1.0, 0.0], [1.0, 1e200]]), np.zeros(2)),
        (np.ones((2, 1)), np.zeros(1)),
    ]
    theta = network.layout.join(layers)
    (step,) = train(network, LOSSES["mse"], sgd(0.1), theta, np.ones((2, 1)), np.ones((2, 1)), steps=0)
    assert find_divergence(network.layout, step) == Divergence(step=0, layer=2, unit=1, quantity="z")


def one_step(theta: Array, x: Array, y: Array, widths: tuple[int, ...], rate: float, loss: str = "mse") -> Any:
    network = MLP(Layout(widths), "linear")
    *_, last = train(network, LOSSES[loss], sgd(rate), theta, x, y, steps=1)
    return find_divergence(network.layout, last)


def test_divergence_in_theta_names_the_unit_whose_parameter_overflowed() -> None:
    # No hidden layer, two outputs; only the second is wrong, by 1e200, and the step is 1e200 times that.
    found = one_step(np.zeros(4), np.ones((1, 1)), np.array([[0.0, 1e150]]), (1, 2), rate=1e200)
    assert found == Divergence(step=1, layer=1, unit=1, quantity="theta")


def test_divergence_in_z_names_the_unit_whose_sum_overflowed() -> None:
    # z of output 1 is 1e200 * 1e200
    network = MLP(Layout((1, 2)), "linear")
    theta = np.array([0.0, 0.0, 1.0, 1e200])
    (step,) = train(network, LOSSES["mse"], sgd(0.1), theta, np.array([[1e200]]), np.zeros((1, 2)), steps=0)
    assert find_divergence(network.layout, step) == Divergence(0, 1, 1, "z")


def test_divergence_in_the_loss_names_the_output_unit_with_the_largest_z() -> None:
    network = MLP(Layout((1, 3)), "linear")
    theta = np.array([0.0, 0.0, 0.0, 1.0, -1e200, 1.0])
    (step,) = train(network, LOSSES["mse"], sgd(0.1), theta, np.ones((1, 1)), np.zeros((1, 3)), steps=0)
    assert np.isfinite(step.tape.z[-1]).all() and step.loss == np.inf
    assert find_divergence(network.layout, step) == Divergence(0, 1, 1, "loss")


def test_divergence_in_delta_is_looked_for_from_the_output_down() -> None:
    # Forward is 0 * 0 in every layer; backward multiplies 1e100 by 1e250 in layer 2's weight from unit 1.
    network = MLP(Layout((1, 2, 2, 1)), "linear")
    layout = network.layout
    w_2 = np.array([[1.0, 1.0], [1.0, 1e250]])
    layers = [(np.zeros((1, 2)), np.zeros(2)), (w_2, np.zeros(2)), (np.array([[1.0], [1.0]]), np.zeros(1))]
    (step,) = train(
        network, LOSSES["mse"], sgd(0.1), layout.join(layers), np.ones((1, 1)), np.array([[1e100]]), steps=0
    )
    assert np.isfinite(step.loss)
    assert find_divergence(layout, step) == Divergence(0, 1, 1, "delta")


def test_of_several_layers_with_an_infinite_delta_the_last_is_named() -> None:
    # The same one layer deeper: delta overflows in layer 2, and what layer 1 receives of it is infinite too.
    network = MLP(Layout((1, 2, 2, 2, 1)), "linear")
    layout = network.layout
    w_3 = np.array([[1.0, 1.0], [1.0, 1e250]])
    layers = [(np.zeros((1, 2)), np.zeros(2)), (np.ones((2, 2)), np.zeros(2))]
    layers += [(w_3, np.zeros(2)), (np.array([[1.0], [1.0]]), np.zeros(1))]
    (step,) = train(
        network, LOSSES["mse"], sgd(0.1), layout.join(layers), np.ones((1, 1)), np.array([[1e100]]), steps=0
    )
    assert not np.isfinite(step.deltas[0]).any()
    assert find_divergence(layout, step) == Divergence(0, 2, 1, "delta")


def test_divergence_in_the_gradient_comes_last() -> None:
    # delta is 2e150 and finite, the input 1e200: their product is not; z stays 0 because the weights are.
    network = MLP(Layout((2, 1)), "linear")
    (step,) = train(
        network, LOSSES["mse"], sgd(0.1), np.zeros(3), np.array([[1.0, 1e200]]), np.array([[1e150]]), steps=0
    )
    assert find_divergence(network.layout, step) == Divergence(0, 1, 0, "gradient")


def test_a_finite_step_has_no_divergence_to_find() -> None:
    network, theta, x, y = problem()
    (step,) = train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=0)
    with pytest.raises(ValueError, match="step 0 is finite everywhere"):
        find_divergence(network.layout, step)


@pytest.mark.parametrize("record_every", [1, 3, 7, 1000])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_diverging_run_is_a_result_that_keeps_its_last_steps(record_every: int, dtype: str) -> None:
    config = DIVERGES.replace(dtype=dtype)
    whole = run(config)
    history = run(config.replace(record_every=record_every))
    last = int(whole.step[-1])
    assert TAIL + 2 < last < config.steps
    assert history.divergence is not None and history.divergence == whole.divergence
    assert history.divergence.step == last
    assert history.stopped == history.divergence.sentence()
    assert f"Diverged at step {last}: " in history.stopped
    early = range(0, last - TAIL + 1, record_every)
    assert history.step.tolist() == [*early, *range(last - TAIL + 1, last + 1)]
    np.testing.assert_array_equal(history.theta, whole.theta[history.step])
    np.testing.assert_array_equal(history.grad, whole.grad[history.step])
    np.testing.assert_array_equal(history.loss, whole.loss[history.step])
    finite = [np.isfinite(np.r_[whole.loss[t], whole.theta[t], whole.grad[t]]).all() for t in range(last + 1)]
    assert finite == [True] * last + [False]
    assert whole.last_finite == last - 1
    expected = np.array([whole.update_norm[t] for t in history.step])
    followed = np.isin(history.step + 1, history.step) | (history.step < last - TAIL)
    np.testing.assert_array_equal(history.update_norm[followed], expected[followed])
    assert np.isnan(history.update_norm[-1]).all()


def test_float32_diverges_where_its_range_ends() -> None:
    double, single = run(DIVERGES), run(DIVERGES.replace(dtype="float32"))
    assert single.step[-1] < double.step[-1]
    assert single.theta.dtype == single.grad.dtype == np.float32
