import numpy as np
import pytest

from nncore import ACTIVATIONS, INITIALIZERS, Layout, RunConfig
from nncore.theory import gaussian_moments, predict, predict_config


def test_rectangular_glorot_has_its_own_factor_in_each_layer() -> None:
    """sigma_w2 = 2 N_l / (N_l + N_{l+1}) multiplies |delta|^2 between layers l + 1 and l."""
    layout = Layout((20, 60, 30, 90, 5))
    variances = [2 / (fan_in + fan_out) for fan_in, fan_out in layout.fans]
    curves = predict(layout, "linear", variances, n_draws=2)
    expected = [2 * n / (n + after) for n, after in zip(layout.widths[1:-1], layout.widths[2:], strict=True)]
    np.testing.assert_allclose(curves.chi, expected, rtol=1e-12)
    np.testing.assert_allclose(curves.q, np.cumprod([2 * n / (n + m) for n, m in layout.fans]), rtol=1e-12)


def test_equal_inputs_count_as_one() -> None:
    alone = predict((8, 50, 40, 50, 2), "gelu", 0.03, 0.1, 0.7)
    together = predict((8, 50, 40, 50, 2), "gelu", 0.03, 0.1, np.full((5, 5), 0.7))
    np.testing.assert_allclose(together.log_delta2, alone.log_delta2, atol=1e-12)
    np.testing.assert_allclose(together.log_weight_grad2, alone.log_weight_grad2, atol=1e-12)
    np.testing.assert_allclose(together.c, 1.0)
    assert np.isnan(alone.c).all()


def test_a_batch_of_unrelated_samples_has_a_weight_gradient_as_many_times_smaller() -> None:
    """A chaotic network keeps only the n terms s = t of n^2."""
    n, depth = 16, 20
    curves = predict((400,) * depth + (1,), "tanh", 6.0 / 400, 0.0, np.eye(n), output_gram=np.eye(n))
    same = predict((400,) * depth + (1,), "tanh", 6.0 / 400)
    np.testing.assert_allclose(curves.log_delta2, same.log_delta2, atol=1e-10)
    np.testing.assert_allclose(curves.log_weight_grad2, same.log_weight_grad2 - np.log(n), atol=1e-9)


def test_weight_gradients_of_homogeneous_networks_are_flat() -> None:
    """At constant width and without bias no relu network shows vanishing in its weight gradients."""
    curves = predict((60,) * 12, "relu", 1.0 / 60, n_draws=2)
    assert curves.log_delta2[0] == pytest.approx(10 * np.log(0.5))
    np.testing.assert_allclose(curves.log_weight_grad2, curves.log_weight_grad2[0], atol=1e-12)


def test_a_skip_connection_adds_one_to_the_growth() -> None:
    curves = predict((80,) * 8, "tanh", 1.5 / 80, skip=True, n_draws=2)
    slope2 = gaussian_moments("tanh", curves.q[:-1]).slope2
    growth = curves.log_delta2[:-1] - np.log(slope2)
    np.testing.assert_allclose(growth[:-1] - growth[1:], np.log1p(1.5 * slope2[1:]), rtol=1e-12)


def test_skip_leaves_out_layers_whose_width_changes() -> None:
    plain = predict((10, 40, 20, 40, 1), "tanh", 0.02, n_draws=2)
    skipping = predict((10, 40, 20, 40, 1), "tanh", 0.02, n_draws=2, skip=True)
    np.testing.assert_array_equal(plain.log_delta2, skipping.log_delta2)


def test_the_mean_of_relu_activations_adds_up_across_skips() -> None:
    """p' = p + E[phi^2] + 2 E[a] E[phi], and E[a] grows by E[phi]."""
    curves = predict((300,) * 5, "relu", 0.8 / 300, skip=True, input_mean=0.3, n_draws=2)
    p, mean, q = 1.0, 0.3, []
    for _ in range(4):
        q.append(0.8 * p)
        step = np.sqrt(q[-1] / (2 * np.pi))
        p, mean = p + q[-1] / 2 + 2 * mean * step, mean + step
    np.testing.assert_allclose(curves.q, q, rtol=1e-12)


