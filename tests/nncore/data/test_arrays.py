"""Arrays and DataFrames of a person's own: everything that a named data set can do, all rows, and one sentence otherwise."""

import gc
import io
import json
import subprocess
import sys
from pathlib import Path
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


def test_a_config_says_in_another_process_what_to_do_and_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig.from_arrays(X, Y, **SMALL)
    settings = json.loads(json.dumps(config.to_dict()))
    monkeypatch.setattr(nncore.data.table, "_ALIVE", {})
    with pytest.raises(
        TableNotHere, match=r"where it was arrays, RunConfig.from_arrays\(x, y\) with the same ones finds it"
    ):
        RunConfig.from_dict(settings)
    held = RunConfig.from_arrays(X.copy(), Y.tolist())
    assert RunConfig.from_dict(settings) == config and held.choice.digest == config.choice.digest


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


# Test rows of one's own --------------------------------------------------------------------------------------------


def test_own_test_rows_are_for_testing_alone_and_all_others_for_training() -> None:
    x_test, y_test = X[:7] + 0.5, np.sin(X[:7] + 0.5).sum(axis=1)
    history = fit(X, Y, test=(x_test, y_test), **SMALL)
    data = history.config.data()
    assert (len(data.x_train), len(data.x_test)) == (60, 7)
    np.testing.assert_allclose(data.to_original_x(data.x_test), x_test, rtol=1e-12)
    np.testing.assert_allclose(data.to_original_y(data.y_test)[:, 0], y_test, rtol=1e-12)
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-12)
    assert np.isfinite(measures.performance(history)["test_loss"]).all()


def test_own_test_rows_leave_the_training_as_it_is_without_them() -> None:
    with_them, without = fit(X, Y, test=(X[:5], Y[:5]), **SMALL), fit(X, Y, test_fraction=0, **SMALL)
    assert with_them.theta.tobytes() == without.theta.tobytes()
    assert with_them.config.choice.digest != without.config.choice.digest


def test_own_test_rows_may_be_frames_with_text_and_classes() -> None:
    frame = pd.DataFrame({"size": X[:, 0], "colour": ["red", "blue"] * 30})
    y = np.where(X[:, 0] > 0, "up", "down")
    data = RunConfig.from_arrays(frame, y, test=(frame[:9], y[:9])).data()
    assert data.feature_names == ("size", "colour = blue") and data.class_names == ("down", "up")
    np.testing.assert_array_equal(data.y_test, y[:9] == "up")


@pytest.mark.parametrize(
    "test, message",
    [
        (
            (X[:5, :2], Y[:5]),
            r"the test rows' x must have the columns of x, 'x1', 'x2', 'x3' \(3\); got 'x1', 'x2' \(2\)",
        ),
        ((X[:5], Y[:4]), r"the test rows' y must have one value for each of the 5 rows of x; got shape \(4,\)"),
        ((X[0], Y[:1]), r"the test rows' x must have shape \(n_rows, n_inputs\); got \(3,\)"),
        (X, r"test must be the x and the y of the test rows, test=\(x_test, y_test\); got ndarray"),
        ((np.full((5, 3), np.nan), Y[:5]), "column 'x1' of x must be finite and without gaps; got 5 values"),
    ],
    ids=["columns", "rows", "shape", "one array", "nan"],
)
def test_test_rows_that_do_not_fit_are_refused(test: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(X, Y, test=test)


def test_a_class_that_is_only_tested_is_refused() -> None:
    with pytest.raises(ValueError, match="the test rows' y holds the class '2', which y does not"):
        fit(X, np.arange(60) % 2, test=(X[:3], [0, 1, 2]))
    with pytest.raises(ValueError, match="give test_fraction or test rows, not both; got test_fraction"):
        fit(X, Y, test=(X[:3], Y[:3]), test_fraction=0.1)


# Without the rows --------------------------------------------------------------------------------------------------

READ_ELSEWHERE = """
import sys
import numpy as np
from nncore import Fork, History, RunConfig, measures, run
from nncore.data.table import TableNotHere
from nncore.diagnosis import ledger

path = sys.argv[1]
history = (History.from_parquet if path.endswith("parquet") else History.from_csv)(path)
assert history.layout.n_params == history.theta.shape[1] and history.config.source.target_name == "y"
assert np.isfinite(measures.per_layer(history, "delta_norm")["delta_norm"]).all() and ledger(history, 0).values
copy = path + ".again.parquet"
history.to_parquet(copy)
assert History.from_parquet(copy).theta.tobytes() == history.theta.tobytes()
for needs_rows in (lambda: measures.performance(history), lambda: run(history.config)):
    try:
        needs_rows()
    except TableNotHere as missing:
        assert "RunConfig.from_arrays(x, y) with the same ones finds it" in str(missing)
    else:
        raise AssertionError("no rows were needed")
rng = np.random.default_rng(7)
x = rng.normal(size=(60, 3))
held = RunConfig.from_arrays(x, np.sin(x).sum(axis=1), test=(x[:9], np.zeros(9)))
assert np.isfinite(measures.performance(history)["test_loss"]).all()
assert run(history.config).theta.tobytes() == history.theta.tobytes()
assert len(run(Fork(history.config, at=5, steps=12), parent=history)) == 8
"""


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_saved_run_opens_in_another_process_and_finds_its_rows_there(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 3))
    history = fit(x, np.sin(x).sum(axis=1), test=(x[:9], np.zeros(9)), **SMALL)
    path = tmp_path / f"run.{kind}"
    getattr(history, f"to_{kind}")(path)
    done = subprocess.run([sys.executable, "-c", READ_ELSEWHERE, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_damaged_outline_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = fit(X, Y, **SMALL)
    history.to_csv(tmp_path / "run.csv")
    text = (tmp_path / "run.csv").read_text().replace('""classes"": 0', '""classes"": ""two""')
    (tmp_path / "run.csv").write_text(text)
    monkeypatch.setattr(nncore.data.table, "_ALIVE", {})
    with pytest.raises(ValueError, match="what it says of its table is none of a table's"):
        History.from_csv(tmp_path / "run.csv")
