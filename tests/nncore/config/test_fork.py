"""Forks: what is carried over, what may change, and that nothing changed gives the parent's bits."""

import dataclasses
import io
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import Fork, History, KillUnit, RunConfig, ScaleLayer, SetParameter, cosine, read_table, run, run_many
from nncore.config.cost import check_budget, estimate
from nncore.config.fork import CHANGEABLE, KEPT, MOST_GENERATIONS
from nncore.diagnosis import flow, remedies, remedies_for, verdict
from nncore.measures import gradient_flow, over_time
from nncore.measures.fork_and_parent import same_bits
from nncore.model.optimizers import OPTIMIZERS, Optimizer
from nncore.theory import predict_config
from nncore.training import Resume, start_of

TINY = RunConfig(n_samples=20, hidden=(4, 3), steps=16, learning_rate=0.05, activation="tanh", bias_std=0.1, seed=3)
AT = 9

SETTINGS: dict[str, dict[str, Any]] = {
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    "clip_norm": {"clip_norm": 0.05},
    "clip_value": {"clip_value": 0.01, "momentum": 0.5},
    "step schedule": {"schedule": "step", "schedule_every": 4},
    "cosine": {"schedule": "cosine", "schedule_floor": 0.1},
    "warm-up": {"warmup_steps": 12},
    "penalties": {"l1": 0.01, "l2": 0.02},
    "batch normalization": {"normalization": "batch"},
    "layer normalization": {"normalization": "layer", "skip": True},
    "lsuv": {"init": "lsuv"},
}


def tail(parent: History, at: int) -> dict[str, np.ndarray]:
    """The parent's rows from a step on."""
    kept = parent.step >= at
    return {name: getattr(parent, name)[kept] for name in ("step", "loss", "theta", "grad", "update_norm")}


def assert_goes_on_like(parent: History, fork: History) -> None:
    for name, rows in tail(parent, int(fork.step[0])).items():
        ours = getattr(fork, name)
        assert ours.dtype == rows.dtype and ours.shape == rows.shape, name
        assert ours.tobytes() == rows.tobytes(), name
    assert (fork.stopped, fork.divergence) == (parent.stopped, parent.divergence)


def assert_reproduces(config: RunConfig, at: int) -> None:
    """Both ways to the fork's beginning, by the recorded gradients and by training again."""
    parent = run(config)
    fork = Fork(config, at)
    assert_goes_on_like(parent, run(fork))
    assert_goes_on_like(parent, run(fork, parent=parent))
    assert same_bits(parent, run(fork, parent=parent))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("record_every", [1, 7])
@pytest.mark.parametrize("batch_size", [0, 5])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fork_with_nothing_changed_reproduces_its_parent(
    optimizer: str, batch_size: int, record_every: int, dtype: str
) -> None:
    config = TINY.replace(
        optimizer=optimizer, batch_size=batch_size, record_every=record_every, dtype=dtype, momentum=0.9
    )
    assert_reproduces(config, 7 if record_every == 7 else AT)


@pytest.mark.parametrize("batch_size", [0, 5])
@pytest.mark.parametrize("record_every", [1, 7])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_kind_of_setting_is_reproduced(name: str, record_every: int, batch_size: int) -> None:
    config = TINY.replace(batch_size=batch_size, record_every=record_every, **SETTINGS[name])
    assert_reproduces(config, 7 if record_every == 7 else AT)


@settings(max_examples=25)
@given(
    at=st.integers(0, 16),
    settings_=st.fixed_dictionaries(
        {
            "optimizer": st.sampled_from(list(OPTIMIZERS)),
            "momentum": st.sampled_from([0.0, 0.9]),
            "batch_size": st.sampled_from([0, 3, 16]),
            "schedule": st.sampled_from(["constant", "step", "cosine"]),
            "schedule_every": st.integers(1, 9),
            "warmup_steps": st.integers(0, 20),
            "clip_norm": st.sampled_from([None, 0.02]),
            "normalization": st.sampled_from(["none", "batch", "layer"]),
            "dtype": st.sampled_from(["float64", "float32"]),
        }
    ),
)
def test_any_step_of_any_run_can_be_forked(at: int, settings_: dict[str, Any]) -> None:
    assert_reproduces(TINY.replace(**settings_), at)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("record_every", [1, 7])
