"""Any file gives a table or one sentence: separators, encodings, missing cells, hostile bytes."""

import bz2
import csv
import gzip
import io
import lzma
import math
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nncore import read_table
from nncore.data import read_csv

PLAIN = "length,width,species\n1.5,2,fly\n2.5,1,bee\n3.5,4,fly\n0.5,3,bee\n"


def refused(content: bytes, **options: object) -> str:
    """The message of a refusal, which is one sentence."""
    with pytest.raises(ValueError) as caught:
        read_table(content, **options)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert not message.endswith(".")
    return message


def columns(content: bytes, **options: object) -> dict[str, list]:
    """Every column's cells: numbers with NaN, or text with None."""
    return {
        column.name: column.values.tolist()
        if column.is_number
        else [column.levels[code] if code >= 0 else None for code in column.values]
        for column in read_table(content, **options).columns
    }


# What is recognised -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("separator", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "|")])
def test_separator_is_recognised(separator: str, name: str) -> None:
    content = PLAIN.replace(",", separator).encode()
    assert columns(content) == columns(PLAIN.encode())
    assert read_table(content).separator == name


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_comma_is_recognised_where_the_comma_separates_nothing(separator: str) -> None:
    content = f"a{separator}b\n1,5{separator}-2\n2{separator}3,25e2\n,5{separator}-0,5\n".encode()
    assert columns(content) == {"a": [1.5, 2.0, 0.5], "b": [-2.0, 325.0, -0.5]}


def test_points_between_thousands_are_marks_where_the_comma_is_the_decimal_sign() -> None:
    table = read_table(b"a;b\n1.000,5;1\n2.000,5;2\n1.000,5;3\n2.000,5;4\n")
    assert table.columns[0].values.tolist() == [1000.5, 2000.5, 1000.5, 2000.5]
    assert table.columns[0].notes == ("4 of 4 cells are read like '1.000,5' in row 2, as 1000.5",)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("latin-1", "Latin-1"),
        ("cp1252", "Latin-1"),
    ],
)
def test_encoding_is_recognised(encoding: str, name: str) -> None:
    text = "größe,naïveté\n1,ä\n2,ö\n3,ä\n4,ö\n"
    table = read_table(text.encode(encoding))
    assert table.names == ("größe", "naïveté")
    assert table.columns[1].levels == ("ä", "ö")
    assert table.encoding == name


def test_quoted_cells_hold_separators_quotes_and_line_breaks() -> None:
    content = b'a,"the ""b"", c"\r\n1,"x,y"\r\n2,"line\nbreak"\r\n3,"x,y"\r\n"4","line\nbreak"\r\n'
    assert columns(content) == {"a": [1, 2, 3, 4], 'the "b", c': ["x,y", "line\nbreak"] * 2}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_blank_lines_are_taken_as_they_come(ending: str) -> None:
    assert columns(PLAIN.replace("\n", ending).encode()) == columns(PLAIN.encode())
    assert columns(("\n" + PLAIN.replace("\n", "\n\n")).encode()) == columns(PLAIN.encode())
    assert columns(PLAIN.rstrip("\n").encode()) == columns(PLAIN.encode())


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "nan", "NaN", "NULL", "None", "?", "-", "#N/A", "  "])
def test_cells_without_a_value_are_missing(cell: str) -> None:
    found = columns(f"a,b\n1,x\n{cell},y\n3,{cell}\n4,x\n5,y\n".encode())
    assert math.isnan(found["a"][1])
    assert found["b"] == ["x", "y", None, "x", "y"]


def test_infinities_count_as_missing_and_are_counted() -> None:
    table = read_table(b"a,b\ninf,1\n-Infinity,2\n1e999,3\n4,4\n")
    assert table.columns[0].infinite == 3
    assert np.isnan(table.columns[0].values[:3]).all()
    assert table.columns[1].infinite == 0


