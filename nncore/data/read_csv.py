"""A text file of unknown make (separator, encoding, decimal sign) as a Table, or one sentence on what is wrong."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nncore.data.file_form import Form, evened, unwrapped, with_row_names, with_tabs_for_blanks
from nncore.data.number_cells import LOOKED_AT, Numbers, code_value, decimal_sign, read_numbers, sentinels
from nncore.data.table import Column, Table, shortened
from nncore.numerics.sentences import in_a_line

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 200 * 2**20
"""Largest file that is read."""

MAX_COLUMNS = 1000

KEPT_CELLS = 10_000_000
KEPT_ROWS = 20_000
"""Of a longer file a seeded sample of rows is kept: so many cells, or so many rows where there are many columns."""

HEAD_ROWS = 8
"""Rows kept as they stand in the file, for a preview."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "|"}

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "<na>")
"""Cells that hold no value, whatever their case."""

_SAMPLE = 2**18
_BLOCK = 2**24
_NAME_LENGTH = 200
_LEVELS_KEPT = 50

_OTHER_FILES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format", "a database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)


def other_file(content: bytes) -> str:
    """What a file is, by how it begins, where it is known to be no text; "" where it may be.

    >>> other_file(b"%PDF-1.7"), other_file(b"a,b\\n")
    ('a PDF', '')
    """
    return next((what for start, what in _OTHER_FILES if content.startswith(start)), "")


def read_table(
    source: str | os.PathLike[str] | bytes | IO[bytes], header: bool | None = None, missing: Iterable[str] = ()
) -> Table:
    """The table in a CSV file: a path, the file's bytes, or a binary file.

    Separator (comma, semicolon, tab, |, blanks), encoding (UTF-8, UTF-16, Latin-1), decimal sign and thousands mark are
    recognised; Excel's line sep=;, comment lines on top and separators at the ends of lines are left out, and the rows'
    own names, as R writes them, are a column. A column is numbers when its cells read as numbers, with one unit, percent
    sign or currency at most; where a few cells in a hundred do not they count as missing, and `Column.notes` says which.
    Other columns are categories. Cells in `MISSING` hold no value, nor do those in `missing`, such as ["-999",
    "unknown", "age=99"], the last in the column age only; infinite numbers count as missing. `header` says whether the
    first line holds names; None recognises it. Of a file with more than `KEPT_CELLS` cells a sample of the rows is
    kept, the same whenever the file is read. Nothing is ever decompressed.

    Raises ValueError, one sentence, when the content is not such a table.

    >>> table = read_table(b"length;species\\n1,5;fly\\n2,5;bee\\n2;fly\\n3;bee\\n")
    >>> [(column.name, column.is_number) for column in table.columns], table.n_rows
    ([('length', True), ('species', False)], 4)
    """
    content = source if isinstance(source, bytes) else _content(source)
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"the file has {len(content) / 2**20:,.0f} MB and {MAX_BYTES / 2**20:,.0f} MB are allowed: "
            "take fewer rows or columns"
        )
    text, encoding = _as_utf8(content)
    if not text.strip():
        raise ValueError("the file is empty: it needs a line of column names and rows of values below it")
    form, separator, (first, cells, kept, rows_in_file) = _split_and_read(unwrapped(text))
    names, cells, unnamed = _named(first, cells, header)
    if not rows_in_file - (header is not False):
        raise ValueError("the file has a header and no rows: add the rows below it")
    codes = tuple(sorted({" ".join(code.lower().split()) for code in missing} - {""}))
    said = b"no header\n" if header is False else b""
    said += b"missing %r\n" % (codes,) if codes else b""
    raw = hashlib.sha256(said + content)
    row_numbers = np.concatenate([[0], kept] if header is False else [kept]) + form.skipped + 1
    columns = _columns(names, cells, separator, codes, row_numbers)
    for column in columns:
        if column.is_number and np.nanmax(np.abs(column.values), initial=0.0) > LARGEST:
            raise ValueError(
                f"the numbers of column {shortened(column.name)} reach {np.nanmax(np.abs(column.values)):.1e}, too "
                f"large to compute with: rescale that column to at most {LARGEST:.0e}, or leave it out"
            )
    if not any(column.is_number or column.repeats for column in columns):
        raise ValueError(
            "every column holds text that hardly repeats: a network needs numbers, or categories that come again "
            "in other rows"
        )
    head = tuple(zip(*(values.slice(0, HEAD_ROWS).to_pylist() for values in cells), strict=True))
    return Table(
        digest=raw.hexdigest()[:32],
        columns=tuple(columns),
        n_rows=len(cells[0]),
        rows_in_file=rows_in_file - (header is not False),
        separator="blanks" if form.separator == " " else SEPARATORS[separator],
        encoding=encoding,
        head=head,
        header=header is not False,
        notes=(*form.notes, *unnamed),
        missing=codes,
    )