def test_recorded_gradients_and_training_again_give_the_same_state(optimizer: str, record_every: int) -> None:
    config = TINY.replace(
        optimizer=optimizer, momentum=0.9, clip_norm=0.1, schedule="cosine", record_every=record_every
    )
    fork, parent = Fork(config, 14), run(config)
    recorded, again = start_of(fork, parent), start_of(fork)
    assert recorded.theta.tobytes() == again.theta.tobytes() == parent.theta[parent.nearest(14)].tobytes()
    assert recorded.state.keys() == again.state.keys() != set()
    for name in recorded.state.keys() - {"work"}:
        assert np.array_equal(recorded.state[name], again.state[name]), name


def test_an_optimizer_that_remembers_its_rate_is_told_the_scheduled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(theta, grad, state, rate, out) -> None:
        state["travelled"] += rate
        np.subtract(theta, rate * grad, out=out)

    def remembering(config: RunConfig) -> Optimizer:
        return Optimizer("sgd", config.learning_rate, lambda theta: {"travelled": np.zeros(1)}, update)

    monkeypatch.setattr(RunConfig, "make_optimizer", remembering)
    first = Fork(TINY.replace(schedule="cosine"), 4)
    fork, expected = Fork(first, 11), 0.05 * sum(cosine(16)(step) for step in range(11))
    for begin in (start_of(fork, run(first)), start_of(fork)):
        assert begin.state["travelled"] == pytest.approx(expected, rel=1e-12)


def test_recorded_gradients_spare_training_again() -> None:
    parent, told = run(TINY.replace(optimizer="adam")), []
    run(Fork(parent.config, AT), parent=parent, progress=lambda step, loss: told.append(step))
    assert told == list(range(AT, 17))
    told.clear()
    run(Fork(parent.config, AT), progress=lambda step, loss: told.append(step))
    assert told == [*range(AT), *range(AT, 17)]


def test_forks_of_forks_go_on_with_their_own_state_and_batches() -> None:
    config = TINY.replace(optimizer="adam", batch_size=5, schedule="step", schedule_every=3)
    first = Fork(config, 4, learning_rate=0.01, batch_size=4)
    parent = run(first)
    second = Fork(first, 10)
    assert second.generation == 2 and second.changes == {}
    assert_goes_on_like(parent, run(second))
    assert_goes_on_like(parent, run(second, parent=parent))


def test_a_fork_differs_from_its_parent_only_after_its_first_update() -> None:
    parent = run(TINY)
    fork = run(Fork(TINY, AT, learning_rate=0.2))
    assert fork.theta[0].tobytes() == parent.theta[AT].tobytes()
    assert fork.grad[0].tobytes() == parent.grad[AT].tobytes()
    assert (fork.theta[1] != parent.theta[AT + 1]).any()
    assert not same_bits(parent, fork)
    np.testing.assert_allclose(fork.theta[1], parent.theta[AT] - 0.2 * parent.grad[AT], rtol=1e-14)


def test_schedules_go_on_at_the_fork() -> None:
    config = TINY.replace(schedule="cosine")
    fork = run(Fork(config, AT, learning_rate=0.5))
    factor = cosine(16)(AT)
    np.testing.assert_allclose(fork.theta[1], fork.theta[0] - 0.5 * factor * fork.grad[0], rtol=1e-14)


