"""Numbers and worked arithmetic in KaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from dashboard.words.numbers import rounded


def tex(value: float, significant: int = 6) -> str:
    """A number in KaTeX.

    >>> [tex(v) for v in (0.6456563062257954, -0.4, 1.2e-9, float("-inf"), float("nan"))]
    ['0.645656', '-0.4', '1.2 \\\\cdot 10^{-9}', '-\\\\infty', '\\\\text{undefined}']
    """
    if np.isnan(value):
        return r"\text{undefined}"
    if np.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, e, power = rounded(value, significant).partition("e")
    return f"{mantissa} \\cdot 10^{{{int(power)}}}" if e else mantissa


def factor(value: float, significant: int = 6) -> str:
    """A number in KaTeX that can follow another: a negative one in parentheses.

    >>> factor(-0.4), factor(2.0)
    ('(-0.4)', '2')
    """
    text = tex(value, significant)
    return f"({text})" if text.startswith("-") else text


def term(value: float, significant: int = 6) -> str:
    """A number in KaTeX with the sign that joins it to a sum.

    >>> term(-0.4), term(2.0)
    ('- 0.4', '+ 2')
    """
    text = tex(value, significant)
    return f"- {text[1:]}" if text.startswith("-") else f"+ {text}"


def folded(parts: Sequence[str], most: int = 23) -> str:
    r"""Factors or terms of one stage of `worked`, broken onto further lines where a narrow screen has no room for more.

    >>> folded(["0.4", r"\cdot 0.25"])
    '0.4 \\cdot 0.25'
    >>> print(folded(["0.123456", r"\cdot (1 - 0.123456)"], most=20))
    0.123456 \\ &\quad \cdot (1 - 0.123456)
    """
    lines = [parts[0]]
    for part in parts[1:]:
        if width(f"{lines[-1]} {part}") <= most:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return r" \\ &\quad ".join(lines)


def product(sign: str, *factors: float, most: int = 21) -> list[str]:
    r"""The parts of a product for `folded`: one, or where that is too wide for a line of its own one for each factor.

    >>> product("+", 0.5, -2.0), product("-", -1.23456e-7, 0.000123456)
    (['+ 0.5 \\cdot (-2)'], ['- (-1.2346 \\cdot 10^{-7})', '\\cdot 0.000123456'])
    """
    texts = [factor(each) for each in factors]
    whole = f"{sign} " + r" \cdot ".join(texts)
    return [whole] if width(whole) <= most else [f"{sign} {texts[0]}", *(rf"\cdot {text}" for text in texts[1:])]


def width(text: str) -> int:
    r"""About how many digits wide KaTeX sets a text.

    >>> width(r"-0.25 \cdot 10^{-3}"), width(r"\theta_3\,(1 - O_{12})")
    (10, 9)
    """
    letters = re.sub(r"\\(cdot|infty|varphi|theta|Delta)", "x", text)
    return len(re.sub(r"\\[a-z]+|\\,|[{}\s^_]", "", letters))


def worked(lines: Iterable[Sequence[str]]) -> str:
    """Arithmetic in KaTeX, a quantity a line: symbol, then each stage of it behind an equals sign.

    The stages of a line stand below one another, so that it fits a narrow screen.

    >>> print(worked([("U_{11}", r"\\theta_0 + \\theta_2 x", "0.6")]))
    \\begin{aligned}
    U_{11} &= \\theta_0 + \\theta_2 x \\\\ &= 0.6
    \\end{aligned}
    """
    rows = [f"{symbol} &= " + r" \\ &= ".join(stages) for symbol, *stages in lines]
    return "\\begin{aligned}\n" + " \\\\[4pt]\n".join(rows) + "\n\\end{aligned}"