LARGEST = 1e35
"""Largest magnitude of a number: its square is finite, and it is still a number in float32."""


def _content(source: str | os.PathLike[str] | IO[bytes]) -> bytes:
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read(MAX_BYTES + 1)
    if not hasattr(source, "read"):
        raise ValueError(
            "read_table reads a path, bytes or a binary file, and arrays or DataFrames go to nncore.fit(x, y) or "
            f"RunConfig.from_arrays(x, y); got {type(source).__name__}"
        )
    return source.read(MAX_BYTES + 1)


def _as_utf8(content: bytes) -> tuple[bytes, str]:
    """The text as UTF-8 without a byte-order mark, and the encoding it was in."""
    other = other_file(content)
    if other:
        raise ValueError(f"this is {other}, not a CSV file: export the table as CSV text and choose that file")
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text, encoding = content.decode("utf-16").encode(), "UTF-16"
        elif content.startswith(codecs.BOM_UTF8):
            text, encoding = content[3:], "UTF-8"
            text.decode("utf-8")
        elif unmarked := _utf_16_without_mark(content):
            text, encoding = content.decode(unmarked).encode(), "UTF-16"
        else:
            text, encoding = _utf_8_or_latin_1(content)
    except UnicodeError:
        raise ValueError(
            "the file's text does not read as the encoding that it begins with: save it again as UTF-8"
        ) from None
    if text.translate(None, _CONTROL) != text:
        raise ValueError("this is not a text file: export the table as CSV text and choose that file")
    return text, encoding


_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v")) + b"\x7f"


def _utf_16_without_mark(content: bytes) -> str | None:
    """Text in UTF-16 shows itself by zeros in every other byte."""
    start = content[:4096]
    if len(start) < 4 or not start.count(0):
        return None
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > 0.4 * len(start) / 2 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * len(start) / 2 and odd == 0 else None


def _utf_8_or_latin_1(content: bytes) -> tuple[bytes, str]:
    try:
        content.decode("utf-8")
        return content, "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252").encode(), "Latin-1"
    except UnicodeDecodeError:
        return content.decode("latin-1").encode(), "Latin-1"


Cells = tuple[list[str], "list[pa.Array]", NDArray[np.int64], int]
"""The first row, the kept ones of the others column by column, their numbers from 1, and how many rows there are, the first included."""


def _split_and_read(form: Form) -> tuple[Form, str, Cells]:
    """The form, the separator and the cells: tabs in place of blanks, and uneven lines made even, where nothing else reads."""
    if form.separator == " ":
        separator = "\t"
    elif form.separator in SEPARATORS:
        separator = form.separator
    else:
        try:
            separator = _separator(form.text)
        except ValueError:
            if (text := with_tabs_for_blanks(form.text)) is None:
                raise
            return _split_and_read(replace(form, text=text, separator=" "))
    text, notes = with_row_names(form.text, separator)
    try:
        return replace(form, notes=(*form.notes, *notes)), separator, _cells(text, separator)
    except UnevenRows:
        if (even := evened(form.text, separator)) is not None:
            whole = replace(even, skipped=form.skipped + even.skipped, notes=(*form.notes, *even.notes))
            return whole, separator, _cells(even.text, separator)
        if (text := with_tabs_for_blanks(form.text) or b"") and not form.separator:
            return _split_and_read(replace(form, text=text, separator=" "))
        raise


class UnevenRows(ValueError):
    """Rows differ in their number of fields."""


def _separator(text: bytes) -> str:
    """The separator that gives the first lines the same number of fields, more than one.

    Of two that do as well, one is not meant that leaves quotation marks inside fields next to the other, and
    otherwise the comma is the decimal sign.
    """
    sample = text[:_SAMPLE].decode("utf-8", errors="ignore")
    if len(text) > _SAMPLE and "\n" in sample:
        sample = sample[: sample.rindex("\n")]
    found = []
    for separator in SEPARATORS:
        try:
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
            rows = list(islice(filter(None, reader), 50))
        except csv.Error:
            continue
        usual, times = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
        if usual > 1:
            others = "".join(SEPARATORS).replace(separator, "")
            is_quoted = re.compile(f'"[{re.escape(others)}]|[{re.escape(others)}]"')
            clean = not any(is_quoted.search(field) for row in rows for field in row)
            same = times / len(rows) + (len(rows[0]) == usual)
            found.append((same, clean, separator != ",", usual, separator))
    if not found:
        raise ValueError(
            "the file has one column: it needs at least a target and an input, separated by a comma, a semicolon, "
            "a tab or |"
        )
    *_, width, separator = max(found)
    if width > MAX_COLUMNS:
        raise ValueError(
            f"the file has {width:,} columns or more and {MAX_COLUMNS:,} are allowed: keep those that matter"
        )
    return separator


