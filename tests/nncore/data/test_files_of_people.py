"""Files as people have them: what is read as what, nothing leaves without a line, and the right column is the target."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nncore import RunConfig, read_table, run
from nncore.command import main
from nncore.data.number_cells import Style, styles, undressed
from nncore.data.table import Table

FILES = Path(__file__).parent / "files"


def column(table: Table, name: str):
    return table.columns[table.names.index(name)]


def read(text: str, **more: object) -> Table:
    return read_table(text.encode(), **more)


# Cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stray", ["n.a.", ".", "unknown", "87 kg or so", "1 234,5", "missing"])
def test_one_stray_cell_does_not_make_a_column_text(stray: str) -> None:
    rows = [f'"{0.5 * row + 0.25}",{row}' for row in range(200)]
    rows[77] = f'"{stray}",77'
    table = read("price,y\n" + "\n".join(rows))
    found = column(table, "price")
    assert found.is_number and np.isnan(found.values[77]) and found.n_present == 199
    assert found.notes == (f"'{stray}' in row 79 is no number and counts as missing",)
    assert f"'price': '{stray}' in row 79 is no number and counts as missing." in table.choose("y").notes()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["59 kg", "70 kg", "87,5 kg"], [59, 70, 87.5]),
        (["12%", "3.5%", "100%"], [12, 3.5, 100]),
        (["1,5 €", "1.200,25 €", "3 €"], [1.5, 1200.25, 3]),
        (["$1,234.50", "$3", "$12.25"], [1234.5, 3, 12.25]),
        (["1'200", "900", "1'000'000"], [1200, 900, 1e6]),
        (["1 234,5", "0,5", "12 000"], [1234.5, 0.5, 12000]),
        (["1\u202f234", "5", "6"], [1234, 5, 6]),
        (["116.683,24", "10.100,25", "5"], [116683.24, 10100.25, 5]),
        (["1,234", "2,500", "0,5"], [1.234, 2.5, 0.5]),
        (["1e-3", "2E5", "-.5"], [1e-3, 2e5, -0.5]),
    ],
    ids=str,
)
def test_marks_signs_and_units_are_read(cells: list[str], expected: list[float]) -> None:
    table = read("v;y\n" + "\n".join(f"{cell};{place}" for place, cell in enumerate(cells * 4)))
    assert column(table, "v").values.tolist() == expected * 4


def test_a_comma_that_is_one_columns_decimal_sign_is_that_of_all() -> None:
    table = read("m2;preis;ort\n40,5;10.100;N\n50,5;9.500;S\n60,25;12.000;N\n70,5;8.250;S\n")
    assert column(table, "preis").values.tolist() == [10100, 9500, 12000, 8250]


@pytest.mark.parametrize(
    "cells", [["1a", "1b", "2a"], ["2026-01-05", "2026-01-06", "2026-02-01"], ["12:30", "12:45", "1:00"]]
)
def test_names_dates_and_times_stay_text(cells: list[str]) -> None:
    table = read("v;y\n" + "\n".join(f"{cell};{place}" for place, cell in enumerate(cells * 4)))
    assert not column(table, "v").is_number


def test_codes_for_a_missing_value_are_suspected_and_may_be_named() -> None:
    text = "t,y\n" + "\n".join(f"{-999 if row % 10 == 3 else row % 7},{row}" for row in range(60))
    plain, named = read(text), read(text, missing=["-999"])
    assert column(plain, "t").n_present == 60 and "-999 (6 times) lies far" in column(plain, "t").notes[0]
    assert column(named, "t").n_present == 54 and not column(named, "t").notes
    assert plain.digest != named.digest and named.missing == ("-999",)


numbers = some.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@settings(max_examples=60, deadline=None)
@given(
    values=some.lists(numbers, min_size=4, max_size=30),
    style=some.sampled_from([Style(".", ""), Style(",", ""), Style(",", "."), Style(",", " "), Style(".", "'")]),
    dress=some.sampled_from(["{}", "{} kg", "{}%", "{} €", "€ {}"]),
)
def test_any_column_of_numbers_is_read_back_in_any_dialect(values: list[float], style: Style, dress: str) -> None:
    def written(value: float) -> str:
        text = f"{value:,.3f}".replace(",", "\0").replace(".", style.decimal).replace("\0", style.thousands)
        return dress.format(text)

    rows = [f"{written(value)};{written(place / 8)};z{place % 2}" for place, value in enumerate(values)]
    found = read("v;w;y\n" + "\n".join(rows)).columns[0]
    assert found.is_number
    np.testing.assert_allclose(found.values, values, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(text=some.text(max_size=12))
def test_any_cell_has_a_number_or_none(text: str) -> None:
    number, unit = undressed(text)
    assert number == text or unit or number in text
    for style in styles(";", ""):
        assert style.number(number) is None or np.isfinite(style.number(number))


# Forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "note"),
    [
        ("sep=;\na;b;y\n1;2;0\n3;4;1\n5;6;0\n", ("a", "b", "y"), ""),
        ("# a, b\n# units: s, V\nt,v\n1,2\n3,4\n5,7\n", ("t", "v"), "2 comment lines on top are left out."),
        ("a,b,y,\n1,2,0,\n3,4,1,\n5,6,0,\n", ("a", "b", "y"), ""),
        ("a,b,y\n1,2,0,\n3,4,1,\n5,6,0,\n", ("a", "b", "y"), "Every row ends with a separator, which is left out."),
        ("a b  y\n1 2  0\n3 4  1\n5 6 0\n", ("a", "b", "y"), ""),
        ('"a" "b"\n"1" 1.5 2\n"2" 3.5 4\n"3" 5.5 6\n', ("column 1", "a", "b"), "The rows have names of their own"),
        ('a,b\n"x1",1.5,2\n"x2",3.5,4\n"x3",5.5,6\n', ("column 1", "a", "b"), "The rows have names of their own"),
        ("\ufeffa,b\n1,2\n3,4\n5,6\n", ("a", "b"), ""),
        ('"Temp\n(°C)","Load\n(kN)"\n1,2\n3,4\n5,6\n', ("Temp (°C)", "Load (kN)"), ""),
    ],
    ids=["sep=", "comments", "trailing", "trailing in the rows", "blanks", "R, blanks", "R, commas", "BOM", "breaks"],
)
def test_a_files_form_is_recognised(text: str, names: tuple[str, ...], note: str) -> None:
    table = read(text)
    assert table.names == names and len(table.columns[0].values) == 3
    assert note in " ".join(table.notes)


def test_a_comment_with_the_header_in_it_is_the_header() -> None:
    assert read("#a,b\n1,2\n3,4\n5,6\n").names == ("#a", "b")


def test_duplicate_names_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="'x' is the name of 2 columns: give each column a name of its own"):
        read_table(FILES / "dup.csv")


# Columns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("forestfires.csv", "area"),
        ("wine_semicolon.csv", "quality"),
        ("bank.csv", "y"),
        ("pandas_index.tsv", "y"),
        ("stray.csv", "y"),
        ("age_unknown.csv", "y"),
    ],
)
def test_the_default_target_is_the_one_meant(file: str, target: str) -> None:
    assert read_table(FILES / file).choose().target_column.name == target


def test_a_map_coordinate_is_no_target_and_y_beside_x_alone_is_one() -> None:
    assert read("X,Y,area\n1,2,0.5\n2,3,1.5\n3,4,2.5\n4,5,3.5\n").choose().target_column.name == "area"
    assert read("x,y\n1,2\n2,3\n3,4\n4,5\n").choose().target_column.name == "y"


def test_every_column_that_is_left_out_has_a_line() -> None:
    rows = [f"{row},9,name {row},{row % 5},{1000 - row},{row % 3}" for row in range(30)]
    choice = read("id,k,who,a,patient_id,y\n" + "\n".join(rows)).choose("y")
    assert [each.name for each in choice.input_columns] == ["a"]
    said = " ".join(choice.notes())
    for line in (
        "'id' only numbers the rows: it is left out.",
        "'k' is the same in every row: it is left out.",
        "'who' is text that hardly repeats (30 values): it is left out.",
        "'patient_id' only numbers the rows: it is left out.",
    ):
        assert line in said


def test_age_with_a_few_unknowns_is_a_number() -> None:
    choice = read_table(FILES / "age_unknown.csv").choose()
    age = column(choice.rows(), "age")
    assert age.is_number and "'unknown' 8 times, first in row 9 is no number" in age.notes[0]
    config = RunConfig(dataset="table", table=choice, n_samples=400, hidden=(4,), steps=2)
    assert config.layout().widths[0] == 2 and np.isfinite(run(config).loss).all()


def test_a_european_export_is_read_as_numbers() -> None:
    table = read_table(FILES / "eu_prices.csv")
    assert table.encoding == "Latin-1" and column(table, "Preis").values[0] == 731373.64
    assert "are read like '731.373,64' in row 2, as 731373.64" in column(table, "Preis").notes[0]


# The command line -------------------------------------------------------------------------------------------


def test_a_table_is_run_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--target", "Preis", "--hidden", "6", "--steps", "3", "--quiet"]
    assert main(["run", "--table", str(FILES / "eu_prices.csv"), *flags]) == 0
    printed = capsys.readouterr()
    assert "one answer for every input has 1" in printed.out and "'Preis': 50 of 50 cells" in printed.err


def test_all_rows_of_a_table_are_taken_unless_told_otherwise(tmp_path: Path) -> None:
    file, out = tmp_path / "long.csv", tmp_path / "run.parquet"
    file.write_text("x,y\n" + "\n".join(f"{row},{row % 97}" for row in range(1500)))
    flags = ["--hidden", "2", "--steps", "1", "--quiet", "--out", str(out)]
    for more, rows in (([], 1500), (["--n-samples", "100"], 100)):
        assert main(["run", "--table", str(file), "--test-fraction", "0", *flags, *more]) == 0
        import pyarrow.parquet as pq

        assert f'"n_samples": {rows}' in str(pq.read_schema(out).metadata)


def test_a_table_is_swept(tmp_path: Path) -> None:
    flags = ["--grid", "gain=0.5,1", "--hidden", "3", "--steps", "2", "--workers", "1", "--quiet"]
    assert main(["sweep", str(tmp_path / "sweep"), "--table", str(FILES / "stray.csv"), "--target", "y", *flags]) == 0


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--table", "nowhere.csv"], "table nowhere.csv cannot be read: No such file or directory"),
        (["--table", str(FILES / "stray.csv"), "--target", "z"], "the table has no column 'z'"),
        (["--table", str(FILES / "dup.csv")], "'x' is the name of 2 columns"),
        (["--table", str(FILES / "bank.csv"), "--task", "ranking"], "task must be one of regression, classification"),
    ],
)
def test_a_wrong_table_is_one_sentence_and_exit_code_2(
    flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--quiet", *flags]) == 2
    assert sentence in capsys.readouterr().err
