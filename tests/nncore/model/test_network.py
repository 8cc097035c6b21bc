import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import ACTIVATIONS, LOSSES, MLP, NORMALIZATIONS, Activation, Layout
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.model.normalization import EPSILON

LECTURE = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
LECTURE_X = np.array([[0.0], [0.5], [1.0], [1.5]])


def test_a_2_2_1_network_computes_what_pencil_and_paper_do() -> None:
    # softsign keeps everything a fraction: phi(z) = z / (1 + |z|), phi'(z) = 1 / (1 + |z|)^2.
    #
    # forward, x = (1, 2):
    #   z_11 = -0.5 + 1 * 0.5 + 2 * 0.5 = 1       a_11 = 1/2     phi' = 1/4
    #   z_12 =  1   - 1 * 1   - 2 * 1.5 = -3      a_12 = -3/4    phi' = 1/16
    #   z_2  = 0.5 + 2 * 1/2 + 4 * (-3/4) = -1.5
    # loss, y = -2: E = (-1.5 + 2)^2 = 0.25
    # backward:
    #   delta_2 = 2 (z_2 - y) = 1
    #   dE/db_2 = 1, dE/dW_2 = (a_11, a_12) * 1 = (1/2, -3/4)
    #   delta_1 = (2 * 1 * 1/4, 4 * 1 * 1/16) = (1/2, 1/4)
    #   dE/db_1 = (1/2, 1/4), dE/dW_1 = x^T delta_1 = ((1/2, 1/4), (1, 1/2))
    layout = Layout((2, 2, 1))
    w_1, b_1 = np.array([[0.5, -1.0], [0.5, -1.5]]), np.array([-0.5, 1.0])
    w_2, b_2 = np.array([[2.0], [4.0]]), np.array([0.5])
    theta = layout.join([(w_1, b_1), (w_2, b_2)])
    network, loss, y = MLP(layout, "softsign"), LOSSES["mse"], np.array([[-2.0]])

    tape = network.forward(theta, np.array([[1.0, 2.0]]))
    assert tape.z[0].tolist() == [[1.0, -3.0]]
    assert tape.a[1].tolist() == [[0.5, -0.75]]
    assert tape.z[1].tolist() == tape.a[2].tolist() == [[-1.5]]
    assert loss.value(tape.z[-1], y) == 0.25

    grad, deltas = network.backward(theta, tape, loss.delta(tape.z[-1], y))
    assert [delta.tolist() for delta in deltas] == [[[0.5, 0.25]], [[1.0]]]
    (d_w_1, d_b_1), (d_w_2, d_b_2) = layout.split(grad)
    assert d_b_1.tolist() == [0.5, 0.25]
    assert d_w_1.tolist() == [[0.5, 0.25], [1.0, 0.5]]
    assert d_b_2.tolist() == [1.0]
    assert d_w_2.tolist() == [[0.5], [-0.75]]


def test_the_lectures_1_2_1_network_gives_the_lectures_numbers() -> None:
    network, loss = MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"]
    tape = network.forward(LECTURE, LECTURE_X)
    outputs = [0.3973858296, 0.4698449013, 0.5393531981, 0.6043816884]
    np.testing.assert_allclose(tape.z[-1].ravel(), outputs, atol=5e-11)
    np.testing.assert_allclose(tape.z[0][2], [0.6, -0.6], atol=1e-15)
    np.testing.assert_allclose(tape.a[1][2], [0.6456563062, 0.3543436938], atol=5e-11)
    assert loss.value(tape.z[-1], LECTURE_X**2) == pytest.approx(0.7816255954422997, rel=1e-14)
    grad, _ = network.backward(LECTURE, tape, loss.delta(tape.z[-1], LECTURE_X**2))
    expected = [
        *(-0.10436454150510, 0.09186682913556, -0.20878963521872, 0.18209977474683),
        *(-0.74451719128289, -0.55635072852686, -0.20314744901354),
    ]
    np.testing.assert_allclose(grad, expected, atol=1e-14)