def _cells(text: bytes, separator: str) -> Cells:
    """The cells of a text with even rows; raises UnevenRows where they are not."""
    import pyarrow as pa
    import pyarrow.csv as pc

    wrong: list[tuple[int | None, int, int]] = []

    def note(row: pc.InvalidRow) -> str:
        if len(wrong) < 2:
            wrong.append((row.number, row.actual_columns, row.expected_columns))
        return "skip"

    width = MAX_COLUMNS + 1
    lines = text.count(b"\n") + 1 if b"\n" in text else text.count(b"\r") + 1
    rng = np.random.default_rng(0)
    first: list[str] = []
    kept, places, total = [], [], 0
    try:
        reader = pc.open_csv(
            pa.BufferReader(text),
            read_options=pc.ReadOptions(
                use_threads=False, autogenerate_column_names=True, block_size=min(_BLOCK, len(text) + 16)
            ),
            parse_options=pc.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pc.ConvertOptions(
                column_types={f"f{place}": pa.string() for place in range(width)}, strings_can_be_null=False
            ),
        )
        for batch in reader:
            numbers = np.arange(total, total + len(batch))
            total += len(batch)
            if not first and len(batch):
                first = [column[0].as_py() for column in batch.columns]
                batch, numbers = batch.slice(1), numbers[1:]
            share = max(KEPT_ROWS, KEPT_CELLS // batch.num_columns) / lines
            if share < 1:
                is_kept = rng.random(len(batch)) < share
                batch, numbers = batch.filter(pa.array(is_kept)), numbers[is_kept]
            kept.append(batch)
            places.append(numbers)
    except pa.ArrowException as problem:
        reason = in_a_line(str(problem).splitlines()[0], 120) if str(problem) else "it has no rows"
        raise ValueError(f"the file does not read as a table ({reason}): save it again as CSV") from None
    if wrong:
        row, has, expected = wrong[0]
        quotes = "text that holds the separator"
        if separator == ",":
            quotes = "text with a comma and numbers with a decimal comma"
        raise UnevenRows(
            f"row {row} has {has} fields where the first row has {expected}: give every row as many fields, and "
            f"put quotation marks around {quotes}"
        )
    if text.count(b'"') % 2 and total < lines // 2:
        raise ValueError("the file has a quotation mark that is never closed: close it, or take it out")
    table = pa.Table.from_batches(kept)
    return first, [column.combine_chunks() for column in table.columns], np.concatenate(places), total


def _named(
    first: list[str], cells: list[pa.Array], header: bool | None
) -> tuple[list[str], list[pa.Array], tuple[str, ...]]:
    """Column names and cells, without columns that have neither a name nor a value; a note where there were such."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [" ".join(name.split()) for name in first]
    if header is None:
        numbers = [name for name in names if _reads_as_number(name)]
        if numbers:
            raise ValueError(
                f"the first line holds numbers ({', '.join(numbers[:3])}), not names: add a line of column names above "
                "it, or say whether the first line holds names"
            )
    if header is False:
        cells = [
            pa.concat_arrays([pa.array([cell], pa.string()), values]) for cell, values in zip(first, cells, strict=True)
        ]
        names = [""] * len(names)
    used = [
        bool(name) or bool(pc.any(pc.not_equal(values, "")).as_py()) for name, values in zip(names, cells, strict=True)
    ]
    names = [name or f"column {place}" for place, name in enumerate(names, 1)]
    names, cells = ([each for each, wanted in zip(all_, used, strict=True) if wanted] for all_ in (names, cells))
    if len(names) < 2:
        raise ValueError("the file has one column: it needs at least a target and an input")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(
            f"{shortened(twice[0])} is the name of {names.count(twice[0])} columns: give each column a name of its own"
        )
    longest = max(names, key=len)
    if len(longest) > _NAME_LENGTH:
        raise ValueError(
            f"a column's name has {len(longest):,} characters and {_NAME_LENGTH} are allowed: shorten the header, or "
            "add the one that is missing"
        )
    empty = used.count(False)
    columns = "1 column" if empty == 1 else f"{empty} columns"
    return names, cells, ((f"{columns} without a name and without values left out.",) if empty else ())


def _reads_as_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return text.lower() not in MISSING


def _columns(
    names: list[str], cells: list[pa.Array], separator: str, codes: tuple[str, ...], row_numbers: NDArray[np.int64]
) -> list[Column]:
    """Each column as numbers where its cells read as such, else as categories, the most frequent first.

    A decimal sign that one column decides is that of all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = [_codes_for(name, names, codes) for name in names]
    trimmed = [pc.utf8_trim_whitespace(each) for each in cells]
    holds_none = [
        pc.is_in(pc.utf8_lower(each), value_set=pa.array((*MISSING, *own)))
        for own, each in zip(coded, trimmed, strict=True)
    ]
    present = [pc.if_else(none, None, each) for none, each in zip(holds_none, trimmed, strict=True)]
    plain = [_plain_numbers(each) for each in present]
    looked_at = [
        each if numbers is None else each.slice(0, LOOKED_AT) for numbers, each in zip(plain, present, strict=True)
    ]
    decided = Counter(decimal_sign(each.unique().drop_null().to_pylist(), separator) for each in looked_at)
    decimal = "" if decided[","] == decided["."] else max(",.", key=decided.__getitem__)
    return [
        _column(name, numbers, each, row_numbers, separator, decimal, own)
        for name, numbers, each, own in zip(names, plain, present, coded, strict=True)
    ]


def _codes_for(name: str, names: list[str], codes: tuple[str, ...]) -> tuple[str, ...]:
    """The missing codes of a column: those of all, and those written "name=code"."""
    lower = {each.lower() for each in names}
    own = []
    for code in codes:
        before, equals, value = code.partition("=")
        if not equals or before.strip() not in lower:
            own.append(code)
        elif before.strip() == name.lower():
            own.append(value.strip())
    return tuple(own)


def _column(
    name: str,
    numbers: np.ndarray | None,
    cells: pa.Array,
    row_numbers: NDArray[np.int64],
    separator: str,
    decimal: str,
    codes: tuple[str, ...],
) -> Column:
    """One column. `numbers`: its cells as they are, where all of them are numbers with a decimal point."""
    import pyarrow.compute as pc

    notes: tuple[str, ...] = ()
    has_points = bool(pc.any(pc.match_substring(cells, ".")).as_py())
    if numbers is None and decimal == "," and not has_points:
        numbers = _plain_numbers(pc.replace_substring(cells, ",", "."))
    if numbers is None or (has_points and (decimal == "," or (separator == ";" and not decimal))):
        encoded = pc.dictionary_encode(cells)
        distinct, places = encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy()
        found = read_numbers(distinct, places, row_numbers, separator, decimal)
        if found.values is None:
            return categories(name, np.array(distinct, dtype=object), places, found)
        numbers, notes = found.values, found.notes
    for value in filter(None, map(code_value, codes)):
        numbers = np.where(numbers == value, np.nan, numbers)
    endless = np.isinf(numbers)
    values = np.where(endless, np.nan, numbers)
    suspects = sentinels(values)
    for code in suspects:
        times = np.count_nonzero(values == code)
        notes += (
            f"{code:g} ({'once' if times == 1 else f'{times:,} times'}) lies far from all other numbers: if it stands "
            "for a missing value, name it as a missing code",
        )
    named = tuple(f"{code:g}" for code in suspects)
    return Column(name, values, infinite=int(np.count_nonzero(endless)), notes=notes, codes=named)


def categories(name: str, levels: np.ndarray, codes: np.ndarray, found: Numbers | None = None) -> Column:
    """Text: codes of its values, the most frequent first."""
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.lexsort((levels.astype(str), -counts))
    rank = np.empty(len(levels) + 1, np.int32)
    rank[order] = np.minimum(np.arange(len(levels)), _LEVELS_KEPT)
    rank[-1] = -1
    kept = tuple(str(level)[:_NAME_LENGTH] for level in levels[order[:_LEVELS_KEPT]])
    column = Column(name, rank[codes], levels=kept, distinct=len(levels))
    return column if found is None else replace(column, notes=found.notes, codes=found.codes)


def _plain_numbers(cells: pa.Array) -> np.ndarray | None:
    """The cells as float64, NaN where null; None where one is not written as a number with a decimal point."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(cells, pa.float64()).fill_null(np.nan).to_numpy()
    except pa.ArrowInvalid:
        return None