def test_a_changed_optimizer_starts_fresh_and_a_changed_rate_does_not() -> None:
    config = TINY.replace(optimizer="adam")
    assert start_of(Fork(config, AT, learning_rate=0.5)).state["t"] == AT
    assert start_of(Fork(config, AT, beta_1=0.5)).state["t"] == AT
    fresh = start_of(Fork(config, AT, optimizer="adamw")).state
    assert fresh["t"] == 0 and not fresh["mean"].any()
    assert not start_of(Fork(TINY, AT, momentum=0.9)).state["velocity"].any()
    assert start_of(Fork(TINY.replace(momentum=0.9), AT, momentum=0.5)).state["velocity"].any()
    assert start_of(Fork(TINY.replace(momentum=0.9), AT, momentum=0.0)).state == {}


def test_another_batch_size_takes_the_rows_that_it_would_have_taken_from_the_start() -> None:
    other = TINY.replace(batch_size=3)
    rows = list(zip(range(AT + 4), other.batches(), strict=False))
    for changed, (_, expected) in zip(
        Fork(TINY.replace(batch_size=5), AT, batch_size=3).batches(), rows[AT:], strict=False
    ):
        assert (changed == expected).all()
    assert Fork(other, AT, batch_size=0).batches() is None


def test_more_steps_continue_a_run_that_has_ended() -> None:
    long, short = TINY.replace(steps=24, batch_size=5), TINY.replace(batch_size=5)
    fork = run(Fork(short, 16, steps=24))
    assert_goes_on_like(run(long), fork)


def test_a_fork_may_end_where_it_begins() -> None:
    fork = run(Fork(TINY, 16))
    assert fork.step.tolist() == [16] and np.isnan(fork.update_norm).all()


@pytest.mark.parametrize(("at", "every", "steps"), [(9, 4, 16), (8, 4, 16), (3, 7, 8), (5, 100, 16), (7, 7, 8)])
def test_a_fork_records_its_first_step_and_then_its_parents_rhythm(at: int, every: int, steps: int) -> None:
    fork = Fork(TINY, at, record_every=every, steps=steps)
    expected = sorted({at, *(step for step in range(at, steps) if step % every == 0), steps})
    history = run(fork)
    assert history.step.tolist() == expected and fork.n_records == len(expected)
    assert same_bits(run(TINY), history)


@pytest.mark.parametrize("name", CHANGEABLE)
def test_every_changeable_setting_is_taken(name: str) -> None:
    other = {
        "activation": "relu",
        "alpha": 0.3,
        "output": "sigmoid",
        "biases": "fixed",
        "normalization": "layer",
        "skip": True,
        "loss": "mse",
        "optimizer": "adam",
        "learning_rate": 0.5,
        "momentum": 0.5,
        "nesterov": True,
        "rms_alpha": 0.5,
        "beta_1": 0.5,
        "beta_2": 0.5,
        "epsilon": 1e-3,
        "weight_decay": 0.1,
        "schedule": "cosine",
        "schedule_every": 3,
        "schedule_factor": 0.1,
        "schedule_floor": 0.5,
        "warmup_steps": 30,
        "batch_size": 4,
        "steps": 20,
        "l1": 0.1,
        "l2": 0.1,
        "clip_norm": 0.01,
        "clip_value": 0.001,
        "record_every": 3,
    }
    needs = {
        "nesterov": {"momentum": 0.5},
        "output": {"loss": "mse"},
        "alpha": {"activation": "leaky_relu"},
        "rms_alpha": {"optimizer": "rmsprop"},
        "beta_1": {"optimizer": "adam"},
        "beta_2": {"optimizer": "adam"},
        "epsilon": {"optimizer": "adam"},
        "schedule_every": {"schedule": "step"},
        "schedule_factor": {"schedule": "step", "schedule_every": 3},
        "schedule_floor": {"schedule": "cosine"},
        "skip": {"hidden": (4, 4)},
        "loss": {"loss": "cross_entropy"},
    }
    config = TINY.replace(**needs.get(name, {}))
    fork = Fork(config, AT, **{name: other[name]})
    assert fork.changes == {name: other[name]}
    changed, same = run(fork), run(Fork(config, AT))
    if name in ("steps", "record_every"):
        assert changed.step.tolist() != same.step.tolist()
    else:
        assert (changed.theta != same.theta).any()


