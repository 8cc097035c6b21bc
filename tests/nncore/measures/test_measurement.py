import csv
import io

import numpy as np
import pandas as pd
import pytest

from nncore import Measurement
from nncore.measures.measurement import inert

STEP, LAYER = np.array([0, 10]), np.array([1, 2, 3])
NORM = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_the_table_has_one_row_per_combination_of_coordinates() -> None:
    frame = Measurement("m", {"step": STEP, "layer": LAYER}, {"norm": NORM, "half": NORM / 2}).frame()
    assert list(frame) == ["step", "layer", "norm", "half"]
    assert frame["step"].tolist() == [0, 0, 0, 10, 10, 10]
    assert frame["layer"].tolist() == [1, 2, 3, 1, 2, 3]
    assert frame["norm"].tolist() == [1, 2, 3, 4, 5, 6]


def test_facts_of_one_axis_stand_on_all_its_rows() -> None:
    columns = {"loss": ("step", np.array([0.5, 0.25])), "name": ("layer", np.array(["a", "b", "c"]))}
    frame = Measurement("m", {"step": STEP, "layer": LAYER}, {"norm": NORM}, columns).frame()
    assert list(frame) == ["step", "layer", "loss", "name", "norm"]
    assert frame["loss"].tolist() == [0.5] * 3 + [0.25] * 3
    assert frame["name"].tolist() == ["a", "b", "c"] * 2


def test_a_quantity_is_found_by_its_name() -> None:
    measured = Measurement("m", {"step": STEP, "layer": LAYER}, {"norm": NORM})
    assert measured["norm"] is NORM
    with pytest.raises(KeyError):
        measured["loss"]


def test_values_must_have_the_shape_of_the_axes() -> None:
    with pytest.raises(ValueError, match=r"norm must have the shape of its axes, \(2, 3\); got \(3, 2\)"):
        Measurement("m", {"step": STEP, "layer": LAYER}, {"norm": NORM.T})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_csv_holds_every_float_in_full_and_blanks_for_what_is_not_defined(dtype: str) -> None:
    values = np.array([0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, np.nan, np.inf, -np.inf])
    with np.errstate(all="ignore"):
        values = values.astype(dtype)
    file = io.BytesIO()
    Measurement("m", {"step": np.arange(8)}, {"norm": values}).to_csv(file)
    text = file.getvalue().decode()
    assert text.splitlines()[0] == "step,norm"
    assert text.splitlines()[6] == "5,"
    back = pd.read_csv(io.StringIO(text))["norm"].to_numpy().astype(dtype)
    np.testing.assert_array_equal(back, values)
    np.testing.assert_array_equal(np.signbit(back[:5]), np.signbit(values[:5]))


def test_picture_and_table_are_the_same_numbers() -> None:
    measured = Measurement("m", {"step": STEP, "layer": LAYER}, {"norm": NORM})
    np.testing.assert_array_equal(measured.frame()["norm"].to_numpy().reshape(2, 3), measured["norm"])


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+A1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\r\n=1", " =1", "=cmd|' /C calc'!A0", "＝1", "-", "+"],
)
def test_no_cell_or_column_name_of_a_csv_begins_a_formula(text: str) -> None:
    measured = Measurement(
        "demo",
        {"class": np.arange(2)},
        {text: np.ones(2)},
        columns={"name": ("class", np.array([text, "plain"], object))},
    )
    file = io.StringIO()
    measured.to_csv(file)
    rows = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    assert rows[0] == ["class", "name", f"'{text}"]
    assert [row[1] for row in rows[1:]] == [f"'{text}", "plain"]


@pytest.mark.parametrize("text", ["-1", "+2.5", "-3,25", "1e-9", "-1E+5", "species", "", "a=b", "'=1"])
def test_numbers_and_other_text_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


def test_rows_keep_the_chosen_places_of_the_first_axis_and_their_facts() -> None:
    axes = {"step": np.array([0, 5, 9]), "layer": np.array([1, 2])}
    columns = {"loss": ("step", np.array([3.0, 2.0, 1.0])), "width": ("layer", np.array([7, 8]))}
    whole = Measurement("demo", axes, {"norm": np.arange(6.0).reshape(3, 2)}, columns, ("said",))
    part = whole.rows([0, 2])
    assert part.axes["step"].tolist() == [0, 9]
    assert part["norm"].tolist() == [[0, 1], [4, 5]]
    frame = part.frame()
    assert frame["loss"].to_list() == [3, 3, 1, 1]
    assert frame["width"].to_list() == [7, 8, 7, 8]
    assert part.caveats == ("said",)
