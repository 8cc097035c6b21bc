"""Each activation in one entry: its name, phi(z), phi'(z), formula and what to know about its gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from math import inf, pi, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nncore.numerics.registry import Registry, check_name

Array = NDArray[np.floating]
Kind = Literal["linear", "threshold", "two-sided", "one-sided"]

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
_TOP = 40.0  # exp(40) swamps 1 in float64 and its square is still finite in float32
_CANCELS = 1e-4  # a slope taken from a has lost four digits here: take it from z
_PIECE = 2**14  # elements of which all that is computed stays in the cache


@dataclass(frozen=True)
class Activation:
    """A function of z, element by element, its derivative, and the facts that charts and theory ask for.

    `activation(z)` is phi(z), `activation.slope(z)` is phi'(z); both keep shape and float type. Your own
    needs a name and the two functions; everything else has a default. Once `ACTIVATIONS.register` has checked it, it
    works wherever a name does.

    >>> sine = Activation(name="sine", phi=np.sin, dphi=np.cos)
    >>> sine(np.array([0.0, 1.0])).round(3).tolist(), float(sine.slope(np.array(0.0)))
    ([0.0, 0.841], 1.0)

    Fields
    ------
    name: what menus, files and errors call it.
    phi, dphi: functions of z. With `in_place` they are phi(z, out) and dphi(z, a, out) and write into `out`,
        which shares no memory with z or a; `a` is phi(z) or None.
    latex, latex_slope: right-hand sides of phi(z) = ... and phi'(z) = ..., for KaTeX.
    range: the open interval (low, high) that phi(z) stays in, or its closure.
    max_slope: the largest |phi'(z)|; left out, it is searched for on a grid over |z| <= 50.
    kinks: the z where phi' jumps.
    kind: "two-sided" saturates at both ends (saturated_fraction is defined), "one-sided" is flat on one side
        (inactive_fraction is defined), "threshold" has slope 0 everywhere, "linear" is flat nowhere.
    saturates, note: one sentence each, where it is flat and what to know about its gradients.
    alpha, alpha_range: the one parameter, if there is one, and where it may lie; `family(alpha)` makes
        the activation with another alpha.
    """

    name: str
    phi: Callable[..., Any]
    dphi: Callable[..., Any]
    latex: str = r"\varphi(z)"
    latex_slope: str = r"\varphi'(z)"
    range: tuple[float, float] = (-inf, inf)
    max_slope: float | None = None
    kinks: tuple[float, ...] = ()
    kind: Kind = "two-sided"
    saturates: str = ""
    note: str = ""
    alpha: float | None = None
    alpha_range: tuple[float, float] | None = None
    family: Callable[[float], Activation] | None = None
    in_place: bool = False

    def __post_init__(self) -> None:
        if self.max_slope is None:
            grid = np.linspace(-50.0, 50.0, 100_001)
            object.__setattr__(self, "max_slope", float(np.abs(self.slope(grid)).max()))

    @property
    def write(self) -> Callable[[Array, Array], Any]:
        """phi(z, out) for float arrays, unchecked: what a training step calls."""
        return self.phi if self.in_place else self.__call__

    @property
    def write_slope(self) -> Callable[[Array, Array | None, Array], Any]:
        """phi'(z, a, out) for float arrays, unchecked: what a training step calls."""
        return self.dphi if self.in_place else self.slope

    def __call__(self, z: Array, out: Array | None = None) -> Array:
        """phi(z), same shape and float type as z; written into `out` where it is given.

        >>> ACTIVATIONS["relu"](np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        """
        z = _floating(z)
        if out is None:
            out = np.empty_like(z)
        if not z.ndim:
            self(z[None], out[None])
        elif self.in_place:
            self.phi(z, out)
        else:
            out[...] = self.phi(z)
        return out

    def slope(self, z: Array, a: Array | None = None, out: Array | None = None) -> Array:
        """phi'(z), same shape and float type as z; written into `out` where it is given.

        With `a = phi(z)` at hand it is cheaper where the slope is a function of a (tanh: 1 - a^2). Elements
        whose slope is too small for that, below 1e-4, are taken from z, each on its own, so that an element's
        bits never depend on its neighbours. In float64 that costs at most a relative 3e-12.

        >>> ACTIVATIONS["sigmoid"].slope(np.array([0.0, 40.0])).tolist()
        [0.25, 4.248354255291589e-18]
        """
        z = _floating(z)
        if out is None:
            out = np.empty_like(z)
        if not z.ndim:
            self.slope(z[None], None, out[None])
        elif self.in_place:
            self.dphi(z, a, out)
        else:
            out[...] = self.dphi(z)
        return out

    def with_alpha(self, alpha: float) -> Activation:
        """The same activation with another alpha.

        Raises ValueError where there is no alpha, or it lies outside `alpha_range`.

        >>> float(ACTIVATIONS["leaky_relu"].with_alpha(0.2)(np.array(-1.0)))
        -0.2
        """
        if self.family is None or self.alpha_range is None:
            having = ", ".join(name for name, entry in ACTIVATIONS.items() if entry.family)
            raise ValueError(f"{self.name} has no alpha (of the activations, {having} have one); got {alpha!r}")
        low, high = self.alpha_range
        if not (isinstance(alpha, (int, float, np.integer, np.floating)) and low <= alpha <= high):
            raise ValueError(f"alpha of {self.name} must be a number from {low:g} to {high:g}; got {alpha!r}")
        return self.family(float(alpha))


