import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_info

from nncore import (
    ACTIVATIONS,
    LOSSES,
    MLP,
    Activation,
    History,
    Layout,
    RunConfig,
    adam,
    adamw,
    check_gradient,
    cosine,
    rmsprop,
    run,
    sgd,
    step_decay,
    train,
)
from nncore.history import Divergence
from nncore.layout import Array
from nncore.optimizers import clip
from nncore.training import find_divergence

TAIL = 8
"""Steps that an early end keeps."""

CASES = json.loads((Path(__file__).parents[1] / "cases" / "trajectories.json").read_text(encoding="utf-8"))
SMALL = RunConfig(dataset="moons", n_samples=40, hidden=(4, 3), steps=30, learning_rate=0.05)
DIVERGES = SMALL.replace(dataset="diabetes", learning_rate=3.0, steps=400)


# PyTorch's trajectories -----------------------------------------------------------------------------------


def our_order(layout: Layout, flat: Any) -> Array:
    """A case's W1, b1, W2, b2, ... with weights (fan_out, fan_in), in our order."""
    flat, layers, start = np.asarray(flat, np.float64), [], 0
    for fan_in, fan_out in layout.fans:
        weight, start = flat[start : start + fan_in * fan_out], start + fan_in * fan_out
        bias, start = flat[start : start + fan_out], start + fan_out
        layers.append((weight.reshape(fan_out, fan_in).T, bias))
    return layout.join(layers)


def optimizer_of(spec: dict[str, Any]) -> Any:
    rate = spec["lr"]
    return {
        "sgd": lambda: sgd(rate),
        "momentum": lambda: sgd(rate, spec["momentum"]),
        "rmsprop": lambda: rmsprop(rate, spec["alpha"], spec["eps"]),
        "adam": lambda: adam(rate, spec["beta1"], spec["beta2"], spec["eps"]),
        "adamw": lambda: adamw(rate, spec["beta1"], spec["beta2"], spec["eps"], spec["weight_decay"]),
    }[spec["name"]]()


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["id"])
def test_every_step_is_pytorchs(case: dict[str, Any]) -> None:
    spec, expected = case["spec"], case["expected"]
    layout = Layout(tuple(spec["widths"]))
    network, loss = (
        MLP(layout, spec["activation"]),
        LOSSES["cross_entropy" if spec["loss"] == "ce" else spec["loss"]],
    )
    first = [(np.array(w).T, np.array(b)) for w, b in zip(spec["W"], spec["b"], strict=True)]
    theta, x, y = layout.join(first), np.array(spec["X"]), np.array(spec["y"])
    count = 0

    def close(found: Any, theirs: Any) -> None:
        np.testing.assert_allclose(found, theirs, rtol=CASES["rtol"], atol=CASES["atol"])

    for step in train(network, loss, optimizer_of(spec["optimizer"]), theta, x, y, spec["steps"]):
        close(step.loss, expected["losses"][step.index])
        close(step.grad, our_order(layout, expected["grads"][step.index]))
        close(step.theta, our_order(layout, expected["thetas"][step.index]))
        if step.index == 0:
            close(step.tape.z[-1], expected["outputs0"])
        count += 1
    assert count == spec["steps"] + 1 == len(expected["losses"])


def test_the_lecture_cases_map_to_the_lectures_theta() -> None:
    for case in CASES["cases"]:
        if "lecture_theta0" in case["spec"]:
            found = our_order(Layout((1, 2, 1)), case["expected"]["thetas"][0])
            assert found.tolist() == case["spec"]["lecture_theta0"]


def test_one_step_of_the_lectures_descent() -> None:
    theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    x = np.array([[0.0], [0.5], [1.0], [1.5]])
    first, second = train(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], sgd(0.1), theta, x, x**2, steps=1)
    expected = [
        *(0.11043645415051, -0.20918668291356, 0.52087896352187, -0.41820997747468),
        *(0.37445171912829, 0.75563507285269, -0.57968525509865),
    ]
    np.testing.assert_allclose(second.theta, expected, atol=1e-14)
    assert (first.loss, second.loss) == (pytest.approx(0.7816255954422997), pytest.approx(0.6966419591849016))


def test_equal_hidden_units_stay_equal_for_ever() -> None:
    theta = np.array([0.1, 0.1, 0.5, 0.5, 0.3, 0.7, 0.7])
    x = np.linspace(0, 1.5, 9)[:, None]
    for step in train(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], sgd(0.1), theta, x, x**2, steps=50):
        assert (
            step.theta[0] == step.theta[1]
            and step.theta[2] == step.theta[3]
            and step.theta[5] == step.theta[6]
        )
    assert abs(step.theta - theta).max() > 0.1