@pytest.mark.parametrize("name", KEPT)
def test_what_a_fork_keeps_cannot_be_changed(name: str) -> None:
    other = {
        "dataset": "circles",
        "rows": "1 : 2",
        "init_low": -0.5,
        "init_high": 0.5,
        "theta": (0.5,) * TINY.layout().n_params,
        "n_samples": 30,
        "noise": 0.5,
        "n_classes": 4,
        "test_fraction": 0.5,
        "standardize": False,
        "features": ("x1_x2",),
        "table": read_table(b"a,b\n1,2\n2,3\n3,5\n4,7\n5,11\n").choose(),
        "hidden": (4, 4),
        "init": "he_normal",
        "gain": 2.0,
        "init_scale": 0.5,
        "bias_std": 0.5,
        "seed": 4,
        "dtype": "float32",
        "probe_size": 5,
    }
    with pytest.raises(ValueError, match=f"a fork keeps its parent's {name}"):
        Fork(TINY, AT, **{name: other[name]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at": -1}, "must begin at a step of its parent, 0 to 16; got -1"),
        ({"at": 17}, "must begin at a step of its parent, 0 to 16; got 17"),
        ({"at": 2.5}, "must begin at a step"),
        ({"at": True}, "must begin at a step"),
        ({"steps": 8}, "steps must be at least 9"),
        ({"loss": "cross_entropy"}, "as many outputs as its parent's bce, 1; cross_entropy has 2"),
        ({"learnin_rate": 1}, "did you mean 'learning_rate'"),
        ({"learning_rate": -1}, "learning_rate must be a number"),
        ({"edits": [KillUnit(3, 0)]}, "layer of a unit to kill must be a whole number from 1 to 2; got 3"),
        ({"edits": [KillUnit(1, 4)]}, "unit must be a whole number from 0 to 3; got 4"),
        ({"edits": [ScaleLayer(0, 2.0)]}, "layer must be a whole number from 1 to 3; got 0"),
        ({"edits": [ScaleLayer(1, float("nan"))]}, "factor must be a number"),
        ({"edits": [SetParameter(1, 2, 0, 1.0)]}, "row must be a whole number from 0 to 1; got 2"),
        ({"edits": [SetParameter(1, 0, 4, 1.0)]}, "column must be a whole number from 0 to 3; got 4"),
        ({"edits": [SetParameter(1, 0, 0, 1e300)]}, "value must be a number"),
        ({"edits": [{"kind": "kil"}]}, "did you mean 'kill'"),
        ({"edits": [{"kind": "kill", "layer": 1}]}, "must have layer, unit; got layer"),
        ({"edits": [3]}, "an edit must be a mapping"),
    ],
)
def test_a_fork_that_cannot_be_is_refused_in_one_sentence(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Fork(TINY, **{"at": AT, **arguments})
    assert "\n" not in str(refused.value)


def test_a_line_of_forks_has_an_end() -> None:
    fork: RunConfig = TINY
    for _ in range(MOST_GENERATIONS):
        fork = Fork(fork, 0)
    with pytest.raises(ValueError, match="forks of forks"):
        Fork(fork, 0)


# Edits ------------------------------------------------------------------------------------------------------


def test_edits_are_made_in_order_before_the_first_record() -> None:
    parent = run(TINY)
    edits = [ScaleLayer(2, 2.0), SetParameter(2, 1, 2, 0.25), SetParameter(3, None, 0, -1.0)]
    fork = run(Fork(TINY, AT, edits))
    before, after = (TINY.layout().split(theta) for theta in (parent.theta[AT], fork.theta[0]))
    expected = 2.0 * before[1][0]
    expected[1, 2] = 0.25
    np.testing.assert_array_equal(after[1][0], expected)
    np.testing.assert_array_equal(after[1][1], before[1][1])
    assert after[2][1][0] == -1.0
    np.testing.assert_array_equal(after[0][0], before[0][0])
    other = run(Fork(TINY, AT, edits[::-1]))
    assert TINY.layout().split(other.theta[0])[1][0][1, 2] == 0.5


def test_a_killed_unit_is_silent_and_tanh_keeps_it_so() -> None:
    fork = run(Fork(TINY, AT, [KillUnit(1, 2)]))
    tape = fork.network.forward(fork.theta, fork.probe_x)
    assert not tape.a[1][..., 2].any()
    (weight, bias), (outgoing, _), _ = fork.layout.split(fork.theta)
    assert not weight[..., 2].any() and not bias[..., 2].any() and not outgoing[:, 2, :].any()


def test_training_brings_a_killed_sigmoid_unit_back() -> None:
    fork = run(Fork(TINY, AT, [KillUnit(1, 2)], activation="sigmoid"))
    outgoing = fork.layout.split(fork.theta)[1][0][:, 2, :]
    assert not outgoing[0].any() and outgoing[-1].any()


def test_edits_leave_the_optimizer_alone() -> None:
    config = TINY.replace(momentum=0.9)
    edited, same = (start_of(Fork(config, AT, edits)) for edits in ([KillUnit(1, 2)], []))
    assert edited.state["velocity"].tobytes() == same.state["velocity"].tobytes()


# A config like any other ------------------------------------------------------------------------------------

FORK = Fork(
    TINY,
    AT,
    [KillUnit(1, 0), ScaleLayer(2, 0.5), SetParameter(3, None, 0, 0.1)],
    learning_rate=0.2,
    activation=("relu", "tanh"),
)


@pytest.mark.parametrize("fork", [FORK, Fork(FORK, 12, optimizer="adam")], ids=["fork", "fork of a fork"])
def test_a_fork_is_hashable_and_round_trips(fork: Fork) -> None:
    assert RunConfig.from_dict(fork.to_dict()) == fork == Fork.from_dict(fork.to_dict())
    assert hash(RunConfig.from_dict(fork.to_dict())) == hash(fork)
    assert pickle.loads(pickle.dumps(fork)) == fork
    assert fork.replace(steps=20).steps == 20 and fork.replace(steps=20).parent == fork.parent
    assert fork not in (fork.parent, fork.from_the_start(), fork.replace(at=13))
    assert type(fork.from_the_start()) is RunConfig


def test_a_fork_has_no_settings_of_its_own() -> None:
    assert [field.name for field in Fork.fields()] == [field.name for field in dataclasses.fields(RunConfig)]
    assert {*KEPT, *CHANGEABLE} == {field.name for field in RunConfig.fields()}


@pytest.mark.parametrize("settings_", [{}, {"parent": {}}, {"at": 3}, {"parent": {}, "at": 0, "edits": "kill"}])
def test_a_fork_that_is_not_whole_is_refused(settings_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must say what it forks|edits must be a list"):
        Fork.from_dict(settings_)


@pytest.mark.parametrize("record_every", [1, 7])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_forks_history_round_trips_through_files(kind: str, record_every: int) -> None:
    history = run(FORK.replace(record_every=record_every))
    file = io.BytesIO()
    getattr(history, f"to_{kind}")(file)
    file.seek(0)
    back = getattr(History, f"from_{kind}")(file)
    assert back.config == history.config and back.step[0] == AT
    for name in ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y"):
        assert getattr(back, name).tobytes() == getattr(history, name).tobytes(), name


def test_a_run_on_an_uploaded_table_or_with_more_inputs_can_be_forked() -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{n % 3}" for n in range(30))
    table = read_table(f"a,b,c\n{rows}\n".encode())
    assert_reproduces(TINY.replace(dataset="table", table=table.choose(), optimizer="adam"), AT)
    assert_reproduces(TINY.replace(features=("x1_squared", "sin_x2")), AT)


def test_measures_and_diagnosis_work_on_a_fork() -> None:
    fork = Fork(TINY.replace(activation="sigmoid", hidden=(8,) * 10, init="normal"), AT, learning_rate=0.1)
    history = run(fork)
    assert gradient_flow(history, 2).axes["step"].tolist() == [AT, AT + 2]
    assert over_time(history, ("delta_norm", "update_ratio")).axes["step"][0] == AT
    assert flow(history, 0).kind == "vanishing"
    found = verdict(history)
    assert found
    for remedy in (*remedies(fork), *remedies_for(found[0], history)):
        assert isinstance(remedy.config, Fork) and remedy.config.at == AT


def test_theory_is_refused_for_a_fork() -> None:
    with pytest.raises(ValueError, match="a fork begins with those of step 9"):
        predict_config(FORK)


def test_run_many_trains_forks_one_by_one() -> None:
    forks = [Fork(TINY.replace(seed=seed, optimizer="adam"), AT, learning_rate=0.2) for seed in range(3)]
    for many, fork in zip(run_many(forks), forks, strict=True):
        assert many.config == fork and many.theta.tobytes() == run(fork).theta.tobytes()


def test_the_cost_of_a_fork_counts_its_parent_up_to_there() -> None:
    parent = TINY.replace(steps=1000)
    early, late = (estimate(Fork(parent, at)) for at in (10, 990))
    assert early.bytes > late.bytes
    assert 0.5 < late.seconds / estimate(parent).seconds < 1.1
    with pytest.raises(ValueError, match="steps or fewer"):
        check_budget(Fork(parent, 10), late.seconds / 10, 2**30)


@pytest.mark.parametrize("at", [0, 5])
def test_a_history_over_budget_is_refused_with_a_record_every_that_fits(at: int) -> None:
    fork = Fork(TINY.replace(steps=1000), at)
    budget = fork.history_bytes() // 5
    every = fork.fitting_record_every(budget)
    assert every and fork.replace(record_every=every).history_bytes() <= budget
    with pytest.raises(ValueError, match=f"set record_every to {every} or more"):
        run(fork, memory_budget=budget)


# What can go wrong on the way -------------------------------------------------------------------------------

EXPLODES = TINY.replace(learning_rate=1e3, activation="relu", dataset="parabola", gain=3.0, steps=400)


def test_a_fork_beyond_its_parents_divergence_is_refused() -> None:
    parent = run(EXPLODES)
    assert parent.divergence is not None
    broke = parent.divergence.step
    for given_history in (None, parent):
        with pytest.raises(ValueError, match=f"the parent diverges at step {broke}, before step {broke + 1}"):
            run(Fork(EXPLODES, broke + 1), parent=given_history)


def test_a_fork_before_the_divergence_diverges_alike_or_is_saved() -> None:
    parent = run(EXPLODES)
    at = int(parent.step[-1]) - 1
    assert_goes_on_like(parent, run(Fork(EXPLODES, at)))
    assert run(Fork(EXPLODES, 0, learning_rate=1e-5)).divergence is None


def test_a_history_of_another_run_is_refused_as_parent() -> None:
    with pytest.raises(ValueError, match="parent must be the history of the run that is forked"):
        run(Fork(TINY, AT), parent=run(TINY.replace(seed=9)))


def test_a_fork_stopped_while_it_trains_again_says_so() -> None:
    with pytest.raises(ValueError, match="stopped by hand at step 0, before step 9"):
        run(Fork(TINY.replace(optimizer="adam"), AT), cancelled=lambda: True)
    stopped = run(Fork(TINY, AT), parent=run(TINY), cancelled=lambda: True)
    assert stopped.stopped == "Stopped by hand at step 9 of 16." and len(stopped) == 1


def test_train_refuses_to_end_before_it_starts() -> None:
    from nncore import LOSSES, MLP, Layout, sgd, train

    steps = train(
        MLP(Layout((1, 1)), ()),
        LOSSES["mse"],
        sgd(),
        np.zeros(2),
        np.ones((1, 1)),
        np.ones((1, 1)),
        3,
        resume=Resume(4, {}),
    )
    with pytest.raises(ValueError, match="steps must be 4 or more; got 3"):
        next(steps)