def test_a_delta_of_one_gives_the_lectures_derivatives_of_f() -> None:
    network = MLP(Layout((1, 2, 1)), "sigmoid")
    tape = network.forward(LECTURE, np.array([[1.0]]))
    slopes, _ = network.backward(LECTURE, tape, np.ones((1, 1)))
    o_1, o_2 = tape.a[1][0]
    by_chain_rule = [0.7 * o_1 * (1 - o_1), -0.6 * o_2 * (1 - o_2)] * 2 + [1.0, o_1, o_2]
    np.testing.assert_allclose(slopes, by_chain_rule, rtol=1e-14)
    printed = [0.1601489683, -0.1372705443, 0.1601489683, -0.1372705443, 1, 0.6456563062, 0.3543436938]
    np.testing.assert_allclose(slopes, printed, atol=5e-11)


def test_a_linear_1_2_1_network_is_a_line_with_two_effective_parameters() -> None:
    th = LECTURE
    intercept, slope = th[4] + th[5] * th[0] + th[6] * th[1], th[5] * th[2] + th[6] * th[3]
    z = MLP(Layout((1, 2, 1)), "linear").forward(th, LECTURE_X).z[-1]
    assert (intercept, slope) == (pytest.approx(0.49), pytest.approx(0.59))
    np.testing.assert_allclose(z, intercept + slope * LECTURE_X, rtol=1e-14)


def test_swapping_the_hidden_units_leaves_the_function_alone() -> None:
    network = MLP(Layout((1, 2, 1)), "sigmoid")
    swapped = LECTURE[[1, 0, 3, 2, 4, 6, 5]]
    np.testing.assert_allclose(
        network.forward(swapped, LECTURE_X).z[-1], network.forward(LECTURE, LECTURE_X).z[-1], rtol=1e-15
    )


def test_without_hidden_layers_it_is_linear_regression() -> None:
    rng = np.random.default_rng(0)
    layout, x, y = Layout((3, 2)), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    weight, bias = rng.normal(size=(3, 2)), rng.normal(size=2)
    network, theta = MLP(layout, "relu"), layout.join([(weight, bias)])
    tape = network.forward(theta, x)
    np.testing.assert_allclose(tape.z[-1], x @ weight + bias, rtol=1e-14)
    grad, (delta,) = network.backward(theta, tape, LOSSES["mse"].delta(tape.z[-1], y))
    residual = 2 * (x @ weight + bias - y) / y.size
    ((d_weight, d_bias),) = layout.split(grad)
    np.testing.assert_allclose(delta, residual, rtol=1e-12)
    np.testing.assert_allclose(d_weight, x.T @ residual, rtol=1e-12)
    np.testing.assert_allclose(d_bias, residual.sum(axis=0), rtol=1e-12)


# An independent forward and backward, one sample and one unit at a time -----------------------------------


def slow_pass(
    network: MLP, theta: Array, x: Array, delta_out: Array
) -> tuple[list[Array], list[Array], list[Array], Array]:
    """z, a, delta per layer and the gradient, by loops; without normalization."""
    layers = network.layout.split(theta)
    n, n_layers = len(x), len(layers)
    z = [np.zeros((n, width)) for width in network.layout.widths[1:]]
    a = [x, *(np.zeros_like(each) for each in z)]
    delta = [np.zeros_like(each) for each in z]
    grad = np.zeros_like(theta)
    grads = network.layout.split(grad)
    for sample in range(n):
        for index, (weight, bias) in enumerate(layers):
            for unit in range(weight.shape[1]):
                terms = [a[index][sample, k] * weight[k, unit] for k in range(weight.shape[0])]
                z[index][sample, unit] = bias[unit] + math.fsum(terms)
            out = z[index][sample]
            if index < n_layers - 1:
                out = network.activations[index](out)
                if network.skips[index]:
                    out = out + a[index][sample]
            a[index + 1][sample] = out
        d_a = delta_out[sample]
        for index in range(n_layers - 1, -1, -1):
            slope = 1.0 if index == n_layers - 1 else network.activations[index].slope(z[index][sample])
            delta[index][sample] = d_a * slope
            for k in range(network.layout.widths[index]):
                grads[index][0][k] += a[index][sample, k] * delta[index][sample]
            grads[index][1][...] += delta[index][sample]
            straight = d_a if index < n_layers - 1 and network.skips[index] else 0.0
            d_a = layers[index][0] @ delta[index][sample] + straight
    return z, a, delta, grad