def test_spaces_around_cells_and_names_are_dropped() -> None:
    assert columns(b" a ,  b  c\n 1 , x \n2,x\n3,y \n4, y\n") == {"a": [1, 2, 3, 4], "b c": ["x", "x", "y", "y"]}


def test_column_without_a_name_is_numbered_and_an_empty_one_is_dropped() -> None:
    assert list(columns(b",a,\n7,1,\n8,2,\n9,3,\n")) == ["column 1", "a"]


def test_first_line_is_names_or_values_as_said() -> None:
    numbers = b"1,2\n3,4\n5,6\n"
    assert columns(numbers, header=False) == {"column 1": [1, 3, 5], "column 2": [2, 4, 6]}
    assert columns(numbers, header=True) == {"1": [3, 5], "2": [4, 6]}
    assert read_table(numbers, header=False).rows_in_file == 3
    assert read_table(numbers, header=True).rows_in_file == 2
    assert read_table(numbers, header=False).digest != read_table(numbers, header=True).digest


def test_digest_is_the_contents() -> None:
    assert read_table(PLAIN.encode()).digest == read_table(io.BytesIO(PLAIN.encode())).digest
    assert read_table(PLAIN.encode()).digest != read_table(PLAIN.replace("1.5", "1.6").encode()).digest
    assert re.fullmatch("[0-9a-f]{32}", read_table(PLAIN.encode()).digest)


def test_path_is_read(tmp_path) -> None:
    (tmp_path / "t.csv").write_bytes(PLAIN.encode())
    assert read_table(tmp_path / "t.csv").digest == read_table(PLAIN.encode()).digest


# What is refused --------------------------------------------------------------------------------------------


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", content)
    return file.getvalue()


BOMB = b"a,b\n" + b"0" * 5_000_000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty: it needs a line of column names"),
        (b" \n\n\t\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"5.1,3.5\n4.9,3.0\n", "the first line holds numbers (5.1, 3.5), not names: add a line of column names"),
        (b"5.1,3.5,fly\n4.9,3.0,bee\n", "the first line holds numbers (5.1, 3.5)"),
        (b"5,1;3,5\n4,9;3,0\n", "the first line holds numbers (5,1, 3,5)"),
        (b"a\n1\n2\n", "the file has one column: it needs at least a target and an input, separated by a comma"),
        (b"a,\n1,\n2,\n", "the file has one column"),
        (b"a,b\n", "the file has a header and no rows: add the rows below it"),
        (b"a,b\nx,y\nz,w\nu,v\nk,l\n", "every column holds text that hardly repeats: a network needs numbers"),
        (b"a,b,a\n1,2,3\n", "'a' is the name of 2 columns: give each column a name of its own"),
        (b"a,b\n1,2\n3\n4,5\n", "row 3 has 1 fields where the first row has 2: give every row as many"),
        (b"a,b\n1,2\n3,4,5\n", "row 3 has 3 fields where the first row has 2"),
        (b'a,b\n1,"2\n2,3\n3,4\n4,5\n', "a quotation mark that is never closed"),
        (b"a,b\n1,1e300\n2,3\n", "the numbers of column 'b' reach 1.0e+300, too large to compute with: rescale"),
        ((",".join(f"c{n}" for n in range(10_000)) + "\n").encode(), "10,000 columns or more and 1,000 are allowed"),
        ((",".join("x" * 300 for _ in range(2)) + "1\n1,2\n").encode(), "a column's name has 301 characters"),
        (bytes(range(256)) * 4, "this is not a text file"),
        (b"a,b\n1,2\n\x003,4\n", "this is not a text file"),
        (b"\xff\xfea", "the file's text does not read as the encoding that it begins with: save it again as UTF-8"),
        (gzip.compress(BOMB), "this is a gzip archive, not a CSV file: export the table as CSV text"),
        (bz2.compress(BOMB), "this is a bzip2 archive"),
        (lzma.compress(BOMB), "this is an xz archive"),
        (zipped(BOMB), "this is a zip archive or an Excel workbook, not a CSV file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 100, "this is an old Excel workbook"),
        (b"%PDF-1.7\n", "this is a PDF"),
    ],
)
def test_file_that_is_no_table_is_refused_in_a_sentence_that_says_what_to_do(content: bytes, sentence: str) -> None:
    message = refused(content)
    assert sentence in message
    assert re.search(r": \w+|, or take it out$", message), message


