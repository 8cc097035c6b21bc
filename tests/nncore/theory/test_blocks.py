import numpy as np
import pytest

from nncore import ACTIVATIONS
from nncore.theory import normalization_growth, predict, residual_block


def test_relu_under_batch_normalization_grows_by_pi_over_pi_minus_one() -> None:
    assert normalization_growth("relu").batch == pytest.approx(np.pi / (np.pi - 1), rel=1e-12)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "sign"])
def test_batch_normalization_always_explodes(name: str) -> None:
    growth = normalization_growth(name).batch
    assert growth == pytest.approx(1.0) if name == "linear" else growth > 1.0


@pytest.mark.parametrize("name", ["tanh", "gelu", "sigmoid"])
def test_layer_curves_grow_at_the_layer_rate(name: str) -> None:
    curves = predict((50,) * 12, name, 1.7 / 50, normalization="layer", n_draws=2)
    np.testing.assert_allclose(curves.chi[3:-1], normalization_growth(name).layer, rtol=2e-4)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_batch_curves_grow_at_the_batch_rate(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((160, 400))
    curves = predict((400,) * 10, name, 1.3 / 400, 0.2, x @ x.T / 400, normalization="batch", output_gram=np.eye(160))
    np.testing.assert_allclose(curves.chi[3:-1], normalization_growth(name).batch, rtol=0.02)


def test_linear_batch_normalization_is_exact_at_any_batch() -> None:
    """Squared norms grow by (B - 2) / (B - 3) per layer."""
    batch = 9
    curves = predict(
        (600,) * 26, "linear", 1 / 600, 0.0, np.eye(batch), normalization="batch", output_gram=np.eye(batch)
    )
    growth = np.exp(np.log(curves.chi[2:-2]).mean())
    assert growth == pytest.approx((batch - 2) / (batch - 3), rel=0.012)


def test_residual_tanh_grows_like_exp_of_the_root_of_depth() -> None:
    """ln |g|^2 is about 1.064 sigma_w sqrt(depth) (Yang & Schoenholz 2017)."""
    depth = np.array([400, 1600])
    growth = [residual_block("tanh", 1.0, 1.0, int(each)).log_g2[0] for each in depth]
    assert (growth[1] - growth[0]) / (np.sqrt(depth[1]) - np.sqrt(depth[0])) == pytest.approx(1.064, rel=0.03)


def test_bad_input_is_named_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="sigma_v2 must be a variance"):
        residual_block("tanh", 1.0, -1.0, 3)
    with pytest.raises(ValueError, match="depth must be a whole number of blocks"):
        residual_block("tanh", 1.0, 1.0, -3)
