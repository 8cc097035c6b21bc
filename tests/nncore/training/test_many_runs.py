"""Runs that are trained together are the runs that they would be alone."""

from typing import Any

import numpy as np
import pytest

import nncore.training.many_runs
from nncore import History, RunConfig, run, run_many

BASE = RunConfig(dataset="moons", n_samples=60, hidden=(5, 4), steps=12)


def assert_same(found: History, expected: History) -> None:
    for name in ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
    assert found.to_dict() == expected.to_dict()


@pytest.mark.parametrize("runs_at_once", [1, 2, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 7, "optimizer": "adam", "schedule": "cosine"},
        {"record_every": 5},
        {"loss": "cross_entropy", "n_classes": 2, "normalization": "batch", "skip": True},
        {"dtype": "float32", "l1": 0.01, "l2": 0.02, "clip_norm": 0.5, "clip_value": 0.1},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_every_run_has_the_bits_it_has_alone(
    settings: dict[str, Any], runs_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nncore.training.many_runs, "runs_at_once", lambda config, elements=None: runs_at_once)
    configs = [BASE.replace(seed=seed, **settings) for seed in range(5)]
    for found, config in zip(run_many(configs), configs, strict=True):
        assert_same(found, run(config))


def test_gains_and_initializers_may_differ() -> None:
    configs = [BASE.replace(gain=gain, init=init) for gain in (0.5, 2.0) for init in ("normal", "orthogonal")]
    for found, config in zip(run_many(configs), configs, strict=True):
        assert_same(found, run(config))


@pytest.mark.parametrize("record_every", [1, 7])
def test_a_run_that_diverges_ends_and_disturbs_no_other(record_every: int) -> None:
    base = RunConfig(
        dataset="diabetes", hidden=(4, 3), activation="linear", learning_rate=0.02, steps=60, record_every=record_every
    )
    configs = [base.replace(gain=gain) for gain in (0.1, 30.0, 0.2)]
    found = run_many(configs)
    assert [bool(history.divergence) for history in found] == [False, True, False]
    for history, config in zip(found, configs, strict=True):
        assert_same(history, run(config))


@pytest.mark.parametrize("record_every", [1, 4])
def test_stop_keeps_what_there_is(record_every: int) -> None:
    asked = iter(range(1000))
    configs = [BASE.replace(seed=seed, record_every=record_every) for seed in range(3)]
    found = run_many(configs, cancelled=lambda: next(asked) == 6, workers=1)
    for history, config in zip(found, configs, strict=True):
        asked_alone = iter(range(1000))
        assert_same(history, run(config, cancelled=lambda asked_alone=asked_alone: next(asked_alone) == 6))
        assert history.stopped.startswith("Stopped by hand at step 6")


def test_no_configs_give_no_histories() -> None:
    assert run_many([]) == []


def test_runs_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="must agree in steps; got 12 and 13"):
        run_many([BASE, BASE.replace(steps=13)])
    with pytest.raises(ValueError, match="the same widths, training rows and loss; got moons and wine"):
        run_many([BASE, BASE.replace(dataset="wine")])
    long = BASE.replace(steps=5000)
    with pytest.raises(ValueError, match="the history would take"):
        run_many([long, long.replace(seed=1)], memory_budget=2 * long.history_bytes() - 2)
