import copy
import io
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nncore import History, RunConfig, replay, run, run_many
from nncore.history import history as history_module
from nncore.history.history import Divergence, block_length, update_norms, weight_change_norms
from nncore.history.replayed_theta import ReplayedTheta
from nncore.model.layout import Array, Layout

SMALL = RunConfig(dataset="moons", n_samples=30, hidden=(4, 3), steps=9)


def test_a_history_has_the_promised_shapes_and_names() -> None:
    history = run(SMALL)
    n_params = history.layout.n_params
    assert history.layout == SMALL.layout() and history.config is SMALL
    assert history.step.shape == history.loss.shape == (10,)
    assert history.theta.shape == history.grad.shape == (10, n_params)
    assert history.update_norm.shape == (10, 3)
    assert (history.step.dtype, history.loss.dtype, history.theta.dtype) == (np.int64, np.float64, np.float64)
    assert len(history) == 10
    assert history.nbytes == SMALL.history_bytes() == 2 * 10 * n_params * 8
    np.testing.assert_array_equal(history.theta[0], SMALL.initial_theta())
    np.testing.assert_array_equal(history.probe_x, SMALL.probe()[0])
    np.testing.assert_array_equal(history.probe_y, SMALL.probe()[1])


ARRAYS = ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y")


@pytest.mark.parametrize("name", ARRAYS)
def test_its_arrays_are_read_only(name: str) -> None:
    array = getattr(run(SMALL), name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def roots(history: History) -> dict[str, np.ndarray]:
    """Name -> the array that one of a history's is a view of in the end."""
    found = {}
    for name in ARRAYS:
        found[name] = getattr(history, name)
        while isinstance(found[name].base, np.ndarray):
            found[name] = found[name].base
    return found


WAYS: dict[str, Callable[[History], History]] = {
    "as it is": lambda history: history,
    "pickled": lambda history: pickle.loads(pickle.dumps(history)),
    "pickled out of band": lambda history: out_of_band(history),
    "deep copy": copy.deepcopy,
    "copy": copy.copy,
    "replaced": lambda history: replace(history, stopped="by hand"),
    "Parquet": lambda history: through(history, "parquet"),
    "CSV": lambda history: through(history, "csv"),
}


def out_of_band(history: History) -> History:
    buffers: list[pickle.PickleBuffer] = []
    packed = pickle.dumps(history, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(packed, buffers=[bytearray(buffer.raw()) for buffer in buffers])


def through(history: History, kind: str) -> History:
    file = io.BytesIO()
    getattr(history, f"to_{kind}")(file)
    file.seek(0)
    return getattr(History, f"from_{kind}")(file)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("record_every", [1, 4])
def test_nobody_writes_into_a_history_through_a_base_or_a_copy(record_every: int, way: str) -> None:
    history = run(SMALL.replace(record_every=record_every))
    again = WAYS[way](history)
    for name, root in roots(again).items():
        assert not getattr(again, name).flags.writeable and not root.flags.writeable, name
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))


def test_nobody_writes_into_one_of_many_runs() -> None:
    for history in run_many([SMALL, SMALL.replace(seed=1)]):
        assert not any(root.flags.writeable for root in roots(history).values())


def test_theta_that_is_computed_again_hands_out_nothing_of_what_it_keeps() -> None:
    history = run(SMALL, compact=True)
    theta = history.theta
    assert isinstance(theta, ReplayedTheta)
    before = theta[:].copy()
    theta[3][:] = 0.0
    assert not theta.grad.flags.writeable and not theta.checkpoints.theta.flags.writeable
    np.testing.assert_array_equal(theta[:], before)
    again = pickle.loads(pickle.dumps(history))
    assert not again.theta.flags.writeable
    np.testing.assert_array_equal(again.theta, before)


def test_what_was_handed_in_stays_writable_and_the_history_as_it_was() -> None:
    theta = np.zeros((1, SMALL.layout().n_params))
    history = History(SMALL, np.array([0]), np.zeros(1), theta, theta.copy(), np.zeros((1, 3)), *SMALL.probe())
    theta[0, 0] = 1.0
    assert history.theta[0, 0] == 0.0
    assert replace(history, stopped="by hand").theta.base is history.theta.base, "what cannot be written into is shared"


def test_the_nearest_record_to_a_step_is_found() -> None:
    history = run(SMALL.replace(record_every=4))
    assert history.step.tolist() == [0, 4, 8, 9]
    assert [history.nearest(step) for step in (-5, 0, 1, 3, 5, 9, 100)] == [0, 0, 0, 1, 1, 3, 3]


def test_even_records_have_the_first_and_the_last() -> None:
    history = run(SMALL.replace(steps=100))
    assert history.even_records(11).tolist() == list(range(0, 101, 10))
    assert history.even_records(2).tolist() == [0, 100]
    assert history.even_records(1000).tolist() == list(range(101))
    assert history.even_records(0).tolist() == history.even_records(1).tolist() == [0]
    for at_most in range(2, 102):
        records = history.even_records(at_most)
        assert len(records) == at_most and (np.diff(records) > 0).all() and records[-1] == 100


