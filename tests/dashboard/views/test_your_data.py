"""The page Your data: a file is read, chosen from and trained on; points and functions are drawn; all of it stays private."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.jobs import limits
from dashboard.state import uploads
from dashboard.views.your_data import canvas
from nncore import RunConfig, read_table
from tests.conftest import click, plots
from tests.dashboard.lab import APP, element, opened
from tests.patience import PATIENCE

CSV = b"id;x;colour;price\n" + b"".join(
    b"%d;%d,5;%s;%s\n" % (n + 1, n % 7, [b"red", b"blue", b"green"][n % 3], b"" if n == 5 else b"%d,25" % (3 * n))
    for n in range(40)
)
DIGEST = read_table(CSV).digest


def page(**query: object) -> AppTest:
    """Your data, with these query parameters."""
    app = AppTest.from_file(APP, default_timeout=PATIENCE)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run().switch_page("views/your_data/page.py").run()


def upload(app: AppTest, content: bytes, name: str = "bugs.csv", key: str = "table_file") -> AppTest:
    app.file_uploader(key=key).set_value((name, content, "text/csv")).run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def to_lab(app: AppTest) -> AppTest:
    element(app, "to_lab").click().run()
    assert not app.exception
    return app


# A file -----------------------------------------------------------------------------------------------------


def test_single_row_is_counted_as_one_and_refused_with_what_a_target_needs() -> None:
    app = upload(page(), b"a,b\n1,2\n")
    assert ":gray[1 row, 2 columns, separated by comma, UTF-8]" in words(app)
    assert "two different values or more" in words(app)
    assert "does not just number the rows" in words(app)


def test_file_is_read_suggested_and_trained_on_in_the_lab() -> None:
    app = upload(page(), CSV)
    assert not app.error
    assert "**bugs.csv** :gray[40 rows, 4 columns, separated by semicolon, UTF-8]" in words(app)
    head, columns = (frame.value for frame in app.dataframe)
    assert list(head) == ["id", "x", "colour", "price"]
    assert list(head["x"])[:2] == ["0,5", "1,5"]
    assert list(columns["holds"]) == ["numbers", "numbers", "text", "numbers"]
    assert list(columns["missing"]) == [0, 0, 0, 1]
    assert app.selectbox(key=f"target_{DIGEST}").value == "price"
    assert app.multiselect[0].value == ["x", "colour"]
    assert "1 row without a target is left out." in words(app)
    to_lab(app)
    assert not app.error
    assert "A table of your own: 39 rows, 4 inputs." in words(app)
    assert "bugs.csv: price from 2 columns" in words(app)
    assert "chart_learned" in plots(app)
    assert app.query_params["table"] == f"{DIGEST}.r3.1-2"


def test_target_task_and_inputs_can_be_changed_and_are_kept() -> None:
    app = upload(page(), CSV)
    app.selectbox(key=f"target_{DIGEST}").set_value("colour").run()
    assert app.button_group(key=f"task_{DIGEST}_2").value == "classification"
    assert app.multiselect[0].value == ["x", "price"]
    app.multiselect[0].set_value(["x"]).run()
    assert app.multiselect[0].value == ["x"]
    figure = plots(app)["chart_target"]["figure"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["blue", "green", "red"]
    np.testing.assert_array_equal(figure["data"][0]["y"], [13, 13, 14])
    assert "right in 35 % of the rows" in words(app)
    to_lab(app)
    assert app.query_params["table"] == f"{DIGEST}.c2.1"
    app.switch_page("views/your_data/page.py").run()
    assert app.selectbox(key=f"target_{DIGEST}").value == "colour"
    assert app.multiselect[0].value == ["x"]


def test_task_is_recognised_and_changeable() -> None:
    app = upload(page(), b"a,k\n" + b"".join(b"%d.5,%d\n" % (n, n % 4) for n in range(40)))
    (task,) = [group for group in app.button_group if group.key.startswith("task_")]
    assert task.value == "classification"
    task.set_value("regression").run()
    (choice,) = app.session_state["session"].table_choices.values()
    assert str(choice).endswith(".r1.0")
    assert "a loss of 1 in standardized units: the loss to beat" in words(app)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"1,2\n3,4\n", "the first line holds numbers (1, 2), not names"),
        (b"a\n1\n", "the file has one column"),
        (b"PK\x03\x04rest", "this is a zip archive or an Excel workbook, not a CSV file"),
        (b"a,b\n1,2\n3\n", "row 3 has 1 fields where the first row has 2"),
        (b"a,[b](http://x) $c$ :red[d]\n1,2\n3\n", "row 3 has 1 fields"),
        (b"a,$b$,$b$\n1,2,3\n", r"'\$b\$' is the name of 2 columns"),
        (b"a,b\n1,2\n2,3\n3,5\n", "3 rows have a value"),
        (b"a,b\n1,1\n1,1\n1,1\n1,1\n", "no column can be a target"),
    ],
)
def test_file_that_cannot_be_used_is_a_sentence(content: bytes, sentence: str) -> None:
    app = upload(page(), content)
    (error,) = app.error
    assert sentence in error.value
    assert re.match(r"This (file|table|choice) cannot be (used|learned): .*[^.]\.$", error.value)
    assert not [button for button in app.button if button.key == "to_lab"]


def test_choice_that_cannot_be_learned_is_a_sentence() -> None:
    app = upload(page(), CSV)
    app.multiselect[0].set_value([]).run()
    assert "no column is an input: choose at least one" in app.error[0].value
    app.selectbox(key=f"target_{DIGEST}").set_value("colour").run()
    assert not app.error
    app.button_group(key=f"task_{DIGEST}_2").set_value("regression").run()
    assert "the target 'colour' holds text: choose classification" in app.error[0].value


def test_first_line_of_values_is_taken_when_said_so() -> None:
    app = upload(page(), b"".join(b"%d,%d\n" % (n, n * n) for n in range(20)))
    assert app.error
    app.button_group(key="table_header").set_value("values").run()
    assert not app.error
    assert list(app.dataframe[1].value["column"]) == ["column 1", "column 2"]


def test_many_rows_are_drawn_with_the_seed_and_it_is_said() -> None:
    app = upload(page(), b"a,b\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(3000)))
    assert "1,000 of 3,000 rows are drawn with the run's seed" in words(app)
    (choice,) = app.session_state["session"].table_choices.values()
    assert uploads.config_for(choice).n_samples == 1000


def test_no_cell_of_a_preview_is_a_formula_and_no_name_is_markup() -> None:
    rows = b"".join(b"%d,=cmd|A0,@x\n%d,+1+1,-y\n" % (n, n) for n in range(4))
    app = upload(page(), b"n,=1+1,![a](http://x)\n" + rows, name="**=x** $a$.csv")
    head, columns = (frame.value for frame in app.dataframe)
    assert list(head) == ["n", "'=1+1", "![a](http://x)"]
    assert list(head["'=1+1"])[:2] == ["'=cmd|A0", "'+1+1"]
    assert list(columns["column"]) == ["n", "'=1+1", "![a](http://x)"]
    assert columns["values"][1] == "'+1+1, =cmd|A0"
    shown = "\n".join(str(each.value) for each in (*app.markdown, *app.caption))
    assert "![a](" not in shown.replace("\\[", "").replace("\\]", "")
    assert r"\*\*=x\*\* \$a\$.csv" in shown
    counted = uploads.target_counts(read_table(b"n,=1+1\n" + b"1,=x\n2,=y\n3,=x\n4,=y\n").choose("=1+1"))
    assert counted.frame()["name"].tolist() == ["=x", "=y"]


def test_several_files_can_be_chosen_between() -> None:
    app = upload(upload(page(), CSV), CSV.replace(b"x", b"width", 1), name="second.csv")
    assert "**second.csv**" in words(app)
    app.selectbox(key="table_shown").set_value(DIGEST).run()
    assert "**bugs.csv**" in words(app)
    assert app.selectbox(key=f"target_{DIGEST}").value == "price"


# It stays in the session ------------------------------------------------------------------------------------


def test_link_without_the_data_says_so_and_takes_the_file() -> None:
    app = to_lab(upload(page(), CSV))
    link = dict(app.query_params)
    assert "bugs" not in str(link)
    assert "price" not in str(link)
    stranger = opened(**link)
    assert not stranger.exception
    assert not plots(stranger)
    assert "The data itself is never part of a link" in stranger.warning[0].value
    upload(stranger, CSV + b"9;9;red;9\n", key="table_again")
    assert "This is another file" in stranger.error[0].value
    upload(stranger, b"", key="table_again")
    assert "This file cannot be read: the file is empty" in stranger.error[0].value
    upload(stranger, CSV, key="table_again")
    stranger.run()
    assert not stranger.warning
    assert "chart_learned" in plots(stranger)
    assert stranger.query_params["table"] == link["table"]


def test_file_without_names_opens_its_link_again() -> None:
    content = b"".join(b"%d,%d.5\n" % (n, 2 * n) for n in range(20))
    app = page()
    app.button_group(key="table_header").set_value("values").run()
    link = dict(to_lab(upload(app, content)).query_params)
    stranger = upload(opened(**link), content, key="table_again").run()
    assert "chart_learned" in plots(stranger)


def test_shelf_is_the_sessions_and_nobody_elses() -> None:
    app = upload(page(), CSV)
    assert list(app.session_state["session"].tables) == [DIGEST]
    assert not page().session_state["session"].tables
    assert uploads.find(DIGEST) is None


def test_shelf_forgets_the_oldest_table_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "table_bytes_kept", lambda: read_table(CSV).nbytes)
    app = upload(upload(page(), CSV), CSV.replace(b"x", b"width", 1))
    assert len(app.session_state["session"].tables) == 1
    assert DIGEST not in app.session_state["session"].tables


def test_table_without_a_choice_is_refused_with_the_way_to_one() -> None:
    app = opened(dataset="table")
    assert "the data set table needs a table" in app.error[0].value
    assert "Choose your data" in [link.proto.label for link in app.get("page_link")]


# By hand ----------------------------------------------------------------------------------------------------


def classes_of(app: AppTest) -> list[str]:
    return [name for *_, name in app.session_state["session"].points]


def test_canvas_opens_on_a_few_points_of_moons() -> None:
    app = page(own="Click points")
    app.button_group(key="own").set_value("Click points").run()
    assert not app.exception
    drawn_traces = plots(app)["points"]["figure"]["data"]
    assert [trace["name"] for trace in drawn_traces[1:]] == ["class A", "class B"]
    assert sum(len(trace["x"]) for trace in drawn_traces[1:]) == 24


def test_click_adds_a_point_of_the_chosen_class_and_the_last_can_be_taken_back() -> None:
    app = page()
    app.button_group(key="own").set_value("Click points").run()
    app.button_group(key="point_class").set_value("C").run()
    click(app, "points", x=1.25, y=-2.0)
    assert app.session_state["session"].points[-1] == (1.25, -2.0, "C")
    assert plots(app)["points"]["figure"]["data"][-1]["x"].tolist() == [1.25]
    element(app, "point_undo").click().run()
    assert "C" not in classes_of(app)
    app.number_input(key="point_first").set_value(0.5).run()
    app.number_input(key="point_second").set_value(-1.5).run()
    element(app, "point_add").click().run()
    assert app.session_state["session"].points[-1] == (0.5, -1.5, "C")
    element(app, "point_clear").click().run()
    assert "At least four points and two classes are needed." in words(app)
    assert element(app, "point_undo").disabled
    element(app, "point_start_Blobs").click().run()
    assert set(classes_of(app)) == {"A", "B", "C"}
    assert not app.exception


def test_drawn_points_are_trained_on_and_their_file_opens_the_link() -> None:
    app = page()
    app.button_group(key="own").set_value("Click points").run()
    click(app, "points", x=0.0, y=2.5)
    content = canvas.points_csv(app.session_state["session"].points)
    assert app.get("download_button")[0].label == "Save as CSV"
    link = dict(to_lab(app).query_params)
    assert link["table"] == f"{read_table(content).digest}.c2.0-1"
    assert "drawn by hand: class from 2 columns" in words(app)
    learned = plots(app)["chart_learned"]["figure"]["data"]
    assert {"A", "B"} <= {trace.get("name") for trace in learned}
    stranger = upload(opened(**link, features=["x₁²", "sin x₂"]), content, key="table_again").run()
    assert not stranger.error
    assert element(stranger, "features").value == ["x1_squared", "sin_x2"]
    assert not element(stranger, "features").disabled
    assert "25 rows, 2 inputs" in words(stranger)
    assert "chart_learned" in plots(stranger)


def test_function_goes_through_the_places_clicked_and_is_learned() -> None:
    app = page()
    app.button_group(key="own").set_value("Draw a function").run()
    click(app, "function", x=0.0, y=2.0)
    assert (0.0, 2.0) in app.session_state["session"].knots
    assert len([knot for knot in app.session_state["session"].knots if knot[0] == 0.0]) == 1
    line = plots(app)["function"]["figure"]["data"][1]
    assert line["y"].max() == pytest.approx(2.0, abs=0.05)
    link = dict(to_lab(app).query_params)
    config = RunConfig(
        dataset="table", table=read_table(canvas.curve_csv(app.session_state["session"].knots)).choose("y")
    )
    assert link["table"] == str(config.table)
    assert plots(app)["chart_learned"]["figure"]["layout"]["xaxis"]["title"]["text"] == "x"


@pytest.mark.parametrize("name", canvas.POINT_STARTS)
def test_starting_points_stand_on_the_canvas_and_can_be_learned(name: str) -> None:
    points = canvas.starting_points(name)
    assert np.abs(np.array([point[:2] for point in points])).max() <= canvas.REACH
    assert read_table(canvas.points_csv(points)).choose("class").task == "classification"


@pytest.mark.parametrize("name", canvas.CURVE_STARTS)
def test_curve_goes_through_its_knots_and_never_beyond(name: str) -> None:
    knots = canvas.starting_knots(name)
    x, y = canvas.curve(knots)
    assert (len(x), len(y)) == (canvas.CURVE_ROWS, canvas.CURVE_ROWS)
    values = [value for _, value in knots]
    assert min(values) - 1e-12 <= y.min() <= y.max() <= max(values) + 1e-12
    assert y[0] == pytest.approx(values[0])
    assert read_table(canvas.curve_csv(knots)).choose().task == "regression"


def test_without_a_file_the_other_ways_are_one_click_away() -> None:
    app = page()
    app.button(key="instead_Click points").click().run()
    assert not app.exception
    assert app.button_group(key="own").value == "Click points"
    assert "points" in plots(app)
