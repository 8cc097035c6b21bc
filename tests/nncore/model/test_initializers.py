"""Moments of the drawn weights, streams that stay put, LSUV on data, and errors at the edge."""

import math

import numpy as np
import pytest

from nncore.model.initializers import INITIALIZERS
from nncore.model.layout import Layout
from nncore.model.network import MLP

NAMES = (
    "zeros",
    "constant",
    "normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "pytorch_default",
    "lsuv",
)
MATRIX = [name for name in NAMES if name != "lsuv"]
RANDOM = [name for name in MATRIX if name not in ("zeros", "constant")]
UNIFORM = {
    "uniform": lambda fan_in, fan_out: 0.05,
    "xavier_uniform": lambda fan_in, fan_out: math.sqrt(6.0 / (fan_in + fan_out)),
    "he_uniform": lambda fan_in, fan_out: math.sqrt(6.0 / fan_in),
    "lecun_uniform": lambda fan_in, fan_out: math.sqrt(3.0 / fan_in),
    "pytorch_default": lambda fan_in, fan_out: math.sqrt(1.0 / fan_in),
}
TEXTBOOK_VARIANCE = {
    "zeros": lambda fan_in, fan_out: 0.0,
    "constant": lambda fan_in, fan_out: 0.0,
    "normal": lambda fan_in, fan_out: 0.05**2,
    "uniform": lambda fan_in, fan_out: 0.05**2 / 3.0,
    "xavier_normal": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
    "xavier_uniform": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
    "he_normal": lambda fan_in, fan_out: 2.0 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2.0 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1.0 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1.0 / fan_in,
    "orthogonal": lambda fan_in, fan_out: 1.0 / max(fan_in, fan_out),
    "pytorch_default": lambda fan_in, fan_out: 1.0 / (3.0 * fan_in),
}
FANS = [(300, 200), (200, 300), (250, 250)]


def rng(seed=0):
    return np.random.default_rng(seed)


def network(*widths, activation="tanh"):
    return MLP(Layout(widths), activation)


def test_registry_holds_the_promised_names_in_order():
    assert tuple(INITIALIZERS) == NAMES
    assert all(name == entry.name for name, entry in INITIALIZERS.items())


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.parametrize(("fan_in", "fan_out"), FANS)
@pytest.mark.parametrize("gain", [0.0, 1.0, 1.7])
def test_std_is_the_textbook_formula_times_gain(name, fan_in, fan_out, gain):
    expected = gain * math.sqrt(TEXTBOOK_VARIANCE[name](fan_in, fan_out))
    assert INITIALIZERS[name].std(fan_in, fan_out, gain) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize(("fan_in", "fan_out"), FANS)
def test_weights_have_mean_zero_and_the_stated_variance(name, fan_in, fan_out):
    initializer = INITIALIZERS[name]
    weight = initializer(rng(1), fan_in, fan_out, gain=1.7)
    std = initializer.std(fan_in, fan_out, gain=1.7)
    assert weight.shape == (fan_in, fan_out) and weight.dtype == np.float64
    assert abs(weight.mean()) < 5.0 * std / math.sqrt(weight.size)
    excess = -1.2 if name in UNIFORM else 0.0  # variance of a sample variance: (2 + excess kurtosis) sigma^4 / n
    assert abs(weight.var() / std**2 - 1.0) < 5.0 * math.sqrt((2.0 + excess) / weight.size)


@pytest.mark.parametrize("name", list(UNIFORM))
def test_uniform_weights_fill_their_limits_and_stay_within(name):
    limit = UNIFORM[name](300, 200)
    weight = INITIALIZERS[name](rng(2), 300, 200)
    assert 0.999 * limit < weight.max() <= limit and -limit <= weight.min() < -0.999 * limit


@pytest.mark.parametrize("name", ["normal", "xavier_normal", "he_normal", "lecun_normal"])
def test_normal_weights_have_normal_tails(name):
    initializer = INITIALIZERS[name]
    beyond = np.abs(initializer(rng(3), 300, 200)) > 2.0 * initializer.std(300, 200)
    assert beyond.mean() == pytest.approx(0.0455, abs=5.0 * math.sqrt(0.0455 / beyond.size))


@pytest.mark.parametrize(("fan_in", "fan_out"), [(40, 40), (40, 25), (25, 40), (1, 6), (6, 1)])
def test_orthogonal_weights_keep_lengths_on_their_smaller_side(fan_in, fan_out):
    weight = INITIALIZERS["orthogonal"](rng(4), fan_in, fan_out, gain=1.5)
    gram = weight.T @ weight if fan_in >= fan_out else weight @ weight.T
    np.testing.assert_allclose(gram, 1.5**2 * np.eye(min(fan_in, fan_out)), atol=1e-13)
    assert np.mean(weight**2) == pytest.approx(INITIALIZERS["orthogonal"].std(fan_in, fan_out, 1.5) ** 2, rel=1e-13)