def test_a_linear_network_leaves_the_saddle_at_zero_in_its_offset_alone() -> None:
    x = np.linspace(0, 1.5, 4)[:, None]
    *_, last = train(
        MLP(Layout((1, 2, 1)), "linear"), LOSSES["mse"], sgd(0.1), np.zeros(7), x, x**2, steps=200
    )
    assert last.theta[4] == pytest.approx(float((x**2).mean()))
    assert not np.delete(last.theta, 4).any()


# The generator --------------------------------------------------------------------------------------------


def problem(seed: int = 0, n: int = 12) -> tuple[MLP, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    network = MLP(Layout((2, 4, 1)), "tanh")
    return network, rng.normal(size=network.layout.n_params), rng.normal(size=(n, 2)), rng.normal(size=(n, 1))


def collect(*args: Any, **settings: Any) -> tuple[Array, Array, Array]:
    """(loss, theta, grad) of every step, copied."""
    steps = [(step.loss, step.theta.copy(), step.grad.copy()) for step in train(*args, **settings)]
    return tuple(np.array(each) for each in zip(*steps, strict=True))  # type: ignore[return-value]


def gradient(network: MLP, theta: Array, x: Array, y: Array) -> Array:
    tape = network.forward(theta, x)
    return network.backward(theta, tape, LOSSES["mse"].delta(tape.z[-1], y))[0]


def test_there_is_a_record_before_every_update_and_one_after_the_last() -> None:
    network, theta, x, y = problem()
    steps = list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=5))
    assert [step.index for step in steps] == [0, 1, 2, 3, 4, 5]
    assert all(type(step.loss) is float for step in steps)
    np.testing.assert_array_equal(steps[0].theta, theta)
    for before, after in pairwise(steps):
        np.testing.assert_array_equal(after.theta, before.theta + -0.1 * before.grad)
        np.testing.assert_allclose(before.grad, gradient(network, before.theta, x, y), rtol=1e-13)
    assert len(list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=0))) == 1


def test_steps_keep_theta_and_gradient_of_their_own() -> None:
    network, theta, x, y = problem()
    kept = list(train(network, LOSSES["mse"], adam(0.1), theta, x, y, steps=4))
    _, thetas, grads = collect(network, LOSSES["mse"], adam(0.1), theta, x, y, steps=4)
    np.testing.assert_array_equal([step.theta for step in kept], thetas)
    np.testing.assert_array_equal([step.grad for step in kept], grads)
    assert not np.shares_memory(kept[0].theta, theta)


def test_mini_batches_take_their_rows_and_the_last_record_takes_all() -> None:
    network, theta, x, y = problem()
    batches = [np.array([0, 3, 5]), np.array([1, 2, 4, 6]), np.array([7, 8, 9])]
    steps = list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, batches=batches))
    for step, rows in zip(steps, [*batches, np.arange(12)], strict=True):
        z = network.forward(step.theta, x[rows]).z[-1]
        assert step.loss == pytest.approx(float(((z - y[rows]) ** 2).mean()))
        np.testing.assert_allclose(step.grad, gradient(network, step.theta, x[rows], y[rows]), rtol=1e-12)


@pytest.mark.parametrize("loss_name", ["mse", "cross_entropy"])
@pytest.mark.parametrize("shared_y", [True, False])
@pytest.mark.parametrize("n", [4, 12])
def test_runs_with_rows_of_their_own_train_as_they_would_alone(
    loss_name: str, shared_y: bool, n: int
) -> None:
    rng = np.random.default_rng(0)
    network, loss = MLP(Layout((2, 5, 4)), "tanh", "batch"), LOSSES[loss_name]
    theta, x = rng.normal(size=(4, network.layout.n_params)), rng.normal(size=(4, n, 2))
    y = rng.normal(size=(4, n, 4)) if loss_name == "mse" else rng.integers(0, 4, (4, n))
    batches = [rng.permutation(n)[:3] for _ in range(6)]
    y = y[0] if shared_y else y
    together = collect(
        network, loss, adam(0.05), theta, x, y, steps=6, batches=batches, l2=0.1, clip_norm=0.5
    )
    for r in range(4):
        alone = collect(
            network, loss, adam(0.05), theta[r], x[r], y if shared_y else y[r], steps=6, batches=batches,
            l2=0.1, clip_norm=0.5,
        )  # fmt: skip
        for many, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(many[:, r], one)


