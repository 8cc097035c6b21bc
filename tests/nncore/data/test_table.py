"""A choice of target and inputs is text in the config, its rows in memory, and a data set like any other."""

import gc
import io
import json
import pickle
import weakref

import numpy as np
import pytest

from nncore import History, RunConfig, read_table, run
from nncore import measures as m
from nncore.data import table as module
from nncore.data.table import MAX_LEVELS, TableChoice, TableNotHere, look_in
from nncore.measures.learned import confusion, decision_regions, predictions

RNG = np.random.default_rng(0)
LINES = [
    f"{n + 1},{x:.3f},{'red' if x > 0 else 'blue'},{n % 3},{2 * x + 1:.3f}" for n, x in enumerate(RNG.normal(size=60))
]
CONTENT = ("id,x,colour,kind,y\n" + "\n".join(LINES) + "\n").encode()


@pytest.fixture
def table():
    return read_table(CONTENT)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> dict:
    """Tables that configs find by their digest, for one test."""
    monkeypatch.setattr(module, "_SHELVES", [])
    tables: dict = {}
    look_in(tables.get)
    return tables


def config_for(choice: TableChoice, **changes) -> RunConfig:
    return RunConfig(dataset="table", table=choice, **{"hidden": (4,), "steps": 5, "n_samples": 60} | changes)