@settings(max_examples=60)
@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    n=st.integers(1, 5),
    activation=st.sampled_from(sorted(set(ACTIVATIONS) - {"sign"})),
    skip=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_forward_and_backward_agree_with_loops_over_samples_and_units(
    widths: list[int], n: int, activation: str, skip: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    network = MLP(Layout(tuple(widths)), activation, skip=skip)
    theta, x = rng.normal(size=network.layout.n_params), rng.normal(size=(n, widths[0]))
    delta_out = rng.normal(size=(n, widths[-1]))
    z, a, delta, grad = slow_pass(network, theta, x, delta_out)
    tape = network.forward(theta, x)
    found, deltas = network.backward(theta, tape, delta_out)
    for ours, theirs in ((tape.z, z), (tape.a, a), (deltas, delta), ([found], [grad])):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-8, atol=1e-10)


# Leading axes ---------------------------------------------------------------------------------------------


def everything(network: MLP, theta: Array, x: Array, delta: Array) -> list[Array]:
    tape = network.forward(theta, x)
    grad, deltas = network.backward(theta, tape, delta)
    return [*tape.z, *tape.z_hat, *tape.a[1:], *deltas, grad]


def flat(arrays: list[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays])


def test_gradient_is_written_into_the_array_that_is_given_wherever_its_numbers_lie() -> None:
    network, loss = MLP(Layout((2, 3, 1)), "tanh"), LOSSES["mse"]
    theta, x = np.linspace(-1.0, 1.0, network.layout.n_params), np.linspace(-1.0, 1.0, 10).reshape(5, 2)
    tape = network.forward(theta, x)
    delta = loss.delta(tape.z[-1], x[:, :1])
    columns = np.zeros((theta.size, 2))
    grad, _ = network.backward(theta, tape, delta, columns[:, 1])
    assert np.shares_memory(grad, columns)
    np.testing.assert_array_equal(columns[:, 1], network.backward(theta, tape, delta)[0])


@pytest.mark.parametrize("widths", [(3, 9, 9, 1, 2), (3, 8, 8, 1, 2)], ids=["even", "odd"])
@pytest.mark.parametrize("n_samples", [1, 33])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_runs_bits_do_not_depend_on_its_block(
    activation: str, normalization: str, n_samples: int, dtype: str, widths: tuple[int, ...]
) -> None:
    """Of an odd number of parameters every other run begins between two multiples of 16 bytes."""
    rng = np.random.default_rng(3)
    network = MLP(Layout(widths), activation, normalization, skip=True)
    theta = rng.normal(size=(8, network.layout.n_params)).astype(dtype)
    theta[5] *= 30.0
    shared = rng.normal(size=(n_samples, 3)).astype(dtype)
    own = rng.normal(size=(8, n_samples, 3)).astype(dtype)
    delta = rng.normal(size=(8, n_samples, 2)).astype(dtype)
    for x in (shared, own):
        per_run = x.ndim == 3
        alone = [flat(everything(network, theta[r], x[r] if per_run else x, delta[r])) for r in range(8)]
        for size in (1, 3, 8):
            for start in range(0, 8, size):
                block = slice(start, start + size)
                together = everything(network, theta[block], x[block] if per_run else x, delta[block])
                for place, one in enumerate(alone[block]):
                    np.testing.assert_array_equal(flat([many[place] for many in together]), one, strict=True)


def test_one_theta_goes_over_many_data_sets() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((2, 3, 1)), "tanh")
    theta, x, delta = rng.normal(size=13), rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 1))
    tape = network.forward(theta, x)
    grad, _ = network.backward(theta, tape, delta)
    assert grad.shape == (4, 13)
    for run in range(4):
        alone = network.forward(theta, x[run])
        np.testing.assert_array_equal(tape.z[-1][run], alone.z[-1])
        np.testing.assert_array_equal(grad[run], network.backward(theta, alone, delta[run])[0])