def test_orthogonal_weights_prefer_no_sign():
    corner = [INITIALIZERS["orthogonal"](rng(seed), 3, 3)[0, 0] for seed in range(400)]
    assert abs(np.mean(corner)) < 5.0 * math.sqrt(1.0 / 3.0 / 400)


def test_zeros_and_constant_are_what_they_say():
    assert (INITIALIZERS["zeros"](rng(), 3, 2, gain=5.0) == 0.0).all()
    assert (INITIALIZERS["constant"](rng(), 3, 2, gain=2.0, scale=0.25) == 0.5).all()
    assert (INITIALIZERS["constant"](rng(), 3, 2) == 0.1).all()


@pytest.mark.parametrize(("name", "std"), [("normal", 0.3), ("uniform", 0.3 / math.sqrt(3.0))])
def test_scale_sets_the_spread(name, std):
    initializer = INITIALIZERS[name]
    assert initializer.std(9, 9, scale=0.3) == pytest.approx(std, rel=1e-15)
    assert initializer(rng(5), 300, 200, scale=0.3).std() == pytest.approx(std, rel=0.02)
    np.testing.assert_array_equal(initializer(rng(), 3, 2), initializer(rng(), 3, 2, scale=initializer.default_scale))


@pytest.mark.parametrize("name", MATRIX)
def test_twice_the_gain_is_exactly_twice_the_weights(name):
    initializer = INITIALIZERS[name]
    np.testing.assert_array_equal(initializer(rng(6), 7, 5, gain=2.6), 2.0 * initializer(rng(6), 7, 5, gain=1.3))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_theta_another_seed_another(name):
    x = rng(7).normal(size=(20, 3))
    thetas = [INITIALIZERS[name].theta(rng(seed), network(3, 5, 4, 2), x, bias_std=0.1) for seed in (8, 8, 9)]
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert (thetas[0] != thetas[2]).any()
    assert thetas[0].shape == (network(3, 5, 4, 2).layout.n_params,) and thetas[0].dtype == np.float64


@pytest.mark.parametrize("name", MATRIX)
def test_later_layers_do_not_change_earlier_ones(name):
    short, long = network(3, 5, 2), network(3, 5, 64, 64, 2)
    first = short.layout.split(INITIALIZERS[name].theta(rng(10), short, bias_std=0.3))[0]
    same = long.layout.split(INITIALIZERS[name].theta(rng(10), long, bias_std=0.3))[0]
    np.testing.assert_array_equal(first[0], same[0])
    np.testing.assert_array_equal(first[1], same[1])


def test_normal_initializers_share_their_draws():
    thetas = {name: INITIALIZERS[name].theta(rng(11), network(4, 4, 4)) for name in ("lecun_normal", "xavier_normal")}
    np.testing.assert_allclose(thetas["lecun_normal"], thetas["xavier_normal"], rtol=1e-15)


def test_layers_of_one_width_get_different_weights():
    layers = network(6, 6, 6).layout.split(INITIALIZERS["he_normal"].theta(rng(12), network(6, 6, 6)))
    assert (layers[0][0] != layers[1][0]).all()


@pytest.mark.parametrize("name", [name for name in MATRIX if name != "pytorch_default"])
def test_biases_are_zero_unless_asked_for(name):
    net = network(3, 400, 300, 1)
    thetas = [INITIALIZERS[name].theta(rng(13), net, bias_std=bias_std) for bias_std in (0.0, 0.5, 1.0)]
    layers = [net.layout.split(theta) for theta in thetas]
    for (weight, none), (same, some), (_, double) in zip(*layers, strict=True):
        assert (none == 0.0).all()
        np.testing.assert_array_equal(weight, same)
        np.testing.assert_array_equal(2.0 * some, double)
    biases = np.concatenate([bias for _, bias in layers[1]])
    assert abs(biases.mean()) < 5.0 * 0.5 / math.sqrt(biases.size)
    assert abs(biases.var() / 0.25 - 1.0) < 5.0 * math.sqrt(2.0 / biases.size)


