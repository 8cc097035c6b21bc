"""Cells that people write numbers in: thousands marks, decimal signs, currencies, percent, units, and a stray word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

MOSTLY = 0.9
"""Share of a column's cells that have to be numbers for the others to be taken for missing."""

FEW_STRAYS = 3
NEARLY_ALL = 0.97
"""Different cells that may be no numbers in a column of numbers; more where so large a share are numbers."""

FEWEST = 5
"""Cells that have to be numbers beside a stray one: two numbers beside a word are no column of numbers."""

LOOKED_AT = 1000
"""Different cells of a column that its decimal sign and its unit are told from."""

NO_VALUE = frozenset(
    [
        "n.a.",
        "n.a",
        "n. a.",
        "n.d.",
        "n.d",
        "nd",
        "nil",
        "nan.",
        ".",
        "..",
        "...",
        "--",
        "---",
        "–",
        "—",
        "unk",
        "unk.",
        "unknown",
        "missing",
        "not available",
        "not applicable",
        "not known",
        "no data",
        "no value",
        "(null)",
        "(blank)",
        "(empty)",
        "#value!",
        "#div/0!",
        "#ref!",
        "#num!",
        "#name?",
    ]
)
"""Cells that hold no value in a column of numbers, whatever their case; in a column of text they are a value."""

THOUSANDS = ("", ",", ".", "'", "’", " ", "\u00a0", "\u202f", "\u2009")
_CURRENCY = r"(?:[A-Z]{0,3}[€$£¥₹₽₩]|EUR|USD|GBP|CHF|JPY|CAD|AUD|CNY|INR|SEK|NOK|DKK|PLN|CZK|kr|zł)"
_WORD = r"[^\W\d_]+(?:[./·*^-][^\W\d_]+|\^?-?[1-9²³])*"
_UNIT = rf"(?:[%‰°]|[°µμΩ]?{_WORD}(?: {_WORD})?\.?)"
_DRESSED = re.compile(
    rf"(?P<sign>[+-](?=\s?[^\W\d]|\s?[€$£¥₹₽₩]))?\s?(?P<before>{_CURRENCY})?\s*"
    r"(?P<number>[+-]?\s*[\d.,'’ \u00a0\u202f\u2009]*\d[.,]?(?:[eE][+-]?\d+)?)"
    rf"\s*(?P<after>{_CURRENCY}(?:/{_UNIT})?|{_UNIT})?"
)
_LONGEST = 60