def test_file_too_large_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_csv, "MAX_BYTES", 3 * 2**20)
    assert refused(b"a,b\n" + b"1,2\n" * 2**20) == "the file has 4 MB and 3 MB are allowed: take fewer rows or columns"

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 3 * 2**20 + 1
            return b"1" * size

    assert "3 MB are allowed" in refused(Endless())


def test_archive_is_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = [gzip.compress(BOMB), zipped(BOMB)]
    for module, name in ((gzip, "GzipFile"), (gzip, "decompress"), (zipfile, "ZipFile")):
        monkeypatch.setattr(module, name, None)
    for each in content:
        refused(each)


def test_longer_file_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_csv, "KEPT_CELLS", 2000)
    monkeypatch.setattr(read_csv, "KEPT_ROWS", 100)
    content = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n % 7) for n in range(50_000))
    table = read_table(content)
    assert table.rows_in_file == 50_000
    assert 800 < table.n_rows < 1200
    assert len(set(table.columns[0].values.tolist())) == table.n_rows
    assert table.columns[0].values.max() > 45_000
    np.testing.assert_array_equal(table.columns[0].values, read_table(content).columns[0].values)
    assert (
        table.choose("b", ["a"]).notes()[0]
        == f"Of 50,000 rows a sample of {table.n_rows:,} is kept, always the same one."
    )


def test_wide_cells_beyond_a_parsers_block_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_csv, "_BLOCK", 1000)
    assert "the file does not read as a table" in refused(b'a,b\n1,"' + b"x" * 5000 + b'"\n2,y\n')


# Any table, any bytes ---------------------------------------------------------------------------------------

NUMBERS = some.floats(-1e30, 1e30, allow_nan=False) | some.integers(-(10**15), 10**15).map(float)
WORDS = some.text(some.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda word: (
        word.lower() not in read_csv.MISSING
        and not read_csv._reads_as_number(word)
        and ('"' not in word or not any(separator in word for separator in read_csv.SEPARATORS))
    )
)
"""Words that may hold a separator or a quotation mark; beside each other these two say nothing about the file."""


@settings(max_examples=100, derandomize=True)
@given(
    some.data(),
    some.lists(WORDS, min_size=2, max_size=4, unique=True),
    some.integers(1, 6),
    some.sampled_from(list(read_csv.SEPARATORS)),
    some.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_that_is_written_reads_back(
    data, names: list[str], n_rows: int, separator: str, encoding: str
) -> None:
    kinds = [data.draw(some.sampled_from([NUMBERS, WORDS])) for _ in names[1:]]
    cells = [[data.draw(kind) for _ in range(n_rows)] for kind in (NUMBERS, *kinds)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows(
        [names, *([repr(c) if isinstance(c, float) else c for c in row] for row in zip(*cells, strict=True))]
    )
    found = columns(file.getvalue().encode(encoding))
    assert list(found) == names
    for name, expected in zip(names, cells, strict=True):
        assert found[name] == expected


@settings(max_examples=300)
@given(
    some.binary(max_size=200) | some.text("ab12,;\t|\"'\n\r .-=?inf", max_size=120).map(str.encode),
    some.none() | some.booleans(),
)
def test_any_bytes_give_a_table_or_one_sentence(content: bytes, header: bool | None) -> None:
    try:
        table = read_table(content, header)
        table.choose()
    except ValueError as problem:
        assert str(problem)
        assert "\n" not in str(problem)
        return
    assert len(table.columns) >= 2
    assert all(len(column.values) == table.n_rows for column in table.columns)
