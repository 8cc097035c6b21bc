"""What the settings stand for together: data, network, optimizer, batches, memory."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import ACTIVATIONS, DATASETS, INITIALIZERS, LOSSES, RunConfig
from tests.nncore.refusal import refused

# Together -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (3, 3), "activation": ("tanh",)}, "one for each of the 2 hidden layers; got 1"),
        ({"hidden": (), "activation": ("tanh",)}, "one for each of the 0 hidden layers; got 1"),
        ({"dataset": "parabola", "loss": "bce"}, "loss for regression must be mse; got 'bce'"),
        ({"dataset": "diabetes", "loss": "cross_entropy"}, "loss for regression must be mse"),
        ({"nesterov": True}, "nesterov needs a momentum above 0; got momentum 0"),
        ({"activation": "leaky_relu", "alpha": 2.0}, "alpha of leaky_relu must be a number from 0 to 1; got 2.0"),
        ({"dataset": "blobs", "n_classes": 10, "n_samples": 9}, "n_samples must be at least 10, the classes of blobs"),
        ({"dataset": "digits", "n_samples": 9}, "n_samples must be at least 10, the classes of digits; got 9"),
        ({"n_samples": 4, "test_fraction": 0.9}, "at least 2 training rows are needed"),
        ({"dataset": "parabola", "features": ("x1_x2",)}, "2 inputs; parabola has 1"),
        ({"dataset": "iris", "features": ("sin_x1",)}, "2 inputs; iris has 4"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str) -> None:
    assert message in refused(**settings)


@settings(max_examples=150)
@given(
    dataset=st.sampled_from(sorted(DATASETS)),
    n_samples=st.integers(4, 30),
    test_fraction=st.floats(0, 0.9),
    n_classes=st.integers(2, 10),
    loss=st.sampled_from(["auto", *LOSSES]),
    init=st.sampled_from(sorted(INITIALIZERS)),
    init_scale=st.one_of(st.none(), st.floats(0, 100)),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    alpha=st.one_of(st.none(), st.floats(0, 10)),
    gain=st.floats(0, 100),
    probe_size=st.integers(1, 40),
)
def test_a_config_that_is_accepted_has_data_a_network_and_a_start(**values: Any) -> None:
    try:
        config = RunConfig(hidden=(3, 2), **values)
    except ValueError:
        return
    data, theta = config.data(), config.initial_theta()
    assert theta.shape == (config.layout().n_params,) and np.isfinite(theta).all()
    x, y = config.probe()
    assert len(x) == len(y) == min(config.probe_size, len(data.x_train))
    assert config.n_train >= max(2, config.class_count)
    config.loss_function().check((len(x), config.layout().widths[-1]), y)


def test_settings_that_do_not_apply_are_ignored() -> None:
    plain = RunConfig(hidden=(3,), init="he_normal", activation="tanh", optimizer="rmsprop")
    other = plain.replace(init_scale=0.7, alpha=0.3, weight_decay=1.0, nesterov=True)
    np.testing.assert_array_equal(plain.initial_theta(), other.initial_theta())
    assert other.activations() == plain.activations()
    other.make_optimizer()


# What the names stand for ---------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["alpha", "epsilon", "weight_decay", "init_scale"])
def test_none_is_the_textbook_value(field: str) -> None:
    assert getattr(RunConfig(), field) is None
    elu = RunConfig(activation="elu", alpha=0.5).activations()[0]
    assert (RunConfig(activation="elu").activations()[0].alpha, elu.alpha) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("dataset", "loss", "expected", "outputs"),
    [
        ("moons", "auto", "bce", 1),
        ("moons", "mse", "mse", 2),
        ("moons", "cross_entropy", "cross_entropy", 2),
        ("iris", "auto", "cross_entropy", 3),
        ("parabola", "auto", "mse", 1),
        ("digits", "bce", "bce", 10),
    ],
)
def test_auto_picks_the_loss_that_fits(dataset: str, loss: str, expected: str, outputs: int) -> None:
    config = RunConfig(dataset=dataset, loss=loss, hidden=(4,))
    assert config.loss_name == expected and config.loss_function() is LOSSES[expected]
    assert config.layout().widths == (DATASETS[dataset].n_features, 4, outputs)


def test_features_widen_the_first_layer() -> None:
    config = RunConfig(hidden=(5,), features=("x1_x2", "sin_x1"))
    assert config.layout().widths == (4, 5, 1)
    assert config.data().x_train.shape[1] == 4
    assert config.data().feature_names == ("x1", "x2", "x1_x2", "sin_x1")


def test_the_lectures_network_is_a_config() -> None:
    config = RunConfig(dataset="parabola", hidden=(2,), activation="sigmoid", n_samples=4, test_fraction=0)
    assert config.layout().n_params == 7
    assert config.data().x_train.ravel().tolist() == [0.0, 0.5, 1.0, 1.5]


def test_the_optimizer_gets_its_settings() -> None:
    theta, grad = np.array([2.0]), np.array([1.0])

    def step(**settings: Any) -> float:
        optimizer = RunConfig(learning_rate=0.5, **settings).make_optimizer()
        state = optimizer.init(theta)
        return float(optimizer.step(optimizer.step(theta, grad, state), grad, state)[0])

    assert step() == 1.0
    assert step(momentum=0.5) == 2 - 0.5 - 0.75
    assert step(momentum=0.5, nesterov=True) == 2 - 0.75 - 0.875
    assert step(weight_decay=0.5) == pytest.approx(2 - 0.5 * 2 - 0.5 * 1.5)
    assert step(optimizer="rmsprop", rms_alpha=0.0, epsilon=1.0) == 1.5
    assert step(optimizer="adagrad", epsilon=0) == pytest.approx(1.5 - 0.5 / math.sqrt(2))
    assert step(optimizer="adam", beta_1=0.0, beta_2=0.0, epsilon=1.0) == 1.5
    assert step(optimizer="adamw", beta_1=0.0, beta_2=0.0, epsilon=1.0, weight_decay=1.0) == 0.5 * 0.75 - 0.25


def test_the_schedule_is_made_from_its_settings() -> None:
    assert RunConfig().make_schedule() is None
    halving = RunConfig(schedule="step", schedule_every=2, schedule_factor=0.5).make_schedule()
    falling = RunConfig(schedule="cosine", schedule_floor=0.2, steps=10).make_schedule()
    rising = RunConfig(warmup_steps=4).make_schedule()
    both = RunConfig(schedule="step", schedule_every=2, warmup_steps=2).make_schedule()
    assert halving and falling and rising and both
    assert [halving(t) for t in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    assert [falling(t) for t in (0, 5, 10)] == pytest.approx([1, 0.6, 0.2])
    assert [rising(t) for t in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    assert [both(t) for t in range(4)] == [0.5, 1, 0.5, 0.5]


# Seeds ----------------------------------------------------------------------------------------------------


def test_changing_one_thing_leaves_the_random_numbers_of_the_others() -> None:
    config = RunConfig(hidden=(6, 6), n_samples=50, batch_size=5)
    for other in (
        config.replace(steps=7),
        config.replace(learning_rate=1.0),
        config.replace(activation="relu"),
        config.replace(probe_size=3),
        config.replace(batch_size=10),
    ):
        np.testing.assert_array_equal(other.initial_theta(), config.initial_theta())
        np.testing.assert_array_equal(other.data().x_train, config.data().x_train)
    deeper = config.replace(hidden=(6, 6, 6))
    np.testing.assert_array_equal(deeper.data().x_train, config.data().x_train)
    np.testing.assert_array_equal(next(deeper.batches() or iter(())), next(config.batches() or iter(())))
    doubled = config.replace(gain=2.0)
    np.testing.assert_allclose(doubled.initial_theta(), 2 * config.initial_theta(), rtol=1e-15)


def test_probe_and_batches_are_drawn_independently() -> None:
    config = RunConfig(dataset="sine", n_samples=200, test_fraction=0, probe_size=20, batch_size=20)
    batch = next(config.batches() or iter(()))
    probed = np.isin(config.data().x_train, config.probe()[0]).ravel()
    assert probed.sum() == 20
    assert probed[batch].sum() < 10


def test_every_seed_has_streams_of_its_own() -> None:
    configs = [RunConfig(hidden=(6, 6), n_samples=50, seed=seed) for seed in (0, 1, 2**32 - 1)]
    starts = {config.initial_theta().tobytes() for config in configs}
    assert len(starts) == 3
    assert len({config.data().x_train.tobytes() for config in configs}) == 3


def test_the_probe_is_a_sample_of_training_rows_and_not_the_first_ones() -> None:
    config = RunConfig(dataset="sine", n_samples=200, probe_size=20, test_fraction=0.25)
    x, y = config.probe()
    data = config.data()
    rows = [int(np.flatnonzero((data.x_train == each).all(axis=1))[0]) for each in x]
    assert len(set(rows)) == 20 and rows == sorted(rows) and rows != list(range(20)) and max(rows) > 75
    np.testing.assert_array_equal(y, data.y_train[rows])
    np.testing.assert_array_equal(config.probe()[0], x)


def test_data_is_shared_and_cannot_be_changed() -> None:
    data = RunConfig().data()
    assert data is RunConfig(steps=3).data()
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0.0


def test_the_rows_of_many_seeds_are_kept_together() -> None:
    configs = [RunConfig(n_samples=100, seed=seed) for seed in range(300)]
    first = [config.data() for config in configs]
    assert all(config.data() is data for config, data in zip(configs, first, strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_everything_a_run_starts_from_has_its_float_type(dtype: str) -> None:
    config = RunConfig(dtype=dtype, hidden=(3,))
    x, y = config.probe()
    assert config.initial_theta().dtype == x.dtype == y.dtype == dtype


# As a value -----------------------------------------------------------------------------------------------


CONFIGS = st.builds(
    RunConfig,
    dataset=st.sampled_from(["moons", "blobs", "iris"]),
    hidden=st.lists(st.integers(1, 64), max_size=6).map(tuple),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    learning_rate=st.floats(0, 1e6),
    epsilon=st.one_of(st.none(), st.floats(0, 1)),
    clip_norm=st.one_of(st.none(), st.floats(1e-12, 1e12)),
    skip=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)


@given(CONFIGS)
def test_a_config_comes_back_from_json_equal(config: RunConfig) -> None:
    back = RunConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert back == config and hash(back) == hash(config)
    assert back.to_dict() == config.to_dict()


def test_activations_of_each_layer_come_back_from_json() -> None:
    config = RunConfig(hidden=(3, 3), activation=("tanh", "relu"))
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_written_before_there_were_features_mean_none() -> None:
    settings = {name: value for name, value in RunConfig(seed=3).to_dict().items() if name != "features"}
    assert RunConfig.from_dict(settings) == RunConfig(seed=3)


def test_left_out_settings_have_their_defaults() -> None:
    assert RunConfig.from_dict({}) == RunConfig()
    assert RunConfig.from_dict({"steps": 3}) == RunConfig(steps=3)


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        (
            {"learning_rat": 1},
            r"setting must be one of dataset, .*; got 'learning_rat' \(did you mean 'learning_rate'\?\)",
        ),
        ({3: 1}, r"setting must be one of dataset, .*; got 3"),
        ([1], r"settings must be a mapping of names to values; got \[1\]"),
        (None, "settings must be a mapping of names to values; got None"),
    ],
)
def test_settings_that_are_none_are_refused(given_settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RunConfig.from_dict(given_settings)


def test_replace_checks_again_and_leaves_the_original() -> None:
    config = RunConfig()
    assert config.replace(steps=3).steps == 3 and config.steps == RunConfig().steps
    with pytest.raises(ValueError, match="steps must be a whole number from 0 to 1,000,000; got -1"):
        config.replace(steps=-1)


def test_a_config_is_frozen_and_a_key() -> None:
    config = RunConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 3  # type: ignore[misc]
    assert {config: 1}[RunConfig()] == 1
    assert len({RunConfig(seed=seed) for seed in (0, 0, 1)}) == 2


# Size -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(1, 600))
def test_records_are_counted_as_they_are_made(steps: int, record_every: int) -> None:
    config = RunConfig(hidden=(2,), steps=steps, record_every=record_every)
    assert config.n_records == len({*range(0, steps + 1, record_every), steps})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_history_bytes_are_those_of_theta_and_gradient(dtype: str) -> None:
    config = RunConfig(hidden=(2,), steps=10, record_every=3, dtype=dtype)
    assert config.history_bytes() == 2 * 5 * config.layout().n_params * np.dtype(dtype).itemsize


def test_large_products_get_a_second_thread() -> None:
    assert RunConfig(hidden=(32,) * 10).blas_threads() == 1
    assert RunConfig(hidden=(512,) * 8, n_samples=1280).blas_threads() == 2
    assert RunConfig(hidden=(512,) * 8, n_samples=1280, batch_size=8).blas_threads() == 1