def test_float32_stays_float32_and_close_to_float64() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((3, 8, 8, 1)), "gelu", "layer", skip=True)
    theta, x, delta = (rng.normal(size=network.layout.n_params), rng.normal(size=(6, 3)), rng.normal(size=(6, 1)))
    exact = everything(network, theta, x, delta)
    single = everything(network, theta.astype(np.float32), x, delta.astype(np.float32))
    for a, b in zip(single, exact, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


# Normalization and skip connections -----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "axis"), [("batch", 0), ("layer", 1)])
def test_normalized_z_has_mean_0_and_variance_1(name: str, axis: int) -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((3, 6, 6, 1)), "tanh", name)
    tape = network.forward(rng.normal(size=network.layout.n_params) * 3, rng.normal(size=(9, 3)) + 2)
    for z, z_hat, a in zip(tape.z[:-1], tape.z_hat[:-1], tape.a[1:], strict=False):
        variance = z.var(axis=axis)
        np.testing.assert_allclose(z_hat.mean(axis=axis), 0, atol=1e-14)
        np.testing.assert_allclose(z_hat.var(axis=axis), variance / (variance + EPSILON), rtol=1e-10)
        np.testing.assert_array_equal(a, np.tanh(z_hat))
    assert tape.z_hat[-1] is not None
    np.testing.assert_array_equal(tape.z_hat[-1], tape.z[-1])


def test_test_rows_are_normalized_with_the_training_rows_statistics() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((2, 4, 3, 1)), "tanh", "batch")
    theta, train, test = (rng.normal(size=network.layout.n_params), rng.normal(size=(20, 2)), rng.normal(size=(5, 2)))
    (w_1, b_1), (w_2, b_2), (w_3, b_3) = network.layout.split(theta)

    def normalized(z: Array, of: Array) -> Array:
        return (z - of.mean(axis=0)) / np.sqrt(of.var(axis=0) + EPSILON)

    z_train, z_test = train @ w_1 + b_1, test @ w_1 + b_1
    a_train, a_test = np.tanh(normalized(z_train, z_train)), np.tanh(normalized(z_test, z_train))
    z_train, z_test = a_train @ w_2 + b_2, a_test @ w_2 + b_2
    expected = np.tanh(normalized(z_test, z_train)) @ w_3 + b_3

    statistics = network.forward(theta, train).statistics
    found = network.forward(theta, test, statistics=statistics).z[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    one_by_one = [network.forward(theta, row[None], statistics=statistics).z[-1][0] for row in test]
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-12)
    assert not np.allclose(network.forward(theta, test).z[-1], expected)


def test_batch_normalization_of_one_row_is_zero() -> None:
    network = MLP(Layout((2, 3, 1)), "tanh", "batch")
    tape = network.forward(np.arange(13.0), np.ones((1, 2)))
    assert not tape.z_hat[0].any()


def test_skip_adds_the_layers_input_where_widths_agree() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((3, 3, 4, 4, 4)), ["tanh", "relu", "sigmoid"], skip=True)
    assert network.skips == [True, False, True]
    tape = network.forward(rng.normal(size=network.layout.n_params), rng.normal(size=(5, 3)))
    np.testing.assert_array_equal(tape.a[1], np.tanh(tape.z[0]) + tape.a[0])
    np.testing.assert_array_equal(tape.a[2], np.maximum(tape.z[1], 0))
    np.testing.assert_array_equal(tape.a[3], ACTIVATIONS["sigmoid"](tape.z[2]) + tape.a[2])
    np.testing.assert_array_equal(tape.a[4], tape.z[3])


# The tape -------------------------------------------------------------------------------------------------


def test_a_tape_that_is_handed_in_again_gives_the_same_bits_in_the_same_memory() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((2, 4, 4, 1)), "silu", "batch", skip=True)
    first, second = rng.normal(size=(2, network.layout.n_params))
    x, delta = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    tape = network.forward(first, x)
    network.backward(first, tape, delta)
    again = network.forward(second, x, tape)
    assert again is tape
    grad, deltas = network.backward(second, tape, delta)
    fresh = everything(network, second, x, delta)
    for a, b in zip([*tape.z, *tape.z_hat, *tape.a[1:], *deltas, grad], fresh, strict=True):
        np.testing.assert_array_equal(a, b)