def _floating(z: Array) -> Array:
    if type(z) is np.ndarray and z.dtype.kind == "f":
        return z
    z = np.asarray(z)
    return z if z.dtype.kind == "f" else z.astype(np.float64)


def _mend(slope_of_z: Callable[[Array], Array], z: Array, out: Array) -> None:
    """Take the elements of `out` that cancelled from z instead."""
    if not out.size or out.item(out.argmin()) >= _CANCELS:  # false for NaN, which argmin finds first
        return
    mended = np.ascontiguousarray(out)
    slopes, z = mended.reshape(-1), z.reshape(-1)
    for start in range(0, slopes.size, _PIECE):
        piece = slopes[start : start + _PIECE]
        lost = np.flatnonzero(~(piece >= _CANCELS))  # written by place: by mask takes up to five times as long
        piece[lost] = slope_of_z(z[start : start + _PIECE][lost])
    if mended is not out:
        out[...] = mended


@cache
def _special() -> Any:
    import scipy.special

    return scipy.special


def _linear(z: Array, out: Array) -> None:
    np.positive(z, out=out)


def _linear_slope(z: Array, a: Array | None, out: Array) -> None:
    out.fill(1.0)


def _sign(z: Array, out: Array) -> None:
    np.sign(z, out=out)


def _sign_slope(z: Array, a: Array | None, out: Array) -> None:
    out.fill(0.0)


def _sigmoid(z: Array, out: Array) -> None:
    e = np.minimum(z, _TOP)
    np.exp(e, out=e)
    np.add(e, 1.0, out=out)
    np.divide(e, out, out=out)