@pytest.mark.parametrize(("theta", "grad", "expected"), [(np.inf, -np.inf, 8), (1e308, 1e308, 9), (0.0, np.nan, 8)])
def test_the_last_finite_record_is_found_without_a_warning(theta: float, grad: float, expected: int) -> None:
    history = run(SMALL)
    arrays = {"theta": history.theta.copy(), "grad": history.grad.copy()}
    for array, value in zip(arrays.values(), (theta, grad), strict=True):
        array[-1, 5] = value
    changed = replace(history, **arrays)
    assert changed.last_finite == expected
    assert history.last_finite == 9


def test_divergence_is_told_in_words() -> None:
    sentence = Divergence(step=7, layer=3, unit=12, quantity="delta").sentence()
    assert sentence == "Diverged at step 7: δ stopped being finite, first in layer 3, unit 12."
    told = {q: Divergence(0, 1, 0, q).sentence() for q in ("theta", "z", "a", "loss", "delta", "gradient")}
    assert len(set(told.values())) == 6
    assert "the gradient stopped" in told["gradient"] and "θ stopped" in told["theta"]


def test_what_is_not_an_array_goes_into_a_dict() -> None:
    history = run(SMALL)
    assert history.to_dict() == {"config": SMALL.to_dict(), "stopped": "", "divergence": None}
    burst = run(SMALL.replace(dataset="diabetes", learning_rate=1e6, activation="linear", steps=500))
    assert burst.divergence is not None
    found = burst.to_dict()["divergence"]
    assert found == {
        "step": burst.divergence.step,
        "layer": burst.divergence.layer,
        "unit": burst.divergence.unit,
        "quantity": burst.divergence.quantity,
    }


# Replay ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_replay_gives_the_recorded_gradient_again(normalization: str, dtype: str) -> None:
    config = SMALL.replace(normalization=normalization, dtype=dtype, hidden=(4, 4), skip=True)
    history = run(config)
    (block,) = replay(history)
    assert block.records.tolist() == list(range(10))
    np.testing.assert_array_equal(block.theta, history.theta)
    np.testing.assert_allclose(block.grad, history.grad, rtol=1e-9 if dtype == "float64" else 1e-3, atol=1e-7)
    assert [z.shape for z in block.tape.z] == [(10, 24, 4), (10, 24, 4), (10, 24, 1)]
    assert [delta.shape for delta in block.deltas] == [(10, 24, 4), (10, 24, 4), (10, 24, 1)]


@pytest.mark.parametrize("block_bytes", [1, 15_000, 40_000])
def test_a_records_bits_do_not_depend_on_its_block(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    history = run(SMALL.replace(activation="gelu", normalization="layer"))

    def rows() -> dict[int, list[Array]]:
        return {
            int(record): [
                array[place].copy() for array in (*block.tape.z, *block.tape.a[1:], *block.deltas, block.grad)
            ]
            for block in replay(history)
            for place, record in enumerate(block.records)
        }

    whole = rows()
    monkeypatch.setattr(history_module, "BLOCK_BYTES", block_bytes)
    blocks = rows()
    assert list(blocks) == list(range(10))
    for record, arrays in whole.items():
        for a, b in zip(arrays, blocks[record], strict=True):
            np.testing.assert_array_equal(a, b)


def test_blocks_are_bounded_in_memory() -> None:
    layout = Layout((64, *(256,) * 50, 10))
    per_record = 8 * (2 * layout.n_params + 4 * sum(layout.widths) * 256)
    assert block_length(layout, 256, np.dtype("float16")) == max(1, 64 * 2**20 // per_record)
    assert block_length(Layout((1, 2, 1)), 4, np.dtype("float32")) > 10_000
    assert block_length(Layout((1, 4096, 4096, 1)), 20_000, np.dtype("float64")) == 1


# Update norms ---------------------------------------------------------------------------------------------


def test_update_norms_are_those_of_weights_only_and_blank_after_the_last() -> None:
    layout = Layout((2, 2, 1))
    theta = np.zeros((3, layout.n_params))
    (weight_1, bias_1), (weight_2, _) = layout.split(theta[1])
    weight_1[...] = [[1.0, 2.0], [2.0, 4.0]]
    bias_1[...] = 100.0
    weight_2[...] = [[3.0], [4.0]]
    found = update_norms(theta, layout)
    np.testing.assert_array_equal(found[:2], [[5.0, 5.0], [5.0, 5.0]])
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    ("dtype", "size"), [("float64", 1e-200), ("float64", 1e200), ("float32", 1e-30), ("float32", 1e30)]
)
def test_update_norms_neither_underflow_nor_overflow(dtype: str, size: float) -> None:
    layout = Layout((2, 1))
    before, after = np.zeros(3, dtype), np.array([7.0, 3.0 * size, 4.0 * size], dtype)
    np.testing.assert_allclose(weight_change_norms(before, after, layout), [5.0 * size], rtol=1e-6)


def test_update_norms_of_one_record_are_blank() -> None:
    assert np.isnan(update_norms(np.zeros((1, 7)), Layout((1, 2, 1)))).all()


@pytest.mark.parametrize("block_bytes", [1, 300, 1000])
def test_update_norms_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    theta = np.random.default_rng(0).normal(size=(20, 17))
    whole = update_norms(theta, Layout((2, 4, 1)))
    monkeypatch.setattr(history_module, "BLOCK_BYTES", block_bytes)
    np.testing.assert_array_equal(update_norms(theta, Layout((2, 4, 1))), whole)
