"""Arrays and DataFrames of a person's own: everything that a named data set can do, all rows, and one sentence otherwise."""

import gc
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nncore
import nncore.data.table
from nncore import Fork, History, RunConfig, fit, measures, run
from nncore.data.table import TableNotHere
from nncore.diagnosis import ledger, verdict
from nncore.seeds import SeedRuns, run_seeds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.sin(X).sum(axis=1)
SMALL: dict[str, Any] = {"hidden": (4,), "steps": 10}


def test_all_rows_are_taken_as_they_are() -> None:
    x = RNG.normal(size=(5000, 2))
    config = RunConfig.from_arrays(x, x[:, 0] * x[:, 1], test_fraction=0, standardize=False)
    data = config.data()
    assert config.n_train == 5000 and config.source.task == "regression"
    rows = np.lexsort(data.x_train.T)
    np.testing.assert_array_equal(data.x_train[rows], x[np.lexsort(x.T)])
    np.testing.assert_array_equal(data.y_train[:, 0], data.x_train[:, 0] * data.x_train[:, 1])


def test_a_fifth_is_for_testing_and_fewer_rows_may_be_asked_for() -> None:
    assert RunConfig.from_arrays(X, Y).n_train == 48
    assert RunConfig.from_arrays(X, Y, n_samples=20, test_fraction=0).n_train == 20


def test_fit_is_run_of_the_config() -> None:
    history, same = fit(X, Y, **SMALL), run(RunConfig.from_arrays(X, Y, **SMALL))
    assert history.config == same.config
    np.testing.assert_array_equal(history.theta, same.theta)
    assert history.loss[-1] < history.loss[0]


@pytest.mark.parametrize(
    "y, task, classes",
    [
        (Y, "regression", None),
        (np.arange(60) % 3, "classification", ("0", "1", "2")),
        (Y > 0, "classification", ("False", "True")),
        (np.where(Y > 0, "up", "down"), "classification", ("down", "up")),
        (["b", "a"] * 30, "classification", ("a", "b")),
    ],
    ids=["floats", "whole numbers", "truth values", "text", "a list"],
)
def test_the_task_follows_from_y(y: Any, task: str, classes: tuple[str, ...] | None) -> None:
    source = RunConfig.from_arrays(X, y).source
    assert (source.task, source.classes) == (task, classes)


def test_classes_belong_to_their_rows() -> None:
    data = RunConfig.from_arrays(X, np.where(X[:, 0] > 0, "up", "down"), test_fraction=0, standardize=False).data()
    np.testing.assert_array_equal(data.y_train, data.x_train[:, 0] > 0)


def test_the_task_can_be_said() -> None:
    digits = np.arange(60) % 10
    assert RunConfig.from_arrays(X, digits).class_count == 10
    assert RunConfig.from_arrays(X, digits, task="regression").loss_name == "mse"


def test_a_frame_has_names_and_text() -> None:
    frame = pd.DataFrame({"size": X[:, 0], "colour": ["red", "green", "blue"] * 20, "old": X[:, 1] > 0, "n": range(60)})
    source = RunConfig.from_arrays(frame, pd.Series(Y, name="price")).source
    assert source.feature_names == ("size", "colour = blue", "colour = green", "colour = red", "old", "n")
    assert source.target_name == "price"
    data = RunConfig.from_arrays(frame[["colour"]], frame["colour"], test_fraction=0, standardize=False).data()
    np.testing.assert_array_equal(data.x_train.argmax(axis=1), data.y_train)


def test_a_frame_of_pandas_own_types_is_read() -> None:
    frame = pd.DataFrame({"a": pd.array(range(60), "Int64"), "b": pd.Categorical(["u", "v"] * 30)})
    source = RunConfig.from_arrays(frame, pd.DataFrame({"t": Y})).source
    assert source.feature_names == ("a", "b = v") and source.target_name == "t"


def test_a_constant_input_stays_an_input() -> None:
    x = np.c_[X, np.ones(60)]
    assert RunConfig.from_arrays(x, Y).source.feature_names == ("x1", "x2", "x3", "x4")


def test_a_target_named_like_an_input_is_told_apart() -> None:
    frame = pd.DataFrame({"y": X[:, 0]})
    source = RunConfig.from_arrays(frame, Y).source
    assert (source.feature_names, source.target_name) == (("y",), "y (target)")


def test_measures_ledger_verdict_forks_and_seeds_work() -> None:
    history = fit(X, Y, hidden=(4, 4), steps=10)
    assert np.isfinite(measures.per_layer(history, "delta_norm")["delta_norm"]).all()
    assert ledger(history, 0).values and verdict(history, len(history) - 1) is not None
    fork = run(Fork(history.config, at=5, steps=20), parent=history)
    assert fork.step[0] == 5 and fork.step[-1] == 20
    assert run_seeds(SeedRuns(history.config, 2)) is not None


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_saved_run_opens_in_the_same_process(kind: str) -> None:
    file = io.BytesIO()
    x, y = RNG.normal(size=(30, 2)), RNG.normal(size=30)
    history = fit(x, y, **SMALL)
    theta, settings = history.theta.copy(), json.loads(json.dumps(history.config.to_dict()))
    getattr(history, f"to_{kind}")(file)
    del history
    gc.collect()
    file.seek(0)
    again = getattr(History, f"from_{kind}")(file)
    np.testing.assert_array_equal(again.theta, theta)
    np.testing.assert_array_equal(run(again.config).theta, theta)
    assert RunConfig.from_dict(settings) == again.config