def _sigmoid_slope_of_z(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    d = e + 1.0
    d *= d
    e /= d
    return e


def _sigmoid_slope(z: Array, a: Array | None, out: Array) -> None:
    if a is None:
        out[...] = _sigmoid_slope_of_z(z)
    else:
        np.subtract(1.0, a, out=out)
        np.multiply(out, a, out=out)
        _mend(_sigmoid_slope_of_z, z, out)


def _tanh(z: Array, out: Array) -> None:
    np.tanh(z, out=out)


def _tanh_slope_of_z(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    d = e * e
    d += 1.0
    e += e
    e /= d  # 1 / cosh z
    e *= e
    return e


def _tanh_slope(z: Array, a: Array | None, out: Array) -> None:
    if a is None:
        out[...] = _tanh_slope_of_z(z)
    else:
        np.multiply(a, a, out=out)
        np.subtract(1.0, out, out=out)
        _mend(_tanh_slope_of_z, z, out)


def _relu(z: Array, out: Array) -> None:
    np.maximum(z, 0.0, out=out)


def _relu_slope(z: Array, a: Array | None, out: Array) -> None:
    out[...] = z > 0.0


def _leaky_relu_phi(z: Array, out: Array, alpha: float) -> None:
    np.multiply(z, alpha, out=out)
    np.maximum(z, out, out=out)


def _leaky_relu_slope(z: Array, a: Array | None, out: Array, alpha: float) -> None:
    out[...] = z > 0.0
    np.maximum(out, alpha, out=out)


def _elu_phi(z: Array, out: Array, alpha: float, scale: float = 1.0) -> None:
    e = np.minimum(z, 0.0)
    np.expm1(e, out=e)
    e *= alpha
    np.maximum(z, 0.0, out=out)
    np.add(out, e, out=out)
    if scale != 1.0:
        np.multiply(out, scale, out=out)


def _elu_slope(z: Array, a: Array | None, out: Array, alpha: float, scale: float = 1.0) -> None:
    e = np.minimum(z, 0.0)
    np.exp(e, out=e)
    e *= alpha * scale
    out[...] = e if alpha == scale == 1.0 else np.where(z > 0.0, scale, e)


def _gelu(z: Array, out: Array) -> None:
    np.multiply(_special().ndtr(z), z, out=out)


def _gelu_slope(z: Array, a: Array | None, out: Array) -> None:
    e = np.minimum(np.abs(z), _TOP)
    e *= e
    e *= -0.5
    np.exp(e, out=e)
    e *= 1.0 / sqrt(2.0 * pi)
    e *= z
    np.add(_special().ndtr(z), e, out=out)


def _silu(z: Array, out: Array) -> None:
    _sigmoid(z, out)
    np.multiply(out, z, out=out)


def _silu_slope(z: Array, a: Array | None, out: Array) -> None:
    np.minimum(z, _TOP, out=out)
    e = np.exp(out)
    d = e + 1.0
    np.divide(out, d, out=out)
    np.add(out, 1.0, out=out)
    e /= d
    np.multiply(out, e, out=out)


def _softplus(z: Array, out: Array) -> None:
    e = np.abs(z)
    np.negative(e, out=e)
    np.exp(e, out=e)
    np.log1p(e, out=e)
    np.maximum(z, 0.0, out=out)
    np.add(out, e, out=out)


def _softplus_slope(z: Array, a: Array | None, out: Array) -> None:
    _sigmoid(z, out)


def _softsign(z: Array, out: Array) -> None:
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def _softsign_slope(z: Array, a: Array | None, out: Array) -> None:
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(1.0, out, out=out)
    np.multiply(out, out, out=out)


def _mish(z: Array, out: Array) -> None:
    e = np.minimum(z, _TOP)
    np.exp(e, out=e)
    np.add(e, 2.0, out=out)
    e *= out  # tanh(ln(1 + e^z)) = n/(n + 2) with n = e^z (e^z + 2)
    np.add(e, 2.0, out=out)
    np.divide(e, out, out=out)
    np.multiply(out, z, out=out)


def _mish_slope(z: Array, a: Array | None, out: Array) -> None:
    np.minimum(z, _TOP, out=out)
    e = np.exp(out)
    t = e + 1.0
    d = t * t
    d += 1.0
    # phi' = e/d (e + 2 + 4 z t/d) with t = 1 + e^z, d = n + 2 = t^2 + 1: nothing overflows
    t *= 4.0
    t /= d
    np.multiply(out, t, out=out)
    np.add(out, e, out=out)
    np.add(out, 2.0, out=out)
    e /= d
    np.multiply(out, e, out=out)


def _hard_tanh(z: Array, out: Array) -> None:
    np.maximum(z, -1.0, out=out)
    np.minimum(out, 1.0, out=out)


def _hard_tanh_slope(z: Array, a: Array | None, out: Array) -> None:
    out[...] = np.abs(z) < 1.0


def _erf(z: Array, out: Array) -> None:
    _special().erf(z, out=out)


def _erf_slope(z: Array, a: Array | None, out: Array) -> None:
    e = np.minimum(np.abs(z), _TOP)
    e *= e
    np.negative(e, out=e)
    np.exp(e, out=e)
    np.multiply(e, 2.0 / sqrt(pi), out=out)


@lru_cache(maxsize=256)
def _leaky_relu(alpha: float) -> Activation:
    return Activation(
        name="leaky_relu",
        phi=partial(_leaky_relu_phi, alpha=alpha),
        dphi=partial(_leaky_relu_slope, alpha=alpha),
        latex=r"\max(z, \alpha z)",
        latex_slope=r"\begin{cases}1 & z > 0\\ \alpha & z \le 0\end{cases}",
        range=(-inf, inf) if alpha > 0.0 else (0.0, inf),
        max_slope=1.0,
        kinks=(0.0,),
        kind="one-sided",
        saturates="Nowhere, unless alpha is 0: for z below 0 the slope is alpha.",
        note="A unit on its negative side still passes the fraction alpha of the gradient: none dies; at 0 "
        "the slope is taken as alpha, as in PyTorch.",
        alpha=alpha,
        alpha_range=(0.0, 1.0),
        family=_leaky_relu,
        in_place=True,
    )


@lru_cache(maxsize=256)
def _elu(alpha: float) -> Activation:
    return Activation(
        name="elu",
        phi=partial(_elu_phi, alpha=alpha),
        dphi=partial(_elu_slope, alpha=alpha),
        latex=r"\begin{cases}z & z > 0\\ \alpha\,(e^{z} - 1) & z \le 0\end{cases}",
        latex_slope=r"\begin{cases}1 & z > 0\\ \alpha\,e^{z} & z \le 0\end{cases}",
        range=(-alpha, inf),
        max_slope=max(1.0, alpha),
        kinks=() if alpha == 1.0 else (0.0,),
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like alpha e^z.",
        note="Its negative values pull the mean activation towards 0; at 0 the slope is taken as alpha, as in PyTorch.",
        alpha=alpha,
        alpha_range=(0.0, 10.0),
        family=_elu,
        in_place=True,
    )


_ENTRIES = (
    Activation(
        name="linear",
        phi=_linear,
        dphi=_linear_slope,
        latex="z",
        latex_slope="1",
        max_slope=1.0,
        kind="linear",
        saturates="Nowhere.",
        note="Every slope is 1, so that only the weights scale the gradient, and any depth computes one linear map.",
        in_place=True,
    ),
    Activation(
        name="sign",
        phi=_sign,
        dphi=_sign_slope,
        latex=r"\operatorname{sgn}(z)",
        latex_slope="0",
        range=(-1.0, 1.0),
        max_slope=0.0,
        kinks=(0.0,),
        kind="threshold",
        saturates="Everywhere: the lecture's threshold unit is flat on both sides of its jump.",
        note="The derivative is 0 wherever it exists, so that no gradient passes and only the output layer can learn.",
        in_place=True,
    ),
    Activation(
        name="sigmoid",
        phi=_sigmoid,
        dphi=_sigmoid_slope,
        latex=r"\frac{1}{1 + e^{-z}}",
        latex_slope=r"\varphi(z)\,\bigl(1 - \varphi(z)\bigr)",
        range=(0.0, 1.0),
        max_slope=0.25,
        kind="two-sided",
        saturates="At both ends: beyond |z| of 6 the slope is below 1 % of its largest.",
        note="The slope never exceeds 1/4, so that the gradient shrinks at least fourfold per layer unless "
        "the weights make up for it.",
        in_place=True,
    ),
    Activation(
        name="tanh",
        phi=_tanh,
        dphi=_tanh_slope,
        latex=r"\tanh z",
        latex_slope=r"1 - \tanh^2 z",
        range=(-1.0, 1.0),
        max_slope=1.0,
        kind="two-sided",
        saturates="At both ends: beyond |z| of 3 the slope is below 1 % of its largest.",
        note="The slope is 1 at 0, so that a gradient survives many layers as long as z stays small.",
        in_place=True,
    ),
    Activation(
        name="relu",
        phi=_relu,
        dphi=_relu_slope,
        latex=r"\max(0, z)",
        latex_slope=r"\begin{cases}1 & z > 0\\ 0 & z \le 0\end{cases}",
        range=(0.0, inf),
        max_slope=1.0,
        kinks=(0.0,),
        kind="one-sided",
        saturates="For every z below 0, where the slope is exactly 0.",
        note="A unit whose z is negative on every sample receives no gradient and stays dead; at 0 the slope "
        "is taken as 0, as in PyTorch.",
        in_place=True,
    ),
    _leaky_relu(0.01),
    _elu(1.0),
    Activation(
        name="selu",
        phi=partial(_elu_phi, alpha=SELU_ALPHA, scale=SELU_SCALE),
        dphi=partial(_elu_slope, alpha=SELU_ALPHA, scale=SELU_SCALE),
        latex=r"\lambda\begin{cases}z & z > 0\\ \alpha\,(e^{z} - 1) & z \le 0\end{cases}\quad"
        r"\lambda = 1.0507,\ \alpha = 1.6733",
        latex_slope=r"\lambda\begin{cases}1 & z > 0\\ \alpha\,e^{z} & z \le 0\end{cases}",
        range=(-SELU_SCALE * SELU_ALPHA, inf),
        max_slope=SELU_SCALE * SELU_ALPHA,
        kinks=(0.0,),
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like e^z.",
        note="With LeCun initialization it drives mean and variance of the activations towards 0 and 1 "
        "(Klambauer et al. 2017); at 0 the slope is the left one, as in PyTorch.",
        in_place=True,
    ),
    Activation(
        name="gelu",
        phi=_gelu,
        dphi=_gelu_slope,
        latex=r"z\,\Phi(z)",
        latex_slope=r"\Phi(z) + \frac{z}{\sqrt{2\pi}}\,e^{-z^2/2}",
        range=(-0.16997120747990366, inf),
        max_slope=1.1289041451851548,
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like that of a Gaussian tail.",
        note="Slopes exceed 1 around z of 1.4 and are slightly negative below z of -0.75 (Hendrycks & Gimpel "
        "2016); exact, with erf.",
        in_place=True,
    ),
    Activation(
        name="silu",
        phi=_silu,
        dphi=_silu_slope,
        latex=r"\frac{z}{1 + e^{-z}}",
        latex_slope=r"\sigma(z)\,\bigl(1 + z\,(1 - \sigma(z))\bigr)",
        range=(-0.2784645427610738, inf),
        max_slope=1.0998393201288669,
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like |z| e^z.",
        note="Also swish: slopes exceed 1 around z of 2.4 and are slightly negative below z of -1.28.",
        in_place=True,
    ),
    Activation(
        name="softplus",
        phi=_softplus,
        dphi=_softplus_slope,
        latex=r"\ln(1 + e^{z})",
        latex_slope=r"\frac{1}{1 + e^{-z}}",
        range=(0.0, inf),
        max_slope=1.0,
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like e^z.",
        note="A smooth relu whose outputs are all positive, so that the mean grows from layer to layer.",
        in_place=True,
    ),
    Activation(
        name="softsign",
        phi=_softsign,
        dphi=_softsign_slope,
        latex=r"\frac{z}{1 + |z|}",
        latex_slope=r"\frac{1}{(1 + |z|)^2}",
        range=(-1.0, 1.0),
        max_slope=1.0,
        kind="two-sided",
        saturates="At both ends, slowly: the slope falls like 1/z^2 and is below 1 % beyond |z| of 9.",
        note="It saturates by a power law where tanh does so exponentially, so that far-off units move on.",
        in_place=True,
    ),
    Activation(
        name="mish",
        phi=_mish,
        dphi=_mish_slope,
        latex=r"z \tanh\bigl(\ln(1 + e^{z})\bigr)",
        latex_slope=r"\tanh s + z\,\sigma(z)\,(1 - \tanh^2 s),\quad s = \ln(1 + e^{z})",
        range=(-0.30884341301725043, inf),
        max_slope=1.0884981612517279,
        kind="one-sided",
        saturates="For z far below 0, where the slope falls like |z| e^z.",
        note="Slopes exceed 1 around z of 1.5 and are slightly negative below z of -1.19 (Misra 2019).",
        in_place=True,
    ),
    Activation(
        name="hard_tanh",
        phi=_hard_tanh,
        dphi=_hard_tanh_slope,
        latex=r"\max(-1, \min(1, z))",
        latex_slope=r"\begin{cases}1 & |z| < 1\\ 0 & |z| \ge 1\end{cases}",
        range=(-1.0, 1.0),
        max_slope=1.0,
        kinks=(-1.0, 1.0),
        kind="two-sided",
        saturates="Beyond |z| of 1, where the slope is exactly 0.",
        note="Inside (-1, 1) the gradient passes unchanged, outside not at all; at -1 and 1 the slope is "
        "taken as 0, as in PyTorch.",
        in_place=True,
    ),
    Activation(
        name="erf",
        phi=_erf,
        dphi=_erf_slope,
        latex=r"\operatorname{erf}(z)",
        latex_slope=r"\frac{2}{\sqrt{\pi}}\,e^{-z^2}",
        range=(-1.0, 1.0),
        max_slope=2.0 / sqrt(pi),
        kind="two-sided",
        saturates="At both ends: beyond |z| of 2.15 the slope is below 1 % of its largest.",
        note="The slope at 0 is 1.128, and its theory has closed forms.",
        in_place=True,
    ),
)


class Activations(Registry[Activation]):
    """Name -> activation; `register` adds one of your own."""

    kind = "activation"

    def register(self, activation: Activation) -> Activation:
        """Let an activation of your own be named wherever a name is: in a config, a sweep, a file, a command, a menu.

        It is for this process: register it in each that opens a file with its name. Its slope is compared with central
        differences of phi between z of -10 and 10, away from its kinks. Registered again, the same function takes the
        place of the one before. Raises ValueError, one sentence, on a name that is taken or is no word, and on a phi or
        a slope that is wrong, with the z.

        >>> registry = Activations()
        >>> registry.register(Activation(name="sine", phi=np.sin, dphi=np.cos)).name, list(registry)
        ('sine', ['sine'])
        >>> registry.register(Activation(name="cosine", phi=np.cos, dphi=np.sin))
        Traceback (most recent call last):
        ValueError: the slope of cosine is wrong at z = -9.995: dphi says 0.539819, the differences of phi -0.539819
        """
        if not isinstance(activation, Activation):
            raise ValueError(f"activation must be an Activation with a name, phi and dphi; got {activation!r}")
        check_name(self.kind, activation.name)
        z = np.arange(-9.995, 10, 0.01)
        _check_slope(activation, z)
        return self.enter(activation.name, activation, lambda other: np.array_equal(other(z), activation(z)))


def _check_slope(activation: Activation, z: Array, step: float = 1e-5) -> None:
    """Raise ValueError, with the place, where phi is not finite or the slope is not its derivative."""
    name, a, slope = activation.name, activation(z), activation.slope(z)
    for what, values in (("phi", a), ("the slope", slope)):
        bad = ~np.isfinite(values)
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"{what} of {name} must be finite; got {values[at]:g} at z = {z[at]:.6g}")
    measured = (activation(z + step) - activation(z - step)) / (2 * step)
    rounding = 64 * np.finfo(np.float64).eps * (1 + np.abs(a)) / step
    excess = np.abs(slope - measured) / (1e-4 * np.maximum(np.abs(slope), np.abs(measured)) + rounding)
    for kink in activation.kinks:
        excess[np.abs(z - kink) <= 2 * step] = 0.0
    if not excess.max() < 1:
        at = int(np.argmax(~(excess < 1)))
        raise ValueError(
            f"the slope of {name} is wrong at z = {z[at]:.6g}: dphi says {slope[at]:.6g}, the differences of phi "
            f"{measured[at]:.6g}"
        )


ACTIVATIONS = Activations({entry.name: entry for entry in _ENTRIES})