def test_one_start_is_taken_to_many_data_sets() -> None:
    network, theta, _, _ = problem()
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 6, 2)), rng.normal(size=(3, 6, 1))
    _, thetas, _ = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=2)
    assert thetas.shape == (3, 3, network.layout.n_params)
    np.testing.assert_array_equal(
        thetas[:, 2], collect(network, LOSSES["mse"], sgd(0.1), theta, x[2], y[2], steps=2)[1]
    )


def test_whole_number_inputs_and_targets_are_taken_as_floats() -> None:
    network, theta, x, y = problem()
    x, y = x.round(), y.round()
    whole = collect(network, LOSSES["mse"], sgd(0.1), theta, x.astype(int), y.astype(int), steps=3)
    for a, b in zip(whole, collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3), strict=True):
        np.testing.assert_array_equal(a, b)
    zeros = np.zeros(theta.size, dtype=int)
    assert collect(network, LOSSES["mse"], sgd(0.1), zeros, x, y, steps=1)[1].dtype == np.float64


def test_penalties_are_on_weights_only_and_in_loss_and_gradient() -> None:
    network, theta, x, y = problem()
    l1, l2 = 0.03, 0.2
    (plain_loss, *_), _, (plain_grad, *_) = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=0)
    (loss, *_), _, (grad, *_) = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=0, l1=l1, l2=l2)
    weights = np.concatenate([w.ravel() for w, _ in network.layout.split(theta)])
    assert loss - plain_loss == pytest.approx(l1 * np.abs(weights).sum() + l2 * (weights**2).sum())
    for (d_w, d_b), (w, _) in zip(
        network.layout.split(grad - plain_grad), network.layout.split(theta), strict=True
    ):
        np.testing.assert_allclose(d_w, l1 * np.sign(w) + 2 * l2 * w, rtol=1e-9, atol=1e-14)
        assert not d_b.any()


def test_the_penalized_gradient_is_the_derivative_of_the_penalized_loss() -> None:
    network, theta, x, y = problem()
    settings = {"steps": 0, "l1": 0.1, "l2": 0.3}

    _, _, (grad, *_) = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, **settings)
    h = 1e-6
    for index in range(theta.size):
        unit = np.zeros_like(theta)
        unit[index] = h
        up, down = (
            collect(network, LOSSES["mse"], sgd(0.1), theta + s * unit, x, y, **settings)[0][0]
            for s in (1, -1)
        )
        assert (up - down) / (2 * h) == pytest.approx(grad[index], rel=1e-5, abs=1e-8)


def test_clipping_steers_the_update_and_the_record_stays_raw() -> None:
    network, theta, x, y = problem()
    _, thetas, grads = collect(
        network, LOSSES["mse"], sgd(0.1), theta, x, y * 100, steps=3, clip_norm=0.5, clip_value=0.3
    )
    for before, after, grad in zip(thetas[:-1], thetas[1:], grads[:-1], strict=True):
        np.testing.assert_allclose(grad, gradient(network, before, x, y * 100), rtol=1e-12)
        assert np.linalg.norm(grad) > 5
        np.testing.assert_array_equal(after, before + -0.1 * clip(grad, 0.5, 0.3))


@pytest.mark.parametrize("schedule", [step_decay(2, 0.5), cosine(6, 0.1)])
def test_a_schedule_scales_each_step(schedule: Any) -> None:
    network, theta, x, y = problem()
    _, thetas, grads = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=6, schedule=schedule)
    for t in range(6):
        np.testing.assert_allclose(
            thetas[t + 1] - thetas[t], -0.1 * schedule(t) * grads[t], rtol=1e-9, atol=1e-15
        )


def test_storage_says_where_a_step_is_written() -> None:
    network, theta, x, y = problem()
    rows = np.full((2, 4, theta.size), np.nan)
    for step in train(
        network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, storage=lambda t: (rows[0, t], rows[1, t])
    ):
        assert np.shares_memory(step.theta, rows) and np.shares_memory(step.grad, rows)
    _, thetas, grads = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3)
    np.testing.assert_array_equal(rows, [thetas, grads])


