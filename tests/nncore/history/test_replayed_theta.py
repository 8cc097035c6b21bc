"""theta that is computed again from the gradients: the bits of the one that was kept, in half the memory."""

import io
import pickle
from typing import Any

import numpy as np
import pytest

from nncore import OPTIMIZERS, Fork, History, Optimizer, RunConfig, run
from nncore.history.replayed_theta import CHECKPOINT, ReplayedTheta
from tests.nncore.training.runs import DIVERGES, SMALL, assert_same

MORE = SMALL.replace(steps=3 * CHECKPOINT + 5)
SETTINGS: dict[str, dict[str, Any]] = {
    "momentum": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "penalties and batches": {"l1": 0.01, "l2": 0.02, "batch_size": 7},
    "clipping": {"clip_norm": 0.05, "clip_value": 0.02},
    "schedule": {"schedule": "cosine", "warmup_steps": 5},
    "float32": {"dtype": "float32", "optimizer": "adam"},
    "fixed biases": {"biases": "fixed"},
}


def both(config: RunConfig, **arguments: Any) -> tuple[History, History]:
    return run(config, compact=True, **arguments), run(config, **arguments)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_gives_the_bits_that_were_trained(optimizer: str) -> None:
    compact, whole = both(MORE.replace(optimizer=optimizer))
    assert isinstance(compact.theta, ReplayedTheta)
    assert_same(compact, whole)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_so_does_every_setting_that_changes_the_update(settings: dict[str, Any]) -> None:
    assert_same(*both(MORE.replace(**settings)))


def test_a_run_that_diverges_or_is_stopped_keeps_what_it_has() -> None:
    compact, whole = both(DIVERGES)
    assert compact.divergence is not None
    assert_same(compact, whole)
    steps: list[int] = []
    history = run(MORE, compact=True, progress=lambda step, loss: steps.append(step), cancelled=lambda: len(steps) > 20)
    assert len(history) == 21 and history.stopped
    np.testing.assert_array_equal(history.theta, run(MORE).theta[:21])


def test_forks_of_it_and_compact_forks_are_the_same() -> None:
    compact, whole = both(MORE.replace(optimizer="adam"))
    fork = Fork(whole.config, at=21, learning_rate=0.01)
    assert_same(run(fork, parent=compact, compact=True), run(fork, parent=whole))


@pytest.mark.parametrize(
    "key",
    [0, -1, 17, np.int64(40), slice(None), slice(3, 40, 5), slice(0, 0), [5, 2, 50], np.array([[1, 2], [33, 2]]),
     (slice(2, 9), 3), (np.array([7, 7, 30]), np.array([0, 1, 2])), (np.array([4, 20]), 3), (12, 3), np.arange(54) > 50],
    ids=str,
)  # fmt: skip
def test_it_is_indexed_like_an_array(key: Any) -> None:
    compact, whole = both(MORE)
    np.testing.assert_array_equal(compact.theta[key], whole.theta[key], strict=True)


def test_it_is_taken_for_an_array() -> None:
    compact, whole = both(MORE)
    assert (len(compact.theta), compact.theta.shape, compact.theta.dtype) == (54, whole.theta.shape, whole.theta.dtype)
    np.testing.assert_array_equal(np.array(list(compact.theta)), whole.theta)
    assert np.isfinite(compact.theta).all() and compact.last_finite == whole.last_finite
    assert_same(pickle.loads(pickle.dumps(compact)), whole)
    with pytest.raises(IndexError):
        compact.theta[len(compact)]
    with pytest.raises(ValueError, match="always a copy"):
        np.array(compact.theta, copy=False)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_its_file_is_the_same(form: str) -> None:
    files = io.BytesIO(), io.BytesIO()
    for history, file in zip(both(MORE.replace(optimizer="adam")), files, strict=True):
        getattr(history, f"to_{form}")(file)
    assert files[0].getvalue() == files[1].getvalue()


def test_what_is_recorded_more_rarely_keeps_every_theta_that_it_has() -> None:
    compact, whole = both(MORE.replace(record_every=4))
    assert isinstance(compact.theta, np.ndarray)
    assert_same(compact, whole)


def test_an_optimizer_of_ones_own_may_remember_what_its_state_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def halving(learning_rate: float = 0.1) -> Optimizer:
        taken: list[None] = []

        def update(theta: Any, grad: Any, state: Any, rate: float, out: Any) -> None:
            np.subtract(theta, rate * 0.5 ** len(taken) * grad, out=out)
            taken.append(None)

        return Optimizer("halving", learning_rate, lambda theta: {}, update)

    monkeypatch.setitem(OPTIMIZERS, "halving", halving)
    assert_same(*both(MORE.replace(optimizer="halving")))
