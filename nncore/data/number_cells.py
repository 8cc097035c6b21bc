"""Cells that people write numbers in: thousands marks, decimal signs, currencies, percent, units, and a stray word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOSTLY = 0.9
"""Share of a column's cells that have to be numbers for the others to be taken for missing."""

FEW_STRAYS = 3
"""Different cells that may be no numbers in a column of numbers."""

LOOKED_AT = 1000
"""Different cells of a column that its decimal sign is told from."""

FEWEST = 5
"""Cells that have to be numbers, or all of them: two numbers beside a word are no column of numbers."""

THOUSANDS = ("", ",", ".", "'", "’", " ", "\u00a0", "\u202f")
_CURRENCY = r"(?:[€$£¥₹]|EUR|USD|GBP|CHF|JPY)"
_UNIT = r"(?:%|°[CF]?|[A-Za-zµΩ²³/]{1,8})"
_DRESSED = re.compile(
    rf"(?P<before>{_CURRENCY})?\s*(?P<number>[+-]?\s*[\d.,'’ \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(?P<after>{_CURRENCY}|{_UNIT})?"
)
SENTINELS = (-999.0, -9999.0, -99.0, 999.0, 9999.0, 99999.0, -1.0)
"""Numbers that often stand for a missing value, where they lie far outside the others."""


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: `values` float64 with NaN where none is; `notes` say what was read otherwise than it stands."""

    values: NDArray[np.float64]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Style:
    """A decimal sign and a thousands mark."""

    decimal: str
    thousands: str

    def number(self, text: str) -> float | None:
        """The number that a text without unit spells in this style; None where it spells none."""
        match = self._form().fullmatch(text)
        if match is None:
            return None
        plain = text.replace(self.thousands, "") if self.thousands else text
        return float(plain.replace(self.decimal, ".").replace(" ", ""))

    def _form(self) -> re.Pattern[str]:
        return _form(self.decimal, self.thousands)


_FORMS: dict[tuple[str, str], re.Pattern[str]] = {}


def _form(decimal: str, thousands: str) -> re.Pattern[str]:
    key = decimal, thousands
    if key not in _FORMS:
        grouped = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+" if thousands else r"\d+"
        point = re.escape(decimal)
        _FORMS[key] = re.compile(rf"[+-]?\s?(?:(?:{grouped})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?")
    return _FORMS[key]


def styles(separator: str, decimal_comma: bool) -> list[Style]:
    """The styles that a file with this separator may have, the likeliest first.

    `decimal_comma`: another column of the file can only be read with the comma as its decimal sign.
    """
    dots = [Style(".", mark) for mark in THOUSANDS if mark != "."]
    commas = [Style(",", mark) for mark in THOUSANDS if mark != ","]
    if separator == ",":
        return [*dots, *commas[1:]]
    return [*commas, *dots] if decimal_comma else [dots[0], commas[0], *dots[1:], *commas[1:]]


def undressed(text: str) -> tuple[str, str]:
    """The number in a cell, and its currency, percent sign or unit; the text itself and "" where there is none.

    >>> undressed("87 kg"), undressed("1,5 €"), undressed("12%"), undressed("n.a.")
    (('87', 'kg'), ('1,5', '€'), ('12', '%'), ('n.a.', ''))
    """
    match = _DRESSED.fullmatch(text)
    return (match["number"].strip(), match["before"] or match["after"] or "") if match else (text, "")


def read_numbers(
    distinct: Sequence[str], codes: NDArray[np.integer], first_row: int, separator: str, decimal_comma: bool
) -> Numbers | None:
    """A column as numbers, or None where it is text.

    `distinct`: its different cells; `codes` (n_rows,): which of them each row has, -1 for a cell without a value.
    `first_row`: the row of the first of them in the file, for the notes. A column has one unit at most.
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    total = int(counts.sum())
    bare = [undressed(text) for text in distinct]
    units = Counter[str]()
    for (_, unit), times in zip(bare, counts, strict=True):
        units[unit] += int(times)
    units.pop("", None)
    unit = units.most_common(1)[0][0] if units else ""
    best = np.full(len(distinct), np.nan)
    for style in styles(separator, decimal_comma):
        values = np.array(
            [np.nan if own not in ("", unit) or (n := style.number(text)) is None else n for text, own in bare]
        )
        if counts[~np.isnan(values)].sum() > counts[~np.isnan(best)].sum():
            best = values
        if not np.isnan(best).any():
            break
    is_stray = np.isnan(best)
    numbers = total - int(counts[is_stray].sum())
    if not total or (is_stray.any() and (numbers < max(FEWEST, MOSTLY * total) or is_stray.sum() > FEW_STRAYS)):
        return None
    notes = []
    for place in np.flatnonzero(is_stray):
        rows = np.flatnonzero(codes == place)
        where = f"in row {first_row + rows[0]:,}"
        where = where if len(rows) == 1 else f"{len(rows):,} times, first {where}"
        notes.append(f"'{distinct[int(place)]}' {where} is no number and counts as missing")
    dressed = np.array([not _PLAIN.fullmatch(text) for text in distinct]) & ~is_stray
    if dressed.any():
        rows = np.flatnonzero(dressed[codes] & (codes >= 0))
        text = distinct[int(codes[rows[0]])]
        notes.append(
            f"{len(rows):,} of {total:,} cells are read like '{text}' in row {first_row + rows[0]:,}, as {best[codes[rows[0]]]:g}"
        )
    return Numbers(np.where(codes >= 0, best[codes], np.nan), tuple(notes))


def decides_decimal_comma(distinct: Sequence[str], separator: str) -> bool:
    """Can a column be read with the comma as decimal sign only?"""
    present = [undressed(text)[0] for text in distinct[:LOOKED_AT]]
    if not present or separator == ",":
        return False

    def fits(decimal: str) -> bool:
        ways = [style for style in styles(separator, False) if style.decimal == decimal]
        return any(np.mean([style.number(text) is not None for text in present]) >= MOSTLY for style in ways)

    return fits(",") and not fits(".")


def sentinels(values: NDArray[np.float64]) -> list[float]:
    """Of SENTINELS those that come again and again, far outside all other numbers.

    >>> sentinels(np.array([1.0, 2.0, 1.5, -999.0, 2.5, -999.0, 1.0, 2.2]))
    [-999.0]
    """
    known = values[np.isfinite(values)]
    found = []
    for code in SENTINELS:
        others = known[known != code]
        times = len(known) - len(others)
        if times < 2 or len(others) < FEWEST:
            continue
        low, high = float(others.min()), float(others.max())
        if not low - 3 * (high - low) <= code <= high + 3 * (high - low):
            found.append(code)
    return found


_PLAIN = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