def test_one_activation_per_hidden_layer() -> None:
    mixed = predict((30, 30, 30, 1), ["tanh", "relu"], 1 / 30, n_draws=2)
    q = mixed.q
    assert q[2] == pytest.approx(q[1] / 2)
    assert mixed.chi[0] == pytest.approx(float(gaussian_moments("tanh", q[0]).slope2))
    assert mixed.chi[1] == 0.5


def test_lsuv_holds_the_variance_of_z_in_every_layer() -> None:
    """tr(Q) / n - 1^T Q 1 / (n^2 N_l) is the target: two samples, their z correlated by c."""
    widths = (6, 30, 50, 30, 2)
    curves = predict(widths, "softplus", 0.0, gram=np.array([[1.0, 0.1], [0.1, 1.0]]), target_q=1.5, n_draws=2)
    np.testing.assert_allclose(curves.q * (1 - (1 + curves.c) / 2 / np.array(widths[1:])), 1.5, rtol=1e-9)
    assert curves.q[-1] > 1.5 * 1.5


def test_curves_reach_below_the_smallest_float() -> None:
    curves = predict((30,) * 400, "sigmoid", 1 / 30, n_draws=3)
    assert curves.log_delta2[0] < -1000
    assert np.isfinite(curves.log_weight_grad2).all()


def test_sign_passes_nothing_and_says_so() -> None:
    curves = predict((30,) * 4, "sign", 1 / 30)
    assert (curves.log_delta2[:-1] == -np.inf).all()
    assert (curves.delta_band[:, :-1] == 0).all()
    assert any("slope of sign is 0" in flag for flag in curves.flags)


@pytest.mark.parametrize(("name", "features", "flagged"), [("tanh", 2, True), ("tanh", 20, False), ("relu", 2, False)])
def test_batch_normalization_over_few_directions_is_flagged(name: str, features: int, flagged: bool) -> None:
    x = np.random.default_rng(0).standard_normal((16, features))
    flags = predict((features, 8, 8, 1), name, 0.1, gram=x @ x.T / features, normalization="batch").flags
    assert any("The inputs span 2 directions" in flag for flag in flags) == flagged


def test_overflow_is_named_by_layer() -> None:
    curves = predict((30,) * 40, "linear", 1e20, n_draws=2)
    assert any("q overflows at layer 14" in flag for flag in curves.flags)


@pytest.mark.parametrize("name", ["gelu", "mish"])
def test_a_marginal_forward_direction_is_flagged(name: str) -> None:
    flags = predict((100,) * 31, name, 2 / 100).flags
    assert any("does not predict one network" in flag for flag in flags)


@pytest.mark.parametrize(
    ("name", "sigma_w2"), [("linear", 1), ("relu", 2), ("tanh", 1), ("tanh", 2.8), ("elu", 1.2), ("sigmoid", 1)]
)
def test_where_theory_holds_nothing_is_flagged(name: str, sigma_w2: float) -> None:
    curves = predict((300,) * 21, name, sigma_w2 / 300)
    assert curves.flags == ()
    low, high = curves.delta_band
    assert (low <= curves.delta_norm_ratio * (1 + 1e-9)).all()
    assert (curves.delta_norm_ratio <= high * (1 + 1e-9)).all()


def test_depth_over_width_is_the_small_parameter() -> None:
    flags = predict((12,) * 201, "relu", 2 / 12).flags
    assert any("one side of the line" in flag for flag in flags)


