import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import OPTIMIZERS, adagrad, adam, adamw, cosine, rmsprop, sgd, step_decay, warmup
from nncore.model.layout import Array
from nncore.model.optimizers import Optimizer, clip

# theta = 1, gradients 0.5 and then -0.25 whatever theta is; the first two steps by hand.
BY_HAND = {
    # 1 - 0.1 * 0.5, then + 0.1 * 0.25
    "sgd": (sgd(0.1), (0.95, 0.975)),
    # v = 0.5, then 0.9 * 0.5 - 0.25 = 0.2
    "sgd, momentum": (sgd(0.1, momentum=0.9), (0.95, 0.93)),
    # g + 0.9 v: 0.5 + 0.45 = 0.95, then -0.25 + 0.18 = -0.07
    "sgd, nesterov": (sgd(0.1, momentum=0.9, nesterov=True), (0.905, 0.912)),
    # g + 0.1 theta: 0.6, then -0.25 + 0.094 = -0.156
    "sgd, weight decay": (sgd(0.1, weight_decay=0.1), (0.94, 0.9556)),
    # v = 0.25 / 4 = 0.0625, sqrt 0.25: a step of 0.1 * 2; then v = 0.75 * 0.0625 + 0.0625 / 4 = 0.0625 again
    "rmsprop": (rmsprop(0.1, alpha=0.75, epsilon=0.0), (0.8, 0.9)),
    # sqrt(v) = 0.5: a step of 0.1; then v = 0.3125
    "adagrad": (adagrad(0.1, epsilon=0.0), (0.9, 0.9 + 0.025 / math.sqrt(0.3125))),
    # m_hat = g and v_hat = g^2 at first: a step of the learning rate. Then m = 0.9 * 0.05 - 0.025 = 0.02,
    # m_hat = 0.02 / 0.19, v = 0.99 * 0.0025 + 0.000625 = 0.0031, v_hat = 0.0031 / 0.0199
    "adam": (
        adam(0.1, beta_1=0.9, beta_2=0.99, epsilon=0.0),
        (0.9, 0.9 - 0.1 * (0.02 / 0.19) / math.sqrt(0.0031 / 0.0199)),
    ),
    # theta shrinks by 1 - 0.1 * 0.5 before each of adam's steps
    "adamw": (
        adamw(0.1, beta_1=0.9, beta_2=0.99, epsilon=0.0, weight_decay=0.5),
        (0.85, 0.85 * 0.95 - 0.1 * (0.02 / 0.19) / math.sqrt(0.0031 / 0.0199)),
    ),
    # epsilon stands outside the root: 0.1 * 0.5 / (0.5 + 0.5)
    "rmsprop, epsilon": (rmsprop(0.1, alpha=0.0, epsilon=0.5), (0.95, 0.95 + 0.025 / 0.75)),
    "adagrad, epsilon": (adagrad(0.1, epsilon=0.5), (0.95, 0.95 + 0.025 / (math.sqrt(0.3125) + 0.5))),
    "adam, epsilon": (adam(0.1, beta_1=0.0, beta_2=0.0, epsilon=0.5), (0.95, 0.95 + 0.025 / 0.75)),
}


@pytest.fixture(params=BY_HAND)
def optimizer(request: pytest.FixtureRequest) -> Optimizer:
    return BY_HAND[request.param][0]


def path(optimizer: Optimizer, theta: Array, grads: Array, factor: Callable[[int], float] = lambda t: 1.0) -> Array:
    """theta after each of the gradients, stacked."""
    state, found = optimizer.init(theta), []
    for t, grad in enumerate(grads):
        theta = optimizer.step(theta, grad, state, factor(t))
        found.append(theta)
    return np.stack(found)


def test_every_optimizer_is_in_the_list() -> None:
    assert {optimizer.name for optimizer, _ in BY_HAND.values()} == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_registry_makes_what_it_says_and_every_setting_has_a_default(name: str) -> None:
    assert OPTIMIZERS[name]().name == name
    assert OPTIMIZERS[name](learning_rate=0.125).learning_rate == 0.125


