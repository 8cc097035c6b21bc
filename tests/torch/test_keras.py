"""Recording under Keras 3: the torch back end whole, the JAX back end's weights and updates, TensorFlow refused."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

from nncore.diagnosis import recorded_verdict
from nncore.recorders import Recorded
from nncore.recorders.keras import recorder
from tests.patience import PATIENCE
from tests.torch.keras_training import train

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

NAMES = ["conv", "norm", "relu", "flat", "drop", "dense", "tanh", "inner.last"]


def test_with_torch_the_same_bits_are_trained_and_everything_is_recorded(tmp_path: Path) -> None:
    _, _, alone, losses = train(lambda x, y: [])
    _, _, found, again = train(lambda x, y: [recorder(every=1, path=tmp_path / "run.arrows")])
    assert losses == again and all((mine == theirs).all() for mine, theirs in zip(found, alone, strict=True))
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert recorded.finished and recorded.steps.tolist() == list(range(12))
    assert [module.name for module in recorded.modules] == NAMES
    running = np.concatenate([np.cumsum(epoch) / np.arange(1, 5) for epoch in np.reshape(recorded.loss, (3, 4))])
    np.testing.assert_allclose(running, losses, rtol=1e-5)
    for quantity in ("delta_norm", "activation_std", "gradient_norm", "used_gradient_norm", "update_norm"):
        assert np.isfinite(recorded.quantity(quantity)).all(), quantity
    shares = {
        name: np.isfinite(recorded.quantity(name)).all(axis=0) for name in ("dead_fraction", "saturated_fraction")
    }
    assert [name for name, is_there in zip(NAMES, shares["dead_fraction"], strict=True) if is_there] == ["relu"]
    assert [name for name, is_there in zip(NAMES, shares["saturated_fraction"], strict=True) if is_there] == ["tanh"]
    assert "not trained" not in {each.title.lower() for each in recorded_verdict(recorded)}


def test_with_torch_the_numbers_are_autograds(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    hidden, weights = model.layers[0](x), [variable.value for variable in model.trainable_variables]
    hidden.retain_grad()
    loss = (model.layers[1](hidden) - torch.tensor(y)).square().mean()
    slopes = torch.autograd.grad(loss, [hidden, *weights])
    norms = [each.detach().norm().item() for each in weights]
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, callbacks=[recorder(path=tmp_path / "run.arrows")])
    recorded = Recorded.open(tmp_path / "run.arrows")
    np.testing.assert_allclose(recorded.quantity("delta_norm")[0, 0], slopes[0].norm().item(), rtol=1e-5)
    gradients = [each.norm().item() for each in slopes[1:]]
    np.testing.assert_allclose(recorded.quantity("gradient_norm")[0], gradients, rtol=1e-5)
    np.testing.assert_allclose(recorded.quantity("weight_norm")[0], norms, rtol=1e-5)
    np.testing.assert_allclose(recorded.quantity("update_norm")[0], 0.1 * np.array(gradients), rtol=1e-4)
    np.testing.assert_allclose(recorded.quantity("learning_rate")[0], 0.1, rtol=1e-6)
    np.testing.assert_allclose(recorded.loss[0], loss.item(), rtol=1e-5)


def test_where_keras_clips_the_gradient_as_used_is_blank_and_that_is_said(tmp_path: Path) -> None:
    train(lambda x, y: [recorder(every=5, path=tmp_path / "run.arrows")], clipnorm=0.01)
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert (
        np.isnan(recorded.quantity("used_gradient_norm")).all()
        and np.isfinite(recorded.quantity("gradient_norm")).all()
    )
    assert any("clips" in caveat for caveat in recorded.caveats)


def with_jax(path: Path, program: str) -> str:
    """What a function of tests.torch.keras_training prints under the JAX back end."""
    command = [sys.executable, "-m", "tests.torch.keras_training", str(path), program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_jax_a_disk_that_is_full_at_the_beginning_is_one_warning(tmp_path: Path) -> None:
    said = with_jax(tmp_path / "run.arrows", "on_a_full_disk").splitlines()
    assert len(said) == 1 and said[0].endswith("training goes on: OSError: [Errno 28] No space left on device")
    assert not list(tmp_path.iterdir())


def test_with_jax_the_same_bits_are_trained_and_weights_updates_and_probe_gradients_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.arrows"
    with_jax(path, "main")
    recorded, losses = Recorded.open(path), np.load(path.with_suffix(".npy"))
    assert recorded.finished and recorded.steps.tolist() == list(range(0, 12, 2))
    assert [recorded.modules[place].name for place in recorded.called] == ["conv", "norm", "dense", "inner.last"]
    np.testing.assert_allclose(recorded.loss[::2], losses[::4], rtol=1e-5)
    for quantity in ("weight_norm", "update_norm", "gradient_norm"):
        assert (recorded.quantity(quantity)[:, [0, 2, 4]] > 0).all(), quantity
    for quantity in ("delta_norm", "activation_std", "used_gradient_norm"):
        assert np.isnan(recorded.quantity(quantity)).all(), quantity
    assert len(recorded.caveats) == 2 and "not the batch's" in recorded.caveats[1]


def test_what_cannot_be_recorded_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="probe is for the JAX back end"):
        recorder(probe=(1, 2))
    with pytest.raises(ValueError, match="every must be"):
        recorder(every=0)
    x, y = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32")
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.raises(ValueError, match="jit_compile=False"):
        model.fit(x, y, verbose=0, callbacks=[recorder(path=tmp_path / "run.arrows")])
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    for n_steps, optimizer, said in (
        (2, model.optimizer, "steps_per_execution must be 1"),
        (1, scaled, "scales the loss"),
    ):
        callback = recorder(path=tmp_path / "run.arrows")
        callback.set_model(SimpleNamespace(steps_per_execution=n_steps, optimizer=optimizer))
        with pytest.raises(ValueError, match=said):
            callback.on_train_begin()
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="Keras with the tensorflow back end cannot be recorded"):
        recorder()
