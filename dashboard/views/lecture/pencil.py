"""Every line that a pencil writes for the 1-2-1 network, as KaTeX for `worked`: symbols, numbers, result."""

from __future__ import annotations

import numpy as np

from dashboard.words.formulas import factor, folded, product, term, tex, width
from nncore import Activation
from nncore.lecture.models import ForwardPass

UNIT = (1, 2, 1, 2, 0, 1, 2)
"""The hidden unit that each theta belongs to; 0 where it belongs to the output alone."""

PHI_OF = {
    "linear": "{u}",
    "sign": r"\operatorname{{sgn}}({u})",
    "sigmoid": r"\frac{{1}}{{1 + e^{{-{factor}}}}}",
    "tanh": r"\tanh({u})",
    "relu": r"\max(0, {u})",
}
"""The lecture's five activations with a number put in; the others are written φ(number)."""

LONGEST_TERM = 29
"""Digits of a term of the sum that have room on a narrow screen."""

Line = tuple[str, ...]


def forward_lines(theta: np.ndarray, x: float, seen: ForwardPass, phi: Activation) -> list[Line]:
    """U, O of both hidden units, and f, for theta (7,) at x."""
    lines: list[Line] = []
    for unit, u, o in ((1, seen.u11, seen.o11), (2, seen.u12, seen.o12)):
        bias, weight = unit - 1, unit + 1
        lines += [
            (
                f"U_{{1{unit}}}",
                f"\\theta_{bias} + \\theta_{weight}\\,x",
                folded([tex(theta[bias]), *product("+", theta[weight], x)]),
                tex(float(u)),
            ),
            (f"O_{{1{unit}}}", f"\\varphi(U_{{1{unit}}}) = {_phi_of(phi, float(u))}", tex(float(o))),
        ]
    products = [*product("+", theta[5], float(seen.o11)), *product("+", theta[6], float(seen.o12))]
    lines.append(
        (
            "f(x)",
            "O_{21} = U_{21}",
            r"\theta_4 + \theta_5\,O_{11} + \theta_6\,O_{12}",
            folded([tex(theta[4]), *products]),
            folded([tex(theta[4]), term(float(seen.part_1)), term(float(seen.part_2))]),
            f"\\mathbf{{{tex(float(seen.f))}}}",
        )
    )
    return lines


def slope_line(k: int, seen: ForwardPass, phi: Activation) -> list[Line]:
    """The slope of the hidden unit that theta_k leads to, for the sigmoid as O(1 − O); none for theta_4 … theta_6."""
    if k >= 4:
        return []
    unit = UNIT[k]
    units = (seen.u11, seen.o11, seen.slope_1), (seen.u12, seen.o12, seen.slope_2)
    u, o, slope = (float(value) for value in units[unit - 1])
    symbol = rf"\varphi'(U_{{1{unit}}})"
    if phi.name != "sigmoid":
        return [(symbol, rf"\varphi'({tex(u)})", tex(slope))]
    own = tex(o, 10 if o > 0.99 else 6)  # 1 − O has the fewer digits the nearer O is to 1
    rest = tex(slope) if own == "1" else f"(1 - {own})"
    return [(symbol, f"O_{{1{unit}}}\\,(1 - O_{{1{unit}}})", folded([own, f"\\cdot {rest}"]), tex(slope))]


def error_line(y: float, f: float) -> Line:
    """The lecture's error of one sample, Δ = −(y_a − y_p)."""
    return (r"\Delta", "-(y_a - y_p)", folded([f"-({tex(y)}", f"{term(-f)})"]), tex(f - y, 8))


def sum_lines(k: int, y: np.ndarray, f: np.ndarray, slopes: np.ndarray) -> list[Line]:
    """dE/dtheta_k over all samples, from y, f and df/dtheta_k of each, (n_samples,): every term, their sum S, −2/N S."""
    products = (y - f) * slopes
    own, total = f"\\theta_{k}", float(products.sum())
    pieces: list[str] = []
    for row in range(len(y)):
        sign = "+" if row else r"\phantom{+}"
        error, slope = f"{sign}\\,({tex(float(y[row]))} {term(-float(f[row]))})", f"\\,({tex(float(slopes[row]))})"
        pieces += [error + slope] if width(error + slope) <= LONGEST_TERM else [error, rf"\quad\cdot {slope}"]
    terms = r" \\ & ".join(f"{{\\small {piece}}}" for piece in pieces)
    return [
        (
            "S",
            rf"\sum (y - f)\,\tfrac{{\partial f}}{{\partial {own}}}",
            terms,
            folded([tex(float(products[0])), *(term(float(each)) for each in products[1:])]),
            tex(total, 8),
        ),
        (
            rf"\tfrac{{\partial E}}{{\partial {own}}}",
            rf"-\tfrac{{2}}{{N}} \sum (y - f)\,\tfrac{{\partial f}}{{\partial {own}}}",
            folded([rf"-\tfrac{{2}}{{{len(y)}}}", f"\\cdot {factor(total, 8)}"]),
            tex(-2 / len(y) * total, 8),
        ),
    ]


def update_line(k: int, symbol: str, theta: float, alpha: float, gradient: float) -> Line:
    """One step of descent, theta_k − α times the gradient that `symbol` stands for."""
    return (
        rf"\theta_{k}^{{\text{{new}}}}",
        rf"\theta_{k} - \alpha\,{symbol}",
        folded([tex(theta), *product("-", alpha, gradient)]),
        rf"\mathbf{{{tex(theta - alpha * gradient, 8)}}}",
    )


def _phi_of(phi: Activation, u: float) -> str:
    return PHI_OF.get(phi.name, r"\varphi({u})").format(u=tex(u), factor=factor(u))