def test_errors_say_what_was_expected_and_what_arrived() -> None:
    network, theta, x, y = problem()

    def first(theta: Array, x: Array, y: Array) -> None:
        next(iter(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=1)))

    with pytest.raises(ValueError, match=r"theta must have shape \(\.\.\., 17\); got \(16,\)"):
        first(theta[:-1], x, y)
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., n_samples, 2\); got \(12, 1\)"):
        first(theta, x[:, :1], y)
    with pytest.raises(
        ValueError, match=r"y for mse must have shape \(12, 1\), samples by outputs; got \(11, 1\)"
    ):
        first(theta, x, y[1:])
    with pytest.raises(ValueError, match="steps must be 0 or more; got -1"):
        list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=-1))
    with pytest.raises(ValueError, match="batches must hold an index array for each of the 3 steps; got 2"):
        list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, batches=[np.array([0])] * 2))


# Divergence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [0, 2])
def test_divergence_in_a_names_the_unit_whose_activation_is_infinite(unit: int) -> None:
    explosive = Activation(
        "explosive", phi=lambda z: np.where(z > 5, np.inf, z), dphi=np.ones_like, max_slope=1.0
    )
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


def one_step(
    theta: Array, x: Array, y: Array, widths: tuple[int, ...], rate: float, loss: str = "mse"
) -> Any:
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


# run() ----------------------------------------------------------------------------------------------------


def assert_same(a: History, b: History) -> None:
    for name in ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    assert (a.config, a.stopped, a.divergence) == (b.config, b.stopped, b.divergence)


def digest(config: RunConfig) -> str:
    """Of theta, gradient and loss of a run in another process."""
    code = (
        "import hashlib, json, sys, nncore\n"
        "h = nncore.run(nncore.RunConfig.from_dict(json.loads(sys.argv[1])))\n"
        "print(hashlib.sha256(h.theta.tobytes() + h.grad.tobytes() + h.loss.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, json.dumps(config.to_dict())]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "random"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def test_a_run_is_train_with_what_the_config_says() -> None:
    config = SMALL.replace(
        optimizer="adam", batch_size=7, l2=0.01, clip_norm=1.0, schedule="cosine", warmup_steps=3
    )
    history, data = run(config), config.data()
    loss, theta, grad = collect(
        config.network(), config.loss_function(), config.make_optimizer(), config.initial_theta(),
        data.x_train, config.targets(data.y_train), config.steps, batches=config.batches(), l2=0.01,
        clip_norm=1.0, schedule=config.make_schedule(),
    )  # fmt: skip
    np.testing.assert_array_equal(history.loss, loss)
    np.testing.assert_array_equal(history.theta, theta)
    np.testing.assert_array_equal(history.grad, grad)
    assert history.step.tolist() == list(range(config.steps + 1))
    assert history.stopped == "" and history.divergence is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_same_config_same_bits_twice_and_in_two_processes(dtype: str) -> None:
    config = SMALL.replace(
        hidden=(16, 16), optimizer="adam", batch_size=8, dtype=dtype, init="orthogonal", normalization="batch"
    )
    first = run(config)
    assert_same(first, run(RunConfig.from_dict(config.to_dict())))
    here = hashlib.sha256(first.theta.tobytes() + first.grad.tobytes() + first.loss.tobytes()).hexdigest()
    assert digest(config) == here


def test_another_seed_gives_other_bits() -> None:
    assert (run(SMALL).theta != run(SMALL.replace(seed=1)).theta).any()


def test_a_run_has_the_same_bits_while_another_one_is_active() -> None:
    config = SMALL.replace(hidden=(64, 64), n_samples=400, steps=40)
    alone, ended = run(config), threading.Event()
    other = threading.Thread(
        target=run,
        args=(config.replace(seed=9, steps=100_000, record_every=1000),),
        kwargs={"cancelled": ended.is_set},
    )
    other.start()
    try:
        assert_same(run(config), alone)
    finally:
        ended.set()
        other.join()


@pytest.mark.parametrize(("hidden", "expected"), [((8,), {1}), ((800, 800), {2})])
def test_a_run_holds_blas_at_the_threads_of_its_config(hidden: tuple[int, ...], expected: set[int]) -> None:
    seen: set[int] = set()

    def look() -> bool:
        found = threadpool_info()
        seen.update(pool["num_threads"] for pool in found if "numpy" in pool["filepath"])
        return True

    run(SMALL.replace(hidden=hidden, n_samples=400, steps=1), cancelled=look)
    assert seen == expected


@pytest.mark.parametrize("record_every", [2, 3, 29, 30, 31, 1000])
def test_record_every_leaves_out_records_and_changes_none(record_every: int) -> None:
    whole, thin = run(SMALL), run(SMALL.replace(record_every=record_every))
    kept = sorted({*range(0, 31, record_every), 30})
    assert thin.step.tolist() == kept
    assert len(thin) == thin.config.n_records
    for name in ("loss", "theta", "grad", "update_norm"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name)[kept])