def test_pytorch_default_draws_biases_from_the_weights_range():
    net = network(25, 2000, 1)
    _, bias = net.layout.split(INITIALIZERS["pytorch_default"].theta(rng(14), net, gain=2.0))[0]
    assert 0.995 * 0.4 < np.abs(bias).max() <= 0.4
    assert abs(bias.var() / (0.4**2 / 3.0) - 1.0) < 5.0 * math.sqrt(0.8 / bias.size)
    noisy = net.layout.split(INITIALIZERS["pytorch_default"].theta(rng(14), net, gain=2.0, bias_std=1.0))[0][1]
    assert np.std(noisy - bias) == pytest.approx(1.0, rel=5.0 / math.sqrt(2.0 * bias.size))


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu"])
@pytest.mark.parametrize(("gain", "bias_std"), [(1.0, 0.0), (0.5, 0.0), (1.5, 0.2)])
def test_lsuv_gives_every_layer_the_wanted_deviation_on_the_data(activation, gain, bias_std):
    net = network(5, 30, 20, 10, 3, activation=activation)
    x = 7.0 * rng(15).normal(size=(60, 5))
    theta = INITIALIZERS["lsuv"].theta(rng(16), net, x, gain=gain, bias_std=bias_std)
    assert [float(np.std(z)) for z in net.forward(theta, x).z] == pytest.approx([gain] * 4, rel=1e-5)


def test_lsuv_rescales_orthogonal_weights_and_nothing_else():
    net, x = network(8, 8, 8, 2), rng(17).normal(size=(30, 8))
    started = net.layout.split(INITIALIZERS["orthogonal"].theta(rng(18), net))
    for (before, _), (after, bias) in zip(
        started, net.layout.split(INITIALIZERS["lsuv"].theta(rng(18), net, x)), strict=True
    ):
        ratio = after / before
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-13)
        assert ratio[0, 0] > 0.0 and (bias == 0.0).all()


def test_lsuv_passes_twice_through_each_layer_of_a_linear_network(monkeypatch):
    passes, once = [], MLP.layer_pass

    def counted(self, index, *rest):
        passes.append(index)
        once(self, index, *rest)

    net, x = MLP(Layout((4, 6, 5, 1)), "linear"), rng(19).normal(size=(50, 4))
    with monkeypatch.context() as patch:
        patch.setattr(MLP, "layer_pass", counted)
        theta = INITIALIZERS["lsuv"].theta(rng(20), net, x)
    assert passes == [0, 0, 1, 1, 2, 2]
    assert [float(np.std(z)) for z in net.forward(theta, x).z] == pytest.approx([1.0] * 3, rel=1e-12)


def test_lsuv_leaves_a_layer_that_does_not_vary_as_it_is():
    net = network(3, 4, 2, activation="relu")
    theta = INITIALIZERS["lsuv"].theta(rng(21), net, np.zeros((10, 3)))
    np.testing.assert_array_equal(theta, INITIALIZERS["orthogonal"].theta(rng(21), net))


def test_lsuv_stops_where_z_does_not_follow_its_weights(monkeypatch):
    def stuck(self, index, theta, tape):
        tape.z_columns[index][...] = [1.0, -1.0]

    monkeypatch.setattr(MLP, "layer_pass", stuck)
    net = MLP(Layout((2, 3)), ())
    theta = INITIALIZERS["lsuv"].theta(rng(22), net, np.ones((2, 2)), gain=2.0)
    np.testing.assert_allclose(theta, 2.0 * INITIALIZERS["orthogonal"].theta(rng(22), net), rtol=1e-15)


def test_lsuv_with_gain_zero_silences_every_layer():
    net = network(3, 4, 1)
    theta = INITIALIZERS["lsuv"].theta(rng(), net, np.eye(3), gain=0.0)
    assert [float(np.abs(z).max()) for z in net.forward(theta, np.eye(3)).z] == [0.0, 0.0]


def test_lsuv_has_no_deviation_before_it_has_data():
    assert INITIALIZERS["lsuv"].std(3, 4) is None


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: INITIALIZERS["lsuv"].theta(rng(), network(3, 1)), r"x must be a batch .*; got None"),
        (lambda: INITIALIZERS["lsuv"](rng(), 3, 1), r"not one matrix: use lsuv.theta\(rng, network, x\)"),
        (lambda: INITIALIZERS["he_normal"](rng(), 3, 1, gain=-1.0), r"gain must be .* not negative; got -1.0"),
        (lambda: INITIALIZERS["he_normal"](rng(), 3, 1, gain=math.nan), r"gain must be a finite number"),
        (lambda: INITIALIZERS["he_normal"](rng(), 3, 1, gain="2"), r"gain must be a finite number .*; got '2'"),
        (lambda: INITIALIZERS["normal"](rng(), 3, 1, scale=math.inf), r"scale must be a finite number .*; got inf"),
        (lambda: INITIALIZERS["zeros"].theta(rng(), network(3, 1), bias_std=-1.0), r"bias_std must be .*; got -1.0"),
        (
            lambda: INITIALIZERS["he_normal"](rng(), 3, 1, scale=0.1),
            r"he_normal takes no scale \(constant, normal, uniform do\), use gain; got 0.1",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_tells_its_formula_and_when_to_use_it(name):
    assert r"\sigma_W" in INITIALIZERS[name].latex and INITIALIZERS[name].note.endswith(".")