def test_backward_writes_into_the_gradient_it_is_given_and_leaves_theta_alone() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((2, 3, 1)), "tanh")
    theta, x, room = rng.normal(size=13), rng.normal(size=(4, 2)), np.full((2, 13), 7.0)
    theta.flags.writeable = x.flags.writeable = False
    tape = network.forward(theta, x)
    grad, _ = network.backward(theta, tape, np.ones((4, 1)), room[1])
    assert np.shares_memory(grad, room)
    np.testing.assert_array_equal(room[1], network.backward(theta, network.forward(theta, x), np.ones((4, 1)))[0])
    assert (room[0] == 7.0).all()


def test_the_tape_has_the_promised_shapes() -> None:
    network = MLP(Layout((2, 5, 3, 1)), "tanh", "batch")
    tape = network.forward(np.zeros((4, network.layout.n_params)), np.ones((7, 2)))
    assert isinstance(tape, Tape)
    assert [z.shape for z in tape.z] == [(4, 7, 5), (4, 7, 3), (4, 7, 1)]
    assert [a.shape for a in tape.a] == [(7, 2), (4, 7, 5), (4, 7, 3), (4, 7, 1)]
    _, deltas = network.backward(np.zeros((4, network.layout.n_params)), tape, np.ones((4, 7, 1)))
    assert [delta.shape for delta in deltas] == [(4, 7, 5), (4, 7, 3), (4, 7, 1)]


@pytest.mark.parametrize("lead", [(), (3,)])
def test_layers_that_follow_each_other_and_are_equally_wide_lie_in_one_stack(lead: tuple[int, ...]) -> None:
    layout, rng = Layout((2, 4, 4, 3, 4, 1)), np.random.default_rng(0)
    network, theta = MLP(layout, "tanh"), rng.normal(size=(*lead, layout.n_params))
    tape = network.forward(theta, rng.normal(size=(5, 2)))
    network.backward(theta, tape, rng.normal(size=(*lead, 5, 1)))
    shapes = [(number, *lead, width, 5) for number, width in ((2, 4), (1, 3), (1, 4), (1, 1))]
    for stacks, layers in ((tape.z_stacks, tape.z), (tape.a_stacks, tape.a[1:]), (tape.delta_stacks, tape.deltas)):
        assert [stack.shape for stack in stacks] == shapes
        stacked = [each.swapaxes(-1, -2) for stack in stacks for each in stack]
        for layer, each in zip(layers, stacked, strict=True):
            np.testing.assert_array_equal(layer, each)
            assert np.shares_memory(layer, each)


def test_an_activation_of_ones_own_needs_no_registration() -> None:
    sine = Activation(name="sine", phi=np.sin, dphi=np.cos)
    network = MLP(Layout((2, 3, 3, 1)), [sine, "tanh"])
    rng = np.random.default_rng(0)
    theta, x, delta = (rng.normal(size=network.layout.n_params), rng.normal(size=(4, 2)), rng.normal(size=(4, 1)))
    _, _, _, grad = slow_pass(network, theta, x, delta)
    np.testing.assert_allclose(network.backward(theta, network.forward(theta, x), delta)[0], grad, rtol=1e-12)


def test_whole_numbers_are_taken_as_floats() -> None:
    network = MLP(Layout((1, 2, 1)), "sigmoid")
    whole = network.forward([0, 0, 1, -1, 0, 1, 1], [[1], [2]])  # type: ignore[arg-type]
    np.testing.assert_allclose(whole.z[-1], [[1.0], [1.0]])


# What does not fit ----------------------------------------------------------------------------------------


def test_errors_say_what_was_expected_and_what_arrived() -> None:
    layout = Layout((2, 3, 3, 1))
    network = MLP(layout, "tanh")
    theta = np.zeros(layout.n_params)
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., n_samples, 2\); got \(4, 3\)"):
        network.forward(theta, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., n_samples, 2\); got \(2,\)"):
        network.forward(theta, np.zeros(2))
    with pytest.raises(ValueError, match=rf"theta must have shape \(\.\.\., {layout.n_params}\); got \(5,\)"):
        network.forward(np.zeros(5), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers; got 3"):
        MLP(layout, ["tanh"] * 3)
    with pytest.raises(ValueError, match=r"activation must be one of linear, .*; got 'rleu' \(did you mean 'relu'\?\)"):
        MLP(layout, "rleu")
    with pytest.raises(ValueError, match="normalization must be one of none, batch, layer; got 'group'"):
        MLP(layout, "tanh", "group")
