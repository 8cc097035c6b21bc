"""Numbers and worked arithmetic in KaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dashboard.words.numbers import digits


def tex(value: float, significant: int = 6) -> str:
    """A number in KaTeX.

    >>> [tex(v) for v in (0.6456563062257954, -0.4, 1.2e-9, float("-inf"), float("nan"))]
    ['0.645656', '-0.4', '1.2 \\\\cdot 10^{-9}', '-\\\\infty', '\\\\text{undefined}']
    """
    if np.isnan(value):
        return r"\text{undefined}"
    if np.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, e, power = digits(value, significant).replace("−", "-").partition("e")
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
