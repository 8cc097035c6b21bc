"""What surrounds a table in its file: a line that names the separator, comments, blanks for columns, uneven headers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

COMMENT = (b"#", b"%", b"//")
"""What a comment line on top begins with."""

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
    if match := re.fullmatch(rb"sep=(.)", first.strip(b'" '), re.IGNORECASE):
        form = Form(rest, match[1].decode("latin-1"), 1)
    elif first.strip().lower() == b"sep=" and first.endswith(b"\t"):
        form = Form(rest, "\t", 1)
    skipped = 0
    while form.text.lstrip(b" ").startswith(COMMENT):
        first, _, rest = _first_line(form.text)
        if _looks_like_a_header(first, rest):
            break
        form, skipped = replace(form, text=rest, skipped=form.skipped + 1), skipped + 1
    if skipped:
        lines = "1 comment line" if skipped == 1 else f"{skipped} comment lines"
        form = replace(form, notes=(f"{lines} on top {'is' if skipped == 1 else 'are'} left out.",))
    return form


def _looks_like_a_header(first: bytes, rest: bytes) -> bool:
    """Is a line that begins with # the header itself, as `# a,b,c` over rows of three numbers is not elsewhere named?"""
    second = _first_line(rest)[0]
    if second.lstrip(b" ").startswith(COMMENT):
        return False
    for separator in (b",", b";", b"\t"):
        count = second.count(separator)
        if count and first.count(separator) == count:
            return all(_is_number(cell) for cell in second.split(separator))
    return False


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


def with_even_header(text: bytes, separator: str) -> tuple[bytes, tuple[str, ...]]:
    """The text with a header as long as its rows: without a separator too many in the rows, or with a name for R's row names.

    `write.table` of R names the columns and not the rows' own names, which come first.
    """
    rows = list(islice(filter(None, csv.reader(io.StringIO(_decoded(text), newline=""), delimiter=separator)), _LINES))
    if len(rows) < 2:
        return text, ()
    width, times = Counter(map(len, rows[1:])).most_common(1)[0]
    if times < len(rows) - 1 or len(rows[0]) != width - 1:
        return text, ()
    mark = separator.encode()
    if all(not row[-1].strip() for row in rows[1:]):
        first, ending, rest = _first_line(text)
        return first + mark + ending + rest, ("Every row ends with a separator, which is left out.",)
    return mark + text, ("The rows have names of their own, as R writes them: they are the first column.",)


def _decoded(text: bytes) -> str:
    sample = text[:SAMPLE].decode("utf-8", errors="ignore")
    return sample[: sample.rindex("\n")] if len(text) > SAMPLE and "\n" in sample else sample