def test_a_saved_run_says_in_another_process_what_to_do_and_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    history = fit(X, Y, **SMALL)
    history.to_parquet(file)
    monkeypatch.setattr(nncore.data.table, "_ALIVE", {})
    file.seek(0)
    with pytest.raises(
        TableNotHere, match=r"where it was arrays, RunConfig.from_arrays\(x, y\) with the same ones finds it"
    ):
        History.from_parquet(file)
    RunConfig.from_arrays(X.copy(), Y.tolist())
    file.seek(0)
    np.testing.assert_array_equal(History.from_parquet(file).theta, history.theta)


def test_arrays_that_nothing_holds_leave_the_memory() -> None:
    digests = [RunConfig.from_arrays(X, Y + place).choice.digest for place in range(1, 12)]
    gc.collect()
    here = [digest in nncore.data.table._ALIVE for digest in digests]
    assert not any(here[:3]) and all(here[3:])


def test_other_rows_have_another_digest() -> None:
    def digest(x: Any, y: Any) -> str:
        return RunConfig.from_arrays(x, y).choice.digest

    frame = pd.DataFrame(X, columns=["x1", "x2", "x3"])
    assert digest(X, Y) == digest(X.tolist(), Y[:, None]) == digest(frame, Y)
    assert len({digest(X, Y), digest(X + 1e-9, Y), digest(X, Y + 1), digest(frame.add_prefix("c"), Y)}) == 4


def holed(value: float) -> np.ndarray:
    x = X.copy()
    x[4, 1] = value
    return x


REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "nan": (
        *(holed(np.nan), Y, {}),
        "column 'x2' of x must be finite and without gaps; got 1 value that is not, the first in row 4: fill them in, or "
        "leave those rows out",
    ),
    "infinity": (
        *(holed(np.inf), Y, {}),
        "column 'x2' of x must be finite and without gaps; got 1 value that is not, the first in row 4: fill them in, or "
        "leave those rows out",
    ),
    "nan in y": (
        *(X, holed(np.nan)[:, 1], {}),
        "y must be finite and without gaps; got 1 value that is not, the first in row 4: fill them in, or leave those rows "
        "out",
    ),
    "a gap in text": (
        *(pd.DataFrame({"c": ["u", None, "v"] * 20}), Y, {}),
        "column 'c' of x must be finite and without gaps; got 20 values that are not, the first in row 1: fill them in, or "
        "leave those rows out",
    ),
    "too large": (holed(1e200), Y, {}, "the numbers of column 'x2' of x must be at most 1e+35; got 1.0e+200"),
    "one dimension": (
        *(X[:, 0], Y, {}),
        "x must have shape (n_rows, n_inputs); got (60,): x[:, None] makes one input of it",
    ),
    "three dimensions": (X[None], Y, {}, "x must have shape (n_rows, n_inputs); got (1, 60, 3)"),
    "complex": (X + 1j, Y, {}, "x must be real numbers, or a DataFrame with columns of text; got complex128"),
    "text": (X.astype(str), Y, {}, "x must be real numbers, or a DataFrame with columns of text; got <U32"),
    "no rows": (X[:0], Y[:0], {}, "x must have rows and columns; got shape (0, 3)"),
    "dates": (
        *(pd.DataFrame({"d": pd.date_range("2020", periods=60)}), Y, {}),
        "column 'd' of x must be numbers or text; got datetime64[",
    ),
    "twice": (
        *(pd.DataFrame(X, columns=["a", "b", "a"]), Y, {}),
        "'a' is the name of several columns of x: give each a name of its own",
    ),
    "fewer targets": (X, Y[:-1], {}, "y must have one value for each of the 60 rows of x; got shape (59,)"),
    "one-hot": (
        *(X, np.eye(3)[np.arange(60) % 3], {}),
        "y must have one value for each of the 60 rows of x; got shape (60, 3): y.argmax(axis=1) makes class numbers of one "
        "column a class",
    ),
    "too many rows": (
        *(np.zeros((20_001, 1)), np.arange(20_001.0), {}),
        "x must have at most 20,000 rows, or n_samples say how many of them to draw; got 20,001 rows",
    ),
    "another data set": (X, Y, {"dataset": "moons"}, "dataset follows from x and y: leave it out; got 'moons'"),
    "no such setting": (X, Y, {"widths": (3,)}, "setting must be one of dataset, table"),
    "no such task": (X, Y, {"task": "ranking"}, "task must be one of regression, classification; got 'ranking'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_is_refused_in_one_sentence(case: str) -> None:
    x, y, settings, message = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        fit(x, y, **settings)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [X, pd.DataFrame(X)], ids=["array", "frame"])
def test_read_table_says_where_arrays_go(given: Any) -> None:
    with pytest.raises(ValueError) as caught:
        nncore.read_table(given)
    assert str(caught.value) == (
        "read_table reads a path, bytes or a binary file, and arrays or DataFrames go to nncore.fit(x, y) or "
        f"RunConfig.from_arrays(x, y); got {type(given).__name__}"
    )