def test_mini_batches_of_a_run_cover_each_epoch_once() -> None:
    config = SMALL.replace(batch_size=8, test_fraction=0)
    batches = config.batches()
    assert batches is not None
    epochs = [np.concatenate([next(batches) for _ in range(5)]) for _ in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(40))] * 2
    assert (epochs[0] != epochs[1]).any()
    assert SMALL.batches() is None and SMALL.replace(batch_size=20_000).batches() is None


def test_the_last_record_of_a_mini_batch_run_is_on_all_training_rows() -> None:
    history = run(SMALL.replace(batch_size=4))
    data, loss = history.config.data(), history.config.loss_function()
    z = history.network.forward(history.theta[-1], data.x_train).z[-1]
    assert history.loss[-1] == pytest.approx(
        float(loss.value(z, history.config.targets(data.y_train))), rel=1e-12
    )


def test_progress_is_told_of_every_step() -> None:
    told: list[tuple[int, float]] = []
    history = run(SMALL, progress=lambda step, loss: told.append((step, loss)))
    assert told == list(zip(history.step.tolist(), history.loss.tolist(), strict=True))


@pytest.mark.parametrize("record_every", [1, 4])
@pytest.mark.parametrize("stop_at", [0, 1, 5, 17])
def test_stop_keeps_what_there_is(record_every: int, stop_at: int) -> None:
    whole, asked = run(SMALL), iter(range(1000))
    history = run(SMALL.replace(record_every=record_every), cancelled=lambda: next(asked) == stop_at)
    assert history.stopped == f"Stopped by hand at step {stop_at} of 30."
    assert history.divergence is None
    tail = range(max(stop_at - TAIL + 1, 0), stop_at + 1)
    assert history.step.tolist() == sorted({*range(0, stop_at + 1, record_every), *tail})
    np.testing.assert_array_equal(history.theta, whole.theta[history.step])
    followed = np.isin(history.step + 1, history.step)
    np.testing.assert_array_equal(history.update_norm[followed], whole.update_norm[history.step][followed])
    assert np.isnan(history.update_norm[-1]).all()


def test_a_stop_that_comes_with_the_last_step_stops_nothing() -> None:
    asked = iter(range(1000))
    history = run(SMALL, cancelled=lambda: next(asked) >= 30)
    assert history.stopped == "" and len(history) == 31


# Memory ---------------------------------------------------------------------------------------------------


def refusal(config: RunConfig, budget: int) -> str:
    with pytest.raises(ValueError) as caught:
        run(config, memory_budget=budget)
    return str(caught.value)


def test_a_history_over_budget_is_refused_before_anything_is_allocated() -> None:
    config = RunConfig(hidden=(1024,) * 200, n_samples=100, steps=1_000_000)
    message = refusal(config, 2**30)
    assert message.startswith("the history would take ") and "1,024 MB are allowed" in message


def test_a_pass_over_too_many_rows_is_refused_too() -> None:
    message = refusal(RunConfig(hidden=(256,) * 50, n_samples=20_000, steps=1), 2**30)
    assert message.startswith(
        "one pass over the 16,000 training rows would take 4,689 MB and 1,024 MB are allowed"
    )


@given(st.integers(1, 1000), st.integers(1, 4), st.integers(1, 50))
@settings(deadline=None)
def test_the_record_every_that_a_refusal_offers_fits(steps: int, depth: int, n_fitting: int) -> None:
    config = SMALL.replace(hidden=(40,) * depth, steps=steps, n_samples=4, test_fraction=0.5)
    budget = n_fitting * 2 * 8 * config.layout().n_params
    if config.history_bytes() <= budget:
        config.check_memory(budget)
        return
    with pytest.raises(ValueError) as caught:
        config.check_memory(budget)
    message = str(caught.value)
    if n_fitting == 1:
        assert "set record_every" not in message and "fewer steps or narrower layers" in message
        return
    offer = int(message.split("set record_every to ")[1].split()[0].replace(",", ""))
    thinner = config.replace(record_every=offer)
    thinner.check_memory(budget)
    with pytest.raises(ValueError):
        config.replace(record_every=offer - 1).check_memory(budget)


def test_the_offer_of_a_refusal_runs() -> None:
    config = SMALL.replace(hidden=(40, 40))
    budget = 6 * 2 * 8 * config.layout().n_params
    message = refusal(config, budget)
    assert "set record_every to 6 or more" in message
    assert run(config.replace(record_every=6), memory_budget=budget).step.tolist() == [0, 6, 12, 18, 24, 30]