SCALES = frozenset(
    ("%", "‰", "k", "K", "M", "B", "T", "bn", "mn", "Mio", "Mio.", "Mrd", "Mrd.", "million", "billion", "thousand")
)
"""Units that multiply: a number with one and a number without are not the same quantity."""


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: `values` (n_rows,) float64 with NaN where none is, or None where it is text.

    `notes` say what was read otherwise than it stands, or why it is text; `codes` are cells that may be named as
    missing.
    """

    values: NDArray[np.float64] | None
    notes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Style:
    """A decimal sign and a thousands mark."""

    decimal: str
    thousands: str

    def number(self, text: str) -> float | None:
        """The number that a text without unit spells in this style; None where it spells none."""
        match = _form(self.decimal, self.thousands).fullmatch(text)
        if match is None:
            return None
        plain = text.replace(self.thousands, "") if self.thousands else text
        return float(plain.replace(self.decimal, ".").replace(" ", ""))


@cache
def _form(decimal: str, thousands: str) -> re.Pattern[str]:
    """What a number looks like in a style."""
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|\d+" if thousands else r"\d+"
    point = re.escape(decimal)
    return re.compile(rf"[+-]?\s?(?:(?:{grouped})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def styles(separator: str, decimal: str) -> list[Style]:
    """The styles that a file with this separator may have, the likeliest first.

    `decimal`: the decimal sign that another column of the file decides; "" where none does.
    """
    dots = [Style(".", mark) for mark in THOUSANDS if mark != "."]
    commas = [Style(",", mark) for mark in THOUSANDS if mark != ","]
    if decimal == ",":
        return [*commas, *dots]
    if decimal == "." or separator == ",":
        return [*dots, *commas]
    return [dots[0], commas[0], *dots[1:], *commas[1:]]


def undressed(text: str) -> tuple[str, str]:
    """The number in a cell, and its currency, percent sign or unit; the text itself and "" where there is none.

    An amount in brackets is negative, as book-keepers write it, and − is a minus.

    >>> undressed("87 kg"), undressed("1,5 €"), undressed("12%"), undressed("n.a."), undressed("($3.20)")
    (('87', 'kg'), ('1,5', '€'), ('12', '%'), ('n.a.', ''), ('-3.20', '$'))
    """
    if len(text) > _LONGEST:
        return text, ""
    plain = text.replace("−", "-")
    bracketed = plain.startswith("(") and plain.endswith(")")
    match = _DRESSED.fullmatch(plain[1:-1].strip() if bracketed else plain)
    if match is None:
        return text, ""
    signs = ("-" if bracketed else "") + (match["sign"] or "")
    return signs + match["number"].strip(), (match["before"] or "") + (match["after"] or "")


def read_numbers(
    distinct: Sequence[str], codes: NDArray[np.integer], row_numbers: NDArray[np.int64], separator: str, decimal: str
) -> Numbers:
    """A column as numbers, where its cells are numbers but for a few.

    `distinct`: its different cells; `codes` (n_rows,): which of them each row has, -1 for a cell without a value.
    `row_numbers` (n_rows,): where the rows stand in the file, for the notes. `decimal` as in `styles`. A column has one
    unit at most.
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    is_word = np.array([text.lower() in NO_VALUE for text in distinct], bool)
    looked_at = _some(np.flatnonzero(~is_word), distinct)
    if not len(looked_at):
        return Numbers(None)
    bare = {place: undressed(distinct[place]) for place in looked_at.tolist()}
    kinds = _kinds(bare, counts)
    style = _style([text for text, own in bare.values() if own in kinds], separator, decimal)
    readable = sum(own in kinds and style.number(text) is not None for text, own in bare.values())
    if 2 * readable < len(bare):
        return Numbers(None)
    values = np.full(len(distinct), np.nan)
    for place in np.flatnonzero(~is_word).tolist():
        text, own = bare[place] if place in bare else undressed(distinct[place])
        number = style.number(text) if own in kinds else None
        values[place] = np.nan if number is None else number
    is_stray = np.isnan(values) & ~is_word
    total, numbers = int(counts[~is_word].sum()), int(counts[~np.isnan(values)].sum())
    many = is_stray.sum() > FEW_STRAYS and numbers < NEARLY_ALL * total
    if (is_stray.any() and (many or numbers < max(FEWEST, MOSTLY * total))) or (numbers < 2 and is_word.any()):
        return _text(distinct, codes, row_numbers, is_stray, numbers)
    notes = [
        f"{_where(distinct, codes, row_numbers, place)} is no number and counts as missing"
        for place in np.flatnonzero(np.isnan(values))[:_SAID]
    ]
    if (more := int(np.isnan(values).sum()) - _SAID) > 0:
        notes.append(f"{more} more cells that are no numbers count as missing")
    is_dressed = np.array(
        [not word and not _is_plain(text, value) for text, value, word in zip(distinct, values, is_word, strict=True)]
    )
    is_dressed &= ~np.isnan(values)
    if is_dressed.any():
        rows = np.flatnonzero(is_dressed[codes] & (codes >= 0))
        first = int(codes[rows[0]])
        verb = "1 cell is read, " if len(rows) == 1 else f"{len(rows):,} of {total:,} cells are read like "
        notes.append(f"{verb}'{distinct[first]}' in row {row_numbers[rows[0]]:,}, as {values[first]:.12g}")
    return Numbers(np.where(codes >= 0, values[codes], np.nan), tuple(notes))


_SAID = 5
"""Cells that are named one by one."""


