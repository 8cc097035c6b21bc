"""Numbers as text: magnitudes, percentages, file sizes, runs of whole numbers."""

from __future__ import annotations

import re

import numpy as np


def number(value: float) -> str:
    """A magnitude in words: 3.2 · 10⁻⁹, 0.0427, 12.5; a zero that is exact says so. Its spaces do not break.

    >>> [number(v).replace("\u202f", " ") for v in (3.21e-9, -0.0427, 12.53, 0.0, float("inf"))]
    ['3.2 · 10⁻⁹', '−0.0427', '12.5', 'exactly 0', '∞']
    """
    if np.isnan(value):
        return "undefined"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "exactly 0"
    text = f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"
    return power_of_ten(text).replace("-", "−")


def power_of_ten(text: str) -> str:
    """A number as Python writes it, 3.2e-09, with its power written out; its spaces are narrow and do not break."""
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}\u202f·\u202f10{str(int(exponent)).translate(RAISED)}" if exponent else text


def with_powers_of_ten(sentence: str) -> str:
    """A sentence in which every number that Python wrote with an e has its power written out.

    >>> with_powers_of_ten("layer1e-05 receives 1.2e-14 of it.").replace("\u202f", " ")
    'layer1e-05 receives 1.2 · 10⁻¹⁴ of it.'
    """
    return re.sub(r"(?<![\w.])\d(?:\.\d+)?e[+-]\d+(?!\w)", lambda found: power_of_ten(found[0]), sentence)


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float) -> str:
    """A share as a percentage with as many digits as say something: 24 %, 0.31 %, 111 %."""
    if not np.isfinite(share):
        return "undefined"
    if share == 0:
        return "0\u00a0%"
    size = abs(100 * share)
    if size < 0.01 or size >= 1e4:
        return f"{power_of_ten(f'{100 * share:.1e}')}\u00a0%"
    return f"{100 * share:.0f}\u00a0%" if size >= 1 else f"{100 * share:.2g}\u00a0%"


def digits(value: float, significant: int = 6) -> str:
    """A number as a table shows it, with the digits that a pencil can be checked against.

    >>> [digits(v).replace("\u202f", " ") for v in (0.6456563062257954, -0.4, 1.2e-9, 0.0, float("inf"), float("nan"))]
    ['0.645656', '−0.4', '1.2 · 10⁻⁹', '0', '∞', 'undefined']
    """
    if np.isnan(value):
        return "undefined"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return power_of_ten(rounded(value, significant)).replace("-", "−")


def rounded(value: float, significant: int = 6) -> str:
    """A finite number with so many digits as Python writes it, no zeros at its end: 0.4, 1.2e-09."""
    if value == 0:
        return "0"
    text = f"{value:.{significant}g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.{significant - 2}e}"
    mantissa, e, power = text.partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{power}" if e else text


def ranges(numbers: np.ndarray) -> str:
    """Whole numbers as runs.

    >>> ranges(np.array([1, 2, 3, 7]))
    '1–3, 7'
    """
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]}–{g[-1]}" for g in groups)


def megabytes(size: int) -> str:
    """A size in bytes for people.

    >>> megabytes(340_000), megabytes(12_900_000)
    ('332 KB', '12.3 MB')
    """
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{max(1, round(size / 2**10))} KB"


def about_megabytes(size: int) -> str:
    """An estimated size: about 332 KB, about 12 MB."""
    return f"about {size / 2**20:,.0f} MB" if size >= 2**20 else f"about {megabytes(size)}"