def refused(make) -> str:
    with pytest.raises(ValueError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Choosing ---------------------------------------------------------------------------------------------------


def test_target_inputs_and_task_are_suggested(table) -> None:
    choice = table.choose()
    assert choice.target_column.name == "y"
    assert [column.name for column in choice.input_columns] == ["x", "colour", "kind"]
    assert choice.task == "regression"
    assert table.choose("kind").task == "classification"
    assert table.choose("colour").task == "classification"
    assert table.choose("kind", task="regression").task == "regression"


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y", "outcome"])
def test_column_called_target_is_the_target(name: str) -> None:
    content = f"a,{name},b\n1,2.5,3\n2,3.5,4\n3,4.5,6\n4,7.5,8\n".encode()
    assert read_table(content).choose().target_column.name == name


def test_columns_that_say_nothing_are_not_suggested() -> None:
    rows = "\n".join(f"{n},7,name{n},,{n * n},{n % 2}" for n in range(20))
    table = read_table(f"id,same,who,empty,x,y\n{rows}\n".encode())
    assert [column.name for column in table.suggested_inputs("y")] == ["x"]


def test_choice_is_text_in_one_form(table) -> None:
    choice = table.choose("y", ["kind", "x", "colour"])
    assert str(choice) == f"{table.digest}.r4.1-3"
    assert TableChoice.parse(f"{table.digest}.r04.3_1-2_2") == choice
    assert json.loads(json.dumps(str(choice))) == str(choice)
    assert str(table.choose("colour", ["id", "y"])) == f"{table.digest}.c2.0_4"


@pytest.mark.parametrize(
    "text",
    ["x", "5e" * 16, f"{'5e' * 16}.c1", f"{'5E' * 16}.c1.0", f"{'5e' * 16}.x1.0", f"{'5e' * 16}.c1.0,2", "é" * 99],
)
def test_text_that_is_no_choice_is_refused(text: str) -> None:
    message = refused(lambda: RunConfig(table=text))
    assert message.startswith("table must be what Table.choose returns, a digest with column numbers; got ")
    assert len(message) < 160


@pytest.mark.parametrize("value", [5, None, b"x", ["a"], True])
def test_table_that_is_no_text_is_refused(value) -> None:
    assert refused(lambda: RunConfig(table=value)).startswith("table must be text")


@pytest.mark.parametrize(
    ("content", "target", "inputs", "task", "sentence"),
    [
        (
            "a,b\n1,2\n2,2\n3,2\n4,2\n",
            "b",
            None,
            None,
            "the target 'b' is the same in every row: choose a column that varies",
        ),
        ("a,b\n1,2\n2,3\n3,5\n", "b", None, None, "3 rows have a value of the target 'b': at least 4 are needed"),
        ("a,b\n1,\n2,\n3,5\n4,\n", "b", None, None, "1 row has a value of the target 'b': at least"),
        ("a,b\n1,x\n2,y\n3,x\n4,y\n", "b", None, "regression", "the target 'b' holds text: choose classification"),
        ("a,b\n1,2\n2,3\n3,4\n4,5\n", "c", None, None, "the table has no column 'c': its columns are 'a', 'b'"),
        ("a,b\n1,2\n2,3\n3,4\n4,5\n", "b", ["a", "b"], None, "'b' is the target and cannot be an input too"),
        ("a,b\n1,2\n2,3\n3,4\n4,5\n", "b", [], None, "no column is an input: choose at least one"),
        ("a,b\n1,2\n1,3\n1,4\n1,5\n", "b", None, None, "no column is an input"),
        ("a,b\n,2\n,3\n,4\n,5\n", "b", ["a"], None, "'a' holds no value: take it out of the inputs"),
        ("a,b\n1,2\n1,2\n1,2\n1,2\n", None, None, None, "no column can be a target"),
        (
            "a,b\n" + "".join(f"{n},{n}.5\n" for n in range(60)),
            "b",
            None,
            "classification",
            "the target 'b' has 60 different values and 50 classes are allowed: choose regression, or another target",
        ),
        ("a,b\n1,2\n2,3\n3,4\n4,5\n", "b", None, "clustering", "task must be one of regression, classification"),
    ],
)
def test_choice_that_cannot_be_learned_is_refused(content, target, inputs, task, sentence) -> None:
    message = refused(lambda: read_table(content.encode()).choose(target, inputs, task))
    assert sentence in message


def test_inputs_that_become_too_many_columns_are_refused() -> None:
    words = [",".join(f"w{(n * k) % 41}" for k in range(1, 61)) for n in range(200)]
    content = ",".join(f"c{k}" for k in range(60)) + ",y\n" + "".join(f"{row},{n}.5\n" for n, row in enumerate(words))
    message = refused(lambda: read_table(content.encode()).choose("y", [f"c{k}" for k in range(1, 60)]))
    assert "and 1,000 are allowed: choose fewer, above all fewer of text" in message


# The rows that a network sees -------------------------------------------------------------------------------


def test_rows_are_the_files_standardized_on_the_training_rows(table) -> None:
    data = config_for(table.choose("y", ["x"])).data()
    x = np.concatenate([data.to_original_x(data.x_train), data.to_original_x(data.x_test)])[:, 0]
    y = np.concatenate([data.to_original_y(data.y_train), data.to_original_y(data.y_test)])[:, 0]
    assert sorted(x.round(3)) == sorted(table.columns[1].values)
    np.testing.assert_allclose(y, 2 * x + 1, atol=2e-3)
    np.testing.assert_allclose([data.x_train.mean(), data.x_train.std()], [0, 1], atol=1e-12)
    np.testing.assert_allclose([data.y_train.mean(), data.y_train.std()], [0, 1], atol=1e-12)
    assert (data.feature_names, data.target_name, len(data.x_test)) == (("x",), "y", 12)


def test_classes_are_named_in_order_and_every_class_is_in_both_parts(table) -> None:
    data = config_for(table.choose("kind", ["x", "y"])).data()
    assert data.class_names == ("0", "1", "2")
    assert set(data.y_train) == set(data.y_test) == {0, 1, 2}
    by_colour = config_for(table.choose("colour", ["x"]), standardize=False).data()
    assert by_colour.class_names == ("blue", "red")
    np.testing.assert_array_equal(by_colour.y_train, by_colour.x_train[:, 0] > 0)


def test_missing_numbers_become_the_mean_of_the_training_rows() -> None:
    rng = np.random.default_rng(1)
    rows = [f"{'' if n % 4 == 0 else f'{rng.normal(5, 2):.4f}'},{n}.5" for n in range(80)]
    choice = read_table(("a,y\n" + "\n".join(rows) + "\n").encode()).choose("y", ["a"])
    data = config_for(choice, n_samples=80).data()
    for x in (data.x_train, data.x_test):
        assert 0 < np.count_nonzero(x == 0) < len(x)
    present = data.x_train[data.x_train != 0]
    np.testing.assert_allclose([present.mean(), present.std()], [0, 1], atol=1e-12)
    plain = config_for(choice, n_samples=80, standardize=False).data()
    assert np.isfinite(plain.x_train).all()
    values, counts = np.unique(plain.x_train, return_counts=True)
    others = plain.x_train[plain.x_train != values[counts.argmax()]]
    np.testing.assert_allclose(values[counts.argmax()], others.mean())
    assert choice.notes() == ["Missing numbers (20 in 'a') become the mean of the training rows."]


def test_text_becomes_a_column_for_each_value() -> None:
    rows = [f"{['s', 'm', 'l'][n % 3]},{['on', 'off'][n % 2]},{'' if n % 5 == 0 else 'k'},{n}.5" for n in range(30)]
    choice = read_table(("size,power,gap,y\n" + "\n".join(rows) + "\n").encode()).choose("y", ["size", "power", "gap"])
    data = config_for(choice, n_samples=30, standardize=False, test_fraction=0.0).data()
    assert data.feature_names == ("size = l", "size = m", "size = s", "power = on", "gap = k", "gap missing")
    assert set(data.x_train.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(data.x_train[:, :3].sum(axis=1), 1)
    n = np.round(data.to_original_y(data.y_train)[:, 0] - 0.5).astype(int)
    for column, expected in enumerate([n % 3 == 2, n % 3 == 1, n % 3 == 0, n % 2 == 0, n % 5 > 0, n % 5 == 0]):
        np.testing.assert_array_equal(data.x_train[:, column], expected)
    assert "Missing text is a value of its own." in choice.notes()


def test_rare_values_of_text_share_a_column() -> None:
    rows = [f"w{min(n % 70, 45)},{n}.5" for n in range(700)]
    choice = read_table(("word,y\n" + "\n".join(rows) + "\n").encode()).choose("y", ["word"])
    data = config_for(choice, n_samples=700, standardize=False).data()
    assert data.x_train.shape[1] == MAX_LEVELS + 1
    assert data.feature_names[0] == "word = w45"
    assert data.feature_names[-1] == "word = another"
    np.testing.assert_array_equal(data.x_train.sum(axis=1), 1)
    assert (
        f"Of 'word' the {MAX_LEVELS} most frequent values have a column each; the others share one." in choice.notes()
    )


def test_rows_without_a_target_are_left_out_and_said() -> None:
    rows = [f"{n},{'' if n % 3 == 0 else n * 1.5}" for n in range(30)]
    choice = read_table(("a,y\n" + "\n".join(rows) + "\n").encode()).choose()
    assert choice.dataset.max_samples == 20
    assert choice.notes() == ["10 rows without a target are left out."]


def test_run_draws_rows_with_its_seed() -> None:
    content = "a,y\n" + "".join(f"{n},{n % 2}\n" for n in range(5000))
    choice = read_table(content.encode()).choose()
    one, again, other = (config_for(choice, n_samples=100, seed=seed).data() for seed in (0, 0, 1))
    rows = [set(data.to_original_x(data.x_train)[:, 0].round().tolist()) for data in (one, again, other)]
    assert rows[0] == rows[1] != rows[2]
    assert max(rows[0]) > 2500
    assert len(one.x_train) == 80
    assert abs(one.y_train.mean() - 0.5) < 0.02


def test_features_are_made_of_a_tables_two_inputs(table) -> None:
    config = config_for(table.choose("colour", ["x", "y"]), features=("x1_x2",))
    assert config.layout().widths == (3, 4, 1)
    with pytest.raises(ValueError, match="features need a data set with 2 inputs; table has 1"):
        config_for(table.choose("colour", ["x"]), features=("x1_x2",))


# Like any other data set ------------------------------------------------------------------------------------


def test_everything_is_measured_on_a_table(table) -> None:
    regression = run(config_for(table.choose("y", ["x", "colour"]), steps=30))
    assert regression.loss[-1] < regression.loss[0]
    assert len(predictions(regression, 30)["actual"]) == 60
    classes = run(config_for(table.choose("colour", ["x", "y"]), steps=30))
    assert np.isfinite(m.performance(classes)["test_accuracy"]).all()
    assert confusion(classes, 30)["rows"].sum() == 12
    assert decision_regions(classes, 30)["class"].shape == (81, 81)


def test_same_config_gives_the_same_bits(table) -> None:
    config = config_for(table.choose("y"))
    again = config_for(read_table(CONTENT).choose("y"))
    assert config == again
    assert hash(config) == hash(again)
    np.testing.assert_array_equal(run(config).theta, run(again).theta)
    assert config != config_for(table.choose("kind"))


def test_config_written_out_holds_no_row_and_no_name(table) -> None:
    config = config_for(table.choose("colour"))
    for text in (json.dumps(config.to_dict()), repr(config)):
        for word in ("red", "colour", "kind", LINES[0].split(",")[1]):
            assert word not in text


def test_config_taken_along_keeps_its_rows(table) -> None:
    config = config_for(table.choose("y"))
    for same in (config.replace(seed=1), pickle.loads(pickle.dumps(config))):
        assert same.data().x_train.shape == config.data().x_train.shape


def test_rows_are_loaded_once_and_leave_the_memory_with_their_table() -> None:
    one, other = read_table(CONTENT), read_table(CONTENT)
    data = config_for(one.choose("y")).data()
    assert config_for(one.choose("y")).data() is data
    assert config_for(other.choose("y")).data() is not data
    assert config_for(one.choose("kind")).data() is not data
    gone = weakref.ref(data)
    del one, data
    gc.collect()
    assert gone() is None


def test_pickled_table_takes_no_split_along(table) -> None:
    config_for(table.choose("y")).data()
    assert len(table.datasets) == len(table.splits) == 1
    again = pickle.loads(pickle.dumps(table))
    assert len(again.datasets) == len(again.splits) == 0


def test_no_more_splits_of_a_table_are_kept_than_a_few(table) -> None:
    choice = table.choose("y")
    first = weakref.ref(config_for(choice).data())
    for seed in range(1, module.KEPT):
        config_for(choice, seed=seed).data()
    assert first() is not None
    config_for(choice, seed=99).data()
    gc.collect()
    assert first() is None


# Without its rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_history_file_opens_without_its_table_and_asks_for_it_where_rows_are_needed(
    table, shelf: dict, kind: str
) -> None:
    history = run(config_for(table.choose("y")))
    file = io.BytesIO()
    getattr(history, f"to_{kind}")(file)
    assert b"colour" not in file.getvalue()
    read = getattr(History, f"from_{kind}")
    file.seek(0)
    opened = read(file)
    assert opened.config == history.config and opened.layout == history.layout
    with pytest.raises(TableNotHere) as caught:
        opened.config.data()
    assert str(caught.value) == (
        f"this needs the rows of the run's own table ({table.digest[:8]}), which stays where it was read and is "
        "not here: read its file again with read_table and let nncore look for it, "
        "nncore.look_in({table.digest: table}.get), or name it with --table on the command line; where it was arrays, "
        "RunConfig.from_arrays(x, y) with the same ones finds it"
    )
    shelf[table.digest] = table
    file.seek(0)
    again = read(file)
    assert again.config == opened.config == history.config
    np.testing.assert_array_equal(opened.config.data().x_test, history.config.data().x_test)
    np.testing.assert_array_equal(again.theta, history.theta)
    np.testing.assert_array_equal(again.config.data().x_test, history.config.data().x_test)


def test_config_from_text_alone_is_refused_until_the_table_is_here(table, shelf: dict) -> None:
    settings = json.loads(json.dumps(config_for(table.choose("y")).to_dict()))
    with pytest.raises(TableNotHere) as caught:
        RunConfig.from_dict(settings)
    assert caught.value.digest == table.digest
    shelf[table.digest] = table
    assert RunConfig.from_dict(settings).data().target_name == "y"


def test_config_of_another_data_set_takes_its_table_where_it_turns_to_it(table, shelf: dict) -> None:
    named = RunConfig(dataset="moons", table=str(table.choose("y")), hidden=(4,), n_samples=60)
    with pytest.raises(TableNotHere):
        named.replace(dataset="table")
    shelf[table.digest] = table
    config = named.replace(dataset="table")
    shelf.clear()  # the config holds its rows from here on
    assert config.replace(seed=1).data().target_name == "y"


def test_text_that_names_a_column_beyond_the_table_is_refused(table, shelf: dict) -> None:
    shelf[table.digest] = table
    for text in (f"{table.digest}.c9.0", f"{table.digest}.c4.0-7"):
        with pytest.raises(ValueError, match="the table has 5 columns, counted from 0; got column"):
            RunConfig(dataset="table", table=text)


def test_table_that_no_data_set_asks_for_is_not_looked_for() -> None:
    config = RunConfig(dataset="moons", table=f"{'5e' * 16}.c1.0")
    assert config.data().target_name == "class"
    with pytest.raises(ValueError, match="the data set table needs a table: read one and choose"):
        RunConfig(dataset="table")