def _some(places: NDArray[np.intp], distinct: Sequence[str]) -> NDArray[np.intp]:
    """At most LOOKED_AT of the different cells: the longest, which hold the marks, and others evenly spread."""
    if len(places) <= LOOKED_AT:
        return places
    longest = sorted(places.tolist(), key=lambda place: -len(distinct[place]))[: LOOKED_AT // 2]
    spread = places[np.linspace(0, len(places) - 1, LOOKED_AT // 2).astype(int)]
    return np.unique(np.concatenate([spread, np.array(longest)]))


def _kinds(bare: dict[int, tuple[str, str]], counts: NDArray[np.integer]) -> set[str]:
    """The units that may stand in a column: the commonest and none; one of the two where the unit multiplies."""
    units = Counter[str]()
    for place, (text, unit) in bare.items():
        if any(map(str.isdigit, text)):
            units[unit] += int(counts[place])
    found = [unit for unit, _ in units.most_common() if unit]
    if not found:
        return {""}
    unit = found[0]
    if re.sub(rf"^{_CURRENCY}", "", unit) in SCALES:
        return {unit if units[unit] > units[""] else ""}
    return {"", unit}


def _style(texts: Sequence[str], separator: str, decimal: str) -> Style:
    """The style in which most of these texts are numbers, the likeliest of those that do as well."""
    ordered = styles(separator, decimal)
    for mark, other in ((",", "."), (".", ",")):
        if decimal != mark and not (mark == "." and separator != ";") and _groups(texts, mark):
            ordered.insert(0, Style(other, mark))
    return max(ordered, key=lambda style: sum(style.number(text) is not None for text in texts))


def _groups(texts: Sequence[str], mark: str) -> bool:
    """Does a mark part thousands: always three digits behind it, and numbers below a thousand have none?

    A column of three decimals writes 950 as 950.000.
    """
    grouped = [text for text in texts if mark in text]
    whole = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+", re.ASCII)
    small = [text for text in texts if re.fullmatch(r"[+-]?\d{1,3}", text, re.ASCII)]
    return (
        bool(grouped and small)
        and all(whole.fullmatch(text) for text in grouped)
        and (len(grouped) + len(small) == len(texts))
    )


def _is_plain(text: str, value: float) -> bool:
    """Does a cell say its number as it stands, with a decimal point or comma?"""
    try:
        return bool(np.isnan(value)) or float(text.replace(",", ".")) == value
    except ValueError:
        return False


def _where(
    distinct: Sequence[str], codes: NDArray[np.integer], row_numbers: NDArray[np.int64], place: np.integer
) -> str:
    """A cell and the row, or the first of the rows, that it is in."""
    rows = np.flatnonzero(codes == place)
    where = f"in row {row_numbers[rows[0]]:,}"
    text = distinct[int(place)]
    shown = text if len(text) <= 40 else f"{text[:39]}…"
    return f"'{shown}' " + (where if len(rows) == 1 else f"{len(rows):,} times, first {where}")


def _text(
    distinct: Sequence[str],
    codes: NDArray[np.integer],
    row_numbers: NDArray[np.int64],
    is_stray: NDArray[np.bool_],
    numbers: int,
) -> Numbers:
    """A column that is text, and because of which cells where most are numbers."""
    places = np.flatnonzero(is_stray)
    strays = int(np.isin(codes, places).sum())
    if numbers < 2 or numbers <= strays:
        return Numbers(None)
    cells = "1 cell" if strays == 1 else f"{strays:,} cells"
    note = (
        f"is text because of {cells}, {'' if len(places) == 1 else 'such as '}"
        f"{_where(distinct, codes, row_numbers, places[0])}: named as missing codes they leave a column "
        "of numbers"
    )
    return Numbers(None, (note,), tuple(distinct[int(place)] for place in places[:_CODES]))


_CODES = 20


def decimal_sign(distinct: Sequence[str], separator: str) -> str:
    """The decimal sign that alone reads a column as numbers; "" where both do or none."""
    texts = [undressed(distinct[place])[0] for place in _some(np.arange(len(distinct)), distinct)]
    texts = [text for text in texts if text.lower() not in NO_VALUE]
    if not texts or not any("," in text or "." in text for text in texts):
        return ""

    def fits(decimal: str) -> bool:
        ways = [style for style in styles(separator, "") if style.decimal == decimal]
        return any(np.mean([style.number(text) is not None for text in texts]) >= MOSTLY for style in ways)

    comma, dot = fits(","), fits(".")
    return "" if comma == dot else "," if comma else "."


def code_value(code: str) -> float | None:
    """The number that a missing code is, so that -999 is also -999.0; None where it is a word."""
    text = code.replace("−", "-")
    return next((number for decimal in ".," if (number := Style(decimal, "").number(text)) is not None), None)


def sentinels(values: NDArray[np.float64]) -> list[float]:
    """Numbers that stand for a missing value by all evidence: -1 or all nines, the least or the largest, and apart.

    Apart is a code of three nines or more that lies three times the others' range away from them; one of fewer that is also the
    commonest value, a tenth of the range away; -1 where no other of at least ten different numbers is
    negative and none is as common.

    >>> sentinels(np.array([1.0, 2.0, 1.5, -999.0, 2.5, -999.0, 1.0, 2.2]))
    [-999.0]
    """
    known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    found = []
    for place in (0, len(known) - 1) if len(known) > 2 else ():
        code, times = float(known[place]), int(counts[place])
        others, common = np.delete(known, place), np.delete(counts, place)
        if common.sum() < FEWEST or not re.fullmatch(r"-?99+\.0|-1\.0|-9\.0", repr(code)):
            continue
        spread = float(others[-1] - others[0])
        gap = float(np.abs(others - code).min())
        is_commonest = times >= 3 and times > common.max()
        if code == -1.0:
            is_code = is_commonest and others[0] >= 0 and len(others) >= 10
        else:
            is_code = (abs(code) >= 999 and gap > 3 * spread) or (is_commonest and gap >= 0.1 * spread and gap > 1)
        if is_code:
            found.append(code)
    return found