def test_the_band_is_reproducible_and_follows_its_seed() -> None:
    first, again, other = (predict((20,) * 6, "tanh", 1 / 20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.delta_band, again.delta_band)
    assert (first.delta_band[:, 0] != other.delta_band[:, 0]).all()


@pytest.mark.parametrize("init", [name for name in INITIALIZERS if name not in ("zeros", "constant")])
def test_every_random_initializer_has_a_prediction(init: str) -> None:
    config = RunConfig(dataset="moons", hidden=(24,) * 5, activation="tanh", init=init)
    curves = predict_config(config, n_draws=50)
    assert curves.q.shape == curves.beta.shape == (6,)
    assert np.isfinite(curves.log_delta2).all()


@pytest.mark.parametrize("init", ["xavier_uniform", "pytorch_default", "lsuv", "orthogonal"])
def test_a_configs_curves_are_those_of_its_networks(init: str) -> None:
    config = RunConfig(dataset="moons", hidden=(100, 100, 80, 100), activation="tanh", init=init, bias_std=0.1)
    x, _ = config.probe()
    measured = []
    for seed in range(12):
        network = config.replace(seed=seed)
        tape = network.network().forward(network.initial_theta(), x)
        measured.append([float((z * z).mean()) for z in tape.z[:-1]])
    curves = predict_config(config, n_draws=50)
    np.testing.assert_allclose(np.log(np.mean(measured, axis=0)), np.log(curves.q[:-1]), atol=0.12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_has_a_prediction_with_everything_on(activation: str) -> None:
    for normalization in ("none", "batch", "layer"):
        config = RunConfig(
            dataset="blobs", hidden=(16,) * 4, activation=activation, normalization=normalization, skip=True
        )
        curves = predict_config(config, rows=20, n_draws=20)
        assert not np.isnan(curves.log_delta2).any()
        assert curves.delta_band.shape == (2, 5)


def test_a_network_without_hidden_layers_has_nothing_to_propagate() -> None:
    curves = predict((3, 1), "tanh", 1 / 3)
    assert curves.log_delta2.tolist() == [0.0]
    assert curves.chi.shape == (0,)


def test_inputs_that_are_all_zero() -> None:
    curves = predict((4, 10, 10, 1), "tanh", 0.1, 0.0, 0.0)
    np.testing.assert_allclose(curves.q, 0.0, atol=1e-290)
    np.testing.assert_allclose(curves.chi, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 3), "rleu", 1.0), r"did you mean 'relu'"),
        (((3, 3, 1), "tanh", -1.0), "weight_variances must be a variance, zero or positive and finite; got -1"),
        (((3, 3, 1), "tanh", [1.0, 1.0, 1.0]), r"one for each of 2 layers; got shape \(3,\)"),
        (((3, 3, 1), ["tanh", "tanh"], 1.0), "one for each of 1 hidden layers; got 2"),
        (((3, 0, 1), "tanh", 1.0), "widths must be"),
        (((3, 3, 1), "tanh", 1.0, -0.1), "bias_variance must be a variance"),
        (((3, 3, 1), "tanh", 1.0, 0.0, [1.0, 2.0]), "gram must be one number or a square matrix"),
        (((3, 3, 1), "tanh", 1.0, 0.0, -1.0), "gram must be finite with a diagonal of squares"),
    ],
)
def test_bad_input_is_named_in_one_sentence(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict(*arguments)


def test_bad_combinations_are_named() -> None:
    with pytest.raises(ValueError, match="normalization must be one of none, batch, layer; got 'group'"):
        predict((3, 3, 1), "tanh", 1.0, normalization="group")
    with pytest.raises(ValueError, match="batch normalization needs the gram matrix of two or more inputs"):
        predict((3, 3, 1), "tanh", 1.0, normalization="batch")
    with pytest.raises(ValueError, match=r"output_gram must have gram's shape \(1, 1\); got \(2, 2\)"):
        predict((3, 3, 1), "tanh", 1.0, output_gram=np.eye(2))
    with pytest.raises(ValueError, match="init must draw at random for theory to hold; constant"):
        predict_config(RunConfig(init="constant"))