@pytest.mark.parametrize("name", BY_HAND)
def test_first_two_steps_are_those_computed_by_hand(name: str) -> None:
    optimizer, expected = BY_HAND[name]
    found = path(optimizer, np.array([1.0]), np.array([[0.5], [-0.25]]))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)


def test_defaults_are_pytorchs() -> None:
    theta, grads = np.array([1.0, -2.0]), np.array([[1e-9, 3.0], [2e-9, -1.0]])

    def same(default: Optimizer, spelled_out: Optimizer) -> None:
        np.testing.assert_array_equal(path(default, theta, grads), path(spelled_out, theta, grads))

    same(sgd(0.1), sgd(0.1, 0.0, False, 0.0))
    same(rmsprop(0.1), rmsprop(0.1, 0.99, 1e-8))
    same(adagrad(0.1), adagrad(0.1, 1e-10))
    same(adam(0.1), adam(0.1, 0.9, 0.999, 1e-8))
    same(adamw(0.1), adamw(0.1, 0.9, 0.999, 1e-8, 0.01))


def test_runs_side_by_side_move_as_they_would_alone(optimizer: Optimizer) -> None:
    rng = np.random.default_rng(0)
    theta, grads = rng.normal(size=(5, 7)), rng.normal(size=(4, 5, 7))
    together = path(optimizer, theta, grads)
    for run in range(5):
        np.testing.assert_array_equal(together[:, run], path(optimizer, theta[run], grads[:, run]))


def test_theta_and_gradient_are_left_alone_and_out_is_written(optimizer: Optimizer) -> None:
    theta, grad, out = np.array([1.0, 2.0]), np.array([0.5, -0.5]), np.zeros(2)
    state = optimizer.init(theta)
    for _ in range(3):
        assert optimizer.step(theta, grad, state, out=out) is out
    assert theta.tolist() == [1.0, 2.0] and grad.tolist() == [0.5, -0.5]
    assert (out != theta).all()


def test_out_may_be_reused_by_the_gradients_owner(optimizer: Optimizer) -> None:
    theta, grad = np.array([1.0]), np.array([0.5])
    state = optimizer.init(theta)
    first = optimizer.step(theta, grad, state)
    grad[:] = -0.25
    second = optimizer.step(first, grad, state)
    expected = path(optimizer, np.array([1.0]), np.array([[0.5], [-0.25]]))
    np.testing.assert_array_equal([first, second], expected)


def test_float32_stays_float32(optimizer: Optimizer) -> None:
    theta, grads = np.ones(3, np.float32), np.array([[0.5, 1.0, -1.0], [-0.25, 2.0, 0.5]], np.float32)
    state = optimizer.init(theta)
    for grad in grads:
        theta = optimizer.step(theta, grad, state)
        assert theta.dtype == np.float32
    assert all(value.dtype == np.float32 for value in state.values() if isinstance(value, np.ndarray))
    np.testing.assert_allclose(theta, path(optimizer, np.ones(3), grads.astype(float))[-1], rtol=1e-5)


def test_a_factor_of_one_half_is_half_the_learning_rate(optimizer: Optimizer) -> None:
    theta, grads = np.array([1.0, -3.0]), np.array([[0.5, 1.0], [-0.25, 2.0]])
    halved = Optimizer(optimizer.name, optimizer.learning_rate / 2, optimizer.init, optimizer.update)
    np.testing.assert_array_equal(path(optimizer, theta, grads, lambda t: 0.5), path(halved, theta, grads))


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
def test_the_size_of_the_gradient_hardly_matters_to_adaptive_optimizers(name: str) -> None:
    theta, grads = np.zeros(1), np.array([[1.0], [0.5], [-2.0]])
    small, large = (path(OPTIMIZERS[name](0.1, epsilon=0.0), theta, grads * size) for size in (1e-6, 1e6))
    np.testing.assert_allclose(small, large, rtol=1e-9)


