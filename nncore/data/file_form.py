"""What surrounds a table in its file: a line that names the separator, comments, blanks for columns, uneven headers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

COMMENT = re.compile(rb"""\s*["']?(?:#|%|//)""")
"""How a comment line on top begins."""

SAMPLE = 2**18
"""Bytes from which the form is told."""

_LINES = 50


@dataclass(frozen=True)
class Form:
    """A file's text ready to be split, the separator where the file names it, and how many lines were taken off its top.

    `notes`: what was done, in sentences.
    """

    text: bytes
    separator: str = ""
    skipped: int = 0
    notes: tuple[str, ...] = ()


def unwrapped(text: bytes) -> Form:
    """Without Excel's line `sep=;` and without comment lines on top.

    >>> unwrapped(b"# a logger's file, v2\\na,b\\n1,2\\n").text
    b'a,b\\n1,2\\n'
    """
    form = Form(text)
    first, _, rest = _first_line(text)
    if match := re.fullmatch(rb"sep=([^ ])", first.strip(b'" '), re.IGNORECASE):
        form = Form(rest, match[1].decode("latin-1"), 1)
    elif first.strip().lower() == b"sep=" and first.endswith(b"\t"):
        form = Form(rest, "\t", 1)
    comments = 0
    while True:
        first, _, rest = _first_line(form.text)
        if rest and not first.strip(b" \r"):
            form = replace(form, text=rest, skipped=form.skipped + 1)
            continue
        if not COMMENT.match(first):
            break
        header = _header_in(first, rest)
        if header is not None:
            form = replace(form, text=header + b"\n" + rest)
            break
        form, comments = replace(form, text=rest, skipped=form.skipped + 1), comments + 1
    if comments:
        lines = "1 comment line" if comments == 1 else f"{comments} comment lines"
        form = replace(form, notes=(f"{lines} on top {'is' if comments == 1 else 'are'} left out.",))
    return form


def _header_in(first: bytes, rest: bytes) -> bytes | None:
    """The names in a comment line right above as many cells, a number among them, such as `# a b c`; None where it holds none."""
    second = _first_line(rest)[0]
    for separator in (b",", b";", b"\t"):
        count = second.count(separator)
        if count and first.count(separator) == count:
            return first if any(_is_number(cell) for cell in second.split(separator)) else None
    names = first.strip().lstrip(b"#%/").split()
    cells = second.split()
    return b" ".join(names) if len(names) == len(cells) > 1 and all(map(_is_number, cells)) else None


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_line(text: bytes) -> tuple[bytes, bytes, bytes]:
    """The first line, its ending, and what follows."""
    match = re.search(rb"\r\n|\n|\r", text)
    return (text, b"", b"") if match is None else (text[: match.start()], match[0], text[match.end() :])


def with_tabs_for_blanks(text: bytes) -> bytes | None:
    """Columns apart by blanks with tabs in their place; None where the lines do not have the same number, two or more.

    Quoted text keeps its blanks. A header may have one name fewer than the rows have cells.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    split = [re.findall(rb'"[^"]*"|[^\s"]+', line) for line in lines]
    counts = Counter(map(len, split[1:]))
    if not counts or len(counts) > 1 or next(iter(counts)) < 2:
        return None
    if len(split[0]) not in (next(iter(counts)), next(iter(counts)) - 1):
        return None
    return b"\n".join(b"\t".join(cells) for cells in split) + b"\n"


def with_row_names(text: bytes, separator: str) -> tuple[bytes, tuple[str, ...]]:
    """The text with a name for the rows' own names, which `write.table` of R puts first and gives none."""
    rows = list(islice(filter(None, csv.reader(io.StringIO(_decoded(text), newline=""), delimiter=separator)), _LINES))
    widths = {len(row) for row in rows[1:]}
    if len(widths) != 1 or len(rows[0]) != widths.pop() - 1 or not all(row[-1].strip() for row in rows[1:]):
        return text, ()
    if len(rows[0]) == 1 and " " in rows[0][0].strip():  # names with blanks between, over numbers with a decimal comma
        return text, ()
    note = "The rows have names of their own, as R writes them: they are the first column."
    return separator.encode() + text.lstrip(b"\r\n"), (note,)


def evened(text: bytes, separator: str) -> Form | None:
    """Uneven lines made even, where nothing is lost: empty cells at the ends of lines, and lines around the table.

    The header is the first line from which on no row has a value beyond it and none is shorter; lines above it may
    only be left out where it holds no number, comment lines anywhere. None where there is no such line.
    """
    rows = [row for row in csv.reader(io.StringIO(text.decode(), newline=""), delimiter=separator) if row]
    for start in range(min(len(rows) - 1, _LINES)):
        width = len(_trimmed(rows[start]))
        if width < 2 or (start and any(_is_number(cell.encode()) for cell in rows[start])):
            continue
        table = [row for row in rows[start:] if not (row[0].lstrip().startswith("#") and len(row) != width)]
        if all(len(_trimmed(row)) <= width <= len(row) for row in table):
            break
    else:
        return None
    notes = []
    if start:
        notes.append(
            f"{'1 line' if start == 1 else f'{start} lines'} above the header {'is' if start == 1 else 'are'} left out."
        )
    if comments := len(rows) - start - len(table):
        notes.append(f"{'1 comment line' if comments == 1 else f'{comments} comment lines'} among the rows left out.")
    longer = sum(len(row) > width for row in table)
    if longer:
        every = longer >= len(table) - 1
        lines = (
            "Every row ends with a separator"
            if every
            else f"{longer:,} of {len(table):,} lines end with a separator too many"
        )
        notes.append(f"{lines}, which is left out.")
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator="\n").writerows(row[:width] for row in table)
    return Form(written.getvalue().encode(), separator, start, tuple(notes))


def _trimmed(row: list[str]) -> list[str]:
    """A row without the empty cells at its end."""
    last = next((place for place in reversed(range(len(row))) if row[place].strip()), -1)
    return row[: last + 1]


def _decoded(text: bytes) -> str:
    sample = text[:SAMPLE].decode("utf-8", errors="ignore")
    return sample[: sample.rindex("\n")] if len(text) > SAMPLE and "\n" in sample else sample