def test_without_a_budget_nothing_is_refused() -> None:
    assert len(run(SMALL, memory_budget=None)) == 31


# Shapes and extremes --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 5), max_size=4),
    activation=st.sampled_from(list(ACTIVATIONS)),
    normalization=st.sampled_from(["none", "batch", "layer"]),
    skip=st.booleans(),
    dataset=st.sampled_from(["moons", "blobs", "parabola", "iris", "diabetes"]),
    init=st.sampled_from(
        ["xavier_normal", "he_uniform", "orthogonal", "lsuv", "zeros", "constant", "pytorch_default"]
    ),
    gain=st.sampled_from([0.0, 1e-3, 1.0, 100.0]),
    optimizer=st.sampled_from(["sgd", "rmsprop", "adagrad", "adam", "adamw"]),
    learning_rate=st.sampled_from([0.0, 0.1, 1e6]),
    batch_size=st.sampled_from([0, 1, 3]),
    record_every=st.integers(1, 6),
    steps=st.integers(0, 12),
    dtype=st.sampled_from(["float64", "float32"]),
    clip_norm=st.sampled_from([None, 1e-12, 1.0]),
)
def test_whatever_the_settings_a_run_ends_with_a_history(hidden: list[int], **settings: Any) -> None:
    config = RunConfig(hidden=tuple(hidden), n_samples=12, **settings)
    history = run(config)
    expected = sorted({*range(0, config.steps + 1, config.record_every), config.steps})
    if history.stopped:
        assert history.divergence is not None
        assert not np.isfinite(np.r_[history.loss[-1], history.theta[-1], history.grad[-1]]).all()
    else:
        assert history.step.tolist() == expected
        assert np.isfinite(history.theta).all() and np.isfinite(history.grad).all()
    assert history.theta.shape == history.grad.shape == (len(history), history.layout.n_params)
    assert history.update_norm.shape == (len(history), history.layout.n_layers)
    assert history.theta.dtype == config.dtype


EXTREME = st.sampled_from(
    [0.0, -0.0, 5e-324, 1e-300, -1e-160, 1.0, -1.0, 1e160, -1e300, 1.7e308, np.inf, np.nan]
)


@settings(max_examples=150, deadline=None)
@given(
    widths=st.lists(st.integers(1, 3), min_size=2, max_size=4),
    n=st.integers(1, 3),
    lead=st.sampled_from([(), (2,)]),
    activation=st.sampled_from(list(ACTIVATIONS)),
    normalization=st.sampled_from(["none", "batch", "layer"]),
    data=st.data(),
)
def test_no_number_however_extreme_raises_or_warns(
    widths: list[int], n: int, lead: tuple[int, ...], activation: str, normalization: str, data: st.DataObject
) -> None:
    network = MLP(Layout(tuple(widths)), activation, normalization, skip=True)
    n_params = network.layout.n_params
    theta = data.draw(hnp.arrays(np.float64, (*lead, n_params), elements=EXTREME))
    x = data.draw(hnp.arrays(np.float64, (n, widths[0]), elements=EXTREME))
    steps = list(
        train(network, LOSSES["mse"], adam(0.1), theta, x, np.ones((n, widths[-1])), steps=2, clip_norm=1.0)
    )
    assert [step.index for step in steps] == [0, 1, 2]
    if not lead and not np.isfinite(np.r_[steps[0].loss, steps[0].theta, steps[0].grad]).all():
        found = find_divergence(network.layout, steps[0])
        assert 1 <= found.layer <= network.layout.n_layers
        assert 0 <= found.unit < widths[found.layer]


def test_the_gradient_of_a_whole_run_is_right_at_its_end() -> None:
    config = RunConfig(
        dataset="wine", hidden=(6, 6, 6), activation="gelu", normalization="batch", skip=True, steps=20
    )
    history, data = run(config), config.data()
    worst = check_gradient(
        history.network, config.loss_function(), history.theta[-1], data.x_train,
        config.targets(data.y_train), grad=history.grad[-1],
    )  # fmt: skip
    assert worst < 1


def test_endless_batches_are_drawn_one_a_step() -> None:
    network, theta, x, y = problem()
    drawn: list[int] = []

    def batches() -> Iterator[np.ndarray]:
        while True:
            drawn.append(len(drawn))
            yield np.array([0, 1])

    list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=4, batches=batches()))
    assert len(drawn) == 4