# Clipping -------------------------------------------------------------------------------------------------


def test_clip_norm_scales_and_clip_value_cuts() -> None:
    grad = np.array([3.0, -4.0])
    np.testing.assert_allclose(clip(grad, clip_norm=1.0), [0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(clip(grad, clip_value=3.5), [3.0, -3.5])
    np.testing.assert_allclose(clip(grad, clip_norm=1.0, clip_value=0.7), [0.6, -0.7], rtol=1e-6)
    np.testing.assert_array_equal(clip(grad, clip_norm=6.0), grad)
    np.testing.assert_array_equal(clip(np.zeros(2), clip_norm=1.0), [0.0, 0.0])
    assert grad.tolist() == [3.0, -4.0]


def test_each_run_is_clipped_by_its_own_norm() -> None:
    grad = np.array([[3.0, 4.0], [0.3, 0.4]])
    np.testing.assert_allclose(clip(grad, clip_norm=1.0), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [("float64", 1e200), ("float64", 1e300), ("float32", 1e30)])
def test_a_gradient_whose_square_overflows_is_still_clipped(dtype: str, size: float) -> None:
    clipped = clip(np.array([3.0, -4.0], dtype) * np.asarray(size, dtype), clip_norm=1.0)
    assert clipped.dtype == dtype
    np.testing.assert_allclose(clipped, [0.6, -0.8], rtol=1e-6)


# Schedules ------------------------------------------------------------------------------------------------


def test_schedules_have_their_textbook_values() -> None:
    assert [step_decay(3, 0.1)(step) for step in (0, 2, 3, 6)] == pytest.approx([1, 1, 0.1, 0.01])
    assert [cosine(100)(step) for step in (0, 50, 100, 200)] == pytest.approx([1, 0.5, 0, 0], abs=1e-15)
    assert [cosine(100, floor=0.2)(step) for step in (0, 50, 100)] == pytest.approx([1, 0.6, 0.2])
    rising = warmup(4, step_decay(2, 0.5))
    assert [rising(step) for step in range(5)] == pytest.approx([0.25, 0.5, 0.375, 0.5, 0.25])


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 1))
def test_schedules_stay_between_0_and_1(step: int, length: int, share: float) -> None:
    for schedule in (step_decay(length, share), cosine(length, share), warmup(length, cosine(length, share))):
        assert 0.0 <= schedule(step) <= 1.0 + 1e-15


# What does not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_an_impossible_learning_rate_is_refused(name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=f"learning_rate must be a finite number, 0 or more; got {bad}"):
        OPTIMIZERS[name](learning_rate=bad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sgd(0.1, momentum=1.0), "momentum must be at least 0 and below 1; got 1.0"),
        (lambda: sgd(0.1, nesterov=True), "nesterov needs a momentum above 0; got momentum 0"),
        (lambda: sgd(0.1, weight_decay=-1), "weight_decay must be a finite number, 0 or more; got -1"),
        (lambda: rmsprop(0.1, alpha=1.5), "alpha must be at least 0 and below 1; got 1.5"),
        (lambda: adagrad(0.1, epsilon=math.nan), "epsilon must be a finite number, 0 or more; got nan"),
        (lambda: adam(0.1, beta_1=math.nan), "beta_1 must be at least 0 and below 1; got nan"),
        (lambda: adamw(0.1, beta_2=1), "beta_2 must be at least 0 and below 1; got 1"),
        (lambda: sgd("fast"), "learning_rate must be a finite number, 0 or more; got 'fast'"),
        (lambda: sgd(0.1, momentum="much"), "momentum must be at least 0 and below 1; got 'much'"),
        (lambda: step_decay(0, 0.5), "every must be a whole number, 1 or more; got 0"),
        (lambda: cosine(-1), "steps must be a whole number, 0 or more; got -1"),
        (lambda: warmup(0, cosine(1)), "steps must be a whole number, 1 or more; got 0"),
    ],
)
def test_errors_say_what_was_expected_and_what_arrived(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message
