"""train() against PyTorch, the lecture and its own promises."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nncore import LOSSES, MLP, Layout, adam, adamw, clipped, cosine, rmsprop, scheduled, sgd, step_decay, train
from nncore.model.layout import Array
from nncore.model.optimizers import clip
from nncore.training import Resume
from tests.nncore.training.runs import collect, gradient, problem

CASES = json.loads((Path(__file__).parents[2] / "cases" / "trajectories.json").read_text(encoding="utf-8"))


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
    network, loss = (MLP(layout, spec["activation"]), LOSSES["cross_entropy" if spec["loss"] == "ce" else spec["loss"]])
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
        np.testing.assert_allclose(step.theta[[0, 2, 5]], step.theta[[1, 3, 6]], rtol=1e-12)  # as the sums are rounded
    assert abs(step.theta - theta).max() > 0.1


def test_a_linear_network_leaves_the_saddle_at_zero_in_its_offset_alone() -> None:
    x = np.linspace(0, 1.5, 4)[:, None]
    *_, last = train(MLP(Layout((1, 2, 1)), "linear"), LOSSES["mse"], sgd(0.1), np.zeros(7), x, x**2, steps=200)
    assert last.theta[4] == pytest.approx(float((x**2).mean()))
    assert not np.delete(last.theta, 4).any()


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
def test_runs_with_rows_of_their_own_train_as_they_would_alone(loss_name: str, shared_y: bool, n: int) -> None:
    rng = np.random.default_rng(0)
    network, loss = MLP(Layout((2, 5, 4)), "tanh", "batch"), LOSSES[loss_name]
    theta, x = rng.normal(size=(4, network.layout.n_params)), rng.normal(size=(4, n, 2))
    y = rng.normal(size=(4, n, 4)) if loss_name == "mse" else rng.integers(0, 4, (4, n))
    batches = [rng.permutation(n)[:3] for _ in range(6)]
    y = y[0] if shared_y else y
    together = collect(network, loss, adam(0.05), theta, x, y, steps=6, batches=batches, l2=0.1, clip_norm=0.5)
    for r in range(4):
        alone = collect(
            network,
            loss,
            adam(0.05),
            theta[r],
            x[r],
            y if shared_y else y[r],
            steps=6,
            batches=batches,
            l2=0.1,
            clip_norm=0.5,
        )
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
    for (d_w, d_b), (w, _) in zip(network.layout.split(grad - plain_grad), network.layout.split(theta), strict=True):
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
            collect(network, LOSSES["mse"], sgd(0.1), theta + s * unit, x, y, **settings)[0][0] for s in (1, -1)
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
        np.testing.assert_allclose(thetas[t + 1] - thetas[t], -0.1 * schedule(t) * grads[t], rtol=1e-9, atol=1e-15)


def test_the_keywords_are_the_transforms_by_hand() -> None:
    network, theta, x, y = problem()
    schedule = cosine(6, 0.1)
    by_keyword = collect(
        network, LOSSES["mse"], sgd(0.1), theta, x, y, 6, clip_norm=0.5, clip_value=0.3, schedule=schedule
    )
    optimizer = scheduled(clipped(sgd(0.1), norm=0.5, value=0.3), schedule)
    by_hand = collect(network, LOSSES["mse"], optimizer, theta, x, y, 6)
    for a, b in zip(by_keyword, by_hand, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(TypeError, match="unexpected keyword argument 'clip_nrom'"):
        next(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, 6, clip_nrom=0.5))  # type: ignore[call-arg]


def test_training_resumed_at_a_step_goes_on_as_it_would_have() -> None:
    network, theta, x, y = problem()
    batches = [np.array([step, step + 1]) for step in range(6)]
    optimizer = scheduled(adam(0.1), cosine(6))
    _, thetas, _ = collect(network, LOSSES["mse"], optimizer, theta, x, y, 6, batches, l2=0.01)
    state = optimizer.init(theta)
    for step in train(network, LOSSES["mse"], optimizer, theta, x, y, 6, batches, resume=Resume(0, state), l2=0.01):
        if step.index == 2:
            break
    _, later, _ = collect(
        network, LOSSES["mse"], optimizer, step.theta, x, y, 6, batches[2:], resume=Resume(2, state), l2=0.01
    )
    np.testing.assert_array_equal(later, thetas[2:])


def test_storage_says_where_a_step_is_written() -> None:
    network, theta, x, y = problem()
    rows = np.full((2, 4, theta.size), np.nan)
    for step in train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, storage=(rows[0], rows[1])):
        assert np.shares_memory(step.theta, rows) and np.shares_memory(step.grad, rows)
    _, thetas, grads = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3)
    np.testing.assert_array_equal(rows, [thetas, grads])


@pytest.mark.parametrize(
    ("shapes", "dtype", "message"),
    [
        (
            ((4, 16), (4, 17)),
            np.float64,
            r"storage must be rows \(n_rows, 17\) of float64, each in one piece; got \(4, 16\)",
        ),
        (
            ((17,), (4, 17)),
            np.float64,
            r"storage must be rows \(n_rows, 17\) of float64, each in one piece; got \(17,\)",
        ),
        (((4, 17), (4, 17)), np.float32, r"storage must be rows \(n_rows, 17\) of float64, each .* of float32"),
        (((4, 17), (1, 17)), np.float64, "storage must have two rows or more; got 1"),
    ],
)
def test_storage_that_does_not_fit_is_refused(shapes: list[tuple[int, ...]], dtype: type, message: str) -> None:
    network, theta, x, y = problem()
    storage = (np.empty(shapes[0], dtype), np.empty(shapes[1], dtype))
    with pytest.raises(ValueError, match=message):
        next(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, storage=storage))


def test_a_storage_with_fewer_rows_than_steps_holds_the_last_ones() -> None:
    network, theta, x, y = problem()
    rows, grads = np.empty((3, theta.size)), np.empty((2, theta.size))
    list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=4, storage=(rows, grads)))
    _, thetas, expected = collect(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=4)
    np.testing.assert_array_equal(rows, [thetas[3], thetas[4], thetas[2]])
    np.testing.assert_array_equal(grads, [expected[4], expected[3]])


def test_numpy_is_silent_inside_a_step_and_warns_between_steps_as_before() -> None:
    network, theta, x, y = problem()
    for _ in train(network, LOSSES["mse"], sgd(1e200), theta, x, y, steps=3):  # a warning would be an error here
        assert set(np.geterr().values()) != {"ignore"}


def test_errors_say_what_was_expected_and_what_arrived() -> None:
    network, theta, x, y = problem()

    def first(theta: Array, x: Array, y: Array) -> None:
        next(iter(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=1)))

    with pytest.raises(ValueError, match=r"theta must have shape \(\.\.\., 17\); got \(16,\)"):
        first(theta[:-1], x, y)
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., n_samples, 2\); got \(12, 1\)"):
        first(theta, x[:, :1], y)
    with pytest.raises(ValueError, match=r"y for mse must have shape \(12, 1\), samples by outputs; got \(11, 1\)"):
        first(theta, x, y[1:])
    with pytest.raises(ValueError, match="steps must be 0 or more; got -1"):
        list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=-1))
    with pytest.raises(ValueError, match="batches must hold an index array for each of the 3 steps; got 2"):
        list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=3, batches=[np.array([0])] * 2))


def test_endless_batches_are_drawn_one_a_step() -> None:
    network, theta, x, y = problem()
    drawn: list[int] = []

    def batches() -> Iterator[np.ndarray]:
        while True:
            drawn.append(len(drawn))
            yield np.array([0, 1])

    list(train(network, LOSSES["mse"], sgd(0.1), theta, x, y, steps=4, batches=batches()))
    assert len(drawn) == 4
