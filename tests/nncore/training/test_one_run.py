"""run(): same config, same bits, and a history whatever the settings."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_info

from nncore import ACTIVATIONS, LOSSES, MLP, Layout, RunConfig, adam, check_gradient, run, train
from nncore.training import find_divergence
from tests.nncore.training.runs import SMALL, TAIL, assert_same, collect


def digest(config: RunConfig) -> str:
    """Of theta, gradient and loss of a run in another process."""
    code = (
        "import hashlib, json, sys, nncore\n"
        "h = nncore.run(nncore.RunConfig.from_dict(json.loads(sys.argv[1])))\n"
        "print(hashlib.sha256(h.theta.tobytes() + h.grad.tobytes() + h.loss.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, json.dumps(config.to_dict())]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONHASHSEED": "random"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def test_a_run_is_train_with_what_the_config_says() -> None:
    config = SMALL.replace(optimizer="adam", batch_size=7, l2=0.01, clip_norm=1.0, schedule="cosine", warmup_steps=3)
    history, data = run(config), config.data()
    loss, theta, grad = collect(
        config.network(),
        config.loss_function(),
        config.make_optimizer(),
        config.initial_theta(),
        data.x_train,
        config.targets(data.y_train),
        config.steps,
        batches=config.batches(),
        l2=0.01,
        clip_norm=1.0,
        schedule=config.make_schedule(),
    )
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
        target=run, args=(config.replace(seed=9, steps=100_000, record_every=1000),), kwargs={"cancelled": ended.is_set}
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
    assert history.loss[-1] == pytest.approx(float(loss.value(z, history.config.targets(data.y_train))), rel=1e-12)


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


@settings(max_examples=60)
@given(
    hidden=st.lists(st.integers(1, 5), max_size=4),
    activation=st.sampled_from(list(ACTIVATIONS)),
    normalization=st.sampled_from(["none", "batch", "layer"]),
    skip=st.booleans(),
    dataset=st.sampled_from(["moons", "blobs", "parabola", "iris", "diabetes"]),
    init=st.sampled_from(["xavier_normal", "he_uniform", "orthogonal", "lsuv", "zeros", "constant", "pytorch_default"]),
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


EXTREME = st.sampled_from([0.0, -0.0, 5e-324, 1e-300, -1e-160, 1.0, -1.0, 1e160, -1e300, 1.7e308, np.inf, np.nan])


@settings(max_examples=150)
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
    x = data.draw(hnp.arrays(np.float64, (n, widths[0]), elements=EXTREME.filter(np.isfinite)))  # others are refused
    steps = list(train(network, LOSSES["mse"], adam(0.1), theta, x, np.ones((n, widths[-1])), steps=2, clip_norm=1.0))
    assert [step.index for step in steps] == [0, 1, 2]
    if not lead and not np.isfinite(np.r_[steps[0].loss, steps[0].theta, steps[0].grad]).all():
        found = find_divergence(network.layout, steps[0])
        assert 1 <= found.layer <= network.layout.n_layers
        assert 0 <= found.unit < widths[found.layer]


def test_the_gradient_of_a_whole_run_is_right_at_its_end() -> None:
    config = RunConfig(dataset="wine", hidden=(6, 6, 6), activation="gelu", normalization="batch", skip=True, steps=20)
    history, data = run(config), config.data()
    worst = check_gradient(
        history.network,
        config.loss_function(),
        history.theta[-1],
        data.x_train,
        config.targets(data.y_train),
        grad=history.grad[-1],
    )
    assert worst < 1
